//! The way out: datagrams of a room onto the sockets, many at a time.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use beckon_rtp::framing::put_frame;
use beckon_sfu::{Protocol, Transmit};
use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::port::Port;

/// Frames that may wait for a TCP client; more are dropped, as a network would.
pub(super) const TCP_QUEUE: usize = 512;
/// Most bytes handed to the system in one call (IP datagram limit, with room for headers).
const MAX_BATCH: usize = 60_000;

/// What went in and out, over all rooms.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub packets_in: AtomicU64,
    pub bytes_in: AtomicU64,
    pub packets_out: AtomicU64,
    pub bytes_out: AtomicU64,
    pub dropped: AtomicU64,
    pub send_failures: AtomicU64,
}

/// TCP connections by the client's address.
pub(super) type TcpPeers = RwLock<HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>>;

/// What all workers send through.
pub(super) struct Sockets {
    pub udp: Port,
    pub tcp: TcpPeers,
    /// Addresses of this machine: replies leave from the one that was spoken to.
    pub own: Vec<IpAddr>,
    pub traffic: Traffic,
}

/// One worker's way out.
pub(super) struct Outlet {
    sockets: Arc<Sockets>,
    /// Datagrams to one destination, end to end, all `size` long but perhaps the last.
    batch: Vec<u8>,
    size: usize,
    count: usize,
    to: Option<(SocketAddr, IpAddr)>,
}

impl Outlet {
    pub(super) fn new(sockets: Arc<Sockets>) -> Self {
        Self { sockets, batch: Vec::with_capacity(MAX_BATCH), size: 0, count: 0, to: None }
    }

    /// Sends datagrams in order. Neighbours to the same destination go to the system in one call,
    /// which cuts them apart again (generic segmentation offload).
    pub(super) fn send(&mut self, datagrams: impl Iterator<Item = Transmit>) {
        for datagram in datagrams {
            match datagram.proto {
                Protocol::Udp => self.push(&datagram),
                _ => self.send_tcp(&datagram),
            }
        }
        self.flush();
    }

    fn push(&mut self, datagram: &Transmit) {
        let to = (datagram.destination, datagram.source.ip());
        let length = datagram.contents.len();
        let fits = self.to == Some(to)
            && length <= self.size
            // Only the last one of a batch may be shorter.
            && self.batch.len() == self.size * self.count
            && self.count < self.sockets.udp.batch()
            && self.batch.len() + length <= MAX_BATCH;
        if !fits {
            self.flush();
            (self.to, self.size) = (Some(to), length);
        }
        self.batch.extend_from_slice(&datagram.contents);
        self.count += 1;
    }

    fn flush(&mut self) {
        if let Some((destination, source)) = self.to.take()
            && self.count > 0
        {
            let transmit = quinn_udp::Transmit {
                destination,
                ecn: None,
                contents: &self.batch,
                segment_size: (self.count > 1).then_some(self.size),
                src_ip: self.sockets.own.contains(&source).then_some(source),
            };
            let traffic = &self.sockets.traffic;
            match self.sockets.udp.send(&transmit) {
                Ok(()) => {
                    traffic.packets_out.fetch_add(self.count as u64, Ordering::Relaxed);
                    traffic.bytes_out.fetch_add(self.batch.len() as u64, Ordering::Relaxed);
                }
                Err(error) => {
                    traffic.send_failures.fetch_add(self.count as u64, Ordering::Relaxed);
                    tracing::trace!(%destination, %error, "datagram not sent");
                }
            }
        }
        self.batch.clear();
        self.count = 0;
    }

    fn send_tcp(&self, datagram: &Transmit) {
        let traffic = &self.sockets.traffic;
        let mut frame = Vec::new();
        let sent = put_frame(&mut frame, &datagram.contents).is_ok() && {
            let peers = self.sockets.tcp.read();
            peers.get(&datagram.destination).is_some_and(|peer| peer.try_send(frame).is_ok())
        };
        if sent {
            traffic.packets_out.fetch_add(1, Ordering::Relaxed);
            traffic.bytes_out.fetch_add(datagram.contents.len() as u64, Ordering::Relaxed);
        } else {
            traffic.send_failures.fetch_add(1, Ordering::Relaxed);
        }
    }
}
