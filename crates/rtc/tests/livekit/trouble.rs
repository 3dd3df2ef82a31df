//! Bad input, refusals and being sent away.

use std::time::Duration;

use beckon_rtc::{ConnectError, DisconnectReason, Room, RoomError, RoomEvent, WriteError};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Client, on_air, options};
use crate::server::{token, token_of_another_secret};
use crate::server_or_skip;

#[tokio::test]
async fn a_bad_token_is_refused_and_the_error_says_so() {
    let server = server_or_skip!();
    for bad in [token_of_another_secret("bad"), "no.token.at.all".into(), String::new()] {
        let error = Room::connect(options(&server.url(), bad)).await.err().unwrap();
        assert!(matches!(error, ConnectError::Refused { status: 401 | 403, .. }), "{error:?}");
        assert!(error.to_string().contains("token"), "{error}");
    }
}

#[tokio::test]
async fn the_same_identity_again_puts_the_first_one_offline() {
    let server = server_or_skip!();
    let mut first = Client::join(options(&server.url(), token("twice", "ann"))).await;
    let (camera, ..) = &on_air(&first).await;
    let second = Client::join(options(&server.url(), token("twice", "ann"))).await;
    let reason = first
        .until("the end", |e| match e {
            RoomEvent::Disconnected { reason } => Some(reason.clone()),
            _ => None,
        })
        .await;
    assert_eq!(reason, DisconnectReason::DuplicateIdentity);
    assert!(first.room.is_closed() && !second.room.is_closed());
    assert_eq!(first.room.send_chat("hello?"), Err(RoomError::Closed));
    let frame = beckon_rtc::EncodedVideo { data: Bytes::new(), key: true, capture_ns: 0, layer: 0 };
    assert_eq!(camera.write_video(frame), Err(WriteError::Gone));
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_unreachable() {
    let error = Room::connect(options("ws://127.0.0.1:1", "token".into())).await.err().unwrap();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn servers_that_speak_something_else_are_told_apart_and_never_hang() {
    for (answer, what) in [
        (&b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"[..], "503"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "protocol"),
        (b"", "protocol"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer).await;
        });
        let error = Room::connect(options(&url, "token".into())).await.err().unwrap();
        assert!(error.to_string().contains(what), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = options(&format!("ws://{}", listener.local_addr().unwrap()), "token".into());
    options.connect_timeout = Duration::from_millis(300);
    let error = Room::connect(options).await.err().unwrap();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
}
