//! Our sending peer connection against a bare engine in the server's part, over a simulated network: time is moved by
//! hand, packets take 20 ms and are lost as the test wishes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::media::{KeyframeRequestKind, MediaData};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::*;
use crate::ids::TrackSid;
use crate::publication::{PublishOptions, TrackInfo, TrackSource};
use crate::track::{LocalShared, OutFrame, OutMedia};

mod fall;
mod lost;
mod world;

use world::World;

const MS: Duration = Duration::from_millis(1);
const DELAY: Duration = Duration::from_millis(20);
const QUEUE: Duration = Duration::from_millis(300);
const OURS: &str = "10.0.0.1:4000";
const THEIRS: &str = "10.0.0.2:5000";

/// A camera's track as the engine is given it.
pub(super) fn camera_track() -> Arc<LocalShared> {
    camera_of(2_000_000)
}

fn camera_of(most_bps: u64) -> Arc<LocalShared> {
    let info = TrackInfo {
        sid: TrackSid::from("TR_1"),
        name: String::new(),
        kind: TrackKind::Video,
        source: TrackSource::Camera,
        muted: false,
        width: 1280,
        height: 720,
        simulcast: false,
        mime: String::new(),
        stream: String::new(),
        stereo: false,
    };
    Arc::new(LocalShared::new(LocalKey(1), PublishOptions::camera(1280, 720, most_bps), info))
}

/// The computer's sound, as the engine is given it.
fn screen_sound() -> Arc<LocalShared> {
    let camera = camera_track();
    let info =
        TrackInfo { kind: TrackKind::Audio, source: TrackSource::ScreenShareAudio, ..camera.info.read().clone() };
    Arc::new(LocalShared::new(LocalKey(2), PublishOptions::screen_sound(), info))
}

#[test]
fn the_offer_says_which_sound_has_two_channels() {
    let now = Instant::now();
    let anchor = Anchor::new(now, 1_000_000_000);
    let config = EngineConfig { force_tcp: false, start_bitrate_bps: 1_000_000, anchor };
    let mut publisher = Publisher::new(now, config);
    publisher.add_track(now, camera_track(), "camera".into());
    publisher.add_track(now, screen_sound(), "sound".into());
    let (offer, _) = publisher.offer(now, &mut Outputs::new()).unwrap();
    let of_two: Vec<&str> = offer.split("\r\nm=").filter(|s| s.contains(";stereo=1;sprop-stereo=1\r\n")).collect();
    assert!(matches!(of_two[..], [section] if section.starts_with("audio")), "{offer}");
}

#[test]
fn what_one_connection_held_up_is_free_in_the_next() {
    let now = Instant::now();
    let anchor = Anchor::new(now, 1_000_000_000);
    let config = EngineConfig { force_tcp: false, start_bitrate_bps: 1_000_000, anchor };
    let camera = camera_track();
    camera.hold_up(true);
    Publisher::new(now, config).add_track(now, camera.clone(), "camera".into());
    assert!(!camera.is_held_up());
}

#[test]
fn on_a_free_road_every_picture_arrives_and_the_estimate_grows() {
    let mut w = World::new(false);
    w.connect();
    assert!(w.links[0].0 < 500 * MS, "connected after {:?}", w.links[0].0);
    w.send(300);
    assert_eq!(w.frames.len(), 300);
    assert!(w.frames.iter().enumerate().all(|(n, f)| f.data[..] == World::picture(n)[..]));
    assert!(w.estimate > 1_500_000, "{}", w.estimate);
}

#[test]
fn a_network_that_carries_more_again_is_found_though_most_of_the_estimate_is_used() {
    let mut w = World::new(false);
    w.connect();
    w.send_for(150);
    w.rate = 800_000;
    w.send_three_quarters(Duration::from_secs(20));
    assert!(w.estimate < 1_000_000, "{}", w.estimate);
    w.rate = 0;
    w.send_three_quarters(Duration::from_secs(6));
    assert!(w.estimate > 1_500_000, "{}", w.estimate);
}

#[test]
fn what_is_about_to_be_sent_is_looked_for_while_little_is() {
    const MOST: u64 = 300_000;
    let mut w = World::beginning_with(MOST, false);
    w.connect_with(camera_of(MOST));
    w.send_small(Duration::from_secs(5));
    assert!(w.estimate < 4 * MOST, "{}", w.estimate);
    w.publisher.expect(w.now, 10 * MOST);
    // A try, and the time that a rise must last.
    w.send_small(Duration::from_millis(1_200));
    assert!(w.estimate >= 10 * MOST, "{}", w.estimate);
}

