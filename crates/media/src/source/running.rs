use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::SourceError;
use crate::clock::MediaTime;

/// A thread that is stuck in a driver is left behind after this long.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a started source fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceStatus {
    /// It delivers.
    Running,
    /// It came to its end, or was stopped.
    Ended,
    /// It broke off, and why.
    Failed(SourceError),
}

type Watcher = Box<dyn FnOnce(SourceStatus) + Send>;

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    stop: bool,
    status: SourceStatus,
    watcher: Option<Watcher>,
}

/// A source at work; dropping it stops it.
pub struct RunningSource {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the source's own thread sees: whether to go on.
pub struct SourceControl {
    shared: Arc<Shared>,
}

impl SourceControl {
    /// True once the source should stop.
    pub fn stopping(&self) -> bool {
        self.shared.state.lock().stop
    }

    /// Sleeps until `t` or until the source should stop. Returns false when it should stop.
    pub fn sleep_until(&self, t: MediaTime) -> bool {
        let until = Instant::now() + t.saturating_since(MediaTime::now());
        let mut state = self.shared.state.lock();
        while !state.stop {
            if self.shared.changed.wait_until(&mut state, until).timed_out() {
                return !state.stop;
            }
        }
        false
    }
}

impl RunningSource {
    /// Runs `body` on a thread called `name` until it returns. It must return soon after
    /// [`SourceControl::stopping`] turns true. If it panics, the source has failed.
    ///
    /// # Errors
    /// [`SourceError::Thread`] when the system gives no thread.
    pub fn spawn(
        name: &str,
        body: impl FnOnce(&SourceControl) -> Result<(), SourceError> + Send + 'static,
    ) -> Result<Self, SourceError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { stop: false, status: SourceStatus::Running, watcher: None }),
            changed: Condvar::new(),
        });
        let control = SourceControl { shared: shared.clone() };
        let device = name.to_owned();
        let thread = std::thread::Builder::new()
            .name(name.chars().take(15).collect())
            .spawn(move || {
                // Nobody joins a source that runs: its panic would be told to none, and whoever waits for its end would wait on.
                let ended = catch_unwind(AssertUnwindSafe(|| body(&control)))
                    .unwrap_or_else(|panic| Err(SourceError::Device { device, reason: said(&*panic) }));
                let status = match ended {
                    Ok(()) => SourceStatus::Ended,
                    Err(error) => SourceStatus::Failed(error),
                };
                control.shared.finish(status);
            })
            .map_err(|e| SourceError::Thread { source_name: name.to_owned(), reason: e.to_string() })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// How it fares now.
    pub fn status(&self) -> SourceStatus {
        self.shared.state.lock().status.clone()
    }

    /// Calls `watcher` once, when the source has ended or failed, on the source's thread; at once if it already has.
    pub fn on_end(&self, watcher: impl FnOnce(SourceStatus) + Send + 'static) {
        let mut state = self.shared.state.lock();
        if state.status == SourceStatus::Running {
            state.watcher = Some(Box::new(watcher));
        } else {
            let status = state.status.clone();
            drop(state);
            watcher(status);
        }
    }

    /// Stops it and waits until it has stopped. Dropping does the same.
    pub fn stop(self) {
        drop(self);
    }

    fn halt(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + PATIENCE;
        let mut state = self.shared.state.lock();
        // Stopped on purpose: nobody wants to be told.
        state.watcher = None;
        state.stop = true;
        self.shared.changed.notify_all();
        while state.status == SourceStatus::Running {
            if self.shared.changed.wait_until(&mut state, until).timed_out() {
                tracing::warn!(thread = thread.thread().name(), "source does not stop; left behind");
                return;
            }
        }
        drop(state);
        // A watcher may hold the last reference and drop us on the source's own thread.
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn finish(&self, status: SourceStatus) {
        let watcher = {
            let mut state = self.state.lock();
            state.status = status.clone();
            self.changed.notify_all();
            state.watcher.take()
        };
        if let Some(watcher) = watcher {
            watcher(status);
        }
    }
}

/// What a panic says of itself, for an error's reason.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("its thread broke off ({})", text.unwrap_or("no reason given"))
}

impl Drop for RunningSource {
    fn drop(&mut self) {
        self.halt();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn dropping_stops_the_thread() {
        let (tx, rx) = mpsc::channel::<()>();
        let source = RunningSource::spawn("t", move |control| {
            let _held = tx;
            while control.sleep_until(MediaTime::now() + Duration::from_secs(60)) {}
            Ok(())
        })
        .unwrap();
        assert_eq!(source.status(), SourceStatus::Running);
        drop(source);
        assert_eq!(rx.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[test]
    fn a_failure_reaches_the_watcher_however_late_it_asks() {
        let failure = SourceError::Unplugged { device: "cam".into() };
        let f = failure.clone();
        let (go, wait) = mpsc::channel::<()>();
        let source = RunningSource::spawn("t", move |_| {
            let _ = wait.recv();
            Err(f)
        })
        .unwrap();
        let (tx, rx) = mpsc::channel();
        let tx2 = tx.clone();
        source.on_end(move |s| tx.send(s).unwrap());
        go.send(()).unwrap();
        assert_eq!(rx.recv_timeout(Duration::from_secs(30)).unwrap(), SourceStatus::Failed(failure.clone()));
        source.on_end(move |s| tx2.send(s).unwrap());
        assert_eq!(rx.recv_timeout(Duration::from_secs(30)).unwrap(), SourceStatus::Failed(failure));
    }

    #[test]
    fn a_panic_is_told_as_a_failure() {
        for plane in [None, Some(3)] {
            let (go, wait) = mpsc::channel::<()>();
            let source = RunningSource::spawn("lens", move |_| {
                let _ = wait.recv();
                match plane {
                    Some(plane) => panic!("plane {plane} is missing"),
                    None => panic!("plane 3 is missing"),
                }
            })
            .unwrap();
            let (tx, rx) = mpsc::channel();
            source.on_end(move |s| tx.send(s).unwrap());
            go.send(()).unwrap();
            let told = rx.recv_timeout(Duration::from_secs(30)).unwrap();
            let reason = "its thread broke off (plane 3 is missing)".to_owned();
            assert_eq!(told, SourceStatus::Failed(SourceError::Device { device: "lens".into(), reason }));
            assert_eq!(source.status(), told);
            // Stops at once: nothing runs any more.
            source.stop();
        }
    }
}
