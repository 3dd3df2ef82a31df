//! A network that suddenly carries a tenth.

use super::*;

/// The most that the camera is sent with, bit/s.
const MOST: u64 = 1_500_000;
/// What of the estimate is left for sound, bit/s.
const SOUND: u64 = 40_000;

/// A camera whose coder follows the estimate, and one viewer.
struct Call {
    world: World,
    coded_bps: u64,
    key_due: bool,
    /// Pictures that the viewer was looked at for.
    looked: usize,
    /// It misses something, and asked for a key frame last.
    broken: bool,
    asked: Option<Instant>,
    /// When it saw a picture last, and how many it saw.
    seen: Instant,
    shown: usize,
    longest: Duration,
}

impl Call {
    fn new() -> Self {
        let mut world = World::new(false);
        world.connect_with(camera_of(MOST));
        let seen = world.now;
        Self {
            world,
            coded_bps: MOST,
            key_due: true,
            looked: 0,
            broken: false,
            asked: None,
            seen,
            shown: 0,
            longest: Duration::ZERO,
        }
    }

    fn go_on(&mut self, time: Duration) {
        let until = self.world.now + time;
        while self.world.now < until {
            if self.world.track.as_ref().unwrap().is_held_up() {
                self.world.run_for(33 * MS);
            } else {
                self.picture();
            }
            self.look();
        }
    }

    fn picture(&mut self) {
        let bps = (self.world.estimate.max(100_000) - SOUND).min(MOST);
        // Another size begins with a key frame.
        self.key_due |= bps < self.coded_bps / 2 || bps > self.coded_bps * 3;
        self.key_due |= std::mem::take(&mut self.world.key_requests) > 0;
        self.coded_bps = bps;
        let key = std::mem::take(&mut self.key_due);
        let size = bps * 33 / 8_000 * if key { 4 } else { 1 };
        let mut data = vec![0, 0, 0, 1, if key { 0x65 } else { 0x41 }];
        data.resize(usize::try_from(size).unwrap(), 0xaa);
        self.world.write(data, key);
        self.world.run_for(33 * MS);
    }

    fn look(&mut self) {
        let now = self.world.now;
        for picture in &self.world.frames[self.looked..] {
            let key = picture.data[4] == 0x65;
            self.broken = (self.broken || !picture.contiguous) && !key;
            if !self.broken {
                self.longest = self.longest.max(picture.network_time.saturating_duration_since(self.seen));
                self.seen = self.seen.max(picture.network_time);
                self.shown += 1;
            }
        }
        self.looked = self.world.frames.len();
        let stands = now.saturating_duration_since(self.seen) > 500 * MS;
        if (self.broken || stands) && self.asked.is_none_or(|at| now - at > 500 * MS) {
            self.asked = Some(now);
            let mid = self.world.frames[0].mid;
            self.world.server.writer(mid).unwrap().request_keyframe(None, KeyframeRequestKind::Pli).unwrap();
            self.world.drain_server();
        }
    }
}

#[test]
fn where_the_network_falls_to_a_tenth_pictures_stand_still_for_half_a_second_at_most_moments() {
    let mut gaps = Vec::new();
    for after in (0..500).step_by(8) {
        let mut call = Call::new();
        call.go_on(Duration::from_secs(10));
        call.world.run_for(Duration::from_millis(after % 33));
        call.go_on(Duration::from_millis(after));
        (call.world.rate, call.seen, call.longest, call.shown) = (300_000, call.world.now, Duration::ZERO, 0);
        call.go_on(Duration::from_secs(6));
        assert!(call.shown >= 120 && !call.broken, "after {after} ms: {}", call.shown);
        gaps.push(call.longest.max(call.world.now - call.seen));
    }
    let mean = gaps.iter().sum::<Duration>() / u32::try_from(gaps.len()).unwrap();
    let long = gaps.iter().filter(|gap| **gap > 700 * MS).count();
    assert!(mean <= 500 * MS && long * 15 <= gaps.len(), "{mean:?}, {long} of {} above 700 ms: {gaps:?}", gaps.len());
}

#[test]
fn a_road_that_becomes_longer_costs_no_more_than_that() {
    for (longer, after) in
        [20, 50, 80, 100, 120, 150, 200].into_iter().flat_map(|ms| (0..100).step_by(20).map(move |n| (ms, n)))
    {
        let mut call = Call::new();
        call.go_on(Duration::from_secs(10));
        call.world.run_for(Duration::from_millis(after));
        call.world.delay += longer * MS;
        (call.longest, call.shown) = (Duration::ZERO, 0);
        call.go_on(Duration::from_secs(3));
        let most = (longer + u32::try_from(after).unwrap() + 40) * MS;
        assert!(call.longest <= most, "{longer} ms more, {after}: {:?}", call.longest);
    }
}