#[test]
fn a_road_that_became_longer_is_believed_to_carry_as_much_as_before_within_seconds() {
    for longer in [50, 80, 100] {
        let mut w = World::new(false);
        w.connect();
        w.send_for(300);
        let before = w.estimate;
        w.delay += longer * MS;
        w.send_for(21);
        assert!(w.estimate < before / 2, "{longer} ms more are taken for a queue at first: {}", w.estimate);
        w.send_for(75);
        assert!(w.estimate > before / 5 * 4, "{longer} ms more: {} of {before}", w.estimate);
    }
}

#[test]
fn with_one_packet_in_twenty_lost_repairs_bring_every_picture() {
    let mut w = World::new(false);
    w.loss = 5;
    w.connect();
    // Nobody misses what was lost before the very first packet that came.
    w.loss = 0;
    w.send_for(1);
    w.loss = 5;
    w.send(300);
    // That the very last packet is missing shows only when something follows it.
    w.loss = 0;
    w.send(10);
    assert_eq!(w.frames.len(), 311);
    assert!(w.frames.iter().all(|f| f.contiguous));
    let mut stats = RoomStats::default();
    w.publisher.snapshot(&mut stats);
    assert!(stats.local[0].packets_repaired > 50, "{:?}", stats.local);
    assert!(stats.local[0].nacks > 10, "{:?}", stats.local);
}

#[test]
fn the_last_figures_hold_what_was_sent_a_moment_ago() {
    let mut w = World::new(false);
    w.connect();
    let packets = |w: &World| {
        let mut stats = RoomStats::default();
        w.publisher.snapshot(&mut stats);
        stats.local[0].packets
    };
    // Figures come from time to time; when they just have, it is a while until the next.
    let first = packets(&w);
    while packets(&w) == first {
        w.send_for(1);
    }
    let told = packets(&w);
    w.send_for(1);
    assert_eq!(packets(&w), told);
    w.publisher.last_figures(w.now);
    assert!(packets(&w) > told);
}

#[test]
fn rtp_times_tell_the_distance_of_captures() {
    let mut w = World::new(false);
    w.connect();
    w.send(31);
    let times: BTreeMap<u64, ()> = w.frames.iter().map(|f| (f.time.numer(), ())).collect();
    let (first, last) = (times.keys().next().unwrap(), times.keys().next_back().unwrap());
    assert_eq!(last - first, 30 * 33 * 90);
}

#[test]
fn a_receiver_that_needs_a_key_frame_is_heard() {
    let mut w = World::new(false);
    w.connect();
    let when_connected = w.key_requests;
    assert_eq!(when_connected, 1, "the encoder is asked once when the road opens");
    w.send(5);
    let mid = w.frames[0].mid;
    w.server.writer(mid).unwrap().request_keyframe(None, KeyframeRequestKind::Pli).unwrap();
    w.drain_server();
    w.run_for(300 * MS);
    assert_eq!(w.key_requests, 2);
}

#[test]
fn where_udp_is_blocked_tcp_takes_over_after_its_handicap() {
    let mut w = World::new(true);
    w.loss = 100;
    w.publish();
    w.negotiate();
    w.run_for(Duration::from_secs(6));
    assert!(w.publisher.connected(), "{:?}", w.links);
    assert!(w.links[0].0 >= 500 * MS && w.links[0].0 < 2000 * MS, "{:?}", w.links);
    w.send(60);
    assert_eq!(w.frames.len(), 60);
    assert!(w.server_on_tcp_too);
}

#[test]
fn a_dead_road_is_noticed_and_an_ice_restart_opens_a_new_one() {
    let mut w = World::new(false);
    w.connect();
    w.loss = 100;
    let dead = w.now;
    while w.publisher.connected() {
        w.run_for(100 * MS);
        assert!(w.now - dead < Duration::from_secs(30), "not noticed");
    }
    assert!(!w.track.as_ref().unwrap().carrier.is_up());
    let noticed = w.now - dead;
    assert!(noticed <= Duration::from_millis(3100), "noticed only after {noticed:?}");
    w.loss = 0;
    w.publisher.restart();
    w.negotiate();
    w.run_for(Duration::from_secs(2));
    assert!(w.publisher.connected(), "{:?}", w.links);
    w.send(10);
    assert_eq!(w.frames.len(), 10);
}

