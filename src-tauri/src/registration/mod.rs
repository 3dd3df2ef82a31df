//! Makes this program the one that opens `beckon:` addresses, for the current user.

#[cfg(any(windows, all(test, target_os = "linux")))]
mod command;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod platform;

pub use platform::{at_start, register, unregister};

#[cfg(not(target_os = "macos"))]
use std::path::PathBuf;

/// Who opens `beckon:` addresses now.
#[cfg(not(target_os = "macos"))]
#[derive(Debug, PartialEq, Eq)]
enum Handler {
    /// Nobody.
    Nobody,
    /// Beckon, as the program that lies there or lay there once.
    Ours(PathBuf),
    /// Some other program, or Beckon as somebody else registered it: theirs to see to.
    Another,
}

/// Whether a start is to register its program: where nobody opens addresses, and where what we registered is gone, moved
/// to another folder perhaps. A click would lead nowhere.
#[cfg(not(target_os = "macos"))]
fn needs_registration(handler: &Handler) -> bool {
    match handler {
        Handler::Nobody => true,
        // One that cannot be looked for, on a drive that does not answer, is not gone.
        Handler::Ours(program) => matches!(program.try_exists(), Ok(false)),
        Handler::Another => false,
    }
}
