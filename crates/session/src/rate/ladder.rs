//! One layer for the bitrate it may have: the bitrate gives way first, then the size, then the frame rate.
//!
//! Going down is quick, as what does not fit is lost, and goes as far as it must, as each size begins with a key frame; going
//! up waits, and then goes as far as there was bandwidth for all the time. It waits longer where the last larger size had to be
//! given up again: a picture that keeps changing its size is worse than a smaller one.

use std::time::Duration;

use beckon_media::MediaTime;

use super::Target;
use crate::request::VideoSettings;

/// No picture is worth sending below this, bit/s.
pub(super) const MIN_BPS: u64 = 50_000;
/// Bits for each pixel below which a smaller picture looks better.
const LEAST_BITS_PER_PIXEL: f64 = 0.03;
/// The bitrate must suffice for the next larger step this much over …
const HEADROOM: f64 = 1.3;
/// … and for this long, before it is taken …
const UP_AFTER: Duration = Duration::from_millis(1_500);
/// … which doubles each time that it was given up again so soon …
const GIVEN_UP: Duration = Duration::from_secs(15);
/// … up to this.
const LONGEST_UP_AFTER: Duration = Duration::from_secs(12);
/// Too little for this long means a step down; far too little means one at once.
const DOWN_AFTER: Duration = Duration::from_secs(1);
const FAR_TOO_LITTLE: f64 = 0.5;
/// Smaller changes of the bitrate are not worth telling the encoder, as a share.
const WORTH_TELLING: f64 = 0.05;

/// The steps: share of width and height in twelfths, share of the frame rate in halves.
const LADDER: [(u32, u32); 6] = [(12, 2), (9, 2), (6, 2), (4, 2), (4, 1), (3, 1)];
/// The smallest step.
const LAST_STEP: usize = LADDER.len() - 1;

/// What encoding at a step costs, as a share of what it costs at full size and rate.
fn cost(step: usize) -> f64 {
    let (size, rate) = LADDER[step.min(LAST_STEP)];
    f64::from(size * size * rate) / 288.0
}

/// The same for each step, the largest first.
pub(super) fn costs() -> impl Iterator<Item = f64> {
    (0..LADDER.len()).map(cost)
}

/// How one layer is sent.
#[derive(Debug)]
pub(super) struct Ladder {
    full: VideoSettings,
    step: usize,
    bitrate: u64,
    short_since: Option<MediaTime>,
    /// Since when there is enough for a larger step, and the least bitrate since then.
    ample: Option<(MediaTime, f64)>,
    up_after: Duration,
    /// When the size grew last.
    risen: Option<MediaTime>,
    steps_taken: u64,
}

impl Ladder {
    /// Begins with everything the settings allow.
    pub(super) fn new(full: VideoSettings) -> Self {
        let bitrate = full.max_bitrate_bps;
        Self { full, step: 0, bitrate, short_since: None, ample: None, up_after: UP_AFTER, risen: None, steps_taken: 0 }
    }

    /// Other settings hold from now on; what the network carries is remembered.
    pub(super) fn set_full(&mut self, full: VideoSettings) {
        let all = self.bitrate >= self.full.max_bitrate_bps;
        self.bitrate = if all { full.max_bitrate_bps } else { self.bitrate.min(full.max_bitrate_bps) };
        self.full = full;
        (self.short_since, self.ample) = (None, None);
    }

    /// What to send now, at most at this step.
    pub(super) fn target(&self, cap: usize) -> Target {
        self.at(self.step.max(cap))
    }

    pub(super) fn full(&self) -> VideoSettings {
        self.full
    }

    /// How often size or frame rate were changed.
    pub(super) fn steps_taken(&self) -> u64 {
        self.steps_taken
    }

    /// The layer may have `bps` now.
    pub(super) fn allot(&mut self, now: MediaTime, bps: u64) {
        let wanted = bps.clamp(MIN_BPS, self.full.max_bitrate_bps.max(MIN_BPS));
        let difference = wanted.abs_diff(self.bitrate) as f64;
        if difference >= self.bitrate as f64 * WORTH_TELLING || wanted == self.full.max_bitrate_bps {
            self.bitrate = wanted;
        }
        self.choose_step(now, wanted as f64);
    }

