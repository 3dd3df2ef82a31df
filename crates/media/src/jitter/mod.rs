//! The adaptive jitter buffer: Opus packets in as the network brings them, an even 10 ms of sound out whenever asked.
//!
//! Sound waits just long enough for nearly all packets to be there in time ([`delay`](JitterStats::target)); when that time changes,
//! sound is played a little slower or faster, pitch unchanged. A lost packet is brought back from the copy in the next one (FEC) if that is
//! there, otherwise concealed; while nothing comes at all the play position stands still, so that what is merely late is still heard.
//!
//! Pure: time comes in with each call.
//!
//! The crate `neteq`, which does the same on paper, was tried first. The same 30 s of a voice in 20 ms packets, pulled every 10 ms:
//!
//! | network | buffer | waits at the end | made up | of that silence | by FEC |
//! |---|---|---|---|---|---|
//! | steady | neteq | 29 ms | 560 ms | 0 | – |
//! | | this | 15 ms | 0 | 0 | – |
//! | 5 % lost (1700 ms) | neteq | 26 ms | 2620 ms | 540 ms | 0 |
//! | | this | 37 ms | 300 ms | 0 | 1400 ms |
//! | up to 60 ms late | neteq | 46 ms | 910 ms | 40 ms | – |
//! | | this | 81 ms | 0 | 0 | – |
//!
//! It takes the next packet it has without looking at the gap before it, compares RTP times without regard to their wrap-around,
//! and overflows on a jump of 90 s.

mod delay;
mod stretch;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::MediaTime;
use crate::codec::{CodecError, OpusDecoder, has_fec, packet_samples};
use crate::frame::{AudioFrame, SAMPLES_PER_CHANNEL};
use delay::DelayEstimator;

const RATE: i64 = 48_000;
const MS: i64 = 1_000_000;
/// Sound is made up in steps of 10 ms: of less, libopus makes 10 ms, hands out a part and clicks where it goes on.
const STEP: usize = 480;
/// How long the first packet waits at least, while little is known of the network.
const FIRST_WAIT: Duration = Duration::from_millis(40);
/// After this long without a packet the sender has fallen silent: nothing is missing any more.
const PAUSE: usize = 48_000;
/// A jump of RTP time by more than this is a new beginning, not loss.
const JUMP: i64 = 10 * RATE;
/// A gap in the stream longer than this is not filled but skipped.
const LONGEST_GAP: i64 = RATE;
/// More sound than this is not kept: nobody has asked for it for that long.
const MOST_KEPT: i64 = 2 * RATE;
/// Where nobody asked for sound for longer than this, the loudspeaker was off: what was said meanwhile is not made up for.
const UNHEARD: Duration = Duration::from_secs(1);
/// Further from the target than this, the play speed changes.
const TOO_LATE_NS: i64 = 8 * MS;
const TOO_EARLY_NS: i64 = 6 * MS;
/// Below the target by at most this much after sound was shortened: the next late packet must not find the buffer empty.
const LEFT_OUT_NS: i64 = 3 * MS;
/// Much further, and it changes faster, at the price of being heard; where it is too early, for fear of the next late packet.
const FAR_TOO_LATE_NS: i64 = 80 * MS;
const FAR_TOO_EARLY_NS: i64 = 40 * MS;
/// When more than this part of packets is lost, sound waits for one packet more, so that FEC has its chance: after the first loss, as each
/// counts [`LOSS_WEIGHT`] …
const LOSSY: f32 = 0.009;
/// … until none was lost for three seconds.
const LOSSLESS: f32 = 0.002;
/// And only where at least this part of packets carries FEC: music does not.
const PROTECTED: f32 = 0.3;
/// Until that packet comes.
const FEC_WAIT_NS: i64 = 20 * MS;
/// Weight of a packet in the averages of loss and protection.
const LOSS_WEIGHT: f32 = 0.01;
/// Play speed changes at most this often.
const STRETCH_PAUSE: Duration = Duration::from_millis(40);
/// The play position is judged by its least over this time: sound cards ask in bursts.
const JUDGED_OVER: Duration = Duration::from_millis(200);

/// A packet as it came from the network.
#[derive(Clone, Debug)]
pub struct AudioPacket {
    /// The Opus packet; empty ones are ignored.
    pub payload: Bytes,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP time stamp, 48 kHz.
    pub rtp_time: u32,
    /// When it arrived.
    pub received: MediaTime,
}

