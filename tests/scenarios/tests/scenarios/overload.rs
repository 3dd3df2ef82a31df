//! A machine with too much to do.

use std::time::{Duration, Instant};

use beckon_protocol::Code;
use beckon_scenarios::{Client, Hog, TestServer, Wish, film, turn};
use beckon_session::report::{ReceivedTrack, SentTrack, SessionReport};
use beckon_session::{RoomView, VideoSettings};

use crate::SERVER;

fn sent(report: &SessionReport, kind: &str) -> SentTrack {
    report.sent.iter().find(|t| t.kind == kind).cloned().unwrap_or_default()
}

fn sound(report: &SessionReport) -> ReceivedTrack {
    report.from_user("ann", "audio").cloned().unwrap_or_default()
}

/// Ann's camera is sent at its full size.
fn full_size(report: &SessionReport) -> bool {
    let camera = sent(report, "video");
    camera.load_step == 0 && camera.layers_sent.last() == Some(&1280)
}

fn noticed(view: &RoomView) -> bool {
    view.notices.iter().any(|n| n.code == Code::MachineBusy)
}

/// Keeps the machine so busy that ann's track of this kind gives way, further than it did before, and sees that bob goes on hearing her.
/// Gives what she sends then.
async fn gives_way_to_sound(ann: &Client, bob: &Client, kind: &str) -> (SentTrack, Vec<Hog>) {
    let step = || sent(&ann.session.report(), kind).load_step;
    let (own, before) = (step(), sound(&bob.session.report()));
    // As many busy threads as it takes: machines differ.
    let mut hogs = vec![Hog::start(4)];
    while step() <= own {
        assert!(hogs.len() < 8, "pictures do not give way: {:?}", sent(&ann.session.report(), kind));
        let begun = Instant::now();
        while step() <= own && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if step() <= own {
            hogs.push(Hog::start(4));
        }
    }
    ann.until_view("the notice", noticed).await;
    let heard = sound(&bob.session.report());
    // Five more seconds of sound, on the busy machine.
    let busy = bob
        .until("sound on a busy machine", Duration::from_secs(60), |r| {
            sound(r).frames_decoded >= heard.frames_decoded + 500
        })
        .await;
    let (track, busy) = (sent(&ann.session.report(), kind), sound(&busy));
    println!("{} busy threads for each core: step {}, {:?}", hogs.len() * 4, track.load_step, track.layers_sent);
    let (played, made_up) = (busy.frames_decoded - before.frames_decoded, busy.concealed - before.concealed);
    println!("{made_up} of {played} pieces of sound made up");
    assert_eq!(busy.packets_lost, before.packets_lost);
    assert!(made_up * 10 <= played, "{made_up} of {played} pieces of sound were made up");
    (track, hogs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_give_way_to_sound_on_a_busy_machine_and_come_back_afterwards() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    let video = VideoSettings { width: 1280, height: 720, fps: 15, max_bitrate_bps: 1_500_000 };
    let ann = Client::join(&server.url(), Wish { video, ..Wish::create("busy", "ann") }).await.unwrap();
    let bob = Client::join(&server.url(), Wish::enter("busy", "bob").silent()).await.unwrap();
    bob.sees_and_hears("ann").await;
    ann.until("pictures of full size", Duration::from_secs(60), full_size).await;
    let (_, hogs) = gives_way_to_sound(&ann, &bob, "video").await;

    drop(hogs);
    ann.until("full size again", Duration::from_secs(180), full_size).await;
    ann.until_view("the notice gone", |v| !noticed(v)).await;
    let seen = |r: &SessionReport| r.from_user("ann", "video").map_or(0, |t| t.width);
    bob.until("full size at the other end", Duration::from_secs(60), |r| seen(r) == 1280).await;
    ann.leave().await;
    bob.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_screen_gives_way_to_sound_on_a_busy_machine_while_the_camera_is_off() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    let ann = Client::join(&server.url(), Wish::create("busyscreen", "ann").with_film()).await.unwrap();
    let bob = Client::join(&server.url(), Wish::enter("busyscreen", "bob").silent()).await.unwrap();
    bob.sees_and_hears("ann").await;
    ann.session.set_camera(false);
    ann.session.start_screen(film());
    let seen =
        |r: &SessionReport| r.received.iter().find(|t| t.source == "screen" && t.live).cloned().unwrap_or_default();
    bob.until("the film", Duration::from_secs(30), |r| seen(r).codes_read >= 30).await;
    // What the machine bears by itself: some do not bear all of a film.
    ann.until("five seconds of it", Duration::from_secs(60), |r| sent(r, "screen").frames_sent >= 150).await;
    let own = sent(&ann.session.report(), "screen").load_step;
    let (screen, hogs) = gives_way_to_sound(&ann, &bob, "screen").await;
    // Only where five pictures a second are too many (the fourth step) text is not sharp any more.
    assert!(screen.load_step >= 4 || screen.width == 1280, "{screen:?}");

    drop(hogs);
    // How much of a film the machine bears by itself, with all of them on it, is another matter.
    let better = |r: &SessionReport| sent(r, "screen").load_step < screen.load_step && sent(r, "screen").width == 1280;
    let again = sent(&ann.until("more of it again", Duration::from_secs(60), better).await, "screen");
    println!("step {own} before, {} on the busy machine and {} afterwards", screen.load_step, again.load_step);
    let later = seen(&bob.session.report()).frames_decoded + 20;
    bob.until("them at the other end", Duration::from_secs(60), |r| seen(r).frames_decoded >= later).await;
    ann.leave().await;
    bob.closed().await;
}
