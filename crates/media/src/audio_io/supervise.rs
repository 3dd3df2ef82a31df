//! Keeps a device open: notices when it is lost and takes it up again.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel},
    time::Duration,
};

use super::{
    DeviceChoice, DeviceEvent, DeviceListener,
    device::{Alarm, Alarms, Chosen, Direction, Format, Stream, Work, choose},
    follow::{Follow, Verdict},
    stats::IoStats,
};
use crate::{
    clock::MediaTime,
    frame::SAMPLES_PER_CHANNEL,
    source::{SourceControl, SourceError},
};

/// How often a lost device is tried.
const RETRY: Duration = Duration::from_secs(1);
/// The first try after a loss comes sooner: another device may be there already.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// A device that has not called for so long is lost, even if the sound system says nothing.
const SILENT_FOR: Duration = Duration::from_secs(2);
/// Between two glances that lie this far apart the machine slept.
const SLEPT: Duration = Duration::from_secs(1);
/// How long a new stream may take to call for the first time, at the first and at the second try: PulseAudio's virtual
/// sinks let it wait for the end of the block they are playing, up to two seconds; some wireless devices need as long to
/// wake.
const FIRST_CALL: [Duration; 2] = [Duration::from_millis(2500), Duration::from_secs(4)];
/// A period is too short for the machine when there are this many gaps within this time.
const GAPS: u64 = 5;
const GAPS_WITHIN: Duration = Duration::from_secs(10);
/// Gaps in a stream's first time do not count: everything else in the room begins then too.
const SETTLING: Duration = Duration::from_secs(3);
/// So many streams in a row may become invalid within their first time: a new default device often comes with a second
/// change, as headsets get another profile once their microphone is open. More, and something is wrong with the device.
const SHORT_LIVED: u32 = 3;
/// How often we look whether we are to stop.
const GLANCE: Duration = Duration::from_millis(50);

pub(super) struct Watch {
    pub direction: Direction,
    pub choice: DeviceChoice,
    /// Frames of 48 kHz per call-back wished for: the first, and each next one when the one before leaves gaps.
    pub periods: &'static [u32],
    /// Whether to wait for a device when there is none at the start.
    pub patient: bool,
    pub stats: IoStats,
    pub listener: Option<DeviceListener>,
    /// Gets the outcome of the first opening.
    pub started: SyncSender<Result<(), SourceError>>,
}

/// Counts streams that became invalid, each opened because of the one before.
#[derive(Default)]
struct Invalid {
    /// How many in a row lived for less than [`SETTLING`].
    short: u32,
}

impl Invalid {
    /// Whether the next stream is opened without a word after one that lived for so long.
    fn is_usual(&mut self, lived: Duration) -> bool {
        self.short = if lived < SETTLING { self.short + 1 } else { 0 };
        self.short <= SHORT_LIVED
    }
}

/// Tells a device that has gone silent from a machine that slept: on Windows and macOS the clock goes on meanwhile.
struct Silence {
    /// When we looked last.
    looked: MediaTime,
    /// What should have come before this is not missed.
    since: MediaTime,
}

impl Silence {
    fn new(now: MediaTime) -> Self {
        Self { looked: now, since: now }
    }

    /// Whether a device that called last at `called` has been silent for too long. To be asked at each glance.
    fn is_loss(&mut self, called: MediaTime, now: MediaTime) -> bool {
        if now.saturating_since(self.looked) > SLEPT {
            self.since = now;
        }
        self.looked = now;
        now.saturating_since(called.max(self.since)) > SILENT_FOR
    }
}

