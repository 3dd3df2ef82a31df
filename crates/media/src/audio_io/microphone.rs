use std::{
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    DeviceChoice, DeviceListener, IoStats, Resampler,
    clock::{SampleClock, span},
    device::{Direction, Format, Record, Work},
    supervise::{Watch, opened, supervise},
};
use crate::{
    clock::MediaTime,
    frame::{AudioFrame, SAMPLE_RATE, SAMPLES_PER_CHANNEL},
    source::{AudioSink, AudioSource, RunningSource, SourceError, SourceInfo},
    urgency::OnFirstCall,
};

/// Frames of 48 kHz per call-back wished for: 10 ms.
const PERIOD: u32 = SAMPLES_PER_CHANNEL as u32;
/// Further off than this, samples were lost or the device stood still.
const JUMP: Duration = Duration::from_millis(80);

/// A microphone: an [`AudioSource`] of mono frames that survives the loss of its device.
pub struct Microphone {
    choice: DeviceChoice,
    stats: IoStats,
    listener: Option<DeviceListener>,
}

impl Microphone {
    /// The chosen microphone, not yet open.
    pub fn new(choice: DeviceChoice) -> Self {
        Self { choice, stats: IoStats::default(), listener: None }
    }

    /// Tells `listener` when the device opens, is lost and comes back.
    pub fn on_event(mut self, listener: impl FnMut(super::DeviceEvent) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// How it is doing, readable while it runs.
    pub fn stats(&self) -> IoStats {
        self.stats.clone()
    }
}

impl AudioSource for Microphone {
    fn describe(&self) -> SourceInfo {
        let label = match &self.choice {
            DeviceChoice::Default => "default microphone".to_owned(),
            DeviceChoice::Id(id) => id.clone(),
        };
        SourceInfo { label, synthetic: false, stands_in: false }
    }

    fn start(self: Box<Self>, out: AudioSink) -> Result<RunningSource, SourceError> {
        let (started, outcome) = sync_channel(1);
        let stats = self.stats.clone();
        let out = Arc::new(Mutex::new(out));
        let watch = Watch {
            direction: Direction::Input,
            choice: self.choice,
            periods: &[PERIOD],
            patient: false,
            stats: self.stats,
            listener: self.listener,
            started,
        };
        let running = RunningSource::spawn("microphone", move |control| {
            supervise(
                control,
                watch,
                |format| Work::Record(Box::new(Capture::new(format, out.clone(), stats.clone()))),
                |control, pause| control.sleep_until(MediaTime::now() + pause),
            )
        })?;
        opened(&outcome, Direction::Input)?;
        Ok(running)
    }
}

/// From the device's samples to 10 ms frames.
struct Capture {
    channels: usize,
    rate: u32,
    resampler: Resampler,
    clock: SampleClock,
    mono: Vec<f32>,
    pending: Vec<f32>,
    out: Arc<Mutex<AudioSink>>,
    stats: IoStats,
    urgency: OnFirstCall,
}

impl Capture {
    fn new(format: Format, out: Arc<Mutex<AudioSink>>, stats: IoStats) -> Self {
        let rate = format.rate.max(1);
        Self {
            channels: format.channels.max(1),
            rate,
            resampler: Resampler::new(rate, SAMPLE_RATE, 1),
            clock: SampleClock::new(JUMP),
            mono: Vec::new(),
            pending: Vec::new(),
            out,
            stats,
            urgency: OnFirstCall::default(),
        }
    }
}

impl Record for Capture {
    fn take(&mut self, raw: &[f32], now: MediaTime, age: Duration) {
        self.urgency.claim();
        self.mono.clear();
        let share = 1.0 / self.channels as f32;
        self.mono.extend(raw.chunks_exact(self.channels).map(|frame| frame.iter().sum::<f32>() * share));
        // Time of the first sample still pending: this call's first one, less what waits before it.
        let waiting = span(self.pending.len(), SAMPLE_RATE) + span(self.resampler.delay(), self.rate);
        let mut at = self.clock.first_sample(now - age, self.mono.len(), self.rate) - waiting;
        self.resampler.process(&self.mono, &mut self.pending);

        let frames = self.pending.len() / SAMPLES_PER_CHANNEL;
        if frames > 0 {
            let mut out = self.out.lock();
            for frame in self.pending.chunks_exact(SAMPLES_PER_CHANNEL) {
                out(AudioFrame::new(frame, 1, at));
                at += span(SAMPLES_PER_CHANNEL, SAMPLE_RATE);
            }
            drop(out);
            self.pending.drain(..frames * SAMPLES_PER_CHANNEL);
        }
        self.stats.called(now, age + waiting, frames as u64);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn capture(rate: u32, channels: usize) -> (Capture, Arc<Mutex<Vec<AudioFrame>>>) {
        let frames = Arc::new(Mutex::new(Vec::new()));
        let to = frames.clone();
        let sink: AudioSink = Box::new(move |f| to.lock().push(f));
        (Capture::new(Format { rate, channels }, Arc::new(Mutex::new(sink)), IoStats::default()), frames)
    }

    #[test]
    fn odd_portions_become_whole_frames_with_even_times() {
        let (mut c, frames) = capture(48_000, 2);
        let mut samples = 0usize;
        for (i, n) in [441usize, 1000, 3, 480, 77, 2000, 959].iter().cycle().take(70).enumerate() {
            samples += n;
            // The call comes with up to 3 ms of jitter after its last sample.
            let jitter = Duration::from_millis(i as u64 * 7 % 4);
            let now = MediaTime(1_000_000_000) + span(samples, 48_000) + jitter;
            c.take(&vec![0.5; n * 2], now, span(*n, 48_000) + Duration::from_millis(2));
        }
        let frames = frames.lock();
        assert_eq!(frames.len(), samples / 480);
        for (i, f) in frames.iter().enumerate() {
            assert_eq!((f.samples.len(), f.channels), (480, 1));
            assert!(f.samples.iter().all(|&s| s == 0.5));
            let ideal = 998_000_000 + i as i64 * 10_000_000;
            assert!((f.capture.0 - ideal).abs() < 4_000_000, "frame {i}: {} vs {ideal}", f.capture.0);
        }
        for pair in frames.windows(2) {
            let step = pair[1].capture.nanos_since(pair[0].capture);
            assert!((9_800_000..10_200_000).contains(&step), "{step}");
        }
    }

    #[test]
    fn other_rates_come_out_at_48_kilohertz() {
        let (mut c, frames) = capture(44_100, 1);
        for i in 0..100 {
            let now = MediaTime(1_000_000_000) + span((i + 1) * 441, 44_100);
            c.take(&[0.25; 441], now, span(441, 44_100));
        }
        let frames = frames.lock();
        assert!((98..=100).contains(&frames.len()), "{}", frames.len());
        assert!(frames[5].samples.iter().all(|s| (s - 0.25).abs() < 1e-3));
        assert!((frames[50].capture.0 - 1_500_000_000).abs() < 2_000_000, "{:?}", frames[50].capture);
    }
}
