//! Console events: Control-C and Control-Break, the console's closing, and the shutdown of the machine. After the last
//! two Windows waits some seconds before it ends the program.

use anyhow::Context;
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

/// Listens from now on; the future ends with the first request to stop.
///
/// # Errors
/// When the system does not let us listen.
pub(crate) fn asked() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = ctrl_c().context("cannot listen for Control-C")?;
    let mut stop = ctrl_break().context("cannot listen for Control-Break")?;
    let mut close = ctrl_close().context("cannot listen for the console's closing")?;
    let mut shutdown = ctrl_shutdown().context("cannot listen for the machine's shutdown")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = stop.recv() => {}
            _ = close.recv() => {}
            _ = shutdown.recv() => {}
        }
    })
}
