//! Lips and voice: when to show each picture of a remote participant so that it goes with the sound.
//!
//! Sound sets the pace, for a stretched voice is heard and a picture shown 20 ms later is not seen. A picture is held until
//! [`LEAD`] before the sound captured with it plays; when pictures are the slower ones, [`Playout::sound_should_wait_ns`] says how much
//! longer sound should wait. Pure: times come in with each call.
//!
//! Why ahead of the sound: what is far away is seen before it is heard, and nobody minds (ITU-R BT.1359: sound that comes 45 ms early
//! or 125 ms late is noticed). Sound is on its way longer than pictures are (packets of 20 ms, jitter buffer, sound card), so that each
//! millisecond of lead is one of delay less. Where sound waits for late or lost packets, pictures are ahead of it by up to
//! [`MOST_LEAD`]: on such a network it is delay that hurts.
//!
//! Times of capture are on the sender's clock, as its RTCP sender reports tell ([`RtpMap`]). It need not agree with ours:
//! only what pictures and sound of one sender say about each other counts.

use std::time::Duration;

use crate::clock::MediaTime;

/// A picture is never held longer than this: sooner is the sender's clock wrong.
const LONGEST_HOLD: Duration = Duration::from_secs(1);
/// Sound that has not been heard for this long sets no pace.
const SOUND_STALE: Duration = Duration::from_secs(2);
/// Sound is not asked to wait longer than this for pictures.
const MOST_SOUND_WAIT: Duration = Duration::from_millis(400);
/// How much earlier than its sound a picture is handed on to be shown where it can be: far within what is noticed. Until it is seen some
/// 8 ms go by (drawing, and half of the screen's period), so that 20 ms are left within ±40 ms for the unsteadiness of both.
pub const LEAD: Duration = Duration::from_millis(28);
/// The same where sound waits for packets that are late or lost.
pub const MOST_LEAD: Duration = Duration::from_millis(36);
/// Of what sound waits for them, pictures leave this part out.
const LEFT_OUT: u32 = 2;
/// How far pictures may fall behind the sound before that is asked to wait.
const UNSEEN_NS: i64 = 20_000_000;
/// Where there are no pictures any more, sound that waited for them is to wait less by this, each time.
const GIVEN_BACK_NS: i64 = 100_000_000;
/// Weight of a new measurement.
const SMOOTHING: f64 = 0.05;
/// A leap of latency beyond this is followed at once.
const LEAP_NS: f64 = 200e6;

/// Maps RTP times of one stream to times of capture on its sender's clock.
#[derive(Clone, Copy, Debug)]
pub struct RtpMap {
    rate: i64,
    anchor: Option<(u32, MediaTime)>,
}

impl RtpMap {
    /// A map for a stream whose RTP clock ticks `rate` times a second (90 000 for video, 48 000 for Opus).
    pub fn new(rate: u32) -> Self {
        Self { rate: i64::from(rate.max(1)), anchor: None }
    }

    /// Takes a sender report: its RTP time and its NTP time, the latter as nanoseconds on any fixed scale common to all
    /// streams of the sender.
    pub fn anchor(&mut self, rtp_time: u32, sender_time: MediaTime) {
        self.anchor = Some((rtp_time, sender_time));
    }

    /// When what carries `rtp_time` was captured; `None` before the first report.
    pub fn capture_of(&self, rtp_time: u32) -> Option<MediaTime> {
        let (anchor, time) = self.anchor?;
        let ticks = i64::from(rtp_time.wrapping_sub(anchor) as i32);
        Some(MediaTime(time.0.saturating_add(ticks * 1_000_000_000 / self.rate)))
    }
}

/// A smoothed latency, capture to play or show, in nanoseconds on two clocks: only differences mean something.
#[derive(Clone, Copy, Debug)]
struct Latency {
    ns: f64,
    at: MediaTime,
}

impl Latency {
    fn follow(slot: &mut Option<Self>, ns: i64, at: MediaTime) {
        let ns = ns as f64;
        *slot = Some(match *slot {
            Some(old) if (ns - old.ns).abs() < LEAP_NS && at.saturating_since(old.at) < SOUND_STALE => {
                Self { ns: old.ns + (ns - old.ns) * SMOOTHING, at }
            }
            _ => Self { ns, at },
        });
    }
}

/// Pictures whose latencies are compared: a second and a half.
const REMEMBERED: usize = 45;
/// The latest of them: half a second.
const LATEST: usize = 15;

