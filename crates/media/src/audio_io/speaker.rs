use std::{
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    DeviceChoice, DeviceEvent, IoStats, Mixer, Resampler,
    clock::{SampleClock, span},
    device::{Direction, Play, Work},
    supervise::{Watch, opened, supervise},
};
use crate::{
    clock::MediaTime,
    frame::SAMPLE_RATE,
    source::{RunningSource, SourceControl, SourceError},
    urgency::OnFirstCall,
};

/// Frames of 48 kHz per call-back wished for, of which the sound system keeps two: 10 ms, and 20 ms where the machine turns
/// out too busy for that. Sound through the longer one is 20 ms later.
const PERIODS: [u32; 2] = [480, 960];
/// What the sound system says about when sound will be heard is off by this much only after it stood still.
const JUMP: Duration = Duration::from_millis(40);

/// Fills the next 10 ms of interleaved 48 kHz stereo. The time is when its first sample will be heard. Called on the
/// sound system's thread (or on ours, while there is no device): must not block.
pub type Render = Box<dyn FnMut(&mut [f32; Mixer::FRAME_LEN], MediaTime) + Send>;

/// A speaker at work; dropping it closes it. It survives the loss of its device: meanwhile the rendering goes on at
/// the same pace, unheard, so that whatever feeds it (jitter buffers, a recording) does not stand still.
pub struct Speaker {
    running: RunningSource,
    stats: IoStats,
}

impl Speaker {
    /// Opens the chosen speaker and starts to ask `render` for sound; `listener` is told what becomes of the device.
    ///
    /// # Errors
    /// [`SourceError`] when there is no such device or it cannot be used.
    pub fn open(
        choice: DeviceChoice,
        render: Render,
        listener: impl FnMut(DeviceEvent) + Send + 'static,
    ) -> Result<Self, SourceError> {
        Self::run(choice, render, listener, false)
    }

    /// As [`open`](Self::open), but waits for a device when there is none, unheard until it comes.
    ///
    /// # Errors
    /// Only when the system gives no thread.
    pub fn open_when_available(
        choice: DeviceChoice,
        render: Render,
        listener: impl FnMut(DeviceEvent) + Send + 'static,
    ) -> Result<Self, SourceError> {
        Self::run(choice, render, listener, true)
    }

    /// How it is doing.
    pub fn stats(&self) -> IoStats {
        self.stats.clone()
    }

    /// Closes it and waits until it is closed. Dropping does the same.
    pub fn close(self) {
        self.running.stop();
    }

    fn run(
        choice: DeviceChoice,
        render: Render,
        listener: impl FnMut(DeviceEvent) + Send + 'static,
        patient: bool,
    ) -> Result<Self, SourceError> {
        let (started, outcome) = sync_channel(1);
        let stats = IoStats::default();
        let watch = Watch {
            direction: Direction::Output,
            choice,
            periods: &PERIODS,
            patient,
            stats: stats.clone(),
            listener: Some(Box::new(listener)),
            started,
        };
        let render = Arc::new(Mutex::new(render));
        let for_stream = stats.clone();
        let running = RunningSource::spawn("speaker", move |control| {
            supervise(
                control,
                watch,
                |format| Work::Play(Box::new(Playback::new(format.rate, render.clone(), for_stream.clone()))),
                |control, pause| unheard(control, pause, &render),
            )
        })?;
        opened(&outcome, Direction::Output)?;
        Ok(Self { running, stats })
    }
}

/// Renders for `pause` at the usual pace into nothing. False when it is time to stop.
fn unheard(control: &SourceControl, pause: Duration, render: &Mutex<Render>) -> bool {
    let mut at = MediaTime::now();
    let until = at + pause;
    let mut nowhere = [0.0; Mixer::FRAME_LEN];
    while at < until {
        (render.lock())(&mut nowhere, at);
        at += Duration::from_millis(10);
        if !control.sleep_until(at) {
            return false;
        }
    }
    true
}

/// From 10 ms frames to as many samples as the device wants.
struct Playback {
    rate: u32,
    render: Arc<Mutex<Render>>,
    resampler: Resampler,
    /// Stereo at the device's rate; the first `given` samples were handed out by the last call.
    ready: Vec<f32>,
    given: usize,
    /// When what was given will be heard.
    clock: SampleClock,
    /// When the device has surely run dry if it does not call before.
    dry: Option<MediaTime>,
    stats: IoStats,
    urgency: OnFirstCall,
}

