//! Systems on which we cannot listen to other programs yet: they say so.

use crate::source::{AudioSink, RunningSource, SourceError};

/// It never can.
pub(super) fn available() -> bool {
    false
}

/// There is none.
pub(super) fn start(_: AudioSink) -> Result<RunningSource, SourceError> {
    Err(SourceError::NotSupported {
        what: "sharing the computer's sound".to_owned(),
        reason: "Beckon shares it on Linux and Windows only so far".to_owned(),
    })
}
