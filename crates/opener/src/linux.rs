//! The running app on Linux: a name on the session bus, as `tauri-plugin-single-instance` takes it.

use std::{io, os::unix::process::CommandExt, process::Command, time::Duration};

use zbus::{Error as BusError, blocking::connection::Builder};

use super::NotTaken;

/// An app that does not answer within this time hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the bus says where nobody has the name.
const NOBODY: [&str; 2] = ["org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"];

/// Gives the address to the app that runs under this name, as a second start of it would. False where none runs, or where
/// there is no session bus to find it on.
///
/// # Errors
/// [`NotTaken`], also when it does not answer within ten seconds.
pub fn hand_over(instance: &str, program: &str, address: &str) -> Result<bool, NotTaken> {
    let Ok(bus) = Builder::session().and_then(|builder| builder.method_timeout(PATIENCE).build()) else {
        return Ok(false);
    };
    let name = format!("{instance}.SingleInstance");
    let path = format!("/{}", name.replace('.', "/"));
    let folder = std::env::current_dir().unwrap_or_default();
    let body = (vec![program, address], folder.to_string_lossy());
    match bus.call_method(Some(name), path, Some("org.SingleInstance.DBus"), "ExecuteCallback", &body) {
        Ok(_) => Ok(true),
        Err(BusError::MethodError(kind, ..)) if NOBODY.contains(&kind.as_str()) => Ok(false),
        Err(error) => Err(NotTaken(error.to_string())),
    }
}

/// Runs a program in this one's place; comes back only where that fails.
pub fn become_app(command: &mut Command) -> io::Error {
    command.exec()
}
