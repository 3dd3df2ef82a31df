//! What the way to the server carries, as far as it is believed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use beckon_rtp::seek::FULL;

/// A rise counts when it has lasted this long. The estimator's own average follows each of its changes alike, and they are many while it
/// grows by little: it would hold a probe that found megabits back for three seconds.
const LASTS: Duration = Duration::from_millis(450);

/// Changes smaller than this share (in percent) are not worth telling.
const STEP: u64 = 3;
/// No more than this is kept for repairs, in thousandths: on the way down they are given up.
const MOST_REPAIRS: u64 = 400;
/// Repairs that get lost are sent once more, and where much gets lost most of them are asked for twice ([`beckon_rtp::request`]): they take
/// this much, in percent, of what was lost at first. What does not fit would wait for its turn, as the pacer lets through little more
/// than the estimate.
const REPAIRS_PERCENT: u64 = 150;
/// [`FULL`] in thousandths.
const MUCH: u64 = (FULL * 1_000.0) as u64;
/// A network that carries no more than this part of what it did carries far less.
const FAR_LESS: u64 = 2;

/// An estimate in bit/s.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimate {
    /// As it was heard in the time that a rise must last, and once before.
    heard: VecDeque<(Instant, u64)>,
    /// The most that a receiver allows which estimates by itself (REMB).
    allowed: Option<u64>,
    /// Share of our packets that gets lost, in thousandths.
    lost: u64,
    /// What was told last.
    told: u64,
}

/// An estimate worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) bps: u64,
    /// It is far less than the one before.
    pub(super) far_less: bool,
}

impl Estimate {
    /// The estimate as of now; it is heard some ten times a second.
    pub(super) fn heard(&mut self, now: Instant, bps: u64) {
        self.heard.push_back((now, bps));
        // The newest that is old enough says what it was until the next one.
        while self.heard.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= LASTS) {
            self.heard.pop_front();
        }
    }

    /// A receiver that estimates by itself says how much may be sent.
    pub(super) fn receiver_allows(&mut self, bps: u64) {
        self.allowed = Some(bps);
    }

    /// This share of our packets gets lost (0 … 1): what is sent again for them has its place in what the way carries.
    pub(super) fn lost(&mut self, share: f32) {
        self.lost = (share * 1_000.0) as u64;
    }

    /// So many of our packets get lost that a queue may be full.
    pub(super) fn loses_much(&self) -> bool {
        self.lost >= MUCH
    }

    /// The share of our packets that gets lost, 0 … 1.
    pub(super) fn loss(&self) -> f32 {
        self.lost as f32 / 1_000.0
    }

    /// The estimate as of now, as it was heard; 0: not known.
    pub(super) fn latest(&self) -> u64 {
        self.heard.back().map_or(0, |(_, bps)| *bps)
    }

    /// What was told last; 0: nothing yet.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// A fall is believed at once, a rise when it lasts. Gives what is worth telling.
    pub(super) fn news(&mut self) -> Option<News> {
        let bps = self.heard.iter().map(|(_, bps)| *bps).chain(self.allowed).min()?;
        let repairs = (self.lost * REPAIRS_PERCENT / 100).min(MOST_REPAIRS);
        let bps = bps - bps * repairs / 1_000;
        if bps.abs_diff(self.told) * 100 <= self.told * STEP {
            return None;
        }
        let before = std::mem::replace(&mut self.told, bps);
        Some(News { bps, far_less: bps < before / FAR_LESS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(estimate: &mut Estimate) -> Option<(u64, bool)> {
        estimate.news().map(|news| (news.bps, news.far_less))
    }

    const LOOK: Duration = Duration::from_millis(150);

    #[test]
    fn a_fall_is_believed_at_once() {
        let (mut estimate, now) = (Estimate::default(), Instant::now());
        assert_eq!(told(&mut estimate), None, "nothing is known");
        for (n, bps, news) in [(0, 2_000, (2_000, false)), (1, 1_600, (1_600, false)), (2, 300, (300, true))] {
            estimate.heard(now + LOOK * n, bps);
            assert_eq!(told(&mut estimate), Some(news));
        }
        assert_eq!(estimate.latest(), 300);
    }

    #[test]
    fn what_is_lost_and_sent_again_has_its_place() {
        let mut estimate = Estimate::default();
        estimate.heard(Instant::now(), 2_000);
        estimate.lost(0.2);
        assert_eq!(told(&mut estimate), Some((1_400, false)));
        estimate.lost(0.9);
        assert_eq!(told(&mut estimate), Some((1_200, false)), "not nearly all of it");
        estimate.lost(0.0);
        assert_eq!(told(&mut estimate), Some((2_000, false)));
    }

    #[test]
    fn a_rise_is_believed_when_it_has_lasted() {
        let (mut estimate, now) = (Estimate::default(), Instant::now());
        estimate.heard(now, 500);
        estimate.news();
        let news: Vec<_> = (1..=20)
            .filter_map(|n| {
                estimate.heard(now + LOOK * n, if n == 3 { 700 } else { 2_000 });
                Some((n, told(&mut estimate)?.0))
            })
            .collect();
        assert_eq!(news, [(4, 700), (7, 2_000)], "as far as all of it was, and with the dip at the third look");
    }
}