/// What the buffer did so far. Sound is counted in samples per channel at 48 kHz.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JitterStats {
    /// Packets taken.
    pub packets: u64,
    /// Packets that came too late, twice, or when nobody listened.
    pub discarded: u64,
    /// Packets that were no Opus.
    pub refused: u64,
    /// Samples handed out since the first packet.
    pub played: u64,
    /// Of these, samples made up because nothing was there.
    pub concealed: u64,
    /// Runs of made-up sound.
    pub concealments: u64,
    /// Samples brought back by FEC.
    pub fec: u64,
    /// Samples left out to catch up.
    pub accelerated: u64,
    /// Samples put in to wait.
    pub expanded: u64,
    /// How long sound waits now, from the arrival of the fastest packets to their turn.
    pub delay: Duration,
    /// How long it should wait.
    pub target: Duration,
    /// The part of that which a network without loss and unsteadiness would not ask for.
    pub for_packets: Duration,
}

/// Which sound a frame began with, for lip sync.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlayPosition {
    /// RTP time of its first sample.
    pub rtp_time: u32,
    /// When it was handed out.
    pub at: MediaTime,
}

struct Stored {
    payload: Bytes,
    sequence: u16,
    samples: usize,
}

/// See the module.
pub struct JitterBuffer {
    decoder: OpusDecoder,
    channels: usize,
    /// By unwrapped RTP time.
    packets: BTreeMap<i64, Stored>,
    newest: Option<i64>,
    estimator: DelayEstimator,
    /// RTP time up to which sound was decoded; `None` while waiting for a beginning.
    decoded: Option<i64>,
    /// When the first packet came after a pause.
    first_received: Option<MediaTime>,
    /// When sound was asked for last.
    pulled: Option<MediaTime>,
    pcm: Vec<f32>,
    last_sequence: u16,
    last_was_tiny: bool,
    /// Samples made up while the play position stood still.
    stalled: usize,
    concealing: bool,
    /// The sender said that nothing comes.
    paused: bool,
    /// When frames were handed out, and how far behind their media time that was.
    positions: VecDeque<(MediaTime, i64)>,
    last_stretch: Option<MediaTime>,
    minimum_ns: i64,
    /// The part of packets lost of late.
    loss: f32,
    /// The part of packets that carried FEC of late.
    protected: f32,
    waits_for_fec: bool,
    position: Option<PlayPosition>,
    stats: JitterStats,
}

impl JitterBuffer {
    /// A buffer that gives frames of `channels` (1 or 2) channels.
    ///
    /// # Errors
    /// When libopus gives no decoder.
    pub fn new(channels: u16) -> Result<Self, CodecError> {
        let decoder = OpusDecoder::new(channels)?;
        Ok(Self {
            channels: usize::from(decoder.channels()),
            decoder,
            packets: BTreeMap::new(),
            newest: None,
            estimator: DelayEstimator::new(),
            decoded: None,
            first_received: None,
            pulled: None,
            pcm: Vec::new(),
            last_sequence: 0,
            last_was_tiny: false,
            stalled: 0,
            concealing: false,
            paused: false,
            positions: VecDeque::new(),
            last_stretch: None,
            minimum_ns: 0,
            loss: 0.0,
            protected: 0.0,
            waits_for_fec: false,
            position: None,
            stats: JitterStats::default(),
        })
    }

    /// Takes a packet.
    pub fn insert(&mut self, packet: AudioPacket) {
        if packet.payload.is_empty() {
            return;
        }
        let Some(samples) = packet_samples(&packet.payload) else {
            self.stats.refused += 1;
            return;
        };
        self.stats.packets += 1;
        let time = self.unwrap(packet.rtp_time);
        self.estimator.observe(packet.received, packet.received.0.saturating_sub(nanos(time)));
        self.first_received.get_or_insert(packet.received);
        let over = self.decoded.is_some_and(|decoded| time + samples as i64 <= decoded);
        if over {
            // Late and not lost, as it seemed; to wait for what is late is the estimator's.
            self.loss = (self.loss - LOSS_WEIGHT).max(0.0);
        }
        if over || self.packets.contains_key(&time) {
            self.stats.discarded += 1;
            return;
        }
        self.packets.insert(time, Stored { payload: packet.payload, sequence: packet.sequence, samples });
        self.limit();
    }

