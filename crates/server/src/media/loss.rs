//! What the engine cannot go on without: that it is gone is told, though nobody asked.
//!
//! A server of which a part has died goes on answering, and nobody starts it again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::watch;

use super::error::EngineError;

/// What is gone, though nobody said stop.
#[derive(Clone, Debug)]
pub(super) enum Loss {
    /// The UDP port is read no longer, for this reason.
    Udp(Arc<io::Error>),
    /// The program failed in the thread of this name, which ran rooms.
    Rooms(Arc<str>),
}

impl From<Loss> for EngineError {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Udp(source) => Self::Lost { proto: "UDP", source },
            Loss::Rooms(thread) => Self::Failed { thread: thread.to_string() },
        }
    }
}

/// Tells of it, once something is gone.
pub(super) type Lost = watch::Sender<Option<Loss>>;

/// Runs rooms in the thread of this name, and says so when the program fails in it: a room in which it fails is ended and no more
/// than that, but there is work beside the rooms' own.
pub(super) fn run_rooms(thread: &str, lost: &Lost, run: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        tracing::error!(thread, "a thread that ran rooms failed");
        lost.send_replace(Some(Loss::Rooms(thread.into())));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_in_which_the_program_fails_is_told_of_and_one_that_ends_is_not() {
        let lost = Lost::new(None);
        run_rooms("rooms-0", &lost, || {});
        assert!(lost.borrow().is_none());
        run_rooms("rooms-1", &lost, || panic!("as the test has it"));
        let error = EngineError::from(lost.borrow().clone().unwrap());
        assert!(matches!(&error, EngineError::Failed { thread } if thread == "rooms-1"), "{error:?}");
    }
}
