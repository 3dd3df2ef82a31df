//! Times when the picture or the sound stood still.

use std::time::Duration;

use beckon_media::MediaTime;

/// A gap this long is seen as standing still.
const STILL: Duration = Duration::from_millis(200);

/// Counts stand-stills of one track.
#[derive(Debug, Default)]
pub(crate) struct Freezes {
    last: Option<MediaTime>,
    count: u64,
    total: Duration,
    longest: Duration,
}

impl Freezes {
    /// Something new was shown or heard.
    pub(crate) fn moved(&mut self, at: MediaTime) {
        if let Some(last) = self.last.replace(at) {
            let gap = at.saturating_since(last);
            if gap >= STILL {
                self.count += 1;
                self.total += gap;
                self.longest = self.longest.max(gap);
            }
        }
    }

    /// The track was muted or is over: what follows is no stand-still.
    pub(crate) fn rest(&mut self) {
        self.last = None;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn total_ms(&self) -> u64 {
        self.total.as_millis() as u64
    }

    pub(crate) fn longest_ms(&self) -> u64 {
        self.longest.as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_unless_the_track_rested() {
        let at = MediaTime::from_millis;
        let mut freezes = Freezes::default();
        [0, 33, 66, 400, 433].into_iter().for_each(|ms| freezes.moved(at(ms)));
        assert_eq!((freezes.count(), freezes.total_ms(), freezes.longest_ms()), (1, 334, 334));
        freezes.rest();
        freezes.moved(at(9_000));
        assert_eq!(freezes.count(), 1);
    }
}
