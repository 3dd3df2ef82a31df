//! Which simulcast layer each of a subscriber's video tracks gets.
//!
//! Inputs are what the publisher sends or would send (bitrates), what the subscriber asked for (size
//! or quality) and what its bandwidth allows. The outcome is a plain list; what keeps it from
//! changing too often is [`Steady`].

use std::time::{Duration, Instant};

use livekit_protocol as proto;

/// Most simulcast layers of a track.
pub const MAX_LAYERS: usize = 3;

/// A layer that costs more than the present one must fit this many times over (in percent), so
/// that a bandwidth near the boundary does not make pictures flicker between sizes.
pub(crate) const UPGRADE_MARGIN_PERCENT: u64 = 120;
/// The same for a shared screen, of which what the large layer takes is measured all the time.
pub(crate) const SCREEN_UPGRADE_MARGIN_PERCENT: u64 = 105;
/// A track is paused when there is less than this share (in percent) of what its lowest layer
/// takes: below it there would be neither pictures nor sound.
const PAUSE_PERCENT: u64 = 60;
/// A larger layer must fit for this long before it is sent …
const RISE_AFTER: Duration = Duration::from_millis(1_200);
/// … and up to this long when the last ones had to be given up again …
const LONGEST_RISE_AFTER: Duration = Duration::from_secs(40);
/// … within this time.
const GIVEN_UP: Duration = Duration::from_secs(8);
/// It is sent at once where the first one began so short a time ago: that was chosen before the network was tried for the track.
const FIRST_RISE: Duration = Duration::from_millis(1_500);
/// A larger layer is not given up within this time of its beginning while nothing is lost: it begins with a key frame,
/// which fills the way for a moment, and the estimate takes that for a way that is full.
const SETTLING: Duration = Duration::from_secs(2);
/// The same for a shared screen, whose key frame is large: also while packets are lost, but only if no more follows it than fits.
const SCREEN_SETTLING: Duration = Duration::from_secs(3);
/// Too little for even the lowest layer for this long pauses the track.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// One video track a subscriber wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Bits per second of each layer that the publisher sends, or would send if it were asked,
    /// lowest first.
    pub layers: [Option<u64>; MAX_LAYERS],
    /// Highest layer the subscriber has a use for.
    pub max: usize,
    /// Layer it gets now.
    pub current: Option<usize>,
    /// Served before tracks with a lower number (a shared screen before cameras).
    pub priority: u32,
    /// Paused now for want of bandwidth.
    pub paused: bool,
    /// A layer that costs more than the present one must fit this many times over, in percent.
    pub margin_percent: u64,
}

impl Demand {
    /// Whether the publisher sends anything of it, or would.
    pub(crate) fn flows(&self) -> bool {
        self.layers.iter().any(Option::is_some)
    }

    /// The layer it gets when there is nothing to spare: the lowest one there is.
    pub(crate) fn base(&self) -> Option<usize> {
        self.layers.iter().position(Option::is_some)
    }

    /// What must be left for the lowest layer to be sent at all.
    fn least(&self, bitrate: u64) -> u64 {
        bitrate * if self.paused { UPGRADE_MARGIN_PERCENT } else { PAUSE_PERCENT } / 100
    }

    fn cost(&self, layer: usize) -> u64 {
        let bitrate = self.layers[layer].unwrap_or(0);
        match self.current {
            Some(current) if layer > current => bitrate * self.margin_percent / 100,
            // Kept, or the first: there is nothing it could flicker with.
            _ => bitrate,
        }
    }

    /// Best layer the subscriber has a use for, were there bandwidth without end.
    fn ideal(&self) -> Option<usize> {
        (0..=self.max.min(MAX_LAYERS - 1)).rev().find(|&l| self.layers[l].is_some()).or(self.base())
    }
}

/// What one subscriber gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Layer for each demand, in the order given; `None` where the publisher sends nothing, or not
    /// even the lowest layer fits.
    pub layers: Vec<Option<usize>>,
    /// Bits per second it would all take without a bandwidth limit.
    pub desired: u64,
    /// Bits per second of what was allotted.
    pub allotted: u64,
}