/// The latencies of the last pictures, from capture to readiness, before any holding. On a network that loses packets single ones come
/// late, as they wait for repairs, up to half of them and more: only what two thirds share is followed. Nor is a burst followed that is over before sound could have
/// been stretched for it: where the network became worse, what was sent just before is late for a second, and then no more.
#[derive(Clone, Copy, Debug)]
struct Recent {
    ns: [i64; REMEMBERED],
    /// How many there are.
    len: usize,
    next: usize,
    at: MediaTime,
}

impl Default for Recent {
    fn default() -> Self {
        Self { ns: [0; REMEMBERED], len: 0, next: 0, at: MediaTime::default() }
    }
}

impl Recent {
    fn add(&mut self, ns: i64, at: MediaTime) {
        if at.saturating_since(self.at) >= SOUND_STALE {
            (self.len, self.next) = (0, 0);
        }
        self.ns[self.next] = ns;
        self.next = (self.next + 1) % REMEMBERED;
        self.len = REMEMBERED.min(self.len + 1);
        self.at = at;
    }

    /// The latency that two thirds have or exceed, of the latest as of all; `None` where there were none of late.
    fn lasting(&self, now: MediaTime) -> Option<i64> {
        if now.saturating_since(self.at) >= SOUND_STALE {
            return None;
        }
        Some(self.lower_third_of(LATEST)?.min(self.lower_third_of(REMEMBERED)?))
    }

    /// What a third of so many of the latest stays below.
    fn lower_third_of(&self, count: usize) -> Option<i64> {
        let count = count.min(self.len);
        let mut sorted = [0; REMEMBERED];
        for (n, ns) in sorted[..count].iter_mut().enumerate() {
            *ns = self.ns[(self.next + REMEMBERED - 1 - n) % REMEMBERED];
        }
        let sorted = &mut sorted[..count];
        sorted.sort_unstable();
        sorted.get(count / 3).copied()
    }
}

/// Keeps one participant's pictures with their sound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Playout {
    sound: Option<Latency>,
    pictures: Recent,
    last_shown: Option<MediaTime>,
    /// How long sound waits for packets that are late or lost.
    sound_waits: Duration,
}

impl Playout {
    /// Nothing heard or seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sound captured at `capture` leaves the loudspeaker at `heard`: the jitter buffer's position plus what waits in the sound card.
    pub fn sound_heard(&mut self, capture: MediaTime, heard: MediaTime) {
        Latency::follow(&mut self.sound, heard.nanos_since(capture), heard);
    }

    /// So long sound waits for packets that are late or lost ([`JitterStats::for_packets`](crate::jitter::JitterStats)).
    pub fn sound_waits(&mut self, for_packets: Duration) {
        self.sound_waits = for_packets;
    }

    /// How much earlier than its sound a picture is shown.
    fn lead(&self) -> Duration {
        MOST_LEAD.min(LEAD + self.sound_waits / LEFT_OUT)
    }

    /// A picture captured at `capture` (if that is known) is decoded now. Returns when to show it: now, or up to a second later
    /// and [`LEAD`] to [`MOST_LEAD`] before its sound, and never before the picture before it.
    pub fn picture_ready(&mut self, capture: Option<MediaTime>, now: MediaTime) -> MediaTime {
        let mut show = now;
        if let Some(capture) = capture {
            self.pictures.add(now.nanos_since(capture), now);
            if let Some(sound) = self.sound.filter(|sound| now.saturating_since(sound.at) < SOUND_STALE) {
                let due = MediaTime(capture.0.saturating_add(sound.ns as i64)) - self.lead();
                if due > now && due.saturating_since(now) <= LONGEST_HOLD {
                    show = due;
                }
            }
        }
        // In order; but an old promise of a far time does not hold up what is to be shown now.
        if let Some(last) = self.last_shown
            && last > show
            && last.saturating_since(now) <= LONGEST_HOLD
        {
            show = last;
        }
        self.last_shown = Some(show);
        show
    }

    /// How much longer sound should wait so that pictures can keep up, in nanoseconds; less than zero when it waits longer than
    /// pictures need, or than none that come do; zero while no sound is heard. See [`SoundWait`].
    pub fn sound_should_wait_ns(&self, now: MediaTime) -> i64 {
        let sound = self.sound.filter(|sound| now.saturating_since(sound.at) < SOUND_STALE);
        let Some(sound) = sound else { return 0 };
        let Some(pictures) = self.pictures.lasting(now) else { return -GIVEN_BACK_NS };
        let behind = pictures.saturating_sub(sound.ns as i64);
        let lead = self.lead().as_nanos() as i64;
        match behind {
            // A second and more is no lag but a wrong clock.
            UNSEEN_NS..=1_000_000_000 => behind.min(MOST_SOUND_WAIT.as_nanos() as i64),
            -1_000_000_000..=0 => (behind + lead).min(0),
            _ => 0,
        }
    }
}

