//! A microphone whose loudness is watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use beckon_media::audio_io::DeviceEvent;
use beckon_media::{AudioFrame, RunningSource};

use super::explain;
use crate::core::Device;
use crate::env::SessionEnv;
use crate::error::SessionError;
use crate::request::MicrophoneChoice;

/// Loudness that a meter shows as nothing, dB of full scale.
const FLOOR_DBFS: f32 = -60.0;

/// Loudness between two looks at a meter: 0 is −60 dB of full scale or less, 1 is full scale.
#[derive(Debug, Default)]
pub(crate) struct LevelMeter(AtomicU32);

impl LevelMeter {
    /// Takes 10 ms of sound.
    pub(crate) fn add(&self, frame: &AudioFrame) {
        let level = 1.0 - 20.0 * frame.rms().max(1e-6).log10() / FLOOR_DBFS;
        // Positive floats are ordered as their bits are.
        self.0.fetch_max(level.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
    }

    /// The loudest 10 ms since the last look.
    pub(crate) fn look(&self) -> f32 {
        f32::from_bits(self.0.swap(0, Ordering::Relaxed))
    }
}

/// A microphone that is open; nothing of it is kept or sent.
pub struct MicrophoneTryout {
    level: Arc<LevelMeter>,
    _running: RunningSource,
}

impl MicrophoneTryout {
    /// Opens the microphone. `news` is called on the device's own thread when it works, with its name, and when it does
    /// not, with why; it comes back by itself.
    ///
    /// # Errors
    /// Why it cannot be opened, with the code that a room would show.
    pub fn open(
        env: &SessionEnv,
        choice: &MicrophoneChoice,
        mut news: impl FnMut(Result<String, SessionError>) + Send + 'static,
    ) -> Result<Self, SessionError> {
        let listener = Box::new(move |event| match event {
            DeviceEvent::Opened { label, .. } => news(Ok(label)),
            DeviceEvent::Lost(error) => news(Err(explain(&error, Device::Microphone))),
        });
        let source = env.devices.microphone(choice, listener).map_err(|e| explain(&e, Device::Microphone))?;
        let level = Arc::new(LevelMeter::default());
        let meter = level.clone();
        let running = source
            .start(Box::new(move |frame: AudioFrame| meter.add(&frame)))
            .map_err(|e| explain(&e, Device::Microphone))?;
        Ok(Self { level, _running: running })
    }

    /// The loudest 10 ms since the last call: 0 is −60 dB of full scale or less, 1 is full scale.
    pub fn level(&self) -> f32 {
        self.level.look()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beckon_media::MediaTime;

    #[test]
    fn the_meter_shows_the_loudest_part_since_the_last_look() {
        let meter = LevelMeter::default();
        let frame = |amplitude: f32| AudioFrame::new(vec![amplitude; 480], 1, MediaTime(0));
        assert_eq!(meter.look(), 0.0);
        meter.add(&frame(0.1));
        meter.add(&frame(0.001));
        assert!((meter.look() - 2.0 / 3.0).abs() < 0.01, "-20 dB lies two thirds up");
        meter.add(&frame(1.0));
        assert!((meter.look() - 1.0).abs() < 0.01);
        meter.add(&frame(0.0));
        assert_eq!(meter.look(), 0.0);
    }
}
