//! How our pictures are sent for the bandwidth and the computing time there are.
//!
//! Pure: estimates, wishes and time in, a [`Target`] for each layer out. Sound comes first, then screen and camera share what is
//! left ([`budget`]). The camera's bandwidth goes to the layers lowest first, for
//! the lowest one serves those who have least; a layer that would get no more than the one below it is not sent, as it
//! would look no better. What a layer gets decides its bitrate, then its size, then its frame rate ([`ladder`]). Where
//! the machine has too much to do ([`load`], [`strain`]) the largest layer shrinks, and is left out once it would be no
//! larger than the one below. What others send is asked for smaller where that does not help ([`relief`]).

mod budget;
mod hand_over;
mod ladder;
mod load;
mod pacer;
mod relief;
mod simulcast;
mod strain;

use std::time::Duration;

use beckon_media::MediaTime;

pub(crate) use budget::{ScreenNeeds, Sending, share};
pub(crate) use hand_over::HandOver;
pub(crate) use load::{Load, Work};
pub(crate) use pacer::Pacer;
pub(crate) use relief::Relief;
pub(crate) use simulcast::{Layer, RIDS, announced, layers};
pub(crate) use strain::{Direction, Strain};

use crate::request::VideoSettings;
use ladder::{Ladder, MIN_BPS};

/// A layer that was not sent needs this much more than its least to be sent again …
const HEADROOM: f64 = 1.25;
/// … for this long.
const RESUME_AFTER: Duration = Duration::from_secs(2);
/// A layer that is sent may have less than its least, down to this share of it …
const DIP: f64 = 0.5;
/// … for this long: servers take up to ten seconds to trust a layer again that was left out for one.
const DIP_FOR: Duration = Duration::from_secs(3);

/// What to send in one layer.
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

#[derive(Debug)]
struct LayerState {
    ladder: Ladder,
    /// Somebody watches it.
    wanted: bool,
    /// It is encoded and sent.
    sent: bool,
    /// Since when there is bandwidth for it, where it is not sent.
    ample_since: Option<MediaTime>,
    /// Since when there is less than its least for it, where it is sent.
    short_since: Option<MediaTime>,
}

impl LayerState {
    /// Begins with everything the settings allow.
    fn new(layer: &simulcast::Layer, fps: u32) -> Self {
        let ladder = Ladder::new(layer.settings(fps));
        Self { ladder, wanted: true, sent: true, ample_since: None, short_since: None }
    }

    /// Whether the layer is sent now that there is this share of its least for it.
    fn goes_on(&mut self, now: MediaTime, share: f64) -> bool {
        let for_long = |since: &mut Option<MediaTime>, holds: bool, at_least| {
            *since = since.filter(|_| holds).or(holds.then_some(now));
            since.is_some_and(|since| now.saturating_since(since) >= at_least)
        };
        if self.sent {
            self.ample_since = None;
            !for_long(&mut self.short_since, share < 1.0, DIP_FOR) && share >= DIP
        } else {
            self.short_since = None;
            for_long(&mut self.ample_since, share >= HEADROOM, RESUME_AFTER)
        }
    }
}

/// The policy for one video track of one or more layers.
#[derive(Debug)]
pub struct RatePolicy {
    /// Smallest first.
    layers: Vec<LayerState>,
    load: Load,
    /// For all layers together, bit/s; `None` before the first estimate.
    budget: Option<u64>,
    caps_taken: u64,
}

impl RatePolicy {
    /// A policy that begins with everything the settings allow, in the layers that [`layers`] names.
    pub fn new(full: VideoSettings) -> Self {
        Self {
            layers: announced(full).iter().map(|layer| LayerState::new(layer, full.fps)).collect(),
            load: Load::new(ladder::costs()),
            budget: None,
            caps_taken: 0,
        }
    }

    /// Other settings hold from now on, in as many layers as before; what the network carries is remembered.
    pub fn set_full(&mut self, full: VideoSettings) {
        for (layer, state) in layers(full, self.layers.len()).iter().zip(&mut self.layers) {
            state.ladder.set_full(layer.settings(full.fps));
        }
    }

