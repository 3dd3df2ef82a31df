//! A machine with too much to do.

use std::time::Duration;

use beckon_protocol::Code;
use beckon_scenarios::{Client, Hog, TestServer, Wish, turn};
use beckon_session::VideoSettings;
use beckon_session::report::{ReceivedTrack, SentTrack, SessionReport};

use crate::SERVER;

fn camera(report: &SessionReport) -> SentTrack {
    report.sent.iter().find(|t| t.kind == "video").cloned().unwrap_or_default()
}

fn sound(report: &SessionReport) -> ReceivedTrack {
    report.from_user("ann", "audio").cloned().unwrap_or_default()
}

/// Ann's camera is sent at its full size.
fn full_size(report: &SessionReport) -> bool {
    let camera = camera(report);
    camera.load_step == 0 && camera.layers_sent.last() == Some(&1280)
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
    let before = sound(&bob.session.report());

    // As many busy threads as it takes: machines differ.
    let mut hogs = vec![Hog::start(4)];
    while camera(&ann.session.report()).load_step == 0 {
        assert!(hogs.len() < 8, "pictures do not give way: {:?}", camera(&ann.session.report()));
        let begun = std::time::Instant::now();
        while camera(&ann.session.report()).load_step == 0 && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if camera(&ann.session.report()).load_step == 0 {
            hogs.push(Hog::start(4));
        }
    }
    let noticed = |v: &beckon_session::RoomView| v.notices.iter().any(|n| n.code == Code::MachineBusy);
    ann.until_view("the notice", noticed).await;
    let heard = sound(&bob.session.report());
    // Five more seconds of sound, on the busy machine.
    let busy = bob
        .until("sound on a busy machine", Duration::from_secs(60), |r| {
            sound(r).frames_decoded >= heard.frames_decoded + 500
        })
        .await;
    let (sent, busy) = (camera(&ann.session.report()), sound(&busy));
    println!("{} busy threads for each core: step {}, {:?}", hogs.len() * 4, sent.load_step, sent.layers_sent);
    let (played, made_up) = (busy.frames_decoded - before.frames_decoded, busy.concealed - before.concealed);
    println!("{made_up} of {played} pieces of sound made up");
    assert_eq!(busy.packets_lost, before.packets_lost);
    assert!(made_up * 10 <= played, "{made_up} of {played} pieces of sound were made up");

    drop(hogs);
    ann.until("full size again", Duration::from_secs(180), full_size).await;
    ann.until_view("the notice gone", |v| !noticed(v)).await;
    let seen = |r: &SessionReport| r.from_user("ann", "video").map_or(0, |t| t.width);
    bob.until("full size at the other end", Duration::from_secs(60), |r| seen(r) == 1280).await;
    ann.leave().await;
    bob.closed().await;
}
