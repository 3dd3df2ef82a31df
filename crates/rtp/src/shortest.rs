//! How much longer than they need packets are on their way: that much they wait in a queue.

use std::time::{Duration, Instant};

/// The shortest way counts for this long, and for as long again.
const REMEMBERED: Duration = Duration::from_secs(20);

/// Remembers the shortest round trip of late.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shortest {
    /// Of now and of the time before, and since when it is now.
    known: Option<(Duration, Duration, Instant)>,
}

impl Shortest {
    /// The round trip of the last packet that was reported, to be told some ten times a second. By how much it is longer than
    /// the shortest.
    pub fn waits(&mut self, now: Instant, round_trip: Duration) -> Duration {
        let (current, before, began) = self.known.get_or_insert((round_trip, round_trip, now));
        if now.saturating_duration_since(*began) > REMEMBERED {
            (*before, *current, *began) = (*current, round_trip, now);
        }
        *current = round_trip.min(*current);
        round_trip - *current.min(before)
    }
}
