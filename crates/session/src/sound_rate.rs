//! How our sound is sent for the network there is: bitrate by its share of the bandwidth, error correction by the loss.
//!
//! Pure: shares, losses and time in, a [`SoundTarget`] out. Sound is a small part of a call and the most important
//! one: it gives way late, never below what speech needs, and takes more only when that has long been there.

use std::time::Duration;

use beckon_media::MediaTime;
use beckon_rtc::{SCREEN_SOUND_BITRATE_BPS, VOICE_BITRATE_BPS};

/// The bitrates it chooses from, bit/s: from clear speech to music.
const STEPS: [u32; 5] = [24_000, 32_000, 40_000, 48_000, VOICE_BITRATE_BPS];
/// The same for the computer's sound, in two channels.
const SCREEN_STEPS: [u32; 5] = [24_000, 32_000, 48_000, 64_000, SCREEN_SOUND_BITRATE_BPS];
/// More must be there for this long before it is taken.
const UP_AFTER: Duration = Duration::from_secs(5);
/// The loss that is always prepared for, percent: we see how we reach the server, not how it reaches the others.
const LEAST_LOSS: u8 = 10;
/// libopus gains nothing from preparing for more, percent.
const MOST_LOSS: u8 = 40;
/// From this loss on a packet's copy of the one before needs bits of its own: at least this step.
const LOSSY: f32 = 0.03;
const LOSSY_STEP: usize = 1;

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoundTarget {
    /// Bit/s.
    pub bitrate_bps: u32,
    /// What in-band error correction prepares for, percent.
    pub expected_loss_percent: u8,
}

/// The policy for our sound.
#[derive(Debug)]
pub struct SoundRate {
    steps: &'static [u32],
    step: usize,
    loss: f32,
    /// What it may take, bit/s, as told last.
    allotted: Option<u64>,
    ample_since: Option<MediaTime>,
}

impl Default for SoundRate {
    fn default() -> Self {
        Self { steps: &STEPS, step: 1, loss: 0.0, allotted: None, ample_since: None }
    }
}

impl SoundRate {
    /// Begins at 32 kbit/s.
    pub fn new() -> Self {
        Self::default()
    }

    /// For the computer's sound, shared with the screen. Begins with the most, as music that begins poor is heard at once, and what
    /// the network carries is known by then.
    pub fn of_screen() -> Self {
        Self { steps: &SCREEN_STEPS, step: SCREEN_STEPS.len() - 1, ..Self::default() }
    }

    /// What to do now.
    pub fn target(&self) -> SoundTarget {
        let step = if self.loss >= LOSSY { self.step.max(LOSSY_STEP) } else { self.step };
        // Half as much again: what was lost of late is the mean, not the worst.
        let prepared = (self.loss * 150.0).round() as u8;
        SoundTarget { bitrate_bps: self.steps[step], expected_loss_percent: prepared.clamp(LEAST_LOSS, MOST_LOSS) }
    }

    /// It may take this much from now on, bit/s.
    pub fn allot(&mut self, now: MediaTime, bps: u64) {
        self.allotted = Some(bps);
        self.go_on(now);
    }

    /// What was allotted still holds. To be called every few seconds: that there is enough for more is known when it has lasted.
    pub fn go_on(&mut self, now: MediaTime) {
        let Some(bps) = self.allotted else { return };
        let fits = self.steps.iter().rposition(|step| u64::from(*step) <= bps).unwrap_or(0);
        if fits <= self.step {
            self.step = fits;
            self.ample_since = None;
            return;
        }
        if now.saturating_since(*self.ample_since.get_or_insert(now)) >= UP_AFTER {
            self.step += 1;
            self.ample_since = None;
        }
    }

    /// Of our packets, this share did not reach the server of late, 0 … 1.
    pub fn lost(&mut self, share: f32) {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        // Up at once, down slowly: losses come in bursts.
        self.loss = if share > self.loss { share } else { self.loss + (share - self.loss) * 0.2 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So much is told once, and holds.
    fn run(rate: &mut SoundRate, from_s: i64, for_s: i64, bps: u64) -> u32 {
        rate.allot(MediaTime::from_millis(from_s * 1000), bps);
        for s in (from_s..from_s + for_s).step_by(2) {
            rate.go_on(MediaTime::from_millis(s * 1000));
        }
        rate.target().bitrate_bps
    }

    #[test]
    fn a_wide_network_carries_the_best_and_a_narrow_one_still_speech() {
        let mut rate = SoundRate::new();
        assert_eq!(rate.target(), SoundTarget { bitrate_bps: 32_000, expected_loss_percent: 10 });
        assert_eq!(run(&mut rate, 0, 4, 125_000), 32_000, "not in haste");
        assert_eq!(run(&mut rate, 4, 30, 125_000), 64_000);
        rate.allot(MediaTime::from_millis(35_000), 18_000);
        assert_eq!(rate.target().bitrate_bps, 24_000, "down at once");
        assert_eq!(run(&mut rate, 36, 30, 1_000), 24_000, "never below what speech needs");
        assert_eq!(run(&mut rate, 70, 30, 43_000), 40_000);
    }

    #[test]
    fn the_computers_sound_begins_with_the_most_and_follows_the_network() {
        let mut rate = SoundRate::of_screen();
        rate.go_on(MediaTime::from_millis(0));
        assert_eq!(rate.target().bitrate_bps, 96_000, "nothing is known yet");
        assert_eq!(run(&mut rate, 0, 1, 62_000), 48_000, "down at once");
        assert_eq!(run(&mut rate, 1, 30, 12_000), 24_000);
        assert_eq!(run(&mut rate, 31, 4, 300_000), 24_000, "not in haste");
        assert_eq!(run(&mut rate, 35, 30, 300_000), 96_000);
    }

    #[test]
    fn loss_is_prepared_for_at_once_and_forgotten_slowly() {
        let mut rate = SoundRate::new();
        rate.allot(MediaTime(0), 6_000);
        rate.lost(0.2);
        assert_eq!(rate.target(), SoundTarget { bitrate_bps: 32_000, expected_loss_percent: 30 });
        rate.lost(0.0);
        assert_eq!(rate.target().expected_loss_percent, 24);
        (0..30).for_each(|_| rate.lost(0.0));
        assert_eq!(rate.target(), SoundTarget { bitrate_bps: 24_000, expected_loss_percent: 10 });
        rate.lost(f32::NAN);
        rate.lost(7.0);
        assert_eq!(rate.target().expected_loss_percent, 40);
    }
}
