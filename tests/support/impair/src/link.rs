//! One direction of a bad network.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use crate::loss::LossState;
use crate::profile::Profile;

/// What UDP and IPv4 add to a payload, in bytes.
const HEADERS: usize = 28;
/// How far a packet leaves its order where there is no jitter that says so.
const LEAP: Duration = Duration::from_millis(10);

/// What became of packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Packets that came in.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Lost by chance or in a black-out.
    pub lost: u64,
    /// Lost because the queue before the bandwidth limit was full.
    pub overflowed: u64,
    /// Packets that came out, duplicates included.
    pub delivered: u64,
}

/// One direction of a bad network for packets of type `T`. Pure: time comes in with each call.
#[derive(Debug)]
pub struct Link<T> {
    profile: Profile,
    rng: StdRng,
    loss: LossState,
    /// When the bandwidth limit has sent all it has.
    free_at: Option<Instant>,
    /// When the last packet in order arrives.
    last_arrival: Option<Instant>,
    travelling: BinaryHeap<Reverse<Travelling<T>>>,
    number: u64,
    counts: Counts,
}

#[derive(Debug)]
struct Travelling<T> {
    arrives: Instant,
    number: u64,
    packet: T,
}

impl<T> PartialEq for Travelling<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Travelling<T> {}

impl<T> PartialOrd for Travelling<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Travelling<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.arrives, self.number).cmp(&(other.arrives, other.number))
    }
}

