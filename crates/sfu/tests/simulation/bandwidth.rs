//! What a subscriber gets while its network changes: real transports, a link with a limit, time by hand.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use str0m::media::{MediaKind, Mid};

use crate::support::camera::{Camera, RIDS, layer_seen};
use crate::support::{Link, World, sound};

const S: Duration = Duration::from_secs(1);

/// Ann films and speaks, bob sees and hears her over a link of `rate` bits per second.
struct Call {
    world: World,
    camera: Camera,
    voice: Mid,
    /// Names the camera's track.
    sid: String,
    ann: usize,
    bob: usize,
    spoken: u32,
}

impl Call {
    fn new(rate: u64) -> Self {
        let mut world = World::new();
        let (ann, bob) = (world.join("ann"), world.join("bob"));
        let (sid, video) = world.publish(ann, MediaKind::Video, &RIDS);
        let (_, voice) = world.publish(ann, MediaKind::Audio, &[]);
        world.run_until("all connected", |w| w.clients[ann].publisher.connected && w.clients[bob].subscriber.connected);
        world.step = Duration::from_millis(1);
        world.clients[bob].subscriber.link = Some(Link::new(rate));
        let camera = Camera::new(&world, ann, video);
        Self { world, camera, voice, sid, ann, bob, spoken: 0 }
    }

    fn link(&mut self) -> &mut Link {
        self.world.clients[self.bob].subscriber.link.as_mut().unwrap()
    }

    /// Goes on for so long; gives the layers that bob saw, each with the time it came at.
    fn go_on(&mut self, for_: Duration) -> Vec<(Duration, usize)> {
        let (ann, bob, voice) = (self.ann, self.bob, self.voice);
        let begun = self.world.now;
        let mut seen: Vec<(Duration, usize)> = Vec::new();
        let mut next_sound = self.world.now;
        let spoken = &mut self.spoken;
        let mut next_ping = self.world.now;
        self.camera.film(&mut self.world, for_, |w| {
            if next_ping <= w.now {
                next_ping += 5 * S;
                [ann, bob].into_iter().for_each(|c| w.say(c, Request::Ping(0)));
            }
            while next_sound <= w.now {
                next_sound += Duration::from_millis(20);
                *spoken = spoken.wrapping_add(960);
                w.write_packet(ann, voice, None, &sound(*spoken, -20));
            }
            let Some(layer) = layer_seen(w, bob) else { return };
            if seen.last().is_none_or(|(_, last)| *last != layer) {
                seen.push((w.now - begun, layer));
            }
        });
        seen
    }
}

/// The layers that bob saw, without their times.
fn layers(seen: &[(Duration, usize)]) -> Vec<usize> {
    seen.iter().map(|(_, layer)| *layer).collect()
}

#[test]
fn a_network_that_recovers_gets_the_full_size_back_within_ten_seconds_and_keeps_it() {
    for slow in [4, 8, 20, 40] {
        let mut call = Call::new(3_000_000);
        assert_eq!(layers(&call.go_on(10 * S)), [2], "the full size from the beginning");
        call.link().rate = 300_000;
        assert_eq!(layers(&call.go_on(slow * S)).last(), Some(&0), "after {slow} s at a tenth");
        call.link().rate = 3_000_000;
        let seen = call.go_on(40 * S);
        let (back, layer) = *seen.last().unwrap();
        assert_eq!(layer, 2, "{seen:?}");
        assert!(back <= 10 * S, "after {slow} s at a tenth: {seen:?}");
    }
}

#[test]
fn on_a_steady_network_the_largest_layer_that_fits_is_found_and_kept() {
    for (rate, fits) in [(300_000, 0), (800_000, 1), (1_200_000, 1), (2_500_000, 2)] {
        let mut call = Call::new(rate);
        call.go_on(20 * S);
        let lost = call.link().lost;
        let seen = call.go_on(40 * S);
        assert_eq!(layers(&seen), [fits], "{rate}: {seen:?}");
        assert_eq!(call.link().lost, lost, "{rate}: trying for more loses nothing");
    }
}

