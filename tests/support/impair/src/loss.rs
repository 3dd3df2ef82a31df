//! Which packets are lost.

use rand::Rng;

/// Loss in bursts after Gilbert and Elliott: the link is good or bad, and changes between packets by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// Share of packets lost in the long run, 0 … 1.
    pub share: f64,
    /// Packets lost in a row on average, at least 1.
    pub length: f64,
}

impl Burst {
    /// Chance that the next packet begins a burst.
    fn enter(self) -> f64 {
        // In the long run the bad state holds for enter / (enter + leave) of the packets.
        let leave = self.leave();
        if self.share >= 1.0 { 1.0 } else { (leave * self.share / (1.0 - self.share)).min(1.0) }
    }

    /// Chance that a packet is the last of its burst.
    fn leave(self) -> f64 {
        if self.share >= 1.0 { 0.0 } else { 1.0 / self.length.max(1.0) }
    }
}

/// How packets are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None are.
    #[default]
    None,
    /// Each with this chance, 0 … 1, whatever became of the others.
    Random(f64),
    /// In bursts.
    Burst(Burst),
}

/// The state of chance.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LossState {
    bad: bool,
}

impl LossState {
    /// Whether the next packet is lost.
    pub(crate) fn next(&mut self, loss: Loss, rng: &mut impl Rng) -> bool {
        match loss {
            Loss::None => false,
            Loss::Random(share) => rng.random_bool(share.clamp(0.0, 1.0)),
            Loss::Burst(burst) => {
                let change = if self.bad { burst.leave() } else { burst.enter() };
                if rng.random_bool(change.clamp(0.0, 1.0)) {
                    self.bad = !self.bad;
                }
                self.bad
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    /// Share lost and mean length of a run of losses, of 200 000 packets.
    fn measure(loss: Loss) -> (f64, f64) {
        let mut rng = StdRng::seed_from_u64(7);
        let mut state = LossState::default();
        let (mut lost, mut runs, mut before) = (0u32, 0u32, false);
        for _ in 0..200_000 {
            let now = state.next(loss, &mut rng);
            lost += u32::from(now);
            runs += u32::from(now && !before);
            before = now;
        }
        (f64::from(lost) / 200_000.0, f64::from(lost) / f64::from(runs.max(1)))
    }

    #[test]
    fn random_loss_has_the_share_asked_for() {
        for share in [0.02, 0.1, 0.2] {
            let (measured, length) = measure(Loss::Random(share));
            assert!((measured - share).abs() < 0.005, "{measured} for {share}");
            assert!((length - 1.0 / (1.0 - share)).abs() < 0.05, "losses in a row only by chance: {length}");
        }
        assert_eq!(measure(Loss::None).0, 0.0);
        assert_eq!(measure(Loss::Random(1.0)).0, 1.0);
    }

    #[test]
    fn bursts_have_the_share_and_the_length_asked_for() {
        for (share, length) in [(0.02, 3.0), (0.1, 5.0), (0.3, 8.0)] {
            let (measured, run) = measure(Loss::Burst(Burst { share, length }));
            assert!((measured - share).abs() < share * 0.1, "{measured} for {share}");
            assert!((run - length).abs() < length * 0.1, "{run} for {length}");
        }
    }
}