    fn choose_step(&mut self, now: MediaTime, bitrate: f64) {
        let need = self.need(self.step);
        let last = self.step == LAST_STEP;
        self.short_since = (bitrate < need && !last).then(|| self.short_since.unwrap_or(now));
        let short = self.short_since.is_some_and(|since| now.saturating_since(since) >= DOWN_AFTER);
        if short || !last && bitrate < need * FAR_TOO_LITTLE {
            let fits = (self.step + 1..LAST_STEP).find(|step| bitrate >= self.need(*step));
            self.up_after = match self.risen.take() {
                Some(at) if now.saturating_since(at) < GIVEN_UP => (self.up_after * 2).min(LONGEST_UP_AFTER),
                _ => UP_AFTER,
            };
            return self.take(fits.unwrap_or(LAST_STEP));
        }
        if self.step == 0 || !self.suffices(bitrate, self.step - 1) {
            self.ample = None;
            return;
        }
        let (since, before) = self.ample.unwrap_or((now, bitrate));
        let least = before.min(bitrate);
        self.ample = Some((since, least));
        if now.saturating_since(since) >= self.up_after {
            self.risen = Some(now);
            let largest = (0..self.step).find(|step| self.suffices(least, *step));
            self.take(largest.unwrap_or(self.step - 1));
        }
    }

    /// Whether a step can be gone up to with this bitrate. Settings so meagre that even all of them never give headroom still
    /// deserve their full size.
    fn suffices(&self, bitrate: f64, step: usize) -> bool {
        let need = self.need(step);
        bitrate >= need * HEADROOM || bitrate >= self.full.max_bitrate_bps as f64 && bitrate >= need
    }

