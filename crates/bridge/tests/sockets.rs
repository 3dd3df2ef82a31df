//! The shell with real sockets: pages, strangers and a relay are played by WebSocket clients and servers.
#![allow(clippy::unwrap_used)]

use std::{net::TcpListener, time::Duration};

use beckon_bridge::{Bridge, BridgeConfig, EndReason, Request};
use beckon_protocol::{
    Code,
    channel::{
        self, Event,
        app::{Closed, RoomPhase, RoomState},
        page::{Challenge, RoomOpened},
        proof::{self, Handshake, Nonce, Place, Side},
    },
    launch::{Launch, LaunchKey, Origin},
    relay::Note,
    rpc::RpcError,
};
use beckon_test_ports::free_port;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc::UnboundedReceiver, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};
use url::Url;

const PAGE: &str = "https://crm.example.com";
const LONG: Duration = Duration::from_secs(20);

/// Ports on which nobody listens.
fn free_ports() -> Vec<u16> {
    (0..2).map(|_| free_port().unwrap()).collect()
}

fn launch(ports: &[u16], relay: Option<Url>) -> Launch {
    Launch { key: LaunchKey::random(), ports: ports.to_vec(), origin: Origin::parse(PAGE).unwrap(), relay }
}

fn bridge() -> (Bridge, UnboundedReceiver<Request>) {
    Bridge::start(BridgeConfig::new("9.9"))
}

async fn next(requests: &mut UnboundedReceiver<Request>) -> Request {
    timeout(LONG, requests.recv()).await.expect("a request in time").expect("a bridge")
}

/// A page's socket.
struct Page<S>(WebSocketStream<S>);

