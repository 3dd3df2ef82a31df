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
    /// The newest, and all.
    offsets: [Values; 2],
}

impl Default for ClapPairs {
    fn default() -> Self {
        Self { flashes: VecDeque::new(), beeps: VecDeque::new(), offsets: [Values::newest(NEWEST), Values::default()] }
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

    /// Sound minus picture in ms, of the newest claps.
    pub(crate) fn newest_ms(&self) -> Option<Spread> {
        self.offsets[0].spread()
    }

    /// Sound minus picture in ms, of all claps (the newest hours of them).
    pub(crate) fn whole_ms(&self) -> Option<Spread> {
        self.offsets[1].spread()
    }

    fn pair(&mut self) {
        while let (Some(flash), Some(beep)) = (self.flashes.front(), self.beeps.front()) {
            let offset = beep.nanos_since(*flash);
            if offset.abs() <= FURTHEST_NS {
                self.offsets.iter_mut().for_each(|values| values.add(offset as f64 / 1e6));
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
        let spread = pairs.newest_ms().unwrap();
        assert_eq!((spread.count, spread.p50, spread.max), (2, -10.0, 40.0));
        for second in 4..30 {
            pairs.flash(at(second * 1000));
            pairs.beep(at(second * 1000 + 20));
        }
        let (newest, whole) = (pairs.newest_ms().unwrap(), pairs.whole_ms().unwrap());
        assert_eq!((newest.p95, newest.count), (20.0, 28));
        assert_eq!((whole.min, whole.p50, whole.max, whole.count), (-10.0, 20.0, 40.0, 28));
    }
}
