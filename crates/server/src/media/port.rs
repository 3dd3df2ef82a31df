//! The UDP media port: many datagrams in one call where the system has what that needs, one at a time where it has not.

use std::io::{self, IoSliceMut};
use std::net::UdpSocket;

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};

/// What Windows says of options that a system in its place lacks: `WSAENOPROTOOPT`, `WSAEOPNOTSUPP`. Wine does so for IPv4.
#[cfg(windows)]
const LACKS: [i32; 2] = [10_042, 10_045];
#[cfg(not(windows))]
const LACKS: [i32; 0] = [];

/// A socket, and what it can.
pub(super) struct Port {
    socket: UdpSocket,
    /// `None` where the system lacks something for many at a time.
    many: Option<UdpSocketState>,
}

impl Port {
    /// Over a socket that is bound and does not block.
    ///
    /// # Errors
    /// What the system says of the socket, unless it merely lacks an option.
    pub(super) fn over(socket: UdpSocket) -> io::Result<Self> {
        let many = match UdpSocketState::new(UdpSockRef::from(&socket)) {
            Ok(many) => Some(many),
            Err(error) if error.raw_os_error().is_some_and(|code| LACKS.contains(&code)) => {
                tracing::warn!(%error, "the UDP media port takes datagrams one at a time: this system lacks what more need");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self { socket, many })
    }

    /// As on a system that lacks what many at a time need.
    #[cfg(test)]
    pub(super) fn one_at_a_time(socket: UdpSocket) -> Self {
        Self { socket, many: None }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Most datagrams of one size to one destination that can be sent in one call.
    pub(super) fn batch(&self) -> usize {
        self.many.as_ref().map_or(1, UdpSocketState::max_gso_segments)
    }

    /// Sends what the system takes now.
    ///
    /// # Errors
    /// What the system says of the first that it does not take.
    pub(super) fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if let Some(many) = &self.many {
            return many.try_send(UdpSockRef::from(&self.socket), transmit);
        }
        let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        transmit.contents.chunks(size).try_for_each(|one| self.socket.send_to(one, transmit.destination).map(drop))
    }

    /// Takes what has come, and says of how many of the buffers it is. Never waits.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing has come, and what else the system says.
    pub(super) fn receive(&self, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        if let Some(many) = &self.many {
            return many.recv(UdpSockRef::from(&self.socket), buffers, metas);
        }
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            match self.socket.recv_from(buffer) {
                Ok((length, from)) => {
                    *meta = RecvMeta::default();
                    (meta.addr, meta.len, meta.stride) = (from, length, length);
                }
                Err(error) if count == 0 => return Err(error),
                // What has come counts; if the error lasts it is met again.
                Err(_) => break,
            }
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    fn port(many: bool) -> Port {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        if many { Port::over(socket).unwrap() } else { Port::one_at_a_time(socket) }
    }

    /// Everything that comes within a while, until as many have come.
    fn received(port: &Port, wanted: usize) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let mut storage = [[0u8; 4096]; 2];
        while all.len() < wanted {
            let [first, second] = &mut storage;
            let mut buffers = [IoSliceMut::new(first), IoSliceMut::new(second)];
            let mut metas = [RecvMeta::default(); 2];
            match port.receive(&mut buffers, &mut metas) {
                Ok(count) => {
                    for (meta, buffer) in metas[..count].iter().zip(&storage) {
                        assert!(meta.addr.ip().is_loopback());
                        all.extend(buffer[..meta.len].chunks(meta.stride).map(<[u8]>::to_vec));
                    }
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        all
    }

    #[test]
    fn one_at_a_time_goes_and_comes_what_many_at_a_time_do() {
        for (sends_many, takes_many) in [(false, false), (false, true), (true, false)] {
            let (from, to) = (port(sends_many), port(takes_many));
            let transmit = Transmit {
                destination: to.socket().local_addr().unwrap(),
                ecn: None,
                contents: b"aaabbbc",
                segment_size: (from.batch() > 1 || !sends_many).then_some(3),
                src_ip: None,
            };
            from.send(&transmit).unwrap();
            if transmit.segment_size.is_some() {
                assert_eq!(received(&to, 3), [b"aaa".to_vec(), b"bbb".to_vec(), b"c".to_vec()]);
            } else {
                assert_eq!(received(&to, 1), [b"aaabbbc".to_vec()]);
            }
        }
    }

    #[test]
    fn an_empty_port_says_so() {
        let mut storage = [0u8; 64];
        let answer = port(false).receive(&mut [IoSliceMut::new(&mut storage)], &mut [RecvMeta::default()]);
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