#[test]
fn a_road_that_dies_once_more_is_noticed_though_tcp_still_answers() {
    let mut w = World::new(true);
    w.publish();
    w.negotiate();
    w.run_for(Duration::from_secs(3));
    for round in 0..3 {
        w.send_for(60);
        assert!(w.publisher.connected(), "{round}: {:?}", w.links);
        w.loss = 100;
        let dead = w.now;
        w.links.clear();
        while w.publisher.connected() {
            assert!(w.now - dead < Duration::from_secs(8), "{round}: not noticed");
            w.send_for(3);
        }
        assert!(w.now - dead <= 1_700 * MS, "{round}: noticed only after {:?}", w.now - dead);
        w.send_for(30);
        w.publisher.restart();
        w.negotiate();
        w.run_for(1_500 * MS);
        let links: Vec<bool> = w.links.iter().map(|(_, connected)| *connected).collect();
        assert_eq!(links, [false, true], "{round}: {:?}", w.links);
        w.send_for(60);
        w.loss = 0;
        // UDP is better, and is used again.
        w.run_for(Duration::from_secs(10));
    }
}

#[test]
fn a_restart_for_another_roads_sake_takes_a_silent_one_for_dead() {
    let mut w = World::new(true);
    w.publish();
    w.negotiate();
    // Hardly known yet, and so taken for an idle one.
    w.run_for(200 * MS);
    w.loss = 100;
    w.run_for(1_700 * MS);
    assert!(w.publisher.connected(), "an idle road may be silent so long: {:?}", w.links);
    w.publisher.restart();
    w.negotiate();
    w.run_for(1_000 * MS);
    assert!(w.publisher.connected(), "{:?}", w.links);
    w.send(10);
    assert_eq!(w.frames.len(), 10, "over TCP");
}

#[test]
fn a_server_hears_soon_from_where_we_send_now() {
    for phase in 0..10 {
        let mut w = World::new(false);
        w.connect();
        w.send_for(30 + phase);
        w.run_for(phase as u32 * 3 * MS);
        w.seen_as = "10.0.0.7:4444".parse().unwrap();
        w.checked.clear();
        let moved = w.now;
        w.send_for(15);
        let first = *w.checked.first().unwrap() - moved;
        assert!(first <= 350 * MS, "{first:?}");
        assert!(w.publisher.connected());
    }
}

#[test]
fn an_address_of_ours_that_is_gone_is_not_waited_for() {
    let mut w = World::new(false);
    w.connect();
    w.send_for(30);
    (w.moved, w.loss) = (true, 100);
    let moved = w.now;
    w.send_for(15);
    let (at, up) = *w.links.last().unwrap();
    assert!(!up && w.start + at - moved <= 350 * MS, "{:?}", w.links);
    (w.moved, w.loss) = (false, 0);
    w.publisher.restart();
    w.negotiate();
    w.run_for(Duration::from_secs(1));
    assert!(w.publisher.connected(), "{:?}", w.links);
}

#[test]
fn a_short_silence_breaks_nothing() {
    let mut w = World::new(false);
    w.connect();
    let links = w.links.clone();
    for pictures in [6, 12, 24, 36] {
        w.send_for(30);
        w.loss = 100;
        w.send_for(pictures);
        w.loss = 0;
    }
    w.send(30);
    assert_eq!(w.links, links);
}

#[test]
fn strangers_and_garbage_do_not_disturb() {
    let mut w = World::new(false);
    w.connect();
    let stranger: SocketAddr = "10.9.9.9:9".parse().unwrap();
    let ours: SocketAddr = OURS.parse().unwrap();
    let mut random = 7_u64;
    for length in 0..1500_usize {
        let garbage: Vec<u8> = (0..length)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 56) as u8
            })
            .collect();
        for from in [stranger, THEIRS.parse().unwrap()] {
            for tcp in [false, true] {
                let packet = Incoming { tcp, source: from, destination: ours, data: &garbage };
                w.publisher.receive(w.now, packet, &mut w.out);
            }
        }
    }
    w.publisher.add_remote(w.now, "{\"candidate\":\"candidate:x y z\"}", &mut w.out);
    w.publisher.add_remote(w.now, "not json", &mut w.out);
    assert!(w.publisher.answer(w.now, "v=0\r\ngarbage", 99, &mut w.out).is_ok(), "an answer to nothing");
    w.send(30);
    assert_eq!(w.frames.len(), 30);
}
