//! One device of ours: wanted or not, open or not, and when to try again.

use std::time::Duration;

use beckon_media::MediaTime;
use beckon_protocol::Code;

use super::input::{Device, DeviceNews, Effect};
use crate::error::SessionError;
use crate::request::{CameraChoice, MicrophoneChoice};
use crate::view::DeviceView;

/// A device that failed is tried again after this long, twice as long each time …
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// … and at most this long, as it may be plugged in any time.
const MAX_RETRY: Duration = Duration::from_secs(8);
/// The deadline of a device that is being opened again, or comes back by itself.
const NEVER: MediaTime = MediaTime(i64::MAX);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Closed,
    Opening,
    Running { label: String, synthetic: bool, stands_in: bool },
    Failed { error: SessionError, retry_at: MediaTime },
}

/// What was chosen, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// There is something to open at all.
    pub(crate) some: bool,
    /// The one device that is wanted. Sound devices look after theirs by themselves.
    pub(crate) wanted: Option<String>,
}

impl From<&CameraChoice> for Choice {
    fn from(choice: &CameraChoice) -> Self {
        let wanted = match choice {
            CameraChoice::Device(id) => Some(id.clone()),
            _ => None,
        };
        Self { some: *choice != CameraChoice::None, wanted }
    }
}

impl From<&MicrophoneChoice> for Choice {
    fn from(choice: &MicrophoneChoice) -> Self {
        Self { some: *choice != MicrophoneChoice::None, wanted: None }
    }
}

/// What changed, for the room to hear of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It runs now; `recovered` when it had failed before, `replaced` when another one runs from now on than was chosen.
    Started { recovered: bool, replaced: bool },
    /// It failed; `first` when it was not failing before.
    Failed { error: SessionError, first: bool },
}

/// Whether it may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It may.
    Free,
    /// Not before that is known.
    Waits,
    /// Nobody would take what it gives.
    Barred,
}

/// The state machine of one device.
#[derive(Debug)]
pub(crate) struct DeviceState {
    device: Device,
    hold: Hold,
    /// It is off, as another room of this program took it.
    given_up: bool,
    /// There is something to open at all.
    chosen: bool,
    /// The one device that was chosen, or that the choice means in this room.
    wanted: Option<String>,
    on: bool,
    /// Once open it stays open while it is off.
    stays_open: bool,
    state: State,
    /// It ran until it was closed to be opened anew.
    reopens: bool,
    failures: u32,
    generation: u32,
}

impl DeviceState {
    pub(crate) fn new(device: Device, chosen: Choice, on: bool) -> Self {
        let Choice { some, wanted } = chosen;
        Self {
            device,
            hold: Hold::Free,
            given_up: false,
            chosen: some,
            wanted,
            on: on && some,
            stays_open: false,
            state: State::Closed,
            reopens: false,
            failures: 0,
            generation: 0,
        }
    }

    /// It is wanted.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// It is on and open.
    pub(crate) fn is_running(&self) -> bool {
        self.on && matches!(self.state, State::Running { .. })
    }

    /// It is off and open all the same.
    pub(crate) fn is_ready(&self) -> bool {
        !self.on && matches!(self.state, State::Running { .. })
    }

    pub(crate) fn is_synthetic(&self) -> bool {
        self.on && matches!(self.state, State::Running { synthetic: true, .. })
    }

    /// Opens it if it is wanted.
    pub(crate) fn start(&mut self, out: &mut Vec<Effect>) {
        if self.on && self.chosen && self.hold == Hold::Free && matches!(self.state, State::Closed) {
            self.open(out);
        }
    }

    /// Whether it may be opened. One that is barred is off, and stays off until somebody turns it on.
    pub(crate) fn hold(&mut self, hold: Hold, out: &mut Vec<Effect>) {
        self.hold = hold;
        match hold {
            Hold::Free => self.start(out),
            Hold::Waits => self.close(out),
            Hold::Barred => {
                (self.on, self.given_up) = (false, false);
                self.close(out);
            }
        }
    }

    /// Another room of this program takes it: it is closed, also where it would stay open. True where that turned it off.
    pub(crate) fn give_up(&mut self, out: &mut Vec<Effect>) -> bool {
        let was_on = std::mem::take(&mut self.on);
        self.given_up |= was_on;
        self.failures = 0;
        self.close(out);
        was_on
    }

    /// The code that says so, while it is off because another room of this program took it.
    pub(crate) fn given_up(&self) -> Option<Code> {
        self.given_up.then_some(match self.device {
            Device::Camera => Code::CameraElsewhere,
            Device::Microphone | Device::Speaker => Code::MicrophoneElsewhere,
        })
    }

    pub(crate) fn set_on(&mut self, on: bool, out: &mut Vec<Effect>) {
        let on = on && self.chosen && self.hold != Hold::Barred;
        self.given_up &= !on;
        if on == self.on {
            return;
        }
        self.on = on;
        self.failures = 0;
        if on {
            self.start(out);
        } else if !self.stays_open || matches!(self.state, State::Failed { .. }) {
            self.close(out);
        }
    }

    /// Whether it stays open while it is off. A closed one is not opened by that.
    pub(crate) fn set_stays_open(&mut self, stays_open: bool, out: &mut Vec<Effect>) {
        self.stays_open = stays_open;
        if !stays_open && !self.on {
            self.close(out);
        }
    }

