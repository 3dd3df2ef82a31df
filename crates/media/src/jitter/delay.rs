use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::MediaTime;

/// Packets are compared with the fastest one of this long a time.
const WINDOW: Duration = Duration::from_secs(2);
const BUCKET_NS: i64 = 5_000_000;
const BUCKETS: usize = 200;
/// The part of packets that shall be in time.
const QUANTILE: f32 = 0.97;
/// How fast old packets are forgotten: at 50 packets a second half is gone after seven seconds.
const FORGET: f32 = 0.998;
/// From this bucket on, 80 ms, a network is so unsteady that a little more of a wait counts for little, and a gap for much. Then
/// those few packets are waited for too that are later than the rest by no more than this part of its wait, …
const WIDE: usize = 16;
const REACH: f32 = 0.1;
/// … there is room for what a sound card that asks for 10 ms at a time, and a wait a little short of its target, take from it, …
const MARGIN_NS: i64 = 6_000_000;
/// … and while few packets were seen, the network is taken to be more unsteady than they were: of `n` that are late by anything up to
/// a limit, the latest and the earliest lie apart by some 2 / `n` less than that.
const UNSEEN: f32 = 2.0;
/// What made packets late once, a queue that was full, is over when none was half as late for this long …
const ONCE: Duration = Duration::from_secs(1);
/// … and what goes on, or did so before, when none was so late for this long.
const AGAIN: Duration = Duration::from_secs(4);
/// What was late within this long a time …
const MEMORY: Duration = Duration::from_secs(10);
/// … looked at in spans of this length.
const SPAN: Duration = Duration::from_millis(500);
/// Added to what the network needs: the sound card's and the scheduler's own unsteadiness.
const SLACK_NS: i64 = 10_000_000;
/// On a network without any unsteadiness: within 5 ms of it all packets look alike, and sound that is to be played slower
/// for a drifting clock must be there to be stretched.
pub(super) const LEAST_NS: i64 = 20_000_000;

/// Learns from arrivals how long sound must wait so that nearly all packets are there when their turn comes.
///
/// *Transit* is the time of arrival minus the media time of a packet: its value means nothing, but the differences between
/// packets are the network's unsteadiness.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    /// Ascending transits of the window: the first is its least.
    least: VecDeque<(MediaTime, i64)>,
    histogram: [f32; BUCKETS],
    seen: u32,
    /// The latest packet's bucket in each span of the memory, with the span's beginning.
    latest: VecDeque<(MediaTime, usize)>,
}

impl DelayEstimator {
    pub(super) fn new() -> Self {
        Self { least: VecDeque::new(), histogram: [0.0; BUCKETS], seen: 0, latest: VecDeque::new() }
    }

    /// Forgets what the base of comparison was, for example when the sender started anew; keeps what is known of the unsteadiness.
    pub(super) fn rebase(&mut self) {
        self.least.clear();
    }

    /// Takes notice of a packet.
    pub(super) fn observe(&mut self, received: MediaTime, transit_ns: i64) {
        let before = self.base_ns();
        while self.least.back().is_some_and(|(_, t)| *t >= transit_ns) {
            self.least.pop_back();
        }
        self.least.push_back((received, transit_ns));
        while self.least.len() > 1 && self.least.front().is_some_and(|(at, _)| received.saturating_since(*at) > WINDOW)
        {
            self.least.pop_front();
        }
        if let (Some(before), Some(base)) = (before, self.base_ns())
            && let Ok(slower @ 1..) = usize::try_from((base - before) / BUCKET_NS)
        {
            self.slower(slower);
        }
        let late = transit_ns - self.base_ns().unwrap_or(transit_ns);
        let bucket = usize::try_from(late / BUCKET_NS).unwrap_or(0).min(BUCKETS - 1);
        self.remember(received, bucket);
        self.seen = self.seen.saturating_add(1);
        // The first packets weigh as in a plain average.
        let keep = (1.0 - 1.0 / self.seen as f32).min(FORGET);
        for part in &mut self.histogram {
            *part *= keep;
        }
        self.histogram[bucket] += 1.0 - keep;
    }

    fn remember(&mut self, received: MediaTime, bucket: usize) {
        match self.latest.back_mut() {
            Some((begun, latest)) if received.saturating_since(*begun) < SPAN => *latest = bucket.max(*latest),
            _ => self.latest.push_back((received, bucket)),
        }
        while self.latest.front().is_some_and(|(begun, _)| received.saturating_since(*begun) > MEMORY) {
            self.latest.pop_front();
        }
    }

    /// The way itself became longer by so many buckets: what seemed late since then was not.
    fn slower(&mut self, buckets: usize) {
        let in_time: f32 = self.histogram[..=buckets.min(BUCKETS - 1)].iter().sum();
        self.histogram.copy_within(buckets.min(BUCKETS).., 0);
        self.histogram[BUCKETS.saturating_sub(buckets)..].fill(0.0);
        self.histogram[0] = in_time;
        for (_, latest) in &mut self.latest {
            *latest = latest.saturating_sub(buckets);
        }
    }

