//! How our pictures are sent for the bandwidth there is: bitrate first, then size, then frame rate.
//!
//! Pure: estimates and time in, a [`Target`] out. Going down is quick, as what does not fit is lost; going up waits,
//! as a picture that keeps changing its size is worse than a smaller one.

use std::time::Duration;

use beckon_media::MediaTime;

use crate::request::VideoSettings;

/// Kept for sound and overhead, bit/s.
const RESERVE_BPS: u64 = 60_000;
/// No picture is worth sending below this, bit/s.
const MIN_BPS: u64 = 50_000;
/// Bits for each pixel below which a smaller picture looks better.
const LEAST_BITS_PER_PIXEL: f64 = 0.03;
/// The bitrate must suffice for the next larger step this much over …
const HEADROOM: f64 = 1.3;
/// … and for this long, before it is taken.
const UP_AFTER: Duration = Duration::from_secs(6);
/// Too little for this long means a step down; far too little means one at once.
const DOWN_AFTER: Duration = Duration::from_secs(1);
const FAR_TOO_LITTLE: f64 = 0.5;
/// Smaller changes of the bitrate are not worth telling the encoder, as a share.
const WORTH_TELLING: f64 = 0.05;

/// The steps: share of width and height in twelfths, share of the frame rate in halves.
const LADDER: [(u32, u32); 6] = [(12, 2), (9, 2), (6, 2), (6, 1), (4, 1), (3, 1)];

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
    /// Bit/s.
    pub bitrate_bps: u64,
}

/// The policy for one video track.
#[derive(Debug)]
pub struct RatePolicy {
    full: VideoSettings,
    step: usize,
    bitrate: u64,
    short_since: Option<MediaTime>,
    ample_since: Option<MediaTime>,
    steps_taken: u64,
}

impl RatePolicy {
    /// A policy that begins with everything the settings allow.
    pub fn new(full: VideoSettings) -> Self {
        let bitrate = full.max_bitrate_bps;
        Self { full, step: 0, bitrate, short_since: None, ample_since: None, steps_taken: 0 }
    }

    /// Other settings hold from now on; what the network carries is remembered.
    pub fn set_full(&mut self, full: VideoSettings) {
        let all = self.bitrate >= self.full.max_bitrate_bps;
        self.bitrate = if all { full.max_bitrate_bps } else { self.bitrate.min(full.max_bitrate_bps) };
        self.full = full;
        (self.short_since, self.ample_since) = (None, None);
    }

    /// What to send now.
    pub fn target(&self) -> Target {
        self.at(self.step)
    }

    /// How often size or frame rate were changed.
    pub fn steps_taken(&self) -> u64 {
        self.steps_taken
    }

    /// The bandwidth estimate for everything we send is now `total_bps`. Returns the new target when it changes.
    pub fn estimate(&mut self, now: MediaTime, total_bps: u64) -> Option<Target> {
        let before = self.target();
        let wanted = total_bps.saturating_sub(RESERVE_BPS).clamp(MIN_BPS, self.full.max_bitrate_bps.max(MIN_BPS));
        let difference = wanted.abs_diff(self.bitrate) as f64;
        if difference >= self.bitrate as f64 * WORTH_TELLING || wanted == self.full.max_bitrate_bps {
            self.bitrate = wanted;
        }
        self.choose_step(now, wanted as f64);
        let after = self.target();
        (after != before).then_some(after)
    }

    fn choose_step(&mut self, now: MediaTime, bitrate: f64) {
        let held = |since: &mut Option<MediaTime>, holds: bool, at_least: Duration| {
            if !holds {
                *since = None;
                return false;
            }
            now.saturating_since(*since.get_or_insert(now)) >= at_least
        };
        let need = self.need(self.step);
        let last = self.step + 1 == LADDER.len();
        let short = held(&mut self.short_since, bitrate < need && !last, DOWN_AFTER);
        if !last && (short || bitrate < need * FAR_TOO_LITTLE) {
            self.step += 1;
            self.steps_taken += 1;
            (self.short_since, self.ample_since) = (None, None);
            return;
        }
        let ample = self.step > 0 && bitrate >= self.need(self.step - 1) * HEADROOM;
        // Settings so meagre that even all of them never give headroom still deserve their full size.
        let all = self.step > 0 && bitrate >= self.full.max_bitrate_bps as f64;
        if held(&mut self.ample_since, ample || all, UP_AFTER) && (ample || bitrate >= self.need(self.step - 1)) {
            self.step -= 1;
            self.steps_taken += 1;
            (self.short_since, self.ample_since) = (None, None);
        }
    }

    fn at(&self, step: usize) -> Target {
        let (size, rate) = LADDER[step.min(LADDER.len() - 1)];
        let scaled = |full: u32| ((full * size / 12) & !1).max(64.min(full));
        Target {
            width: scaled(self.full.width),
            height: scaled(self.full.height),
            fps: (self.full.fps * rate / 2).max(self.full.fps.min(10)),
            bitrate_bps: self.bitrate,
        }
    }

