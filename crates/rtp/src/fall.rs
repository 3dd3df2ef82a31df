//! A road that suddenly carries far less: known by the queue that builds up before it.
//!
//! An estimator that looks at how delays grow from packet to packet, and averages what arrives, needs a second for that. But where the
//! round trip grows nearly as fast as time goes by, what is sent hardly passes any more: between two looks as much of it came
//! through as was sent between the two times that the round trips point at.
//!
//! A road that only becomes longer, by a tenth of a second or so, looks the same for as long as its last news are on their way. But such a
//! road is longer back, too: nothing at all is heard for that time, while a queue on the way there leaves the way back alone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is sent is counted in pieces of this time …
const PIECE: Duration = Duration::from_millis(5);
/// … for so long: longer than any queue that is of use, with what went before it.
const KEPT: Duration = Duration::from_secs(3);
/// A queue is known for one when it has been growing this long …
const LEAST_SPAN: Duration = Duration::from_millis(180);
/// … and by this much.
const LEAST_GROWTH: Duration = Duration::from_millis(100);
/// After that it stands for as long as the round trip is longer by this than before it.
const QUEUED: Duration = Duration::from_millis(50);
/// Looks further back than this say nothing.
const LONGEST_SPAN: Duration = Duration::from_millis(400);
/// It grows by at least this share (in percent) of the time that goes by, at every look but one: the first packets of a picture wait for
/// less long than the last of the one before, and which of them is seen is chance.
const LEAST_SLOPE_PERCENT: u32 = 40;
/// No queue grows by more than the time that goes by, but reports of what arrived come at intervals. What
/// grows faster is another road, or one that stood still.
const REPORTS: Duration = Duration::from_millis(45);
/// It is a fall when no more than this share (in percent) of what is sent passes.
const FALLEN_PERCENT: u64 = 50;
/// A road that never carried more has not fallen: the first large picture on a slow one makes the same queue. So it is one only when
/// no more than that share passes of what was carried in this time …
const BEFORE: Duration = Duration::from_millis(500);
/// … before the picture that may still have been on its way: what was reported last was sent up to two reports earlier than a look says.
const UNSURE: Duration = Duration::from_millis(90);
/// It is not taken for one to less than this part of what is sent: reports that come at intervals make the measure a rough one.
const MOST_FALL: u64 = 6;
/// Only this share (in percent) of what seems to be left is counted on …
const COUNTED_PERCENT: u64 = 70;
/// … until the estimator knows of the fall: it gives no more than this share (in percent) of what is counted on …
const KNOWN_PERCENT: u64 = 150;
/// … or for so long.
const BELIEVED: Duration = Duration::from_secs(3);
/// The queue before a network that fell is full, and a key frame that finds it so loses its end. After this long there is room for it;
/// it arrives no later, as what is in the queue goes first. (From the server to a viewer, a link that falls from 3 Mbit/s to 300 kbit/s,
/// queue of 300 ms, time without a picture at once, after 60, 100, 150 and 200 ms: 549, 306, 306, 317, 322 ms. From a client to the
/// server: 526, 469, 448, 438, 439 ms on average.)
pub const ROOM_AFTER: Duration = Duration::from_millis(100);
/// What is sent in this time has not been heard of yet.
const MOMENT: Duration = Duration::from_millis(200);
/// An estimate follows a fall within this time.
const FOLLOWED: Duration = Duration::from_secs(10);
/// A silence that is longer by this than any in the time before ([`KEPT`]) is that of a road that became longer.
const SILENCE: Duration = Duration::from_millis(60);
/// Shorter pauses between two packets are not kept: there are many.
const SHORT_PAUSE: Duration = Duration::from_millis(10);
/// After a fall was seen there is no other for this long: what stands in the queue then was sent before.
const PAUSE: Duration = Duration::from_secs(1);

/// Watches one road.
#[derive(Clone, Debug, Default)]
pub struct Fall {
    /// When a piece began, and all bytes sent before it.
    sent: VecDeque<(Instant, u64)>,
    total: u64,
    /// When a packet came last.
    heard: Option<Instant>,
    /// Pauses between packets that came, with their end.
    pauses: VecDeque<(Instant, Duration)>,
    looks: VecDeque<Look>,
    /// What is counted on after a fall the estimator does not know of, in bit/s.
    left: Option<u64>,
    /// The last fall.
    last: Option<Seen>,
}

