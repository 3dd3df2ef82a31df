//! How our screen is sent for the bandwidth and the computing time there are, and how often a still one is sent again.
//!
//! Text must stay sharp and can do with few pictures a second; a film must stay smooth and can do with fewer pixels. Either way
//! less of it is coded where the machine has too much to do, as with cameras ([`Load`]).
//! Beside the large layer there is a small one for viewers whose network does not carry that, sent only while there are such.
//! Pure: sizes, estimates and time in, what to send out.

use std::time::Duration;

use beckon_media::MediaTime;
use beckon_rtc::VideoLayer;

use crate::rate::{self, Load, Strain, Target, Work};

/// The layer for viewers whose network does not carry the large one.
pub(crate) const SMALL: usize = 0;
/// The layer for everybody else.
pub(crate) const LARGE: usize = 1;
/// Names of the layers, as of a camera's.
pub(crate) const RIDS: [&str; 2] = [rate::RIDS[SMALL], rate::RIDS[LARGE]];

/// Bit/s for each pixel with which text that moves stays sharp, and a film.
const TEXT_BPS_PER_PIXEL: f64 = 1.7;
const FILM_BPS_PER_PIXEL: f64 = 2.4;
/// Small windows need more for each pixel, large ones less.
const MOST_BPS: u64 = 6_000_000;
const LEAST_FULL_BPS: u64 = 1_000_000;
/// A screen whose size is not known yet is taken for this.
pub(crate) const FULL_HD: (u32, u32) = (1920, 1080);
/// Below this nothing can be seen.
const MIN_BPS: u64 = 100_000;
/// Share of the full bitrate that each step needs, with the share of the size in twelfths and the pictures a second.
const TEXT: [(f64, u32, u32); 5] = [(0.5, 12, 30), (0.25, 12, 15), (0.12, 12, 8), (0.06, 12, 5), (0.0, 6, 5)];
const FILM: [(f64, u32, u32); 5] = [(0.5, 12, 30), (0.28, 9, 30), (0.12, 6, 30), (0.06, 6, 15), (0.0, 4, 15)];
/// What a screen that changes without end costs at each step, as a share of what it costs at the first.
fn costs(motion: bool) -> impl Iterator<Item = f64> {
    let cost = |&(_, twelfths, fps): &(f64, u32, u32)| f64::from(twelfths * twelfths * fps);
    let steps = steps(motion);
    steps.iter().map(move |step| cost(step) / cost(&steps[0]))
}

fn steps(motion: bool) -> &'static [(f64, u32, u32); 5] {
    if motion { &FILM } else { &TEXT }
}

/// Text is made smaller only where the encoder itself cannot keep up: what cannot be read is of no use to anybody.
const LAST_SHARP_TEXT: usize = TEXT.len() - 2;

/// How the small layer is sent.
struct Small {
    /// By how much the sides of the large one are divided …
    divided_by: u32,
    /// … but the longer side is not made smaller than this, and no larger than that; pixels.
    side: (u32, u32),
    fps: u32,
    bps_per_pixel: f64,
}

/// Half of Full HD can still be read, if with effort.
const SMALL_TEXT: Small = Small { divided_by: 2, side: (640, 1280), fps: 5, bps_per_pixel: 0.28 };
const SMALL_FILM: Small = Small { divided_by: 3, side: (480, 640), fps: 10, bps_per_pixel: 0.63 };
/// It goes through 300 kbit/s, with sound and a small camera, or through 250 kbit/s alone.
const SMALL_BPS: (u64, u64) = (100_000, 180_000);
/// There must be bandwidth for so many small layers before one is sent: with less the large one takes little more itself …
const SMALL_WORTH: u64 = 4;
/// … and it is sent no more when there is less than this.
const SMALL_WORTH_NO_MORE: u64 = 3;
/// A better step must be affordable for this long.
const UP_AFTER: Duration = Duration::from_secs(4);

