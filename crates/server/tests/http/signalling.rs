//! Rooms and the media engine: who joins over `/rtc` is a member, and the creator's goodbye ends the room.

use std::time::Duration;

use beckon_protocol::{room::Role, service::Entrance};
use beckon_server::config::{DEV_KEY, DEV_SECRET};
use futures_util::{SinkExt, StreamExt};
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_protocol as proto;
use prost::Message as _;
use proto::{signal_request, signal_response};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::support::TestServer;

/// A client that signals and has no media.
pub struct Participant(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Participant {
    pub async fn join(entrance: &Entrance) -> Self {
        let token = entrance.token.expose();
        let url = format!("{}/rtc?access_token={token}&protocol=15&auto_subscribe=1", entrance.url);
        let mut participant = Self(connect_async(url).await.unwrap().0);
        participant.wait_for(|message| matches!(message, signal_response::Message::Join(_)).then_some(())).await;
        participant
    }

    async fn wait_for<T>(&mut self, wanted: impl Fn(&signal_response::Message) -> Option<T>) -> T {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.unwrap().unwrap().unwrap();
            if let Message::Binary(bytes) = message
                && let Some(message) = proto::SignalResponse::decode(bytes).unwrap().message
                && let Some(found) = wanted(&message)
            {
                return found;
            }
        }
    }

    pub async fn leave(mut self) {
        let leave = signal_request::Message::Leave(proto::LeaveRequest {
            reason: proto::DisconnectReason::ClientInitiated as i32,
            ..Default::default()
        });
        let bytes = proto::SignalRequest { message: Some(leave) }.encode_to_vec();
        self.0.send(Message::binary(bytes)).await.unwrap();
        let _ = self.0.close(None).await;
    }

    pub async fn told_to_leave(&mut self) -> proto::DisconnectReason {
        self.wait_for(|message| match message {
            signal_response::Message::Leave(leave) => Some(leave.reason()),
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn the_creator_leaving_ends_the_room_for_everybody() {
    let server = TestServer::start().await;
    let (host, guest) = (server.log_in("host").await, server.log_in("guest").await);
    let creator = Participant::join(&host.create_named("r").await).await;
    let mut member = Participant::join(&guest.enter("r").await).await;
    let room = guest.wait_for_room("r", |room| room.members.len() == 2).await;
    assert_eq!(room.members[0].role, Role::Creator);
    assert_eq!(room.members[1].user_name, "名字");
    assert_eq!(room.members[1].user_avatar, "https://a.example/p.png");

    creator.leave().await;
    assert_eq!(member.told_to_leave().await, proto::DisconnectReason::RoomDeleted);
    guest.wait_for_end("r").await;
    server.stop().await;
}

#[tokio::test]
async fn those_in_rooms_are_counted_and_not_named() {
    let server = TestServer::start().await;
    let host = server.log_in("whose-name").await;
    let creator = Participant::join(&host.create_named("which-room").await).await;
    let health =
        server.wait_for_media(|media| (&media["rooms"], &media["participants"]) == (&json!(1), &json!(1))).await;
    for name in ["whose-name", "which-room"] {
        assert!(!health.to_string().contains(name), "{health}");
    }
    creator.leave().await;
    server.wait_for_media(|media| (&media["rooms"], &media["participants"]) == (&json!(0), &json!(0))).await;
    server.stop().await;
}

#[tokio::test]
async fn a_member_leaving_frees_the_seat_and_the_room_stays() {
    let server = TestServer::start().await;
    let (host, guest) = (server.log_in("host").await, server.log_in("guest").await);
    let mut creator = Participant::join(&host.create_named("r").await).await;
    let member = Participant::join(&guest.enter("r").await).await;
    host.wait_for_room("r", |room| room.members.len() == 2).await;
    member.leave().await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    server.log_in("third").await.enter("r").await;
    // The creator leaves by the API: their connection is ended too.
    assert_eq!(host.call(reqwest::Method::POST, "/api/v1/rooms/r/leave", None::<&()>).await.status(), 204);
    assert_eq!(creator.told_to_leave().await, proto::DisconnectReason::RoomDeleted);
    server.stop().await;
}

#[tokio::test]
async fn the_same_user_again_puts_the_older_offline_and_the_room_stays() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    let mut old = Participant::join(&host.create_named("r").await).await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    let new = Participant::join(&host.enter("r").await).await;
    assert_eq!(old.told_to_leave().await, proto::DisconnectReason::DuplicateIdentity);
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    new.leave().await;
    host.wait_for_end("r").await;
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_tells_everybody_and_they_come_back_to_the_same_room() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    let entrance = host.create_named("r").await;
    let mut creator = Participant::join(&entrance).await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    let token = host.token.clone();
    let address = server.address;
    let (data, reason) = tokio::join!(server.stop(), creator.told_to_leave());
    assert_eq!(reason, proto::DisconnectReason::ServerShutdown);

    let server = TestServer::on(data, |config| config.listen = address).await;
    let host = crate::support::User { server: &server, token };
    // With the token they had before.
    let creator = Participant::join(&entrance).await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    creator.leave().await;
    host.wait_for_end("r").await;
    server.stop().await;
}

#[tokio::test]
async fn a_creator_whose_connection_breaks_has_the_grace_time() {
    let server = TestServer::with(|config| config.rooms.creator_grace_s = 3600).await;
    let host = server.log_in("host").await;
    let creator = Participant::join(&host.create_named("r").await).await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    drop(creator);
    let again = Participant::join(&host.enter("r").await).await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    again.leave().await;
    host.wait_for_end("r").await;
    server.stop().await;
}

#[tokio::test]
async fn a_creator_whose_app_died_makes_the_room_again_and_is_in_it() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    let ghost = Participant::join(&host.create_named("r").await).await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    // No goodbye: the server waits for them to come back, and counts them as in meanwhile.
    drop(ghost);
    let again = host.create_named("r").await;
    assert_eq!(again.role, Role::Creator);
    let mut second = Participant::join(&again).await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    // One that is there indeed is put offline by the newer.
    let third = Participant::join(&host.create_named("r").await).await;
    assert_eq!(second.told_to_leave().await, proto::DisconnectReason::DuplicateIdentity);
    host.wait_for_room("r", |room| room.members.len() == 1).await;
    third.leave().await;
    host.wait_for_end("r").await;
    server.stop().await;
}

#[tokio::test]
async fn tokens_of_the_configured_key_are_taken_and_those_of_others_are_not() {
    let (key, secret) = ("APIours", "a-secret-of-thirty-two-characters-or-more");
    let server = TestServer::with(|config| {
        config.rooms.key = key.into();
        config.rooms.secret = secret.into();
    })
    .await;
    let asked = async |key: &str, secret: &str| {
        let grants = VideoGrants { room_join: true, room: "r".into(), ..VideoGrants::default() };
        let token = AccessToken::with_api_key(key, secret).with_identity("u").with_grants(grants).to_jwt().unwrap();
        server.get(&format!("/rtc/validate?access_token={token}")).await.status()
    };
    assert_eq!(asked(key, secret).await, 200);
    assert_eq!(asked(DEV_KEY, DEV_SECRET).await, 401);
    assert_eq!(asked(key, DEV_SECRET).await, 401);
    // What the room service hands out is signed with it too.
    let host = server.log_in("host").await;
    Participant::join(&host.create_named("ours").await).await.leave().await;
    server.stop().await;
}

#[tokio::test]
async fn what_newer_clients_ask_first_is_refused_so_that_they_can_tell() {
    let server = TestServer::start().await;
    // livekit-client and others take `/rtc` after a 404.
    for path in ["/rtc/v1", "/rtc/v1/validate"] {
        assert_eq!(server.get(path).await.status(), 404);
    }
    // The Go SDK wants one connection for both directions on `/rtc` itself and would end at our first offer.
    let grants = VideoGrants { room_join: true, room: "r".into(), ..VideoGrants::default() };
    let token = AccessToken::with_api_key(DEV_KEY, DEV_SECRET).with_identity("u").with_grants(grants).to_jwt().unwrap();
    let answer = server.get(&format!("/rtc/validate?access_token={token}&join_request=CAES")).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("join_request"));
}
