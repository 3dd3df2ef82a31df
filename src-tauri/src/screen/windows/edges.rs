//! Four thin windows around a region that clicks go through.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use beckon_media::screen::Rect;
use windows::{Win32::UI::WindowsAndMessaging::DispatchMessageW, core::Result};

use super::{
    LOOK_EVERY, RegionError, next_message,
    pane::{Look, Pane},
    refused,
};
use crate::screen::drawing::around;

/// A frame that something else covers comes back to the front this often.
const RAISE_EVERY: Duration = Duration::from_secs(1);

pub struct Edges([Pane; 4]);

impl Edges {
    pub fn create() -> Result<Self> {
        let edge = || Pane::create(Look::Edge);
        Ok(Self([edge()?, edge()?, edge()?, edge()?]))
    }

    /// Lays them around a part of the desktop.
    pub fn lay(&self, part: Rect) {
        for (pane, edge) in self.0.iter().zip(around(part)) {
            pane.lay(edge);
        }
    }

    pub fn hide(&self) {
        self.0.iter().for_each(Pane::hide);
    }
}

/// The frame around a shared region; dropping it takes it away.
pub struct Frame {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Frame {
    /// Shows it around `part`.
    ///
    /// # Errors
    /// [`RegionError::Refused`] when Windows makes no windows for us.
    pub fn show(part: Rect) -> std::result::Result<Self, RegionError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let (made, answer) = mpsc::channel();
        // Windows belong to the thread that made them.
        let stay = move || match Edges::create() {
            Ok(edges) => {
                let _ = made.send(Ok(()));
                stay(&edges, part, &stopping);
            }
            Err(error) => {
                let _ = made.send(Err(error));
            }
        };
        let thread = std::thread::Builder::new().name("region-frame".to_owned()).spawn(stay).map_err(refused)?;
        let frame = Self { stop, thread: Some(thread) };
        match answer.recv() {
            Ok(made) => made.map(|()| frame).map_err(refused),
            Err(gone) => Err(refused(gone)),
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say; a panic in it was logged already.
            let _ = thread.join();
        }
    }
}

/// Keeps the frame in front.
fn stay(edges: &Edges, part: Rect, stop: &AtomicBool) {
    edges.lay(part);
    let mut raised = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if let Some(message) = next_message(LOOK_EVERY) {
            // SAFETY: a message that this thread was given.
            unsafe { DispatchMessageW(&message) };
        }
        if raised.elapsed() >= RAISE_EVERY {
            edges.lay(part);
            raised = Instant::now();
        }
    }
}