    /// The next 10 ms, to be played now. Silence before the first packet and while the sender is silent.
    pub fn pull(&mut self, now: MediaTime) -> AudioFrame {
        if self.pulled.replace(now).is_some_and(|at| now.saturating_since(at) > UNHEARD) {
            self.decoded = None;
        }
        let begun = self.begin(now);
        if begun {
            self.judge(now);
            self.fill(SAMPLES_PER_CHANNEL);
        }
        let Some(decoded) = self.decoded.filter(|_| begun) else {
            self.position = None;
            return AudioFrame::silence(self.channels as u16, now);
        };
        self.position = Some(PlayPosition { rtp_time: (decoded - self.waiting()) as u32, at: now });
        let whole = SAMPLES_PER_CHANNEL * self.channels;
        if self.pcm.len() < whole {
            self.pcm.resize(whole, 0.0);
        }
        if self.paused && self.stalled >= PAUSE {
            for (n, sample) in self.pcm[..whole].iter_mut().enumerate() {
                *sample *= 1.0 - n as f32 / whole as f32;
            }
        }
        let frame = AudioFrame::new(&self.pcm[..whole], self.channels as u16, now);
        self.pcm.drain(..whole);
        self.stats.played += SAMPLES_PER_CHANNEL as u64;
        if self.stalled >= PAUSE {
            self.decoded = None;
        }
        frame
    }

    /// What the last frame began with; `None` when it was silence for want of packets.
    pub fn position(&self) -> Option<PlayPosition> {
        self.position
    }

    /// Whether it made the last frame up and waits for what comes next: [`position`](Self::position) stands still until it is known whether
    /// that is late, or what was between is missing.
    pub fn stands_still(&self) -> bool {
        self.stalled > 0
    }

    /// What it did so far.
    pub fn stats(&self) -> JitterStats {
        let for_packets = duration(self.needed_ns() - delay::LEAST_NS);
        JitterStats { target: duration(self.target_ns()), for_packets, ..self.stats }
    }

    /// Whether the sender said that it falls silent (muted): what came is played, and fades out; what is missing then is no loss.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Lets sound wait at least this long, so that pictures can keep up; at most a second.
    pub fn set_minimum_delay(&mut self, minimum: Duration) {
        self.minimum_ns = minimum.min(Duration::from_secs(1)).as_nanos() as i64;
    }

    /// How long sound should wait.
    fn target_ns(&self) -> i64 {
        self.needed_ns().max(self.minimum_ns)
    }

    /// How long it must wait for packets, whatever else it waits for.
    fn needed_ns(&self) -> i64 {
        let for_fec = if self.waits_for_fec { FEC_WAIT_NS } else { 0 };
        self.estimator.target_ns() + for_fec
    }

    /// Follows RTP time over its wrap-arounds; a far jump is a new beginning.
    fn unwrap(&mut self, rtp_time: u32) -> i64 {
        let time = match self.newest {
            // Room below, for packets that come before the first.
            None => i64::from(rtp_time) + (1 << 32),
            Some(newest) => newest + i64::from(rtp_time.wrapping_sub(newest as u32) as i32),
        };
        if self.newest.is_some_and(|newest| (time - newest).abs() > JUMP) {
            self.stats.discarded += self.packets.len() as u64;
            self.packets.clear();
            self.estimator.rebase();
            self.positions.clear();
            self.decoded = None;
            self.first_received = None;
            self.newest = Some(time);
        } else {
            self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        }
        time
    }

    /// Keeps a buffer that nobody empties from growing.
    fn limit(&mut self) {
        while let (Some((&first, _)), Some((&last, _))) =
            (self.packets.first_key_value(), self.packets.last_key_value())
        {
            if last - first <= MOST_KEPT {
                return;
            }
            self.packets.remove(&first);
            self.stats.discarded += 1;
        }
    }

