//! Making, finding, entering and ending rooms.

use beckon_protocol::{
    Code,
    room::{Role, StyleType, Template},
    service::{CreateRoom, RoomList},
};
use livekit_api::access_token::TokenVerifier;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{TestServer, fails, read};

#[tokio::test]
async fn a_room_is_made_listed_entered_and_destroyed() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    let wish = CreateRoom {
        room_name: "客户 42".into(),
        room_title: "Title".into(),
        template: Template::OneToTwo,
        user_name: "Host".into(),
        ..CreateRoom::default()
    };
    let made = host.create(wish).await;
    assert_eq!((made.role, made.room.creator.as_str()), (Role::Creator, "host"));
    assert_eq!(made.room.room_id.len(), 12, "the server assigns an ID");
    assert_eq!(made.url, server.socket_url(""));
    assert!(made.guest_link.starts_with(&server.url(&format!("/join/{}?i=", made.room.room_id))));

    let guest = server.log_in("guest").await;
    let entered = guest.enter(&made.room.room_id).await;
    assert_eq!((entered.role, entered.room.room_name.as_str()), (Role::Member, "客户 42"));
    let claims = TokenVerifier::with_api_key("devkey", "secret").verify(entered.token.expose()).unwrap();
    assert_eq!((claims.sub.as_str(), claims.name.as_str()), ("guest", "名字"));
    assert_eq!(claims.video.room, made.room.room_id);
    let metadata: serde_json::Value = serde_json::from_str(&claims.metadata).unwrap();
    assert_eq!(metadata, json!({"avatar": "https://a.example/p.png", "role": "member"}));

    let list: RoomList = read(guest.get("/api/v1/rooms?count=5&index=0").await, StatusCode::OK).await;
    assert_eq!((list.total, list.rooms.len()), (1, 1));

    let path = format!("/api/v1/rooms/{}", made.room.room_id);
    fails(guest.call(Method::DELETE, &path, None::<&()>).await, 403, Code::Forbidden).await;
    assert_eq!(host.call(Method::DELETE, &path, None::<&()>).await.status(), 204);
    fails(guest.try_enter(&made.room.room_id).await, 404, Code::RoomNotFound).await;
    server.stop().await;
}

#[tokio::test]
async fn ids_must_fit_and_be_free() {
    let server = TestServer::start().await;
    let (host, other) = (server.log_in("host").await, server.log_in("other").await);
    host.create_named("crm-42").await;
    let again = other.call(Method::POST, "/api/v1/rooms", Some(&json!({"roomID": "crm-42"}))).await;
    assert_eq!(fails(again, 409, Code::RoomExists).await.field.as_deref(), Some("roomID"));
    for id in ["a/b", "房间", "a b", &"x".repeat(65)] {
        let answer = host.call(Method::POST, "/api/v1/rooms", Some(&json!({"roomID": id}))).await;
        assert_eq!(fails(answer, 400, Code::RoomIdInvalid).await.field.as_deref(), Some("roomID"));
    }
    let template = host.call(Method::POST, "/api/v1/rooms", Some(&json!({"template": "1v9"}))).await;
    assert_eq!(fails(template, 400, Code::WrongParameter).await.field.as_deref(), Some("template"));
    let long = host.call(Method::POST, "/api/v1/rooms", Some(&json!({"roomName": "x".repeat(300)}))).await;
    assert_eq!(fails(long, 400, Code::WrongParameter).await.field.as_deref(), Some("roomName"));
    fails(host.try_enter("nowhere").await, 404, Code::RoomNotFound).await;
    server.stop().await;
}

#[tokio::test]
async fn the_creator_comes_back_into_a_room_they_are_not_in() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    host.create_named("r").await;
    // Their app ended before it joined; the page asks again.
    assert_eq!(host.create_named("r").await.role, Role::Creator);
    server.stop().await;
}

#[tokio::test]
async fn the_template_bounds_who_comes_in() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    host.create_named("call").await;
    let (a, b) = (server.log_in("a").await, server.log_in("b").await);
    a.enter("call").await;
    a.enter("call").await;
    fails(b.try_enter("call").await, 409, Code::RoomFull).await;
    // Who leaves gives the seat back.
    assert_eq!(a.call(Method::POST, "/api/v1/rooms/call/leave", None::<&()>).await.status(), 204);
    b.enter("call").await;

    host.create(CreateRoom { room_id: "live".into(), style: StyleType::LiveRoom, ..CreateRoom::default() }).await;
    assert_eq!(a.enter("live").await.role, Role::Member);
    let audience = b.enter("live").await;
    assert_eq!(audience.role, Role::Audience);
    let claims = TokenVerifier::with_api_key("devkey", "secret").verify(audience.token.expose()).unwrap();
    assert_eq!(claims.video.can_publish, Some(false));
    server.stop().await;
}

#[tokio::test]
async fn one_user_has_so_many_rooms_and_no_more() {
    let server = TestServer::with(|config| config.rooms.per_user = 2).await;
    let host = server.log_in("host").await;
    host.create_named("a").await;
    host.create_named("b").await;
    let third = host.call(Method::POST, "/api/v1/rooms", Some(&json!({}))).await;
    fails(third, 403, Code::Forbidden).await;
    server.stop().await;
}

#[tokio::test]
async fn links_and_addresses_are_those_the_client_knows() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    let answer = server
        .http
        .post(server.url("/api/v1/rooms"))
        .bearer_auth(host.token.expose())
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "meet.example.com")
        .json(&json!({"roomID": "r"}))
        .send()
        .await
        .unwrap();
    let entrance: beckon_protocol::service::Entrance = read(answer, StatusCode::CREATED).await;
    assert_eq!(entrance.url, "wss://meet.example.com");
    assert!(entrance.guest_link.starts_with("https://meet.example.com/join/r?i="));
    server.stop().await;
}