/// A fall that was seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    /// The look before its queue grew …
    queued: Look,
    /// … and what had been sent of what was known then to have arrived, bytes.
    arrived: u64,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    round_trip: Duration,
}

impl Fall {
    /// A datagram of this size left.
    pub fn sent(&mut self, now: Instant, bytes: usize) {
        if self.sent.back().is_none_or(|(at, _)| now.saturating_duration_since(*at) >= PIECE) {
            self.sent.push_back((now, self.total));
            while self.sent.len() > 1
                && self.sent.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > KEPT)
            {
                self.sent.pop_front();
            }
        }
        self.total += bytes as u64;
    }

    /// A datagram came. Who never says so has each road that becomes longer looked at by its round trip alone.
    pub fn heard(&mut self, now: Instant) {
        let pause = self.heard.replace(now).map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if pause < SHORT_PAUSE {
            return;
        }
        self.pauses.push_back((now, pause));
        while self.pauses.front().is_some_and(|(end, _)| now.saturating_duration_since(*end) > KEPT) {
            self.pauses.pop_front();
        }
    }

    /// Whether it was silent for longer since then than ever before.
    fn silent_since(&self, begin: Instant) -> bool {
        let (mut before, mut since) = (None::<Duration>, Duration::ZERO);
        for &(end, pause) in &self.pauses {
            match end <= begin {
                true => before = before.max(Some(pause)),
                false => since = since.max(pause),
            }
        }
        before.is_some_and(|before| since >= before + SILENCE)
    }

    /// The round trip of the last packet that was reported; to be told some ten times a second. Whether the road was seen to fall to
    /// a part of what is sent; then [`limit`](Self::limit) knows what is left.
    pub fn look(&mut self, now: Instant, round_trip: Duration) -> bool {
        let Some((seen, left)) = self.fallen(now, round_trip) else { return false };
        (self.left, self.last) = (Some(left * COUNTED_PERCENT / 100), Some(seen));
        true
    }

    /// Looks again at what is left after a fall the estimator does not know of. The first measure is a careful one, and may be off by a whole
    /// picture in two tenths of a second; while the queue stands, all the road carries goes on being used, and each look knows it better.
    ///
    /// For who sends layers of fixed sizes, where too little means no picture at all. A coder follows any rate, and its pictures are better
    /// smaller for a moment than late: with this a client's stood still for 0.55 s instead of 0.45 (`sim_tests::fall` of `beckon-rtc`).
    pub fn look_again(&mut self, now: Instant, round_trip: Duration) {
        if self.left.is_some()
            && let Some(left) = self.passed_since(now, round_trip)
        {
            self.left = Some(left * COUNTED_PERCENT / 100);
        }
    }

    /// What is to be counted on, in bit/s, where an estimator says `estimate`.
    pub fn limit(&mut self, now: Instant, estimate: u64) -> u64 {
        let old = self.last.is_none_or(|seen| now.saturating_duration_since(seen.at) > BELIEVED);
        self.left = self.left.filter(|left| !old && estimate * 100 > left * KNOWN_PERCENT);
        self.left.map_or(estimate, |left| left.min(estimate))
    }

    /// What was sent in a second, bit/s, but for the last moment: pictures that begin just now are not counted.
    pub fn sent_lately(&self, now: Instant) -> u64 {
        let from = self.sent.front().map_or(0, |(_, before)| *before);
        let until = |ago| now.checked_sub(ago).and_then(|at| self.by(at)).unwrap_or(from);
        (until(MOMENT) - until(MOMENT + Duration::from_secs(1))) * 8
    }

    /// Whether the road was seen to fall so lately that its estimate may follow only now.
    pub fn fell_lately(&self, now: Instant) -> bool {
        self.last.is_some_and(|seen| now.saturating_duration_since(seen.at) < FOLLOWED)
    }

    /// What has passed since the last fall, in bit/s, while its queue stands.
    fn passed_since(&self, now: Instant, round_trip: Duration) -> Option<u64> {
        let Seen { queued, arrived, .. } = self.last?;
        let by_now = self.by(now.checked_sub(round_trip)?)?;
        let stands = round_trip >= queued.round_trip + QUEUED && by_now < self.total;
        stands.then(|| bits_per_second(by_now.saturating_sub(arrived), now.saturating_duration_since(queued.at)))
    }

    /// A fall, if what passes fell to a part of what is sent, and what passes, in bit/s.
    fn fallen(&mut self, now: Instant, round_trip: Duration) -> Option<(Seen, u64)> {
        let newest = Look { at: now, round_trip };
        let mut before = self.looks.iter().rev();
        let (last, one_before) = (before.next(), before.next());
        let grows = last.is_some_and(|last| last.grows_into(newest));
        let pauses = last.is_some_and(|last| newest.round_trip >= last.round_trip)
            && one_before.is_some_and(|look| look.grows_into(newest));
        if !grows && !pauses {
            self.looks.clear();
        }
        self.looks.push_back(newest);
        while self.looks.front().is_some_and(|l| now.saturating_duration_since(l.at) > LONGEST_SPAN) {
            self.looks.pop_front();
        }
        let oldest = *self.looks.front()?;
        let span = now.saturating_duration_since(oldest.at);
        let growth = round_trip.saturating_sub(oldest.round_trip);
        let just_fell = self.last.is_some_and(|seen| now.saturating_duration_since(seen.at) < PAUSE);
        // By a look at which nothing grew nothing is decided: a road that has become longer is like that.
        if just_fell || !grows || span < LEAST_SPAN || growth < LEAST_GROWTH {
            return None;
        }
        let reported = oldest.at.checked_sub(oldest.round_trip)?;
        if self.silent_since(reported) {
            return None;
        }
        let arrived = self.by(reported)?;
        let passed = self.by(now.checked_sub(round_trip)?)?.saturating_sub(arrived);
        let sent = self.total.saturating_sub(self.by(oldest.at)?);
        let unsure = reported.checked_sub(UNSURE)?;
        // Before the first there was nothing.
        let until = |at| self.by(at).unwrap_or(0);
        let carried = until(unsure).saturating_sub(until(unsure.checked_sub(BEFORE)?)) * span.as_millis() as u64
            / BEFORE.as_millis() as u64;
        // What passed is known to a piece: half of one too much, as a queue that goes on growing is worse than a smaller picture.
        let surely = passed.saturating_sub(self.largest(reported, now) / 2);
        ((passed + self.largest(unsure, reported)) * 100 < sent.min(carried) * FALLEN_PERCENT)
            .then(|| (Seen { at: now, queued: oldest, arrived }, bits_per_second(surely.max(sent / MOST_FALL), span)))
    }

    /// Bytes of the largest piece that began between these times.
    fn largest(&self, from: Instant, to: Instant) -> u64 {
        let [first, end] = [from, to].map(|at| self.sent.partition_point(|(begun, _)| *begun <= at));
        let before = |n: usize| self.sent.get(n).map_or(self.total, |(_, before)| *before);
        (first..end).map(|n| before(n + 1) - before(n)).max().unwrap_or(0)
    }

    /// Bytes sent by then; `None` when that is not known any more.
    fn by(&self, at: Instant) -> Option<u64> {
        let next = self.sent.partition_point(|(begun, _)| *begun <= at);
        self.sent.front().filter(|(first, _)| *first <= at)?;
        Some(self.sent.get(next).map_or(self.total, |(_, before)| *before))
    }
}

