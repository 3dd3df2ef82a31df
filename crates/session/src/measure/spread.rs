//! Half of them, 95 of 100 of them.

use crate::report::Spread;

/// The newest values kept for the spread.
const KEEP: usize = 20_000;

/// Values of one kind, the newest of them.
#[derive(Debug, Default)]
pub(crate) struct Values {
    ring: Vec<f32>,
    next: usize,
    count: u64,
    max: f64,
}

impl Values {
    pub(crate) fn add(&mut self, value: f64) {
        if self.ring.len() < KEEP {
            self.ring.push(value as f32);
        } else {
            self.ring[self.next] = value as f32;
            self.next = (self.next + 1) % KEEP;
        }
        self.max = if self.count == 0 { value } else { self.max.max(value) };
        self.count += 1;
    }

    /// `None` while there is no value.
    pub(crate) fn spread(&self) -> Option<Spread> {
        let mut sorted = self.ring.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |share: f64| {
            let place = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len()) - 1;
            round(f64::from(sorted[place]))
        };
        (!sorted.is_empty()).then(|| Spread { count: self.count, p50: at(0.5), p95: at(0.95), max: round(self.max) })
    }
}

/// Two digits are all that is meant.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn half_and_95_of_100_are_at_most_what_is_told() {
        let mut values = Values::default();
        assert!(values.spread().is_none());
        (1..=100).for_each(|n| values.add(f64::from(n)));
        assert_eq!(values.spread().unwrap(), Spread { count: 100, p50: 50.0, p95: 95.0, max: 100.0 });
    }
}
