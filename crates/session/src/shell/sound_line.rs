//! One source's sound on its way through Opus to the room, be it our voice or what the computer plays.

use beckon_media::codec::{CodecError, EncodedAudio as Packet, OpusConfig, OpusEncoder};
use beckon_media::{AudioFrame, MediaTime};
use beckon_rtc::{EncodedAudio, LocalTrack};

use super::coding::Coding;
use super::meters::SentMeter;
use crate::sound_rate::SoundTarget;

/// How often the encoder is told of the network, in 10 ms frames.
const TELL_EVERY: u64 = 200;

/// What belongs to one source that runs.
pub(super) struct SoundLine {
    encoder: OpusEncoder,
    target: SoundTarget,
    coding: Coding,
    frames: u64,
}

impl SoundLine {
    /// Bitrate and expected loss are the target's, all else is as in `config`.
    pub(super) fn new(target: SoundTarget, config: OpusConfig) -> Result<Self, CodecError> {
        let SoundTarget { bitrate_bps, expected_loss_percent } = target;
        let encoder = OpusEncoder::new(OpusConfig { bitrate_bps, expected_loss_percent, ..config })?;
        Ok(Self { encoder, target, coding: Coding::default(), frames: 0 })
    }

    /// 10 ms have come. True when it is time to [follow](Self::follow) the network.
    pub(super) fn tick(&mut self) -> bool {
        self.frames += 1;
        self.frames.is_multiple_of(TELL_EVERY)
    }

    /// The sound is sent like this from now on.
    pub(super) fn follow(&mut self, target: SoundTarget) {
        if std::mem::replace(&mut self.target, target) == target {
            return;
        }
        let set = self
            .encoder
            .set_bitrate(target.bitrate_bps)
            .and_then(|()| self.encoder.set_expected_loss(target.expected_loss_percent));
        if let Err(error) = set {
            tracing::warn!(%error, ?target, "an encoder of sound does not follow the network");
        }
    }

    /// What comes next does not follow what came last.
    pub(super) fn restart(&mut self) {
        self.encoder.restart();
    }

    /// Encodes 10 ms and brings what comes of it to the room. Gives what is to be told, as [`Coding::news`].
    pub(super) fn send(
        &mut self,
        frame: &AudioFrame,
        track: Option<&LocalTrack>,
        meter: &SentMeter,
    ) -> Option<Option<CodecError>> {
        let encoded = self.encoder.encode(frame);
        let packet = encoded.as_ref().ok().and_then(Option::as_ref);
        let taken = packet.zip(track).map(|(packet, track)| write(track, packet));
        meter.with(|m| {
            m.track.captured += 1;
            if packet.is_some() {
                m.encoded(MediaTime::now(), taken);
            }
        });
        self.coding.news(encoded)
    }
}

/// Brings a packet to the room; false when it was not taken.
fn write(track: &LocalTrack, packet: &Packet) -> bool {
    let level_dbov = Some(-i8::try_from(packet.level.min(127)).unwrap_or(i8::MAX));
    let data = packet.data.clone();
    let written = track.write_audio(EncodedAudio { data, capture_ns: packet.capture.0, level_dbov });
    if let Err(error) = &written {
        tracing::debug!(%error, "sound not sent");
    }
    written.is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line() -> SoundLine {
        let target = SoundTarget { bitrate_bps: 32_000, expected_loss_percent: 10 };
        SoundLine::new(target, OpusConfig::default()).unwrap()
    }

    #[test]
    fn sound_for_which_there_is_no_track_is_encoded_and_counts_neither_as_sent_nor_as_dropped() {
        let (mut line, meter) = (line(), SentMeter::new("audio"));
        let samples: Vec<f32> = (0..480).map(|s| if s % 8 < 4 { 0.2 } else { -0.2 }).collect();
        let frame = AudioFrame::new(samples, 1, MediaTime(0));
        for _ in 0..6 {
            assert!(line.send(&frame, None, &meter).is_none());
        }
        meter.with(|m| {
            let t = &m.track;
            assert_eq!((t.captured, t.encoded, t.frames_sent, t.frames_dropped), (6, 3, 0, 0));
        });
    }

    #[test]
    fn the_network_is_followed_every_two_seconds() {
        let mut line = line();
        assert_eq!((1..=600).filter(|_| line.tick()).collect::<Vec<_>>(), [200, 400, 600]);
    }
}
