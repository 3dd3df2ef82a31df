//! Lip sync: each flash of the test card with the beep that belongs to it.

use std::collections::VecDeque;

use beckon_media::MediaTime;

use super::Values;
use crate::report::Spread;

/// Claps come once a second: what is further apart does not belong together.
const FURTHEST_NS: i64 = 450_000_000;
const WAITING: usize = 4;
/// Lip sync is told of the newest claps: it is found within seconds, not there from the start.
const NEWEST: usize = 10;

/// Flashes and beeps of one sender.
#[derive(Debug)]
pub(crate) struct ClapPairs {
    flashes: VecDeque<MediaTime>,
    beeps: VecDeque<MediaTime>,
    offsets: Values,
}

impl Default for ClapPairs {
    fn default() -> Self {
        Self { flashes: VecDeque::new(), beeps: VecDeque::new(), offsets: Values::newest(NEWEST) }
    }
}

impl ClapPairs {
    /// A flash was shown.
    pub(crate) fn flash(&mut self, shown: MediaTime) {
        self.flashes.push_back(shown);
        self.pair();
    }

    /// A beep was heard.
    pub(crate) fn beep(&mut self, heard: MediaTime) {
        self.beeps.push_back(heard);
        self.pair();
    }

    /// Sound minus picture in ms.
    pub(crate) fn offset_ms(&self) -> Option<Spread> {
        self.offsets.spread()
    }

    fn pair(&mut self) {
        while let (Some(flash), Some(beep)) = (self.flashes.front(), self.beeps.front()) {
            let offset = beep.nanos_since(*flash);
            if offset.abs() <= FURTHEST_NS {
                self.offsets.add(offset as f64 / 1e6);
                self.flashes.pop_front();
                self.beeps.pop_front();
            } else if offset > 0 {
                self.flashes.pop_front();
            } else {
                self.beeps.pop_front();
            }
        }
        for waiting in [&mut self.flashes, &mut self.beeps] {
            if waiting.len() > WAITING {
                waiting.pop_front();
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_beep_goes_with_the_flash_of_its_second() {
        let at = MediaTime::from_millis;
        let mut pairs = ClapPairs::default();
        pairs.beep(at(1040));
        pairs.flash(at(1000));
        // The beep of second 2 was lost.
        pairs.flash(at(2000));
        pairs.flash(at(3000));
        pairs.beep(at(2990));
        let spread = pairs.offset_ms().unwrap();
        assert_eq!((spread.count, spread.p50, spread.max), (2, -10.0, 40.0));
    }
}
