use std::sync::Arc;

use parking_lot::Mutex;
use sonora::config::{AdaptiveDigital, GainController2, HighPassFilter, MaxProcessingRate, Pipeline};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::canceller::EchoCanceller;
use super::far_end::FarEnd;
use super::reference::Reference;
use crate::frame::{AudioFrame, SAMPLE_RATE, SAMPLES_PER_CHANNEL};

/// How much of steady noise is taken away. More takes a little of the voice with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NoiseSuppression {
    /// None of it.
    Off,
    /// Some 12 dB.
    Low,
    /// Some 18 dB.
    #[default]
    Medium,
    /// Some 21 dB, for a fan beside the microphone.
    High,
}

/// What is done to the microphone's sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoiceSettings {
    /// Take away what the loudspeaker plays. Cuts below 80 Hz too: without that it works less well.
    pub echo_cancellation: bool,
    /// Take away steady noise.
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

    fn config(self) -> Config {
        use sonora::config::{NoiseSuppression as Suppression, NoiseSuppressionLevel as Level};
        let level = match self.noise_suppression {
            NoiseSuppression::Off => None,
            NoiseSuppression::Low => Some(Level::Moderate),
            NoiseSuppression::Medium => Some(Level::High),
            NoiseSuppression::High => Some(Level::VeryHigh),
        };
        Config {
            // The band above 16 kHz is small, but its loss is heard.
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..Pipeline::default()
            },
            // The echo canceller has one of its own, and comes first.
            high_pass_filter: (self.high_pass && !self.echo_cancellation).then(HighPassFilter::default),
            noise_suppression: level.map(|level| Suppression { level, ..Suppression::default() }),
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
    /// While it is wanted.
    canceller: Option<EchoCanceller>,
    apm: AudioProcessing,
}

impl VoiceProcessor {
    /// A processor that hears through `far_end` what the loudspeaker is given, from now on.
    pub fn new(control: VoiceControl, far_end: FarEnd) -> Self {
        far_end.clear();
        let settings = control.get();
        let mono = StreamConfig::new(SAMPLE_RATE, 1);
        let apm = AudioProcessing::builder().config(settings.config()).capture_config(mono).render_config(mono).build();
        Self { control, settings, far_end, reference: Reference::new(), canceller: None, apm }
    }

    /// 10 ms of the microphone's sound, mono, made fit for others. A frame of another shape passes as it is.
    pub fn process(&mut self, frame: AudioFrame) -> AudioFrame {
        let settings = self.control.get();
        if settings != self.settings {
            self.settings = settings;
            self.apm.apply_config(settings.config());
        }
        self.far_end.take(|played| self.reference.push(&played));
        if settings == VoiceSettings::OFF || frame.channels != 1 || frame.samples.len() != SAMPLES_PER_CHANNEL {
            return frame;
        }
        // A device's NaN would stay in the filters for good.
        let clean = frame.samples.iter().map(|s| if s.is_finite() { *s } else { 0.0 });
        let mut near = [0.0; SAMPLES_PER_CHANNEL];
        near.iter_mut().zip(clean).for_each(|(n, s)| *n = s);
        if settings.echo_cancellation {
            let canceller = self.canceller.get_or_insert_with(EchoCanceller::new);
            if let Some(played) = self.reference.read(frame.capture) {
                canceller.play(&played);
            }
            canceller.cancel(&mut near);
        } else {
            // What it knows of the room is old when it is wanted again.
            self.canceller = None;
        }
        let mut out = [0.0; SAMPLES_PER_CHANNEL];
        match self.apm.process_capture_f32(&[&near], &mut [&mut out]) {
            Ok(()) => AudioFrame::new(out, 1, frame.capture),
            Err(error) => {
                tracing::debug!(?error, "voice not processed");
                frame
            }
        }
    }
}