    /// The track is another one from now on, in so many layers; what network and machine bear is remembered.
    pub(crate) fn set_layers(&mut self, now: MediaTime, full: VideoSettings, count: usize) {
        if count == self.layers.len() {
            return self.set_full(full);
        }
        self.caps_taken = self.steps_taken();
        self.layers = layers(full, count).iter().map(|layer| LayerState::new(layer, full.fps)).collect();
        self.share(now);
    }

    /// How many layers there are.
    pub fn layer_count(&self) -> usize {
        self.layers.len()
    }

    /// What to send now in a layer (0: the smallest); `None`: nothing.
    pub fn target(&self, layer: usize) -> Option<Target> {
        let own = self.sent(layer)?;
        let Some((n, most)) = self.most() else { return Some(own) };
        match layer.cmp(&n) {
            std::cmp::Ordering::Less => Some(own),
            std::cmp::Ordering::Equal => Some(Target {
                width: own.width.min(most.width),
                height: own.height.min(most.height),
                fps: own.fps.min(most.fps),
                ..own
            }),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Whether somebody watches a layer.
    pub(crate) fn wants(&self, layer: usize) -> bool {
        self.layers.get(layer).is_some_and(|l| l.wanted)
    }

    /// What the bandwidth allows in a layer.
    fn sent(&self, layer: usize) -> Option<Target> {
        let sending = self.layers.get(layer).filter(|l| l.wanted && l.sent)?;
        Some(sending.ladder.target(0))
    }

    /// The largest layer that this machine has time for, and the most to send in it. It is nearly all of the cost.
    fn most(&self) -> Option<(usize, Target)> {
        let largest = (0..self.layers.len()).rev().find(|n| self.sent(*n).is_some())?;
        let most = self.layers[largest].ladder.target(self.load.step());
        if self.load.step() == 0 {
            return Some((largest, most));
        }
        // A layer that is sent anyway serves as well.
        let serves = |n: &usize| self.sent(*n).is_some_and(|target| target.width >= most.width);
        Some(((0..largest).find(serves).unwrap_or(largest), most))
    }

    /// How many steps smaller the pictures are than the bandwidth allows, for want of computing time; 0: none.
    pub fn load_step(&self) -> usize {
        self.load.step()
    }

    /// What the network carries of all layers together, bit/s; `None` before the first estimate.
    pub(crate) fn budget(&self) -> Option<u64> {
        self.budget
    }

    /// How often size or frame rate were changed.
    pub fn steps_taken(&self) -> u64 {
        self.caps_taken + self.layers.iter().map(|l| l.ladder.steps_taken()).sum::<u64>()
    }

    /// Which qualities (low, medium, high) anybody watches. A track of fewer layers serves a wish for more with its
    /// largest.
    pub fn want(&mut self, now: MediaTime, qualities: [bool; 3]) {
        let largest = self.layers.len() - 1;
        for (n, layer) in self.layers.iter_mut().enumerate() {
            let wanted = qualities[n.min(2)] || n == largest && qualities[n.min(2)..].contains(&true);
            // One layer alone serves all wishes.
            let wanted = wanted || largest == 0 && qualities.contains(&true);
            if wanted && !layer.wanted {
                (layer.sent, layer.ample_since, layer.short_since) = (true, None, None);
            }
            layer.wanted = wanted;
        }
        self.share(now);
    }

    /// All layers together may take this much now, bit/s.
    pub fn estimate(&mut self, now: MediaTime, bps: u64) {
        self.budget = Some(bps.max(MIN_BPS));
        self.share(now);
    }

    /// The most that the layers that are watched have use for, bit/s.
    pub(crate) fn most_bps(&self) -> u64 {
        self.layers.iter().filter(|l| l.wanted).map(|l| l.ladder.full().max_bitrate_bps).sum()
    }

    /// A picture was encoded, in all its layers.
    pub(crate) fn encoded(&mut self, now: MediaTime, work: Work, strain: &mut Strain) {
        let before = self.load.step();
        self.load.encoded(now, work, strain);
        self.caps_taken += u64::from(self.load.step() != before);
    }

    /// How long after one another the camera's pictures come.
    pub(crate) fn camera_interval(&self) -> Duration {
        let fps = self.layers.last().map_or(30, |largest| largest.ladder.full().fps);
        Duration::from_secs(1) / fps.max(1)
    }

    /// Shares the budget out, lowest layer first.
    fn share(&mut self, now: MediaTime) {
        let Some(budget) = self.budget else { return };
        let mut left = budget;
        let mut below: Option<u64> = None;
        for layer in self.layers.iter_mut().filter(|l| l.wanted) {
            let most = layer.ladder.full().max_bitrate_bps;
            if let Some(below) = below {
                layer.sent = layer.goes_on(now, left as f64 / below.max(1) as f64);
            } else {
                layer.sent = true;
            }
            if layer.sent {
                layer.ladder.allot(now, left.min(most));
                left = left.saturating_sub(most);
                below = Some(most);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    /// Sound has 60 kbit/s of this.
    fn run(policy: &mut RatePolicy, from_ms: i64, for_ms: i64, bps: u64) {
        for ms in (from_ms..=from_ms + for_ms).step_by(100) {
            policy.estimate(at(ms), bps - 60_000);
        }
    }

    fn widths(policy: &RatePolicy) -> Vec<Option<u32>> {
        (0..policy.layer_count()).map(|n| policy.target(n).map(|t| t.width)).collect()
    }

    fn rates(policy: &RatePolicy) -> Vec<u64> {
        (0..policy.layer_count()).filter_map(|n| policy.target(n)).map(|t| t.bitrate_bps).collect()
    }

    #[test]
    fn a_720p_camera_has_three_layers_and_all_are_sent_until_somebody_says_otherwise() {
        let policy = RatePolicy::new(VideoSettings::default());
        assert_eq!(widths(&policy), [Some(320), Some(640), Some(1280)]);
    }

    #[test]
    fn the_layers_nobody_watches_are_not_sent() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        policy.want(at(0), [false, false, true]);
        assert_eq!(widths(&policy), [None, None, Some(1280)]);
        policy.want(at(1), [true, false, true]);
        assert_eq!(widths(&policy), [Some(320), None, Some(1280)]);
        policy.want(at(2), [false; 3]);
        assert_eq!(widths(&policy), [None, None, None]);
    }

    #[test]
    fn wishes_for_more_than_there_is_are_served_with_the_largest() {
        let small = VideoSettings { width: 640, height: 360, max_bitrate_bps: 500_000, ..VideoSettings::default() };
        let mut policy = RatePolicy::new(small);
        assert_eq!(policy.layer_count(), 2);
        policy.want(at(0), [false, false, true]);
        assert_eq!(widths(&policy), [None, Some(640)]);
        let tiny = VideoSettings { width: 320, height: 180, max_bitrate_bps: 200_000, ..VideoSettings::default() };
        let mut policy = RatePolicy::new(tiny);
        policy.want(at(0), [true, false, false]);
        assert_eq!(widths(&policy), [Some(320)]);
        policy.want(at(0), [false, false, true]);
        assert_eq!(widths(&policy), [Some(320)]);
    }

    #[test]
    fn bandwidth_goes_to_the_lowest_layers_first() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        run(&mut policy, 0, 3_000, 3_000_000);
        assert_eq!(rates(&policy), [150_000, 450_000, 1_500_000]);
        run(&mut policy, 4_000, 500, 1_660_000);
        assert_eq!(rates(&policy), [150_000, 450_000, 1_000_000]);
        run(&mut policy, 5_000, 500, 760_000);
        assert_eq!(rates(&policy), [150_000, 450_000], "what is left for the largest is less than the one below has");
        run(&mut policy, 6_000, 500, 260_000);
        assert_eq!(rates(&policy), [150_000]);
        run(&mut policy, 7_000, 500, 100_000);
        assert_eq!(rates(&policy), [50_000], "the lowest is always sent");
    }

    #[test]
    fn a_track_of_other_layers_begins_with_what_the_network_carries() {
        let small = VideoSettings { width: 320, height: 180, max_bitrate_bps: 200_000, ..VideoSettings::default() };
        let mut policy = RatePolicy::new(small);
        run(&mut policy, 0, 1_000, 660_000);
        assert_eq!((widths(&policy), policy.most_bps()), (vec![Some(320)], 200_000));
        policy.set_layers(at(2_000), VideoSettings::default(), 3);
        assert_eq!(policy.most_bps(), 2_100_000);
        assert_eq!(rates(&policy), [150_000, 450_000], "no more than was there before");
        run(&mut policy, 2_100, 10_000, 3_000_000);
        assert_eq!(rates(&policy), [150_000, 450_000, 1_500_000]);
        policy.set_layers(at(13_000), small, 1);
        assert_eq!((widths(&policy), rates(&policy)), (vec![Some(320)], vec![200_000]));
        policy.want(at(13_100), [false; 3]);
        assert_eq!(policy.most_bps(), 0);
    }

    #[test]
    fn the_only_layer_watched_gets_everything_and_shrinks_with_it() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        policy.want(at(0), [false, false, true]);
        run(&mut policy, 0, 5_000, 300_000);
        let target = policy.target(2).unwrap();
        assert_eq!((target.width, target.bitrate_bps), (640, 240_000));
    }

    #[test]
    fn a_layer_that_was_left_out_comes_back_when_the_bandwidth_holds() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        run(&mut policy, 0, 1_000, 250_000);
        assert_eq!(widths(&policy), [Some(320), None, None]);
        run(&mut policy, 2_000, 1_900, 5_000_000);
        assert_eq!(widths(&policy), [Some(320), None, None], "not in haste");
        run(&mut policy, 4_000, 10_000, 5_000_000);
        assert_eq!(widths(&policy), [Some(320), Some(640), Some(1280)]);
    }

    #[test]
    fn a_dip_does_not_cost_the_largest_layer() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        run(&mut policy, 0, 1_000, 1_500_000);
        run(&mut policy, 1_100, 2_900, 950_000);
        assert_eq!(rates(&policy), [150_000, 450_000, 290_000], "no more than there is");
        run(&mut policy, 4_100, 1_000, 1_500_000);
        assert_eq!(rates(&policy), [150_000, 450_000, 840_000]);
        run(&mut policy, 5_200, 3_100, 950_000);
        assert_eq!(rates(&policy), [150_000, 450_000], "no dip any more");
    }

