//! Systems that are asked: every few seconds while somebody watches, the list is read anew.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Duration,
};

/// A device that was plugged in shows up within this time.
const LOOK: Duration = Duration::from_secs(3);

/// Wakes the thread that listens; dropping it ends that thread.
pub struct Bell(Sender<()>);

impl Bell {
    /// Wakes it.
    pub fn ring(&self) {
        // The thread ends after this bell.
        let _ = self.0.send(());
    }
}

/// Looks from time to time.
pub struct Ear(Receiver<()>);

/// The two ends.
///
/// # Errors
/// None here.
pub fn bell() -> io::Result<(Bell, Ear)> {
    let (bell, ear) = channel();
    Ok((Bell(bell), Ear(ear)))
}

impl Ear {
    /// Waits until it is time to look. False when the bell is gone.
    pub fn wait(&mut self) -> bool {
        !matches!(self.0.recv_timeout(LOOK), Err(RecvTimeoutError::Disconnected))
    }

    /// Whether the bell rings within this time.
    pub fn heard_within(&mut self, patience: Duration) -> bool {
        self.0.recv_timeout(patience).is_ok()
    }
}
