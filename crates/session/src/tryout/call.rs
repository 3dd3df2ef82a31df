//! A call with oneself: some seconds of picture and sound go the way they would go to the others, coded and decoded, and
//! are played back.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use beckon_media::audio_io::{DeviceEvent, Render};
use beckon_media::codec::{
    CodecError, EncoderConfig, OpusConfig, OpusDecoder, OpusEncoder, VideoCodec, VideoDecoder, VideoEncoder,
};
use beckon_media::frame::SAMPLE_RATE;
use beckon_media::latest::{self, RecvError};
use beckon_media::voice::{FarEnd, VoiceControl, VoiceProcessor};
use beckon_media::{AudioFrame, AudioSink, LatestReceiver, MediaTime, RunningSource, SourceError, VideoFrame};
use beckon_protocol::{Code, beauty::BeautySettings};
use parking_lot::{Condvar, Mutex};

use super::explain;
use super::microphone::LevelMeter;
use super::recording::{Recording, Track};
use crate::beauty::{BeautyStep, BeautyWish};
use crate::core::Device;
use crate::env::SessionEnv;
use crate::error::SessionError;
use crate::rate::Pacer;
use crate::request::{CameraChoice, MicrophoneChoice, SpeakerChoice, VideoSettings};
use crate::shell::fit;
use crate::sound::SoundSettings;
use crate::tiles::Fanout;

/// How long is recorded.
const LENGTH: Duration = Duration::from_secs(5);
/// A loudspeaker that has not asked for sound by then does not play; the pictures are shown all the same.
const SPEAKER_PATIENCE: Duration = Duration::from_secs(3);
/// How often a wait looks whether the call is to end.
const GLANCE: Duration = Duration::from_millis(20);
/// Before the loudspeaker has asked for the first sound.
const NOT_YET: i64 = i64::MIN;

/// Where a test call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestCallStage {
    /// Picture and sound are being recorded.
    Recording,
    /// They are being played back.
    Playing,
    /// It is over; with it what did not work, if anything.
    Over(Vec<SessionError>),
}

/// The devices of a test call.
#[derive(Debug, Clone)]
pub struct TestCallDevices {
    /// Whose pictures.
    pub camera: CameraChoice,
    /// Whose sound.
    pub microphone: MicrophoneChoice,
    /// Where it is played back.
    pub speaker: SpeakerChoice,
    /// How pictures are coded.
    pub video: VideoSettings,
    /// How they are filtered.
    pub beauty: BeautySettings,
    /// What is done to the sound.
    pub sound: SoundSettings,
}

/// A test call under way; dropping it ends it.
pub struct TestCall {
    quit: Arc<Quit>,
    pictures: Arc<Fanout>,
    level: Arc<LevelMeter>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Quit {
    wanted: Mutex<bool>,
    changed: Condvar,
}

impl Quit {
    fn wanted(&self) -> bool {
        *self.wanted.lock()
    }

    /// Waits until that time. True when the call is to end before.
    fn wait_until(&self, at: MediaTime) -> bool {
        let mut wanted = self.wanted.lock();
        while !*wanted {
            let left = at.saturating_since(MediaTime::now());
            if left.is_zero() || self.changed.wait_for(&mut wanted, left).timed_out() {
                break;
            }
        }
        *wanted
    }
}

impl TestCall {
    /// Starts it on a thread of its own. `told` is called there at each stage; [`TestCallStage::Over`] is the last.
    ///
    /// # Errors
    /// [`Code::Internal`] when the system gives no thread.
    pub fn start(
        env: SessionEnv,
        devices: TestCallDevices,
        told: impl FnMut(TestCallStage) + Send + 'static,
    ) -> Result<Self, SessionError> {
        let (quit, pictures, level) = (Arc::<Quit>::default(), Arc::<Fanout>::default(), Arc::<LevelMeter>::default());
        let work = Work {
            env,
            devices,
            quit: quit.clone(),
            pictures: pictures.clone(),
            level: level.clone(),
            problems: vec![],
        };
        let thread = std::thread::Builder::new()
            .name("test-call".to_owned())
            .spawn(move || work.run(told))
            .map_err(|e| SessionError::new(Code::Internal, format!("cannot start a thread for the test call: {e}")))?;
        Ok(Self { quit, pictures, level, thread: Some(thread) })
    }

    /// What the camera sees while it is recorded, and then what was recorded.
    pub fn pictures(&self) -> LatestReceiver<VideoFrame> {
        self.pictures.tap()
    }

    /// The microphone's level as [`super::MicrophoneTryout::level`], while it is recorded.
    pub fn level(&self) -> f32 {
        self.level.look()
    }
}

impl Drop for TestCall {
    fn drop(&mut self) {
        *self.quit.wanted.lock() = true;
        self.quit.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the test call's thread panicked");
        }
    }
}

struct Work {
    env: SessionEnv,
    devices: TestCallDevices,
    quit: Arc<Quit>,
    pictures: Arc<Fanout>,
    level: Arc<LevelMeter>,
    problems: Vec<SessionError>,
}

