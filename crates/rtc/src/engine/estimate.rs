//! What the way to the server carries: two measures made one.

use beckon_rtp::seek::FULL;

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

/// An estimate in bit/s; 0: not known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Estimate {
    /// Averaged over some seconds.
    smooth: u64,
    /// As of now.
    latest: u64,
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
    pub(super) fn now(&mut self, bps: u64) {
        self.latest = bps;
    }

    /// The average is heard when it changes; it lags behind.
    pub(super) fn averaged(&mut self, bps: u64) {
        self.smooth = bps;
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

    /// The estimate as of now, as it was heard.
    pub(super) fn latest(&self) -> u64 {
        self.latest
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

    #[test]
    fn a_fall_is_believed_at_once() {
        let mut estimate = Estimate::default();
        estimate.averaged(2_000);
        estimate.now(2_000);
        assert_eq!(told(&mut estimate), Some((2_000, false)));
        estimate.now(1_600);
        assert_eq!(told(&mut estimate), Some((1_600, false)));
        estimate.now(300);
        assert_eq!(told(&mut estimate), Some((300, true)));
        estimate.averaged(1_000);
        assert_eq!(told(&mut estimate), None, "the average only follows");
    }

    #[test]
    fn what_is_lost_and_sent_again_has_its_place() {
        let mut estimate = Estimate::default();
        estimate.now(2_000);
        estimate.lost(0.2);
        assert_eq!(told(&mut estimate), Some((1_400, false)));
        estimate.lost(0.9);
        assert_eq!(told(&mut estimate), Some((1_200, false)), "not nearly all of it");
        estimate.lost(0.0);
        assert_eq!(told(&mut estimate), Some((2_000, false)));
    }

    #[test]
    fn a_rise_is_believed_when_it_lasts() {
        let mut estimate = Estimate::default();
        estimate.averaged(500);
        estimate.now(500);
        estimate.news();
        estimate.now(2_000);
        assert_eq!(told(&mut estimate), None);
        estimate.averaged(510);
        assert_eq!(told(&mut estimate), None, "hardly another one");
        estimate.averaged(1_000);
        assert_eq!(told(&mut estimate), Some((1_000, false)));
    }
}
