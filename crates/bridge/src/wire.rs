//! One WebSocket, whichever road it came by: frames in, frames out.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::core::PAGE_MESSAGE_MAX;

/// How long a closing socket may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What goes out on a socket.
#[derive(Debug)]
pub enum Outgoing {
    /// A text message.
    Text(String),
    /// A ping.
    Ping,
    /// Goodbye, with a status and a reason.
    Close(u16, &'static str),
}

/// What came in on a socket.
#[derive(Debug)]
pub enum Incoming {
    /// A text message.
    Text(String),
    /// Anything else that shows that the other side lives.
    SignOfLife,
}

/// How a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The other side closed with status 1000.
    Finished,
    /// It broke, or the other side closed with another status.
    Broken,
    /// We closed it.
    Ours,
}

/// The limits of every socket here. A message past four times what a page may send is not even read to its end.
pub fn limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(4 * PAGE_MESSAGE_MAX)).max_frame_size(Some(4 * PAGE_MESSAGE_MAX))
}

/// Carries messages until either side ends.
pub async fn carry<S, F, W>(
    socket: WebSocketStream<S>,
    outgoing: &mut mpsc::UnboundedReceiver<Outgoing>,
    mut incoming: F,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: FnMut(Incoming) -> W,
    W: Future<Output = ()>,
{
    let (mut sink, mut stream) = socket.split();
    loop {
        tokio::select! {
            frame = stream.next() => match frame {
                Some(Ok(Message::Text(text))) => incoming(Incoming::Text(text.as_str().to_owned())).await,
                Some(Ok(Message::Close(frame))) => {
                    let finished = frame.is_some_and(|frame| frame.code == CloseCode::Normal);
                    // Reading on sends the answer to the goodbye.
                    let _ = timeout(GOODBYE, stream.next()).await;
                    return if finished { End::Finished } else { End::Broken };
                }
                Some(Ok(_)) => incoming(Incoming::SignOfLife).await,
                Some(Err(error)) => {
                    tracing::debug!(%error, "channel socket broke");
                    return End::Broken;
                }
                None => return End::Broken,
            },
            message = outgoing.recv() => {
                let sent = match message {
                    Some(Outgoing::Text(text)) => sink.send(Message::text(text)).await,
                    Some(Outgoing::Ping) => sink.send(Message::Ping(Vec::new().into())).await,
                    Some(Outgoing::Close(status, reason)) => {
                        let frame = CloseFrame { code: status.into(), reason: reason.into() };
                        let _ = timeout(GOODBYE, async {
                            if sink.send(Message::Close(Some(frame))).await.is_ok() {
                                // The other side's goodbye, so that ours is not lost with the connection.
                                while let Some(Ok(_)) = stream.next().await {}
                            }
                        })
                        .await;
                        return End::Ours;
                    }
                    None => return End::Ours,
                };
                if let Err(error) = sent {
                    tracing::debug!(%error, "channel socket broke");
                    return End::Broken;
                }
            }
        }
    }
}
