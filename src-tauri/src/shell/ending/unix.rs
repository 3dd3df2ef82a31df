//! Signals. The end of a desktop session arrives as SIGTERM or SIGHUP, Control-C as SIGINT.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a program to end.
pub struct Requests {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Requests {
    /// Takes them over from the system, which would end the program at once.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one, by name.
    pub async fn next(&mut self) -> Option<&'static str> {
        tokio::select! {
            heard = self.terminate.recv() => heard.map(|()| "SIGTERM"),
            heard = self.interrupt.recv() => heard.map(|()| "SIGINT"),
            heard = self.hangup.recv() => heard.map(|()| "SIGHUP"),
        }
    }
}
