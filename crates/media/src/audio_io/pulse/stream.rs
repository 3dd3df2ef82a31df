//! A stream at work, on a thread of its own.

use std::{
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::mpsc::{SyncSender, sync_channel},
    thread::JoinHandle,
};

use pulseaudio::protocol::MAX_MEMBLOCKQ_LENGTH;

use super::wire::{Of, Said, Wire};
use crate::{
    audio_io::{
        clock::span,
        device::{Alarm, Alarms, Play, Record, Work},
        supervise::first_word,
    },
    clock::MediaTime,
    devices::pulse::SoundServerError,
    frame::SAMPLE_RATE,
    source::SourceError,
};

/// The stream; dropping it ends it.
pub(super) struct Running {
    /// Shut down, it ends the thread's waiting.
    switch: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Makes it and lets it run.
    pub(super) fn start(of: Of, work: Work, alarms: &Alarms) -> Result<Self, SoundServerError> {
        let (told, outcome) = sync_channel(1);
        let alarms = alarms.clone();
        let thread = std::thread::Builder::new().name("sound".to_owned()).spawn(move || {
            let ended = match work {
                Work::Record(to) => record(&of, to, &told),
                Work::Play(from) => play(&of, from, &told),
            };
            if let Err(error) = ended {
                tracing::debug!(%error, device = of.label, "the sound server is heard no more");
                // Somebody waits for this only before the stream runs.
                let _ = told.try_send(Err(error));
            }
            // Nobody listens any more where it was dropped.
            let _ = alarms.send(Alarm::Lost(SourceError::Unplugged { device: of.label }));
        })?;
        let switch = first_word(&outcome, |reason| std::io::Error::other(reason).into())?;
        Ok(Self { switch, thread: Some(thread) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.switch.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Gets the outcome of making a stream.
type Told = SyncSender<Result<UnixStream, SoundServerError>>;

/// Records until the stream is over.
fn record(of: &Of, mut to: Box<dyn Record>, told: &Told) -> Result<(), SoundServerError> {
    let mut wire = Wire::from_microphone(of)?;
    let _ = told.send(Ok(wire.switch()?));
    loop {
        match wire.next()? {
            Said::Sound => {
                let now = MediaTime::now();
                let (samples, age) = wire.recorded(now);
                to.take(samples, now, age);
                wire.ask(now)?;
            }
            Said::Over => return Ok(()),
            Said::Wants(_) | Said::Else => {}
        }
    }
}

/// Plays until the stream is over.
fn play(of: &Of, mut from: Box<dyn Play>, told: &Told) -> Result<(), SoundServerError> {
    let (mut wire, mut wanted) = Wire::to_speaker(of)?;
    // Until the server has said how long the way is: the two periods that it is asked to keep.
    let usual = span(of.frames as usize * 2, SAMPLE_RATE);
    let mut told = Some(told);
    loop {
        // It may ask for a part of a frame.
        let frames = wanted / wire.frame();
        if frames > 0 {
            wanted -= frames * wire.frame();
            let now = MediaTime::now();
            wire.write(from.give(frames, now, wire.ahead(now).unwrap_or(usual)), now)?;
        }
        if let Some(told) = told.take() {
            let _ = told.send(Ok(wire.switch()?));
        }
        match wire.next()? {
            // No server asks for more at once than its longest buffer has.
            Said::Wants(bytes) => wanted = (wanted + bytes).min(MAX_MEMBLOCKQ_LENGTH),
            Said::Over => return Ok(()),
            Said::Sound | Said::Else => {}
        }
    }
}
