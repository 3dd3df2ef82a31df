//! Which devices are plugged in, and when that changes.
//!
//! One thread serves everybody who watches ([`watch`]): it waits for the system to say that something changed, lets the
//! system settle, lists the devices and tells what is there now. It runs only while somebody watches. What the system
//! says is different everywhere and lives in a file for each behind [`platform::Bell`].

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
#[cfg(not(any(target_os = "linux", windows)))]
#[path = "macos.rs"]
mod platform;
#[cfg(target_os = "linux")]
pub(crate) mod pulse;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    audio_io::{DeviceInfo, list_microphones, list_speakers},
    camera::{CameraInfo, list_cameras},
    source::SourceError,
};

/// A device that is plugged in shows up bit by bit (node, rights, name): the list is read when it has been quiet this long.
const SETTLING: Duration = Duration::from_millis(200);
/// A system that is never quiet is listed this often.
const SETTLED_AT_LAST: Duration = Duration::from_secs(2);

/// The devices that are plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceList {
    /// Cameras, in a fixed order. Systems name no default; the first is what "default" opens.
    pub cameras: Vec<CameraInfo>,
    /// Microphones.
    pub microphones: Vec<DeviceInfo>,
    /// Loudspeakers.
    pub speakers: Vec<DeviceInfo>,
}

impl DeviceList {
    /// What is there now. A kind the system does not tell of is empty, and the log says why. Opens no device, but asks
    /// drivers and the sound server: may take some 10 ms, and seconds where one of them hangs.
    pub fn now() -> Self {
        Self {
            cameras: found(list_cameras()),
            microphones: found(list_microphones()),
            speakers: found(list_speakers()),
        }
    }
}

fn found<T>(list: Result<Vec<T>, SourceError>) -> Vec<T> {
    list.unwrap_or_else(|error| {
        tracing::debug!(%error, "a list of devices is missing");
        Vec::new()
    })
}

/// One who watches.
struct Watcher {
    number: u64,
    /// What they were told last.
    told: Option<DeviceList>,
    listener: Box<dyn FnMut(&DeviceList) + Send>,
}

/// What the thread and those who watch share.
struct Monitor {
    watchers: Mutex<Vec<Watcher>>,
    next: AtomicU64,
    bell: platform::Bell,
}

/// The one monitor there is while somebody watches.
static MONITOR: Mutex<Weak<Monitor>> = Mutex::new(Weak::new());

/// Watches until dropped.
pub struct DeviceWatch {
    monitor: Arc<Monitor>,
    number: u64,
}

/// Calls `listener` with the devices there are, soon and whenever that changes, on a thread of the watch. It must be
/// quick, and must not start or drop a watch.
///
/// # Errors
/// [`SourceError::Thread`] when the system gives no thread or no way to wait for changes.
pub fn watch(listener: impl FnMut(&DeviceList) + Send + 'static) -> Result<DeviceWatch, SourceError> {
    let mut there = MONITOR.lock();
    let monitor = match there.upgrade() {
        Some(monitor) => monitor,
        None => {
            let monitor = start()?;
            *there = Arc::downgrade(&monitor);
            monitor
        }
    };
    let number = monitor.next.fetch_add(1, Ordering::Relaxed);
    monitor.watchers.lock().push(Watcher { number, told: None, listener: Box::new(listener) });
    // So that it hears of what is there already.
    monitor.bell.ring();
    Ok(DeviceWatch { monitor, number })
}

fn start() -> Result<Arc<Monitor>, SourceError> {
    let failed = |e: std::io::Error| SourceError::Thread { source_name: "device watch".into(), reason: e.to_string() };
    let (bell, ear) = platform::bell().map_err(failed)?;
    let monitor = Arc::new(Monitor { watchers: Mutex::default(), next: AtomicU64::new(0), bell });
    let weak = Arc::downgrade(&monitor);
    std::thread::Builder::new().name("device-watch".into()).spawn(move || run(&weak, ear)).map_err(failed)?;
    Ok(monitor)
}

fn run(monitor: &Weak<Monitor>, mut ear: platform::Ear) {
    // The strong reference is held only while listing: the last one who drops a watch ends this thread.
    while ear.wait() {
        let settled = Instant::now() + SETTLED_AT_LAST;
        while ear.heard_within(SETTLING) && Instant::now() < settled {}
        let Some(monitor) = monitor.upgrade() else { return };
        let now = DeviceList::now();
        tell(&mut monitor.watchers.lock(), &now);
    }
}

/// Tells everybody to whom it is news.
fn tell(watchers: &mut [Watcher], now: &DeviceList) {
    for watcher in watchers.iter_mut().filter(|w| w.told.as_ref() != Some(now)) {
        (watcher.listener)(now);
        watcher.told = Some(now.clone());
    }
}

impl Drop for DeviceWatch {
    fn drop(&mut self) {
        self.monitor.watchers.lock().retain(|w| w.number != self.number);
        // If this was the last, the thread wakes up to find nobody there.
        self.monitor.bell.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn whoever_watches_is_told_of_each_list_once_however_late_they_come() {
        let watcher = |number| {
            let (tx, rx) = mpsc::channel();
            let listener = Box::new(move |list: &DeviceList| {
                let _ = tx.send(list.cameras.len());
            });
            (Watcher { number, told: None, listener }, rx)
        };
        let (first, heard_first) = watcher(1);
        let (second, heard_second) = watcher(2);
        let none = DeviceList::default();
        let one = DeviceList {
            cameras: vec![CameraInfo { id: "a".into(), label: "A".into(), index: "0".into() }],
            ..none.clone()
        };
        let mut watchers = vec![first];
        tell(&mut watchers, &none);
        tell(&mut watchers, &none);
        watchers.push(second);
        tell(&mut watchers, &none);
        tell(&mut watchers, &one);
        assert_eq!(heard_first.try_iter().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(heard_second.try_iter().collect::<Vec<_>>(), [0, 1]);
    }
}
