//! Windows and macOS start the app itself: it loads quickly there, and knows how to find its like.

use std::{io, process::Command};

use super::NotTaken;

/// Leaves it to the app: false, always.
///
/// # Errors
/// None.
pub fn hand_over(_instance: &str, _program: &str, _address: &str) -> Result<bool, NotTaken> {
    Ok(false)
}

/// Runs a program and ends with it; comes back only where it does not start.
pub fn become_app(command: &mut Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
