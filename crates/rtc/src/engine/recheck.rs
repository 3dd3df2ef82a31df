//! Checking a road once more before the next check is due.
//!
//! The ICE agent checks a road at times of its own. Where a road falls silent the last check is sent again: as a repeat of the same
//! transaction (RFC 8489, 6.2.1), which servers answer anew, and which tells them of the address it comes from.

use std::net::SocketAddr;

use beckon_rtp::stun;
use str0m::net::{Protocol, Transmit};

use super::{EngineOut, Outputs};
use crate::transport::Lane;

type Road = (Protocol, SocketAddr, SocketAddr);

/// The last check of the road that packets take.
#[derive(Debug, Default)]
pub(super) struct LastCheck {
    /// Where packets that are no checks went last.
    used: Option<Road>,
    check: Option<(Road, Vec<u8>)>,
}

impl LastCheck {
    /// A packet leaves; what goes over TCP is repeated by that. Whether another protocol than before is used from now on.
    pub(super) fn sent(&mut self, packet: &Transmit) -> bool {
        let road = (packet.proto, packet.source, packet.destination);
        if !stun::is_stun(&packet.contents) {
            let before = self.used.replace(road);
            self.check.take_if(|(checked, _)| *checked != road);
            return before.is_some_and(|(protocol, ..)| protocol != packet.proto);
        } else if packet.proto == Protocol::Udp
            && stun::is_binding_request(&packet.contents)
            && self.used.is_none_or(|used| used == road)
        {
            self.check = Some((road, packet.contents.to_vec()));
        }
        false
    }

    /// Whether what comes by this protocol tells that the road in use is alive: checks of another one are answered, too.
    pub(super) fn tells(&self, protocol: Protocol) -> bool {
        self.used.is_none_or(|(used, ..)| used == protocol)
    }

    /// Sends the check again, and has the road looked at.
    pub(super) fn again(&self, lane: Lane, out: &mut Outputs) {
        let Some(((_, source, destination), data)) = &self.check else { return };
        let (source, destination) = (*source, *destination);
        out.push_back(EngineOut::Silent { lane, source, remote: destination });
        out.push_back(EngineOut::Transmit { lane, tcp: false, source, destination, data: data.clone().into() });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn packet(port: u16, contents: &[u8]) -> Transmit {
        let (source, destination) = (([10, 0, 0, 2], 5000).into(), ([10, 0, 0, 1], port).into());
        Transmit { proto: Protocol::Udp, source, destination, contents: contents.to_vec().into() }
    }

    fn again(last: &LastCheck) -> Option<(u16, u8)> {
        let mut out = Outputs::new();
        last.again(Lane::Publisher, &mut out);
        match out.pop_back()? {
            EngineOut::Transmit { destination, data, .. } => Some((destination.port(), data[2])),
            _ => None,
        }
    }

    #[test]
    fn only_what_comes_by_the_protocol_in_use_tells_of_its_road() {
        let mut last = LastCheck::default();
        assert!(last.tells(Protocol::Udp) && last.tells(Protocol::Tcp));
        let media = |proto| Transmit { proto, ..packet(1, &[0x80, 96, 0]) };
        assert!(!last.sent(&media(Protocol::Udp)), "the first is no other");
        assert!(last.tells(Protocol::Udp) && !last.tells(Protocol::Tcp));
        assert!(!last.sent(&Transmit { proto: Protocol::Tcp, ..packet(1, &[0, 1, 7]) }), "a check");
        assert!(last.sent(&media(Protocol::Tcp)));
        assert!(!last.tells(Protocol::Udp) && last.tells(Protocol::Tcp));
    }

    #[test]
    fn the_last_check_of_the_road_in_use_is_the_one_to_repeat() {
        let mut last = LastCheck::default();
        assert_eq!(again(&last), None);
        last.sent(&packet(1, &[0, 1, 7]));
        assert_eq!(again(&last), Some((1, 7)));
        last.sent(&packet(2, &[0x80, 96, 0]));
        assert_eq!(again(&last), None, "packets go elsewhere");
        last.sent(&packet(1, &[0, 1, 8]));
        last.sent(&packet(2, &[0, 1, 9]));
        last.sent(&packet(2, &[1, 1, 10]));
        last.sent(&packet(1, &[0, 1, 11]));
        assert_eq!(again(&last), Some((2, 9)));
    }
}