fn bits_per_second(bytes: u64, span: Duration) -> u64 {
    bytes * 8 * 1_000 / (span.as_millis() as u64).max(1)
}

impl Look {
    /// Whether a queue that grows explains what is seen next.
    fn grows_into(self, next: Look) -> bool {
        let span = next.at.saturating_duration_since(self.at);
        let growth = next.round_trip.saturating_sub(self.round_trip);
        growth >= span * LEAST_SLOPE_PERCENT / 100 && growth <= span + REPORTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// What an estimator says that knows of nothing, bit/s.
    const ALL: u64 = 100_000_000;
    /// The largest packet, bytes.
    const PACKET: u32 = 1_150;

    /// What is seen of a road that carries what `rate` says (in bytes per ms, at each ms), and takes `there` and `back` besides, in ms,
    /// where `send` says how much leaves at each ms: when a fall is seen, in ms, and what the road is said to carry then.
    fn falls(
        rate: impl Fn(u32) -> u32,
        send: impl Fn(u32) -> u32,
        there: impl Fn(u32) -> u32,
        back: impl Fn(u32) -> u32,
    ) -> Vec<(u32, u64)> {
        let seen = looks(rate, send, there, back).into_iter().filter(|look| look.fell);
        seen.map(|look| (look.at, look.counted_on)).collect()
    }

    struct Looked {
        at: u32,
        fell: bool,
        counted_on: u64,
    }

    /// The same, and what is counted on at each look.
    fn looks(
        rate: impl Fn(u32) -> u32,
        send: impl Fn(u32) -> u32,
        there: impl Fn(u32) -> u32,
        back: impl Fn(u32) -> u32,
    ) -> Vec<Looked> {
        let begin = Instant::now();
        let mut fall = Fall::default();
        let mut seen = Vec::new();
        // What waits, with the time it was sent at; when it arrives; and when it is reported, the last of it.
        let (mut queue, mut arrivals, mut reports) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        let (mut room, mut last) = (0, None);
        for ms in 0..6_000 {
            let now = begin + MS * ms;
            let mut left = send(ms);
            while left > 0 {
                let packet = left.min(PACKET);
                fall.sent(now, packet as usize);
                queue.push_back((ms, packet));
                left -= packet;
            }
            room += rate(ms);
            while let Some((sent, bytes)) = queue.front().copied().filter(|(_, bytes)| *bytes <= room) {
                room -= bytes;
                queue.pop_front();
                arrivals.push_back((ms + there(ms), sent));
            }
            if queue.is_empty() {
                room = 0;
            }
            // Reports leave every 50 ms, of what is new.
            if ms % 50 == 0 {
                let new = arrivals.partition_point(|(at, _)| *at <= ms);
                reports.extend(arrivals.drain(..new).next_back().map(|(_, sent)| (ms + back(ms), sent)));
            }
            while let Some((_, sent)) = reports.front().copied().filter(|(at, _)| *at <= ms) {
                reports.pop_front();
                fall.heard(now);
                last = Some(ms - sent);
            }
            if ms % 100 == 7
                && let Some(round_trip) = last
            {
                let fell = fall.look(now, MS * round_trip);
                if !fell {
                    fall.look_again(now, MS * round_trip);
                }
                seen.push(Looked { at: ms, fell, counted_on: fall.limit(now, ALL) });
            }
        }
        seen
    }

    /// Pictures of 1.6 Mbit/s, one each 33 ms, and some sound.
    fn call(ms: u32) -> u32 {
        if ms.is_multiple_of(33) {
            6_600
        } else if ms.is_multiple_of(20) {
            100
        } else {
            0
        }
    }

    #[test]
    fn a_road_that_falls_to_a_tenth_is_seen_within_four_tenths_of_a_second() {
        for fell in 3_000..3_100 {
            // In packets: what is queued as one here leaves as one.
            let packets = |ms: u32| if ms.is_multiple_of(5) { 1_000 } else { 0 };
            let seen = falls(|ms| if ms < fell { 375 } else { 38 }, packets, |_| 100, |_| 0);
            let &(at, bps) = seen.first().unwrap_or_else(|| panic!("not seen, fell at {fell}"));
            assert!(at > fell && at <= fell + 400, "fell at {fell}: {seen:?}");
            assert!((150_000..450_000).contains(&bps), "{seen:?}");
        }
    }

    #[test]
    fn what_is_left_is_counted_on_until_the_estimator_knows() {
        let now = Instant::now();
        let queued = Look { at: now, round_trip: MS * 20 };
        let seen = Seen { at: now, queued, arrived: 0 };
        let mut fall = Fall { left: Some(300_000), last: Some(seen), ..Fall::default() };
        assert_eq!(fall.limit(now + MS * 500, 2_000_000), 300_000);
        assert_eq!(fall.limit(now + MS * 900, 250_000), 250_000, "it knows");
        assert_eq!(fall.limit(now + MS * 950, 2_000_000), 2_000_000, "and has found more since");
        fall.left = Some(300_000);
        assert_eq!(fall.limit(now + MS * 3_100, 2_000_000), 2_000_000, "it was no fall");
    }

    #[test]
    fn a_road_that_carries_all_says_nothing() {
        assert_eq!(falls(|_| 375, call, |_| 100, |_| 0), []);
    }

    #[test]
    fn a_longer_road_is_no_fall() {
        for (longer, after) in [(80, 0), (120, 17), (200, 50), (200, 83), (300, 0), (600, 50)] {
            let delay = |ms| if ms < 3_000 + after { 40 } else { longer };
            assert_eq!(falls(|_| 375, call, delay, |_| 0), [], "{longer} ms, {after}");
        }
    }

    #[test]
    fn a_road_that_is_longer_both_ways_is_no_fall() {
        for (longer, after) in
            [80, 90, 100, 120, 150, 200, 300].into_iter().flat_map(|ms| (0..100).map(move |n| (ms, n)))
        {
            let delay = |ms| if ms < 3_000 + after { 20 } else { longer };
            assert_eq!(falls(|_| 375, call, delay, delay), [], "{longer} ms, {after}");
        }
    }

    #[test]
    fn a_large_picture_that_fills_the_road_for_a_moment_is_no_fall() {
        assert_eq!(falls(|_| 150, |ms| if ms == 3_000 { 40_000 } else { call(ms) / 2 }, |_| 100, |_| 0), []);
    }

    /// A screen's small layer, five pictures a second of 150 kbit/s, from `begun` on; a key frame first.
    fn screen(begun: u32, ms: u32) -> u32 {
        match ms.checked_sub(begun) {
            Some(0) => 12_000,
            Some(age) if age.is_multiple_of(200) => 3_750,
            _ => 0,
        }
    }

    #[test]
    fn a_slow_road_that_begins_with_a_large_picture_has_not_fallen() {
        // Sound, or checks of the road, may go before.
        for sound in [0, 40, 160] {
            for rate in [22, 25, 30, 38, 50, 75] {
                for (begun, delay) in (3_000..3_100).flat_map(|begun| [(begun, 5), (begun, 60), (begun, 150)]) {
                    let send = |ms: u32| if ms.is_multiple_of(20) { sound } else { 0 } + screen(begun, ms);
                    let seen = falls(|_| rate, send, |_| delay, |_| 0);
                    assert_eq!(seen, [], "{rate} bytes a ms, sound {sound}, {begun}, {delay} ms");
                }
            }
        }
    }

    #[test]
    fn a_road_of_whole_pictures_that_falls_to_a_tenth_is_seen_too() {
        for fell in 3_000..3_100 {
            let seen = falls(|ms| if ms < fell { 375 } else { 38 }, call, |_| 100, |_| 0);
            let &(at, bps) = seen.first().unwrap_or_else(|| panic!("not seen, fell at {fell}"));
            assert!(at > fell && at <= fell + 500, "fell at {fell}: {seen:?}");
            assert!((150_000..500_000).contains(&bps), "{seen:?}");
        }
    }

    #[test]
    fn what_is_left_is_known_better_while_the_queue_stands() {
        // Fifteen large pictures a second, of 650 kbit/s.
        let sound = |ms: u32| u32::from(ms.is_multiple_of(20)) * 100;
        let call = |ms: u32| u32::from(ms.is_multiple_of(66)) * 5_400 + sound(ms);
        let mut known = Vec::new();
        for fell in 3_000..3_066 {
            // Nothing but sound any more once it is seen.
            let seen_at = |seen: u32| {
                looks(
                    |ms| if ms < fell { 375 } else { 38 },
                    |ms| if ms < seen { call(ms) } else { sound(ms) },
                    |_| 20,
                    |_| 0,
                )
            };
            let Some(seen) = seen_at(u32::MAX).into_iter().find(|look| look.fell) else { continue };
            let later = seen_at(seen.at).into_iter().find(|look| look.at > seen.at + 250);
            known.extend(later.map(|later| (seen.counted_on, later.counted_on)));
        }
        assert!(known.len() > 20, "{known:?}");
        // 300 kbit/s, less what is not counted on.
        for (first, later) in known {
            assert!((60_000..320_000).contains(&first), "{first}");
            assert!((150_000..230_000).contains(&later), "{first}, then {later}");
        }
    }

    #[test]
    fn a_road_that_stands_still_is_no_fall() {
        assert_eq!(falls(|ms| if (3_000..3_400).contains(&ms) { 0 } else { 2_000 }, call, |_| 60, |_| 0), []);
    }
}