/// Runs until told to stop. `work` makes what a stream works for; `idle` passes the given time without one and
/// returns false when it is time to stop.
pub(super) fn supervise(
    control: &SourceControl,
    mut watch: Watch,
    mut work: impl FnMut(Format) -> Work,
    mut idle: impl FnMut(&SourceControl, Duration) -> bool,
) -> Result<(), SourceError> {
    let mut started = false;
    let mut again = false;
    let mut pause = FIRST_RETRY;
    let follow = Follow::new(watch.direction);
    let mut periods = watch.periods;
    // The device to be opened anew without a word.
    let mut quietly: Option<String> = None;
    // What was told last is that a device is open, and it is given up for another one.
    let mut moves = false;
    let mut invalid = Invalid::default();
    loop {
        let (alarms, heard) = channel();
        let since = follow.now();
        let period = periods.first().copied().unwrap_or(SAMPLES_PER_CHANNEL as u32);
        match open(&watch, again, period, &alarms, &mut work) {
            Ok((stream, chosen)) => {
                let stands_in = matches!(&watch.choice, DeviceChoice::Id(id) if *id != chosen.id);
                if matches!(&watch.choice, DeviceChoice::Id(id) if *id == chosen.id) {
                    follow.found(&chosen.id);
                }
                moves = false;
                if quietly.take().is_none_or(|id| id != chosen.id) {
                    tell(&mut watch.listener, || DeviceEvent::Opened {
                        label: chosen.label.clone(),
                        rate: chosen.format.rate,
                        again,
                        stands_in,
                    });
                }
                if !std::mem::replace(&mut started, true) {
                    let _ = watch.started.send(Ok(()));
                }
                let right = || follow.verdict(&watch.choice, &chosen.id, since);
                let begun = MediaTime::now();
                let end = listen(control, &heard, &watch.stats, &chosen.label, right, periods.len() > 1);
                (again, pause) = (true, FIRST_RETRY);
                match end {
                    End::Stop => return Ok(()),
                    End::Gaps => {
                        tracing::info!(device = chosen.label, "gaps in the sound: a longer period from now on");
                        periods = &periods[1..];
                        // The same device, and nothing a person has to know.
                        quietly = Some(chosen.id.clone());
                        drop(stream);
                        continue;
                    }
                    End::Move => {
                        tracing::info!(device = chosen.label, "another sound device is the right one now");
                        moves = true;
                        drop(stream);
                        continue;
                    }
                    End::Invalid(error) if invalid.is_usual(MediaTime::now().saturating_since(begun)) => {
                        tracing::info!(%error, "the sound device's stream is opened anew");
                        // A person has to know of it only where it becomes another device, or none.
                        quietly = Some(chosen.id.clone());
                        drop(stream);
                        continue;
                    }
                    End::Lost(error) | End::Invalid(error) => {
                        tracing::warn!(%error, "sound device lost");
                        watch.stats.lost();
                        tell(&mut watch.listener, || DeviceEvent::Lost(error));
                        // Last: with a sound server that hangs this may take its time.
                        drop(stream);
                    }
                }
            }
            Err(error) if !started => {
                if !watch.patient {
                    let _ = watch.started.send(Err(error.clone()));
                    return Err(error);
                }
                tell(&mut watch.listener, || DeviceEvent::Lost(error));
                started = true;
                let _ = watch.started.send(Ok(()));
            }
            Err(error) => {
                tracing::debug!(%error, "sound device still not there");
                if quietly.take().is_some() | std::mem::take(&mut moves) {
                    watch.stats.lost();
                    tell(&mut watch.listener, || DeviceEvent::Lost(error));
                }
            }
        }
        if !idle(control, pause) {
            return Ok(());
        }
        pause = RETRY;
    }
}

