//! Our sound: from the microphone, made fit for others and encoded, to the room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use beckon_media::codec::{CodecError, OpusConfig};
use beckon_media::voice::{FarEnd, VoiceActivity, VoiceControl, VoiceProcessor};
use beckon_media::{AudioFrame, AudioSink, MediaTime};
use beckon_protocol::Code;
use beckon_rtc::{LocalTrack, Room};
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use super::Message;
use super::meters::{Meters, SentMeter};
use super::sound_line::SoundLine;
use crate::core::{Device, Input};
use crate::error::SessionError;
use crate::rate::{Direction, Strain};
use crate::sound::SoundSettings;
use crate::sound_rate::SoundRate;
use crate::tryout::LevelMeter;

/// Where the microphone's sound goes, whichever microphone it is and whether or not we are in a room.
pub(crate) struct AudioOut {
    track: Mutex<Option<(LocalTrack, Option<Room>)>>,
    pub(crate) meter: Arc<SentMeter>,
    /// Closed while muted: nothing passes to the encoder, though the microphone may be open for the hint.
    sends: AtomicBool,
    hints: AtomicBool,
    control: VoiceControl,
    far_end: FarEnd,
    rate: Mutex<SoundRate>,
    messages: UnboundedSender<Message>,
    level: Arc<LevelMeter>,
    strain: Arc<Mutex<Strain>>,
}

/// What belongs to one microphone that is open.
struct Line {
    /// Made sound, a test's for example, is left as it is.
    voice: Option<VoiceProcessor>,
    sound: SoundLine,
    activity: VoiceActivity,
    talks_muted: bool,
    sent_before: bool,
}

impl AudioOut {
    pub(crate) fn new(
        settings: SoundSettings,
        far_end: FarEnd,
        meters: Arc<Meters>,
        strain: Arc<Mutex<Strain>>,
        messages: UnboundedSender<Message>,
    ) -> Arc<Self> {
        Arc::new(Self {
            track: Mutex::new(None),
            meter: meters.audio.clone(),
            sends: AtomicBool::new(false),
            hints: AtomicBool::new(settings.mute_hint),
            control: VoiceControl::new(settings.voice()),
            far_end,
            rate: Mutex::default(),
            messages,
            level: meters.level.clone(),
            strain,
        })
    }

    /// The track in the present room, or none; the room tells of its losses.
    pub(crate) fn set_track(&self, track: Option<LocalTrack>, room: Option<&Room>) {
        let sid = track.as_ref().map(|t| t.sid().to_string());
        *self.track.lock() = track.map(|t| (t, room.cloned()));
        self.meter.with(|m| {
            if let Some(sid) = sid {
                m.track.sid = sid;
            }
        });
    }

    pub(crate) fn track(&self) -> Option<LocalTrack> {
        self.track.lock().as_ref().map(|(track, _)| track.clone())
    }

    /// What the person set, from the next 10 ms on.
    pub(crate) fn set_settings(&self, settings: SoundSettings) {
        self.control.set(settings.voice());
        self.hints.store(settings.mute_hint, Ordering::Relaxed);
    }

    /// Whether what the microphone hears may leave this machine.
    pub(crate) fn set_sends(&self, sends: bool) {
        self.sends.store(sends, Ordering::SeqCst);
    }

    /// It may take so much of the bandwidth, bit/s.
    pub(crate) fn allot(&self, bps: u64) {
        self.rate.lock().allot(MediaTime::now(), bps);
    }

    /// What it is sent with, bit/s; `None` while it is not.
    pub(crate) fn sends_bps(&self) -> Option<u32> {
        let sends = self.track.lock().as_ref().is_some_and(|(track, _)| !track.is_muted());
        sends.then(|| self.rate.lock().target().bitrate_bps)
    }

    /// Takes what a microphone records, on the microphone's own thread: processing and Opus take a fraction of its
    /// 10 ms. `synthetic` sound goes out as it comes in.
    pub(crate) fn sink(self: &Arc<Self>, synthetic: bool) -> Result<AudioSink, CodecError> {
        let target = self.rate.lock().target();
        let sound = SoundLine::new(target, OpusConfig { dtx: !synthetic, ..OpusConfig::default() })?;
        self.meter.with(|m| m.track.encoder = "opus".to_owned());
        let voice = (!synthetic).then(|| VoiceProcessor::new(self.control.clone(), self.far_end.clone()));
        let mut line = Line { voice, sound, activity: VoiceActivity::new(), talks_muted: false, sent_before: false };
        // Of the one before nothing is known of this one.
        self.tell_coded(None);
        let out = self.clone();
        Ok(Box::new(move |frame: AudioFrame| out.frame(&mut line, frame)))
    }

