//! Which datagram belongs to which transport: by the address it comes from, or, where it is a check, by the user name in it.
//!
//! A check proves who its sender is, but not that it comes from where it seems to: whoever overhears one that never
//! arrived can send it from another client's address. So an address that a client sends and receives on is not given
//! away for a check.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use beckon_rtp::stun;
use str0m::net::Protocol;

use crate::ids::TransportId;

/// A client in use of an address that was not heard from for this long may have lost it to another one. Clients check
/// every 2.5 s, or every 4 to 6 s (RFC 7675 section 5.1).
const HOLD: Duration = Duration::from_secs(8);

/// A change of what belongs to which transport. Apply them before sending datagrams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteChange {
    /// STUN requests to this user name fragment belong to the transport.
    AddUfrag(String, TransportId),
    /// They do not any more.
    RemoveUfrag(String),
    /// A check came from this address: datagrams (or frames) from there belong to the transport, if the address is free.
    Bind {
        /// What it was sent over.
        protocol: Protocol,
        /// Where it came from.
        address: SocketAddr,
        /// Whose check it was.
        transport: TransportId,
        /// The transport is connected, and this is where it sends: no check of another one is to take it.
        in_use: bool,
    },
    /// They do not any more, unless another transport took the address over.
    Unbind(Protocol, SocketAddr, TransportId),
}

/// The routes of any number of rooms. `R` says where a datagram goes.
#[derive(Debug)]
pub struct RouteTable<R> {
    ufrags: HashMap<String, R>,
    addresses: HashMap<(Protocol, SocketAddr), Holder<R>>,
}

#[derive(Debug)]
struct Holder<R> {
    route: R,
    /// Nobody else takes the address before.
    until: Option<Instant>,
}

impl<R> Default for RouteTable<R> {
    fn default() -> Self {
        Self { ufrags: HashMap::new(), addresses: HashMap::new() }
    }
}

impl<R: Copy + PartialEq> RouteTable<R> {
    /// Carries out a change that a room asked for; `route` says how its transports are reached.
    pub fn change(&mut self, now: Instant, change: RouteChange, route: impl Fn(TransportId) -> R) {
        match change {
            RouteChange::AddUfrag(ufrag, transport) => {
                self.ufrags.insert(ufrag, route(transport));
            }
            RouteChange::RemoveUfrag(ufrag) => {
                self.ufrags.remove(&ufrag);
            }
            RouteChange::Bind { protocol, address, transport, in_use } => {
                let route = route(transport);
                let held = |holder: &Holder<R>| holder.route != route && holder.until.is_some_and(|until| now < until);
                if self.addresses.get(&(protocol, address)).is_some_and(held) {
                    return;
                }
                // A connection was answered where it comes from, so only UDP can be sent from another's address.
                let until = (in_use && protocol == Protocol::Udp).then(|| now + HOLD);
                self.addresses.insert((protocol, address), Holder { route, until });
            }
            RouteChange::Unbind(protocol, address, transport) => {
                // Behind a NAT another client may have the address by now.
                if self.addresses.get(&(protocol, address)).is_some_and(|holder| holder.route == route(transport)) {
                    self.addresses.remove(&(protocol, address));
                }
            }
        }
    }

    /// Forgets all routes but these.
    pub fn retain(&mut self, keep: impl Fn(&R) -> bool) {
        self.ufrags.retain(|_, route| keep(route));
        self.addresses.retain(|_, holder| keep(&holder.route));
    }

    /// Finds where a datagram goes. STUN requests go by name, as a client may come back from an
    /// address that was another's.
    pub fn find(&self, protocol: Protocol, from: SocketAddr, datagram: &[u8]) -> Option<R> {
        match local_ufrag(datagram) {
            Some(ufrag) => self.ufrags.get(ufrag).copied(),
            None => self.addresses.get(&(protocol, from)).map(|holder| holder.route),
        }
    }
}

