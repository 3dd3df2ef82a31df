//! People who come by link.

use beckon_protocol::{
    Code,
    room::Role,
    service::{CreateRoom, Entrance, GuestEntrance},
};
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
    // The one other seat of the 1v1 room is taken, by somebody else.
    fails(server.post("/api/v1/guests", &entry).await, 409, Code::RoomFull).await;
    server.stop().await;

    let server = TestServer::with(|config| config.guests.enabled = false).await;
    let made = server.log_in("host").await.create_named("r").await;
    assert_eq!(made.guest_link, "");
    fails(server.post("/api/v1/guests", &entry).await, 403, Code::Forbidden).await;
    server.stop().await;
}

/// Who a way in is for.
fn guest(entrance: &GuestEntrance) -> String {
    TokenVerifier::with_api_key("devkey", "secret").verify(entrance.entrance.token.expose()).unwrap().sub
}

#[tokio::test]
async fn a_guest_who_tries_again_gets_their_own_seat() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    host.create_named("r").await;
    host.create_named("other").await;
    let ask = |room: &str, pass: &str| {
        let entry = json!({"roomID": room, "userName": "王五", "pass": pass});
        let call = server.http.post(server.url("/api/v1/guests")).json(&entry).send();
        async move { call.await.unwrap() }
    };
    let first: GuestEntrance = read(ask("r", "").await, StatusCode::OK).await;
    let again: GuestEntrance = read(ask("r", first.pass.expose()).await, StatusCode::OK).await;
    assert_eq!(guest(&again), guest(&first));

    // Whoever has no pass of ours for this room is somebody else, and the seat is taken.
    let elsewhere: GuestEntrance = read(ask("other", first.pass.expose()).await, StatusCode::OK).await;
    assert_ne!(guest(&elsewhere), guest(&first));
    let changed = format!("{}x", first.pass.expose());
    for pass in ["", "x.y", &changed, elsewhere.pass.expose(), host.token.expose(), first.entrance.token.expose()] {
        fails(ask("r", pass).await, 409, Code::RoomFull).await;
    }
    let last: GuestEntrance = read(ask("r", again.pass.expose()).await, StatusCode::OK).await;
    assert_eq!(guest(&last), guest(&first));
    server.stop().await;
}

#[tokio::test]
async fn links_that_do_not_hold_are_slowed_down_like_log_ins() {
    let server = TestServer::with(|config| {
        config.login.address_failures = 3;
        config.guests.open = false;
    })
    .await;
    server.log_in("host").await.create_named("r").await;
    let entry = json!({"roomID": "r", "invitation": "x.y", "userName": ""});
    for _ in 0..3 {
        fails(server.post("/api/v1/guests", &entry).await, 401, Code::TokenInvalid).await;
    }
    let refused = server.post("/api/v1/guests", &entry).await;
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    fails(refused, 429, Code::TooManyAttempts).await;
    server.stop().await;
}

#[tokio::test]
async fn one_address_cannot_hold_a_room_by_asking_for_its_seats() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    host.create_named("r").await;
    let live = serde_json::from_value::<CreateRoom>(json!({"roomID": "live", "type": "LiveRoom"})).unwrap();
    host.create(live).await;
    let entry = |room: &str, pass: &str| json!({"roomID": room, "userName": "", "pass": pass});
    let mut pass = String::new();
    let most = beckon_server::account::LimitConfig::default().guest_seats;
    for _ in 0..most {
        let given = server.post("/api/v1/guests", &entry("r", &pass)).await;
        let given: GuestEntrance = read(given, StatusCode::OK).await;
        pass = given.pass.expose().to_owned();
    }
    let refused = server.post("/api/v1/guests", &entry("r", &pass)).await;
    assert!(refused.headers().contains_key("retry-after"));
    fails(refused, 429, Code::TooManyAttempts).await;
    // A live room's audience takes nobody's seat, however many come from one office.
    for at in 0..most + 5 {
        let given: GuestEntrance = read(server.post("/api/v1/guests", &entry("live", "")).await, StatusCode::OK).await;
        assert_eq!(given.entrance.role, if at == 0 { Role::Member } else { Role::Audience });
    }
    server.stop().await;
}
