//! Page and app meeting on the relay.

use std::time::Duration;

use beckon_protocol::{
    launch::{LaunchKey, Origin},
    relay::{Note, id},
};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::support::TestServer;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(server: &TestServer, side: &str, id: &str, origin: Option<&str>) -> Result<Socket, Error> {
    let mut request = server.socket_url(&format!("/relay?side={side}&id={id}")).into_client_request()?;
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn next(socket: &mut Socket) -> Message {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap();
        if !matches!(message, Message::Ping(_) | Message::Pong(_)) {
            return message;
        }
    }
}

async fn text(socket: &mut Socket) -> String {
    match next(socket).await {
        Message::Text(text) => text.to_string(),
        other => panic!("no text: {other:?}"),
    }
}

async fn close_status(socket: &mut Socket) -> u16 {
    match next(socket).await {
        Message::Close(frame) => frame.unwrap().code.into(),
        other => panic!("no close: {other:?}"),
    }
}

const PAGE: &str = "https://crm.example.com";

async fn met(server: &TestServer) -> (Socket, Socket, String) {
    let id = id(&LaunchKey::random());
    let mut app = connect(server, "app", &id, None).await.unwrap();
    let mut page = connect(server, "page", &id, Some(PAGE)).await.unwrap();
    let origin = Some(Origin::parse(PAGE).unwrap());
    assert_eq!(Note::read(&text(&mut app).await), Some(Note::Peer { origin }));
    assert_eq!(Note::read(&text(&mut page).await), Some(Note::Peer { origin: None }));
    (page, app, id)
}

#[tokio::test]
async fn frames_go_both_ways_unchanged_up_to_the_largest() {
    let server = TestServer::start().await;
    let (mut page, mut app, _) = met(&server).await;
    page.send(Message::text("{\"hello\":\"你好\"}")).await.unwrap();
    assert_eq!(text(&mut app).await, "{\"hello\":\"你好\"}");
    let snapshot = "x".repeat(beckon_server::relay::FRAME_MAX);
    app.send(Message::text(snapshot.clone())).await.unwrap();
    assert!(text(&mut page).await == snapshot);
    server.stop().await;
}

#[tokio::test]
async fn a_frame_too_large_ends_the_socket_that_sent_it() {
    let server = TestServer::start().await;
    let (mut page, mut app, _) = met(&server).await;
    // The server may close before it has read everything.
    let _ = page.send(Message::text("x".repeat(beckon_server::relay::FRAME_MAX + 1))).await;
    assert_eq!(Note::read(&text(&mut app).await), Some(Note::Gone));
    server.stop().await;
}

#[tokio::test]
async fn a_page_reloads_and_finds_the_app_again() {
    let server = TestServer::start().await;
    let (mut page, mut app, id) = met(&server).await;
    page.close(None).await.unwrap();
    assert_eq!(Note::read(&text(&mut app).await), Some(Note::Gone));
    let mut page = connect(&server, "page", &id, Some(PAGE)).await.unwrap();
    assert!(matches!(Note::read(&text(&mut app).await), Some(Note::Peer { .. })));
    text(&mut page).await;
    app.send(Message::text("again")).await.unwrap();
    assert_eq!(text(&mut page).await, "again");
    server.stop().await;
}

#[tokio::test]
async fn an_app_that_goes_takes_the_page_with_it() {
    use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
    let server = TestServer::start().await;
    let (mut page, mut app, _) = met(&server).await;
    app.close(Some(CloseFrame { code: CloseCode::Library(4004), reason: "no".into() })).await.unwrap();
    assert_eq!(close_status(&mut page).await, 4004);
    let (mut page, app, _) = met(&server).await;
    drop(app);
    assert_eq!(close_status(&mut page).await, 1001);
    server.stop().await;
}

#[tokio::test]
async fn a_second_page_replaces_the_first() {
    let server = TestServer::start().await;
    let (mut first, mut app, id) = met(&server).await;
    let mut second = connect(&server, "page", &id, Some("https://other.example")).await.unwrap();
    assert_eq!(close_status(&mut first).await, 1008);
    let other = Some(Origin::parse("https://other.example").unwrap());
    assert_eq!(Note::read(&text(&mut app).await), Some(Note::Peer { origin: other }));
    text(&mut second).await;
    second.send(Message::text("hi")).await.unwrap();
    assert_eq!(text(&mut app).await, "hi");
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_fit_is_refused_in_the_handshake() {
    let server = TestServer::start().await;
    let good = id(&LaunchKey::random());
    for (side, id, origin, status) in [
        ("page", good.as_str(), None, 403),
        ("page", &good, Some("null"), 403),
        ("page", &good, Some("file:///x"), 403),
        ("app", &good, Some(PAGE), 403),
        ("page", "short", Some(PAGE), 400),
        ("nobody", &good, Some(PAGE), 400),
    ] {
        match connect(&server, side, id, origin).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), status, "{side} {id} {origin:?}"),
            other => panic!("{side} {id} {origin:?}: {other:?}"),
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn binary_frames_are_not_taken_and_a_stopping_server_says_goodbye() {
    let server = TestServer::start().await;
    let (mut page, mut app, _) = met(&server).await;
    page.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(close_status(&mut page).await, 1003);
    let stop = server.stop();
    let goodbye = async {
        loop {
            if let Message::Close(frame) = next(&mut app).await {
                return u16::from(frame.unwrap().code);
            }
        }
    };
    assert_eq!(tokio::join!(stop, goodbye).1, 1001);
}
