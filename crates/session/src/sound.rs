//! How the person wants sound to be treated.

use beckon_media::voice;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How much of steady noise is taken out of our sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum NoiseSuppression {
    /// None.
    Off,
    /// A little; leaves music alone most.
    Low,
    /// For an office.
    #[default]
    Medium,
    /// For a fan beside the microphone.
    High,
}

/// What is done to our sound, and when it is sent. Holds at once, also in a room.
///
/// The parts of the processing are on by default. The two that keep the microphone open while it is muted are off:
/// a muted microphone is a closed one unless the person wants it otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct SoundSettings {
    /// Take away what our loudspeaker plays.
    pub echo_cancellation: bool,
    /// Take away steady noise.
    pub noise_suppression: NoiseSuppression,
    /// Bring quiet and loud voices to the same level.
    pub automatic_gain: bool,
    /// Cut rumble below the voice.
    pub high_pass: bool,
    /// Tell when we talk while muted. For that a muted microphone stays open; what it hears is judged here, by its
    /// loudness, and goes nowhere.
    pub mute_hint: bool,
    /// While muted, holding a key lets us talk. For that a muted microphone stays open, so that the first word is
    /// heard; what it hears before goes nowhere.
    pub push_to_talk: bool,
}

impl Default for SoundSettings {
    fn default() -> Self {
        Self {
            echo_cancellation: true,
            noise_suppression: NoiseSuppression::default(),
            automatic_gain: true,
            high_pass: true,
            mute_hint: false,
            push_to_talk: false,
        }
    }
}

impl SoundSettings {
    /// For the processing.
    pub(crate) fn voice(self) -> voice::VoiceSettings {
        voice::VoiceSettings {
            echo_cancellation: self.echo_cancellation,
            noise_suppression: match self.noise_suppression {
                NoiseSuppression::Off => voice::NoiseSuppression::Off,
                NoiseSuppression::Low => voice::NoiseSuppression::Low,
                NoiseSuppression::Medium => voice::NoiseSuppression::Medium,
                NoiseSuppression::High => voice::NoiseSuppression::High,
            },
            automatic_gain: self.automatic_gain,
            high_pass: self.high_pass,
        }
    }

    /// Whether a muted microphone stays open.
    pub(crate) fn stays_open(self) -> bool {
        self.mute_hint || self.push_to_talk
    }
}

/// Loudest volume of a person, percent.
pub const VOLUME_MAX: u16 = 200;
/// The volume of a person that nobody changed, percent.
pub const VOLUME_DEFAULT: u16 = 100;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_processing_is_on_and_a_muted_microphone_closed_unless_wanted_otherwise() {
        let settings = SoundSettings::default();
        assert_eq!(settings.voice(), voice::VoiceSettings::default());
        assert!(!settings.stays_open());
        let read: SoundSettings = serde_json::from_str(r#"{"noiseSuppression":"high","muteHint":true}"#).unwrap();
        assert!(read.echo_cancellation && read.stays_open());
        assert_eq!(read.voice().noise_suppression, voice::NoiseSuppression::High);
    }
}
