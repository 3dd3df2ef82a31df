//! What need not be repaired any more.
//!
//! Where the network suddenly carries far less, most of what was sent just before is lost. Repairs of it would take the room of what
//! is still to be seen: of the layers that were given up nothing is shown any more, and a key frame needs nothing before it.

use std::time::{Duration, Instant};

use str0m::rtp::StreamTx;

/// Packets that are kept for repair at most.
const REPAIRABLE_PACKETS: usize = 1024;
/// A layer of a camera of which nothing was written for this long, while others go on, was given up.
const GIVEN_UP: Duration = Duration::from_millis(200);

/// For each layer of a track, whether what was sent of it may be asked for again.
#[derive(Debug)]
pub(super) struct Repairs {
    layers: Vec<Layer>,
    /// Each picture comes in all layers.
    in_step: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Layer {
    /// When something was written last, while there is anything to repair.
    written: Option<Instant>,
    /// The network carries far less than when the last key frame was written.
    fallen: bool,
}

impl Repairs {
    /// `in_step`: each picture comes in all layers, as a camera's do. The small layer of a screen has fewer of them.
    pub(super) fn new(layers: usize, in_step: bool) -> Self {
        Self { layers: vec![Layer::default(); layers], in_step }
    }

    /// The network carries far less than it did.
    pub(super) fn network_fell(&mut self) {
        self.layers.iter_mut().for_each(|layer| layer.fallen = true);
    }

    /// A picture of a layer is about to be sent. Gives the layers of which nothing sent before need be repaired.
    pub(super) fn wrote(&mut self, now: Instant, layer: usize, key: bool) -> Vec<usize> {
        let mut over = Vec::new();
        for (n, state) in self.layers.iter_mut().enumerate() {
            if n == layer {
                if key && std::mem::take(&mut state.fallen) {
                    over.push(n);
                }
                state.written = Some(now);
            } else if self.in_step
                && state.written.take_if(|at| now.saturating_duration_since(*at) >= GIVEN_UP).is_some()
            {
                over.push(n);
            }
        }
        over
    }
}

/// From now on nothing of what this stream has sent is repaired.
pub(super) fn forget_sent(stream: &mut StreamTx) {
    beckon_rtp::repair::forget_sent(stream, REPAIRABLE_PACKETS);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_was_sent_before_a_key_frame_is_given_up_once_the_network_fell() {
        let now = Instant::now();
        let mut repairs = Repairs::new(1, true);
        assert!(repairs.wrote(now, 0, true).is_empty());
        assert!(
            repairs.wrote(now + 33 * MS, 0, true).is_empty(),
            "on a network that only loses, everything is repaired"
        );
        repairs.network_fell();
        assert!(repairs.wrote(now + 66 * MS, 0, false).is_empty(), "needed by what follows");
        assert_eq!(repairs.wrote(now + 99 * MS, 0, true), [0]);
        assert!(repairs.wrote(now + 132 * MS, 0, true).is_empty());
    }

    #[test]
    fn a_layer_that_stops_while_others_go_on_is_not_repaired() {
        let now = Instant::now();
        let mut repairs = Repairs::new(2, true);
        repairs.wrote(now, 0, true);
        repairs.wrote(now, 1, true);
        assert!(repairs.wrote(now + 199 * MS, 0, false).is_empty());
        assert_eq!(repairs.wrote(now + 200 * MS, 0, false), [1]);
        assert!(repairs.wrote(now + 233 * MS, 0, false).is_empty(), "said once");
        assert!(repairs.wrote(now + 266 * MS, 1, true).is_empty());
        let mut screen = Repairs::new(2, false);
        screen.wrote(now, 0, true);
        assert!(screen.wrote(now + 400 * MS, 1, false).is_empty(), "the next small picture is not due yet");
    }
}