#[test]
fn telling_the_size_of_a_tile_gives_nothing_up_that_has_just_begun() {
    let kept = |tells: bool| {
        let mut call = Call::new(20_000_000);
        assert_eq!(layers(&call.go_on(S)), [2]);
        let little = proto::simulate_scenario::Scenario::SubscriberBandwidth(600_000);
        call.world.say(call.bob, Request::Simulate(proto::SimulateScenario { scenario: Some(little) }));
        if tells {
            let (track_sids, width, height) = (vec![call.sid.clone()], 1280, 720);
            let settings = proto::UpdateTrackSettings { track_sids, width, height, ..Default::default() };
            call.world.say(call.bob, Request::TrackSetting(settings));
        }
        call.go_on(5 * S).iter().find(|(_, layer)| *layer < 2).unwrap().0
    };
    let (told, silent) = (kept(true), kept(false));
    assert!(silent >= S / 2 && told + S / 10 >= silent, "{told:?} and {silent:?}");
}

#[test]
fn where_a_fifth_is_lost_pictures_are_smaller_and_grow_again_when_that_is_over() {
    let mut call = Call::new(20_000_000);
    assert_eq!(layers(&call.go_on(10 * S)).last(), Some(&2));
    let mut random = 1_u64;
    let bob = call.bob;
    call.world.clients[bob].subscriber.lose = Box::new(move |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33).is_multiple_of(5)
    });
    call.go_on(5 * S);
    let seen = call.go_on(15 * S);
    assert!(seen.iter().all(|(_, layer)| *layer < 2), "{seen:?}");
    call.world.clients[bob].subscriber.lose = Box::new(|_| false);
    assert_eq!(layers(&call.go_on(30 * S)).last(), Some(&2));
}

#[test]
fn a_layer_that_its_sender_gives_up_is_replaced_at_once_by_one_that_flows() {
    let mut call = Call::new(10_000_000);
    // Carl has a small window, for which the lowest layer is sent.
    let carl = call.world.join("carl");
    let small = proto::UpdateTrackSettings {
        track_sids: vec![call.sid.clone()],
        quality: proto::VideoQuality::Low as i32,
        ..Default::default()
    };
    call.world.say(carl, Request::TrackSetting(small));
    assert_eq!(layers(&call.go_on(10 * S)), [2]);
    call.camera.most = 0;
    let seen = call.go_on(3 * S);
    assert_eq!(layers(&seen), [2, 0], "not the one between, which might come but does not: {seen:?}");
    assert!(seen[1].0 <= Duration::from_millis(450), "{seen:?}");
}

#[test]
fn who_comes_later_does_not_wait_for_a_layer_that_does_not_come() {
    let mut world = World::new();
    let ann = world.join("ann");
    let (sid, video) = world.publish(ann, MediaKind::Video, &RIDS);
    world.run_until("ann connected", |w| w.clients[ann].publisher.connected);
    world.step = Duration::from_millis(1);
    let mut camera = Camera::new(&world, ann, video);
    // Her network does not carry the largest one, which is what anybody would like to have.
    camera.most = 1;
    camera.film(&mut world, S, |_| ());
    let bob = world.join("bob");
    let joined = world.now;
    // His window is laid out meanwhile: the server chooses anew before anything has come.
    let settings = proto::UpdateTrackSettings {
        track_sids: vec![sid],
        width: 1280,
        height: 720,
        ..proto::UpdateTrackSettings::default()
    };
    world.say(bob, Request::TrackSetting(settings));
    let mut first = None;
    camera.film(&mut world, 4 * S, |w| {
        if first.is_none() && layer_seen(w, bob).is_some() {
            first = Some(w.now - joined);
        }
    });
    let first = first.expect("a picture");
    assert!(first < S, "the first picture came after {first:?}");
    assert_eq!(layer_seen(&world, bob), Some(1));
}

