//! The computer's sound, beside what we share: from its source to the room.

use std::sync::Arc;

use beckon_media::codec::{CodecError, OpusConfig};
use beckon_media::frame::CHANNELS_STEREO;
use beckon_media::{AudioFrame, MediaTime, RunningSource, SourceError};
use beckon_protocol::Code;
use beckon_rtc::LocalTrack;
use parking_lot::Mutex;

use super::meters::SentMeter;
use super::screen::Reporter;
use super::sound_line::SoundLine;
use crate::core::ScreenNews;
use crate::env::Devices;
use crate::error::SessionError;
use crate::sound_rate::SoundRate;

/// Where the sound of one share goes, whether or not we are in a room.
pub(crate) struct ScreenSound {
    track: Mutex<Option<LocalTrack>>,
    rate: Mutex<SoundRate>,
    meter: Arc<SentMeter>,
    reporter: Reporter,
}

impl ScreenSound {
    pub(crate) fn new(meter: Arc<SentMeter>, reporter: Reporter) -> Arc<Self> {
        let rate = Mutex::new(SoundRate::of_screen());
        Arc::new(Self { track: Mutex::new(None), rate, meter, reporter })
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

    /// It may take so much of the bandwidth, bit/s.
    pub(crate) fn allot(&self, bps: u64) {
        self.rate.lock().allot(MediaTime::now(), bps);
    }

    /// What it is sent with, bit/s; `None` while it is not.
    pub(crate) fn sends_bps(&self) -> Option<u32> {
        let sends = self.track.lock().as_ref().is_some_and(|track| !track.is_muted());
        sends.then(|| self.rate.lock().target().bitrate_bps)
    }

    /// Listens until what is returned is dropped.
    pub(crate) fn listen(self: &Arc<Self>, devices: &dyn Devices) -> Result<RunningSource, SourceError> {
        let source = devices.system_sound()?;
        self.meter.with(|m| {
            m.track.label = source.describe().label;
            m.track.encoder = "opus".to_owned();
        });
        let target = self.rate.lock().target();
        // Nothing plays most of the time.
        let config = OpusConfig { channels: CHANNELS_STEREO, dtx: true, music: true, ..OpusConfig::default() };
        let mut line = SoundLine::new(target, config)
            .map_err(|e| SourceError::Device { device: "Opus".to_owned(), reason: e.to_string() })?;
        let out = self.clone();
        source.start(Box::new(move |frame| out.frame(&mut line, &frame)))
    }

    fn frame(&self, line: &mut SoundLine, frame: &AudioFrame) {
        if line.tick() {
            let target = {
                let mut rate = self.rate.lock();
                rate.go_on(MediaTime::now());
                rate.target()
            };
            line.follow(target);
        }
        if let Some(failed) = line.send(frame, self.track().as_ref(), &self.meter) {
            self.tell_coded(failed);
        }
    }

    /// Tells the person when the computer's sound cannot be coded, and when it can again.
    fn tell_coded(&self, failed: Option<CodecError>) {
        let failed = failed.map(|error| {
            tracing::error!(%error, "cannot encode the computer's sound");
            SessionError::new(Code::ScreenSoundCodecUnavailable, error.to_string())
        });
        self.reporter.tell(ScreenNews::SoundCoded(failed));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::core::Input;
    use crate::shell::Message;

    #[test]
    fn the_person_is_told_when_it_cannot_be_coded_and_when_it_can_again() {
        let (messages, mut told) = tokio::sync::mpsc::unbounded_channel();
        let out = ScreenSound::new(SentMeter::new("screenAudio"), Reporter::new(3, messages));
        for failed in [Some(CodecError::NoDecoder { codec: "Opus" }), None] {
            let code = failed.as_ref().map(|_| Code::ScreenSoundCodecUnavailable);
            out.tell_coded(failed);
            let Message::Input(Input::Screen { generation: 3, news: ScreenNews::SoundCoded(news) }) =
                told.try_recv().unwrap()
            else {
                panic!("something else")
            };
            assert_eq!(news.map(|error| error.code), code);
        }
    }
}
