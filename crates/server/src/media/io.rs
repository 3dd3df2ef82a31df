//! The way in: the thread that reads the UDP port, and the tasks that serve the TCP port.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use beckon_rtp::framing::next_frame;
use beckon_sfu::Protocol;
use bytes::BytesMut;
use mio::{Events, Interest, Poll, Token};
use parking_lot::RwLock;
use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout_at;

use super::backlog::Backlog;
use super::batch::{Batch, can_wait};
use super::command::{Datagram, ToWorker};
use super::loss::{Loss, Lost};
use super::outlet::{Sockets, TCP_QUEUE};
use super::rhythm::Rhythm;
use super::route::RouteTable;

/// Space for one received datagram, or several of one sender that the system glued together.
const RECEIVE_BUFFER: usize = 64 * 1_024;
/// Longest frame taken from a TCP client: no datagram of ours is longer.
const LONGEST_FRAME: usize = 2_048;
/// TCP connections at a time, over all clients.
const MAX_TCP: usize = 4_096;
/// A TCP client must have said within this time whom it belongs to, however slowly it speaks.
const FIRST_FRAME: Duration = Duration::from_secs(10);
/// A TCP client that says nothing of use for this long is gone (ICE checks come every few seconds).
const SILENCE: Duration = Duration::from_secs(60);

/// The UDP port among what is waited for.
const ARRIVAL: Token = Token(0);
/// The wish to stop among what is waited for.
pub(super) const WAKE: Token = Token(1);

/// The way to a worker.
pub(super) struct Way {
    pub worker: Sender<ToWorker>,
    pub backlog: Arc<Backlog>,
}

/// What the way in needs.
pub(super) struct Inlet {
    pub sockets: Arc<Sockets>,
    pub routes: Arc<RwLock<RouteTable>>,
    pub workers: Vec<Way>,
    /// Addresses told to clients: what a datagram was sent to, in ICE's eyes.
    pub udp_announced: Vec<SocketAddr>,
    pub tcp_announced: Vec<SocketAddr>,
}