    /// True when there is a play position, or one can be had now.
    fn begin(&mut self, now: MediaTime) -> bool {
        if self.decoded.is_some() {
            return true;
        }
        let (Some((&first, _)), Some(received)) = (self.packets.first_key_value(), self.first_received) else {
            self.first_received = None;
            return false;
        };
        // The first packets may tell already that they will have to wait longer.
        let least = if self.stats.played > 0 { Duration::ZERO } else { FIRST_WAIT };
        let known = duration(self.target_ns()).max(least);
        if now < received + known {
            return false;
        }
        // After a long wait for somebody to listen only the newest matters.
        let (mut first, newest) = (first, self.newest.unwrap_or(first));
        while newest - first > (known.as_nanos() as i64 + 60 * MS) * RATE / 1_000_000_000 {
            self.packets.remove(&first);
            self.stats.discarded += 1;
            match self.packets.first_key_value() {
                Some((&next, _)) => first = next,
                None => return false,
            }
        }
        self.decoded = Some(first);
        self.pcm.clear();
        self.stalled = 0;
        self.positions.clear();
        self.last_sequence = self.packets.get(&first).map_or(0, |p| p.sequence.wrapping_sub(1));
        true
    }

    /// Decoded samples per channel that wait to be played.
    fn waiting(&self) -> i64 {
        (self.pcm.len() / self.channels) as i64
    }

    /// Compares the wait with its target and plays faster or slower.
    fn judge(&mut self, now: MediaTime) {
        let (Some(decoded), Some(base)) = (self.decoded, self.estimator.base_ns()) else { return };
        self.positions.push_back((now, now.0.saturating_sub(nanos(decoded - self.waiting()))));
        while self.positions.front().is_some_and(|(at, _)| now.saturating_since(*at) > JUDGED_OVER) {
            self.positions.pop_front();
        }
        let Some(least) = self.positions.iter().map(|(_, behind)| *behind).min() else { return };
        let wait = least - base;
        self.stats.delay = duration(wait);
        let off = wait - self.target_ns();
        let far = off > FAR_TOO_LATE_NS;
        let hurried = far || wait - self.needed_ns() < -FAR_TOO_EARLY_NS;
        let rested = self.last_stretch.is_none_or(|at| now.saturating_since(at) >= STRETCH_PAUSE);
        if self.stalled > 0 || !(rested || hurried) {
            return;
        }
        if off > TOO_LATE_NS && self.gather(stretch::ENOUGH_TO_SHORTEN) {
            let most = samples(off + LEFT_OUT_NS);
            let gone = stretch::shorten(&mut self.pcm, self.channels, if far { 0.4 } else { 0.85 }, most);
            self.stretched(now, -(gone as i64));
            self.stats.accelerated += gone as u64;
        } else if off < -TOO_EARLY_NS && self.gather(stretch::ENOUGH_TO_EXPAND) {
            let added = stretch::lengthen(&mut self.pcm, self.channels, 0.85);
            self.stretched(now, added as i64);
            self.stats.expanded += added as u64;
        }
    }

    fn stretched(&mut self, now: MediaTime, added: i64) {
        if added != 0 {
            self.last_stretch = Some(now);
            self.move_positions(added);
        }
    }

    /// The play position fell back by `samples`: so would have all that are remembered.
    fn move_positions(&mut self, samples: i64) {
        for (_, behind) in &mut self.positions {
            *behind += nanos(samples);
        }
    }

    /// Decodes ahead until `samples` wait, as far as packets follow without a gap.
    fn gather(&mut self, samples: usize) -> bool {
        while self.waiting() < samples as i64 {
            let Some(decoded) = self.decoded else { return false };
            if self.packets.first_key_value().is_none_or(|(&time, _)| time > decoded) {
                return false;
            }
            self.take_next(decoded);
        }
        true
    }

    /// Decodes, brings back or makes up sound until `samples` wait.
    fn fill(&mut self, samples: usize) {
        while self.waiting() < samples as i64 {
            let Some(decoded) = self.decoded else { return };
            let missing = (samples - self.waiting() as usize).next_multiple_of(STEP);
            match self.packets.first_key_value().map(|(&time, _)| time) {
                Some(time) if time <= decoded => self.take_next(decoded),
                Some(time) => self.bridge(decoded, time),
                None => {
                    // Late or lost? Unknown: make up for it, and stand still.
                    self.make_up(missing, !self.last_was_tiny && !self.paused);
                    self.stalled += if self.paused { PAUSE } else { missing };
                    self.move_positions(missing as i64);
                }
            }
        }
    }

