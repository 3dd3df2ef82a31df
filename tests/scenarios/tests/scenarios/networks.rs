//! Bad networks: everything of bob's passes a relay that loses, holds back, limits or stops it.

use std::time::{Duration, Instant};

use beckon_impair::{Profile, Relay};
use beckon_protocol::channel::app::RoomPhase;
use beckon_scenarios::{Client, TestServer, Wish, turn};
use beckon_session::report::{ReceivedTrack, SessionReport};
use beckon_session::{Quality, RoomView, VideoSettings};
use url::Url;

use crate::SERVER;

/// Bob's group at the relay.
const BOB: &str = "bob";

fn video(report: &SessionReport, user: &str) -> ReceivedTrack {
    report.from_user(user, "video").cloned().unwrap_or_default()
}

fn audio(report: &SessionReport, user: &str) -> ReceivedTrack {
    report.from_user(user, "audio").cloned().unwrap_or_default()
}

/// Pictures decoded of a user, over all the tracks they had.
fn pictures(report: &SessionReport, user: &str) -> u64 {
    report.received.iter().filter(|t| t.user_id == user && t.kind == "video").map(|t| t.frames_decoded).sum()
}

/// Pieces of sound of a user that came, over all the tracks they had.
fn heard(report: &SessionReport, user: &str) -> u64 {
    let tracks = report.received.iter().filter(|t| t.user_id == user && t.kind == "audio");
    tracks.map(|t| t.frames_decoded.saturating_sub(t.concealed)).sum()
}

/// What is promised two seconds after a network has changed: no picture stands still for longer …
const LONGEST_FREEZE: Duration = Duration::from_secs(1);
/// … and sound never stops for as long as a syllable is.
const LONGEST_HOLE: Duration = Duration::from_millis(500);

