//! Windows and macOS start the app itself: it loads quickly there, and knows how to find its like.

use std::{io, process::Command};

use thiserror::Error;

/// Why the address was not handed over.
#[derive(Debug, Error)]
pub enum HandOverError {
    /// Here the app itself looks for the one that runs.
    #[error("no app was looked for")]
    NobodyThere(()),
}

/// Leaves it to the app.
///
/// # Errors
/// Always [`HandOverError::NobodyThere`].
pub fn hand_over(_instance: &str, _program: &str, _address: &str) -> Result<(), HandOverError> {
    Err(HandOverError::NobodyThere(()))
}

/// Runs a program and ends with it; comes back only where it does not start.
pub fn become_app(command: &mut Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
