//! How often log-ins may fail, by address and by user, and how many seats guests may ask for. Pure: time is an argument.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How many failures are taken before further log-ins are refused.
///
/// The defaults let one address fail 10 times a minute and one user 200 times in ten minutes: a single address is
/// stopped long before it could lock a user out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitConfig {
    /// Failures of one address (of one /64 with IPv6) within `address_window`.
    pub address_failures: usize,
    /// Over which time.
    pub address_window: Duration,
    /// Failures for one user within `user_window`.
    pub user_failures: usize,
    /// Over which time.
    pub user_window: Duration,
    /// Seats in one room that guests of one address may ask for within `guest_window`. What they do not use is free again
    /// after a moment, so this keeps one address from holding a room full without joining it.
    pub guest_seats: usize,
    /// Over which time.
    pub guest_window: Duration,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            address_failures: 10,
            address_window: Duration::from_secs(60),
            user_failures: 200,
            user_window: Duration::from_secs(600),
            guest_seats: 12,
            guest_window: Duration::from_secs(600),
        }
    }
}

/// Most addresses or users whose failures are remembered; beyond it the longest quiet are forgotten.
const REMEMBERED: usize = 50_000;

/// Remembers failed log-ins and guests' seats.
#[derive(Debug)]
pub struct FailureLimit {
    addresses: Window<IpAddr>,
    users: Window<(u64, String)>,
    seats: Window<(IpAddr, String)>,
}

impl FailureLimit {
    /// Nothing has failed yet.
    pub fn new(config: LimitConfig) -> Self {
        Self {
            addresses: Window::new(config.address_failures, config.address_window),
            users: Window::new(config.user_failures, config.user_window),
            seats: Window::new(config.guest_seats, config.guest_window),
        }
    }

    /// How long this address and user (application and user ID) must wait before a log-in is looked at; `None`: not at all.
    pub fn wait(&mut self, address: IpAddr, user: Option<(u64, &str)>, now: Instant) -> Option<Duration> {
        let by_address = self.addresses.wait(&network(address), now);
        let by_user = user.and_then(|(app, user)| self.users.wait(&(app, user.to_owned()), now));
        by_address.max(by_user)
    }

    /// How long guests of this address must wait for a further seat in this room.
    pub fn wait_for_seat(&mut self, address: IpAddr, room: &str, now: Instant) -> Option<Duration> {
        self.seats.wait(&(network(address), room.to_owned()), now)
    }

    /// A guest of this address was given a seat in this room.
    pub fn record_seat(&mut self, address: IpAddr, room: &str, now: Instant) {
        self.seats.record((network(address), room.to_owned()), now);
    }

    /// A log-in failed.
    pub fn record(&mut self, address: IpAddr, user: Option<(u64, &str)>, now: Instant) {
        self.addresses.record(network(address), now);
        if let Some((app, user)) = user {
            self.users.record((app, user.to_owned()), now);
        }
    }
}

/// One customer of an IPv6 provider has a whole /64: it counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64))),
        v4 => v4,
    }
}

#[derive(Debug)]
struct Window<K> {
    most: usize,
    length: Duration,
    failures: HashMap<K, VecDeque<Instant>>,
}

impl<K: Hash + Eq + Clone> Window<K> {
    fn new(most: usize, length: Duration) -> Self {
        Self { most: most.max(1), length, failures: HashMap::new() }
    }

    fn wait(&mut self, key: &K, now: Instant) -> Option<Duration> {
        let times = self.failures.get_mut(key)?;
        while times.front().is_some_and(|first| now.saturating_duration_since(*first) >= self.length) {
            times.pop_front();
        }
        if times.is_empty() {
            self.failures.remove(key);
            return None;
        }
        let blocking = times.len().checked_sub(self.most)?;
        times.get(blocking).map(|first| self.length.saturating_sub(now.saturating_duration_since(*first)))
    }