/// Shares `budget` bits per second (`None`: no limit known) among the tracks of one subscriber.
///
/// Everybody gets a picture first; then sizes grow step by step, higher priorities first.
pub fn allocate(budget: Option<u64>, demands: &[Demand]) -> Allocation {
    let bitrate = |d: &Demand, l: Option<usize>| l.and_then(|l| d.layers[l]).unwrap_or(0);
    let desired = demands.iter().map(|d| bitrate(d, d.ideal())).sum();
    let Some(budget) = budget else {
        let layers: Vec<_> = demands.iter().map(Demand::ideal).collect();
        return Allocation { layers, desired, allotted: desired };
    };
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(demands[i].priority));
    let mut layers = vec![None; demands.len()];
    let mut spent = 0;
    for &i in &order {
        let base = demands[i].base();
        let cost = bitrate(&demands[i], base);
        if spent + demands[i].least(cost) <= budget {
            layers[i] = base;
            spent += cost;
        }
    }
    // Within one priority sizes grow together; a higher one has grown before a lower one begins.
    for group in order.chunk_by(|&a, &b| demands[a].priority == demands[b].priority) {
        for step in 1..MAX_LAYERS {
            for &i in group {
                let demand = &demands[i];
                let Some(now) = layers[i] else { continue };
                if step <= now || step > demand.max || demand.layers[step].is_none() {
                    continue;
                }
                let spent_without = spent.saturating_sub(bitrate(demand, Some(now)));
                if spent_without + demand.cost(step) <= budget {
                    spent = spent_without + bitrate(demand, Some(step));
                    layers[i] = Some(step);
                }
            }
        }
    }
    Allocation { layers, desired, allotted: spent }
}

/// Keeps one track's layer from changing too often.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    /// Since when a larger layer fits.
    rising: Option<Instant>,
    /// When the last larger layer was taken.
    risen: Option<Instant>,
    /// When the layer that flows began, if it was the first or a larger one.
    began: Option<Instant>,
    /// No larger layer has been taken yet, nor one given up.
    new: bool,
    rise_after: Duration,
    short: Option<Instant>,
}

impl Default for Steady {
    fn default() -> Self {
        Self { rising: None, risen: None, began: None, new: true, rise_after: RISE_AFTER, short: None }
    }
}

impl Steady {
    /// The layer to send where `chosen` was allotted and `current` flows; `Err` keeps everything as
    /// it is, a while at least. `eager`: the subscriber asked for it just now; `full`: its network loses packets, or fell.
    pub fn settle(
        &mut self,
        now: Instant,
        current: Option<usize>,
        chosen: Option<usize>,
        eager: bool,
        full: bool,
    ) -> Result<Option<usize>, Wait> {
        let held = |since: &mut Option<Instant>, at_least: Duration| {
            now.saturating_duration_since(*since.get_or_insert(now)) >= at_least
        };
        match (current, chosen) {
            (Some(current), Some(chosen)) if chosen > current => {
                self.short = None;
                if !eager && !self.begins(now) && !held(&mut self.rising, self.rise_after) {
                    return Err(Wait);
                }
                (self.rising, self.risen, self.began, self.new) = (None, Some(now), Some(now), false);
            }
            (Some(current), chosen)
                if !eager
                    && !full
                    && chosen.is_none_or(|chosen| chosen < current)
                    && self.began_within(now, SETTLING) =>
            {
                return Err(Wait);
            }
            (Some(current), Some(chosen)) => {
                (self.rising, self.short) = (None, None);
                if chosen < current && !eager {
                    self.gave_up(now);
                }
            }
            (Some(_), None) => {
                self.rising = None;
                if !held(&mut self.short, PAUSE_AFTER) {
                    return Err(Wait);
                }
                self.gave_up(now);
            }
            (None, chosen) => {
                (self.rising, self.short) = (None, None);
                self.began = chosen.map(|_| now);
            }
        }
        Ok(chosen)
    }