#[test]
fn a_layer_that_is_handed_over_leaves_no_gap() {
    let mut call = Call::new(10_000_000);
    let carl = call.world.join("carl");
    let medium = proto::UpdateTrackSettings {
        track_sids: vec![call.sid.clone()],
        quality: proto::VideoQuality::Medium as i32,
        ..Default::default()
    };
    call.world.say(carl, Request::TrackSetting(medium));
    assert_eq!(layers(&call.go_on(10 * S)), [2]);
    let asked = call.world.room.stats().key_frame_requests;
    (call.camera.most, call.camera.hands_over) = (1, Some(3));
    let seen = call.go_on(3 * S);
    assert_eq!(layers(&seen), [2, 1], "{seen:?}");
    assert!(seen[1].0 <= Duration::from_millis(180), "{seen:?}");
    assert_eq!(call.world.room.stats().key_frame_requests, asked, "none was asked for");
    call.camera.most = 2;
    assert_eq!(layers(&call.go_on(10 * S)).last(), Some(&2), "and it comes back");
}

/// The longest time that bob saw no new picture from `begun` on, and how many he saw.
fn gaps(call: &Call, begun: Instant) -> (Duration, usize) {
    let packets = &call.world.clients[call.bob].subscriber.packets;
    let video = packets.iter().filter(|p| *p.header.payload_type == 108);
    let by_number: BTreeMap<u64, _> = video.map(|p| (*p.seq_no, p)).collect();
    // What is there of a picture that can be shown, if all before it was: when its last packet came, and the number of the next.
    let (mut whole, mut next) = (None, None);
    let (mut last, mut longest, mut shown) = (begun, Duration::ZERO, 0);
    for (seq, packet) in by_number {
        let key = packet.payload[0] == 0x78;
        let goes_on = whole.filter(|_| next == Some(seq));
        whole = if key { Some(packet.timestamp) } else { goes_on.map(|at: Instant| at.max(packet.timestamp)) };
        next = Some(seq + 1);
        if let Some(at) = whole.filter(|at| packet.header.marker && *at > begun) {
            longest = longest.max(at.saturating_duration_since(last));
            (last, shown) = (last.max(at), shown + 1);
        }
    }
    (longest, shown)
}

#[test]
fn where_the_network_falls_to_a_tenth_the_picture_stands_still_for_half_a_second_at_most_moments() {
    let mut long = Vec::new();
    for after in (0..500).step_by(14) {
        let mut call = Call::new(3_000_000);
        assert_eq!(layers(&call.go_on(10 * S + Duration::from_millis(after))), [2]);
        let begun = call.world.now;
        call.link().rate = 300_000;
        let seen = call.go_on(5 * S);
        assert_eq!(layers(&seen)[..2], [2, 0], "at once the one that fits: {seen:?}");
        let (gap, shown) = gaps(&call, begun);
        assert!(gap <= Duration::from_millis(700), "after {after} ms: {gap:?}, {seen:?}");
        assert!(shown >= 110, "after {after} ms: {shown}");
        long.extend((gap > Duration::from_millis(450)).then_some((after, gap)));
    }
    assert!(long.len() <= 9, "of 36 moments: {long:?}");
}

#[test]
fn a_network_that_carries_a_little_less_than_the_smallest_pictures_take_loses_little() {
    for rate in [190_000, 200_000, 210_000] {
        let mut call = Call::new(rate);
        call.go_on(30 * S);
        let (lost, taken, begun) = (call.link().lost, call.link().taken, call.world.now);
        call.go_on(60 * S);
        let (lost, taken) = (call.link().lost - lost, call.link().taken - taken);
        let (gap, shown) = gaps(&call, begun);
        assert!(lost * 50 <= taken, "{rate}: {lost} lost, {taken} taken");
        // With still less there would be neither sound nor pictures: those may stay paused.
        assert!(rate < 210_000 || shown >= 1_000, "{rate}: {shown} shown, {gap:?} without one");
    }
}
