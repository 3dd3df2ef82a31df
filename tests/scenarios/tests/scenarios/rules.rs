//! The rules of a room.

use std::time::Duration;

use beckon_protocol::Code;
use beckon_protocol::room::{Role, StyleType, Template};
use beckon_scenarios::{Client, TestServer, Wish, turn};
use url::Url;

use crate::SERVER;

/// The creator's leaving ends the room for everybody. On any engine.
pub(crate) async fn the_creator_ends_the_room(server: &Url) {
    let ann = Client::join(server, Wish::create("ends", "ann").silent()).await.unwrap();
    let bob = Client::join(server, Wish::enter("ends", "bob").silent()).await.unwrap();
    let cyd = Client::join(server, Wish::enter("ends", "cyd").silent()).await.unwrap();
    let view = bob.until_view("all three", |v| v.members.len() == 3).await;
    assert_eq!((view.members[0].user_id.as_str(), view.members[0].role), ("ann", Role::Creator));
    assert_eq!(ann.leave().await.code, Code::LeftByUser);
    assert_eq!(bob.closed().await.code, Code::RoomDestroyed);
    assert_eq!(cyd.closed().await.code, Code::RoomDestroyed);
    let gone = Client::join(server, Wish::enter("ends", "dan").silent()).await.err().unwrap();
    assert_eq!(gone.code, Code::RoomNotFound);
}

/// A member's leaving does not. On any engine.
pub(crate) async fn the_same_user_again_puts_the_older_one_offline(server: &Url) {
    let ann = Client::join(server, Wish::create("again", "ann").silent()).await.unwrap();
    let old = Client::join(server, Wish::enter("again", "bob").silent()).await.unwrap();
    ann.until_view("bob", |v| v.members.len() == 2).await;
    let new = Client::join(server, Wish::enter("again", "bob")).await.unwrap();
    assert_eq!(old.closed().await.code, Code::JoinedElsewhere);
    ann.sees_and_hears("bob").await;
    ann.until_view("one bob only", |v| v.members.iter().filter(|m| m.user_id == "bob").count() == 1).await;
    assert_eq!(new.leave().await.code, Code::LeftByUser);
    ann.until_view("bob's leaving", |v| v.members.len() == 1).await;
    assert!(ann.session.view().borrow().end.is_none());
    ann.leave().await;
}

/// Who finds all places of a live room taken sees, hears and writes, and opens no device. On any engine.
pub(crate) async fn the_audience_sees_and_hears_and_sends_nothing(server: &Url) {
    let live = |wish| Wish { style: StyleType::LiveRoom, template: Template::OneToOne, ..wish };
    let ann = Client::join(server, live(Wish::create("live", "ann"))).await.unwrap();
    let bob = Client::join(server, live(Wish::enter("live", "bob"))).await.unwrap();
    ann.sees_and_hears("bob").await;
    let cyd = Client::join(server, live(Wish::enter("live", "cyd"))).await.unwrap();
    cyd.sees_and_hears("ann").await;
    cyd.sees_and_hears("bob").await;
    cyd.session.set_camera(true);
    cyd.session.send_chat("bravo").unwrap();
    ann.until("the applause", Duration::from_secs(20), |r| r.chat.contains(&"cyd: bravo".to_owned())).await;
    let view = cyd.session.view().borrow().clone();
    assert!(!view.may_publish && !view.camera.on && !view.microphone.on && view.notices.is_empty(), "{view:#?}");
    assert!(cyd.session.report().sent.iter().all(|t| t.label.is_empty() && t.captured == 0 && t.sid.is_empty()));
    let seen = ann.until_view("all three", |v| v.members.len() == 3).await;
    let seen = seen.members.iter().find(|m| m.user_id == "cyd").unwrap();
    assert!(seen.role == Role::Audience && !seen.camera && !seen.microphone, "{seen:#?}");
    assert!(bob.session.view().borrow().may_publish);
    ann.leave().await;
    cyd.closed().await;
    bob.closed().await;
}

pub(crate) async fn a_room_without_an_id_gets_one(server: &Url) {
    let ann = Client::join(server, Wish::create("", "ann").silent()).await.unwrap();
    let room = ann.session.opened().await.unwrap().room_id;
    assert!(!room.is_empty());
    let bob = Client::join(server, Wish::enter(&room, "bob").silent()).await.unwrap();
    bob.until_view("both", |v| v.members.len() == 2).await;
    ann.leave().await;
    bob.closed().await;
}

pub(crate) async fn a_full_room_has_a_place_again_when_somebody_leaves(server: &Url) {
    let wish = Wish { template: Template::OneToOne, ..Wish::create("full", "ann").silent() };
    let ann = Client::join(server, wish).await.unwrap();
    let bob = Client::join(server, Wish::enter("full", "bob").silent()).await.unwrap();
    let refused = Client::join(server, Wish::enter("full", "cyd").silent()).await.err().unwrap();
    assert_eq!(refused.code, Code::RoomFull);
    bob.leave().await;
    ann.until_view("bob's leaving", |v| v.members.len() == 1).await;
    let begun = std::time::Instant::now();
    let cyd = loop {
        match Client::join(server, Wish::enter("full", "cyd").silent()).await {
            Ok(cyd) => break cyd,
            Err(error) => assert!(
                error.code == Code::RoomFull && begun.elapsed() < Duration::from_secs(10),
                "no place for cyd: {error}"
            ),
        }
    };
    ann.leave().await;
    cyd.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audience_of_a_live_room_opens_no_device_and_sends_nothing() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    the_audience_sees_and_hears_and_sends_nothing(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creator_who_leaves_ends_the_room_for_the_others() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    the_creator_ends_the_room(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_user_joining_again_puts_the_older_one_offline_and_no_one_else() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    the_same_user_again_puts_the_older_one_offline(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_made_without_an_id_gets_one_that_others_can_enter() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    a_room_without_an_id_gets_one(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_room_says_so_and_has_a_place_again_when_somebody_leaves() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    a_full_room_has_a_place_again_when_somebody_leaves(&server.url()).await;
}
