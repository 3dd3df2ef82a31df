//! The sockets of a room's media.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Poll;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::tcp::TcpLink;
use crate::options::Proxy;

/// Which of a room's two peer connections a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Carries our media to the server.
    Publisher,
    /// Carries others' media to us.
    Subscriber,
}

/// A packet that came over a stream.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) lane: Lane,
    pub(crate) tcp: bool,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) data: Bytes,
}

struct Udp {
    lane: Lane,
    local: SocketAddr,
    socket: UdpSocket,
}

/// All media sockets of a room: for each peer connection and local address one UDP socket, and TCP connections as the
/// engine asks for them.
pub(crate) struct Net {
    proxy: Option<Proxy>,
    udp: Vec<Udp>,
    /// Where the last look for readable sockets ended, so that a busy one does not starve the others.
    turn: usize,
    tcp: HashMap<(Lane, SocketAddr, SocketAddr), TcpLink>,
    tcp_in: mpsc::Receiver<Datagram>,
    tcp_tx: mpsc::Sender<Datagram>,
}

/// Received bytes from UDP are read into a buffer of this size; nothing larger crosses the internet whole.
const DATAGRAM: usize = 2048;
/// Socket buffers large enough for a key frame of a few hundred packets to arrive while we are busy.
const SOCKET_BUFFER: usize = 1 << 20;
const STREAM_BACKLOG: usize = 512;

impl Net {
    pub(crate) fn new(proxy: Option<Proxy>) -> Self {
        let (tcp_tx, tcp_in) = mpsc::channel(STREAM_BACKLOG);
        Self { proxy, udp: Vec::new(), turn: 0, tcp: HashMap::new(), tcp_in, tcp_tx }
    }

    /// The local address packets to `remote` leave from.
    pub(crate) fn route_to(remote: SocketAddr) -> io::Result<IpAddr> {
        let any: SocketAddr = match remote {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let probe = std::net::UdpSocket::bind(any)?;
        // Connecting a datagram socket sends nothing; it only looks up the route.
        probe.connect(remote)?;
        Ok(probe.local_addr()?.ip())
    }

    /// The local address packets to `remote` leave from, or seem to: where a proxy connects for us there need be no way of our own, and the
    /// address is but a name.
    pub(crate) fn leaves_from(&self, remote: SocketAddr, tcp: bool) -> io::Result<IpAddr> {
        Self::route_to(remote).or_else(|e| match (&self.proxy, remote) {
            (Some(_), SocketAddr::V4(_)) if tcp => Ok(Ipv4Addr::LOCALHOST.into()),
            (Some(_), SocketAddr::V6(_)) if tcp => Ok(Ipv6Addr::LOCALHOST.into()),
            _ => Err(e),
        })
    }

    /// Whether this is an address of this machine at present.
    pub(crate) fn is_ours(ip: IpAddr) -> bool {
        std::net::UdpSocket::bind((ip, 0)).is_ok()
    }

    /// Makes sure there is a UDP socket on `ip`; returns its address when it is new.
    pub(crate) fn bind(&mut self, lane: Lane, ip: IpAddr) -> io::Result<Option<SocketAddr>> {
        if self.udp.iter().any(|u| u.lane == lane && u.local.ip() == ip) {
            return Ok(None);
        }
        let domain = socket2::Domain::for_address(SocketAddr::new(ip, 0));
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        // The system may grant less; that is no reason to fail.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::new(ip, 0).into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?;
        self.udp.push(Udp { lane, local, socket });
        Ok(Some(local))
    }

    /// Closes everything.
    pub(crate) fn clear(&mut self) {
        self.udp.clear();
        self.tcp.clear();
        while self.tcp_in.try_recv().is_ok() {}
    }

    /// Sends one packet.
    pub(crate) fn send(&mut self, lane: Lane, tcp: bool, source: SocketAddr, destination: SocketAddr, data: &[u8]) {
        if tcp {
            let key = (lane, source, destination);
            if self.tcp.get(&key).is_some_and(TcpLink::is_over) {
                self.tcp.remove(&key);
            }
            let link = self
                .tcp
                .entry(key)
                .or_insert_with(|| TcpLink::open(lane, source, destination, self.proxy.clone(), self.tcp_tx.clone()));
            link.send(data);
        } else if let Some(udp) = self.udp.iter().find(|u| u.lane == lane && u.local == source)
            // Not `try_send_to`: to the runtime a socket is not writable until its first turn of the loop, and the first
            // check of a road, sent before that, would be lost.
            && let Err(e) = socket2::SockRef::from(&udp.socket).send_to(data, &destination.into())
        {
            // A full buffer or a dead route loses the packet, as any router may.
            tracing::trace!("UDP to {destination}: {e}");
        }
    }

    /// Waits until something can be read; then [`next_udp`](Self::next_udp) has packets, or the packet given here came
    /// over a stream.
    pub(crate) async fn ready(&mut self) -> Option<Datagram> {
        let Self { udp, tcp_in, .. } = self;
        poll_fn(|cx| {
            if let Poll::Ready(packet) = tcp_in.poll_recv(cx) {
                return Poll::Ready(packet);
            }
            for u in udp.iter() {
                if u.socket.poll_recv_ready(cx).is_ready() {
                    return Poll::Ready(None);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Reads one waiting datagram into `buffer`, without blocking: lane, source, destination, length.
    pub(crate) fn next_udp(&mut self, buffer: &mut [u8; DATAGRAM]) -> Option<(Lane, SocketAddr, SocketAddr, usize)> {
        for _ in 0..self.udp.len() {
            self.turn = (self.turn + 1) % self.udp.len();
            let u = &self.udp[self.turn];
            // An error here is an ICMP answer to something sent earlier; the next read gets the next datagram.
            if let Ok((length, source)) = u.socket.try_recv_from(buffer) {
                return Some((u.lane, source, u.local, length));
            }
        }
        None
    }

    /// A buffer for [`next_udp`](Self::next_udp).
    pub(crate) fn buffer() -> Box<[u8; DATAGRAM]> {
        Box::new([0; DATAGRAM])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn our_addresses_are_known_from_others() {
        assert!(Net::is_ours(Ipv4Addr::LOCALHOST.into()));
        // For documentation only (RFC 5737).
        assert!(!Net::is_ours(Ipv4Addr::new(192, 0, 2, 1).into()));
    }

    /// Only here does the system name no way to where nobody may send without leave.
    #[cfg(target_os = "linux")]
    #[test]
    fn where_a_proxy_connects_for_us_no_way_of_our_own_is_needed() {
        let nowhere: SocketAddr = (Ipv4Addr::BROADCAST, 7881).into();
        assert!(Net::new(None).leaves_from(nowhere, true).is_err());
        let net = Net::new(Some(Proxy::Socks5 { host: "proxy".into(), port: 1080, auth: None }));
        assert!(net.leaves_from(nowhere, false).is_err(), "datagrams do not go through it");
        assert_eq!(net.leaves_from(nowhere, true).unwrap(), Ipv4Addr::LOCALHOST);
    }

    #[tokio::test]
    async fn the_first_packet_of_a_socket_is_not_lost() {
        let server = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let to = server.local_addr().unwrap();
        let mut net = Net::new(None);
        let from = net.bind(Lane::Publisher, to.ip()).unwrap().unwrap();
        // At once: the runtime has not looked at the socket yet.
        net.send(Lane::Publisher, false, from, to, b"check");
        let mut buffer = [0; 16];
        assert_eq!(server.recv_from(&mut buffer).unwrap(), (5, from));
    }
}
