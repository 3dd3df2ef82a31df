//! Stopping, and starting again on the same folder.

use beckon_protocol::{Code, room::Role};

use crate::support::{TestServer, User, fails};

#[tokio::test]
async fn rooms_sessions_and_invitations_survive_a_restart() {
    let server = TestServer::with(|config| config.guests.open = false).await;
    let host = server.log_in("host").await;
    let made = host.create_named("r").await;
    let token = host.token.clone();
    let invitation = made.guest_link.split_once("?i=").unwrap().1.to_owned();
    let data = server.stop().await;

    let server = TestServer::on(data, |config| config.guests.open = false).await;
    let host = User { server: &server, token };
    assert_eq!(host.room("r").await.created, made.room.created);
    assert_eq!(host.enter("r").await.role, Role::Creator);
    let entry = serde_json::json!({"roomID": "r", "invitation": invitation, "userName": "x"});
    assert_eq!(server.post("/api/v1/guests", &entry).await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_room_destroyed_before_the_restart_stays_destroyed() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    host.create_named("r").await;
    host.call(reqwest::Method::DELETE, "/api/v1/rooms/r", None::<&()>).await;
    let token = host.token.clone();
    let data = server.stop().await;
    let server = TestServer::on(data, |_| {}).await;
    let host = User { server: &server, token };
    fails(host.get("/api/v1/rooms/r").await, 404, Code::RoomNotFound).await;
    server.stop().await;
}

#[tokio::test]
async fn a_room_that_nobody_comes_back_to_goes_after_its_time() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    host.create_named("r").await;
    let token = host.token.clone();
    let data = server.stop().await;
    let server = TestServer::on(data, |config| config.rooms.abandoned_after_s = 0).await;
    User { server: &server, token }.wait_for_end("r").await;
    server.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_told_with_its_address() {
    let server = TestServer::start().await;
    let data = tempfile::tempdir().unwrap();
    let config = crate::support::config(&data, |config| config.listen = server.address);
    let error = beckon_server::Server::start(config).await.err().unwrap().to_string();
    assert!(error.contains(&server.address.to_string()) && error.contains("--listen"), "{error}");
    server.stop().await;
}
