//! A slot of one between two threads: the newest value wins, older ones are dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

type Hook = Arc<dyn Fn() + Send + Sync>;

struct Slot<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    senders: AtomicUsize,
    sent: AtomicU64,
    dropped: AtomicU64,
}

struct State<T> {
    value: Option<T>,
    receiver_gone: bool,
    on_ready: Option<Hook>,
}

/// The receiver is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes this any more: the receiver is gone")]
pub struct ReceiverGone;

/// Why nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// Nothing has come yet.
    #[error("nothing new has come")]
    Empty,
    /// Every sender is gone and nothing is left.
    #[error("every sender is gone")]
    Closed,
}

/// A slot of one; see the module.
pub fn channel<T>() -> (LatestSender<T>, LatestReceiver<T>) {
    let slot = Arc::new(Slot {
        state: Mutex::new(State { value: None, receiver_gone: false, on_ready: None }),
        filled: Condvar::new(),
        senders: AtomicUsize::new(1),
        sent: AtomicU64::new(0),
        dropped: AtomicU64::new(0),
    });
    (LatestSender { slot: slot.clone() }, LatestReceiver { slot })
}

/// Puts values into the slot; may be cloned.
pub struct LatestSender<T> {
    slot: Arc<Slot<T>>,
}

impl<T> LatestSender<T> {
    /// Puts `value` into the slot, in place of one that was not taken in time. Never blocks on the receiver.
    ///
    /// # Errors
    /// [`ReceiverGone`] when nobody can take it any more.
    pub fn send(&self, value: T) -> Result<(), ReceiverGone> {
        let (old, hook) = {
            let mut state = self.slot.state.lock();
            if state.receiver_gone {
                return Err(ReceiverGone);
            }
            (state.value.replace(value), state.on_ready.clone())
        };
        self.slot.sent.fetch_add(1, Ordering::Relaxed);
        if old.is_some() {
            self.slot.dropped.fetch_add(1, Ordering::Relaxed);
        }
        // Freed and called outside the lock: a frame going home takes its pool's lock, a hook may call anything.
        drop(old);
        self.slot.filled.notify_one();
        if let Some(hook) = hook {
            hook();
        }
        Ok(())
    }

    /// True when nobody can take a value any more.
    pub fn is_closed(&self) -> bool {
        self.slot.state.lock().receiver_gone
    }
}

impl<T> Clone for LatestSender<T> {
    fn clone(&self) -> Self {
        self.slot.senders.fetch_add(1, Ordering::Relaxed);
        Self { slot: self.slot.clone() }
    }
}

impl<T> Drop for LatestSender<T> {
    fn drop(&mut self) {
        if self.slot.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Taken and released so that a receiver cannot miss the news between its check and its wait.
            let hook = self.slot.state.lock().on_ready.clone();
            self.slot.filled.notify_all();
            if let Some(hook) = hook {
                hook();
            }
        }
    }
}

/// Takes values out of the slot.
pub struct LatestReceiver<T> {
    slot: Arc<Slot<T>>,
}

impl<T> LatestReceiver<T> {
    /// The newest value not yet taken.
    ///
    /// # Errors
    /// [`RecvError::Empty`] when there is none now, [`RecvError::Closed`] when none can come any more.
    pub fn try_recv(&self) -> Result<T, RecvError> {
        let mut state = self.slot.state.lock();
        match state.value.take() {
            Some(value) => Ok(value),
            None if self.slot.senders.load(Ordering::Acquire) == 0 => Err(RecvError::Closed),
            None => Err(RecvError::Empty),
        }
    }

    /// The newest value, waiting at most `timeout` for one.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        let until = Instant::now() + timeout;
        let mut state = self.slot.state.lock();
        loop {
            if let Some(value) = state.value.take() {
                return Ok(value);
            }
            if self.slot.senders.load(Ordering::Acquire) == 0 {
                return Err(RecvError::Closed);
            }
            if self.slot.filled.wait_until(&mut state, until).timed_out() {
                return state.value.take().ok_or(RecvError::Empty);
            }
        }
    }

    /// Calls `hook` on the sender's thread after each value sent and when the last sender goes; it must be quick.
    /// Replaces an earlier hook. Called once at once when a value already waits.
    pub fn on_ready(&self, hook: impl Fn() + Send + Sync + 'static) {
        let hook: Hook = Arc::new(hook);
        let waiting = {
            let mut state = self.slot.state.lock();
            state.on_ready = Some(hook.clone());
            state.value.is_some()
        };
        if waiting {
            hook();
        }
    }

    /// How many values were sent.
    pub fn sent(&self) -> u64 {
        self.slot.sent.load(Ordering::Relaxed)
    }

    /// How many values were replaced by a newer one before anybody took them.
    pub fn dropped(&self) -> u64 {
        self.slot.dropped.load(Ordering::Relaxed)
    }
}

impl<T> Drop for LatestReceiver<T> {
    fn drop(&mut self) {
        let (value, hook) = {
            let mut state = self.slot.state.lock();
            state.receiver_gone = true;
            (state.value.take(), state.on_ready.take())
        };
        drop((value, hook));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wins_and_drops_are_counted() {
        let (tx, rx) = channel();
        for i in 0..5 {
            tx.send(i).unwrap();
        }
        assert_eq!(rx.try_recv(), Ok(4));
        assert_eq!(rx.try_recv(), Err(RecvError::Empty));
        assert_eq!((rx.sent(), rx.dropped()), (5, 4));
    }

    #[test]
    fn closing_is_seen_on_both_sides() {
        let (tx, rx) = channel();
        let tx2 = tx.clone();
        tx.send(1).unwrap();
        drop(tx);
        drop(tx2);
        assert_eq!(rx.recv_timeout(Duration::from_secs(5)), Ok(1));
        assert_eq!(rx.recv_timeout(Duration::from_secs(5)), Err(RecvError::Closed));
        let (tx, rx) = channel();
        drop(rx);
        assert_eq!(tx.send(1), Err(ReceiverGone));
        assert!(tx.is_closed());
    }

    #[test]
    fn a_waiting_receiver_wakes_up() {
        let (tx, rx) = channel();
        let t = std::thread::spawn(move || rx.recv_timeout(Duration::from_secs(30)));
        tx.send(7).unwrap();
        assert_eq!(t.join().unwrap(), Ok(7));
    }

    #[test]
    fn the_hook_is_called_for_each_value_and_for_the_end() {
        let (tx, rx) = channel();
        let calls = Arc::new(AtomicUsize::new(0));
        tx.send(1).unwrap();
        let c = calls.clone();
        rx.on_ready(move || {
            c.fetch_add(1, Ordering::SeqCst);
        });
        tx.send(2).unwrap();
        drop(tx);
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }
}
