use std::sync::Arc;

use parking_lot::Mutex;
use sonora::config::{
    AdaptiveDigital, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression as Steady,
    NoiseSuppressionLevel as Level, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::denoiser::Denoiser;
use super::echo::Echo;
use super::far_end::FarEnd;
use super::reference::Reference;
use super::width::Width;
use crate::frame::{AudioFrame, SAMPLE_RATE, SAMPLES_PER_CHANNEL};

/// How much of the noise is taken away. More takes a little of the voice with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NoiseSuppression {
    /// None of it.
    Off,
    /// Some 12 dB.
    Low,
    /// Some 24 dB.
    #[default]
    Medium,
    /// Some 34 dB, for a fan beside the microphone.
    High,
}

impl NoiseSuppression {
    /// What the denoiser leaves of the noise at least, as a factor of its amplitude, and how much of what is steady is taken
    /// away after it; `None` when noise is left alone.
    fn shares(self) -> Option<(f32, Level)> {
        match self {
            Self::Off => None,
            // −6, −12 and −18 dB.
            Self::Low => Some((0.5, Level::Low)),
            Self::Medium => Some((0.25, Level::Moderate)),
            Self::High => Some((0.126, Level::High)),
        }
    }
}

/// What is done to the microphone's sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoiceSettings {
    /// Take away what the loudspeaker plays.
    pub echo_cancellation: bool,
    /// Take away noise. The sound comes 10 ms later by it.
    pub noise_suppression: NoiseSuppression,
    /// Bring quiet and loud voices to the same level.
    pub automatic_gain: bool,
    /// Cut below 80 Hz: rumble, steps, wind.
    pub high_pass: bool,
}

impl Default for VoiceSettings {
    fn default() -> Self {
        Self {
            echo_cancellation: true,
            noise_suppression: NoiseSuppression::default(),
            automatic_gain: true,
            high_pass: true,
        }
    }
}

impl VoiceSettings {
    /// Nothing is done: the sound passes bit for bit.
    pub const OFF: Self = Self {
        echo_cancellation: false,
        noise_suppression: NoiseSuppression::Off,
        automatic_gain: false,
        high_pass: false,
    };

    /// Of what comes after echo canceller and denoiser.
    fn config(self) -> Config {
        let steady = self.noise_suppression.shares();
        Config {
            // The band above 16 kHz is small, but its loss is heard.
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..Pipeline::default()
            },
            // The echo canceller needs it before it.
            high_pass_filter: (self.high_pass && !self.echo_cancellation).then(HighPassFilter::default),
            noise_suppression: steady.map(|(_, level)| Steady { level, ..Steady::default() }),
            gain_controller2: self.automatic_gain.then(|| GainController2 {
                adaptive_digital: Some(AdaptiveDigital::default()),
                ..GainController2::default()
            }),
            ..Config::default()
        }
    }
}

/// Changes the settings of a processor that runs on another thread, and of those that come after it. A cheap handle.
#[derive(Clone, Default)]
pub struct VoiceControl {
    settings: Arc<Mutex<VoiceSettings>>,
}

impl VoiceControl {
    /// Begins with `settings`.
    pub fn new(settings: VoiceSettings) -> Self {
        Self { settings: Arc::new(Mutex::new(settings)) }
    }

    /// Holds from the next frame on.
    pub fn set(&self, settings: VoiceSettings) {
        *self.settings.lock() = settings;
    }

    /// As set last.
    pub fn get(&self) -> VoiceSettings {
        *self.settings.lock()
    }
}

/// The processing of one microphone. Make a new one for each device: what it has learnt of the room holds for one.
pub struct VoiceProcessor {
    control: VoiceControl,
    settings: VoiceSettings,
    far_end: FarEnd,
    reference: Reference,
    width: Width,
    wide: bool,
    /// While its canceller is wanted.
    echo: Option<Echo>,
    denoiser: Option<Denoiser>,
    apm: AudioProcessing,
}

impl VoiceProcessor {
    /// A processor that hears through `far_end` what the loudspeaker is given, from now on.
    pub fn new(control: VoiceControl, far_end: FarEnd) -> Self {
        far_end.clear();
        let settings = control.get();
        let mono = StreamConfig::new(SAMPLE_RATE, 1);
        let apm = AudioProcessing::builder().config(settings.config()).capture_config(mono).render_config(mono).build();
        Self {
            control,
            settings,
            far_end,
            reference: Reference::new(),
            width: Width::default(),
            wide: false,
            echo: None,
            denoiser: None,
            apm,
        }
    }

    /// 10 ms of the microphone's sound, mono, made fit for others; while noise is taken away, the 10 ms before them, with
    /// their time. A frame of another shape passes as it is.
    pub fn process(&mut self, frame: AudioFrame) -> AudioFrame {
        let settings = self.control.get();
        if settings != self.settings {
            self.settings = settings;
            self.apm.apply_config(settings.config());
        }
        self.far_end.take(|played| {
            self.wide = self.width.hear(&played.sound);
            self.reference.push(&played);
        });
        if settings == VoiceSettings::OFF || frame.channels != 1 || frame.samples.len() != SAMPLES_PER_CHANNEL {
            return frame;
        }
        // A device's NaN would stay in the filters for good.
        let clean = frame.samples.iter().map(|s| if s.is_finite() { *s } else { 0.0 });
        let mut near = [0.0; SAMPLES_PER_CHANNEL];
        near.iter_mut().zip(clean).for_each(|(n, s)| *n = s);
        if settings.echo_cancellation {
            let echo = self.echo.get_or_insert_with(|| Echo::new(self.wide));
            echo.expect(self.wide);
            if let Some(played) = self.reference.read(frame.capture, echo.is_wide()) {
                echo.play(&played);
            }
            echo.cancel(&mut near, settings.high_pass);
        } else {
            // What it knows of the room is old when it is wanted again.
            self.echo = None;
        }
        let mut capture = frame.capture;
        if let Some((floor, _)) = settings.noise_suppression.shares() {
            self.denoiser.get_or_insert_with(Denoiser::new).process(&mut near, floor);
            capture = capture - Denoiser::DELAY;
        } else {
            self.denoiser = None;
        }
        let mut out = [0.0; SAMPLES_PER_CHANNEL];
        match self.apm.process_capture_f32(&[&near], &mut [&mut out]) {
            Ok(()) => AudioFrame::new(out, 1, capture),
            Err(error) => {
                tracing::debug!(?error, "voice not processed");
                frame
            }
        }
    }
}