    fn take(&mut self, step: usize) {
        self.steps_taken += step.abs_diff(self.step) as u64;
        self.step = step;
        (self.short_since, self.ample) = (None, None);
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
        wish.min(self.full.max_bitrate_bps as f64 * cost(step) * 0.9)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    fn run(ladder: &mut Ladder, from_ms: i64, for_ms: i64, bps: u64) -> Target {
        for ms in (from_ms..=from_ms + for_ms).step_by(100) {
            ladder.allot(at(ms), bps);
        }
        ladder.target(0)
    }

    #[test]
    fn ample_bandwidth_sends_all_that_was_asked_for() {
        let mut ladder = Ladder::new(VideoSettings::default());
        let target = run(&mut ladder, 0, 20_000, 10_000_000);
        assert_eq!(target, Target { width: 1280, height: 720, fps: 30, bitrate_bps: 1_500_000 });
        assert_eq!(ladder.steps_taken(), 0);
    }

    #[test]
    fn bitrate_gives_way_first_then_size_then_frame_rate() {
        let mut ladder = Ladder::new(VideoSettings::default());
        let some = run(&mut ladder, 0, 5_000, 1_040_000);
        assert_eq!((some.width, some.fps, some.bitrate_bps), (1280, 30, 1_040_000));
        let less = run(&mut ladder, 6_000, 5_000, 540_000);
        assert_eq!((less.width, less.height, less.fps), (960, 540, 30));
        let little = run(&mut ladder, 20_000, 5_000, 120_000);
        assert_eq!((little.width, little.height, little.fps), (426, 240, 30));
        let least = run(&mut ladder, 30_000, 5_000, 1_000);
        assert_eq!((least.width, least.height, least.fps, least.bitrate_bps), (426, 240, 15, 50_000));
    }

    #[test]
    fn a_fall_leads_to_the_size_that_fits_without_any_between() {
        for (bps, width) in [(600_000, 960), (250_000, 640), (100_000, 426)] {
            let mut ladder = Ladder::new(VideoSettings::default());
            run(&mut ladder, 0, 2_000, 2_000_000);
            let mut widths: Vec<u32> =
                (20..60).map(|n| run(&mut ladder, n * 100, 0, bps)).map(|target| target.width).collect();
            widths.dedup();
            assert_eq!(widths, if bps < 414_000 { vec![width] } else { vec![1280, width] }, "{bps}");
        }
    }

    #[test]
    fn a_short_dip_does_not_change_the_size() {
        let mut ladder = Ladder::new(VideoSettings::default());
        run(&mut ladder, 0, 2_000, 2_000_000);
        run(&mut ladder, 2_100, 700, 700_000);
        let target = run(&mut ladder, 2_900, 2_000, 2_000_000);
        assert_eq!((target.width, ladder.steps_taken()), (1280, 0));
    }

    #[test]
    fn the_full_size_comes_back_but_not_in_haste() {
        let mut ladder = Ladder::new(VideoSettings::default());
        run(&mut ladder, 0, 5_000, 100_000);
        let steps = ladder.steps_taken();
        let soon = run(&mut ladder, 6_000, 1_400, 5_000_000);
        assert!(soon.width < 1280);
        let later = run(&mut ladder, 7_500, 0, 5_000_000);
        assert_eq!((later.width, later.fps), (1280, 30), "all at once");
        assert_eq!(ladder.steps_taken(), steps * 2);
    }

    #[test]
    fn it_goes_up_as_far_as_there_was_enough_for_all_the_time() {
        let mut ladder = Ladder::new(VideoSettings::default());
        run(&mut ladder, 0, 5_000, 100_000);
        run(&mut ladder, 6_000, 700, 700_000);
        assert_eq!(run(&mut ladder, 6_800, 700, 5_000_000).width, 960);
        assert_eq!(run(&mut ladder, 7_600, 1_400, 5_000_000).width, 960);
        assert_eq!(run(&mut ladder, 9_100, 100, 5_000_000).width, 1280);
    }

    #[test]
    fn a_size_that_never_holds_is_tried_less_often() {
        let mut ladder = Ladder::new(VideoSettings::default());
        let (mut changes, mut fits_until) = (Vec::new(), 0);
        for ms in (0..120_000).step_by(100) {
            let before = ladder.target(0).width;
            // There seems to be room whenever nobody uses it.
            let bps = if before < 1280 || ms < fits_until { 1_300_000 } else { 300_000 };
            ladder.allot(at(ms), bps);
            let width = ladder.target(0).width;
            if width > before {
                changes.push(ms);
                fits_until = ms + 2_000;
            }
        }
        assert!(changes.len() <= 10, "{changes:?}");
        assert!(changes.windows(2).skip(4).all(|pair| pair[1] - pair[0] > 12_000), "{changes:?}");
    }

    #[test]
    fn a_large_picture_at_a_low_bitrate_is_sent_as_asked() {
        let full = VideoSettings { width: 1920, height: 1080, fps: 30, max_bitrate_bps: 500_000 };
        let mut ladder = Ladder::new(full);
        assert_eq!(run(&mut ladder, 0, 20_000, 3_000_000).width, 1920);
    }

    #[test]
    fn other_settings_hold_at_once_as_far_as_the_network_carries_them() {
        let full = VideoSettings { width: 1920, height: 1080, fps: 30, max_bitrate_bps: 3_000_000 };
        let mut ample = Ladder::new(VideoSettings::default());
        ample.set_full(full);
        assert_eq!(ample.target(0), Target { width: 1920, height: 1080, fps: 30, bitrate_bps: 3_000_000 });
        let mut scarce = Ladder::new(VideoSettings::default());
        run(&mut scarce, 0, 5_000, 1_040_000);
        scarce.set_full(full);
        assert_eq!(scarce.target(0).bitrate_bps, 1_040_000);
        ample.set_full(VideoSettings { width: 320, height: 180, fps: 15, max_bitrate_bps: 120_000 });
        assert_eq!(ample.target(0).bitrate_bps, 120_000);
    }
}
