//! The rules of a room.

use std::time::Duration;

use beckon_protocol::Code;
use beckon_protocol::room::{Role, Template};
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
    let ann = Client::join(&server.url(), Wish::create("", "ann").silent()).await.unwrap();
    let room = ann.session.opened().await.unwrap().room_id;
    assert!(!room.is_empty());
    let bob = Client::join(&server.url(), Wish::enter(&room, "bob").silent()).await.unwrap();
    bob.until_view("both", |v| v.members.len() == 2).await;
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_room_says_so_and_has_a_place_again_when_somebody_leaves() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    let wish = Wish { template: Template::OneToOne, ..Wish::create("full", "ann").silent() };
    let ann = Client::join(&server.url(), wish).await.unwrap();
    let bob = Client::join(&server.url(), Wish::enter("full", "bob").silent()).await.unwrap();
    let refused = Client::join(&server.url(), Wish::enter("full", "cyd").silent()).await.err().unwrap();
    assert_eq!(refused.code, Code::RoomFull);
    bob.leave().await;
    ann.until_view("bob's leaving", |v| v.members.len() == 1).await;
    let begun = std::time::Instant::now();
    let cyd = loop {
        match Client::join(&server.url(), Wish::enter("full", "cyd").silent()).await {
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