    /// For so long pictures take this share of the time that there is, whatever their size.
    fn busy(policy: &mut RatePolicy, from_ms: i64, for_ms: i64, share: f64) {
        let interval = Duration::from_millis(33);
        let work = Work { spent: interval.mul_f64(share), interval, missed: 0, source: interval };
        for ms in (from_ms..from_ms + for_ms).step_by(33) {
            policy.encoded(at(ms), work, &mut Strain::default());
        }
    }

    #[test]
    fn a_slow_machine_shrinks_only_the_largest_layer() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        busy(&mut policy, 0, 1_600, 1.0);
        busy(&mut policy, 1_600, 3_000, 0.55);
        assert_eq!(widths(&policy), [Some(320), Some(640), Some(960)]);
        assert_eq!((policy.steps_taken(), policy.load_step()), (1, 1));
        policy.want(at(6_000), [true, true, false]);
        assert_eq!(widths(&policy), [Some(320), Some(480), None], "the largest that is left");
    }

    #[test]
    fn a_layer_no_larger_than_the_one_below_is_left_out_and_comes_back() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        let mut now = 0;
        let mut down_to = |policy: &mut RatePolicy, step| {
            while policy.load_step() < step {
                busy(policy, now, 33, 2.0);
                now += 33;
            }
            let rate = policy.target(1).or(policy.target(0)).map(|t| t.fps);
            (widths(policy), rate.unwrap())
        };
        assert_eq!(down_to(&mut policy, 2), (vec![Some(320), Some(640), None], 30));
        assert_eq!(down_to(&mut policy, 3), (vec![Some(320), Some(426), None], 30));
        assert_eq!(down_to(&mut policy, 5), (vec![Some(320), None, None], 15));
        busy(&mut policy, now, 60_000, 0.01);
        assert_eq!(widths(&policy), [Some(320), Some(640), Some(1280)]);
    }

    #[test]
    fn viewers_of_the_largest_layer_alone_keep_a_smaller_one() {
        let mut policy = RatePolicy::new(VideoSettings::default());
        policy.want(at(0), [false, false, true]);
        busy(&mut policy, 0, 20_000, 2.0);
        assert_eq!(policy.load_step(), 5);
        assert_eq!(widths(&policy), [None, None, Some(320)]);
    }
}