    fn frame(&self, line: &mut Line, frame: AudioFrame) {
        let due = line.sound.tick();
        self.strain.lock().sound(MediaTime::now(), Direction::Out);
        let sends = self.sends.load(Ordering::SeqCst);
        // Also while muted: the person alone sees it.
        self.level.add(&frame);
        // Also while muted: what it has learnt of the room stays good.
        let frame = match &mut line.voice {
            Some(voice) => voice.process(frame),
            None => frame,
        };
        self.hint(line, &frame, sends);
        if sends && !line.sent_before {
            line.sound.restart();
            // What was heard while muted says nothing of the next time.
            line.activity = VoiceActivity::new();
        }
        line.sent_before = sends;
        if !sends {
            return;
        }
        if due {
            self.follow_network(&mut line.sound);
        }
        if let Some(failed) = line.sound.send(&frame, self.track().as_ref(), &self.meter) {
            self.tell_coded(failed);
        }
    }

    /// Tells the person when our sound cannot be coded, and when it can again.
    fn tell_coded(&self, failed: Option<CodecError>) {
        let failed = failed.map(|error| {
            tracing::error!(%error, "cannot encode our sound");
            SessionError::new(Code::SoundCodecUnavailable, error.to_string())
        });
        // After the end nobody wants to know.
        let _ = self.messages.send(Message::Input(Input::Coded { device: Device::Microphone, failed }));
    }

    /// Notices when somebody begins or stops to talk while muted.
    fn hint(&self, line: &mut Line, frame: &AudioFrame, sends: bool) {
        let talks = !sends && self.hints.load(Ordering::Relaxed) && line.activity.hear(frame);
        if talks != line.talks_muted {
            line.talks_muted = talks;
            // After the end nobody wants to know.
            let _ = self.messages.send(Message::Input(Input::TalksMuted(talks)));
        }
    }

    fn follow_network(&self, sound: &mut SoundLine) {
        let loss = match &*self.track.lock() {
            Some((track, Some(room))) => {
                let sid = track.sid();
                room.stats().local.iter().find(|t| t.sid == sid).and_then(|t| t.loss)
            }
            _ => None,
        };
        let target = {
            let mut rate = self.rate.lock();
            if let Some(loss) = loss {
                rate.lost(loss);
            }
            rate.go_on(MediaTime::now());
            rate.target()
        };
        sound.follow(target);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    /// A muted microphone that stays open for the hint, its meters, what it tells, and where its sound goes.
    fn muted() -> (Arc<AudioOut>, Arc<Meters>, UnboundedReceiver<Message>, AudioSink) {
        let (messages, mut told) = unbounded_channel();
        let meters = Arc::new(Meters::new());
        let settings = SoundSettings { mute_hint: true, ..SoundSettings::default() };
        let out = AudioOut::new(settings, FarEnd::new(), meters.clone(), Arc::default(), messages);
        let sink = out.sink(true).unwrap();
        assert!(matches!(told.try_recv(), Ok(Message::Input(Input::Coded { failed: None, .. }))));
        (out, meters, told, sink)
    }

    /// Syllables, or silence, of so many hundredths of a second.
    fn hear(sink: &mut AudioSink, frames: usize, talks: bool) {
        for n in 0..frames {
            let loud = if talks && n % 20 < 12 { 0.2 } else { 0.0 };
            let samples: Vec<f32> = (0..480).map(|s| if s % 8 < 4 { loud } else { -loud }).collect();
            sink(AudioFrame::new(samples, 1, MediaTime(0)));
        }
    }

    #[test]
    fn talking_while_muted_is_told_once_and_so_is_its_end() {
        let (_out, _, mut told, mut sink) = muted();
        hear(&mut sink, 200, false);
        assert!(told.try_recv().is_err(), "nobody talks");
        hear(&mut sink, 100, true);
        hear(&mut sink, 200, false);
        let news: Vec<_> = std::iter::from_fn(|| told.try_recv().ok())
            .map(|message| matches!(message, Message::Input(Input::TalksMuted(true))))
            .collect();
        assert_eq!(news, [true, false]);
    }

    #[test]
    fn who_talked_while_muted_before_and_is_silent_now_is_told_nothing() {
        let (out, _, mut told, mut sink) = muted();
        hear(&mut sink, 100, true);
        out.set_sends(true);
        hear(&mut sink, 100, true);
        while told.try_recv().is_ok() {}
        out.set_sends(false);
        hear(&mut sink, 100, false);
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn the_person_is_told_when_it_cannot_be_coded_and_when_it_can_again() {
        let (out, _, mut told, _sink) = muted();
        for failed in [Some(CodecError::NoDecoder { codec: "Opus" }), None] {
            let code = failed.as_ref().map(|_| Code::SoundCodecUnavailable);
            out.tell_coded(failed);
            let Message::Input(Input::Coded { device: Device::Microphone, failed }) = told.try_recv().unwrap() else {
                panic!("something else")
            };
            assert_eq!(failed.map(|error| error.code), code);
        }
    }

    #[test]
    fn the_person_sees_the_level_of_a_muted_microphone_and_nothing_of_it_is_coded() {
        let (out, meters, _told, mut sink) = muted();
        let coded = || {
            let mut coded = 0;
            out.meter.with(|m| coded = m.track.encoded);
            coded
        };
        hear(&mut sink, 50, true);
        assert!(meters.level.look() > 0.7);
        assert_eq!(coded(), 0);
        out.set_sends(true);
        hear(&mut sink, 50, true);
        assert!(coded() > 0 && meters.level.look() > 0.7);
    }
}
