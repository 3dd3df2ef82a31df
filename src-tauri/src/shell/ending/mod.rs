//! The end of the app, when the system or an administrator asks for it: rooms are left with a goodbye to the server, and
//! pages hear that their room is closed, instead of finding out by silence.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use super::{Shell, Work};

/// Told once everybody has heard the goodbye.
pub type Told = mpsc::Sender<()>;

/// How long the system is kept waiting at most. Leaving and the pages' goodbye take less (see the clerk).
const WAIT: Duration = Duration::from_secs(4);

/// Ends the app whenever a signal or a console event asks for it.
pub async fn on_request(shell: Arc<Shell>) {
    match system::Requests::listen() {
        Ok(mut requests) => {
            while let Some(what) = requests.next().await {
                tracing::info!(what, "asked to end");
                shell.work(Work::End(None));
            }
        }
        Err(error) => tracing::warn!(%error, "requests to end are not heard; the app ends without goodbye"),
    }
}

/// Holds the event loop's end up until the rooms are left; returns at once where they were already.
pub fn wait(shell: &Shell) {
    let (done, told) = mpsc::channel();
    shell.work(Work::End(Some(done)));
    // An error means that the clerk has gone home: everything is said.
    if let Err(mpsc::RecvTimeoutError::Timeout) = told.recv_timeout(WAIT) {
        tracing::warn!("the goodbye took too long");
    }
}
