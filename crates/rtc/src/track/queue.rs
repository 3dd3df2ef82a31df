//! The short queue between the driver and whoever decodes a track.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// Nothing came in time.
    #[error("nothing came in time")]
    TimedOut,
    /// The track ended: nothing will come any more.
    #[error("the track ended")]
    Ended,
}

struct Inner<T> {
    state: Mutex<State<T>>,
    blocking: Condvar,
    waiting: Notify,
    capacity: usize,
    dropped: AtomicU64,
}

struct State<T> {
    items: VecDeque<T>,
    ended: bool,
}

/// The driver's end.
pub(crate) struct MediaSender<T>(Arc<Inner<T>>);

/// The end a decoder takes media from, blocking or async. Clones share one queue: each item goes to one of them.
pub struct MediaReceiver<T>(Arc<Inner<T>>);

/// A queue of at most `capacity` items.
pub(crate) fn media_queue<T>(capacity: usize) -> (MediaSender<T>, MediaReceiver<T>) {
    let inner = Arc::new(Inner {
        state: Mutex::new(State { items: VecDeque::with_capacity(capacity.min(64)), ended: false }),
        blocking: Condvar::new(),
        waiting: Notify::new(),
        capacity,
        dropped: AtomicU64::new(0),
    });
    (MediaSender(inner.clone()), MediaReceiver(inner))
}

impl<T> MediaSender<T> {
    /// Puts an item in. When the queue is full everything in it is dropped first, as the receiver is far behind and
    /// what it holds is worth less than what comes. Returns how many items were dropped.
    pub(crate) fn push(&self, item: T) -> usize {
        let mut state = self.0.state.lock();
        if state.ended {
            return 0;
        }
        let mut dropped = 0;
        if state.items.len() >= self.0.capacity {
            dropped = state.items.len();
            state.items.clear();
            self.0.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
        }
        state.items.push_back(item);
        drop(state);
        self.0.blocking.notify_one();
        self.0.waiting.notify_one();
        dropped
    }

    /// Drops the oldest items until at most `keep` are left.
    pub(crate) fn trim(&self, keep: usize) {
        let mut state = self.0.state.lock();
        while state.items.len() > keep {
            state.items.pop_front();
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Items dropped because nobody took them.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// No item comes any more; what is queued can still be taken.
    pub(crate) fn end(&self) {
        self.0.state.lock().ended = true;
        self.0.blocking.notify_all();
        self.0.waiting.notify_waiters();
        // A receiver that checks between `ended` and its wait finds this permit.
        self.0.waiting.notify_one();
    }
}

impl<T> Drop for MediaSender<T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T> Clone for MediaReceiver<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> std::fmt::Debug for MediaReceiver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaReceiver").field("queued", &self.len()).finish_non_exhaustive()
    }
}

impl<T> MediaReceiver<T> {
    /// The oldest item, if one is there.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] when nothing is there now, [`RecvError::Ended`] when nothing will come any more.
    pub fn try_recv(&self) -> Result<T, RecvError> {
        let mut state = self.0.state.lock();
        match state.items.pop_front() {
            Some(item) => Ok(item),
            None if state.ended => Err(RecvError::Ended),
            None => Err(RecvError::TimedOut),
        }
    }

    /// Waits for an item, for async code. `None`: the track ended.
    pub async fn recv(&self) -> Option<T> {
        loop {
            let waiting = self.0.waiting.notified();
            tokio::pin!(waiting);
            waiting.as_mut().enable();
            match self.try_recv() {
                Ok(item) => return Some(item),
                Err(RecvError::Ended) => {
                    // Pass the wake-up on to another clone.
                    self.0.waiting.notify_one();
                    return None;
                }
                Err(RecvError::TimedOut) => waiting.await,
            }
        }
    }

    /// Waits for an item at most `timeout`, for a thread of its own.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] when nothing came in time, [`RecvError::Ended`] when nothing will come any more.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        let until = Instant::now() + timeout;
        let mut state = self.0.state.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Ok(item);
            }
            if state.ended {
                return Err(RecvError::Ended);
            }
            if self.0.blocking.wait_until(&mut state, until).timed_out() {
                return state.items.pop_front().ok_or(RecvError::TimedOut);
            }
        }
    }

    /// Items waiting.
    pub fn len(&self) -> usize {
        self.0.state.lock().items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_what_is_old_and_counts_it() {
        let (tx, rx) = media_queue(3);
        assert_eq!((1..=3).map(|n| tx.push(n)).sum::<usize>(), 0);
        assert_eq!(tx.push(4), 3);
        assert_eq!(rx.try_recv(), Ok(4));
        assert_eq!(tx.dropped(), 3);
    }

    #[test]
    fn what_is_queued_can_be_taken_after_the_end() {
        let (tx, rx) = media_queue(3);
        tx.push(1);
        drop(tx);
        assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(1));
        assert_eq!(rx.recv_timeout(Duration::from_secs(5)), Err(RecvError::Ended));
    }

    #[test]
    fn a_blocked_receiver_is_woken_by_an_item() {
        let (tx, rx) = media_queue(3);
        let waiter = std::thread::spawn(move || rx.recv_timeout(Duration::from_secs(10)));
        tx.push(7);
        assert_eq!(waiter.join().unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn every_waiting_clone_learns_of_the_end() {
        let (tx, rx) = media_queue::<u8>(3);
        let waits: Vec<_> = (0..3)
            .map(|_| {
                let rx = rx.clone();
                tokio::spawn(async move { rx.recv().await })
            })
            .collect();
        drop(tx);
        for wait in waits {
            assert_eq!(wait.await.unwrap(), None);
        }
    }
}
