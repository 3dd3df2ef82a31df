//! The running app on Linux: a name on the session bus, as `tauri-plugin-single-instance` takes it.

use std::{io, os::unix::process::CommandExt, process::Command, time::Duration};

use thiserror::Error;
use zbus::{Error as BusError, blocking::connection::Builder};

/// An app that does not answer within this time hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the bus says where nobody has the name.
const NOBODY: [&str; 2] = ["org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"];

/// Why the address was not handed over.
#[derive(Debug, Error)]
pub enum HandOverError {
    /// No app runs, or there is no session bus to find it on.
    #[error("no app runs: {0}")]
    NobodyThere(BusError),
    /// It runs and did not take the address.
    #[error("the running app does not take the address: {0}; end it and try again")]
    NotTaken(BusError),
}

/// Gives the address to the app that runs under this name, as a second start of it would.
///
/// # Errors
/// [`HandOverError`].
pub fn hand_over(instance: &str, program: &str, address: &str) -> Result<(), HandOverError> {
    let bus = Builder::session()
        .and_then(|builder| builder.method_timeout(PATIENCE).build())
        .map_err(HandOverError::NobodyThere)?;
    let name = format!("{instance}.SingleInstance");
    let path = format!("/{}", name.replace('.', "/"));
    let folder = std::env::current_dir().unwrap_or_default();
    let body = (vec![program, address], folder.to_string_lossy());
    bus.call_method(Some(name), path, Some("org.SingleInstance.DBus"), "ExecuteCallback", &body).map_err(|error| {
        match &error {
            BusError::MethodError(kind, ..) if NOBODY.contains(&kind.as_str()) => HandOverError::NobodyThere(error),
            _ => HandOverError::NotTaken(error),
        }
    })?;
    Ok(())
}

/// Runs a program in this one's place; comes back only where that fails.
pub fn become_app(command: &mut Command) -> io::Error {
    command.exec()
}
