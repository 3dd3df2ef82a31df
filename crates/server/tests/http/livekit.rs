//! Rooms on a LiveKit server: one that answers as LiveKit does, and notes what it was asked.

use std::collections::HashMap;
use std::sync::Arc;

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
use livekit_api::access_token::{AccessToken, TokenVerifier};
use livekit_protocol as proto;
use parking_lot::Mutex;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::support::{TestServer, fails};

#[derive(Clone, Default)]
struct FakeLiveKit {
    rooms: Arc<Mutex<HashMap<String, Vec<proto::ParticipantInfo>>>>,
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
        "ListRooms" => {
            let request = proto::ListRoomsRequest::decode(body).unwrap();
            assert!(claims.video.room_list);
            let known = rooms.iter().filter(|(name, _)| request.names.contains(name));
            let rooms = known
                .map(|(name, people)| proto::Room {
                    name: name.clone(),
                    num_participants: people.len() as u32,
                    ..Default::default()
                })
                .collect();
            proto::ListRoomsResponse { rooms }.encode_to_vec().into_response()
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
