//! The frame rate: which pictures are sent.

use std::time::Duration;

use beckon_media::MediaTime;

/// Lets through as many pictures as the target's frame rate allows.
#[derive(Debug, Default)]
pub struct Pacer {
    due: Option<MediaTime>,
}

impl Pacer {
    /// Whether the picture captured at `capture` is to be sent at `fps` pictures a second.
    pub fn take(&mut self, capture: MediaTime, fps: u32) -> bool {
        let period = Duration::from_nanos(1_000_000_000 / u64::from(fps.max(1)));
        // A quarter of a period early is on time: cameras jitter.
        if self.due.is_some_and(|due| capture + period / 4 < due) {
            return false;
        }
        // What is due next follows the grid, but never runs ahead of a camera that is a little quick.
        let grid = self.due.map_or(capture, |due| if capture.saturating_since(due) < period { due } else { capture });
        self.due = Some(grid.min(capture) + period);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    #[test]
    fn half_the_frame_rate_takes_every_second_picture_though_capture_jitters() {
        let mut pacer = Pacer::default();
        let jitter = [0, 4, -3, 2, -4, 1];
        let taken: Vec<i64> = (0..30i64).filter(|n| pacer.take(at(n * 33 + jitter[*n as usize % 6]), 15)).collect();
        assert_eq!(taken, (0..30).step_by(2).collect::<Vec<_>>());
        let mut all = Pacer::default();
        assert_eq!((0..30).filter(|n| all.take(at(n * 33), 30)).count(), 30);
    }
}
