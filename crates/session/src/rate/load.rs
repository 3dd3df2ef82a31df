//! What this machine can bear: when it cannot keep up, pictures become smaller before anything else suffers.
//!
//! The measure is the share of the time between two pictures that goes into one, all layers together: filter, scaling,
//! encoding, and the wait for a turn. An encoder beyond it skips pictures, and takes time from the threads that carry
//! sound. Where sound or decoders suffer although the encoder keeps up ([`Strain`]), pictures give way too, as long as
//! they take enough for that to help.

use std::time::Duration;

use beckon_media::MediaTime;

use super::strain::Strain;

/// More than this share means that the encoder is about to fall behind …
const TOO_MUCH: f64 = 0.75;
/// … when it holds for this long.
const DOWN_AFTER: Duration = Duration::from_millis(1500);
/// The next larger step must fit into this share …
const ROOM: f64 = 0.5;
/// … for this long. Doubled with every step up that had to be taken back, up to the longest.
const UP_AFTER: Duration = Duration::from_secs(6);
const LONGEST_UP_AFTER: Duration = Duration::from_secs(320);
/// A step down this soon after a step up takes it back.
const TAKEN_BACK: Duration = Duration::from_secs(20);
/// Weight of one picture in the average.
const SMOOTHING: f64 = 0.08;
/// Less than this share is not what keeps others from their work.
const WORTH_IT: f64 = 0.1;

/// What one picture took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Filter, scaling and encoding in all layers.
    pub(crate) spent: Duration,
    /// The next picture is due this long after it.
    pub(crate) interval: Duration,
    /// Pictures of the source that came and went meanwhile, …
    pub(crate) missed: u64,
    /// … and how long after one another they come.
    pub(crate) source: Duration,
}

impl Work {
    /// The share of the interval that it took, the wait for a turn included.
    fn share(&self) -> f64 {
        let interval = self.interval.as_secs_f64().max(0.001);
        // What was missed came while this one was under way: that took so long at least. (Taking it for one more would keep text at
        // five pictures a second there for good where each takes a little longer than the source's next needs to come.)
        let missed = self.source.as_secs_f64() * self.missed as f64;
        // One picture that was held up for seconds (a sleeping machine) is one bad picture, no more.
        (self.spent.as_secs_f64().max(missed) / interval).min(3.0)
    }
}

/// Chooses the largest step of a ladder that this machine can bear.
#[derive(Debug)]
pub(crate) struct Load {
    /// What encoding at each step costs, as a share of what it costs at the first; falling.
    costs: Vec<f64>,
    /// The smallest step that is taken where only others suffer.
    for_others: usize,
    share: Option<f64>,
    step: usize,
    high_since: Option<MediaTime>,
    low_since: Option<MediaTime>,
    up_after: Duration,
    last_up: Option<MediaTime>,
}

impl Load {
    /// For a ladder whose steps cost these shares of what the first costs: falling, and at least one.
    pub(crate) fn new(costs: impl IntoIterator<Item = f64>) -> Self {
        Self {
            costs: costs.into_iter().collect(),
            for_others: usize::MAX,
            share: None,
            step: 0,
            high_since: None,
            low_since: None,
            up_after: UP_AFTER,
            last_up: None,
        }
    }

    /// For the sake of others no smaller step is taken than this, only where the encoder itself cannot keep up.
    pub(crate) fn for_others_no_less_than(self, step: usize) -> Self {
        Self { for_others: step, ..self }
    }

    /// No larger step than this (0: no limit).
    pub(crate) fn step(&self) -> usize {
        self.step
    }

    /// The average share of the time between pictures that they take.
    #[cfg(test)]
    fn share(&self) -> f64 {
        self.share.unwrap_or(0.0)
    }

    /// A picture was encoded.
    pub(crate) fn encoded(&mut self, now: MediaTime, work: Work, strain: &mut Strain) {
        let this = work.share();
        let share = self.share.map_or(this, |share| share + (this - share) * SMOOTHING);
        self.share = Some(share);
        let for_others = self.step < self.for_others && share > WORTH_IT;
        if share > TOO_MUCH || for_others && strain.is_too_much(now) {
            self.low_since = None;
            let last = self.step + 1 >= self.costs.len();
            if now.saturating_since(*self.high_since.get_or_insert(now)) >= DOWN_AFTER && !last {
                if self.last_up.is_some_and(|at| now.saturating_since(at) < TAKEN_BACK) {
                    self.up_after = (self.up_after * 2).min(LONGEST_UP_AFTER);
                }
                self.take(self.step + 1);
                strain.answered();
            }
            return;
        }
        self.high_since = None;
        let fits = self.step > 0 && share * self.cost(self.step - 1) / self.cost(self.step) <= ROOM;
        if !fits || !strain.is_calm(now) {
            self.low_since = None;
        } else if now.saturating_since(*self.low_since.get_or_insert(now)) >= self.up_after {
            self.last_up = Some(now);
            self.take(self.step - 1);
        }
    }

    fn cost(&self, step: usize) -> f64 {
        self.costs.get(step).copied().unwrap_or(1.0)
    }