/// The policy for one screen.
#[derive(Debug)]
pub(crate) struct ScreenPolicy {
    motion: bool,
    estimate_bps: u64,
    step: usize,
    better_since: Option<MediaTime>,
    load: Load,
    /// Of the newest picture; what is picked may grow.
    size: Option<(u32, u32)>,
    /// Somebody watches the small layer.
    small_wanted: bool,
    /// There is bandwidth for both layers.
    small_fits: bool,
}

impl ScreenPolicy {
    /// For a film if `motion`, else for text. Begins as if there were ample bandwidth.
    pub(crate) fn new(motion: bool) -> Self {
        let load = Load::new(costs(motion));
        Self {
            motion,
            estimate_bps: MOST_BPS + SMALL_BPS.1,
            step: 0,
            better_since: None,
            load: if motion { load } else { load.for_others_no_less_than(LAST_SHARP_TEXT) },
            size: None,
            small_wanted: false,
            small_fits: true,
        }
    }

    /// The most that it may be sent with as long as its newest picture has the size it has, with the layers that are wanted, bit/s.
    pub(crate) fn full_bps_now(&self) -> u64 {
        let size = self.size.unwrap_or(FULL_HD);
        let small = if self.small_wanted { Self::small(self.motion, size).bitrate_bps } else { 0 };
        Self::full_bps(self.motion, size) + small
    }

    /// The layers to publish a window or screen of this size in, the small one first.
    pub(crate) fn layers(motion: bool, size: (u32, u32)) -> [VideoLayer; 2] {
        let layer = |n: usize, (width, height), max_bitrate_bps| VideoLayer {
            rid: RIDS[n].to_owned(),
            width,
            height,
            max_bitrate_bps,
        };
        let small = Self::small(motion, size);
        // Windows grow, and the small layer with them.
        let most = Self::small(motion, FULL_HD).bitrate_bps.max(small.bitrate_bps);
        [layer(SMALL, (small.width, small.height), most), layer(LARGE, size, Self::most_bps(motion, size))]
    }

    /// What is worth looking for before anything is known of the screen to come, bit/s.
    pub(crate) fn expected_bps() -> u64 {
        Self::layers(false, FULL_HD).iter().map(|layer| layer.max_bitrate_bps).sum()
    }

    fn small(motion: bool, (width, height): (u32, u32)) -> Target {
        let Small { divided_by, side: (least, most), fps, bps_per_pixel } =
            if motion { SMALL_FILM } else { SMALL_TEXT };
        let longer = width.max(height).max(1);
        let side = (longer / divided_by).clamp(least, most).min(longer);
        let scaled = |full: u32| ((u64::from(full) * u64::from(side) / u64::from(longer)) as u32 & !1).max(2);
        let (width, height) = (scaled(width), scaled(height));
        let wish = f64::from(width) * f64::from(height) * bps_per_pixel;
        Target { width, height, fps, bitrate_bps: (wish as u64).clamp(SMALL_BPS.0, SMALL_BPS.1) }
    }

    /// Whether somebody watches the small layer.
    pub(crate) fn want_small(&mut self, wanted: bool) {
        self.small_wanted = wanted;
    }

    /// How to send the small layer of a screen of this size now; `None`: not at all, as nobody watches it, or there is no bandwidth for both.
    pub(crate) fn small_target(&self, size: (u32, u32)) -> Option<Target> {
        (self.small_wanted && self.small_fits).then(|| Self::small(self.motion, size))
    }

    /// The most that a window or screen of this size may ever be sent with, bit/s: windows grow. 0 × 0 where it is not known.
    pub(crate) fn most_bps(motion: bool, size: (u32, u32)) -> u64 {
        Self::full_bps(motion, size).max(Self::full_bps(motion, FULL_HD))
    }

    fn full_bps(motion: bool, (width, height): (u32, u32)) -> u64 {
        let per_pixel = if motion { FILM_BPS_PER_PIXEL } else { TEXT_BPS_PER_PIXEL };
        let wish = f64::from(width) * f64::from(height) * per_pixel;
        (wish as u64).clamp(LEAST_FULL_BPS, MOST_BPS)
    }

