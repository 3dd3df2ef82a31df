//! How fast a client is listened to. Pure: time is an argument.
//!
//! Each message costs its room work, and may be told to everybody in it. Whoever says more than anybody has to say is read more
//! slowly, so that it waits on their own side; nothing of it is lost.

use std::time::{Duration, Instant};

/// What a message costs: over time 50 are taken in a second.
const MESSAGE: Duration = Duration::from_millis(20);
/// Messages may be paid for so much later: 500 are taken at once, as when somebody comes into a large room.
const MESSAGES_OWED: Duration = Duration::from_secs(10);
/// Bytes that are taken in a second, over time.
const BYTES_PER_SECOND: u64 = 256 << 10;
/// Bytes may be paid for so much later: 4 MiB are taken at once, a few of the longest session descriptions.
const BYTES_OWED: Duration = Duration::from_secs(16);

/// What one connection may say: two token buckets, each told as the time at which all that was taken is paid for.
#[derive(Debug)]
pub(super) struct Allowance {
    messages_paid: Instant,
    bytes_paid: Instant,
}

impl Allowance {
    /// Nothing is owed.
    pub(super) fn new(now: Instant) -> Self {
        Self { messages_paid: now, bytes_paid: now }
    }

    /// Charges a message that was read; how long to wait before the next is.
    pub(super) fn charge(&mut self, bytes: usize, now: Instant) -> Duration {
        let nanos = (bytes as u64).saturating_mul(1_000_000_000) / BYTES_PER_SECOND;
        let messages = pay(&mut self.messages_paid, MESSAGE, MESSAGES_OWED, now);
        let bytes = pay(&mut self.bytes_paid, Duration::from_nanos(nanos), BYTES_OWED, now);
        messages.max(bytes)
    }
}

fn pay(paid: &mut Instant, cost: Duration, owed: Duration, now: Instant) -> Duration {
    *paid = (*paid).max(now) + cost;
    paid.saturating_duration_since(now).saturating_sub(owed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How long is waited in all for so many messages of so many bytes, if each comes as soon as it is read.
    fn waited(allowance: &mut Allowance, messages: usize, bytes: usize, mut now: Instant) -> Duration {
        let begun = now;
        for _ in 0..messages {
            now += allowance.charge(bytes, now);
        }
        now - begun
    }

    #[test]
    fn what_clients_have_to_say_is_read_at_once() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert_eq!(waited(&mut allowance, 500, 2_000, now), Duration::ZERO);
        // It is earned again while nothing comes, up to as much.
        let later = now + 3_600 * SECOND;
        assert_eq!(waited(&mut allowance, 500, 2_000, later), Duration::ZERO);
        assert_eq!(allowance.charge(0, later), MESSAGE);
    }

    #[test]
    fn a_flood_of_messages_is_read_at_the_pace_of_the_allowance() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert_eq!(waited(&mut allowance, 500 + 3_000, 10, now), 60 * SECOND);
        // A pause of a second earns a second's messages and no more.
        let later = now + 61 * SECOND;
        assert_eq!(waited(&mut allowance, 50, 10, later), Duration::ZERO);
        assert_eq!(allowance.charge(10, later), MESSAGE);
    }

    #[test]
    fn long_messages_are_charged_by_their_length() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert_eq!(waited(&mut allowance, 4, 1 << 20, now), Duration::ZERO);
        assert_eq!(waited(&mut allowance, 10, 1 << 20, now), 40 * SECOND);
    }
}