impl Work {
    fn run(mut self, mut told: impl FnMut(TestCallStage)) {
        if let Some(recording) = self.record(&mut told) {
            told(TestCallStage::Playing);
            self.play(recording);
        }
        self.pictures.clear();
        told(TestCallStage::Over(self.problems));
    }

    /// Records for a while. None when nothing could be recorded, or the call is to end.
    fn record(&mut self, told: &mut impl FnMut(TestCallStage)) -> Option<Recording> {
        let recording = Arc::new(Mutex::new(Recording::default()));
        let camera = self.camera().map_err(|error| self.problems.push(error)).ok();
        let microphone = self.microphone(&recording).map_err(|error| self.problems.push(error)).ok();
        if camera.is_none() && microphone.is_none() {
            return None;
        }
        told(TestCallStage::Recording);
        let end = MediaTime::now() + LENGTH;
        match &camera {
            Some((_, taken)) => {
                if let Err(error) = self.take_pictures(taken, &recording, end) {
                    self.problems.push(SessionError::new(Code::CodecUnavailable, error.to_string()));
                }
            }
            None => {
                self.quit.wait_until(end);
            }
        }
        // Closed before anything is heard of it: a microphone beside the loudspeaker has no business now.
        drop((camera, microphone));
        let recording = std::mem::take(&mut *recording.lock());
        (!self.quit.wanted() && !recording.is_empty()).then_some(recording)
    }

    fn camera(&self) -> Result<(RunningSource, LatestReceiver<VideoFrame>), SessionError> {
        let failed = |error: SourceError| explain(&error, Device::Camera);
        let source = self.env.devices.camera(&self.devices.camera, self.devices.video).map_err(failed)?;
        let (pictures, taken) = latest::channel();
        Ok((source.start(pictures).map_err(failed)?, taken))
    }

    fn microphone(&self, recording: &Arc<Mutex<Recording>>) -> Result<RunningSource, SessionError> {
        let failed = |error: SourceError| explain(&error, Device::Microphone);
        let source = self.env.devices.microphone(&self.devices.microphone, Box::new(|_| ())).map_err(failed)?;
        let sink = self.sink(source.describe().synthetic, recording)?;
        source.start(sink).map_err(failed)
    }

    /// Where the microphone's sound goes: it is treated and coded as in a room, where made sound is left as it is. Nothing
    /// is played meanwhile, so there is no echo to take away.
    fn sink(&self, synthetic: bool, recording: &Arc<Mutex<Recording>>) -> Result<AudioSink, SessionError> {
        let codec = |error: CodecError| SessionError::new(Code::CodecUnavailable, error.to_string());
        let mut encoder = OpusEncoder::new(OpusConfig { channels: 1, ..OpusConfig::default() }).map_err(codec)?;
        let control = VoiceControl::new(self.devices.sound.voice());
        let mut voice = (!synthetic).then(|| VoiceProcessor::new(control, FarEnd::new()));
        let (recording, level) = (recording.clone(), self.level.clone());
        Ok(Box::new(move |frame: AudioFrame| {
            level.add(&frame);
            let frame = match &mut voice {
                Some(voice) => voice.process(frame),
                None => frame,
            };
            match encoder.encode(&frame) {
                Ok(Some(packet)) => recording.lock().sound(packet.capture, packet.data),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "sound of the test call is not coded"),
            }
        }))
    }

    fn take_pictures(
        &self,
        taken: &LatestReceiver<VideoFrame>,
        recording: &Mutex<Recording>,
        end: MediaTime,
    ) -> Result<(), CodecError> {
        let VideoSettings { width, height, fps, max_bitrate_bps } = self.devices.video;
        let bitrate = u32::try_from(max_bitrate_bps).unwrap_or(u32::MAX);
        let (mut encoder, mut pacer): (Option<VideoEncoder>, _) = (None, Pacer::default());
        let mut beauty = BeautyStep::new(BeautyWish::new(self.devices.beauty));
        while MediaTime::now() < end && !self.quit.wanted() {
            let picture = match taken.recv_timeout(GLANCE) {
                Ok(picture) => picture,
                Err(RecvError::Empty) => continue,
                // It broke off; what there is of it is played.
                Err(RecvError::Closed) => {
                    self.quit.wait_until(end);
                    break;
                }
            };
            let picture = beauty.take(picture);
            self.pictures.send(&picture);
            if !pacer.take(picture.capture, fps) {
                continue;
            }
            let encoder = match &mut encoder {
                Some(encoder) => encoder,
                none => {
                    let (w, h) = fit((picture.width(), picture.height()), (width, height));
                    none.insert(VideoEncoder::new(EncoderConfig { fps, ..EncoderConfig::new(w, h, bitrate) })?)
                }
            };
            for coded in encoder.encode(&picture, false)? {
                recording.lock().picture(coded.capture, coded.data);
            }
        }
        Ok(())
    }

    fn play(&mut self, recording: Recording) {
        let (pictures, sounds) = recording.into_tracks();
        let began = Arc::new(AtomicI64::new(NOT_YET));
        let speaker = match decode_sound(&sounds) {
            Ok(sound) => self.speaker(sound, began.clone()).map_err(|error| self.problems.push(error)).ok(),
            Err(error) => {
                self.problems.push(SessionError::new(Code::CodecUnavailable, error.to_string()));
                None
            }
        };
        let patience = MediaTime::now() + SPEAKER_PATIENCE;
        while speaker.is_some() && began.load(Ordering::Relaxed) == NOT_YET && MediaTime::now() < patience {
            if self.quit.wait_until(MediaTime::now() + GLANCE) {
                return;
            }
        }
        let begin = match began.load(Ordering::Relaxed) {
            NOT_YET => MediaTime::now(),
            heard => MediaTime(heard),
        };
        if let Err(error) = self.show(&pictures, begin) {
            self.problems.push(SessionError::new(Code::CodecUnavailable, error.to_string()));
        }
        let last = pictures.last().into_iter().chain(sounds.last()).map(|(at, _)| *at).max().unwrap_or_default();
        self.quit.wait_until(begin + last);
    }

    /// A loudspeaker that plays this from its first call on, whose time of being heard it notes.
    fn speaker(&self, sound: Vec<f32>, began: Arc<AtomicI64>) -> Result<Box<dyn Any + Send>, SessionError> {
        let mut at = 0;
        let render: Render = Box::new(move |out, heard| {
            let _ = began.compare_exchange(NOT_YET, heard.0, Ordering::Relaxed, Ordering::Relaxed);
            for pair in out.as_chunks_mut::<2>().0 {
                *pair = [sound.get(at).copied().unwrap_or(0.0); 2];
                at += 1;
            }
        });
        let listener = Box::new(|event| {
            if let DeviceEvent::Lost(error) = event {
                tracing::warn!(%error, "the test call is not heard");
            }
        });
        self.env.devices.speaker(&self.devices.speaker, render, listener).map_err(|e| explain(&e, Device::Speaker))
    }

    fn show(&self, pictures: &Track, begin: MediaTime) -> Result<(), CodecError> {
        let mut decoder = VideoDecoder::new(VideoCodec::H264)?;
        for (due, data) in pictures {
            let due = begin + *due;
            if let Some(picture) = decoder.decode(data, due)? {
                if self.quit.wait_until(due) {
                    break;
                }
                self.pictures.send(&picture);
            }
        }
        Ok(())
    }
}

