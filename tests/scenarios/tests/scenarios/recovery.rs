//! What is lost comes back by itself.

use std::time::{Duration, Instant};

use beckon_protocol::Code;
use beckon_protocol::channel::app::RoomPhase;
use beckon_scenarios::{Client, LiveKitServer, SocksProxy, TestServer, Wire, Wish, turn};
use beckon_session::{CameraChoice, MicrophoneChoice, SessionReport};
use url::Url;

use crate::SERVER;

/// From the server's return to everybody's seeing each other again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

fn pictures(report: &SessionReport, user: &str) -> u64 {
    report.received.iter().filter(|t| t.user_id == user && t.kind == "video").map(|t| t.frames_decoded).sum()
}

/// What can be lost, and come back.
pub(crate) enum Lost<'a> {
    /// The server, killed.
    Killed(&'a mut TestServer),
    /// The server, stopped in order.
    Stopped(&'a mut TestServer),
    /// The LiveKit server, killed.
    LiveKit(&'a mut LiveKitServer),
}

impl Lost<'_> {
    async fn go(&mut self) {
        match self {
            Self::Killed(server) => server.kill().await.unwrap(),
            Self::Stopped(server) => server.stop().await.unwrap(),
            Self::LiveKit(server) => server.kill().await.unwrap(),
        }
    }

    async fn come_back(&mut self) {
        match self {
            Self::Killed(server) | Self::Stopped(server) => server.start_again().await.unwrap(),
            Self::LiveKit(server) => server.start_again().await.unwrap(),
        }
    }
}

/// For any server at `url`: what carries the call is lost in the middle of it.
pub(crate) async fn all_are_back_after(url: &Url, mut lost: Lost<'_>) {
    let ann = Client::join(url, Wish::create("back", "ann")).await.unwrap();
    let bob = Client::join(url, Wish::enter("back", "bob")).await.unwrap();
    ann.sees_and_hears("bob").await;
    bob.sees_and_hears("ann").await;
    lost.go().await;
    // LiveKit's server keeps nothing for somebody who comes back after the text.
    let write_into_the_dark = !matches!(lost, Lost::LiveKit(_));
    if write_into_the_dark {
        // Into a connection that is dead, whether that is known yet or not.
        ann.session.send_chat("is anybody there?").unwrap();
    }
    for client in [&ann, &bob] {
        client.until_view("the loss", |v| v.phase == RoomPhase::Reconnecting).await;
    }
    let before = (pictures(&ann.session.report(), "bob"), pictures(&bob.session.report(), "ann"));
    lost.come_back().await;
    let begun = Instant::now();
    for client in [&ann, &bob] {
        client.until_view("the return", |v| v.phase == RoomPhase::Connected && v.members.len() == 2).await;
    }
    // Some pictures of before may still have been on their way.
    ann.until("bob's pictures again", Duration::from_secs(20), |r| pictures(r, "bob") > before.0 + 10).await;
    bob.until("ann's pictures again", Duration::from_secs(20), |r| pictures(r, "ann") > before.1 + 10).await;
    let took = begun.elapsed();
    println!("both see each other again {took:?} after the server's return");
    assert!(took <= BACK_WITHIN, "it took {took:?}");
    if !write_into_the_dark {
        ann.session.send_chat("is anybody there?").unwrap();
    }
    let chat = bob.until("ann's text", Duration::from_secs(10), |r| !r.chat.is_empty()).await.chat;
    assert_eq!(chat, ["ann: is anybody there?"]);
    assert_eq!(ann.leave().await.code, Code::LeftByUser);
    assert_eq!(bob.closed().await.code, Code::RoomDestroyed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_are_back_within_five_seconds_when_a_killed_server_is_started_again() {
    let _turn = turn().await;
    let mut server = TestServer::start(SERVER).await.unwrap();
    all_are_back_after(&server.url(), Lost::Killed(&mut server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_are_back_within_five_seconds_when_a_stopped_server_is_started_again() {
    let _turn = turn().await;
    let mut server = TestServer::start(SERVER).await.unwrap();
    all_are_back_after(&server.url(), Lost::Stopped(&mut server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_signalling_connection_is_resumed_and_nobody_else_notices() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    let wire = Wire::to(server.url().port().unwrap()).await.unwrap();
    a_cut_connection_is_resumed(&wire, &wire.url(), &server.url()).await;
}

/// For any server: ann's signalling, which goes through the wire, is cut; bob's is not, whether it does or not.
pub(crate) async fn a_cut_connection_is_resumed(wire: &Wire, anns: &Url, bobs: &Url) {
    let ann = Client::join(anns, Wish::create("wire", "ann")).await.unwrap();
    let of_ann = wire.connections();
    let bob = Client::join(bobs, Wish::enter("wire", "bob")).await.unwrap();
    ann.sees_and_hears("bob").await;
    bob.sees_and_hears("ann").await;
    let ann_track = bob.session.report().from_user("ann", "video").unwrap().sid.clone();

    wire.cut(of_ann);
    ann.until_view("the loss", |v| v.phase == RoomPhase::Reconnecting).await;
    // What is written meanwhile goes by the media connection, which never broke, or waits.
    ann.session.send_chat("still here").unwrap();
    ann.until_view("the return", |v| v.phase == RoomPhase::Connected && v.members.len() == 2).await;
    let before = (pictures(&ann.session.report(), "bob"), pictures(&bob.session.report(), "ann"));
    let report = ann.until("bob's pictures", Duration::from_secs(10), |r| pictures(r, "bob") > before.0 + 20).await;
    assert_eq!((report.resumes, report.rejoins), (1, 0), "{report:?}");
    let report = bob
        .until("ann's pictures and text", Duration::from_secs(10), |r| {
            pictures(r, "ann") > before.1 + 20 && !r.chat.is_empty()
        })
        .await;
    assert_eq!(report.chat, ["ann: still here"]);
    assert_eq!(report.from_user("ann", "video").unwrap().sid, ann_track, "the same track goes on");
    assert_eq!((report.resumes, report.rejoins), (0, 0));

    // The session that came back is whole: what ann does reaches bob, and her goodbye ends the room.
    ann.session.set_microphone(false);
    bob.until_view("ann muted", |v| v.members.iter().any(|m| m.user_id == "ann" && !m.microphone)).await;
    ann.leave().await;
    assert_eq!(bob.closed().await.code, Code::RoomDestroyed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_are_not_there_are_told_of_and_the_room_goes_on_without_them() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    devices_that_are_not_there(&server.url()).await;
}

/// For any server.
pub(crate) async fn devices_that_are_not_there(url: &Url) {
    let ann = Client::join(url, Wish::create("devices", "ann")).await.unwrap();
    let broken = Wish { broken: true, ..Wish::enter("devices", "bob") };
    let bob = Client::join(url, broken).await.unwrap();
    bob.until_view("what is wrong", |v| v.camera.problem.is_some() && v.microphone.problem.is_some()).await;
    bob.sees_and_hears("ann").await;
    // Another choice, and all is well.
    bob.session.choose_camera(CameraChoice::TestCard);
    bob.session.choose_microphone(MicrophoneChoice::Tone);
    ann.sees_and_hears("bob").await;
    bob.until_view("no problem left", |v| v.camera.problem.is_none() && v.notices.is_empty()).await;
    ann.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_socks5_proxy_everything_goes_over_tcp() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    all_goes_through_a_proxy(&server.url()).await;
}

/// For any server.
pub(crate) async fn all_goes_through_a_proxy(url: &Url) {
    let proxy = SocksProxy::start().await.unwrap();
    let ann = Client::join(url, Wish::create("proxy", "ann")).await.unwrap();
    let bob = Wish { proxy: proxy.port(), ..Wish::enter("proxy", "bob") };
    let bob = Client::join(url, bob).await.unwrap();
    ann.sees_and_hears("bob").await;
    bob.sees_and_hears("ann").await;
    bob.until("media over TCP", Duration::from_secs(10), |r| r.transport == "tcp").await;
    // The room service, signalling and a media connection each way.
    assert!(proxy.connections() >= 3, "{}", proxy.connections());
    ann.leave().await;
    bob.closed().await;
    let port = proxy.port();
    drop(proxy);
    let refused = Client::join(url, Wish { proxy: port, ..Wish::create("", "cyd") }).await.err().unwrap();
    assert!(matches!(refused.code, Code::ProxyFailed | Code::ServerUnreachable), "{refused}");
}
