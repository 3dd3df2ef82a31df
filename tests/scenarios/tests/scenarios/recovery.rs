//! What is lost comes back by itself.

use std::time::{Duration, Instant};

use beckon_protocol::Code;
use beckon_protocol::channel::app::RoomPhase;
use beckon_scenarios::{Client, TestServer, Wish, turn};
use beckon_session::SessionReport;

use crate::SERVER;

/// From the server's return to everybody's seeing each other again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

fn pictures(report: &SessionReport, user: &str) -> u64 {
    report.received.iter().filter(|t| t.user_id == user && t.kind == "video").map(|t| t.frames_decoded).sum()
}

async fn all_are_back_after(kill: bool) {
    let mut server = TestServer::start(SERVER).await.unwrap();
    let ann = Client::join(&server.url(), Wish::create("back", "ann")).await.unwrap();
    let bob = Client::join(&server.url(), Wish::enter("back", "bob")).await.unwrap();
    ann.sees_and_hears("bob").await;
    bob.sees_and_hears("ann").await;
    if kill {
        server.kill().await.unwrap();
    } else {
        server.stop().await.unwrap();
    }
    for client in [&ann, &bob] {
        client.until_view("the loss", |v| v.phase == RoomPhase::Reconnecting).await;
    }
    let before = (pictures(&ann.session.report(), "bob"), pictures(&bob.session.report(), "ann"));
    server.start_again().await.unwrap();
    let begun = Instant::now();
    ann.until("bob's pictures again", Duration::from_secs(20), |r| pictures(r, "bob") > before.0).await;
    bob.until("ann's pictures again", Duration::from_secs(20), |r| pictures(r, "ann") > before.1).await;
    let took = begun.elapsed();
    println!("both see each other again {took:?} after the server's return");
    for client in [&ann, &bob] {
        let view = client.until_view("the return", |v| v.phase == RoomPhase::Connected).await;
        assert_eq!(view.members.len(), 2);
    }
    assert!(took <= BACK_WITHIN, "it took {took:?}");
    assert_eq!(ann.leave().await.code, Code::LeftByUser);
    assert_eq!(bob.closed().await.code, Code::RoomDestroyed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_are_back_within_five_seconds_when_a_killed_server_is_started_again() {
    let _turn = turn().await;
    all_are_back_after(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_are_back_within_five_seconds_when_a_stopped_server_is_started_again() {
    let _turn = turn().await;
    all_are_back_after(false).await;
}