/// All sound on one line of 48 kHz mono, each packet where it is due.
fn decode_sound(sounds: &Track) -> Result<Vec<f32>, CodecError> {
    let mut decoder = OpusDecoder::new(1)?;
    let (mut line, mut packet) = (Vec::new(), Vec::new());
    for (due, data) in sounds {
        packet.clear();
        decoder.decode(data, &mut packet)?;
        let due = (due.as_secs_f64() * f64::from(SAMPLE_RATE)).round() as usize;
        // Capture times jitter by less than a packet: only a real gap is one.
        if due > line.len() + packet.len() {
            line.resize(due, 0.0);
        }
        line.extend_from_slice(&packet);
    }
    Ok(line)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Level of the last second of three of steady noise, after it went through a test call's microphone; dB of full scale.
    fn noise_after(synthetic: bool) -> f32 {
        let devices = TestCallDevices {
            camera: CameraChoice::None,
            microphone: MicrophoneChoice::None,
            speaker: SpeakerChoice::None,
            video: VideoSettings::default(),
            beauty: BeautySettings::default(),
            sound: SoundSettings::default(),
        };
        let work = Work {
            env: SessionEnv::system(),
            devices,
            quit: Arc::default(),
            pictures: Arc::default(),
            level: Arc::default(),
            problems: vec![],
        };
        let recording = Arc::<Mutex<Recording>>::default();
        let mut sink = work.sink(synthetic, &recording).unwrap();
        let mut seed = 1_u32;
        for n in 0..300 {
            let samples: Vec<f32> = std::iter::repeat_with(|| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) as f32 / 65536.0 * 0.04 - 0.02
            })
            .take(480)
            .collect();
            sink(AudioFrame::new(samples, 1, MediaTime::from_millis(n * 10)));
        }
        let (_, sounds) = std::mem::take(&mut *recording.lock()).into_tracks();
        let line = decode_sound(&sounds).unwrap();
        let last = &line[line.len() - SAMPLE_RATE as usize..];
        10.0 * (last.iter().map(|s| s * s).sum::<f32>() / last.len() as f32 + 1e-12).log10()
    }

    #[test]
    fn what_is_heard_went_through_the_processing_of_a_call() {
        let (as_it_was, treated) = (noise_after(true), noise_after(false));
        assert!((-42.0..-36.0).contains(&as_it_was), "{as_it_was} dB");
        // The gain lifts again some of what the suppressor takes.
        assert!(treated < as_it_was - 6.0, "{treated} dB, without the processing {as_it_was} dB");
    }
}
