//! One client's signalling connection: protobuf messages in WebSocket frames.

use std::time::{Duration, SystemTime};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use beckon_sfu::join_anew;
use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_response::Message as Response;
use tokio::time::{MissedTickBehavior, interval};

use super::token::Pass;
use crate::media::{SignalLink, SignalOut};

/// How often a client gets a fresh token for coming back. The first comes at once.
const REFRESH: Duration = Duration::from_secs(5 * 60);
/// Messages that cannot be read before the connection is ended.
const MAX_MALFORMED: u32 = 8;

/// Carries messages both ways until one side ends it.
pub(super) async fn serve(socket: WebSocket, mut link: SignalLink, pass: Pass) {
    let (mut writer, mut reader) = socket.split();
    let mut refresh = interval(REFRESH);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut greeted = false;
    let mut malformed = 0;
    loop {
        tokio::select! {
            outgoing = link.outgoing.recv() => match outgoing {
                Some(SignalOut::Message(message)) => {
                    greeted = true;
                    if writer.send(encode(*message)).await.is_err() {
                        break;
                    }
                }
                Some(SignalOut::Close) | None => {
                    let _ = writer.send(closing("the session ended here")).await;
                    break;
                }
            },
            // The first message must be the one that answers the join.
            _ = refresh.tick(), if greeted => {
                if let Some(token) = pass.refreshed(SystemTime::now())
                    && writer.send(encode(Response::RefreshToken(token))).await.is_err()
                {
                    break;
                }
            }
            incoming = reader.next() => match incoming {
                Some(Ok(Message::Binary(bytes))) => match proto::SignalRequest::decode(bytes) {
                    Ok(proto::SignalRequest { message: Some(message) }) => link.send(message),
                    // A kind of message that is newer than we are.
                    Ok(_) => {}
                    Err(error) => {
                        malformed += 1;
                        tracing::debug!(sid = link.sid, %error, "malformed signalling message");
                        if malformed >= MAX_MALFORMED {
                            let _ = writer.send(closing("too many malformed messages")).await;
                            break;
                        }
                    }
                },
                Some(Ok(Message::Text(_))) => {
                    let _ = writer.send(closing("only binary messages (protobuf) are understood")).await;
                    break;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        }
    }
    let _ = writer.close().await;
}

/// Tells a client that wants to go on with an unknown session to join anew.
pub(super) async fn send_join_anew(mut socket: WebSocket) {
    if socket.send(encode(join_anew())).await.is_ok() {
        let _ = socket.send(closing("the session is not known")).await;
    }
}

fn encode(message: Response) -> Message {
    Message::Binary(proto::SignalResponse { message: Some(message) }.encode_to_vec().into())
}

fn closing(reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: close_code::NORMAL, reason: reason.into() }))
}
