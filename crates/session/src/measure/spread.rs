//! Half of them, 95 of 100 of them.

use crate::report::Spread;

/// The newest values kept for the spread.
const KEEP: usize = 20_000;

/// Values of one kind, the newest of them.
#[derive(Debug)]
pub(crate) struct Values {
    keep: usize,
    ring: Vec<f32>,
    next: usize,
    count: u64,
    min: f64,
    max: f64,
}

impl Default for Values {
    fn default() -> Self {
        Self::newest(KEEP)
    }
}

impl Values {
    /// Forgets all but the newest `keep` values (but for the count, the least and the greatest).
    pub(crate) fn newest(keep: usize) -> Self {
        Self { keep: keep.max(1), ring: Vec::new(), next: 0, count: 0, min: 0.0, max: 0.0 }
    }

    pub(crate) fn add(&mut self, value: f64) {
        if self.ring.len() < self.keep {
            self.ring.push(value as f32);
        } else {
            self.ring[self.next] = value as f32;
            self.next = (self.next + 1) % self.keep;
        }
        (self.min, self.max) =
            if self.count == 0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
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
        (!sorted.is_empty()).then(|| Spread {
            count: self.count,
            min: round(self.min),
            p50: at(0.5),
            p95: at(0.95),
            max: round(self.max),
        })
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
        assert_eq!(values.spread().unwrap(), Spread { count: 100, min: 1.0, p50: 50.0, p95: 95.0, max: 100.0 });
        let mut newest = Values::newest(3);
        [9.0, 1.0, 2.0, 3.0].into_iter().for_each(|v| newest.add(v));
        assert_eq!(newest.spread().unwrap(), Spread { count: 4, min: 1.0, p50: 2.0, p95: 3.0, max: 9.0 });
    }
}