    /// This much may be sent in all layers, bit/s.
    pub(crate) fn estimate(&mut self, bps: u64) {
        self.estimate_bps = bps;
        let small = Self::small(self.motion, self.size.unwrap_or(FULL_HD)).bitrate_bps;
        self.small_fits = bps >= small * if self.small_fits { SMALL_WORTH_NO_MORE } else { SMALL_WORTH };
    }

    /// The screen was encoded, in all its layers.
    pub(crate) fn encoded(&mut self, now: MediaTime, work: Work, strain: &mut Strain) {
        self.load.encoded(now, work, strain);
    }

    /// How many steps it may not take that the bandwidth allows, for want of computing time; 0: none.
    pub(crate) fn load_step(&self) -> usize {
        self.load.step()
    }

    /// How to send the large layer of a screen of this size now.
    pub(crate) fn target(&mut self, now: MediaTime, size: (u32, u32)) -> Target {
        self.size = Some(size);
        let full = Self::full_bps(self.motion, size);
        let small = self.small_target(size).map_or(0, |small| small.bitrate_bps);
        let bitrate_bps = self.estimate_bps.saturating_sub(small).clamp(MIN_BPS, full);
        let steps = steps(self.motion);
        let share = bitrate_bps as f64 / full as f64;
        let fitting = steps.iter().position(|(need, ..)| share >= *need).unwrap_or(steps.len() - 1);
        if fitting > self.step {
            (self.step, self.better_since) = (fitting, None);
        } else if fitting == self.step {
            self.better_since = None;
        } else if now.saturating_since(*self.better_since.get_or_insert(now)) >= UP_AFTER {
            (self.step, self.better_since) = (self.step - 1, Some(now));
        }
        let (_, twelfths, fps) = steps[self.step.max(self.load.step())];
        let scaled = |full: u32| if twelfths == 12 { full } else { ((full * twelfths / 12) & !1).max(2) };
        Target { width: scaled(size.0), height: scaled(size.1), fps, bitrate_bps }
    }
}

/// A still picture is sent again this often while it becomes sharp …
const SHARPEN_EVERY: Duration = Duration::from_millis(200);
/// … for this long after the last change …
const SHARPEN_FOR: Duration = Duration::from_millis(2400);
/// … and then this often, so that a loss is noticed and mended. What does not change costs some 30 bytes.
const REMIND_EVERY: Duration = Duration::from_secs(1);

/// When a picture that has not changed is sent again.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    changed: Option<MediaTime>,
    sent: Option<MediaTime>,
}

impl Refresh {
    /// The screen changed.
    pub(crate) fn changed(&mut self, now: MediaTime) {
        self.changed = Some(now);
    }

    /// The newest picture was encoded.
    pub(crate) fn sent(&mut self, now: MediaTime) {
        self.sent = Some(now);
    }

    /// When to encode the newest picture again; `None` before there is one.
    pub(crate) fn due(&self) -> Option<MediaTime> {
        let changed = self.changed?;
        let Some(sent) = self.sent else { return Some(changed) };
        let sharp = sent >= changed + SHARPEN_FOR;
        Some(sent + if sharp { REMIND_EVERY } else { SHARPEN_EVERY })
    }

