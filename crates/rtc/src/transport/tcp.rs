//! One ICE-TCP connection: two small tasks that move framed packets.

use std::net::SocketAddr;
use std::time::Duration;

use beckon_rtp::framing::{next_frame, put_frame};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::dial::dial;
use super::net::{Datagram, Lane};
use crate::options::Proxy;

/// Packets that may wait for a slow stream; more are dropped, as a slow network would.
const BACKLOG: usize = 256;
/// The longest frame taken: all that its length can say, as it comes from the server that we chose.
const LONGEST_FRAME: usize = u16::MAX as usize;
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
            let (mut read, mut write) = stream.into_split();
            let receive = async {
                let mut received = BytesMut::with_capacity(16 << 10);
                while let Ok(1..) = read.read_buf(&mut received).await {
                    loop {
                        let Ok(frame) = next_frame(&mut received, LONGEST_FRAME) else { return };
                        let Some(data) = frame.map(BytesMut::freeze) else { break };
                        let datagram = Datagram { lane, tcp: true, source: remote, destination: local, data };
                        if incoming.send(datagram).await.is_err() {
                            return;
                        }
                    }
                }
            };
            let send = async {
                let mut buffer = Vec::with_capacity(16 << 10);
                while let Some(packet) = outgoing.recv().await {
                    buffer.clear();
                    let mut next = Some(packet);
                    // What waits goes out in one write.
                    while let Some(packet) = next {
                        if put_frame(&mut buffer, &packet).is_err() {
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
