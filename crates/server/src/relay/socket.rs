//! One WebSocket of the relay.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;

use super::{Order, Relay, hall::SocketId};

/// How often a silent socket is pinged: below the 60 s after which proxies cut one.
const PING: Duration = Duration::from_secs(25);
/// After how many pings without any sign of life a socket is given up.
const PINGS_MAX: u32 = 3;
/// How long one frame may take to be sent.
const SEND: Duration = Duration::from_secs(30);
/// How long the other end may take to answer a close.
const CLOSING: Duration = Duration::from_secs(2);

pub(super) async fn serve(relay: Relay, id: SocketId, mut orders: mpsc::UnboundedReceiver<Order>, socket: WebSocket) {
    let (mut out, mut incoming) = socket.split();
    // Reading waits while the other side is slow, writing must not: two tasks.
    let (seen, mut alive) = mpsc::channel::<()>(1);
    let reader = async {
        loop {
            let message = match incoming.next().await {
                Some(Ok(message)) => message,
                _ => return None,
            };
            // A full slot already says it.
            let _ = seen.try_send(());
            match message {
                Message::Text(text) => {
                    let pause = relay.forward(id, text).await;
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                Message::Close(frame) => {
                    // Reading on sends the answer to the close.
                    let _ = tokio::time::timeout(CLOSING, incoming.next()).await;
                    return frame.map(|frame| frame.code);
                }
                Message::Binary(_) => relay.dismiss(id, 1003, "the relay takes text frames only"),
                Message::Ping(_) | Message::Pong(_) => {}
            }
        }
    };
    let writer = async {
        let mut ping = tokio::time::interval(PING);
        let mut unanswered = 0;
        loop {
            let message = tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Text(text, permit)) => {
                        let sent = tokio::time::timeout(SEND, out.send(Message::Text(text))).await;
                        drop(permit);
                        if !matches!(sent, Ok(Ok(()))) {
                            return;
                        }
                        continue;
                    }
                    Some(Order::Close(code, reason)) => {
                        let frame = CloseFrame { code, reason: reason.into() };
                        // One that does not take its close is dropped anyway.
                        let _ = tokio::time::timeout(SEND, out.send(Message::Close(Some(frame)))).await;
                        tokio::time::sleep(CLOSING).await;
                        return;
                    }
                    None => return,
                },
                Some(()) = alive.recv() => {
                    unanswered = 0;
                    continue;
                }
                _ = ping.tick() => {
                    unanswered += 1;
                    if unanswered > PINGS_MAX {
                        return;
                    }
                    Message::Ping(Default::default())
                }
            };
            if !matches!(tokio::time::timeout(SEND, out.send(message)).await, Ok(Ok(()))) {
                return;
            }
        }
    };
    let status = tokio::select! {
        status = reader => status,
        () = writer => None,
    };
    relay.gone(id, status);
}
