//! How much a layer may carry where packets get lost.
//!
//! A picture is whole when all its packets are there. Each that is missing costs a round trip and more, and all pictures after it wait
//! with it. On a network that loses a fifth, hardly a picture of six packets comes without repairs, and every second one
//! of three does: there a smaller picture is seen sooner, and more evenly, than a large one.

/// This share of pictures shall come without a repair.
const WHOLE: f32 = 0.55;
/// What a media packet carries, in bits, and how many pictures a second has.
const PACKET_BITS: f32 = 1_150.0 * 8.0;
const PICTURES: f32 = 30.0;
/// Weight of a new measurement, of which there are ten in a second: a network that loses much is known after some two seconds.
const WEIGHT: f32 = 0.044;
/// A measurement counts for no more than this: a network that fails for a moment is not one that loses packets.
const MOST: f32 = 0.25;

/// The share of packets that gets lost on the way to somebody, over some seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unrepaired {
    lost: f32,
}

impl Unrepaired {
    /// Of late this share of packets (0 … 1) was lost.
    pub fn heard(&mut self, share: f32) {
        self.lost += (share.clamp(0.0, MOST) - self.lost) * WEIGHT;
    }

    /// The most that one layer may carry, in bits per second.
    fn most_bps(self) -> f32 {
        // As many packets as all arrive in that share of pictures; without loss there is no limit.
        WHOLE.ln().abs() / (1.0 - self.lost).ln().abs().max(f32::EPSILON) * PACKET_BITS * PICTURES
    }

    /// The highest of layers with these bitrates that may be sent; the lowest always may. `margin_percent`: what a layer above the
    /// `current` one must fit into as many times over.
    pub fn highest(self, layers: &[Option<u64>], current: Option<usize>, margin_percent: u64) -> usize {
        let fits = |(layer, bps): (usize, &Option<u64>)| {
            let margin = if current.is_some_and(|current| layer > current) { margin_percent } else { 100 };
            bps.is_some_and(|bps| (bps * margin / 100) as f32 <= self.most_bps()).then_some(layer)
        };
        layers.iter().enumerate().rev().find_map(fits).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: [Option<u64>; 3] = [Some(150_000), Some(450_000), Some(1_500_000)];

    fn after(seconds: usize, share: f32) -> Unrepaired {
        let mut unrepaired = Unrepaired::default();
        (0..seconds * 10).for_each(|_| unrepaired.heard(share));
        unrepaired
    }

    #[test]
    fn on_a_network_that_loses_a_fifth_pictures_are_smaller() {
        assert_eq!(after(60, 0.0).highest(&LAYERS, Some(1), 120), 2);
        assert_eq!(after(60, 0.05).highest(&LAYERS, Some(1), 120), 2);
        assert_eq!(after(60, 0.1).highest(&LAYERS, Some(2), 120), 2);
        assert_eq!(after(60, 0.2).highest(&LAYERS, Some(2), 120), 1);
        assert_eq!(after(60, 1.0).highest(&[Some(900_000), None, None], Some(0), 120), 0, "there is no smaller one");
    }

    #[test]
    fn it_takes_seconds_to_be_known() {
        assert_eq!(after(1, 0.2).highest(&LAYERS, Some(2), 120), 2);
        assert_eq!(after(4, 0.2).highest(&LAYERS, Some(2), 120), 1);
        let mut unrepaired = after(60, 0.01);
        (0..10).for_each(|_| unrepaired.heard(0.9));
        assert_eq!(unrepaired.highest(&LAYERS, Some(2), 120), 2, "a moment without a network");
    }

    #[test]
    fn a_larger_layer_needs_more_room_than_the_one_that_is_kept() {
        let unrepaired = after(60, 0.1);
        assert_eq!(unrepaired.highest(&LAYERS, Some(2), 120), 2);
        assert_eq!(unrepaired.highest(&LAYERS, Some(1), 120), 1);
    }
}
