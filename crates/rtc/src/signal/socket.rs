//! The WebSocket: opening it, and two small tasks that move messages.

use std::time::Duration;

use beckon_protocol::Secret;
use futures_util::{SinkExt, StreamExt};
use livekit_protocol::{SignalRequest, SignalResponse, signal_request, signal_response};
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::{
    address::{Address, Opening},
    tls,
};
use crate::error::ConnectError;
use crate::options::Proxy;
use crate::transport::dial;

/// No honest message is larger: a room of thousands fits.
const MAX_MESSAGE: usize = 8 << 20;
/// How long a goodbye may take to go out.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// What comes from the server.
#[derive(Debug)]
pub(crate) enum SignalEvent {
    /// A message.
    Message(Box<signal_response::Message>),
    /// The connection ended; nothing comes after this.
    Closed(String),
}

/// An open signalling connection. Dropping it closes it after what was sent has gone out.
#[derive(Debug)]
pub(crate) struct SignalLink {
    out: mpsc::UnboundedSender<SignalRequest>,
    pub(crate) events: mpsc::UnboundedReceiver<SignalEvent>,
    reader: AbortHandle,
    writer: Option<JoinHandle<()>>,
}

impl SignalLink {
    /// Waits until what was sent has gone out and the connection is closed.
    pub(crate) async fn finish(mut self) {
        let writer = self.writer.take();
        drop(self);
        if let Some(writer) = writer {
            // After that time the system closes it.
            let _ = tokio::time::timeout(FLUSH_TIMEOUT, writer).await;
        }
    }

    /// Sends a message; when the connection is gone the message is too, and an event says so.
    pub(crate) fn send(&self, message: signal_request::Message) {
        let _ = self.out.send(SignalRequest { message: Some(message) });
    }
}

impl Drop for SignalLink {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Opens the connection. `token` goes into the `Authorization` header.
pub(crate) async fn open(
    address: &Address,
    opening: &Opening,
    token: &Secret,
    proxy: Option<&Proxy>,
) -> Result<SignalLink, ConnectError> {
    let host = address.host();
    let url = address.open_url(opening);
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|e| ConnectError::BadUrl { url: host.clone(), why: e.to_string() })?;
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
        ConnectError::Refused { host: host.clone(), status: 0, message: "the token has characters no token has".into() }
    })?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);

    let stream = dial(address.host_name(), address.port(), proxy)
        .await
        .map_err(|why| ConnectError::Unreachable { host: host.clone(), why: why.to_string() })?;
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let connector = if url.scheme() == "wss" {
        tls::connector()
            .map_err(|e| ConnectError::Unreachable { host: host.clone(), why: format!("no TLS here: {e}") })?
    } else {
        Connector::Plain
    };
    let (socket, _) = client_async_tls_with_config(request, stream, Some(config), Some(connector))
        .await
        .map_err(|e| explain(host, e))?;
    Ok(run(socket))
}

fn explain(host: String, error: WsError) -> ConnectError {
    match error {
        WsError::Http(response) => refused(host, &response),
        WsError::Io(e) => ConnectError::Unreachable { host, why: e.to_string() },
        WsError::Tls(e) => ConnectError::Unreachable { host, why: format!("TLS: {e}") },
        e => ConnectError::Protocol { host, why: e.to_string() },
    }
}

fn refused(host: String, response: &Response) -> ConnectError {
    let status = response.status().as_u16();
    let body = response.body().as_deref().unwrap_or_default();
    let message: String =
        String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(200).collect::<String>().trim().into();
    match status {
        401 | 403 => ConnectError::Refused { host, status, message },
        404 => ConnectError::NotFound { host, message },
        _ => ConnectError::Http { host, status, message },
    }
}

fn run(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> SignalLink {
    let (mut sink, mut stream) = socket.split();
    let (out, mut outgoing) = mpsc::unbounded_channel::<SignalRequest>();
    let (incoming, events) = mpsc::unbounded_channel();
    let writer = tokio::spawn(async move {
        while let Some(request) = outgoing.recv().await {
            if sink.send(Message::Binary(request.encode_to_vec().into())).await.is_err() {
                // The reader reports the loss.
                return;
            }
        }
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, sink.close()).await;
    });
    let reader = tokio::spawn(async move {
        let why = loop {
            let message = match stream.next().await {
                Some(Ok(Message::Binary(bytes))) => SignalResponse::decode(bytes).map_err(|e| e.to_string()),
                Some(Ok(Message::Text(text))) => {
                    serde_json::from_str::<SignalResponse>(&text).map_err(|e| e.to_string())
                }
                Some(Ok(Message::Close(frame))) => {
                    break frame.map_or_else(|| "closed by the server".to_owned(), |f| format!("closed: {}", f.reason));
                }
                Some(Ok(_)) => continue,
                Some(Err(e)) => break e.to_string(),
                None => break "closed by the server".to_owned(),
            };
            match message {
                Ok(SignalResponse { message: Some(message) }) => {
                    if incoming.send(SignalEvent::Message(Box::new(message))).is_err() {
                        return;
                    }
                }
                // A message of a kind we do not know yet.
                Ok(_) => {}
                Err(why) => tracing::warn!("skipped a signalling message that cannot be read: {why}"),
            }
        };
        let _ = incoming.send(SignalEvent::Closed(why));
    });
    SignalLink { out, events, reader: reader.abort_handle(), writer: Some(writer) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_is_unreachable_by_wss() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url::Url::parse(&format!("wss://{}", listener.local_addr().unwrap())).unwrap();
        let answer = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        });
        let address = Address::new(&url, true).unwrap();
        let failed = open(&address, &Opening::Join, &Secret::new("token"), None).await.unwrap_err();
        assert!(matches!(failed, ConnectError::Unreachable { .. }), "{failed:?}");
        answer.await.unwrap();
    }
}
