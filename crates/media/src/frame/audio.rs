use std::sync::Arc;

use crate::clock::MediaTime;

/// Samples per second of every audio frame.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples per channel of every audio frame: 10 ms.
pub const SAMPLES_PER_CHANNEL: usize = 480;
/// Channels of a stereo frame.
pub const CHANNELS_STEREO: u16 = 2;

/// 10 ms of sound at 48 kHz; cloning is cheap.
#[derive(Clone, Debug)]
pub struct AudioFrame {
    /// Interleaved samples, nominally −1 … 1; 480 per channel.
    pub samples: Arc<[f32]>,
    /// Number of interleaved channels, 1 or 2.
    pub channels: u16,
    /// When the first sample was captured.
    pub capture: MediaTime,
}

impl AudioFrame {
    /// A frame of interleaved samples.
    pub fn new(samples: impl Into<Arc<[f32]>>, channels: u16, capture: MediaTime) -> Self {
        Self { samples: samples.into(), channels, capture }
    }

    /// 10 ms of silence.
    pub fn silence(channels: u16, capture: MediaTime) -> Self {
        Self::new(vec![0.0; SAMPLES_PER_CHANNEL * usize::from(channels)], channels, capture)
    }

    /// Root mean square of all samples, 0 … 1.
    pub fn rms(&self) -> f32 {
        if self.samples.is_empty() {
            return 0.0;
        }
        let sum: f32 = self.samples.iter().map(|s| s * s).sum();
        (sum / self.samples.len() as f32).sqrt()
    }

    /// Level in dB below full scale as RFC 6464 wants it: 0 (loudest) … 127 (silence).
    pub fn level_dbov(&self) -> u8 {
        let rms = self.rms();
        if rms <= 0.0 {
            return 127;
        }
        (-20.0 * rms.log10()).round().clamp(0.0, 127.0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_of_silence_is_127_and_of_full_scale_0() {
        assert_eq!(AudioFrame::silence(2, MediaTime(0)).level_dbov(), 127);
        assert_eq!(AudioFrame::new(vec![1.0; 480], 1, MediaTime(0)).level_dbov(), 0);
        assert_eq!(AudioFrame::new(vec![0.1; 480], 1, MediaTime(0)).level_dbov(), 20);
    }
}
