//! Signals: SIGINT from a terminal, SIGTERM from service managers.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Listens from now on; the future ends with the first request to stop.
///
/// # Errors
/// When the system does not let us listen.
pub(crate) fn asked() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
