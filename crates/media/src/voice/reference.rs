//! The echo canceller's reference on the microphone's clock.
//!
//! Loudspeaker and microphone may have clocks of their own, some 10 to 100 millionths apart. Counted in samples, the echo
//! then wanders away from what was played, and a filter that has learnt the room is never quite right. Both sides' frames
//! carry times on the machine's clock; by these the reference is read a little faster or slower, so that the echo stays
//! where it is. The times jitter, so they are followed slowly: a loop of second order, quick in its first seconds,
//! which learns the drift and then only corrects it.

use std::collections::VecDeque;

use super::far_end::{Mono, Played, Stereo};
use crate::audio_io::kernel::Kernel;
use crate::clock::MediaTime;
use crate::frame::{SAMPLE_RATE, SAMPLES_PER_CHANNEL};

/// Reach of the filter between two samples.
const HALF: usize = 16;
/// What lies behind the newest sample by more than this is not waited for: the microphone stood still.
const TOO_FAR: usize = 40 * SAMPLES_PER_CHANNEL;
/// What is kept between what is read and the newest, at the least: threads wait for their turn. What is played is heard
/// later than this in any case, so that the echo stays behind its reference.
const RESERVE: usize = SAMPLES_PER_CHANNEL;
/// So much stays there of what was read, to go back to.
const KEPT: usize = 10 * SAMPLES_PER_CHANNEL;
/// Further off than this, in samples, the times have jumped: a device was opened anew.
const JUMP: f64 = 960.0;
/// So many times something is read though nothing new was played; then the loudspeaker stands still.
const DRY: u32 = 5;
/// The times of a device that was just opened are off at first, for so long, s.
const SETTLING: f64 = 1.0;
/// Over how long they are averaged, s.
const SMOOTH: f64 = 0.5;
/// How quickly the times are followed, s: at first, and in the end; in between, a third of the time that has passed.
const FIRST: f64 = 1.5;
const LAST: f64 = 60.0;
/// Clocks are not further apart.
const MOST_DRIFT: f64 = 5e-4;
/// The passband's edge, as a share of half the rate.
const EDGE: f64 = 0.96;

/// Reads what was played at the microphone's pace.
pub(super) struct Reference {
    kernel: Kernel,
    /// What was played, from sample `first` on, and the time of each of its frames.
    middle: VecDeque<f32>,
    side: VecDeque<f32>,
    times: VecDeque<MediaTime>,
    first: u64,
    /// How often it was read since something was played.
    dry: u32,
    reading: Option<Reading>,
}

#[derive(Clone, Copy)]
struct Reading {
    /// The next sample to read.
    at: f64,
    /// So much later than it is captured is heard what is read with it, ns.
    lead: i64,
    /// The loudspeaker's clock is faster by this share, as far as is known.
    drift: f64,
    /// Samples to go on for each that is read.
    step: f64,
    /// How far it is behind, smoothed, in samples.
    behind: f64,
    /// How long it has been followed, s.
    since: f64,
}

impl Reading {
    /// Draws what is read towards where the times say it should be, `behind_ns` on. False when they have jumped.
    fn follow(&mut self, behind_ns: i64) -> bool {
        const FRAME: f64 = SAMPLES_PER_CHANNEL as f64 / SAMPLE_RATE as f64;
        self.since += FRAME;
        let this = behind_ns as f64 * 1e-9 * f64::from(SAMPLE_RATE);
        if self.is_settling() {
            // The mean of what the times say.
            self.lead -= (behind_ns as f64 * FRAME / self.since) as i64;
            return this.abs() <= JUMP;
        }
        self.behind += (this - self.behind) * FRAME / SMOOTH;
        let behind = self.behind;
        // Critically damped: what it is off by is made good within `pace`.
        let pace = (self.since / 3.0).clamp(FIRST, LAST);
        let off = (behind / (pace * f64::from(SAMPLE_RATE))).clamp(-MOST_DRIFT, MOST_DRIFT);
        self.drift = (self.drift + off * FRAME / (4.0 * pace)).clamp(-MOST_DRIFT, MOST_DRIFT);
        self.step = 1.0 + self.drift + off;
        this.abs() <= JUMP
    }

    fn is_settling(&self) -> bool {
        self.since < SETTLING
    }

    /// One sample more than is read next.
    fn end(&self) -> f64 {
        self.at + SAMPLES_PER_CHANNEL as f64 * self.step + (HALF + 1) as f64
    }
}

impl Reference {
    pub(super) fn new() -> Self {
        Self {
            kernel: Kernel::new(HALF, EDGE),
            middle: VecDeque::new(),
            side: VecDeque::new(),
            times: VecDeque::new(),
            first: 0,
            dry: 0,
            reading: None,
        }
    }

