//! The session's figures.

use parking_lot::Mutex;

use crate::report::SessionReport;

/// Collects figures from everywhere.
pub(crate) struct Meters {
    report: Mutex<SessionReport>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self { report: Mutex::default() }
    }

    pub(crate) fn report(&self) -> SessionReport {
        self.report.lock().clone()
    }
}
