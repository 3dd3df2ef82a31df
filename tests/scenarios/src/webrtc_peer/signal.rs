//! LiveKit's signalling over a plain WebSocket.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use livekit_protocol::{self as proto, signal_request::Message as Request, signal_response::Message as Response};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::time::{Interval, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use url::Url;

/// The server takes silence for death after some 15 s.
const PING_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Signal {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    ping: Interval,
}

impl Signal {
    pub(super) async fn connect(server: &Url, token: &str) -> anyhow::Result<Self> {
        let mut url = server.clone();
        let scheme = if server.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme).ok().context("no web address")?;
        url.set_path("/rtc");
        let query = [("access_token", token), ("protocol", "15"), ("auto_subscribe", "1"), ("sdk", "rust")];
        url.query_pairs_mut().clear().extend_pairs(query);
        let (socket, _) = connect_async(url.as_str()).await.context("cannot open the signalling connection")?;
        let mut signal = Self { socket, ping: interval(PING_EVERY) };
        match signal.next().await? {
            Response::Join(_) => Ok(signal),
            other => bail!("the first message is no join answer: {other:?}"),
        }
    }

    pub(super) async fn send(&mut self, message: Request) -> anyhow::Result<()> {
        let request = proto::SignalRequest { message: Some(message) };
        Ok(self.socket.send(Message::binary(request.encode_to_vec())).await?)
    }

    /// The next message, whatever else the socket needs done meanwhile. May be dropped and called again.
    pub(super) async fn next(&mut self) -> anyhow::Result<Response> {
        loop {
            tokio::select! {
                _ = self.ping.tick() => self.send(Request::Ping(0)).await?,
                message = self.socket.next() => match message.context("signalling was closed")?? {
                    Message::Binary(bytes) => {
                        if let Some(message) = proto::SignalResponse::decode(bytes)?.message {
                            return Ok(message);
                        }
                    }
                    Message::Close(frame) => bail!("signalling was closed: {frame:?}"),
                    _ => {}
                },
            }
        }
    }
}