    /// Whether a larger layer, or the first, began so short a time ago that the key frame of a screen may still be on its way.
    pub fn settles(&self, now: Instant) -> bool {
        self.began_within(now, SCREEN_SETTLING)
    }

    /// Whether the first layer began so short a time ago that a larger one is taken at once.
    pub fn begins(&self, now: Instant) -> bool {
        self.new && self.began_within(now, FIRST_RISE)
    }

    fn began_within(&self, now: Instant, span: Duration) -> bool {
        self.began.is_some_and(|at| now.saturating_duration_since(at) < span)
    }

    fn gave_up(&mut self, now: Instant) {
        self.new = false;
        self.rise_after = match self.risen.take() {
            Some(at) if now.saturating_duration_since(at) < GIVEN_UP => (self.rise_after * 2).min(LONGEST_RISE_AFTER),
            _ => RISE_AFTER,
        };
    }
}

/// Not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait;

/// What a subscriber said about a track (`UpdateTrackSettings`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Not shown at all.
    pub disabled: bool,
    /// Quality asked for where no size is given.
    pub quality: usize,
    /// Size it is shown at, in pixels; 0 × 0 when unknown.
    pub size: (u32, u32),
}

impl Default for Wish {
    fn default() -> Self {
        Self { disabled: false, quality: MAX_LAYERS - 1, size: (0, 0) }
    }
}

impl Wish {
    /// Reads the client's message.
    pub fn from_settings(settings: &proto::UpdateTrackSettings) -> Self {
        let quality = match settings.quality() {
            proto::VideoQuality::Low => 0,
            proto::VideoQuality::Medium => 1,
            _ => 2,
        };
        Self { disabled: settings.disabled, quality, size: (settings.width, settings.height) }
    }

    /// Highest layer of a shared screen worth sending: the largest, however small the tile is, unless a quality was asked for by name.
    ///
    /// The small one has few pictures a second, and is there for networks that carry no more: a film in a small tile would jerk. A tile's
    /// size does not say how many pixels of the display it has, and small print shows what is missing at once. Who enlarges a
    /// tile reads at once. And the small one is coded only when somebody gets it: a small tile is no reason for more work.
    pub fn max_layer_of_screen(&self) -> usize {
        if self.size == (0, 0) { self.quality } else { MAX_LAYERS - 1 }
    }