/// Connects as a browser would; tries again while the listener is only just coming up.
async fn knock(port: u16, host: &str, origin: Option<&str>) -> Result<Page<MaybeTlsStream<TcpStream>>, u16> {
    for _ in 0..200 {
        let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().unwrap();
        request.headers_mut().insert("host", HeaderValue::from_str(&host.replace("PORT", &port.to_string())).unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => return Ok(Page(socket)),
            Err(tungstenite::Error::Http(response)) => return Err(response.status().as_u16()),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("nobody listens on {port}");
}

async fn page(port: u16) -> Page<MaybeTlsStream<TcpStream>> {
    knock(port, "127.0.0.1:PORT", Some(PAGE)).await.expect("admitted")
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Page<S> {
    async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    async fn call(&mut self, id: u32, method: &str, params: Value) {
        self.say(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()).await;
    }

    /// The next message; or the status the socket was closed with.
    async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            match timeout(LONG, self.0.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                _ => return Err(1006),
            }
        }
    }

    async fn ask(&mut self, method: &str, params: Value) -> Result<Value, i64> {
        self.call(1, method, params).await;
        let answer = self.hear().await.unwrap();
        answer.get("result").cloned().ok_or_else(|| answer["error"]["code"].as_i64().unwrap())
    }

    /// A whole handshake: the welcome, and the resume key that the page then has.
    async fn hello(&mut self, place: Place, key: &LaunchKey) -> Result<(Value, LaunchKey), i64> {
        let page = Nonce::random();
        let hello = json!({"key": proof::key_id(key), "nonce": page, "version": 1});
        let challenge: Challenge = serde_json::from_value(self.ask("hello", hello).await?).unwrap();
        let handshake = Handshake { place, origin: Origin::parse(PAGE).unwrap(), page, app: challenge.nonce };
        assert_eq!(handshake.proof(key, Side::App), challenge.proof, "the app proves itself first");
        let proof = handshake.proof(key, Side::Page);
        let welcome = self.ask("prove", json!({"proof": proof.expose()})).await?;
        Ok((welcome, handshake.resume_key(key)))
    }
}

fn room() -> Value {
    json!({
        "userdata": {"userID": "u", "sdkAppID": 1, "userSig": "s"},
        "roomdata": {"serverDomain": "https://meet.example.com", "roomAction": "createRoom"}
    })
}

#[tokio::test]
async fn the_page_behind_a_refused_address_hears_its_code() {
    for (change, code) in [
        (|good: &str| good.replace("v=1", "v=2") + "&z=new", Code::LaunchVersion),
        (|good: &str| good.to_owned() + "&z=" + &"z".repeat(10_000), Code::LaunchInvalid),
    ] as [(fn(&str) -> String, Code); 2]
    {
        let (bridge, mut requests) = bridge();
        let ports = free_ports();
        let launch = launch(&ports, None);
        let key = launch.key.clone();
        let refused = Launch::read(&change(&launch.to_url())).unwrap_err();
        let id = bridge.refuse(*refused.page.unwrap(), RpcError::new(refused.error.code(), refused.error.to_string()));

        let mut page = page(ports[0]).await;
        let (welcome, _) = page.hello(Place::Loopback(ports[0]), &key).await.unwrap();
        assert_eq!(welcome["state"], "denied");
        assert_eq!(page.ask("room.open", room()).await, Err(i64::from(code.value())));
        assert_eq!(page.hear().await, Err(channel::CLOSE_DENIED));
        let Request::Ended { launch, reason: EndReason::Refused } = next(&mut requests).await else {
            panic!("not over")
        };
        assert_eq!(launch, id);
    }
}

#[tokio::test]
async fn a_page_opens_a_room_hears_of_it_and_comes_back_after_a_reload() {
    let (bridge, mut requests) = bridge();
    let ports = free_ports();
    let launch = launch(&ports, None);
    let key = launch.key.clone();
    let id = bridge.launch(launch);

    let mut first = page(ports[0]).await;
    let place = Place::Loopback(ports[0]);
    let (welcome, resume) = first.hello(place, &key).await.unwrap();
    assert_eq!(welcome["state"], "awaitingConsent");
    let Request::Consent { launch, origin, relay: None } = next(&mut requests).await else { panic!("no question") };
    assert_eq!((launch, origin.as_str()), (id, PAGE));
    bridge.answer_consent(id, true);
    assert_eq!(first.hear().await.unwrap()["params"], json!({"state": "ready", "app": "9.9"}));

    first.call(2, "room.open", room()).await;
    let Request::RoomOpen { reply, .. } = next(&mut requests).await else { panic!("no room.open") };
    reply.ok(RoomOpened { room_id: "r".into() });
    assert_eq!(first.hear().await.unwrap(), json!({"jsonrpc": "2.0", "id": 2, "result": {"roomID": "r"}}));

    let state = RoomState {
        room_id: "r".into(),
        phase: RoomPhase::Connected,
        camera: true,
        microphone: false,
        speaker: true,
        screen: false,
        guest_link: String::new(),
    };
    bridge.notify(id, Event::RoomState(state));
    assert_eq!(first.hear().await.unwrap()["params"]["phase"], "connected");

    // The page is reloaded: its socket breaks off, a new one resumes.
    drop(first);
    let mut second = page(ports[0]).await;
    let (welcome, _) = second.hello(place, &resume).await.unwrap();
    assert_eq!(welcome["room"]["roomID"], "r");

    second.call(3, "room.close", json!({})).await;
    let Request::RoomClose { reply, .. } = next(&mut requests).await else { panic!("no room.close") };
    bridge.notify(id, Event::Closed(Closed { room_id: "r".into(), code: Code::Ok, msg: "success".into() }));
    reply.ok(());
    assert_eq!(second.hear().await.unwrap()["method"], "closed");
    assert_eq!(second.hear().await.unwrap(), json!({"jsonrpc": "2.0", "id": 3, "result": null}));

    second.0.close(Some(tungstenite::protocol::CloseFrame { code: 1000.into(), reason: "".into() })).await.unwrap();
    let Request::Ended { launch, reason } = next(&mut requests).await else { panic!("not ended") };
    assert_eq!((launch, reason), (id, EndReason::PageGone));
}

#[tokio::test]
async fn strangers_are_refused_at_the_door_or_without_the_key() {
    let (bridge, _requests) = bridge();
    let ports = free_ports();
    let launch = launch(&ports, None);
    let key = launch.key.clone();
    bridge.launch(launch);

    // A page of another origin, a name rebound to loopback, a local program without Origin.
    let _ = page(ports[0]).await;
    assert_eq!(knock(ports[0], "127.0.0.1:PORT", Some("https://evil.example")).await.err(), Some(403));
    assert_eq!(knock(ports[0], "evil.example:PORT", Some(PAGE)).await.err(), Some(403));
    assert_eq!(knock(ports[0], "127.0.0.1:1", Some(PAGE)).await.err(), Some(403));
    assert_eq!(knock(ports[0], "127.0.0.1:PORT", None).await.err(), Some(403));

    // A local program that forges the Origin but has no key.
    let mut forged = page(ports[0]).await;
    let place = Place::Loopback(ports[0]);
    assert_eq!(forged.hello(place, &LaunchKey::random()).await.err(), Some(1004));
    assert_eq!(forged.hear().await, Err(channel::CLOSE_WRONG_KEY));

    // The key, then the key replayed.
    assert!(page(ports[0]).await.hello(place, &key).await.is_ok());
    assert_eq!(page(ports[0]).await.hello(place, &key).await.err(), Some(1004));
}

#[tokio::test]
async fn oversized_and_malformed_messages_are_answered_and_do_no_harm() {
    let (bridge, mut requests) = bridge();
    let ports = free_ports();
    let launch = launch(&ports, None);
    let key = launch.key.clone();
    let id = bridge.launch(launch);
    let mut own = page(ports[0]).await;
    own.hello(Place::Loopback(ports[0]), &key).await.unwrap();
    assert!(matches!(next(&mut requests).await, Request::Consent { .. }));
    bridge.answer_consent(id, true);
    own.hear().await.unwrap();

    own.say("x".repeat(300_000)).await;
    assert_eq!(own.hear().await.unwrap()["error"]["code"], 1008);
    own.say("[1,2").await;
    assert_eq!(own.hear().await.unwrap()["error"]["code"], 1006);
    own.call(5, "room.open", room()).await;
    let Request::RoomOpen { reply, .. } = next(&mut requests).await else { panic!("no room.open") };
    // An answer that is forgotten is one too.
    drop(reply);
    assert_eq!(own.hear().await.unwrap()["error"]["code"], 5999);

    // What is not even read to its end breaks the socket, not the bridge.
    let _ = own.0.send(Message::text("x".repeat(8 << 20))).await;
    assert!(own.hear().await.is_err());
    let _ = page(ports[0]).await;
}

#[tokio::test]
async fn a_taken_port_leads_to_the_next_and_no_free_port_ends_the_launch() {
    let (bridge, mut requests) = bridge();
    let ports = free_ports();
    let _other = TcpListener::bind(("127.0.0.1", ports[0])).unwrap();
    let second = launch(&ports, None);
    let key = second.key.clone();
    bridge.launch(second);
    assert!(page(ports[1]).await.hello(Place::Loopback(ports[1]), &key).await.is_ok());
    assert!(matches!(next(&mut requests).await, Request::Consent { .. }));

    let stuck = bridge.launch(launch(&ports[..1], None));
    let Request::Ended { launch, reason } = next(&mut requests).await else { panic!("not ended") };
    assert_eq!((launch, reason), (stuck, EndReason::NoRoad));
}

#[tokio::test]
async fn page_and_app_meet_at_the_relay() {
    // A relay with one page on it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let relay = Url::parse(&format!("ws://{address}/relay")).unwrap();

    let (bridge, mut requests) = bridge();
    let launch = launch(&free_ports(), Some(relay));
    let key = launch.key.clone();
    let id = bridge.launch(launch);

    let (stream, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
    let mut app = Page(tokio_tungstenite::accept_async(stream).await.unwrap());
    let origin = Some(Origin::parse(PAGE).unwrap());
    app.say(Note::Peer { origin }.to_message().to_text()).await;
    let (_, resume) = app.hello(Place::Relay, &key).await.unwrap();
    let Request::Consent { relay, .. } = next(&mut requests).await else { panic!("no question") };
    assert_eq!(relay, Some(address.to_string()));
    bridge.answer_consent(id, true);
    assert_eq!(app.hear().await.unwrap()["method"], "launch.state");

    // The page is reloaded and comes back by the same road.
    app.say(Note::Gone.to_message().to_text()).await;
    let origin = Some(Origin::parse(PAGE).unwrap());
    app.say(Note::Peer { origin }.to_message().to_text()).await;
    assert!(app.hello(Place::Relay, &resume).await.is_ok());

    // The relay itself is lost: the app comes back to it.
    drop(app);
    let (stream, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
    let mut app = Page(tokio_tungstenite::accept_async(stream).await.unwrap());
    // And a page of another origin is turned away there too.
    let evil = Some(Origin::parse("https://evil.example").unwrap());
    app.say(Note::Peer { origin: evil }.to_message().to_text()).await;
    assert_eq!(app.hear().await, Err(channel::CLOSE_FOREIGN_ORIGIN));
}

#[tokio::test]
async fn pages_are_told_that_the_app_closes() {
    let (bridge, _requests) = bridge();
    let ports = free_ports();
    let launch = launch(&ports, None);
    let key = launch.key.clone();
    bridge.launch(launch);
    let mut own = page(ports[0]).await;
    own.hello(Place::Loopback(ports[0]), &key).await.unwrap();
    let heard = tokio::spawn(async move { own.hear().await });
    bridge.shutdown().await;
    assert_eq!(heard.await.unwrap(), Err(1001));
    // The port is free again.
    for _ in 0..200 {
        if TcpListener::bind(("127.0.0.1", ports[0])).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the bridge still listens");
}