    /// Whether anything has changed lately.
    pub(crate) fn is_moving(&self, now: MediaTime) -> bool {
        self.changed.is_some_and(|changed| now.saturating_since(changed) < SHARPEN_FOR)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    fn target(policy: &mut ScreenPolicy, ms: i64, bps: u64) -> (u32, u32, u32) {
        policy.estimate(bps);
        let t = policy.target(at(ms), FULL_HD);
        (t.width, t.height, t.fps)
    }

    #[test]
    fn text_gives_up_pictures_before_pixels() {
        let mut policy = ScreenPolicy::new(false);
        assert_eq!(target(&mut policy, 0, 8_000_000), (1920, 1080, 30));
        assert_eq!(target(&mut policy, 1, 1_000_000), (1920, 1080, 15));
        assert_eq!(target(&mut policy, 2, 300_000), (1920, 1080, 5));
        assert_eq!(target(&mut policy, 3, 120_000), (960, 540, 5));
    }

    #[test]
    fn a_film_gives_up_pixels_before_pictures() {
        let mut policy = ScreenPolicy::new(true);
        assert_eq!(target(&mut policy, 0, 8_000_000), (1920, 1080, 30));
        assert_eq!(target(&mut policy, 1, 1_500_000), (1440, 810, 30));
        assert_eq!(target(&mut policy, 2, 700_000), (960, 540, 30));
        assert_eq!(target(&mut policy, 3, 100_000), (640, 360, 15));
    }

    #[test]
    fn going_up_waits_and_takes_one_step_at_a_time() {
        let mut policy = ScreenPolicy::new(false);
        target(&mut policy, 0, 300_000);
        assert_eq!(target(&mut policy, 100, 8_000_000).2, 5);
        assert_eq!(target(&mut policy, 4_200, 8_000_000).2, 8);
        assert_eq!(target(&mut policy, 4_300, 300_000).2, 5);
        assert_eq!(target(&mut policy, 4_400, 8_000_000).2, 5);
        let fastest = (0..10).map(|n| target(&mut policy, 4_400 + n * 4_000, 8_000_000).2).last();
        assert_eq!(fastest, Some(30));
    }

    /// So long pictures come at the policy's own rate; each takes this share of the time between two at full size and rate, and as much less
    /// as it is smaller.
    fn busy(policy: &mut ScreenPolicy, ms: std::ops::Range<i64>, share: f64) -> Target {
        let mut now = ms.start;
        loop {
            let target = policy.target(at(now), FULL_HD);
            if now >= ms.end {
                return target;
            }
            let pixels = f64::from(target.width * target.height) / f64::from(FULL_HD.0 * FULL_HD.1);
            let interval = Duration::from_secs(1) / target.fps;
            let spent = (Duration::from_secs(1) / 30).mul_f64(share * pixels);
            policy.encoded(at(now), Work { spent, interval, missed: 0, source: interval }, &mut Strain::default());
            now += interval.as_millis() as i64;
        }
    }

    #[test]
    fn a_machine_with_too_much_to_do_gets_fewer_pictures_of_text_before_smaller_ones() {
        let mut policy = ScreenPolicy::new(false);
        let t = busy(&mut policy, 0..10_000, 0.5);
        assert_eq!((t.width, t.fps, policy.load_step()), (1920, 30, 0));
        let t = busy(&mut policy, 10_000..13_000, 1.2);
        assert_eq!((t.width, t.fps, policy.load_step()), (1920, 15, 1));
        let t = busy(&mut policy, 13_000..60_000, 4.0);
        assert_eq!((t.width, t.fps), (1920, 5));
        let t = busy(&mut policy, 60_000..80_000, 12.0);
        assert_eq!((t.width, t.fps), (960, 5), "there is nothing else left");
        let t = busy(&mut policy, 80_000..400_000, 0.2);
        assert_eq!((t.width, t.fps, policy.load_step()), (1920, 30, 0));
    }

    #[test]
    fn a_machine_with_too_much_to_do_gets_smaller_pictures_of_a_film() {
        let mut policy = ScreenPolicy::new(true);
        let t = busy(&mut policy, 0..3_000, 1.2);
        assert_eq!((t.width, t.fps), (1440, 30));
    }

    #[test]
    fn of_bandwidth_and_computing_time_the_scarcer_one_decides() {
        let mut policy = ScreenPolicy::new(false);
        assert_eq!(target(&mut policy, 0, 300_000).2, 5);
        busy(&mut policy, 1..3_000, 6.0);
        assert!(policy.load_step() > 0);
        assert_eq!(target(&mut policy, 3_001, 300_000), (1920, 1080, 5));
    }

    #[test]
    fn a_small_window_gets_enough_and_a_huge_screen_not_everything() {
        assert_eq!(ScreenPolicy::full_bps(false, (400, 300)), 1_000_000);
        assert_eq!(ScreenPolicy::full_bps(false, FULL_HD), 3_525_120);
        assert_eq!(ScreenPolicy::most_bps(false, (400, 300)), 3_525_120, "it may be maximised");
        assert_eq!(ScreenPolicy::full_bps(true, (3840, 2160)), 6_000_000);
        let mut policy = ScreenPolicy::new(false);
        assert_eq!(policy.full_bps_now(), 3_525_120, "nothing was seen yet");
        policy.target(at(0), (400, 300));
        assert_eq!(policy.full_bps_now(), 1_000_000);
        policy.target(at(40), FULL_HD);
        assert_eq!(policy.full_bps_now(), 3_525_120);
    }

    #[test]
    fn the_small_layer_suits_the_screen_and_goes_through_a_narrow_network() {
        let small = |motion, size| {
            let [small, large] = ScreenPolicy::layers(motion, size);
            assert_eq!((large.width, large.height), size);
            (small.width, small.height, small.max_bitrate_bps)
        };
        assert_eq!(small(false, FULL_HD), (960, 540, 145_152));
        assert_eq!(small(true, FULL_HD), (640, 360, 145_152));
        assert_eq!(small(false, (3840, 2160)), (1280, 720, 180_000));
        assert_eq!(small(false, (1080, 1920)), (540, 960, 145_152));
        // Of a small window nothing could be read at half the size; it may be maximised.
        assert_eq!(small(false, (601, 401)), (600, 400, 145_152));
        assert_eq!(ScreenPolicy::small(false, (601, 401)).bitrate_bps, 100_000);
    }

    #[test]
    fn the_small_layer_is_sent_while_it_is_wanted_and_there_is_bandwidth_for_both() {
        let mut policy = ScreenPolicy::new(false);
        policy.target(at(0), FULL_HD);
        let full = policy.full_bps_now();
        assert_eq!(policy.small_target(FULL_HD), None);
        policy.want_small(true);
        let small = Target { width: 960, height: 540, fps: 5, bitrate_bps: 145_152 };
        assert_eq!(policy.small_target(FULL_HD), Some(small));
        // Others lose nothing by it.
        assert_eq!(policy.full_bps_now(), full + small.bitrate_bps);
        assert_eq!(policy.target(at(1), FULL_HD).bitrate_bps, full);
        policy.estimate(1_000_000);
        assert_eq!(policy.target(at(2), FULL_HD).bitrate_bps, 1_000_000 - small.bitrate_bps);
        policy.estimate(400_000);
        assert_eq!(policy.small_target(FULL_HD), None);
        assert_eq!(policy.target(at(3), FULL_HD).bitrate_bps, 400_000, "all that there is");
        policy.estimate(500_000);
        assert_eq!(policy.small_target(FULL_HD), None, "not at once");
        policy.estimate(600_000);
        assert_eq!(policy.small_target(FULL_HD), Some(small));
        policy.want_small(false);
        assert_eq!((policy.small_target(FULL_HD), policy.full_bps_now()), (None, full));
    }

    #[test]
    fn a_still_picture_is_sharpened_then_only_reminded_of() {
        let mut refresh = Refresh::default();
        assert_eq!(refresh.due(), None);
        refresh.changed(at(0));
        let mut times = Vec::new();
        while let Some(due) = refresh.due().filter(|due| *due <= at(6_000)) {
            times.push(due.as_millis());
            refresh.sent(due);
        }
        assert_eq!(times[..4], [0, 200, 400, 600]);
        assert_eq!(times[times.len() - 4..], [2_400, 3_400, 4_400, 5_400]);
        assert!(refresh.is_moving(at(2_000)) && !refresh.is_moving(at(2_500)));
        refresh.changed(at(7_000));
        assert!(refresh.is_moving(at(7_100)));
    }
}
