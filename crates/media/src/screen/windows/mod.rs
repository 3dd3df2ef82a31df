//! Pixels of a Windows desktop.
//!
//! A whole monitor, or a region of one, comes from Desktop Duplication, which tells what has changed; a window from
//! Windows.Graphics.Capture, which has its pixels also while it is covered. Where either cannot start or breaks (remote
//! desktops, monitors turned on their side, old systems), GDI takes its place: it works everywhere, and what has changed is
//! found by comparing. A monitor's picture that is refused for the time being is waited for, and asked for again later.

mod capture;
mod catalog;
mod desktop;
mod device;
mod duplication;
mod gdi;
mod grab;
mod pointer;
mod window;

pub use catalog::Catalog;

use windows::Win32::UI::HiDpi::{
    DPI_AWARENESS_CONTEXT, DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2, SetThreadDpiAwarenessContext,
};

use super::grab::Grab;
use super::{ScreenChoice, ScreenSettings};
use crate::source::SourceError;

/// Opens a way to the pixels on the thread that will use it.
pub(super) type Opener = Box<dyn FnOnce() -> Result<Box<dyn Grab>, SourceError> + Send>;

/// Checks that there is something to share; what comes back opens it for good.
pub(super) fn open(choice: &ScreenChoice, label: &str, settings: ScreenSettings) -> Result<Opener, SourceError> {
    let target = {
        let _aware = Aware::now();
        grab::Target::find(choice, label)?
    };
    let label = label.to_owned();
    Ok(Box::new(move || Ok(Box::new(grab::WindowsGrab::open(target, label, settings)) as Box<dyn Grab>)))
}

/// As long as this lives, its thread is told of physical pixels on each monitor. The app is anyway; a program that does
/// not say so would get sizes and pixels as Windows scales them for it.
struct Aware {
    before: DPI_AWARENESS_CONTEXT,
    /// For this thread only.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Aware {
    fn now() -> Self {
        // SAFETY: takes and returns a plain value.
        let before = unsafe { SetThreadDpiAwarenessContext(DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2) };
        Self { before, _thread: std::marker::PhantomData }
    }
}

impl Drop for Aware {
    fn drop(&mut self) {
        // Null where it was refused: then nothing has changed.
        if !self.before.0.is_null() {
            // SAFETY: takes and returns a plain value.
            unsafe { SetThreadDpiAwarenessContext(self.before) };
        }
    }
}

/// A call to the system failed.
fn broke(what: &str, error: &windows::core::Error) -> SourceError {
    SourceError::Device { device: what.to_owned(), reason: error.to_string() }
}

/// Text that ends at the first null, if there is one.
fn text(wide: &[u16]) -> String {
    let end = wide.iter().position(|unit| *unit == 0).unwrap_or(wide.len());
    String::from_utf16_lossy(&wide[..end])
}
