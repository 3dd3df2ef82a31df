//! Screens, windows and regions of a screen as a source of pictures.
//!
//! Pictures are taken when something on the screen has changed, at most 30 a second, and only what has changed is
//! fetched and converted: a still screen costs almost nothing. Each system has its own way to the pixels, behind one
//! small interface ([`grab`]); when to look, what to convert and how to make it smaller is decided here, the same
//! for all ([`damage`], [`pace`], [`place`], [`canvas`]; [`picture`] and [`watch`] where the system does not tell of changes).

mod asking;
mod canvas;
#[cfg(any(test, target_os = "linux", windows))]
mod damage;
#[cfg_attr(
    not(any(test, target_os = "linux", windows)),
    expect(dead_code, reason = "only used where screens can be shared")
)]
mod grab;
#[cfg(any(test, windows))]
mod masks;
mod pace;
#[cfg(any(test, windows))]
mod picture;
#[cfg(any(test, target_os = "linux", windows))]
mod place;
#[cfg(any(test, target_os = "linux", windows))]
mod pointer;
#[cfg(any(test, windows))]
mod refusal;
mod shrink;
mod source;
#[cfg(any(test, target_os = "linux", windows))]
mod thumbnail;
#[cfg(any(test, windows))]
mod watch;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(target_os = "linux")]
mod x11;
// A desktop that asks the person itself is Linux's own: its twin has nothing to ask.
#[cfg(target_os = "linux")]
mod portal;
#[cfg(not(target_os = "linux"))]
#[path = "portal_elsewhere.rs"]
mod portal;

#[cfg(windows)]
#[path = "windows/mod.rs"]
mod system;

#[cfg(not(any(target_os = "linux", windows)))]
#[path = "elsewhere.rs"]
mod system;

pub use crate::layout::Rect;
pub use asking::{Ask, Granted};
pub use portal::{Again, Grant, ask, desktop_asks};
pub use source::{ScreenSettings, ScreenSource};
pub use system::Catalog;

/// What to share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ScreenChoice {
    /// A whole monitor, by the system's name for it ([`Offer::choice`]).
    Monitor(String),
    /// A window, by the system's number for it ([`Offer::choice`]); it may be covered, moved or resized while it is shared.
    Window(u64),
    /// A part of the desktop, in physical pixels of the whole desktop ([`Monitor::bounds`] has the same origin). It may
    /// lie on several monitors; while one of them is away, its part is.
    Region(Rect),
    /// What the person gave in the desktop's own dialog ([`ask`]).
    #[cfg(target_os = "linux")]
    Granted(Grant),
}

/// A monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// The system's name for it, such as `HDMI-1` or `\\.\DISPLAY1`.
    pub name: String,
    /// Where it lies on the desktop, in physical pixels; on Windows left of or above the primary one they are negative.
    pub bounds: Rect,
    /// The one with the task bar.
    pub primary: bool,
}

/// Something that can be shared now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What to ask for to get it.
    pub choice: ScreenChoice,
    /// What people call it: the window's title, the monitor's name.
    pub title: String,
    /// Width in physical pixels.
    pub width: u32,
    /// Height in physical pixels.
    pub height: u32,
}

/// A small picture of an offer.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Red, green, blue, opaque: `width × height × 4` bytes.
    pub rgba: Vec<u8>,
}

/// Whether what is shared can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Its pictures are taken.
    Shown,
    /// The window is minimised: viewers keep its last picture.
    Minimised,
}
