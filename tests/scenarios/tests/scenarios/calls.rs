//! Seeing, hearing, writing.

use std::time::Duration;

use beckon_scenarios::{Client, TestServer, Wish, turn};
use beckon_session::VideoSettings;
use url::Url;

use crate::SERVER;

/// Both see and hear each other, in step. On any engine.
pub(crate) async fn two_see_and_hear_each_other(server: &Url, tcp: bool) {
    let video = VideoSettings { width: 640, height: 360, fps: 30, max_bitrate_bps: 800_000 };
    let ann = Wish { video, tcp, ..Wish::create("pair", "ann") };
    let bob = Wish { video, tcp, ..Wish::enter("pair", "bob") };
    let ann = Client::join(server, ann).await.unwrap();
    let bob = Client::join(server, bob).await.unwrap();
    for (client, other) in [(&ann, "bob"), (&bob, "ann")] {
        client.sees_and_hears(other).await;
        // The sender's clock reports, by which both are brought in step, come every few seconds.
        let report = client
            .until("the whole size, and lip sync within 80 ms", Duration::from_secs(90), |r| {
                r.from_user(other, "video").is_some_and(|t| {
                    let in_step = t.av_offset_ms.is_some_and(|s| s.count >= 5 && s.p50.abs() <= 80.0);
                    in_step && (t.width, t.height) == (640, 360)
                })
            })
            .await;
        let video = report.from_user(other, "video").unwrap();
        let offset = video.av_offset_ms.unwrap();
        assert_eq!(report.transport, if tcp { "tcp" } else { "udp" });
        println!("{other}: lip sync {offset:?}, shown after {:?}", video.shown_delay_ms);
    }
    ann.leave().await;
    bob.closed().await;
}

/// Texts go both ways. On any engine.
pub(crate) async fn chat_goes_both_ways(server: &Url) {
    let ann = Client::join(server, Wish::create("chat", "ann").silent()).await.unwrap();
    let bob = Client::join(server, Wish::enter("chat", "bob").silent()).await.unwrap();
    // Who is not there yet hears nothing.
    ann.until_view("bob's coming", |v| v.members.len() == 2).await;
    ann.session.send_chat("hello 你好").unwrap();
    bob.until("ann's text", Duration::from_secs(20), |r| r.chat.contains(&"ann: hello 你好".to_owned())).await;
    bob.session.send_chat("hello yourself").unwrap();
    ann.until("bob's text", Duration::from_secs(20), |r| r.chat.contains(&"bob: hello yourself".to_owned())).await;
    let history = bob.session.chat_history();
    assert_eq!(history.iter().map(|c| c.user_name.as_str()).collect::<Vec<_>>(), ["Name of ann", "Name of bob"]);
    ann.leave().await;
    bob.closed().await;
}

/// A camera and a microphone turned off are seen to be off, and come back. On any engine.
pub(crate) async fn muting_is_seen_and_undone(server: &Url) {
    let ann = Client::join(server, Wish::create("mute", "ann")).await.unwrap();
    let bob = Client::join(server, Wish::enter("mute", "bob")).await.unwrap();
    bob.sees_and_hears("ann").await;
    ann.session.set_camera(false);
    ann.session.set_microphone(false);
    let off = |v: &beckon_session::RoomView| v.members.iter().any(|m| m.user_id == "ann" && !m.camera && !m.microphone);
    bob.until_view("ann's devices being off", off).await;
    let sent = ann.session.report().sent;
    assert!(sent.iter().all(|t| t.muted), "{sent:?}");
    let decoded = |r: &beckon_session::SessionReport| r.from_user("ann", "video").map_or(0, |t| t.frames_decoded);
    let before = decoded(&bob.session.report());
    ann.session.set_camera(true);
    ann.session.set_microphone(true);
    let on = |v: &beckon_session::RoomView| v.members.iter().any(|m| m.user_id == "ann" && m.camera && m.microphone);
    bob.until_view("ann's devices being on", on).await;
    bob.until("pictures after the pause", Duration::from_secs(20), |r| decoded(r) > before + 10).await;
    ann.leave().await;
    bob.closed().await;
}

pub(crate) async fn five_all_see_and_hear_all_others(server: &Url) {
    let users = ["ann", "bob", "cyd", "dan", "eve"];
    let mut clients = Vec::new();
    for user in users {
        let wish = if user == "ann" { Wish::create("five", user) } else { Wish::enter("five", user) };
        clients.push(Client::join(server, wish).await.unwrap());
    }
    for (client, me) in clients.iter().zip(users) {
        for other in users.iter().filter(|other| **other != me) {
            client.sees_and_hears(other).await;
        }
        let view = client.until_view("everybody", |v| v.members.len() == 5).await;
        assert_eq!(view.members[0].user_id, "ann", "the creator stands first");
    }
    clients[0].leave().await;
    for client in &clients[1..] {
        client.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_see_and_hear_each_other_in_step() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    two_see_and_hear_each_other(&server.url(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_see_and_hear_each_other_over_tcp_alone() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    two_see_and_hear_each_other(&server.url(), true).await;
}

/// Who does not speak sends hardly any sound; pictures do not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_somebody_quiet_are_shown_at_once() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    let ann = Client::join(&server.url(), Wish::create("quiet", "ann").quiet()).await.unwrap();
    let bob = Client::join(&server.url(), Wish::enter("quiet", "bob").silent()).await.unwrap();
    // The clock reports, by which sound and pictures are brought in step, come every few seconds: long enough that what is shown in
    // step is most of it.
    let report = bob
        .until("twenty seconds of ann's pictures", Duration::from_secs(60), |r| {
            r.from_user("ann", "video").is_some_and(|t| t.codes_read >= 300)
        })
        .await;
    let shown = report.from_user("ann", "video").unwrap().shown_delay_ms.unwrap();
    let sound = report.from_user("ann", "audio").unwrap();
    println!("shown after {shown:?}, {} packets of sound", sound.packets_received);
    assert!(sound.packets_received < 400, "in twenty seconds: ann was not quiet; {sound:?}");
    assert!(shown.p50 <= 50.0, "{shown:?}");
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_in_a_room_all_see_and_hear_all_others() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    five_all_see_and_hear_all_others(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_go_both_ways() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    chat_goes_both_ways(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_muted_camera_and_microphone_are_seen_to_be_off_and_come_back() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    muting_is_seen_and_undone(&server.url()).await;
}
