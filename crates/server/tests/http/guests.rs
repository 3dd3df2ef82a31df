//! People who come by link.

use beckon_protocol::{Code, room::Role, service::Entrance};
use livekit_api::access_token::TokenVerifier;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{TestServer, fails, read};

#[tokio::test]
async fn an_invitation_lets_a_guest_into_its_room_and_no_other() {
    let server = TestServer::with(|config| config.guests.open = false).await;
    let host = server.log_in("host").await;
    let link = host.create_named("r").await.guest_link;
    host.create_named("other").await;
    let invitation = link.split_once("?i=").unwrap().1;

    let entry = json!({"roomID": "r", "invitation": invitation, "userName": "王五"});
    let entrance: Entrance = read(server.post("/api/v1/guests", &entry).await, StatusCode::OK).await;
    assert_eq!(entrance.role, Role::Member);
    assert_eq!(entrance.guest_link, "", "guests do not invite");
    let claims = TokenVerifier::with_api_key("devkey", "secret").verify(entrance.token.expose()).unwrap();
    assert!(claims.sub.starts_with("guest-") && claims.name == "王五");

    for (room, invitation) in [("other", invitation), ("r", ""), ("r", "x.y"), ("r", host.token.expose())] {
        let entry = json!({"roomID": room, "invitation": invitation, "userName": "王五"});
        let failure = fails(server.post("/api/v1/guests", &entry).await, 401, Code::TokenInvalid).await;
        assert_eq!(failure.field.as_deref(), Some("invitation"));
    }
    server.stop().await;
}

#[tokio::test]
async fn open_guest_links_need_no_invitation_and_closed_ones_take_none() {
    let server = TestServer::start().await;
    server.log_in("host").await.create_named("r").await;
    let entry = json!({"roomID": "r", "userName": ""});
    let entrance: Entrance = read(server.post("/api/v1/guests", &entry).await, StatusCode::OK).await;
    let claims = TokenVerifier::with_api_key("devkey", "secret").verify(entrance.token.expose()).unwrap();
    assert_eq!(claims.name, "Guest");
    let nowhere = json!({"roomID": "nowhere", "userName": "x"});
    fails(server.post("/api/v1/guests", &nowhere).await, 404, Code::RoomNotFound).await;
    // The one other seat of the 1v1 room is taken.
    fails(server.post("/api/v1/guests", &entry).await, 409, Code::RoomFull).await;
    server.stop().await;

    let server = TestServer::with(|config| config.guests.enabled = false).await;
    let made = server.log_in("host").await.create_named("r").await;
    assert_eq!(made.guest_link, "");
    fails(server.post("/api/v1/guests", &entry).await, 403, Code::Forbidden).await;
    server.stop().await;
}