    /// Takes the next 10 ms that were played.
    pub(super) fn push(&mut self, played: &Played) {
        if self.middle.is_empty() {
            // Silence before the first sample, to begin in.
            self.middle.resize(KEPT, 0.0);
            self.side.resize(KEPT, 0.0);
            self.times.extend((0..10).map(|n| MediaTime(played.heard.0 - (10 - n) * 10_000_000)));
        }
        self.dry = 0;
        self.middle.extend(played.sound.middle);
        self.side.extend(played.sound.side);
        self.times.push_back(played.heard);
        while self.middle.len() > 2 * TOO_FAR {
            self.forget_frame();
        }
    }

    fn forget_frame(&mut self) {
        self.middle.drain(..SAMPLES_PER_CHANNEL);
        self.side.drain(..SAMPLES_PER_CHANNEL);
        self.times.pop_front();
        self.first += SAMPLES_PER_CHANNEL as u64;
    }

    /// What goes with 10 ms that the microphone captured from `captured` on; `None` while nothing has been played, or
    /// where it is missing. Its side is read only if `wide`, and silence otherwise.
    pub(super) fn read(&mut self, captured: MediaTime, wide: bool) -> Option<Stereo> {
        self.dry += 1;
        if self.dry > DRY {
            self.reading = None;
            return None;
        }
        let mut reading = self.followed(captured).or_else(|| self.begun(captured))?;
        let begin = reading.at - self.first as f64;
        let middle = between(&self.kernel, self.middle.make_contiguous(), begin, reading.step);
        let side = if wide {
            between(&self.kernel, self.side.make_contiguous(), begin, reading.step)
        } else {
            [0.0; SAMPLES_PER_CHANNEL]
        };
        reading.at += SAMPLES_PER_CHANNEL as f64 * reading.step;
        while reading.at - self.first as f64 > KEPT as f64 {
            self.forget_frame();
        }
        self.reading = Some(reading);
        Some(Stereo { middle, side })
    }

    /// Where to read on, if it can be.
    fn followed(&mut self, captured: MediaTime) -> Option<Reading> {
        let mut reading = self.reading.take()?;
        let wanted = MediaTime(captured.0 + reading.lead);
        if !reading.follow(wanted.nanos_since(self.heard(reading.at)?)) {
            return None;
        }
        let newest = self.first as f64 + self.middle.len() as f64;
        // At first it is not only to suffice, but to have something left.
        let margin = if reading.is_settling() { RESERVE as f64 / 2.0 } else { 0.0 };
        if reading.end() + margin > newest {
            // The loudspeaker's thread was later than ever: what is read goes back, for good.
            let back = reading.end() - newest + RESERVE as f64;
            reading.at -= back;
            reading.lead -= (back * 1e9 / f64::from(SAMPLE_RATE)) as i64;
        }
        let there = reading.at - self.first as f64 >= HALF as f64 && reading.end() <= newest;
        (there && newest - reading.at < TOO_FAR as f64).then_some(reading)
    }

    /// Where to begin, or to begin anew: near the newest.
    fn begun(&self, captured: MediaTime) -> Option<Reading> {
        let within = self.middle.len().checked_sub(SAMPLES_PER_CHANNEL + HALF + 1 + RESERVE)?;
        if within < HALF {
            return None;
        }
        let at = self.first as f64 + within as f64;
        let lead = self.heard(at)?.nanos_since(captured);
        Some(Reading { at, lead, drift: 0.0, step: 1.0, behind: 0.0, since: 0.0 })
    }

    /// When a sample is heard.
    fn heard(&self, at: f64) -> Option<MediaTime> {
        let within = at - self.first as f64;
        let frame = (within.max(0.0) as usize / SAMPLES_PER_CHANNEL).min(self.times.len().checked_sub(1)?);
        let ns = (within - (frame * SAMPLES_PER_CHANNEL) as f64) * 1e9 / f64::from(SAMPLE_RATE);
        Some(MediaTime(self.times[frame].0 + ns as i64))
    }
}

