//! What encoding costs: when this machine cannot keep up, pictures become smaller before anything else suffers.
//!
//! The measure is the share of the time between two pictures that goes into encoding one, all layers together. An
//! encoder beyond it skips pictures, and takes time from the threads that carry sound.

use std::time::Duration;

use beckon_media::MediaTime;

use super::ladder::{LAST_STEP, cost};

/// More than this share means that the encoder is about to fall behind …
const TOO_MUCH: f64 = 0.75;
/// … when it holds for this long.
const DOWN_AFTER: Duration = Duration::from_millis(1500);
/// The next larger step must fit into this share …
const ROOM: f64 = 0.5;
/// … for this long. Doubled with every step up that had to be taken back, up to the longest.
const UP_AFTER: Duration = Duration::from_secs(10);
const LONGEST_UP_AFTER: Duration = Duration::from_secs(320);
/// A step down this soon after a step up takes it back.
const TAKEN_BACK: Duration = Duration::from_secs(20);
/// Weight of one picture in the average.
const SMOOTHING: f64 = 0.08;

/// Chooses the largest step of the ladder that this machine can encode.
#[derive(Debug)]
pub(super) struct EncodeLoad {
    share: Option<f64>,
    step: usize,
    high_since: Option<MediaTime>,
    low_since: Option<MediaTime>,
    up_after: Duration,
    last_up: Option<MediaTime>,
}

impl EncodeLoad {
    pub(super) fn new() -> Self {
        Self { share: None, step: 0, high_since: None, low_since: None, up_after: UP_AFTER, last_up: None }
    }

    /// No larger step than this (0: no limit).
    pub(super) fn step(&self) -> usize {
        self.step
    }

    /// The average share of the time between pictures that encoding takes.
    #[cfg(test)]
    fn share(&self) -> f64 {
        self.share.unwrap_or(0.0)
    }

    /// A picture was encoded, in all its layers, in `spent`; the next is due `interval` after it.
    pub(super) fn encoded(&mut self, now: MediaTime, spent: Duration, interval: Duration) {
        let this = spent.as_secs_f64() / interval.as_secs_f64().max(0.001);
        // One picture that was held up for seconds (a sleeping machine) is one bad picture, no more.
        let this = this.min(3.0);
        let share = self.share.map_or(this, |share| share + (this - share) * SMOOTHING);
        self.share = Some(share);
        if share > TOO_MUCH {
            self.low_since = None;
            if now.saturating_since(*self.high_since.get_or_insert(now)) >= DOWN_AFTER && self.step < LAST_STEP {
                if self.last_up.is_some_and(|at| now.saturating_since(at) < TAKEN_BACK) {
                    self.up_after = (self.up_after * 2).min(LONGEST_UP_AFTER);
                }
                self.take(self.step + 1);
            }
            return;
        }
        self.high_since = None;
        if self.step == 0 || share * cost(self.step - 1) / cost(self.step) > ROOM {
            self.low_since = None;
        } else if now.saturating_since(*self.low_since.get_or_insert(now)) >= self.up_after {
            self.last_up = Some(now);
            self.take(self.step - 1);
        }
    }

    fn take(&mut self, step: usize) {
        // What it will cost is guessed by its size, so that the old average decides nothing about the new step.
        self.share = self.share.map(|share| share * cost(step) / cost(self.step));
        self.step = step;
        (self.high_since, self.low_since) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(33);

    /// A machine that needs `full` of a picture's interval for a picture of full size and rate.
    fn run(load: &mut EncodeLoad, from_ms: i64, seconds: i64, full: f64) {
        for ms in (from_ms..from_ms + seconds * 1000).step_by(33) {
            load.encoded(MediaTime::from_millis(ms), INTERVAL.mul_f64(full * cost(load.step())), INTERVAL);
        }
    }

    #[test]
    fn a_machine_that_keeps_up_sends_everything() {
        let mut load = EncodeLoad::new();
        run(&mut load, 0, 60, 0.6);
        assert_eq!(load.step(), 0);
        assert!((load.share() - 0.6).abs() < 0.01);
    }

    #[test]
    fn a_machine_that_cannot_keep_up_sends_smaller_pictures_within_seconds() {
        let mut load = EncodeLoad::new();
        run(&mut load, 0, 5, 1.2);
        assert_eq!(load.step(), 1, "9/12 of the size costs 0.68");
        run(&mut load, 5_000, 10, 3.5);
        assert!(load.step() >= 3 && 3.5 * cost(load.step()) <= TOO_MUCH, "{}", load.step());
    }

    #[test]
    fn a_few_slow_pictures_change_nothing() {
        let mut load = EncodeLoad::new();
        run(&mut load, 0, 5, 0.3);
        run(&mut load, 5_000, 1, 2.0);
        run(&mut load, 6_000, 20, 0.3);
        assert_eq!(load.step(), 0);
    }

    #[test]
    fn when_there_is_time_again_the_size_comes_back_step_by_step() {
        let mut load = EncodeLoad::new();
        run(&mut load, 0, 15, 3.0);
        let low = load.step();
        assert!(low >= 2);
        run(&mut load, 15_000, 9, 0.2);
        assert_eq!(load.step(), low, "not in haste");
        run(&mut load, 24_000, 60, 0.2);
        assert_eq!(load.step(), 0);
    }

    #[test]
    fn a_step_that_does_not_hold_is_tried_less_and_less_often() {
        let mut load = EncodeLoad::new();
        let mut ups = 0;
        let mut before = 0;
        for n in 0..40 {
            // Small pictures are cheap here, large ones are not: the guess by size is always wrong.
            let full = if load.step() == 0 { 1.0 } else { 0.3 };
            run(&mut load, n * 5_000, 5, full);
            ups += usize::from(load.step() < before);
            before = load.step();
        }
        assert!((1..=5).contains(&ups), "{ups} times in 200 s");
    }
}
