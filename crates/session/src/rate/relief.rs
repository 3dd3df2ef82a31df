//! Pictures of others give way too where our own cannot: they are asked for smaller, so that decoding and drawing them
//! leaves time for sound.
//!
//! Our own pictures give way first ([`super::load`]), and each of their steps empties what [`Strain`] has gathered. What
//! is still too much seconds later has to be helped by this: nothing of ours is sent, or it costs next to nothing.

use std::time::Duration;

use beckon_media::MediaTime;

use super::strain::Strain;

/// What the sides of a picture are divided by.
const STEPS: [u32; 3] = [1, 2, 4];
/// Too much for this long: longer than our own pictures need for a step.
const DOWN_AFTER: Duration = Duration::from_secs(4);
/// Calm for this long means a step up. Doubled with every step that had to be taken back, up to the longest.
const UP_AFTER: Duration = Duration::from_secs(12);
const LONGEST_UP_AFTER: Duration = Duration::from_secs(320);
/// A step down this soon after a step up takes it back.
const TAKEN_BACK: Duration = Duration::from_secs(30);
/// Decoding takes less of a processor than this: smaller pictures would not help.
const WORTH_IT: f64 = 0.1;
/// Over how long that share is taken, s.
const SHARE_OVER: f64 = 2.0;

/// How much smaller than they are shown the pictures of others are asked for.
#[derive(Debug)]
pub(crate) struct Relief {
    step: usize,
    /// Processor time that decoding takes, s a second; as of the last picture.
    share: f64,
    decoded: Option<MediaTime>,
    high_since: Option<MediaTime>,
    calm_since: Option<MediaTime>,
    up_after: Duration,
    last_up: Option<MediaTime>,
}

impl Default for Relief {
    fn default() -> Self {
        Self {
            step: 0,
            share: 0.0,
            decoded: None,
            high_since: None,
            calm_since: None,
            up_after: UP_AFTER,
            last_up: None,
        }
    }
}

impl Relief {
    /// Somebody's picture was decoded, in `spent` of a thread's time. Returns what the sides of pictures are to be divided
    /// by from now on, where that changes.
    pub(crate) fn decoded(&mut self, now: MediaTime, spent: Duration, strain: &mut Strain) -> Option<u32> {
        let since = self.decoded.replace(now).map_or(SHARE_OVER, |last| now.saturating_since(last).as_secs_f64());
        self.share = self.share * (-since / SHARE_OVER).exp() + spent.as_secs_f64() / SHARE_OVER;
        if self.share > WORTH_IT && strain.is_too_much(now) {
            self.calm_since = None;
            let high_since = *self.high_since.get_or_insert(now);
            if now.saturating_since(high_since) < DOWN_AFTER || self.step + 1 == STEPS.len() {
                return None;
            }
            if self.last_up.is_some_and(|at| now.saturating_since(at) < TAKEN_BACK) {
                self.up_after = (self.up_after * 2).min(LONGEST_UP_AFTER);
            }
            strain.answered();
            return Some(self.take(self.step + 1));
        }
        self.high_since = None;
        if self.step == 0 || !strain.is_calm(now) {
            self.calm_since = None;
            return None;
        }
        if now.saturating_since(*self.calm_since.get_or_insert(now)) < self.up_after {
            return None;
        }
        self.last_up = Some(now);
        Some(self.take(self.step - 1))
    }

    fn take(&mut self, step: usize) -> u32 {
        self.step = step;
        (self.high_since, self.calm_since) = (None, None);
        STEPS[step]
    }
}

#[cfg(test)]
mod tests {
    use super::super::strain::Direction;
    use super::*;

    /// A room in which somebody is seen.
    struct Watching {
        relief: Relief,
        strain: Strain,
        divided_by: u32,
        changes: u32,
    }

    impl Watching {
        fn new() -> Self {
            Self { relief: Relief::default(), strain: Strain::default(), divided_by: 1, changes: 0 }
        }

        /// Each picture takes `ms` where it is not divided; sound stands still for so many ms of every 200.
        fn run(&mut self, seconds: std::ops::Range<i64>, ms: f64, still: impl Fn(u32) -> i64) {
            for t in seconds.start * 1000..seconds.end * 1000 {
                let now = MediaTime::from_millis(t);
                if t % 10 == 0 && t % 200 >= still(self.divided_by) {
                    self.strain.sound(now, Direction::In);
                }
                if t % 33 == 0 {
                    let spent = Duration::from_secs_f64(ms / 1e3 / f64::from(self.divided_by * self.divided_by));
                    if let Some(divided_by) = self.relief.decoded(now, spent, &mut self.strain) {
                        self.divided_by = divided_by;
                        self.changes += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn a_machine_that_keeps_up_gets_everything() {
        let mut room = Watching::new();
        room.run(0..120, 20.0, |_| 0);
        assert_eq!((room.divided_by, room.changes), (1, 0));
    }

    #[test]
    fn pictures_of_others_give_way_when_sound_suffers_and_come_back() {
        let mut room = Watching::new();
        room.run(0..5, 20.0, |_| 0);
        let heavy = |divided_by| if divided_by < 2 { 120 } else { 0 };
        room.run(5..15, 20.0, heavy);
        assert_eq!(room.divided_by, 2);
        room.run(15..20, 20.0, |_| 0);
        assert_eq!(room.divided_by, 2, "not in haste");
        room.run(20..60, 20.0, |_| 0);
        assert_eq!((room.divided_by, room.changes), (1, 2));
    }

    #[test]
    fn pictures_that_cost_next_to_nothing_stay_whatever_suffers() {
        let mut room = Watching::new();
        room.run(0..5, 1.0, |_| 0);
        room.run(5..60, 1.0, |_| 120);
        assert_eq!(room.changes, 0);
        // Nor do they become smaller than helps.
        let mut room = Watching::new();
        room.run(0..5, 10.0, |_| 0);
        room.run(5..120, 10.0, |_| 120);
        assert_eq!((room.divided_by, room.changes), (2, 1));
    }

    #[test]
    fn a_size_that_does_not_hold_is_tried_less_and_less_often() {
        let mut room = Watching::new();
        room.run(0..5, 20.0, |_| 0);
        room.run(5..605, 20.0, |divided_by| if divided_by < 2 { 120 } else { 0 });
        assert!((4..=16).contains(&room.changes), "{} in ten minutes", room.changes);
    }
}