    /// Decodes the first packet, which begins at or before `decoded`.
    fn take_next(&mut self, decoded: i64) {
        let Some((time, packet)) = self.packets.pop_first() else { return };
        let end = time + packet.samples as i64;
        if end <= decoded {
            self.stats.discarded += 1;
            return;
        }
        self.weigh_loss(packet.sequence.wrapping_sub(self.last_sequence.wrapping_add(1)), &packet.payload);
        self.last_sequence = packet.sequence;
        // What comes in two bytes says: quiet until further notice (RFC 6716, 2.1.9 and RFC 7587, 3.1.3).
        self.last_was_tiny = packet.payload.len() <= 2;
        self.stalled = 0;
        match self.decoder.decode(&packet.payload, &mut self.pcm) {
            Ok(got) => {
                self.concealing = false;
                self.decoded = Some(time + got as i64);
            }
            Err(_) => {
                self.stats.refused += 1;
                self.make_up(packet.samples.next_multiple_of(STEP), true);
                self.decoded = Some(end);
            }
        }
    }

    /// Learns from the number of packets missing before one that was taken.
    fn weigh_loss(&mut self, missing: u16, payload: &[u8]) {
        // A large number is a packet that came out of order, or a new beginning.
        let lost = if missing < 50 { missing } else { 0 };
        for _ in 0..lost {
            self.loss += (1.0 - self.loss) * LOSS_WEIGHT;
        }
        self.loss *= 1.0 - LOSS_WEIGHT;
        // Before the sender knows of losses it sends none: one packet counts as much as a few without.
        let carries = if has_fec(payload) { 1.0 } else { 0.0 };
        self.protected += (carries - self.protected) * LOSS_WEIGHT * if carries > 0.0 { 4.0 } else { 1.0 };
        if self.loss < LOSSLESS || self.protected < PROTECTED / 2.0 {
            self.waits_for_fec = false;
        } else if self.loss > LOSSY && self.protected > PROTECTED {
            self.waits_for_fec = true;
        }
    }

    /// Something is missing between `decoded` and the packet at `time`.
    fn bridge(&mut self, decoded: i64, time: i64) {
        // What was made up while standing still counts towards the gap.
        let covered = (self.stalled as i64).min(time - decoded);
        if covered > 0 {
            self.stalled -= covered as usize;
            self.move_positions(-covered);
            self.decoded = Some(decoded + covered);
            return;
        }
        let gap = time - decoded;
        let Some(next) = self.packets.get(&time) else { return };
        if gap > LONGEST_GAP {
            self.decoded = Some(time);
            self.positions.clear();
            return;
        }
        // Senders whose clock follows a sound card's are a sample off now and then.
        if gap < STEP as i64 {
            self.decoded = Some(time);
            self.move_positions(-gap);
            return;
        }
        let silent = self.last_was_tiny || next.sequence == self.last_sequence.wrapping_add(1);
        let (length, payload) = (next.samples as i64, next.payload.clone());
        let rounded = |samples: i64| samples as usize / STEP * STEP;
        // For a part of a packet libopus does not look at the copy.
        if gap == length && has_fec(&payload) {
            let samples = gap as usize;
            if self.decoder.decode_fec(&payload, samples, &mut self.pcm).is_ok() {
                self.stats.fec += samples as u64;
                self.decoded = Some(decoded + samples as i64);
                return;
            }
        }
        // Leave the last packet's length to FEC.
        let samples = rounded(if gap > length { (gap - length).min(length) } else { gap }).max(STEP);
        self.make_up(samples, !silent);
        self.decoded = Some(decoded + samples as i64);
    }

    fn make_up(&mut self, samples: usize, missed: bool) {
        if self.decoder.conceal(samples, &mut self.pcm).is_err() {
            let silent = self.pcm.len() + samples * self.channels;
            self.pcm.resize(silent, 0.0);
        }
        if missed {
            self.stats.concealed += samples as u64;
            if !self.concealing {
                self.stats.concealments += 1;
            }
            self.concealing = true;
        }
    }
}

/// Sound of so many nanoseconds in samples; none for a negative length.
fn samples(ns: i64) -> usize {
    usize::try_from(ns / 1000 * RATE / 1_000_000).unwrap_or(0)
}

/// Length of sound in nanoseconds.
fn nanos(samples: i64) -> i64 {
    (i128::from(samples) * 1_000_000_000 / i128::from(RATE)) as i64
}

fn duration(ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
}
