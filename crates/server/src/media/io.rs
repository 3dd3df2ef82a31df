//! The way in: the thread that reads the UDP port and serves the TCP port.

use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use beckon_sfu::Protocol;
use bytes::BytesMut;
use parking_lot::RwLock;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::command::{Datagram, ToWorker};
use super::framing::next_frame;
use super::outlet::{Sockets, TCP_QUEUE};
use super::route::RouteTable;

/// Space for one received datagram, or several of one sender that the system glued together.
const RECEIVE_BUFFER: usize = 64 * 1_024;
/// TCP connections at a time, over all clients.
const MAX_TCP: usize = 4_096;
/// A TCP client must say within this time whom it belongs to.
const FIRST_FRAME: Duration = Duration::from_secs(10);
/// A TCP client that says nothing for this long is gone (ICE checks come every few seconds).
const SILENCE: Duration = Duration::from_secs(60);

/// What the way in needs.
pub(super) struct Inlet {
    pub sockets: Arc<Sockets>,
    pub routes: Arc<RwLock<RouteTable>>,
    pub workers: Vec<Sender<ToWorker>>,
    /// Addresses told to clients: what a datagram was sent to, in ICE's eyes.
    pub udp_announced: Vec<SocketAddr>,
    pub tcp_announced: Vec<SocketAddr>,
}

impl Inlet {
    /// Reads until told to stop.
    pub(super) async fn run(self, tcp: Option<TcpListener>, mut stop: watch::Receiver<bool>) {
        let inlet = Arc::new(self);
        let accepting = tcp.map(|listener| tokio::spawn(accept(inlet.clone(), listener)));
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = inlet.receive() => {}
        }
        if let Some(accepting) = accepting {
            accepting.abort();
        }
    }

    async fn receive(&self) {
        let socket = match self.sockets.udp.try_clone().and_then(tokio::net::UdpSocket::from_std) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::error!(%error, "cannot read the UDP media port");
                return;
            }
        };
        let mut storage = vec![0u8; RECEIVE_BUFFER * BATCH_SIZE];
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut per_worker: Vec<Vec<Datagram>> = self.workers.iter().map(|_| Vec::new()).collect();
        loop {
            let received = socket
                .async_io(Interest::READABLE, || {
                    let mut chunks = storage.chunks_mut(RECEIVE_BUFFER);
                    let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                        std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
                    self.sockets.state.recv(UdpSockRef::from(&socket), &mut buffers, &mut metas)
                })
                .await;
            let count = match received {
                Ok(count) => count,
                // An ICMP answer to something sent earlier: not about this socket.
                Err(error) => {
                    tracing::trace!(%error, "receiving failed");
                    continue;
                }
            };
            let routes = self.routes.read();
            for (meta, buffer) in metas[..count].iter().zip(storage.chunks(RECEIVE_BUFFER)) {
                let local = self.local(meta);
                for bytes in buffer[..meta.len].chunks(meta.stride.max(1)) {
                    self.count_in(bytes.len());
                    match routes.find(Protocol::Udp, meta.addr, bytes) {
                        Some(route) => per_worker[route.worker].push(Datagram {
                            route,
                            protocol: Protocol::Udp,
                            from: meta.addr,
                            local,
                            bytes: BytesMut::from(bytes),
                        }),
                        None => self.count_dropped(),
                    }
                }
            }
            drop(routes);
            for (worker, datagrams) in self.workers.iter().zip(&mut per_worker) {
                if !datagrams.is_empty() {
                    let _ = worker.send(ToWorker::Datagrams(std::mem::take(datagrams)));
                }
            }
        }
    }

    /// The announced address that a datagram was sent to. Behind a NAT that is not the one it
    /// arrived at.
    fn local(&self, meta: &RecvMeta) -> SocketAddr {
        let announced = &self.udp_announced;
        let arrived = meta.dst_ip.map(|ip| ip.to_canonical());
        announced
            .iter()
            .find(|a| Some(a.ip()) == arrived)
            .or_else(|| announced.iter().find(|a| a.is_ipv4() == meta.addr.ip().to_canonical().is_ipv4()))
            .or(announced.first())
            .copied()
            .unwrap_or(meta.addr)
    }

    fn count_in(&self, bytes: usize) {
        self.sockets.traffic.packets_in.fetch_add(1, Ordering::Relaxed);
        self.sockets.traffic.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn count_dropped(&self) {
        self.sockets.traffic.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

async fn accept(inlet: Arc<Inlet>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MAX_TCP));
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Ok(place) = places.clone().try_acquire_owned() else { continue };
                let inlet = inlet.clone();
                tokio::spawn(async move {
                    serve(&inlet, stream, peer).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file handles, most likely: they come back when connections end.
                tracing::warn!(%error, "cannot accept a TCP media connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn serve(inlet: &Inlet, stream: TcpStream, peer: SocketAddr) {
    let local = stream.local_addr().map(|a| a.ip().to_canonical());
    let local = inlet
        .tcp_announced
        .iter()
        .find(|a| local.as_ref().is_ok_and(|l| a.ip() == *l))
        .or(inlet.tcp_announced.first())
        .copied()
        .unwrap_or(peer);
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let (sender, queue) = mpsc::channel(TCP_QUEUE);
    inlet.sockets.tcp.write().insert(peer, sender);
    tokio::select! {
        () = read(inlet, reader, peer, local) => {}
        () = write(writer, queue) => {}
    }
    inlet.sockets.tcp.write().remove(&peer);
}

async fn read(inlet: &Inlet, mut reader: OwnedReadHalf, peer: SocketAddr, local: SocketAddr) {
    let mut received = BytesMut::with_capacity(16 * 1_024);
    let mut patience = FIRST_FRAME;
    loop {
        match timeout(patience, reader.read_buf(&mut received)).await {
            Ok(Ok(n)) if n > 0 => {}
            _ => return,
        }
        loop {
            let frame = match next_frame(&mut received) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%peer, %error, "TCP media connection ended");
                    inlet.count_dropped();
                    return;
                }
            };
            inlet.count_in(frame.len());
            let route = inlet.routes.read().find(Protocol::Tcp, peer, &frame);
            let Some(route) = route else {
                inlet.count_dropped();
                continue;
            };
            patience = SILENCE;
            let datagram = Datagram { route, protocol: Protocol::Tcp, from: peer, local, bytes: frame };
            let _ = inlet.workers[route.worker].send(ToWorker::Datagrams(vec![datagram]));
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = queue.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}
