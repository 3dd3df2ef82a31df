//! Which datagram belongs to which room: by the address it comes from, or, as long as that is not
//! known, by the user name in a STUN request.

use std::collections::HashMap;
use std::net::SocketAddr;

use beckon_rtp::stun;
use beckon_sfu::{Protocol, RouteChange, TransportId};

/// A room's number in the engine; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RoomNumber(pub u64);

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub worker: usize,
    pub room: RoomNumber,
    pub transport: TransportId,
}

/// All routes of the engine.
#[derive(Debug, Default)]
pub(super) struct RouteTable {
    ufrags: HashMap<String, Route>,
    addresses: HashMap<(Protocol, SocketAddr), Route>,
}

impl RouteTable {
    /// Carries out a change that a room asked for.
    pub(super) fn change(&mut self, worker: usize, room: RoomNumber, change: RouteChange) {
        let route = |transport| Route { worker, room, transport };
        match change {
            RouteChange::AddUfrag(ufrag, transport) => {
                self.ufrags.insert(ufrag, route(transport));
            }
            RouteChange::RemoveUfrag(ufrag) => {
                self.ufrags.remove(&ufrag);
            }
            RouteChange::Bind(protocol, address, transport) => {
                self.addresses.insert((protocol, address), route(transport));
            }
            RouteChange::Unbind(protocol, address, transport) => {
                // Behind a NAT another client may have the address by now.
                if self.addresses.get(&(protocol, address)) == Some(&route(transport)) {
                    self.addresses.remove(&(protocol, address));
                }
            }
        }
    }

    /// Forgets a room.
    pub(super) fn remove_room(&mut self, room: RoomNumber) {
        self.ufrags.retain(|_, r| r.room != room);
        self.addresses.retain(|_, r| r.room != room);
    }

    /// Finds where a datagram goes. STUN requests go by name, as a client may come back from an
    /// address that was another's.
    pub(super) fn find(&self, protocol: Protocol, from: SocketAddr, datagram: &[u8]) -> Option<Route> {
        match local_ufrag(datagram) {
            Some(ufrag) => self.ufrags.get(ufrag).copied(),
            None => self.addresses.get(&(protocol, from)).copied(),
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