impl<T: Clone> Link<T> {
    /// A perfect link; chance, once there is any, follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            profile: Profile::default(),
            rng: StdRng::seed_from_u64(seed),
            loss: LossState::default(),
            free_at: None,
            last_arrival: None,
            travelling: BinaryHeap::new(),
            number: 0,
            counts: Counts::default(),
        }
    }

    /// From now on the link is so. What travels already arrives as it would have.
    pub fn set(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// What became of packets so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// A packet of `bytes` payload bytes enters the link.
    pub fn send(&mut self, now: Instant, bytes: usize, packet: T) {
        self.counts.packets += 1;
        self.counts.bytes += bytes as u64;
        let profile = self.profile;
        if profile.blackout || self.loss.next(profile.loss, &mut self.rng) {
            self.counts.lost += 1;
            return;
        }
        let Some(leaves) = self.through_limit(now, bytes) else {
            self.counts.overflowed += 1;
            return;
        };
        if profile.duplicate > 0.0 && self.rng.random_bool(profile.duplicate.clamp(0.0, 1.0)) {
            self.travel(leaves, packet.clone());
        }
        self.travel(leaves, packet);
    }

    /// When a packet has passed the bandwidth limit; `None` when its queue is full.
    fn through_limit(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        if self.profile.rate_bps == 0 {
            self.free_at = None;
            return Some(now);
        }
        let begins = self.free_at.map_or(now, |free| free.max(now));
        if begins.duration_since(now) > self.profile.queue {
            return None;
        }
        let bits = (bytes + HEADERS) as f64 * 8.0;
        let done = begins + Duration::from_secs_f64(bits / self.profile.rate_bps as f64);
        self.free_at = Some(done);
        Some(done)
    }

    fn travel(&mut self, leaves: Instant, packet: T) {
        let Profile { delay, jitter, reorder, .. } = self.profile;
        let mut takes = delay;
        if !jitter.is_zero() {
            takes = (delay + jitter.mul_f64(self.rng.random_range(0.0..=2.0))).saturating_sub(jitter);
        }
        let mut arrives = leaves + takes;
        if reorder > 0.0 && self.rng.random_bool(reorder.clamp(0.0, 1.0)) {
            // Later than those behind it, which do not wait for it.
            arrives += jitter.max(LEAP);
        } else {
            arrives = self.last_arrival.map_or(arrives, |last| last.max(arrives));
            self.last_arrival = Some(arrives);
        }
        self.number += 1;
        self.travelling.push(Reverse(Travelling { arrives, number: self.number, packet }));
    }

    /// When the next packet arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.travelling.peek().map(|Reverse(t)| t.arrives)
    }

    /// A packet that has arrived by now; `None` when there is no more.
    pub fn receive(&mut self, now: Instant) -> Option<T> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse(travelling) = self.travelling.pop()?;
        self.counts.delivered += 1;
        Some(travelling.packet)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends `count` packets of 1 172 bytes (1 200 with headers), one each `every`; gives for each arrival when it came
    /// after the start, which packet it was, and how long it travelled, in ms.
    fn run(link: &mut Link<u32>, start: Instant, count: u32, every: Duration) -> Vec<(f64, u32, f64)> {
        let mut got = Vec::new();
        let mut take = |link: &mut Link<u32>, until: Instant| {
            while let Some(at) = link.next_arrival().filter(|at| *at <= until) {
                let n = link.receive(at).unwrap();
                let ms = |d: Duration| d.as_secs_f64() * 1000.0;
                got.push((ms(at - start), n, ms(at - (start + every * n))));
            }
        };
        for n in 0..count {
            let now = start + every * n;
            take(link, now);
            link.send(now, 1_172, n);
        }
        take(link, start + every * count + Duration::from_secs(60));
        got
    }

    fn with(profile: &str) -> Link<u32> {
        let mut link = Link::new(3);
        link.set(profile.parse().unwrap());
        link
    }

    #[test]
    fn a_perfect_link_hands_on_at_once_and_in_order() {
        let got = run(&mut Link::new(1), Instant::now(), 100, MS);
        assert_eq!(got.len(), 100);
        assert!(got.iter().enumerate().all(|(i, &(at, n, took))| n == i as u32 && at == f64::from(n) && took == 0.0));
    }

    #[test]
    fn the_share_lost_is_the_one_asked_for() {
        let mut link = with("loss=0.1");
        let got = run(&mut link, Instant::now(), 20_000, MS);
        let share = 1.0 - got.len() as f64 / 20_000.0;
        assert!((share - 0.1).abs() < 0.01, "{share}");
        assert_eq!(link.counts().lost + link.counts().delivered, 20_000);
    }

    #[test]
    fn delay_and_jitter_are_those_asked_for_and_order_is_kept() {
        let got = run(&mut with("delay=50 jitter=20"), Instant::now(), 5_000, 10 * MS);
        let mean = got.iter().map(|g| g.2).sum::<f64>() / 5_000.0;
        assert!(got.iter().all(|g| g.2 >= 30.0 - 0.01), "none is quicker than delay less jitter");
        assert!((50.0..60.0).contains(&mean), "keeping the order adds a little: {mean}");
        assert!(got.windows(2).all(|w| w[0].1 < w[1].1));
    }

    #[test]
    fn jitter_is_never_negative_time() {
        let got = run(&mut with("delay=5 jitter=50"), Instant::now(), 1_000, 10 * MS);
        assert!(got.iter().all(|g| g.2 >= 0.0));
    }

    #[test]
    fn a_limit_lets_exactly_its_rate_through() {
        let start = Instant::now();
        // 1 200 bytes each ms are 9.6 Mbit/s.
        let mut link = with("rate=3000000 queue=100");
        let got = run(&mut link, start, 10_000, MS);
        let bits: f64 = got.iter().filter(|g| g.0 <= 10_000.0).map(|_| 9_600.0).sum();
        assert!((bits / 10.0 / 3e6 - 1.0).abs() < 0.01, "{bits}");
        let longest = got.iter().map(|g| g.2).fold(0.0, f64::max);
        assert!((100.0..=104.0).contains(&longest), "no packet waits longer than the queue allows: {longest}");
        assert_eq!(link.counts().overflowed + link.counts().delivered, 10_000);
    }

    #[test]
    fn below_the_limit_a_packet_takes_only_its_own_time() {
        let got = run(&mut with("rate=9600000"), Instant::now(), 100, 10 * MS);
        assert!(got.iter().all(|g| (g.2 - 1.0).abs() < 0.001), "1 200 bytes at 9.6 Mbit/s: 1 ms");
    }

    #[test]
    fn a_limit_can_be_changed_while_it_runs() {
        let start = Instant::now();
        let mut link = with("rate=3000000");
        let first = run(&mut link, start, 1_000, 10 * MS).len();
        link.set("rate=300000 queue=200".parse().unwrap());
        let later = run(&mut link, start + Duration::from_secs(100), 1_000, 10 * MS);
        assert_eq!(first, 1_000, "0.96 Mbit/s fits");
        let in_time = later.iter().filter(|g| g.0 <= 10_000.0).count();
        assert!((305..=330).contains(&in_time), "{in_time} of 312.5 and a queue");
    }

    #[test]
    fn a_black_out_lets_nothing_through_and_ends() {
        let start = Instant::now();
        let mut link = with("blackout");
        assert!(run(&mut link, start, 100, MS).is_empty());
        link.set(Profile::default());
        assert_eq!(run(&mut link, start + Duration::from_secs(9), 100, MS).len(), 100);
    }

    #[test]
    fn some_arrive_twice_and_some_out_of_order() {
        let mut link = with("duplicate=0.05");
        let got = run(&mut link, Instant::now(), 10_000, MS).len();
        assert!((10_400..10_600).contains(&got), "{got}");
        let got = run(&mut with("delay=20 reorder=0.02"), Instant::now(), 10_000, MS);
        let late = got.windows(2).filter(|w| w[0].1 > w[1].1).count();
        assert!((150..250).contains(&late), "{late} of 200");
    }

    #[test]
    fn the_same_seed_gives_the_same_network() {
        let at = Instant::now();
        let one = run(&mut with("loss=0.2 jitter=9 delay=20"), at, 500, MS);
        assert_eq!(one, run(&mut with("loss=0.2 jitter=9 delay=20"), at, 500, MS));
    }
}
