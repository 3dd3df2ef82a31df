//! What the way to the server carries: two measures made one.

use std::time::{Duration, Instant};

/// Changes smaller than this share (in percent) are not worth telling.
const STEP: u64 = 3;
/// No more than this is kept for repairs, in thousandths: on the way down they are given up.
const MOST_REPAIRS: u64 = 300;
/// A network that carries no more than this part of what it did carries far less.
const FAR_LESS: u64 = 2;
/// An average that falls is not taken for a fall to less than this part of it: a layer that is given up for nothing is missed for
/// seconds, and the estimate as of now is heard soon.
const MOST_FALL: u64 = 2;
/// The average is one of what was estimated within this time, each different value once: whatever stood longer is not in it.
const AVERAGED: Duration = Duration::from_secs(3);

/// An estimate in bit/s; 0: not known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Estimate {
    /// Averaged over some seconds.
    smooth: u64,
    /// When that changed last.
    since: Option<Instant>,
    /// As of now.
    latest: u64,
    /// Share of our packets that gets lost, in thousandths.
    lost: u64,
    /// What was told last.
    told: u64,
    /// `latest` is what an average tells of, and the estimate itself is still to be heard.
    guessed: bool,
    /// What was told before a guess was, until the estimate itself is heard.
    before_guess: Option<u64>,
}

/// An estimate worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) bps: u64,
    /// It is far less than the one before; or, after that was guessed, it is not. `None`: there is nothing new about that.
    pub(super) far_less: Option<bool>,
}

impl Estimate {
    /// The estimate as of now; it is heard a few times a second.
    pub(super) fn now(&mut self, bps: u64) {
        self.latest = bps;
        self.guessed = false;
    }

    /// The average is heard when it changes: it lags behind, but is the first to tell of a fall. What pulled it down is at
    /// least as far below it as it was above before, unless what was before is no part of it any more: then it is the estimate itself.
    pub(super) fn averaged(&mut self, now: Instant, bps: u64) {
        let before = std::mem::replace(&mut self.smooth, bps);
        let since = self.since.replace(now);
        if bps < before && bps < self.latest {
            let whole = since.is_some_and(|since| now.saturating_duration_since(since) > AVERAGED) || 2 * bps <= before;
            self.latest = if whole { bps } else { (2 * bps - before).max(bps / MOST_FALL) };
            self.guessed = !whole;
        }
    }

    /// This share of our packets gets lost (0 … 1): what is sent again for them has its place in what the way carries.
    pub(super) fn lost(&mut self, share: f32) {
        self.lost = ((share * 1_000.0) as u64).min(MOST_REPAIRS);
    }

    /// What was told last.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// A fall is believed at once, a rise when it lasts. Gives what is worth telling.
    pub(super) fn news(&mut self) -> Option<News> {
        let bps = match (self.smooth, self.latest) {
            (0, latest) => latest,
            (smooth, 0) => smooth,
            (smooth, latest) => smooth.min(latest),
        };
        let bps = bps - bps * self.lost / 1_000;
        let before_guess = self.before_guess.take_if(|_| !self.guessed);
        if bps.abs_diff(self.told) * 100 <= self.told * STEP {
            return None;
        }
        let before = std::mem::replace(&mut self.told, bps);
        if self.guessed {
            self.before_guess.get_or_insert(before);
        }
        let was_wrong = before_guess.is_some_and(|before| bps >= before / FAR_LESS);
        let far_less = if bps < before / FAR_LESS { Some(true) } else { was_wrong.then_some(false) };
        Some(News { bps, far_less })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(estimate: &mut Estimate) -> Option<(u64, Option<bool>)> {
        estimate.news().map(|news| (news.bps, news.far_less))
    }

    #[test]
    fn a_fall_of_the_average_tells_of_a_deeper_one() {
        let now = Instant::now();
        let mut estimate = Estimate::default();
        estimate.averaged(now, 2_000);
        estimate.now(2_000);
        assert_eq!(told(&mut estimate), Some((2_000, None)));
        estimate.averaged(now, 1_800);
        assert_eq!(told(&mut estimate), Some((1_600, None)), "it takes a 1600 to make 1800 of one 2000");
        estimate.averaged(now, 1_000);
        assert_eq!(told(&mut estimate), Some((500, Some(true))), "not to nothing");
        estimate.now(300);
        assert_eq!(told(&mut estimate), Some((300, None)));
    }

    #[test]
    fn a_deep_fall_that_was_guessed_wrong_is_taken_back() {
        let now = Instant::now();
        let mut estimate = Estimate::default();
        estimate.averaged(now, 3_400);
        estimate.now(3_400);
        estimate.news();
        estimate.averaged(now, 2_400);
        assert_eq!(told(&mut estimate), Some((1_400, Some(true))));
        estimate.now(2_300);
        assert_eq!(told(&mut estimate), Some((2_300, Some(false))), "a third less");
        estimate.averaged(now, 1_800);
        assert_eq!(told(&mut estimate), Some((1_200, None)));
        estimate.now(700);
        assert_eq!(told(&mut estimate), Some((700, None)), "far less than it was indeed");
        estimate.averaged(now, 800);
        estimate.now(900);
        assert_eq!(told(&mut estimate), Some((800, None)), "nothing had been guessed");
    }

    #[test]
    fn what_is_lost_and_sent_again_has_its_place() {
        let mut estimate = Estimate::default();
        estimate.now(2_000);
        estimate.lost(0.2);
        assert_eq!(told(&mut estimate), Some((1_600, None)));
        estimate.lost(0.9);
        assert_eq!(told(&mut estimate), Some((1_400, None)), "not nearly all of it");
        estimate.lost(0.0);
        assert_eq!(told(&mut estimate), Some((2_000, None)));
    }

    #[test]
    fn an_average_of_one_is_the_estimate_itself() {
        let now = Instant::now();
        let mut estimate = Estimate::default();
        estimate.averaged(now, 2_000);
        estimate.now(2_000);
        estimate.news();
        estimate.averaged(now + AVERAGED * 2, 1_500);
        assert_eq!(told(&mut estimate), Some((1_500, None)), "what stood for long is not in it");
        estimate.averaged(now + AVERAGED * 2, 700);
        assert_eq!(told(&mut estimate), Some((700, Some(true))), "no other one makes 700 of 1500");
    }

    #[test]
    fn an_average_that_follows_says_nothing_new() {
        let now = Instant::now();
        let mut estimate = Estimate::default();
        estimate.averaged(now, 2_000);
        estimate.now(500);
        assert_eq!(told(&mut estimate), Some((500, None)));
        estimate.averaged(now, 1_000);
        estimate.averaged(now, 600);
        assert_eq!(told(&mut estimate), None);
    }

    #[test]
    fn a_rise_is_believed_when_it_lasts() {
        let now = Instant::now();
        let mut estimate = Estimate::default();
        estimate.averaged(now, 500);
        estimate.now(500);
        estimate.news();
        estimate.now(2_000);
        assert_eq!(told(&mut estimate), None);
        estimate.averaged(now, 510);
        assert_eq!(told(&mut estimate), None, "hardly another one");
        estimate.averaged(now, 1_000);
        assert_eq!(told(&mut estimate), Some((1_000, None)));
    }
}
