//! Rooms on a LiveKit server: a look-alike that notes what it was asked, and a real one where it is built
//! (`tests/peers/livekit-server`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use beckon_protocol::{Code, room::Role};
use beckon_server::config::EngineChoice;
use beckon_test_ports::free_port;
use beckon_test_skip::skip;
use livekit_api::access_token::{AccessToken, TokenVerifier};
use livekit_protocol as proto;
use parking_lot::Mutex;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::support::{TestServer, fails};

#[derive(Clone, Default)]
struct FakeLiveKit {
    rooms: Arc<Mutex<HashMap<String, Vec<proto::ParticipantInfo>>>>,
    deletions: Deletions,
}

/// How it deletes rooms.
#[derive(Clone, Default)]
struct Deletions {
    asked: Arc<AtomicU32>,
    /// So many are refused first.
    refused: Arc<AtomicU32>,
    /// While somebody holds it, none is finished.
    held: Arc<tokio::sync::Mutex<()>>,
}

async fn call(
    State(livekit): State<FakeLiveKit>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let Ok(claims) = TokenVerifier::with_api_key("lk-key", "lk-secret").verify(token) else {
        return (StatusCode::UNAUTHORIZED, r#"{"code":"unauthenticated","msg":"bad token"}"#).into_response();
    };
    if method == "DeleteRoom" {
        let Deletions { asked, refused, held } = &livekit.deletions;
        asked.fetch_add(1, Ordering::Relaxed);
        let _held = held.lock().await;
        if refused.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":"unavailable","msg":"busy"}"#).into_response();
        }
    }
    let mut rooms = livekit.rooms.lock();
    match method.as_str() {
        "CreateRoom" => {
            let request = proto::CreateRoomRequest::decode(body).unwrap();
            assert!(claims.video.room_create);
            rooms.entry(request.name.clone()).or_default();
            let room =
                proto::Room { name: request.name, max_participants: request.max_participants, ..Default::default() };
            room.encode_to_vec().into_response()
        }
        "DeleteRoom" => {
            let request = proto::DeleteRoomRequest::decode(body).unwrap();
            match rooms.remove(&request.room) {
                Some(_) => Vec::new().into_response(),
                None => (StatusCode::NOT_FOUND, r#"{"code":"not_found","msg":"no room"}"#).into_response(),
            }
        }
        "ListParticipants" => {
            let request = proto::ListParticipantsRequest::decode(body).unwrap();
            assert!(claims.video.room_admin && claims.video.room == request.room);
            let participants = rooms.get(&request.room).cloned().unwrap_or_default();
            proto::ListParticipantsResponse { participants }.encode_to_vec().into_response()
        }
        "RemoveParticipant" => {
            let request = proto::RoomParticipantIdentity::decode(body).unwrap();
            if let Some(people) = rooms.get_mut(&request.room) {
                people.retain(|who| who.identity != request.identity);
            }
            Vec::new().into_response()
        }
        other => panic!("asked for {other}"),
    }
}

impl FakeLiveKit {
    async fn start(&self) -> String {
        let router = Router::new().route("/twirp/livekit.RoomService/{method}", post(call)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }
}

async fn server_on(url: &str, secret: &str) -> TestServer {
    TestServer::with(|config| {
        config.rooms.engine = EngineChoice::Livekit;
        config.rooms.url = Some(url.parse().unwrap());
        config.rooms.client_url = Some("wss://livekit.example.com".parse().unwrap());
        config.rooms.key = "lk-key".into();
        config.rooms.secret = secret.into();
        config.rooms.poll_s = 0;
    })
    .await
}

async fn send_webhook(server: &TestServer, body: &str, secret: &str) -> reqwest::Response {
    let token = AccessToken::with_api_key("lk-key", secret)
        .with_sha256(&STANDARD.encode(Sha256::digest(body)))
        .to_jwt()
        .unwrap();
    let request = server.http.post(server.url("/livekit/webhook")).header("content-type", "application/webhook+json");
    request.header("authorization", token).body(body.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn tokens_are_livekits_and_the_server_is_asked_who_is_in() {
    let livekit = FakeLiveKit::default();
    let server = server_on(&livekit.start().await, "lk-secret").await;
    let host = server.log_in("host").await;
    let entrance = host.create_named("r").await;
    assert_eq!(entrance.url, "wss://livekit.example.com");
    let claims = TokenVerifier::with_api_key("lk-key", "lk-secret").verify(entrance.token.expose()).unwrap();
    assert_eq!((claims.sub.as_str(), claims.video.room.as_str()), ("host", "r"));
    assert!(livekit.rooms.lock().contains_key("r"));

    let joined = proto::ParticipantInfo {
        sid: "PA_1".into(),
        identity: "host".into(),
        name: "Host".into(),
        metadata: claims.metadata,
        ..Default::default()
    };
    livekit.rooms.lock().get_mut("r").unwrap().push(joined);
    let room = host.wait_for_room("r", |room| room.members.len() == 1).await;
    assert_eq!((room.members[0].user_name.as_str(), room.members[0].role), ("Host", Role::Creator));

    // The embedded engine's signalling is not served.
    assert_eq!(server.get("/rtc/validate").await.status(), 404);
    assert_eq!(host.call(reqwest::Method::DELETE, "/api/v1/rooms/r", None::<&()>).await.status(), 204);
    assert!(!livekit.rooms.lock().contains_key("r"));
    server.stop().await;
}

#[tokio::test]
async fn a_webhook_of_the_creators_goodbye_ends_the_room() {
    let livekit = FakeLiveKit::default();
    let server = server_on(&livekit.start().await, "lk-secret").await;
    let host = server.log_in("host").await;
    host.create_named("r").await;
    let creator = proto::ParticipantInfo { sid: "PA_1".into(), identity: "host".into(), ..Default::default() };
    livekit.rooms.lock().get_mut("r").unwrap().push(creator);
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    let left = r#"{"event":"participant_left","room":{"name":"r"},"participant":{"sid":"PA_1","identity":"host","disconnectReason":"CLIENT_INITIATED"}}"#;
    fails(send_webhook(&server, left, "wrong-secret").await, 401, Code::TokenInvalid).await;
    assert_eq!(send_webhook(&server, left, "lk-secret").await.status(), 200);
    host.wait_for_end("r").await;
    assert!(!livekit.rooms.lock().contains_key("r"));
    server.stop().await;
}

#[tokio::test]
async fn a_room_ends_though_its_creator_does_not_wait_for_it() {
    let livekit = FakeLiveKit::default();
    let server = server_on(&livekit.start().await, "lk-secret").await;
    let host = server.log_in("host").await;
    host.create_named("r").await;
    let held = livekit.deletions.held.lock().await;
    let nothing = serde_json::json!({});
    let leaving = host.call(reqwest::Method::POST, "/api/v1/rooms/r/leave", Some(&nothing));
    tokio::select! {
        _ = leaving => panic!("it is held"),
        () = eventually(|| livekit.deletions.asked.load(Ordering::Relaxed) > 0) => {}
    }
    // The creator's connection is gone; its end may take a moment to be noticed.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(held);
    eventually(|| livekit.rooms.lock().is_empty()).await;
    eventually_created(&server, "r").await;
    server.stop().await;
}

#[tokio::test]
async fn a_livekit_that_does_not_delete_a_room_is_asked_again() {
    let livekit = FakeLiveKit::default();
    let server = server_on(&livekit.start().await, "lk-secret").await;
    let host = server.log_in("host").await;
    host.create_named("r").await;
    livekit.deletions.refused.store(1, Ordering::Relaxed);
    assert_eq!(host.call(reqwest::Method::DELETE, "/api/v1/rooms/r", None::<&()>).await.status(), 204);
    host.wait_for_end("r").await;
    assert!(livekit.rooms.lock().contains_key("r"), "not yet");
    eventually(|| livekit.rooms.lock().is_empty()).await;
    assert_eq!(livekit.deletions.asked.load(Ordering::Relaxed), 2);
    eventually_created(&server, "r").await;
    server.stop().await;
}

/// Waits until the ID can be had by somebody else.
async fn eventually_created(server: &TestServer, room: &str) {
    let other = server.log_in("other").await;
    for _ in 0..200 {
        let answer =
            other.call(reqwest::Method::POST, "/api/v1/rooms", Some(&serde_json::json!({"roomID": room}))).await;
        if answer.status().is_success() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the ID {room} is not free again");
}

async fn eventually(holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("it does not come");
}

#[tokio::test]
async fn a_livekit_that_refuses_or_does_not_answer_leaves_no_room_behind() {
    let livekit = FakeLiveKit::default();
    let server = server_on(&livekit.start().await, "not-the-secret").await;
    let host = server.log_in("host").await;
    let answer = host.call(reqwest::Method::POST, "/api/v1/rooms", Some(&serde_json::json!({"roomID": "r"}))).await;
    fails(answer, 500, Code::Internal).await;
    fails(host.get("/api/v1/rooms/r").await, 404, Code::RoomNotFound).await;
    server.stop().await;

    // A port that was free a moment ago.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = server_on(&format!("http://{closed}"), "lk-secret").await;
    let host = server.log_in("host").await;
    let answer = host.call(reqwest::Method::POST, "/api/v1/rooms", Some(&serde_json::json!({"roomID": "r"}))).await;
    fails(answer, 502, Code::ServerUnreachable).await;
    server.stop().await;
}

/// A real LiveKit server; ended when dropped.
struct RealLiveKit {
    process: std::process::Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for RealLiveKit {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl RealLiveKit {
    /// None, and the test is skipped, where it is not built.
    async fn start(webhook: &str) -> Option<Self> {
        let program = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/livekit-server");
        if !program.is_file() {
            skip("LiveKit's server is not built (tests/peers/livekit-server/README.md)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let [http, udp, tcp] = [(); 3].map(|()| free_port().unwrap());
        let config = format!(
            "port: {http}\nbind_addresses: [\"127.0.0.1\"]\nrtc: {{udp_port: {udp}, tcp_port: {tcp}, node_ip: 127.0.0.1, use_external_ip: false}}\n\
             keys: {{lk-key: {SECRET}}}\nwebhook: {{api_key: lk-key, urls: [\"{webhook}\"]}}\nlogging: {{level: warn}}\n"
        );
        let path = folder.path().join("livekit.yaml");
        std::fs::write(&path, config).unwrap();
        let process = std::process::Command::new(program)
            .arg("--config")
            .arg(path)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let livekit = Self { process, url: format!("http://127.0.0.1:{http}"), _folder: folder };
        for _ in 0..1000 {
            if reqwest::get(&livekit.url).await.is_ok_and(|answer| answer.status().is_success()) {
                return Some(livekit);
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the LiveKit server did not start");
    }
}

const SECRET: &str = "a-secret-as-long-as-livekit-likes-it";

#[tokio::test]
async fn on_a_real_livekit_the_creator_leaving_ends_the_room_for_everybody() {
    use crate::signalling::Participant;
    let port = free_port().unwrap();
    let webhook = format!("http://127.0.0.1:{port}/livekit/webhook");
    let Some(livekit) = RealLiveKit::start(&webhook).await else { return };
    let server = TestServer::with(|config| {
        config.listen.set_port(port);
        config.rooms.engine = EngineChoice::Livekit;
        config.rooms.url = Some(livekit.url.parse().unwrap());
        config.rooms.key = "lk-key".into();
        config.rooms.secret = SECRET.into();
        config.rooms.poll_s = 1;
    })
    .await;
    let (host, guest) = (server.log_in("host").await, server.log_in("guest").await);
    let creator = Participant::join(&host.create_named("r").await).await;
    let mut member = Participant::join(&guest.enter("r").await).await;
    let room = guest.wait_for_room("r", |room| room.members.len() == 2).await;
    assert_eq!((room.members[0].role, room.members[1].user_name.as_str()), (Role::Creator, "名字"));
    assert_eq!(room.members[1].user_avatar, "https://a.example/p.png");

    creator.leave().await;
    assert_eq!(member.told_to_leave().await, proto::DisconnectReason::RoomDeleted);
    guest.wait_for_end("r").await;
    server.stop().await;
}