    fn take(&mut self, step: usize) {
        // What it will cost is guessed by its size, so that the old average decides nothing about the new step.
        self.share = self.share.map(|share| share * self.cost(step) / self.cost(self.step));
        self.step = step;
        (self.high_since, self.low_since) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::ladder::costs;
    use super::super::strain::Direction;
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(33);

    fn work(share: f64) -> Work {
        Work { spent: INTERVAL.mul_f64(share), interval: INTERVAL, missed: 0, source: INTERVAL }
    }

    /// A machine that needs `full` of a picture's interval for a picture of full size and rate.
    fn run(load: &mut Load, from_ms: i64, seconds: i64, full: f64) {
        let mut calm = Strain::default();
        for ms in (from_ms..from_ms + seconds * 1000).step_by(33) {
            load.encoded(MediaTime::from_millis(ms), work(full * load.cost(load.step())), &mut calm);
        }
    }

    #[test]
    fn a_machine_that_keeps_up_sends_everything() {
        let mut load = Load::new(costs());
        run(&mut load, 0, 60, 0.6);
        assert_eq!(load.step(), 0);
        assert!((load.share() - 0.6).abs() < 0.01);
    }

    #[test]
    fn a_machine_that_cannot_keep_up_sends_smaller_pictures_within_seconds() {
        let mut load = Load::new(costs());
        run(&mut load, 0, 5, 1.2);
        assert_eq!(load.step(), 1, "9/12 of the size costs 0.68");
        run(&mut load, 5_000, 10, 3.5);
        assert!(load.step() >= 3 && 3.5 * load.cost(load.step()) <= TOO_MUCH, "{}", load.step());
    }

    #[test]
    fn a_few_slow_pictures_change_nothing() {
        let mut load = Load::new(costs());
        run(&mut load, 0, 5, 0.3);
        run(&mut load, 5_000, 1, 2.0);
        run(&mut load, 6_000, 20, 0.3);
        assert_eq!(load.step(), 0);
    }

    #[test]
    fn pictures_missed_while_waiting_for_a_turn_count_as_slow_ones() {
        let mut load = Load::new(costs());
        let mut calm = Strain::default();
        for n in 0..90 {
            let late = Work { missed: 1, ..work(0.2) };
            load.encoded(MediaTime::from_millis(n * 66), late, &mut calm);
        }
        assert!(load.step() > 0);
        // At half the camera's rate every picture is looked at, and where one is missed half of the time has gone.
        let half = Work { interval: INTERVAL * 2, missed: 1, ..work(0.2) };
        assert!((half.share() - 0.5).abs() < 0.01);
    }

    #[test]
    fn pictures_give_way_when_sound_stops_again_and_again() {
        let (mut load, mut strain) = (Load::new(costs()), Strain::default());
        // Every 200 ms sound stands still for so long.
        let mut both = |seconds: std::ops::Range<i64>, still_ms: i64| {
            for ms in seconds.start * 1000..seconds.end * 1000 {
                if ms % 10 == 0 && ms % 200 >= still_ms {
                    strain.sound(MediaTime::from_millis(ms), Direction::Out);
                }
                if ms % 33 == 0 {
                    load.encoded(MediaTime::from_millis(ms), work(0.4 * load.cost(load.step())), &mut strain);
                }
            }
            load.step()
        };
        assert_eq!(both(0..5, 0), 0);
        assert!(both(5..10, 120) >= 1);
        let low = both(10..60, 120);
        assert!(0.4 * Load::new(costs()).cost(low) <= WORTH_IT, "as far as it helps");
        assert_eq!(both(60..120, 120), low, "and not back while it lasts");
        assert_eq!(both(120..200, 0), 0);
    }

    #[test]
    fn what_must_stay_as_it_is_for_others_gives_way_where_the_encoder_cannot_keep_up() {
        let (mut load, mut strain) = (Load::new(costs()).for_others_no_less_than(2), Strain::default());
        let mut both = |seconds: std::ops::Range<i64>, share: f64| {
            for ms in seconds.start * 1000..seconds.end * 1000 {
                if ms % 10 == 0 && ms % 200 >= 120 {
                    strain.sound(MediaTime::from_millis(ms), Direction::Out);
                }
                if ms % 33 == 0 {
                    load.encoded(MediaTime::from_millis(ms), work(share), &mut strain);
                }
            }
            load.step()
        };
        assert_eq!(both(0..60, 0.4), 2);
        assert!(both(60..70, 1.0) > 2);
    }

    #[test]
    fn pictures_that_cost_nothing_stay_as_they_are_whatever_suffers() {
        let (mut load, mut strain) = (Load::new(costs()), Strain::default());
        for n in 0..300 {
            strain.sound(MediaTime::from_millis(n * 100), Direction::In);
            load.encoded(MediaTime::from_millis(n * 100), work(0.05), &mut strain);
        }
        assert_eq!(load.step(), 0);
    }

    #[test]
    fn when_there_is_time_again_the_size_comes_back_step_by_step() {
        let mut load = Load::new(costs());
        run(&mut load, 0, 15, 3.0);
        let low = load.step();
        assert!(low >= 2);
        run(&mut load, 15_000, 5, 0.2);
        assert_eq!(load.step(), low, "not in haste");
        run(&mut load, 20_000, 60, 0.2);
        assert_eq!(load.step(), 0);
    }

    #[test]
    fn a_step_that_does_not_hold_is_tried_less_and_less_often() {
        let mut load = Load::new(costs());
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