/// The user name fragment that a STUN binding request is addressed to (RFC 8445 section 7.2.2:
/// `USERNAME` is theirs, a colon, the sender's).
fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    if !stun::is_binding_request(datagram) || datagram.get(4..8)? != stun::MAGIC_COOKIE {
        return None;
    }
    let (_, name) = stun::attributes(datagram).find(|(kind, _)| *kind == stun::USERNAME)?;
    std::str::from_utf8(name).ok()?.split(':').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ParticipantKey, Side};

    const SECOND: Duration = Duration::from_secs(1);

    fn transport(participant: u32) -> TransportId {
        TransportId { participant: ParticipantKey(participant), side: Side::Publisher }
    }

    fn bind(protocol: Protocol, participant: u32, in_use: bool) -> RouteChange {
        RouteChange::Bind { protocol, address: address(), transport: transport(participant), in_use }
    }

    fn address() -> SocketAddr {
        ([192, 0, 2, 1], 4_000).into()
    }

    /// Who is reached from [`address`], after these changes at these seconds.
    fn reached(protocol: Protocol, changes: &[(u32, RouteChange)]) -> Option<u32> {
        let (start, mut table) = (Instant::now(), RouteTable::default());
        for (at, change) in changes {
            table.change(start + SECOND * *at, change.clone(), |transport| transport);
        }
        table.find(protocol, address(), &[0x80, 96]).map(|to| to.participant.0)
    }

    #[test]
    fn an_address_in_use_is_kept_from_others() {
        let udp = Protocol::Udp;
        let (checked, used) = (|who| bind(udp, who, false), |who| bind(udp, who, true));
        assert_eq!(reached(udp, &[(0, used(1)), (1, checked(2)), (7, used(2))]), Some(1));
        assert_eq!(reached(udp, &[(0, used(1)), (6, used(1)), (13, checked(2))]), Some(1), "checks go on");
        // A NAT gave it to another client: one that is gone, or was not heard from any more, has no right to it.
        assert_eq!(reached(udp, &[(0, used(1)), (8, checked(2))]), Some(2));
        let gone = RouteChange::Unbind(udp, address(), transport(1));
        assert_eq!(reached(udp, &[(0, used(1)), (1, gone), (1, checked(2))]), Some(2));
        // Who moved away holds it no longer.
        assert_eq!(reached(udp, &[(0, used(1)), (1, checked(1)), (2, checked(2))]), Some(2));
    }

    #[test]
    fn as_long_as_nobody_uses_an_address_the_last_check_counts() {
        let udp = Protocol::Udp;
        let checked = |who| bind(udp, who, false);
        assert_eq!(reached(udp, &[(0, checked(1)), (0, checked(2))]), Some(2));
        assert_eq!(reached(udp, &[(0, checked(1)), (0, checked(2)), (0, checked(1))]), Some(1));
        // What another took over is not given up with the first one.
        let gone = RouteChange::Unbind(udp, address(), transport(1));
        assert_eq!(reached(udp, &[(0, checked(1)), (0, checked(2)), (1, gone)]), Some(2));
    }

    #[test]
    fn a_tcp_connection_belongs_to_whoever_checked_on_it_last() {
        let tcp = Protocol::Tcp;
        assert_eq!(reached(tcp, &[(0, bind(tcp, 1, true)), (1, bind(tcp, 2, false))]), Some(2));
        assert_eq!(reached(Protocol::Udp, &[(0, bind(tcp, 1, true))]), None);
    }

    fn request(username: &str) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0];
        message.extend_from_slice(&stun::MAGIC_COOKIE);
        message.extend_from_slice(&[7; 12]);
        message.extend_from_slice(&[0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        message.extend_from_slice(&stun::USERNAME.to_be_bytes());
        message.extend_from_slice(&(username.len() as u16).to_be_bytes());
        message.extend_from_slice(username.as_bytes());
        message
    }

    #[test]
    fn a_binding_request_names_whom_it_is_for() {
        assert_eq!(local_ufrag(&request("server:client")), Some("server"));
        assert_eq!(local_ufrag(&request("alone")), Some("alone"));
    }

    #[test]
    fn what_is_no_binding_request_names_nobody() {
        let whole = request("server:client");
        for cut in 0..whole.len() {
            let _ = local_ufrag(&whole[..cut]);
        }
        assert_eq!(local_ufrag(&whole[..24]), None);
        assert_eq!(local_ufrag(&[0x80; 40]), None);
        assert_eq!(local_ufrag(&[]), None);
        let mut response = whole;
        response[0] = 0x01;
        assert_eq!(local_ufrag(&response), None);
    }
}