/// Follows somebody's pictures and sound, which must go on, until something holds.
async fn go_on_until(
    client: &Client,
    user: &str,
    what: &str,
    within: Duration,
    holds: impl Fn(&SessionReport) -> bool,
) -> SessionReport {
    let begun = Instant::now();
    let mut seen = [(0, begun); 2];
    loop {
        let (report, now) = (client.session.report(), Instant::now());
        let counts = [pictures(&report, user), heard(&report, user)];
        for ((last, at), count) in seen.iter_mut().zip(counts) {
            if *last != count {
                (*last, *at) = (count, now);
            }
        }
        let [still, silent] = seen.map(|(_, at)| now - at);
        assert!(
            still <= LONGEST_FREEZE && silent <= LONGEST_HOLE,
            "{what}: no picture for {still:?}, no sound for {silent:?}"
        );
        if holds(&report) {
            return report;
        }
        assert!(begun.elapsed() <= within, "{what} did not come within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Ann on a good network, and bob, who sees and hears her and she him. Bob's network is perfect so far.
async fn ann_and_bob(server: &Url, relay: &Relay, room: &str, settings: VideoSettings) -> (Client, Client) {
    relay.next_clients_are("ann");
    let ann = Wish { video: settings, ..Wish::create(room, "ann") };
    let ann = Client::join(server, ann).await.unwrap();
    // Her connections are known to the relay once media flows.
    ann.until("media from ann", Duration::from_secs(20), |r| {
        r.transport == "udp" && r.sent.iter().any(|t| t.packets_sent > 0)
    })
    .await;
    relay.next_clients_are(BOB);
    let bob = Client::join(server, Wish::enter(room, "bob")).await.unwrap();
    bob.sees_and_hears("ann").await;
    ann.sees_and_hears("bob").await;
    assert_eq!(relay.counts(BOB).await.clients, 2, "bob's two peer connections, and not ann's");
    (ann, bob)
}

fn small() -> VideoSettings {
    Wish::enter("", "").video
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_packet_in_ten_lost_both_ways_they_go_on_seeing_and_hearing_each_other() {
    let _turn = turn().await;
    let (server, relay) = TestServer::behind_relay(SERVER).await.unwrap();
    one_packet_in_ten_is_lost(&server.url(), &relay).await;
}

/// For any server behind the relay.
pub(crate) async fn one_packet_in_ten_is_lost(server: &Url, relay: &Relay) {
    let (ann, bob) = ann_and_bob(server, relay, "lossy", small()).await;
    relay.set(BOB, "loss=0.1 delay=20".parse().unwrap());
    let before = (bob.session.report(), ann.session.report());
    // Some five seconds of 15 pictures a second.
    for (client, other, before) in [(&bob, "ann", &before.0), (&ann, "bob", &before.1)] {
        let report = client
            .until("pictures through the loss", Duration::from_secs(20), |r| {
                pictures(r, other) >= pictures(before, other) + 75
            })
            .await;
        let (sound, sound_before) = (audio(&report, other), audio(before, other));
        let pieces = sound.frames_decoded - sound_before.frames_decoded;
        let made_up = sound.concealed - sound_before.concealed;
        println!("{other}: {made_up} of {pieces} pieces of sound made up, {} freezes", video(&report, other).freezes);
        assert!(made_up * 5 <= pieces, "{made_up} of {pieces} pieces of sound were made up");
    }
    let lost = relay.counts(BOB).await;
    assert!(lost.up.lost > 0 && lost.down.lost > 0, "{lost:?}");
    assert!(ann.session.report().sent.iter().chain(&bob.session.report().sent).any(|t| t.packets_repaired > 0));
    for (client, other) in [(&bob, "ann"), (&ann, "bob")] {
        let pictures = video(&client.session.report(), other);
        assert!(pictures.packets_repaired > 0 && pictures.repairs_asked > 0, "{pictures:?}");
    }
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_becomes_slow_gets_smaller_pictures_and_large_ones_again_when_it_recovers() {
    let _turn = turn().await;
    let (server, relay) = TestServer::behind_relay(SERVER).await.unwrap();
    let settings = VideoSettings { width: 1280, height: 720, fps: 15, max_bitrate_bps: 1_500_000 };
    let (ann, bob) = ann_and_bob(&server.url(), &relay, "stepping", settings).await;
    relay.set(BOB, Profile::limited(3_000_000));
    let wide = |r: &SessionReport| video(r, "ann").width;
    bob.until("the full size", Duration::from_secs(20), |r| wide(r) == 1280).await;
    // Nobody else watches: the one layer that bob gets is all that is encoded.
    ann.until("one layer sent", Duration::from_secs(20), |r| r.sent.iter().any(|t| t.layers_sent == [1280])).await;
    let two_seconds = Duration::from_secs(2);
    let changed = Instant::now();
    relay.set(BOB, Profile::limited(300_000));
    bob.until("a size that fits", two_seconds, |r| wide(r) == 320).await;
    println!("320 pixels after {:?}", changed.elapsed());
    tokio::time::sleep_until((changed + two_seconds).into()).await;
    let later = pictures(&bob.session.report(), "ann") + 60;
    go_on_until(&bob, "ann", "pictures that flow", Duration::from_secs(10), |r| pictures(r, "ann") >= later).await;
    ann.until("the large layers given up", Duration::from_secs(20), |r| r.sent.iter().any(|t| t.layers_sent == [320]))
        .await;
    let changed = Instant::now();
    relay.set(BOB, Profile::limited(3_000_000));
    let large = go_on_until(&bob, "ann", "a larger size again", Duration::from_secs(10), |r| wide(r) > 320).await;
    println!("{} pixels after {:?}; {:?}", wide(&large), changed.elapsed(), video(&large, "ann").shown_delay_ms);
    assert_eq!((large.resumes, large.rejoins), (0, 0), "the connection held");
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_five_seconds_without_a_packet_pictures_come_back_by_themselves() {
    let _turn = turn().await;
    let (server, relay) = TestServer::behind_relay(SERVER).await.unwrap();
    five_seconds_pass_without_a_packet(&server.url(), &relay).await;
}

/// For any server behind the relay.
pub(crate) async fn five_seconds_pass_without_a_packet(server: &Url, relay: &Relay) {
    let (ann, bob) = ann_and_bob(server, relay, "dark", small()).await;
    relay.set(BOB, Profile::dead());
    // Nobody knows of it yet.
    bob.session.send_chat("into the dark").unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = (pictures(&bob.session.report(), "ann"), pictures(&ann.session.report(), "bob"));
    relay.set(BOB, Profile::default());
    let begun = Instant::now();
    bob.until("ann's pictures", Duration::from_secs(15), |r| pictures(r, "ann") > before.0 + 5).await;
    ann.until("bob's pictures", Duration::from_secs(15), |r| pictures(r, "bob") > before.1 + 5).await;
    println!("pictures both ways {:?} after the black-out", begun.elapsed());
    bob.until_view("a room that is whole", |v| v.phase == RoomPhase::Connected && v.members.len() == 2).await;
    let chat = ann.until("bob's text", Duration::from_secs(15), |r| !r.chat.is_empty()).await.chat;
    assert_eq!(chat, ["bob: into the dark"]);
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_address_changes_comes_back_by_itself() {
    let _turn = turn().await;
    let (server, relay) = TestServer::behind_relay(SERVER).await.unwrap();
    an_address_changes(&server.url(), &relay).await;
}

/// For any server behind the relay.
pub(crate) async fn an_address_changes(server: &Url, relay: &Relay) {
    let (ann, bob) = ann_and_bob(server, relay, "moving", small()).await;
    let before = (pictures(&bob.session.report(), "ann"), pictures(&ann.session.report(), "bob"));
    relay.rebind(BOB).await.unwrap();
    let begun = Instant::now();
    // Some pictures may still have been on their way.
    bob.until("ann's pictures", Duration::from_secs(40), |r| pictures(r, "ann") > before.0 + 5).await;
    ann.until("bob's pictures", Duration::from_secs(40), |r| pictures(r, "bob") > before.1 + 5).await;
    let back = begun.elapsed();
    println!("pictures both ways {back:?} after the change");
    // What is promised; it takes 0.6 s. Who waits until the old way has run out needs 15 s: that must not come back unseen.
    assert!(back <= Duration::from_secs(3), "{back:?}");
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_connection_and_its_recovery_are_told_to_all() {
    let _turn = turn().await;
    let (server, relay) = TestServer::behind_relay(SERVER).await.unwrap();
    a_bad_connection_is_told_to_all(&server.url(), &relay).await;
}

/// For any server behind the relay.
pub(crate) async fn a_bad_connection_is_told_to_all(server: &Url, relay: &Relay) {
    let (ann, bob) = ann_and_bob(server, relay, "telling", small()).await;
    let says = |quality: Quality| {
        move |view: &RoomView| view.members.iter().any(|member| member.user_id == "bob" && member.quality == quality)
    };
    ann.until_view("that bob's connection is good", says(Quality::Excellent)).await;
    relay.set(BOB, "loss=0.3".parse().unwrap());
    ann.until_view("that it is poor", says(Quality::Poor)).await;
    bob.until_view("that his own is poor", says(Quality::Poor)).await;
    // LiveKit's server counts what is lost on bob's way as hers, too, for a moment.
    let anns = |view: &RoomView| view.members.iter().find(|member| member.user_id == "ann").map(|ann| ann.quality);
    bob.until_view("that hers is as it was", |view| anns(view) == Some(Quality::Excellent)).await;
    relay.set(BOB, Profile::default());
    // It judges every five seconds, and goes up step by step: twenty seconds may just not do.
    let long = Duration::from_secs(45);
    ann.until_view_within("that it is good again", long, says(Quality::Excellent)).await;
    bob.until_view_within("that his own is good again", long, says(Quality::Excellent)).await;
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_udp_passes_tcp_takes_over_within_five_seconds() {
    let _turn = turn().await;
    let (server, relay) = TestServer::behind_relay(SERVER).await.unwrap();
    relay.set("", Profile::dead());
    let ann = Client::join(&server.url(), Wish::create("blocked", "ann")).await.unwrap();
    let begun = Instant::now();
    let bob = Client::join(&server.url(), Wish::enter("blocked", "bob")).await.unwrap();
    let report =
        bob.until("ann's pictures", Duration::from_secs(15), |r| pictures(r, "ann") >= 5 && r.transport == "tcp").await;
    println!("pictures over TCP {:?} after joining; {} rejoins", begun.elapsed(), report.rejoins);
    assert!(begun.elapsed() <= Duration::from_secs(5), "{:?}", begun.elapsed());
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_udp_ends_in_mid_call_tcp_takes_over_within_five_seconds() {
    let _turn = turn().await;
    let (server, relay) = TestServer::behind_relay(SERVER).await.unwrap();
    let (ann, bob) = ann_and_bob(&server.url(), &relay, "ending", small()).await;
    relay.set(BOB, Profile::dead());
    let ended = Instant::now();
    bob.until("a connection over TCP", Duration::from_secs(20), |r| r.transport == "tcp").await;
    for (client, other) in [(&bob, "ann"), (&ann, "bob")] {
        let before = client.session.report();
        client
            .until("pictures and sound", Duration::from_secs(20), |r| {
                pictures(r, other) >= pictures(&before, other) + 5 && heard(r, other) >= heard(&before, other) + 20
            })
            .await;
    }
    let took = ended.elapsed();
    let rejoins = bob.session.report().rejoins;
    println!("pictures and sound both ways over TCP {took:?} after the last packet over UDP; {rejoins} rejoins");
    assert!(took <= Duration::from_secs(5), "{took:?}");
    ann.leave().await;
    bob.closed().await;
}
