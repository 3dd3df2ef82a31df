//! One ICE-TCP connection: two small tasks that move framed packets.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::codec::{Encoder, FramedRead};

use super::dial::dial;
use super::framing::PacketFraming;
use super::net::{Datagram, Lane};
use crate::options::Proxy;

/// Packets that may wait for a slow stream; more are dropped, as a slow network would.
const BACKLOG: usize = 256;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection being opened or open. Dropping it closes it.
#[derive(Debug)]
pub(super) struct TcpLink {
    out: mpsc::Sender<Bytes>,
    task: AbortHandle,
}

impl Drop for TcpLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TcpLink {
    /// Connects to `remote` and from then on hands what comes in to `incoming`, as received on `local`.
    pub(super) fn open(
        lane: Lane,
        local: SocketAddr,
        remote: SocketAddr,
        proxy: Option<Proxy>,
        incoming: mpsc::Sender<Datagram>,
    ) -> Self {
        let (out, mut outgoing) = mpsc::channel::<Bytes>(BACKLOG);
        let task = tokio::spawn(async move {
            let host = remote.ip().to_string();
            let dialled = dial(&host, remote.port(), proxy.as_ref());
            let stream = match tokio::time::timeout(CONNECT_TIMEOUT, dialled).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(e)) => return tracing::debug!("ICE-TCP to {remote}: {e}"),
                Err(_) => return tracing::debug!("ICE-TCP to {remote}: timed out"),
            };
            let (read, mut write) = stream.into_split();
            let mut frames = FramedRead::new(read, PacketFraming);
            let receive = async {
                while let Some(Ok(data)) = frames.next().await {
                    if incoming
                        .send(Datagram { lane, tcp: true, source: remote, destination: local, data })
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            };
            let send = async {
                let mut buffer = BytesMut::with_capacity(16 << 10);
                while let Some(packet) = outgoing.recv().await {
                    buffer.clear();
                    let mut next = Some(packet);
                    // What waits goes out in one write.
                    while let Some(packet) = next {
                        if PacketFraming.encode(&packet, &mut buffer).is_err() {
                            return;
                        }
                        next = if buffer.len() < 12 << 10 { outgoing.try_recv().ok() } else { None };
                    }
                    if write.write_all(&buffer).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = receive => {}
                () = send => {}
            }
        });
        Self { out, task: task.abort_handle() }
    }

    /// Whether the connection has ended or could not be opened.
    pub(super) fn is_over(&self) -> bool {
        self.out.is_closed()
    }

    pub(super) fn send(&self, packet: &[u8]) {
        // A full backlog drops the packet: the transports above repair it.
        let _ = self.out.try_send(Bytes::copy_from_slice(packet));
    }
}