/// Waits for the first word of a thread that opens something; `silent` makes an error of its having ended without one.
pub(super) fn first_word<T, E>(
    thread: &Receiver<Result<T, E>>,
    silent: impl FnOnce(&'static str) -> E,
) -> Result<T, E> {
    thread.recv().unwrap_or_else(|_| Err(silent("its thread ended before it was open")))
}

/// Waits until the device is open for the first time.
pub(super) fn opened(thread: &Receiver<Result<(), SourceError>>, direction: Direction) -> Result<(), SourceError> {
    first_word(thread, |reason| SourceError::Device { device: direction.noun().to_owned(), reason: reason.to_owned() })
}

fn tell(listener: &mut Option<DeviceListener>, event: impl FnOnce() -> DeviceEvent) {
    if let Some(listener) = listener {
        listener(event());
    }
}

fn open(
    watch: &Watch,
    again: bool,
    period: u32,
    alarms: &Alarms,
    work: &mut impl FnMut(Format) -> Work,
) -> Result<(Stream, Chosen), SourceError> {
    let first = start(&watch.choice, watch, period, alarms, work);
    match (&watch.choice, first) {
        // The chosen device is not there: better another one than none.
        (DeviceChoice::Id(_), Err(SourceError::Absent { .. })) => {
            start(&DeviceChoice::Default, watch, period, alarms, work)
        }
        (DeviceChoice::Id(_), Err(_)) if again => start(&DeviceChoice::Default, watch, period, alarms, work),
        (_, first) => first,
    }
}

fn start(
    choice: &DeviceChoice,
    watch: &Watch,
    period: u32,
    alarms: &Alarms,
    work: &mut impl FnMut(Format) -> Work,
) -> Result<(Stream, Chosen), SourceError> {
    let chosen = choose(choice, watch.direction, period)?;
    for patience in FIRST_CALL {
        let stream = chosen.open(&mut *work, alarms)?;
        let begun = MediaTime::now();
        while MediaTime::now().saturating_since(begun) < patience {
            if watch.stats.last_call() >= begun {
                return Ok((stream, chosen));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        tracing::warn!(device = chosen.label, "the stream is open but does not run");
    }
    Err(SourceError::Device { device: chosen.label, reason: "it opens but does not run".to_owned() })
}

/// Why a device is listened to no more.
enum End {
    /// It is time to stop.
    Stop,
    /// Another one is the right one now.
    Move,
    /// Its period is too short for this machine.
    Gaps,
    /// Its stream must be opened anew.
    Invalid(SourceError),
    /// It is lost.
    Lost(SourceError),
}

/// Waits while the device works and is the right one; looks for gaps where a longer period could be had.
fn listen(
    control: &SourceControl,
    heard: &Receiver<Alarm>,
    stats: &IoStats,
    label: &str,
    right: impl Fn() -> Verdict,
    longer: bool,
) -> End {
    let unplugged = || End::Lost(SourceError::Unplugged { device: label.to_owned() });
    let begun = MediaTime::now();
    let mut silence = Silence::new(begun);
    let mut looked = (begun, stats.glitches());
    loop {
        match heard.recv_timeout(GLANCE) {
            Ok(Alarm::Gap) => stats.glitch(),
            Ok(Alarm::Note(note)) => tracing::debug!(note, device = label, "sound device notes"),
            Ok(Alarm::Invalid(error)) => return End::Invalid(error),
            Ok(Alarm::Lost(error)) => return End::Lost(error),
            Err(RecvTimeoutError::Timeout) => {}
            // Cannot be while our own sender lives; if it were, this must not spin.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(GLANCE),
        }
        if control.stopping() {
            return End::Stop;
        }
        match right() {
            Verdict::Stay => {}
            Verdict::Gone => return unplugged(),
            Verdict::Move => return End::Move,
        }
        let now = MediaTime::now();
        if silence.is_loss(stats.last_call(), now) {
            return unplugged();
        }
        if now.saturating_since(looked.0) > GAPS_WITHIN || now.saturating_since(begun) < SETTLING {
            looked = (now, stats.glitches());
        } else if longer && stats.glitches() >= looked.1 + GAPS {
            return End::Gaps;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a device that called last at `called` is lost, glanced at from `from` on, milliseconds.
    fn lost_at(silence: &mut Silence, called: i64, from: i64) -> Option<i64> {
        let at = MediaTime::from_millis;
        (from..from + 10_000).step_by(50).find(|&now| silence.is_loss(at(called), at(now)))
    }

    #[test]
    fn a_device_that_does_not_call_is_lost() {
        let mut silence = Silence::new(MediaTime::from_millis(0));
        assert_eq!(lost_at(&mut silence, 500, 50), Some(2550));
    }

    #[test]
    fn what_a_device_did_not_say_while_the_machine_slept_is_not_missed() {
        let at = MediaTime::from_millis;
        let woken = 3_600_000;
        let asleep = || {
            let mut silence = Silence::new(at(0));
            assert!(!silence.is_loss(at(40), at(50)));
            assert!(!silence.is_loss(at(40), at(woken)), "it had no chance to call");
            silence
        };
        assert_eq!(lost_at(&mut asleep(), 40, woken + 50), Some(woken + 2050), "it has not come back");
        let mut silence = asleep();
        assert!((woken + 50..woken + 10_000).step_by(50).all(|now| !silence.is_loss(at(now - 10), at(now))));
    }

    #[test]
    fn streams_that_become_invalid_are_a_loss_only_when_they_do_it_again_and_again() {
        let (short, long) = (Duration::from_millis(20), SETTLING * 10);
        let mut invalid = Invalid::default();
        assert!((0..100).all(|_| invalid.is_usual(long)), "somebody changes the default now and then");
        let told: Vec<bool> = (0..5).map(|_| invalid.is_usual(short)).collect();
        assert_eq!(told, [true, true, true, false, false]);
        assert!(invalid.is_usual(long) && invalid.is_usual(short), "one that has worked for a while begins anew");
    }
}
