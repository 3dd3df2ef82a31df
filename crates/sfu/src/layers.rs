//! Which simulcast layer each of a subscriber's video tracks gets.
//!
//! Inputs are what the publisher sends (measured bitrates), what the subscriber asked for (size or
//! quality) and what its bandwidth allows. The outcome is a plain list; nothing here keeps state.

use livekit_protocol as proto;

/// Most simulcast layers of a track.
pub const MAX_LAYERS: usize = 3;

/// A layer that costs more than the present one must fit this many times over (in percent), so
/// that a bandwidth near the boundary does not make pictures flicker between sizes.
const UPGRADE_MARGIN_PERCENT: u64 = 120;

/// One video track a subscriber wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Bits per second of each layer that the publisher sends at present, lowest first.
    pub layers: [Option<u64>; MAX_LAYERS],
    /// Highest layer the subscriber has a use for.
    pub max: usize,
    /// Layer it gets now.
    pub current: Option<usize>,
    /// Served before tracks with a lower number (a shared screen before cameras).
    pub priority: u32,
}

impl Demand {
    /// The layer it gets when there is nothing to spare: the lowest one that is sent.
    fn base(&self) -> Option<usize> {
        self.layers.iter().position(Option::is_some)
    }

    fn cost(&self, layer: usize) -> u64 {
        let bitrate = self.layers[layer].unwrap_or(0);
        match self.current {
            Some(current) if layer <= current => bitrate,
            _ => bitrate * UPGRADE_MARGIN_PERCENT / 100,
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
    /// Layer for each demand, in the order given; `None` where the publisher sends nothing.
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
    let mut layers: Vec<_> = demands.iter().map(Demand::base).collect();
    let mut spent: u64 = demands.iter().zip(&layers).map(|(d, &l)| bitrate(d, l)).sum();
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(demands[i].priority));
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

    /// Highest layer worth sending, given the sizes of the track's layers (lowest first).
    pub fn max_layer(&self, sizes: &[(u32, u32)]) -> usize {
        let (width, height) = self.size;
        if width == 0 || height == 0 || sizes.is_empty() {
            return self.quality;
        }
        // A tile and a picture may differ in shape and orientation: the larger side decides, and a
        // picture that is up to a tenth too small still looks right.
        let shown = u64::from(width.max(height));
        sizes.iter().position(|&(w, h)| u64::from(w.max(h)) * 11 >= shown * 10).unwrap_or(sizes.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Demand = Demand { layers: [Some(150), Some(500), Some(1_700)], max: 2, current: None, priority: 0 };

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
        let a = allocate(Some(2_200), &[CAMERA, screen]);
        assert_eq!(a.layers, [Some(0), Some(2)]);
    }

    #[test]
    fn a_layer_is_kept_at_a_bandwidth_that_would_not_have_earned_it() {
        let budget = Some(1_750);
        assert_eq!(allocate(budget, &[CAMERA]).layers, [Some(1)]);
        let has_it = Demand { current: Some(2), ..CAMERA };
        assert_eq!(allocate(budget, &[has_it]).layers, [Some(2)]);
        assert_eq!(allocate(Some(1_600), &[has_it]).layers, [Some(1)]);
    }

    #[test]
    fn the_lowest_layer_is_sent_even_beyond_the_budget() {
        assert_eq!(allocate(Some(0), &[CAMERA]).layers, [Some(0)]);
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
        assert_eq!(shown(300, 600), 1, "a tall tile");
        assert_eq!(shown(3840, 2160), 2);
        assert_eq!(Wish { quality: 1, ..Wish::default() }.max_layer(&sizes), 1);
    }
}