/// How long sound is made to wait for pictures: moved step by step towards what [`Playout::sound_should_wait_ns`] says, as
/// the measure lags by a quarter of a second, and sound by what it takes to be stretched.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoundWait {
    waits: Duration,
}

impl SoundWait {
    /// How often it is to be looked at.
    pub const INTERVAL: Duration = Duration::from_millis(200);
    /// It goes half of the way.
    const STEP: u32 = 2;

    /// Sound, which waits `delay` now, should wait this much longer. Gives what to hand to
    /// [`JitterBuffer::set_minimum_delay`](crate::jitter::JitterBuffer::set_minimum_delay), if it is another one than before.
    pub fn look(&mut self, longer_ns: i64, delay: Duration) -> Option<Duration> {
        let by = Duration::from_nanos(longer_ns.unsigned_abs());
        let waits = match longer_ns.signum() {
            1 => delay + by / Self::STEP,
            -1 => self.waits.min(delay).saturating_sub(by / Self::STEP),
            _ => self.waits,
        };
        (std::mem::replace(&mut self.waits, waits) != waits).then_some(waits)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The sender's clock is an hour ahead of ours.
    const SKEW: i64 = 3_600_000;

    fn ours(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    fn theirs(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms + SKEW)
    }

    fn hear(playout: &mut Playout, from: i64, to: i64, latency: i64) {
        for t in (from..to).step_by(10) {
            playout.sound_heard(theirs(t), ours(t + latency));
        }
    }

    #[test]
    fn without_sound_pictures_are_shown_at_once() {
        let mut playout = Playout::new();
        for n in 0..10 {
            assert_eq!(playout.picture_ready(Some(theirs(n * 33)), ours(n * 33 + 70)), ours(n * 33 + 70));
        }
        assert_eq!(playout.picture_ready(None, ours(500)), ours(500));
    }

    #[test]
    fn pictures_wait_for_their_sound_whatever_the_senders_clock_says() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 1000, 120);
        for n in 0..10 {
            let t = 900 + n * 33;
            assert_eq!(playout.picture_ready(Some(theirs(t)), ours(t + 50)), ours(t + 120) - LEAD);
        }
        assert_eq!(
            playout.sound_should_wait_ns(ours(1200)),
            -42_000_000,
            "70 ms before its sound, of which 28 are wanted"
        );
    }

    #[test]
    fn pictures_wait_less_where_sound_waits_for_packets() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 1000, 120);
        let ahead = |waits| {
            playout.sound_waits(Duration::from_millis(waits));
            ours(1020).nanos_since(playout.picture_ready(Some(theirs(900)), ours(950))) / 1_000_000
        };
        // Never before a picture before it: from the longest wait down.
        assert_eq!([80, 26, 14, 0].map(ahead), [36, 36, 35, 28]);
    }

    #[test]
    fn late_pictures_are_shown_at_once_and_sound_is_asked_to_wait() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 1000, 60);
        for n in 0..30 {
            let t = n * 33;
            assert_eq!(playout.picture_ready(Some(theirs(t)), ours(t + 160)), ours(t + 160));
        }
        assert_eq!(playout.sound_should_wait_ns(ours(1100)), 100_000_000);
    }

    #[test]
    fn sound_that_waited_for_pictures_does_no_more_when_they_end() {
        let (mut playout, mut waits) = (Playout::new(), SoundWait::default());
        let mut minimum = 0;
        for t in (0..10_000).step_by(10) {
            // As late as it waits, and never below what the network asks for.
            hear(&mut playout, t, t + 10, 60 + minimum);
            if t < 5_000 && t % 30 == 0 {
                playout.picture_ready(Some(theirs(t)), ours(t + 310));
            }
            if t % 200 == 0 {
                let delay = Duration::from_millis(60 + u64::try_from(minimum).unwrap());
                let longer = playout.sound_should_wait_ns(ours(t));
                if let Some(to) = waits.look(longer, delay) {
                    minimum = (i64::try_from(to.as_millis()).unwrap() - 60).max(0);
                }
            }
            if t == 4_900 {
                assert!(minimum > 180, "{minimum}");
            }
        }
        assert_eq!(minimum, 0);
    }

    #[test]
    fn single_late_pictures_hold_nothing_up() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 2000, 60);
        for n in 0..60 {
            let t = n * 33;
            let late = if n % 3 == 0 { 300 } else { 50 };
            playout.picture_ready(Some(theirs(t)), ours(t + late));
        }
        assert_eq!(playout.sound_should_wait_ns(ours(2000)), 0);
    }

    #[test]
    fn a_burst_of_late_pictures_is_not_waited_for_and_lasting_lateness_is() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 5000, 60);
        let mut asked = Vec::new();
        for n in 0..140 {
            let t = n * 33;
            let late = match n {
                30..50 => 250,
                90.. => 150,
                _ => 50,
            };
            playout.picture_ready(Some(theirs(t)), ours(t + late));
            asked.push(playout.sound_should_wait_ns(ours(t + late)));
        }
        assert!(asked[..90].iter().all(|ns| *ns <= 0), "{asked:?}");
        let first = asked.iter().position(|ns| *ns > 0).unwrap();
        assert!((100..120).contains(&first), "{first}");
        assert_eq!(asked[139], 90_000_000);
    }

    #[test]
    fn what_sound_waited_in_vain_is_given_back_soon() {
        let (mut playout, mut wait) = (Playout::new(), SoundWait::default());
        // Sound follows at once here; pictures take 50 ms.
        let mut latency = 200;
        wait.look(140_000_000, Duration::from_millis(130));
        let mut took = None;
        for t in (0..5000).step_by(10) {
            playout.sound_heard(theirs(t), ours(t + latency));
            if t % 30 == 0 {
                playout.picture_ready(Some(theirs(t)), ours(t + 50));
            }
            if t % 200 == 0 && t > 500 {
                let longer = playout.sound_should_wait_ns(ours(t));
                if let Some(waits) = wait.look(longer, Duration::from_millis(latency as u64)) {
                    latency = waits.as_millis() as i64;
                }
            }
            if latency <= 90 {
                took.get_or_insert(t);
            }
            assert!(latency >= 60, "pictures are to be {LEAD:?} ahead: {latency}");
        }
        assert!(took.is_some_and(|t| t <= 2000), "{took:?}");
    }

    #[test]
    fn nothing_is_held_over_a_second() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 1000, 5000);
        assert_eq!(playout.picture_ready(Some(theirs(1000)), ours(1050)), ours(1050));
        let mut playout = Playout::new();
        hear(&mut playout, 0, 1000, 900);
        assert_eq!(playout.picture_ready(Some(theirs(1000)), ours(1050)), ours(1900) - LEAD);
    }

    #[test]
    fn pictures_keep_their_order() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 1000, 300);
        let first = playout.picture_ready(Some(theirs(1000)), ours(1050));
        let second = playout.picture_ready(None, ours(1060));
        assert!(second >= first);
    }

    #[test]
    fn sound_that_fell_silent_sets_no_pace() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 1000, 300);
        assert_eq!(playout.picture_ready(Some(theirs(4000)), ours(4050)), ours(4050));
    }

    #[test]
    fn a_change_of_the_sounds_delay_is_followed_without_leaps() {
        let mut playout = Playout::new();
        hear(&mut playout, 0, 1000, 100);
        let mut last = playout.picture_ready(Some(theirs(1000)), ours(1010));
        for n in 0..60 {
            let t = 1033 + n * 33;
            hear(&mut playout, t - 30, t, 160);
            let shown = playout.picture_ready(Some(theirs(t)), ours(t + 10));
            let step = shown.nanos_since(last);
            assert!((0..=45_000_000).contains(&step), "{step}");
            last = shown;
        }
        assert!((last.nanos_since(ours(1033 + 59 * 33 + 160) - LEAD)).abs() < 2_000_000);
    }

    #[test]
    fn sound_waits_soon_for_late_pictures_and_no_longer_than_for_them() {
        let mut wait = SoundWait::default();
        let ms = Duration::from_millis;
        assert_eq!(wait.look(0, ms(40)), None);
        assert_eq!(wait.look(100_000_000, ms(40)), Some(ms(90)));
        assert_eq!(wait.look(50_000_000, ms(90)), Some(ms(115)));
        assert_eq!(wait.look(0, ms(115)), None);
        assert_eq!(wait.look(-40_000_000, ms(115)), Some(ms(95)));
        assert_eq!(wait.look(-40_000_000, ms(60)), Some(ms(40)), "it may wait less than was asked for");
    }

    #[test]
    fn rtp_times_map_across_the_wrap_around() {
        let mut map = RtpMap::new(90_000);
        assert_eq!(map.capture_of(5), None);
        map.anchor(u32::MAX - 89_999, ours(10_000));
        assert_eq!(map.capture_of(0), Some(ours(11_000)));
        assert_eq!(map.capture_of(u32::MAX - 179_999), Some(ours(9_000)));
    }
}
