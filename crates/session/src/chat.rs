//! How many room texts may wait at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use beckon_protocol::Code;

use crate::error::SessionError;

/// Texts that wait for the room to come back, or for the server's word that it has them.
const WAITING: usize = 100;

/// Places for texts that wait. Whoever sends one takes a place first, and so knows at once where there is none.
#[derive(Debug, Default)]
pub(crate) struct ChatPlaces(AtomicUsize);

impl ChatPlaces {
    /// Takes a place.
    ///
    /// # Errors
    /// [`Code::ConnectionLost`] where all are taken: nothing has gone out for a while.
    pub(crate) fn take(&self) -> Result<(), SessionError> {
        let more = |taken| (taken < WAITING).then_some(taken + 1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(()),
            Err(_) => Err(SessionError::new(
                Code::ConnectionLost,
                "too many texts wait for the connection to come back; this one is not sent",
            )),
        }
    }

    /// The server has a text: its place is free.
    pub(crate) fn give_back(&self) {
        // Nobody gives back what was not taken; if somebody did, there would only be a place more.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| taken.checked_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_too_much_into_a_dead_connection_is_told_at_once() {
        let places = ChatPlaces::default();
        assert!((0..WAITING).all(|_| places.take().is_ok()));
        assert_eq!(places.take().map_err(|e| e.code), Err(Code::ConnectionLost));
        places.give_back();
        assert_eq!(places.take(), Ok(()));
        assert!(places.take().is_err());
    }
}
