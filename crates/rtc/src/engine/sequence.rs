//! What a packet's place in its stream says of those before it.

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Behind all so far; this many between are missing yet.
    Ahead(u64),
    /// Into a gap: it was repaired, or others overtook it.
    IntoGap,
}

/// The packets of one stream, each of which comes once.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The furthest so far, extended.
    last: Option<u64>,
}

impl Sequence {
    /// A packet came. What was before the first one is nothing to us.
    pub(super) fn came(&mut self, number: u64) -> Arrival {
        match self.last {
            Some(last) if number < last => Arrival::IntoGap,
            last => {
                self.last = Some(number);
                Arrival::Ahead(last.map_or(0, |last| (number - last).saturating_sub(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_open_and_are_filled() {
        let mut sequence = Sequence::default();
        let arrivals = [10, 11, 14, 12, 15, 13].map(|number| sequence.came(number));
        use Arrival::{Ahead, IntoGap};
        assert_eq!(arrivals, [Ahead(0), Ahead(0), Ahead(2), IntoGap, Ahead(0), IntoGap]);
    }
}