    fn record(&mut self, key: K, now: Instant) {
        if self.failures.len() >= REMEMBERED && !self.failures.contains_key(&key) {
            self.forget(now);
        }
        let times = self.failures.entry(key).or_default();
        if times.len() >= self.most {
            times.pop_front();
        }
        times.push_back(now);
    }

    fn forget(&mut self, now: Instant) {
        let length = self.length;
        self.failures.retain(|_, times| times.back().is_some_and(|last| now.saturating_duration_since(*last) < length));
        if self.failures.len() >= REMEMBERED {
            let mut by_age: Vec<_> =
                self.failures.iter().filter_map(|(key, times)| Some((*times.back()?, key.clone()))).collect();
            by_age.sort_by_key(|(last, _)| *last);
            for (_, key) in by_age.into_iter().take(REMEMBERED / 10) {
                self.failures.remove(&key);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn limit() -> FailureLimit {
        FailureLimit::new(LimitConfig {
            address_failures: 3,
            address_window: seconds(60),
            user_failures: 5,
            user_window: seconds(600),
            guest_seats: 2,
            guest_window: seconds(600),
        })
    }

    #[test]
    fn an_address_waits_until_its_oldest_failure_is_a_window_old() {
        let mut limit = limit();
        let start = Instant::now();
        let address: IpAddr = [10, 0, 0, 1].into();
        for s in [0, 10, 20] {
            assert_eq!(limit.wait(address, None, start + seconds(s)), None);
            limit.record(address, None, start + seconds(s));
        }
        assert_eq!(limit.wait(address, None, start + seconds(21)), Some(seconds(39)));
        assert_eq!(limit.wait([10, 0, 0, 2].into(), None, start + seconds(21)), None);
        assert_eq!(limit.wait(address, None, start + seconds(60)), None);
    }

    #[test]
    fn a_user_is_guarded_against_many_addresses() {
        let mut limit = limit();
        let now = Instant::now();
        for last in 1..=5 {
            limit.record([10, 0, 0, last].into(), Some((1, "alice")), now);
        }
        let other: IpAddr = [10, 9, 9, 9].into();
        assert_eq!(limit.wait(other, Some((1, "alice")), now), Some(seconds(600)));
        assert_eq!(limit.wait(other, Some((2, "alice")), now), None);
        assert_eq!(limit.wait(other, Some((1, "bob")), now), None);
    }

    #[test]
    fn seats_are_counted_by_address_and_room() {
        let mut limit = limit();
        let start = Instant::now();
        let address: IpAddr = [10, 0, 0, 1].into();
        for s in [0, 100] {
            assert_eq!(limit.wait_for_seat(address, "r", start + seconds(s)), None);
            limit.record_seat(address, "r", start + seconds(s));
        }
        assert_eq!(limit.wait_for_seat(address, "r", start + seconds(200)), Some(seconds(400)));
        assert_eq!(limit.wait_for_seat(address, "other", start + seconds(200)), None);
        assert_eq!(limit.wait_for_seat([10, 0, 0, 2].into(), "r", start + seconds(200)), None);
        assert_eq!(limit.wait(address, None, start + seconds(200)), None, "a seat is no failed log-in");
        assert_eq!(limit.wait_for_seat(address, "r", start + seconds(600)), None);
    }

    #[test]
    fn one_ipv6_network_counts_as_one_address() {
        let mut limit = limit();
        let now = Instant::now();
        for host in 1..=3u16 {
            limit.record(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]), None, now);
        }
        assert!(limit.wait(IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]), None, now).is_some());
        assert!(limit.wait(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]), None, now).is_none());
    }

    #[test]
    fn memory_stays_bounded_under_a_flood_of_addresses() {
        let mut limit = limit();
        let now = Instant::now();
        for n in 0..(REMEMBERED as u32 + 5000) {
            limit.record(IpAddr::from(n.to_be_bytes()), None, now + Duration::from_millis(n.into()));
        }
        assert!(limit.addresses.failures.len() <= REMEMBERED);
    }
}