impl Inlet {
    /// Serves the TCP port until told to stop.
    pub(super) async fn serve_tcp(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = accept(self, listener) => {}
        }
    }

    /// Serves the UDP port until told to stop (set `stop`, then wake). Says so when it ends for any other reason: the ports of
    /// a server without this thread are open, and nothing comes in.
    pub(super) fn serve_udp(&self, poll: Poll, stop: &AtomicBool, lost: &Lost) {
        let error = match catch_unwind(AssertUnwindSafe(|| self.receive(poll, stop))) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => io::Error::other("the program failed while reading it"),
        };
        tracing::error!(%error, "the UDP media port is read no longer");
        lost.send_replace(Some(Loss::Udp(Arc::new(error))));
    }

    /// Reads the UDP port until told to stop.
    ///
    /// The port is watched for arrivals only: an async runtime's socket watches for room to send,
    /// too, and would wake this thread for every datagram that any worker sent.
    fn receive(&self, mut poll: Poll, stop: &AtomicBool) -> io::Result<()> {
        let mut socket = mio::net::UdpSocket::from_std(self.sockets.udp.socket().try_clone()?);
        poll.registry().register(&mut socket, ARRIVAL, Interest::READABLE)?;
        let mut storage = vec![0u8; RECEIVE_BUFFER * BATCH_SIZE];
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut batches: Vec<_> = self.workers.iter().map(|_| Batch::new()).collect();
        let mut events = Events::with_capacity(8);
        let mut rhythm = Rhythm::new();
        let mut more = true;
        while !stop.load(Ordering::Relaxed) {
            // Told once of each arrival: what is there is read to its end before pausing or waiting again.
            if let Some(pause) = rhythm.pause().filter(|_| !more) {
                std::thread::sleep(pause);
            } else if !more {
                let begun = Instant::now();
                let due = batches.iter().filter_map(Batch::due).min();
                let wait = due.map(|due| due.saturating_duration_since(begun));
                if let Err(error) = poll.poll(&mut events, wait)
                    && error.kind() != ErrorKind::Interrupted
                {
                    return Err(error);
                }
                if events.is_empty() {
                    self.hand_over(&mut batches);
                    continue;
                }
                rhythm.arrived(begun.elapsed());
                if rhythm.pause().is_some() {
                    continue;
                }
            }
            let mut chunks = storage.chunks_mut(RECEIVE_BUFFER);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            // `try_io`: where the system tells of readiness once, "nothing there" asks it to tell again.
            let received = socket.try_io(|| self.sockets.udp.receive(&mut buffers, &mut metas));
            let nothing = received.as_ref().is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
            // Less than there was room for: that was all.
            more = received.as_ref().map_or(!nothing, |&n| n == BATCH_SIZE);
            if rhythm.looked(!nothing) {
                // The news of what was read in pauses is old; what has come since this look is read before waiting.
                more = poll.poll(&mut events, Some(Duration::ZERO)).is_ok();
            }
            match received {
                Ok(count) => self.sort(&metas[..count], &storage, &mut batches),
                // Nothing there, or an ICMP answer to something sent earlier: not about this socket.
                Err(error) => tracing::trace!(%error, "nothing received"),
            }
            self.hand_over(&mut batches);
        }
        Ok(())
    }

    /// Finds out whom what was received is for. Each of `metas` tells of a [`RECEIVE_BUFFER`] of `storage`.
    fn sort(&self, metas: &[RecvMeta], storage: &[u8], batches: &mut [Batch<Datagram>]) {
        let now = Instant::now();
        let routes = self.routes.read();
        for (meta, buffer) in metas.iter().zip(storage.chunks(RECEIVE_BUFFER)) {
            let local = self.local(meta);
            for bytes in buffer[..meta.len].chunks(meta.stride.max(1)) {
                self.count_in(bytes.len());
                let Some(route) = routes.find(Protocol::Udp, meta.addr, bytes) else {
                    self.count_dropped(1);
                    continue;
                };
                let datagram =
                    Datagram { route, protocol: Protocol::Udp, from: meta.addr, local, bytes: BytesMut::from(bytes) };
                batches[route.worker].push(now, can_wait(bytes), datagram);
            }
        }
    }

    /// Gives the workers what waits for them, as far as it is time.
    fn hand_over(&self, batches: &mut [Batch<Datagram>]) {
        let now = Instant::now();
        for (worker, batch) in batches.iter_mut().enumerate() {
            if let Some(datagrams) = batch.take(now) {
                self.give(worker, datagrams);
            }
        }
    }

    /// Gives a worker what came for it, as far as it keeps up.
    fn give(&self, worker: usize, mut datagrams: Vec<Datagram>) {
        let way = &self.workers[worker];
        let admitted = way.backlog.admit(datagrams.len());
        let dropped = datagrams.len() - admitted;
        if dropped > 0 {
            datagrams.truncate(admitted);
            self.count_dropped(dropped);
            if let Some(dropped) = way.backlog.dropped(dropped, Instant::now()) {
                tracing::warn!(
                    worker,
                    dropped,
                    "the rooms of a worker are more than it keeps up with: datagrams for them were dropped"
                );
            }
        }
        if !datagrams.is_empty() {
            // A worker that is gone has ended its rooms.
            let _ = way.worker.send(ToWorker::Datagrams(datagrams));
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

    fn count_dropped(&self, datagrams: usize) {
        self.sockets.traffic.dropped.fetch_add(datagrams as u64, Ordering::Relaxed);
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
    let mut deadline = tokio::time::Instant::now() + FIRST_FRAME;
    loop {
        match timeout_at(deadline, reader.read_buf(&mut received)).await {
            Ok(Ok(n)) if n > 0 => {}
            _ => return,
        }
        loop {
            let frame = match next_frame(&mut received, LONGEST_FRAME) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%peer, %error, "TCP media connection ended");
                    inlet.count_dropped(1);
                    return;
                }
            };
            inlet.count_in(frame.len());
            let route = inlet.routes.read().find(Protocol::Tcp, peer, &frame);
            let Some(route) = route else {
                inlet.count_dropped(1);
                continue;
            };
            deadline = tokio::time::Instant::now() + SILENCE;
            let datagram = Datagram { route, protocol: Protocol::Tcp, from: peer, local, bytes: frame };
            inlet.give(route.worker, vec![datagram]);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::UdpSocket;

    use super::super::outlet::Traffic;
    use super::super::port::Port;
    use super::*;

    /// Why the port was read no longer, when it was served until `stop`.
    fn served(udp: Port, stop: bool) -> Option<Loss> {
        let sockets = Sockets { udp, tcp: RwLock::default(), own: Vec::new(), traffic: Traffic::default() };
        let inlet = Inlet {
            sockets: Arc::new(sockets),
            routes: Arc::default(),
            workers: Vec::new(),
            udp_announced: Vec::new(),
            tcp_announced: Vec::new(),
        };
        let lost = Lost::new(None);
        inlet.serve_udp(Poll::new().unwrap(), &AtomicBool::new(stop), &lost);
        lost.borrow().clone()
    }

    #[test]
    fn a_port_that_was_told_to_stop_is_not_lost() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        assert!(served(Port::over(socket).unwrap(), true).is_none());
    }

    // Linux has something in a socket's place that cannot be waited for.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_that_cannot_be_read_is_lost() {
        let file = std::os::fd::OwnedFd::from(tempfile::tempfile().unwrap());
        assert!(served(Port::one_at_a_time(file.into()), false).is_some());
    }
}
