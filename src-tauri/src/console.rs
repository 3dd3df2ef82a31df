//! The console on Windows: a program with windows has none, not even the one it was started from.

use windows::Win32::System::Console::{ATTACH_PARENT_PROCESS, AttachConsole};

/// Writes to the console the program was started from, if there is one: for `--help`, `--self-test` and complaints.
pub fn join() {
    // SAFETY: takes no pointers. It fails where there is no console, or where we have it already: both are fine.
    let _ = unsafe { AttachConsole(ATTACH_PARENT_PROCESS) };
}
