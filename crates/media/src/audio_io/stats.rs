use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::MediaTime;

/// How a microphone or speaker is doing; a cheap handle that can be read from any thread.
#[derive(Clone, Debug, Default)]
pub struct IoStats {
    cell: Arc<Cell>,
}

#[derive(Debug, Default)]
struct Cell {
    latency_us: AtomicU64,
    frames: AtomicU64,
    glitches: AtomicU64,
    losses: AtomicU64,
    last_call_ns: AtomicI64,
}

impl IoStats {
    /// Time between the device's converter and us, our own buffers included, as measured at the last call-back.
    pub fn latency(&self) -> Duration {
        Duration::from_micros(self.cell.latency_us.load(Ordering::Relaxed))
    }

    /// 10 ms frames taken from or given to the device.
    pub fn frames(&self) -> u64 {
        self.cell.frames.load(Ordering::Relaxed)
    }

    /// Times the device ran over or dry.
    pub fn glitches(&self) -> u64 {
        self.cell.glitches.load(Ordering::Relaxed)
    }

    /// Times the device was lost.
    pub fn losses(&self) -> u64 {
        self.cell.losses.load(Ordering::Relaxed)
    }

    pub(super) fn called(&self, now: MediaTime, latency: Duration, frames: u64) {
        self.cell.latency_us.store(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.cell.frames.fetch_add(frames, Ordering::Relaxed);
        self.cell.last_call_ns.store(now.0, Ordering::Relaxed);
    }

    pub(super) fn last_call(&self) -> MediaTime {
        MediaTime(self.cell.last_call_ns.load(Ordering::Relaxed))
    }

    pub(super) fn glitch(&self) {
        self.cell.glitches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) {
        self.cell.losses.fetch_add(1, Ordering::Relaxed);
    }
}
