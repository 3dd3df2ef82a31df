//! Which of our threads the system lets run first when there is more to do than time: those that carry sound.
//!
//! A picture that comes late is skipped; sound that comes late is a hole that everybody hears. So threads say what they
//! work for, once, when they begin. What a system offers for that is different everywhere and lives in a file for each.
//! None of it is needed for sound to work: a system that refuses is no error.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
#[cfg(not(any(target_os = "linux", windows)))]
#[path = "macos.rs"]
mod platform;

/// What a thread works for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Sound, and the packets that carry it: little work that must be done at once.
    Sound,
    /// Encoding, decoding and filtering of pictures: much work that can wait for sound.
    Pictures,
}

impl Urgency {
    /// Tells the system that the thread that calls works for this, to its end. Threads that it starts from now on may
    /// inherit it.
    pub fn claim(self) {
        match platform::claim(self) {
            Ok(()) => {}
            // Usual without rights, and no reason to stop: sound waits for its turn then.
            Err(error) => tracing::debug!(%error, urgency = ?self, "the system does not give this thread its priority"),
        }
    }
}

/// Claims for sound the thread of a call-back that the sound system makes, at its first call.
#[derive(Debug, Default)]
pub(crate) struct OnFirstCall {
    done: bool,
}

impl OnFirstCall {
    pub(crate) fn claim(&mut self) {
        if !std::mem::replace(&mut self.done, true) {
            Urgency::Sound.claim();
        }
    }
}