    fn need(&self, step: usize) -> f64 {
        let t = self.at(step);
        let wish = f64::from(t.width) * f64::from(t.height) * f64::from(t.fps) * LEAST_BITS_PER_PIXEL;
        // Whoever asked for a large picture at a low bitrate gets it: only what is below the wish counts as too little.
        let (size, rate) = LADDER[step];
        let share = f64::from(size * size * rate) / 288.0;
        wish.min(self.full.max_bitrate_bps as f64 * share * 0.9)
    }
}

/// Lets through as many pictures as the target's frame rate allows.
#[derive(Debug, Default)]
pub struct Pacer {
    due: Option<MediaTime>,
}

impl Pacer {
    /// Whether the picture captured at `capture` is to be sent at `fps` pictures a second.
    pub fn take(&mut self, capture: MediaTime, fps: u32) -> bool {
        let period = Duration::from_nanos(1_000_000_000 / u64::from(fps.max(1)));
        // A quarter of a period early is on time: cameras jitter.
        if self.due.is_some_and(|due| capture + period / 4 < due) {
            return false;
        }
        // What is due next follows the grid, but never runs ahead of a camera that is a little quick.
        let grid = self.due.map_or(capture, |due| if capture.saturating_since(due) < period { due } else { capture });
        self.due = Some(grid.min(capture) + period);
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    fn run(policy: &mut RatePolicy, from_ms: i64, for_ms: i64, bps: u64) -> Target {
        for ms in (from_ms..=from_ms + for_ms).step_by(100) {
            policy.estimate(at(ms), bps);
        }
        policy.target()
    }

    #[test]
    fn ample_bandwidth_sends_all_that_was_asked_for() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        let target = run(&mut policy, 0, 20_000, 10_000_000);
        assert_eq!(target, Target { width: 1280, height: 720, fps: 30, bitrate_bps: 1_500_000 });
        assert_eq!(policy.steps_taken(), 0);
    }

    #[test]
    fn bitrate_gives_way_first_then_size_then_frame_rate() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        let some = run(&mut policy, 0, 5_000, 1_100_000);
        assert_eq!((some.width, some.fps, some.bitrate_bps), (1280, 30, 1_040_000));
        let less = run(&mut policy, 6_000, 5_000, 600_000);
        assert_eq!((less.width, less.height, less.fps), (960, 540, 30));
        let little = run(&mut policy, 20_000, 5_000, 180_000);
        assert_eq!((little.width, little.height, little.fps), (640, 360, 15));
        let least = run(&mut policy, 30_000, 5_000, 1_000);
        assert_eq!((least.width, least.height, least.fps, least.bitrate_bps), (426, 240, 15, 50_000));
    }

    #[test]
    fn a_short_dip_does_not_change_the_size() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        run(&mut policy, 0, 2_000, 2_000_000);
        run(&mut policy, 2_100, 700, 700_000);
        let target = run(&mut policy, 2_900, 2_000, 2_000_000);
        assert_eq!((target.width, policy.steps_taken()), (1280, 0));
    }

    #[test]
    fn the_full_size_comes_back_but_not_in_haste() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        run(&mut policy, 0, 5_000, 100_000);
        let steps = policy.steps_taken();
        let soon = run(&mut policy, 6_000, 4_000, 5_000_000);
        assert!(soon.width < 1280);
        let later = run(&mut policy, 11_000, 60_000, 5_000_000);
        assert_eq!((later.width, later.fps), (1280, 30));
        assert_eq!(policy.steps_taken(), steps * 2);
    }

    #[test]
    fn a_large_picture_at_a_low_bitrate_is_sent_as_asked() {
        let full = VideoSettings { width: 1920, height: 1080, fps: 30, max_bitrate_bps: 500_000 };
        let mut policy = RatePolicy::new(full);
        assert_eq!(run(&mut policy, 0, 20_000, 3_000_000).width, 1920);
    }

    #[test]
    fn other_settings_hold_at_once_as_far_as_the_network_carries_them() {
        let full = VideoSettings { width: 1920, height: 1080, fps: 30, max_bitrate_bps: 3_000_000 };
        let mut ample = RatePolicy::new(VideoSettings::default());
        ample.set_full(full);
        assert_eq!(ample.target(), Target { width: 1920, height: 1080, fps: 30, bitrate_bps: 3_000_000 });
        let mut scarce = RatePolicy::new(VideoSettings::default());
        run(&mut scarce, 0, 5_000, 1_100_000);
        scarce.set_full(full);
        assert_eq!(scarce.target().bitrate_bps, 1_040_000);
        ample.set_full(VideoSettings { width: 320, height: 180, fps: 15, max_bitrate_bps: 120_000 });
        assert_eq!(ample.target().bitrate_bps, 120_000);
    }

    #[test]
    fn half_the_frame_rate_takes_every_second_picture_though_capture_jitters() {
        let mut pacer = Pacer::default();
        let jitter = [0, 4, -3, 2, -4, 1];
        let taken: Vec<i64> = (0..30i64).filter(|n| pacer.take(at(n * 33 + jitter[*n as usize % 6]), 15)).collect();
        assert_eq!(taken, (0..30).step_by(2).collect::<Vec<_>>());
        let mut all = Pacer::default();
        assert_eq!((0..30).filter(|n| all.take(at(n * 33), 30)).count(), 30);
    }
}