impl Playback {
    fn new(rate: u32, render: Arc<Mutex<Render>>, stats: IoStats) -> Self {
        let rate = rate.max(1);
        Self {
            rate,
            render,
            resampler: Resampler::new(SAMPLE_RATE, rate, 2),
            ready: Vec::new(),
            given: 0,
            clock: SampleClock::new(JUMP),
            dry: None,
            stats,
            urgency: OnFirstCall::default(),
        }
    }
}

impl Play for Playback {
    fn give(&mut self, frames: usize, now: MediaTime, ahead: Duration) -> &[f32] {
        self.urgency.claim();
        self.ready.drain(..self.given);
        if self.dry.is_some_and(|dry| now > dry) {
            self.stats.glitch();
        }
        // It keeps what it got now and at most as much from before.
        self.dry = Some(now + span(frames, self.rate) * 2);
        let heard = self.clock.first_sample(now + ahead, frames, self.rate);
        let mut rendered = 0;
        if self.ready.len() < frames * 2 {
            let mut render = self.render.lock();
            let mut frame = [0.0; Mixer::FRAME_LEN];
            while self.ready.len() < frames * 2 {
                render(&mut frame, heard + span(self.ready.len() / 2, self.rate));
                self.resampler.process(&frame, &mut self.ready);
                rendered += 1;
            }
        }
        self.given = frames * 2;
        let held = span((self.ready.len() - self.given) / 2, self.rate);
        self.stats.called(now, ahead + held, rendered);
        &self.ready[..self.given]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> Arc<Mutex<Render>> {
        let mut n = 0;
        let render: Render = Box::new(move |out, _| {
            for pair in out.as_chunks_mut::<2>().0 {
                *pair = [n as f32, -(n as f32)];
                n += 1;
            }
        });
        Arc::new(Mutex::new(render))
    }

    #[test]
    fn portions_of_any_size_join_without_gap_or_repetition() {
        let mut p = Playback::new(48_000, counting(), IoStats::default());
        let mut next = 0;
        for frames in [1usize, 479, 480, 481, 1000, 7, 0, 2000, 333].iter().cycle().take(90) {
            for pair in p.give(*frames, MediaTime(0), Duration::ZERO).as_chunks::<2>().0 {
                assert_eq!(*pair, [next as f32, -(next as f32)]);
                next += 1;
            }
        }
    }

    #[test]
    fn each_frame_is_told_when_it_will_be_heard() {
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = times.clone();
        let render: Render = Box::new(move |_, at| seen.lock().push(at.as_millis()));
        let mut p = Playback::new(48_000, Arc::new(Mutex::new(render)), IoStats::default());
        p.give(960, MediaTime::from_millis(100), Duration::from_millis(40));
        p.give(240, MediaTime::from_millis(120), Duration::from_millis(40));
        p.give(480, MediaTime::from_millis(125), Duration::from_millis(40));
        assert_eq!(*times.lock(), [140, 150, 160, 170]);
        assert_eq!(p.stats.latency(), Duration::from_millis(45), "what waits in our own buffer counts");
        assert_eq!(p.stats.frames(), 4);
    }

    #[test]
    fn the_time_of_hearing_is_even_though_what_is_said_of_it_is_not() {
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = times.clone();
        let render: Render = Box::new(move |_, at| seen.lock().push(at));
        let mut p = Playback::new(48_000, Arc::new(Mutex::new(render)), IoStats::default());
        for n in 0..200 {
            let ahead = Duration::from_millis([20, 31, 12, 17][n % 4]);
            p.give(480, MediaTime::from_millis(n as i64 * 10), ahead);
        }
        let steps: Vec<i64> = times.lock().windows(2).map(|pair| pair[1].nanos_since(pair[0])).collect();
        assert!(steps.iter().all(|step| (9_600_000..=10_400_000).contains(step)), "{steps:?}");
    }

    #[test]
    fn a_call_that_comes_too_late_is_a_gap() {
        let mut p = Playback::new(48_000, counting(), IoStats::default());
        for ms in [0, 10, 29, 40, 61, 70] {
            p.give(480, MediaTime::from_millis(ms), Duration::from_millis(20));
        }
        assert_eq!(p.stats.glitches(), 1);
    }

    #[test]
    fn other_rates_are_fed_from_the_right_number_of_frames() {
        let mut p = Playback::new(44_100, counting(), IoStats::default());
        for _ in 0..100 {
            assert_eq!(p.give(441, MediaTime(0), Duration::ZERO).len(), 882);
        }
        assert!((100..=102).contains(&p.stats.frames()), "{}", p.stats.frames());
    }
}