/// 10 ms of `sound` from its sample `begin` on, going on by `step` samples for each.
fn between(kernel: &Kernel, sound: &[f32], begin: f64, step: f64) -> Mono {
    std::array::from_fn(|n| {
        let at = begin + n as f64 * step;
        let whole = at as usize;
        let (a, b, blend) = kernel.between(at - whole as f64);
        let reach = &sound[whole + 1 - HALF..][..2 * HALF];
        reach.iter().zip(a.iter().zip(b)).map(|(s, (a, b))| s * (a + (b - a) * blend)).sum()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mono(middle: Mono) -> Stereo {
        Stereo { middle, side: [0.0; SAMPLES_PER_CHANNEL] }
    }

    /// A loudspeaker that plays a tone of 1 kHz and a microphone whose clock is `ppm` fast, for `seconds`; the times are
    /// up to `jitter_us` (µs) off. Returns what was read.
    fn read(ppm: f64, jitter_us: i64, seconds: usize) -> Vec<f32> {
        let mut reference = Reference::new();
        let mut out = Vec::new();
        let mut played = 0;
        let jitter = |n: usize| (n as i64 * 7919 % 2001 - 1000) * jitter_us;
        for n in 0..seconds * 100 {
            let captured = n as f64 * 1e7 / (1.0 + ppm * 1e-6);
            // Asked for 20 ms at a time, 20 ms ahead.
            while played as f64 * 1e7 <= captured + 3e7 {
                for _ in 0..2 {
                    let at = played * SAMPLES_PER_CHANNEL;
                    let tone = |i: usize| (std::f64::consts::TAU * 1000.0 * (at + i) as f64 / 48_000.0).sin() as f32;
                    let heard = MediaTime(played as i64 * 10_000_000 + jitter(played));
                    reference.push(&Played { heard, sound: mono(std::array::from_fn(tone)) });
                    played += 1;
                }
            }
            let captured = MediaTime(captured as i64 + jitter(n + 13));
            out.extend(reference.read(captured, false).map_or([0.0; SAMPLES_PER_CHANNEL], |read| read.middle));
        }
        out
    }

    /// By how many samples a tone that a microphone `ppm` fast would hear moves against what was read, in the last second.
    fn wander(read: &[f32], ppm: f64) -> f64 {
        let hz = 1000.0 / (1.0 + ppm * 1e-6);
        let phase = |from: usize| {
            let (mut s, mut c) = (0.0, 0.0);
            for (i, v) in read.iter().enumerate().skip(from).take(4800) {
                let w = std::f64::consts::TAU * hz * i as f64 / 48_000.0;
                s += f64::from(*v) * w.cos();
                c += f64::from(*v) * w.sin();
            }
            s.atan2(c)
        };
        let turn = phase(read.len() - 4800) - phase(read.len() - 48_000);
        let turn = (turn + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI;
        turn / std::f64::consts::TAU * 48.0
    }

    #[test]
    fn what_is_read_keeps_step_with_the_microphone_whatever_its_clock() {
        for ppm in [0.0, 100.0, -100.0, 40.0] {
            let still = wander(&read(ppm, 0, 20), ppm);
            assert!(still.abs() < 0.2, "{ppm} ppm: {still} samples a second");
            let jittery = wander(&read(ppm, 1000, 30), ppm);
            assert!(jittery.abs() < 0.5, "{ppm} ppm, times 1 ms off: {jittery} samples a second");
        }
    }

    #[test]
    fn without_drift_nothing_is_changed_but_the_time() {
        let read = read(0.0, 0, 3);
        let begun = read.iter().position(|v| *v != 0.0).unwrap();
        let level =
            (read[begun + 4800..].iter().map(|v| v * v).sum::<f32>() / (read.len() - begun - 4800) as f32).sqrt();
        assert!((level - std::f32::consts::FRAC_1_SQRT_2).abs() < 0.001, "{level}");
        assert!(begun <= 2 * SAMPLES_PER_CHANNEL, "{begun}");
    }

    #[test]
    fn a_loudspeaker_opened_anew_or_a_microphone_that_stood_still_begins_anew() {
        let mut reference = Reference::new();
        let push = |reference: &mut Reference, ms: i64, level: f32| {
            reference.push(&Played { heard: MediaTime::from_millis(ms), sound: mono([level; SAMPLES_PER_CHANNEL]) });
        };
        assert!(reference.read(MediaTime::from_millis(0), false).is_none(), "nothing is played");
        (0..8).for_each(|n| push(&mut reference, n * 10, 0.1));
        assert!(reference.read(MediaTime::from_millis(20), false).is_some());
        // Its times jump, and what is read is near the newest again.
        (0..8).for_each(|n| push(&mut reference, 5_000 + n * 10, 0.2));
        let next = reference.read(MediaTime::from_millis(5_020), false).unwrap().middle;
        assert!((next[0] - 0.2).abs() < 1e-3, "{}", next[0]);
        // It stops: what is there is read to its end, and no further.
        let read = (0..20).map_while(|n| reference.read(MediaTime::from_millis(5_030 + n * 10), false)).count();
        assert!((1..=DRY as usize).contains(&read), "{read}");
        (0..200).for_each(|n| push(&mut reference, 6_000 + n * 10, 0.3));
        let late = reference.read(MediaTime::from_millis(8_000), false).unwrap().middle;
        assert!((late[479] - 0.3).abs() < 1e-3);
    }

    #[test]
    fn the_side_is_read_in_step_with_the_middle_where_it_is_wanted() {
        let mut reference = Reference::new();
        for n in 0..8 {
            let middle: Mono = std::array::from_fn(|i| ((n * 480 + i) as f32 * 0.05).sin());
            let sound = Stereo { middle, side: middle.map(|m| m * -0.5) };
            reference.push(&Played { heard: MediaTime::from_millis(n as i64 * 10), sound });
        }
        let narrow = reference.read(MediaTime::from_millis(20), false).unwrap();
        assert_eq!(narrow.side, [0.0; SAMPLES_PER_CHANNEL]);
        let wide = reference.read(MediaTime::from_millis(30), true).unwrap();
        assert!(wide.middle.iter().any(|m| *m != 0.0));
        assert!(wide.middle.iter().zip(wide.side).all(|(m, s)| (m * -0.5 - s).abs() < 1e-6));
    }
}
