//! The quality of a camera is changed while the room runs: its track is announced anew, in as many layers as the new size is worth.

use std::time::{Duration, Instant};

use beckon_impair::Profile;
use beckon_media::layout::TileId;
use beckon_protocol::video::{FrameRate, Resolution, VideoPreset};
use beckon_scenarios::{Client, TestServer, Wish, turn};
use beckon_session::report::{ReceivedTrack, SessionReport};
use beckon_session::{MemberView, VideoSettings};
use url::Url;

use crate::SERVER;

/// The network of the slow viewer, bit/s.
const SLOW: u64 = 300_000;

fn preset(resolution: Resolution) -> VideoSettings {
    VideoPreset { resolution, fps: FrameRate::Fifteen, ..VideoPreset::default() }.into()
}

/// Ann's camera as somebody gets it: the newest of her tracks that has pictures.
fn seen(report: &SessionReport) -> ReceivedTrack {
    let live = |t: &&ReceivedTrack| t.user_id == "ann" && t.source == "camera" && t.live && t.width > 0;
    report.received.iter().rfind(live).cloned().unwrap_or_default()
}

/// How many cameras of ann's somebody gets.
fn cameras(report: &SessionReport) -> usize {
    report.received.iter().filter(|t| t.user_id == "ann" && t.source == "camera" && t.live).count()
}

fn ann_in(viewer: &Client) -> Option<MemberView> {
    viewer.session.view().borrow().members.iter().find(|m| m.user_id == "ann").cloned()
}

async fn ann_at_180p(server: &Url, room: &str) -> Client {
    let ann = Wish { video: preset(Resolution::P180), ..Wish::create(room, "ann") };
    let ann = Client::join(server, ann).await.unwrap();
    ann.until("media from ann", Duration::from_secs(20), |r| {
        r.transport == "udp" && r.sent.iter().any(|t| t.kind == "video" && t.packets_sent > 0)
    })
    .await;
    ann
}

async fn viewer(server: &Url, room: &str, user: &str) -> Client {
    let viewer = Client::join(server, Wish::enter(room, user).silent()).await.unwrap();
    viewer.sees_and_hears("ann").await;
    assert_eq!(seen(&viewer.session.report()).width, 320);
    viewer
}

/// Ann chooses another quality; a viewer goes on seeing her, and in the end in this width. Gives the longest time without a picture.
async fn follows(ann: &Client, viewer: &Client, resolution: Resolution, width: u32, within: Duration) -> Duration {
    let before = seen(&viewer.session.report()).sid;
    let tile = TileId(ann_in(viewer).expect("ann is there").tile);
    let pictures = viewer.session.video(tile);
    let (begun, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    ann.session.set_video(preset(resolution)).unwrap();
    loop {
        if pictures.try_recv().is_ok() {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        let ann = ann_in(viewer).expect("ann is there");
        assert!(ann.camera && !ann.camera_connecting, "{:?} after the change: {ann:?}", begun.elapsed());
        let report = viewer.session.report();
        let now = seen(&report);
        if now.width == width && now.sid != before && cameras(&report) == 1 {
            println!("{width} pixels and one track after {:?}, at most {longest:?} without a picture", begun.elapsed());
            return longest;
        }
        assert!(begun.elapsed() < within, "{now:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// For any server: from one layer to three and back, and with the camera off.
pub(crate) async fn a_quality_is_followed(server: &Url) {
    let ann = ann_at_180p(server, "presets").await;
    let carl = viewer(server, "presets", "carl").await;
    for (resolution, width) in [(Resolution::P720, 1280), (Resolution::P180, 320)] {
        let longest = follows(&ann, &carl, resolution, width, Duration::from_secs(60)).await;
        assert!(longest < Duration::from_secs(3), "{longest:?}");
    }
    // What is off stays off, and comes on in the quality that was chosen meanwhile.
    ann.session.set_camera(false);
    carl.until_view("the camera off", |v| v.members.iter().any(|m| m.user_id == "ann" && !m.camera)).await;
    ann.session.set_video(preset(Resolution::P360)).unwrap();
    ann.session.send_chat("chosen").unwrap();
    carl.until("the text after the choice", Duration::from_secs(20), |r| !r.chat.is_empty()).await;
    assert!(ann_in(&carl).is_some_and(|ann| !ann.camera));
    ann.session.set_camera(true);
    carl.until("the quality chosen", Duration::from_secs(60), |r| seen(r).width == 640 && cameras(r) == 1).await;
    ann.leave().await;
    carl.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quality_chosen_in_the_room_is_followed_and_viewers_see_no_gap() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    a_quality_is_followed(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_begun_in_180p_is_seen_large_and_by_a_slow_viewer_small_when_720p_is_chosen() {
    let _turn = turn().await;
    let (server, relay) = TestServer::behind_relay(SERVER).await.unwrap();
    relay.next_clients_are("ann");
    let ann = ann_at_180p(&server.url(), "larger").await;
    relay.next_clients_are("carl");
    let carl = viewer(&server.url(), "larger", "carl").await;
    relay.next_clients_are("bob");
    let bob = viewer(&server.url(), "larger", "bob").await;
    relay.set("bob", Profile::limited(SLOW));
    follows(&ann, &carl, Resolution::P720, 1280, Duration::from_secs(40)).await;
    // Bob may be shown larger ones until the server knows his network again.
    let bobs = |r: &SessionReport| cameras(r) == 1 && seen(r).width == 320;
    let small = bob.until("a size that fits", Duration::from_secs(40), bobs).await;
    let flows = seen(&small).frames_decoded + 45;
    bob.until("pictures that flow", Duration::from_secs(20), |r| seen(r).frames_decoded >= flows).await;
    assert_eq!(seen(&bob.session.report()).width, 320);
    assert_eq!(seen(&carl.session.report()).width, 1280, "carl's network carries everything");
    let both = |r: &SessionReport| r.sent.iter().any(|t| t.layers_sent == [320, 1280]);
    ann.until("the layers that are seen", Duration::from_secs(20), both).await;
    ann.leave().await;
    bob.closed().await;
    carl.closed().await;
}