    /// How late packets may be again: as late as they were while that lasts, or comes and goes.
    fn expected(&self) -> usize {
        let Some((now, _)) = self.latest.back() else { return 0 };
        let within = |span| self.latest.iter().rev().take_while(move |(begun, _)| now.saturating_since(*begun) < span);
        let of_late = within(ONCE).map(|(_, latest)| *latest).max().unwrap_or(0);
        let may_be = |latest: &usize| latest / 2 <= of_late || self.comes_again(*latest);
        within(AGAIN).map(|(_, latest)| *latest).filter(may_be).max().unwrap_or(0)
    }

    /// Whether packets were so late more than once, with a span between in which they were not half as late.
    fn comes_again(&self, bucket: usize) -> bool {
        let (mut times, mut over) = (0, true);
        for (_, latest) in &self.latest {
            if over && *latest >= bucket {
                (times, over) = (times + 1, false);
            } else if *latest < bucket / 2 {
                over = true;
            }
        }
        times > 1
    }

    /// Transit of the fastest packet of late.
    pub(super) fn base_ns(&self) -> Option<i64> {
        self.least.front().map(|(_, transit)| *transit)
    }

    /// How long sound should wait.
    pub(super) fn target_ns(&self) -> i64 {
        let mut sum = 0.0;
        let bucket = self.histogram.iter().position(|part| {
            sum += part;
            sum >= QUANTILE
        });
        let latest = self.expected();
        let needed = match bucket.map(|bucket| bucket.min(latest)) {
            // The first bucket is as good as no unsteadiness at all.
            Some(0) | None => 0,
            Some(bucket) if bucket < WIDE => (bucket as i64 + 1) * BUCKET_NS,
            Some(bucket) => self.for_nearly_all(bucket, latest),
        };
        (needed + SLACK_NS).max(LEAST_NS)
    }

    /// What a very unsteady network needs, where nearly all packets are late by up to `bucket` and the others by up to `latest`.
    fn for_nearly_all(&self, bucket: usize, latest: usize) -> i64 {
        let near = bucket + (bucket as f32 * REACH) as usize;
        let bucket = if latest <= near { latest } else { bucket };
        let seen = ((bucket as i64 + 1) * BUCKET_NS) as f32;
        (seen * (1.0 + UNSEEN / self.seen as f32)) as i64 + MARGIN_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Packets every 20 ms, from one time to another, which are so late.
    fn packets(estimator: &mut DelayEstimator, from_ms: i64, to_ms: i64, late_ms: impl Fn(i64) -> i64) {
        for t in (from_ms..to_ms).step_by(20) {
            estimator.observe(MediaTime::from_millis(t + late_ms(t)), late_ms(t) * MS);
        }
    }

    #[test]
    fn what_made_sound_late_once_is_forgotten_soon() {
        let mut estimator = DelayEstimator::new();
        packets(&mut estimator, 0, 10_000, |_| 0);
        // A queue fills, is full, and drains.
        packets(&mut estimator, 10_000, 11_500, |t| (t - 10_000).min(200).min(11_500 - t));
        assert!(estimator.target_ns() > 200 * MS);
        packets(&mut estimator, 11_500, 12_000, |_| 0);
        assert!(estimator.target_ns() > 200 * MS, "it may go on");
        packets(&mut estimator, 12_000, 13_000, |_| 0);
        assert_eq!(estimator.target_ns(), LEAST_NS);
    }

    #[test]
    fn the_first_packets_of_an_unsteady_network_are_not_taken_for_all_it_can_do() {
        let mut estimator = DelayEstimator::new();
        packets(&mut estimator, 0, 80, |t| t * 2);
        // Four packets, 120 ms apart.
        assert!(estimator.target_ns() > 180 * MS, "{}", estimator.target_ns());
        let mut estimator = DelayEstimator::new();
        packets(&mut estimator, 0, 80, |t| t / 10);
        assert_eq!(estimator.target_ns(), LEAST_NS, "nor are those of a steady one taken for less than that");
    }

    #[test]
    fn unsteadiness_is_kept_while_it_lasts() {
        let mut estimator = DelayEstimator::new();
        packets(&mut estimator, 0, 10_000, |_| 0);
        for n in 0..20 {
            packets(&mut estimator, 10_000 + n * 500, 10_500 + n * 500, |t| t * 7 % 200);
            assert!(n < 2 || estimator.target_ns() > 150 * MS, "{n}: {}", estimator.target_ns());
        }
    }

    #[test]
    fn what_makes_sound_late_time_and_again_is_not() {
        let mut estimator = DelayEstimator::new();
        for n in 0..10 {
            packets(&mut estimator, n * 3_000, n * 3_000 + 200, |_| 80);
            packets(&mut estimator, n * 3_000 + 200, n * 3_000 + 3_000, |_| 0);
            assert!(n < 3 || estimator.target_ns() > 80 * MS, "{n}: {}", estimator.target_ns());
        }
    }
}
