//! The computer's sound, beside what we share: from its source to the room.

use std::sync::Arc;

use beckon_media::codec::{OpusConfig, OpusEncoder};
use beckon_media::frame::CHANNELS_STEREO;
use beckon_media::{AudioFrame, MediaTime, RunningSource, SourceError};
use beckon_rtc::{LocalTrack, SCREEN_SOUND_BITRATE_BPS};
use parking_lot::Mutex;

use super::audio_out::send;
use super::meters::SentMeter;
use crate::env::Devices;

/// Where the sound of one share goes, whether or not we are in a room.
pub(crate) struct ScreenSound {
    track: Mutex<Option<LocalTrack>>,
    meter: Arc<SentMeter>,
}

impl ScreenSound {
    pub(crate) fn new(meter: Arc<SentMeter>) -> Arc<Self> {
        Arc::new(Self { track: Mutex::new(None), meter })
    }

    /// The track in the present room, or none.
    pub(crate) fn set_track(&self, track: Option<LocalTrack>) {
        if let Some(track) = &track {
            self.meter.with(|m| m.track.sid = track.sid().to_string());
        }
        *self.track.lock() = track;
    }

    pub(crate) fn track(&self) -> Option<LocalTrack> {
        self.track.lock().clone()
    }

    /// Listens until what is returned is dropped.
    pub(crate) fn listen(self: &Arc<Self>, devices: &dyn Devices) -> Result<RunningSource, SourceError> {
        let source = devices.system_sound()?;
        self.meter.with(|m| {
            m.track.label = source.describe().label;
            m.track.encoder = "opus".to_owned();
        });
        let encoder = OpusEncoder::new(OpusConfig {
            channels: CHANNELS_STEREO,
            bitrate_bps: SCREEN_SOUND_BITRATE_BPS,
            fec: true,
            expected_loss_percent: 10,
            // Nothing plays most of the time.
            dtx: true,
            music: true,
        });
        let mut encoder =
            encoder.map_err(|e| SourceError::Device { device: "Opus".to_owned(), reason: e.to_string() })?;
        let out = self.clone();
        source.start(Box::new(move |frame| out.frame(&mut encoder, &frame)))
    }

    fn frame(&self, encoder: &mut OpusEncoder, frame: &AudioFrame) {
        let encoded = match encoder.encode(frame) {
            Ok(encoded) => encoded,
            Err(error) => return tracing::error!(%error, "cannot encode the computer's sound"),
        };
        let sent = encoded.as_ref().and_then(|packet| self.track().map(|track| send(&track, packet)));
        self.meter.with(|m| {
            m.track.captured += 1;
            m.track.encoded += u64::from(encoded.is_some());
            match sent {
                Some(true) => {
                    let now = MediaTime::now();
                    m.track.frames_sent += 1;
                    m.span = Some((m.span.map_or(now, |(first, _)| first), now));
                }
                Some(false) => m.track.frames_dropped += 1,
                None => {}
            }
        });
    }
}
