//! Layers of one camera (not those of a screen) come in step: one picture, one packet or more in each. A layer left out of several pictures that the
//! others have was given up by its publisher.

use crate::layers::MAX_LAYERS;

/// So many pictures without a layer are its end: one may be late, and one may be lost.
const END: u8 = 3;

/// Which pictures each layer of a track has had.
#[derive(Debug, Default)]
pub(crate) struct InStep {
    /// RTP timestamp of each layer's newest picture.
    newest: [Option<u32>; MAX_LAYERS],
    /// Pictures that each layer (second index) has begun since the newest one of each (first index).
    since: [[u8; MAX_LAYERS]; MAX_LAYERS],
}

impl InStep {
    /// A packet of `layer` came. One of an earlier picture, such as a repair, tells nothing.
    pub fn packet(&mut self, layer: usize, timestamp: u32) {
        let ahead = self.newest[layer].map(|newest| timestamp.wrapping_sub(newest));
        if ahead.is_some_and(|ahead| ahead == 0 || ahead > u32::MAX / 2) {
            return;
        }
        self.newest[layer] = Some(timestamp);
        for since in &mut self.since {
            since[layer] = since[layer].saturating_add(1);
        }
        self.since[layer] = [0; MAX_LAYERS];
    }

    /// The layers that were given up, as far as `layer` can tell, which goes on.
    pub fn gone(&self, layer: usize) -> [bool; MAX_LAYERS] {
        std::array::from_fn(|other| self.newest[other].is_none() || self.since[other][layer] >= END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: u32 = 3_000;

    /// `count` pictures in all of `layers`, the last one at `last`.
    fn pictures(in_step: &mut InStep, layers: &[usize], last: u32, count: u32) {
        for n in (0..count).rev() {
            for &layer in layers {
                in_step.packet(layer, last.wrapping_sub(n * PICTURE).wrapping_add(layer as u32));
                in_step.packet(layer, last.wrapping_sub(n * PICTURE).wrapping_add(layer as u32));
            }
        }
    }

    #[test]
    fn a_layer_that_three_pictures_go_without_is_gone() {
        let mut in_step = InStep::default();
        pictures(&mut in_step, &[0, 1, 2], 1_000, 10);
        assert_eq!(in_step.gone(1), [false; 3]);
        pictures(&mut in_step, &[0, 1], 1_000 + 2 * PICTURE, 2);
        assert_eq!(in_step.gone(1), [false; 3], "one late, one lost");
        pictures(&mut in_step, &[0, 1], 1_000 + 3 * PICTURE, 1);
        assert_eq!(in_step.gone(1), [false, false, true]);
        assert_eq!(in_step.gone(2), [false; 3], "which is gone itself");
        pictures(&mut in_step, &[2], 1_000 + 4 * PICTURE, 1);
        assert_eq!(in_step.gone(1), [false; 3]);
    }

    #[test]
    fn a_repair_brings_no_layer_back() {
        let mut in_step = InStep::default();
        pictures(&mut in_step, &[0, 2], 1_000, 10);
        pictures(&mut in_step, &[0], 1_000 + 3 * PICTURE, 3);
        pictures(&mut in_step, &[2], 1_000, 1);
        pictures(&mut in_step, &[2], 1_000u32.wrapping_sub(PICTURE), 1);
        assert_eq!(in_step.gone(0), [false, true, true], "the one between was never there");
    }
}
