//! An estimate that falls while next to nothing is sent.
//!
//! What an estimator takes off when delays grow, it takes off what arrives. While a camera is off, and as it comes on again, that is
//! sound alone: one packet that a busy machine hands on late, and a road that carried megabits is taken for one that carries sound.
//! Pictures would be of the smallest for the next five seconds. Such a fall says nothing: the estimator begins anew, from what the
//! road carried. If it carries less by now, pictures show it soon, and that is believed.

use std::time::{Duration, Instant};

use crate::seek::CLEAN;

/// The estimate before a fall is the highest of this time: some falls come in two steps.
const BEFORE: Duration = Duration::from_millis(500);
/// Falls to no more than this share (in percent) of it count …
const FALLEN_PERCENT: u64 = 50;
/// … where no more than this share (in percent) of it was sent …
const IDLE_PERCENT: u64 = 25;
/// … and a road has carried at least this share (in percent) of it before: or it may be a guess that was wrong.
const PROVEN_PERCENT: u64 = 50;
/// What it carried is remembered this long.
const REMEMBERED: Duration = Duration::from_secs(60);
/// It begins anew from this share (in percent) of what is known.
const ANEW_PERCENT: u64 = 70;
/// Not again within this time: what falls then has been tried.
const PAUSE: Duration = Duration::from_secs(2);

/// What is heard of a road ten times a second; rates in bits per second.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// What it is taken for.
    pub estimate: u64,
    /// What was sent lately, but for the last moment.
    pub sent: u64,
    /// The share it loses, 0 … 1.
    pub loss: f32,
    /// It was seen to fall lately, by its queue ([`crate::fall`]).
    pub fell: bool,
}

/// Watches the estimate of one road.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle {
    /// The highest estimate lately.
    before: Option<(Instant, u64)>,
    /// The most it has carried.
    carried: Option<(Instant, u64)>,
    /// When the estimator began anew last.
    anew: Option<Instant>,
}

impl Idle {
    /// Takes what is heard. Where the estimate fell for nothing, what the estimator is to begin anew from.
    pub fn heard(&mut self, now: Instant, heard: Heard) -> Option<u64> {
        let Heard { estimate, sent, loss, fell } = heard;
        let newest = |kept: &mut Option<(Instant, u64)>, span, value: u64| {
            let old = kept.is_none_or(|(at, most)| value >= most || now.saturating_duration_since(at) > span);
            if old {
                *kept = Some((now, value));
            }
        };
        newest(&mut self.carried, REMEMBERED, sent.min(estimate));
        let before = self.before.map_or(estimate, |(_, before)| before);
        newest(&mut self.before, BEFORE, estimate);
        let carried = self.carried.map_or(0, |(_, carried)| carried);
        let part = |value: u64, percent| value * percent / 100;
        let for_nothing = estimate < part(before, FALLEN_PERCENT)
            && sent <= part(before, IDLE_PERCENT)
            && carried >= part(before, PROVEN_PERCENT)
            && loss <= CLEAN
            && !fell
            && self.anew.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE);
        let from = part(before.min(carried), ANEW_PERCENT);
        if !for_nothing || from <= estimate {
            return None;
        }
        self.anew = Some(now);
        self.before = Some((now, from));
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);
    const SOUND: u64 = 40_000;

    fn quiet(estimate: u64, sent: u64) -> Heard {
        Heard { estimate, sent, loss: 0.0, fell: false }
    }

    /// A road that carried `sent` of the `estimate`, and carries sound alone since then.
    fn after(begin: Instant, estimate: u64, sent: u64) -> (Idle, Instant) {
        let mut idle = Idle::default();
        for n in 0..50 {
            assert_eq!(idle.heard(begin + TICK * n, quiet(estimate, if n < 30 { sent } else { SOUND })), None);
        }
        (idle, begin + TICK * 50)
    }

    #[test]
    fn a_fall_while_sound_alone_is_sent_says_nothing() {
        let (mut idle, now) = after(Instant::now(), 1_000_000, 800_000);
        assert_eq!(idle.heard(now, quiet(98_000, SOUND)), Some(560_000));
        assert_eq!(idle.heard(now + TICK, quiet(60_000, SOUND)), None, "the next one at once may say something");
        assert_eq!(idle.heard(now + TICK * 10, quiet(560_000, SOUND)), None);
        assert_eq!(idle.heard(now + TICK * 30, quiet(98_000, SOUND)), Some(392_000), "later it is as the first");
    }

    #[test]
    fn a_fall_in_two_steps_is_one() {
        let (mut idle, now) = after(Instant::now(), 1_000_000, 800_000);
        assert_eq!(idle.heard(now, quiet(600_000, SOUND)), None);
        assert_eq!(idle.heard(now + TICK, quiet(300_000, SOUND)), Some(560_000));
    }

    #[test]
    fn a_fall_while_pictures_are_sent_is_one() {
        let mut idle = Idle::default();
        let begin = Instant::now();
        for n in 0..50 {
            assert_eq!(idle.heard(begin + TICK * n, quiet(1_000_000, 800_000)), None);
        }
        assert_eq!(idle.heard(begin + TICK * 50, quiet(98_000, 800_000)), None);
    }

    #[test]
    fn what_was_never_carried_is_not_missed() {
        let (mut idle, now) = after(Instant::now(), 1_000_000, 300_000);
        assert_eq!(idle.heard(now, quiet(98_000, SOUND)), None, "a guess");
        let (mut idle, now) = after(Instant::now(), 1_000_000, 800_000);
        assert_eq!(idle.heard(now + REMEMBERED, quiet(1_000_000, SOUND)), None);
        assert_eq!(idle.heard(now + REMEMBERED + TICK, quiet(98_000, SOUND)), None, "long ago");
    }

    #[test]
    fn a_network_that_loses_or_was_seen_to_fall_has_reason_to() {
        for heard in [Heard { loss: 0.05, ..quiet(98_000, SOUND) }, Heard { fell: true, ..quiet(98_000, SOUND) }] {
            let (mut idle, now) = after(Instant::now(), 1_000_000, 800_000);
            assert_eq!(idle.heard(now, heard), None);
        }
    }
}
