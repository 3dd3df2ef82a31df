//! Who speaks: from the audio levels in RTP headers (RFC 6464).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::ids::ParticipantKey;

/// Levels are gathered this long before they are judged.
const WINDOW: Duration = Duration::from_millis(300);
/// Quieter than this (in -dBov) is not speech.
const THRESHOLD: u8 = 40;
/// Share of the window that must be loud for a participant to become a speaker, in percent.
const SHARE_TO_START: u32 = 30;
/// Share below which a speaker has stopped.
const SHARE_TO_STOP: u32 = 10;
/// How much of the old level remains in the new one at each step.
const SMOOTHING: f32 = 0.5;

/// One speaker as told to clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speaker {
    /// Who.
    pub participant: ParticipantKey,
    /// Loudness from 0 (silent) to 1 (full scale).
    pub level: f32,
    /// Whether it speaks now.
    pub active: bool,
}

#[derive(Debug, Default)]
struct Voice {
    packets: u32,
    loud: u32,
    loudest: f32,
    level: f32,
    active: bool,
    told: f32,
}

/// Decides who speaks in a room.
#[derive(Debug)]
pub struct SpeakerDetector {
    voices: HashMap<ParticipantKey, Voice>,
    next: Instant,
}

impl SpeakerDetector {
    /// Starts listening at `now`.
    pub fn new(now: Instant) -> Self {
        Self { voices: HashMap::new(), next: now + WINDOW }
    }

    /// One audio packet of a participant, `level` in -dBov (0 loudest, 127 silent).
    pub fn observe(&mut self, participant: ParticipantKey, level: u8) {
        let voice = self.voices.entry(participant).or_default();
        voice.packets += 1;
        if level <= THRESHOLD {
            voice.loud += 1;
        }
        voice.loudest = voice.loudest.max(loudness(level));
    }

    /// Judges the window that just ended. Gives the participants whose state changed (or whose
    /// level changed noticeably while they speak), loudest first.
    pub fn poll(&mut self, now: Instant) -> Vec<Speaker> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + WINDOW;
        let mut changed = Vec::new();
        self.voices.retain(|&participant, voice| {
            let share = (voice.loud * 100).checked_div(voice.packets).unwrap_or(0);
            let was = voice.active;
            voice.active = share >= if was { SHARE_TO_STOP } else { SHARE_TO_START };
            let heard = if voice.active { voice.loudest } else { 0.0 };
            voice.level = voice.level * SMOOTHING + heard * (1.0 - SMOOTHING);
            let silent = voice.packets == 0;
            (voice.packets, voice.loud, voice.loudest) = (0, 0, 0.0);
            if voice.active != was || (voice.active && (voice.level - voice.told).abs() > 0.05) {
                voice.told = voice.level;
                let level = if voice.active { voice.level } else { 0.0 };
                changed.push(Speaker { participant, level, active: voice.active });
            }
            voice.active || !silent
        });
        changed.sort_by(|a, b| b.level.total_cmp(&a.level));
        changed
    }

    /// Those who speak now, loudest first.
    pub fn active(&self) -> Vec<Speaker> {
        let mut speakers: Vec<_> = self
            .voices
            .iter()
            .filter(|(_, v)| v.active)
            .map(|(&participant, v)| Speaker { participant, level: v.level, active: true })
            .collect();
        speakers.sort_by(|a, b| b.level.total_cmp(&a.level));
        speakers
    }

    /// Forgets a participant.
    pub fn remove(&mut self, participant: ParticipantKey) {
        self.voices.remove(&participant);
    }
}

/// Amplitude of a level in -dBov.
fn loudness(level: u8) -> f32 {
    10f32.powf(-f32::from(level.min(127)) / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ParticipantKey = ParticipantKey(1);
    const B: ParticipantKey = ParticipantKey(2);

    fn hear(d: &mut SpeakerDetector, now: &mut Instant, levels: &[(ParticipantKey, u8)]) -> Vec<Speaker> {
        for _ in 0..15 {
            for &(who, level) in levels {
                d.observe(who, level);
            }
        }
        *now += WINDOW;
        d.poll(*now)
    }

    #[test]
    fn a_loud_voice_becomes_a_speaker_and_stops_being_one() {
        let mut now = Instant::now();
        let mut d = SpeakerDetector::new(now);
        let changed = hear(&mut d, &mut now, &[(A, 20), (B, 90)]);
        assert_eq!(changed.len(), 1);
        assert!(changed[0].active && changed[0].participant == A && changed[0].level > 0.0);
        let changed = hear(&mut d, &mut now, &[(A, 127), (B, 90)]);
        assert_eq!(changed, [Speaker { participant: A, level: 0.0, active: false }]);
        assert!(hear(&mut d, &mut now, &[(A, 127)]).is_empty());
    }

    #[test]
    fn the_loudest_comes_first() {
        let mut now = Instant::now();
        let mut d = SpeakerDetector::new(now);
        let changed = hear(&mut d, &mut now, &[(A, 35), (B, 10)]);
        assert_eq!(changed.iter().map(|s| s.participant).collect::<Vec<_>>(), [B, A]);
        assert_eq!(d.active().len(), 2);
    }

    #[test]
    fn a_speaker_whose_packets_stop_is_silent() {
        let mut now = Instant::now();
        let mut d = SpeakerDetector::new(now);
        hear(&mut d, &mut now, &[(A, 10)]);
        let changed = hear(&mut d, &mut now, &[]);
        assert!(!changed[0].active);
    }

    #[test]
    fn a_single_click_is_not_speech() {
        let mut now = Instant::now();
        let mut d = SpeakerDetector::new(now);
        d.observe(A, 5);
        assert!(hear(&mut d, &mut now, &[(A, 100)]).is_empty());
    }
}
