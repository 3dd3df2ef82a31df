//! Our sound: from the microphone, encoded, to the room.

use std::sync::Arc;

use beckon_media::codec::{CodecError, OpusConfig, OpusEncoder};
use beckon_media::{AudioFrame, AudioSink, MediaTime};
use beckon_rtc::{EncodedAudio, LocalTrack};
use parking_lot::Mutex;

use super::meters::SentMeter;
use crate::tryout::LevelMeter;

/// Opus for speech, bit/s.
const BITRATE_BPS: u32 = 32_000;
/// The loss that in-band error correction prepares for, percent.
const EXPECTED_LOSS: u8 = 10;

/// Where the microphone's sound goes, whichever microphone it is and whether or not we are in a room.
pub(crate) struct AudioOut {
    track: Mutex<Option<LocalTrack>>,
    pub(crate) meter: Arc<SentMeter>,
    level: Arc<LevelMeter>,
}

impl AudioOut {
    pub(crate) fn new(meter: Arc<SentMeter>, level: Arc<LevelMeter>) -> Arc<Self> {
        Arc::new(Self { track: Mutex::new(None), meter, level })
    }

    /// The track in the present room, or none.
    pub(crate) fn set_track(&self, track: Option<LocalTrack>) {
        let sid = track.as_ref().map(|t| t.sid().to_string());
        *self.track.lock() = track;
        self.meter.with(|m| {
            if let Some(sid) = sid {
                m.track.sid = sid;
            }
        });
    }

    pub(crate) fn track(&self) -> Option<LocalTrack> {
        self.track.lock().clone()
    }

    /// Takes what a microphone records, on the microphone's own thread: 20 ms of Opus take a fraction of one.
    pub(crate) fn sink(self: &Arc<Self>) -> Result<AudioSink, CodecError> {
        let config = OpusConfig {
            channels: 1,
            bitrate_bps: BITRATE_BPS,
            fec: true,
            expected_loss_percent: EXPECTED_LOSS,
            dtx: false,
            music: false,
        };
        let mut encoder = OpusEncoder::new(config)?;
        self.meter.with(|m| m.track.encoder = "opus".to_owned());
        let out = self.clone();
        Ok(Box::new(move |frame: AudioFrame| out.frame(&mut encoder, &frame)))
    }

    fn frame(&self, encoder: &mut OpusEncoder, frame: &AudioFrame) {
        self.level.add(frame);
        let encoded = encoder.encode(frame);
        let sent = match (&encoded, self.track()) {
            (Ok(Some(packet)), Some(track)) => {
                let level_dbov = Some(-i8::try_from(packet.level.min(127)).unwrap_or(i8::MAX));
                let data = packet.data.clone();
                let written = track.write_audio(EncodedAudio { data, capture_ns: packet.capture.0, level_dbov });
                if let Err(error) = written {
                    tracing::debug!(%error, "sound not sent");
                }
                Some(written.is_ok())
            }
            _ => None,
        };
        self.meter.with(|m| {
            m.track.captured += 1;
            m.track.encoded += u64::from(matches!(encoded, Ok(Some(_))));
            match sent {
                Some(true) => {
                    let now = MediaTime::now();
                    m.track.frames_sent += 1;
                    let first = m.span.map_or(now, |(first, _)| first);
                    m.span = Some((first, now));
                }
                Some(false) => m.track.frames_dropped += 1,
                None => {}
            }
        });
        if let Err(error) = encoded {
            tracing::error!(%error, "cannot encode our sound");
        }
    }
}