    /// Another device was chosen.
    pub(crate) fn choose(&mut self, chosen: Choice, out: &mut Vec<Effect>) {
        let was_ready = self.is_ready();
        self.close(out);
        // Choosing a device where there was none means wanting it.
        self.on = chosen.some && (self.on || !self.chosen) && self.hold != Hold::Barred;
        self.given_up &= chosen.some && !self.on;
        self.chosen = chosen.some;
        self.wanted = chosen.wanted;
        self.failures = 0;
        self.start(out);
        // What stood open while it was off goes on doing so.
        if was_ready && self.stays_open && self.chosen && self.state == State::Closed {
            self.open(out);
        }
    }

    /// Opens the device that runs, or is about to, anew, with what was set for it meanwhile.
    pub(crate) fn reopen(&mut self, out: &mut Vec<Effect>) {
        let ran = self.is_running() || self.reopens();
        if self.is_running() || self.on && self.state == State::Opening {
            self.close(out);
            self.start(out);
            self.reopens = ran && self.state == State::Opening;
        } else if self.on && matches!(&self.state, State::Failed { retry_at, .. } if *retry_at == NEVER) {
            // It failed and is just being tried again, with what was set before. Its problem shows until it runs.
            self.generation += 1;
            out.push(Effect::Close(self.device));
            self.open(out);
        }
    }

    /// It is on, ran, and is being opened anew.
    pub(crate) fn reopens(&self) -> bool {
        self.on && self.reopens && self.state == State::Opening
    }

    /// Other devices are plugged in than before; `there` are those of this kind, by ID. One that failed is tried at
    /// once, and the chosen one takes its place back from the one that stands in for it.
    pub(crate) fn plugged(&mut self, there: &[String], out: &mut Vec<Effect>) {
        match &self.state {
            State::Running { stands_in: true, .. } if self.wanted.as_ref().is_some_and(|id| there.contains(id)) => {
                self.reopen(out);
            }
            State::Failed { retry_at, .. } if *retry_at != NEVER => self.open(out),
            _ => {}
        }
    }

    pub(crate) fn close(&mut self, out: &mut Vec<Effect>) {
        if !matches!(self.state, State::Closed) {
            self.state = State::Closed;
            self.generation += 1;
            out.push(Effect::Close(self.device));
        }
    }

    pub(crate) fn news(&mut self, now: MediaTime, generation: u32, news: DeviceNews) -> Option<Change> {
        if generation != self.generation || matches!(self.state, State::Closed) {
            return None;
        }
        match news {
            DeviceNews::Means(id) => {
                self.wanted = Some(id);
                None
            }
            DeviceNews::Opened { label, synthetic, stands_in } => {
                let recovered = std::mem::take(&mut self.failures) > 0;
                let told = matches!(self.state, State::Running { stands_in: true, .. });
                self.state = State::Running { label, synthetic, stands_in };
                Some(Change::Started { recovered, replaced: stands_in && !told })
            }
            // Nobody wants it now: it is opened when it is turned on.
            DeviceNews::Failed(_) if !self.on => {
                self.state = State::Closed;
                self.generation += 1;
                None
            }
            DeviceNews::Failed(error) => {
                let wait = FIRST_RETRY.saturating_mul(1 << self.failures.min(4)).min(MAX_RETRY);
                let first = self.failures == 0;
                self.failures += 1;
                self.generation += 1;
                self.state = State::Failed { error: error.clone(), retry_at: now + wait };
                Some(Change::Failed { error, first })
            }
            // It comes back by itself, or not; nobody misses it meanwhile.
            DeviceNews::Lost(error) if !self.on => {
                self.state = State::Failed { error, retry_at: NEVER };
                None
            }
            DeviceNews::Lost(error) => {
                let first = self.failures == 0;
                self.failures += 1;
                self.state = State::Failed { error: error.clone(), retry_at: NEVER };
                Some(Change::Failed { error, first })
            }
        }
    }

    pub(crate) fn timeout(&mut self, now: MediaTime, out: &mut Vec<Effect>) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.open(out);
        }
    }

    pub(crate) fn deadline(&self) -> Option<MediaTime> {
        match self.state {
            State::Failed { retry_at, .. } => (retry_at != NEVER).then_some(retry_at),
            _ => None,
        }
    }

    /// Why it does not run, as long as that holds (an attempt to open it again does not hide it).
    pub(crate) fn problem(&self) -> Option<&SessionError> {
        match &self.state {
            State::Failed { error, .. } if self.on => Some(error),
            _ => None,
        }
    }

    /// The code that says so, while another device stands in for the chosen one.
    pub(crate) fn stands_in(&self) -> Option<Code> {
        matches!(self.state, State::Running { stands_in: true, .. }).then_some(match self.device {
            Device::Camera => Code::CameraReplaced,
            Device::Microphone => Code::MicrophoneReplaced,
            Device::Speaker => Code::SpeakerReplaced,
        })
    }

    pub(crate) fn view(&self) -> DeviceView {
        let (label, synthetic, stands_in) = match &self.state {
            State::Running { label, synthetic, stands_in } => (label.clone(), *synthetic, *stands_in),
            _ => Default::default(),
        };
        let problem = self.problem().map(|e| e.code);
        DeviceView { on: self.on, running: self.is_running(), label, synthetic, stands_in, problem }
    }

    fn open(&mut self, out: &mut Vec<Effect>) {
        self.reopens = false;
        // A failed device keeps showing its problem until it runs: only the clock is stopped.
        if let State::Failed { retry_at, .. } = &mut self.state {
            *retry_at = NEVER;
        } else {
            self.state = State::Opening;
        }
        out.push(Effect::Open { device: self.device, generation: self.generation });
    }
}