    /// Highest layer worth sending, given the sizes of the track's layers (lowest first).
    pub fn max_layer(&self, sizes: &[(u32, u32)]) -> usize {
        let (width, height) = self.size;
        if width == 0 || height == 0 || sizes.is_empty() {
            return self.quality;
        }
        // People fill their tiles: what sticks out is cut, so a picture is to be as wide as the tile and as high. One that is up to
        // a tenth too small still looks right.
        let fills = |have: u32, shown: u32| u64::from(have) * 11 >= u64::from(shown) * 10;
        sizes.iter().position(|&(w, h)| fills(w, width) && fills(h, height)).unwrap_or(sizes.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Demand = Demand {
        layers: [Some(150), Some(500), Some(1_700)],
        max: 2,
        current: None,
        priority: 0,
        paused: false,
        margin_percent: UPGRADE_MARGIN_PERCENT,
    };

    #[test]
    fn without_a_limit_everybody_gets_what_was_asked_for() {
        let small = Demand { max: 1, ..CAMERA };
        let a = allocate(None, &[CAMERA, small]);
        assert_eq!(a.layers, [Some(2), Some(1)]);
        assert_eq!(a.desired, 2_200);
    }

    #[test]
    fn everybody_gets_a_picture_before_anybody_gets_a_large_one() {
        let a = allocate(Some(700), &[CAMERA, CAMERA, CAMERA]);
        assert_eq!(a.layers, [Some(0), Some(0), Some(0)]);
        let a = allocate(Some(1_000), &[CAMERA, CAMERA, CAMERA]);
        assert_eq!(a.layers, [Some(1), Some(0), Some(0)]);
    }

    #[test]
    fn a_shared_screen_grows_first() {
        let screen = Demand { priority: 1, ..CAMERA };
        let a = allocate(Some(2_100), &[CAMERA, screen]);
        assert_eq!(a.layers, [Some(0), Some(2)]);
    }

    #[test]
    fn a_layer_is_kept_at_a_bandwidth_that_would_not_have_earned_it() {
        let budget = Some(1_750);
        let smaller = Demand { current: Some(1), ..CAMERA };
        assert_eq!(allocate(budget, &[smaller]).layers, [Some(1)]);
        let has_it = Demand { current: Some(2), ..CAMERA };
        assert_eq!(allocate(budget, &[has_it]).layers, [Some(2)]);
        assert_eq!(allocate(Some(1_600), &[has_it]).layers, [Some(1)]);
    }

    #[test]
    fn a_track_whose_lowest_layer_does_not_fit_is_paused_and_comes_back_when_it_does() {
        assert_eq!(allocate(Some(100), &[CAMERA]).layers, [Some(0)], "a little too much is still sent");
        assert_eq!(allocate(Some(80), &[CAMERA]).layers, [None]);
        let paused = Demand { paused: true, ..CAMERA };
        assert_eq!(allocate(Some(170), &[paused]).layers, [None]);
        assert_eq!(allocate(Some(180), &[paused]).layers, [Some(0)]);
        let screen = Demand { priority: 1, ..CAMERA };
        assert_eq!(allocate(Some(200), &[CAMERA, screen]).layers, [None, Some(0)], "the screen stays");
    }

    #[test]
    fn layers_that_the_publisher_does_not_send_are_stepped_over() {
        let only_high = Demand { layers: [None, None, Some(900)], max: 0, ..CAMERA };
        assert_eq!(allocate(None, &[only_high]).layers, [Some(2)]);
        let gap = Demand { layers: [Some(100), None, Some(900)], ..CAMERA };
        assert_eq!(allocate(Some(2_000), &[gap]).layers, [Some(2)]);
        let nothing = Demand { layers: [None; 3], ..CAMERA };
        assert_eq!(allocate(Some(2_000), &[nothing]).layers, [None]);
    }

    #[test]
    fn the_size_on_screen_chooses_the_layer() {
        let sizes = [(320, 180), (640, 360), (1280, 720)];
        let shown = |w, h| Wish { size: (w, h), ..Wish::default() }.max_layer(&sizes);
        assert_eq!(shown(160, 90), 0);
        assert_eq!(shown(350, 197), 0, "a little stretching is not seen");
        assert_eq!(shown(500, 300), 1);
        assert_eq!(shown(300, 350), 1, "a tall tile shows the middle of a picture that is as high");
        assert_eq!(shown(300, 600), 2);
        assert_eq!(shown(3840, 2160), 2);
        assert_eq!(Wish { quality: 1, ..Wish::default() }.max_layer(&sizes), 1);
    }

    #[test]
    fn a_shared_screen_is_sent_large_whatever_the_size_of_its_tile() {
        // Clients that tell a size tell no quality, which reads as the lowest.
        let shown = |width, height| {
            let settings = proto::UpdateTrackSettings { width, height, ..Default::default() };
            Wish::from_settings(&settings).max_layer_of_screen()
        };
        assert_eq!((shown(160, 90), shown(3840, 2160)), (2, 2));
        assert_eq!(shown(0, 0), 0, "asked for by name");
        assert_eq!(Wish::default().max_layer_of_screen(), 2);
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_larger_layer_comes_when_it_fits_for_a_while_a_smaller_one_at_once() {
        let t = Instant::now();
        let mut steady = Steady::default();
        assert_eq!(steady.settle(t, None, Some(2), false, false), Ok(Some(2)), "the first is taken as it is");
        assert_eq!(steady.settle(t, Some(2), Some(0), false, true), Ok(Some(0)));
        assert_eq!(steady.settle(t, Some(0), Some(1), false, false), Err(Wait));
        assert_eq!(steady.settle(t + 1_000 * MS, Some(0), Some(0), false, false), Ok(Some(0)), "it did not last");
        assert_eq!(steady.settle(t + 1_500 * MS, Some(0), Some(1), false, false), Err(Wait));
        assert_eq!(steady.settle(t + 2_700 * MS, Some(0), Some(1), false, false), Ok(Some(1)));
        assert_eq!(steady.settle(t + 2_700 * MS, Some(1), Some(2), true, false), Ok(Some(2)), "asked for just now");
    }

    #[test]
    fn a_layer_that_began_just_now_is_kept_through_the_burst_that_it_began_with() {
        let t = Instant::now();
        for (before, quick) in [(None, false), (Some(0), true)] {
            let mut steady = Steady::default();
            assert_eq!(steady.settle(t, before, Some(2), quick, false), Ok(Some(2)));
            assert_eq!(steady.settle(t + 300 * MS, Some(2), Some(0), false, false), Err(Wait));
            assert_eq!(steady.settle(t + 600 * MS, Some(2), None, false, false), Err(Wait));
            let mut full = steady;
            assert_eq!(full.settle(t + 600 * MS, Some(2), Some(0), false, true), Ok(Some(0)), "but not while it loses");
            let mut smaller = steady;
            assert_eq!(smaller.settle(t + 600 * MS, Some(2), Some(1), true, false), Ok(Some(1)), "unless asked for");
            assert_eq!(steady.settle(t + 2_100 * MS, Some(2), Some(0), false, false), Ok(Some(0)));
        }
    }

    #[test]
    fn a_larger_layer_that_fits_as_the_first_begins_comes_at_once_and_only_once() {
        let t = Instant::now();
        let begin = |after: u32| {
            let mut steady = Steady::default();
            assert_eq!(steady.settle(t, None, Some(0), false, false), Ok(Some(0)));
            let rise = steady.settle(t + after * MS, Some(0), Some(1), false, false);
            (steady, rise)
        };
        assert_eq!(begin(1_600).1, Err(Wait), "the first has flowed for a while");
        let (mut steady, rise) = begin(300);
        assert_eq!(rise, Ok(Some(1)));
        assert_eq!(steady.settle(t + 400 * MS, Some(1), Some(2), false, false), Err(Wait));
        let (mut steady, _) = begin(300);
        assert_eq!(steady.settle(t + 400 * MS, Some(1), Some(0), false, true), Ok(Some(0)), "it was too much");
        assert_eq!(steady.settle(t + 500 * MS, Some(0), Some(1), false, false), Err(Wait));
    }

    #[test]
    fn a_layer_that_never_holds_is_tried_less_often() {
        let mut now = Instant::now();
        let end = now + Duration::from_secs(120);
        let (mut steady, mut current, mut rises) = (Steady::default(), 0, 0);
        let mut fits_until = now;
        while now < end {
            // There seems to be room whenever nobody uses it.
            let chosen = usize::from(current == 0 || now < fits_until);
            if let Ok(Some(layer)) = steady.settle(now, Some(current), Some(chosen), false, false) {
                if layer > current {
                    rises += 1;
                    fits_until = now + Duration::from_secs(2);
                }
                current = layer;
            }
            now += 200 * MS;
        }
        assert!((2..=7).contains(&rises), "{rises}");
    }

    #[test]
    fn a_dip_does_not_pause() {
        let t = Instant::now();
        let mut steady = Steady::default();
        assert_eq!(steady.settle(t, Some(0), None, false, false), Err(Wait));
        assert_eq!(steady.settle(t + 900 * MS, Some(0), Some(0), false, false), Ok(Some(0)));
        assert_eq!(steady.settle(t + 1_000 * MS, Some(0), None, false, false), Err(Wait));
        assert_eq!(steady.settle(t + 2_000 * MS, Some(0), None, false, false), Ok(None));
        assert_eq!(steady.settle(t + 2_100 * MS, None, Some(0), false, false), Ok(Some(0)));
    }
}
