//! A participant on LiveKit's SDK with the Rust core. Each test is skipped where it is not installed.

use std::time::{Duration, Instant};

use beckon_scenarios::{Client, Engine, FfiPeer, FfiReport, Place, TestServer, Wish, turn};
use beckon_server::config::{DEV_KEY, DEV_SECRET};

use crate::SERVER;

/// What our client decodes; by itself the SDK publishes in VP8, whatever a server names.
const H264: Option<&str> = Some("H264");
const WITHIN: Duration = Duration::from_secs(30);
/// How often lossy data is sent until some comes.
const LOSSY_EVERY: Duration = Duration::from_millis(200);
/// Codes of 20 pictures and a second of the tone.
const CODES: u64 = 20;
const PERIODS: u64 = 400;

fn sees_and_hears(report: &FfiReport, user: &str) -> bool {
    report.codes(user) >= CODES && report.periods(user) >= PERIODS
}

/// Both sides see, hear and read each other. On any engine.
async fn each_sees_hears_and_reads_the_other(place: &Place) {
    let ann = Client::join(&place.server(), Wish::create("sdk", "ann")).await.unwrap();
    let Some(mut rusty) = FfiPeer::join(&place.engine(), "sdk", "rusty", H264).await.unwrap() else { return };
    let video = ann.sees_and_hears("rusty").await.from_user("rusty", "video").cloned().unwrap();
    // Where it begins smaller, its sizes are multiples of eight: 480 × 264.
    assert!((video.width * 9).abs_diff(video.height * 16) * 30 <= video.width * 9, "{video:?}");
    let report = rusty.until("ann's media", WITHIN, |r| sees_and_hears(r, "ann")).await;
    assert_eq!(report.participants, ["ann"]);
    assert_eq!(report.published.len(), 2, "{report:?}");
    let seen = &report.seen["ann"];
    assert!(seen.codes * 10 >= seen.pictures * 9 && (seen.width, seen.height) == (320, 180), "{seen:?}");
    rusty.until("the news that ann gets its tracks", WITHIN, |r| r.awaited == 2).await;

    ann.session.send_chat("hello rusty 你好").unwrap();
    let said = "ann: hello rusty 你好".to_owned();
    rusty.until("ann's text in both forms", WITHIN, |r| r.texts.contains(&said) && r.older_texts.contains(&said)).await;
    rusty.say("hello yourself").await.unwrap();
    ann.until("the peer's text", WITHIN, |r| r.chat.contains(&"rusty: hello yourself".to_owned())).await;

    rusty.leave().await.unwrap();
    ann.until_view("being alone", |v| v.members.len() == 1).await;
    ann.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn livekits_rust_core_sees_hears_and_reads_our_client_on_our_server_and_the_other_way_round() {
    let _turn = turn().await;
    each_sees_hears_and_reads_the_other(&Place::ours(SERVER).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_its_rust_core_and_our_client_do_the_same() {
    let _turn = turn().await;
    let Some(place) = Place::on_livekit(SERVER).await.unwrap() else { return };
    each_sees_hears_and_reads_the_other(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_livekits_rust_core_talk_over_our_server_and_are_back_after_it_was_killed() {
    let _turn = turn().await;
    let mut server = TestServer::start(SERVER).await.unwrap();
    let engine = Engine { url: server.url(), key: DEV_KEY, secret: DEV_SECRET };
    let Some(mut one) = FfiPeer::join(&engine, "pair", "one", None).await.unwrap() else { return };
    let Some(mut two) = FfiPeer::join(&engine, "pair", "two", None).await.unwrap() else { return };
    see_each_other(&mut one, &mut two).await;
    // More than fits into one message.
    one.call("two", 40_000).await.unwrap();
    one.until("the answer to a large request", WITHIN, |r| r.answers == ["40000"]).await;
    data_goes_both_ways(&mut one, &mut two, "hello").await;

    server.kill().await.unwrap();
    server.start_again().await.unwrap();
    for peer in [&mut one, &mut two] {
        peer.until("the return", WITHIN, |r| r.rejoins > 0 && r.participants.len() == 1).await;
    }
    see_each_other(&mut one, &mut two).await;
    data_goes_both_ways(&mut one, &mut two, "hello again").await;
    one.leave().await.unwrap();
    two.until("being alone", WITHIN, |r| r.participants.is_empty()).await;
}

/// Waits until both see and hear more of each other than they had.
async fn see_each_other(one: &mut FfiPeer, two: &mut FfiPeer) {
    for (peer, other) in [(one, "two"), (two, "one")] {
        let had = peer.report();
        let (codes, periods) = (had.codes(other) + CODES, had.periods(other) + PERIODS);
        peer.until("the other's media", WITHIN, |r| r.codes(other) >= codes && r.periods(other) >= periods).await;
    }
}

async fn data_goes_both_ways(one: &mut FfiPeer, two: &mut FfiPeer, text: &str) {
    data_goes(one, "one", two, text).await;
    data_goes(two, "two", one, text).await;
}

/// As a reliable message, and as a lossy one: of those so many are sent that one comes.
async fn data_goes(from: &mut FfiPeer, name: &str, to: &mut FfiPeer, text: &str) {
    from.send(text, true).await.unwrap();
    let said = format!("{name}: reliable: {text}");
    to.until("reliable data", WITHIN, |r| r.data.contains(&said)).await;
    let said = format!("{name}: lossy: {text}");
    let begun = Instant::now();
    while !to.report().data.contains(&said) {
        assert!(begun.elapsed() < WITHIN, "no lossy data: {:?}", to.report().data);
        from.send(text, false).await.unwrap();
        tokio::time::sleep(LOSSY_EVERY).await;
    }
}
