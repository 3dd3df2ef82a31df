//! What a desktop that asks the person itself is asked for, and what comes back.

use super::{Again, Grant, ScreenSettings};

/// What to ask the desktop for.
pub struct Ask<'a> {
    /// How it will be shared.
    pub settings: ScreenSettings,
    /// What was given before, to have it again without asking the person where the desktop knows it still.
    pub again: Option<&'a Again>,
    /// Nobody waits for the person's answer any more. Looked at several times a second.
    pub over: &'a dyn Fn() -> bool,
}

/// What the person chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What to share.
    pub grant: Grant,
    /// A window rather than a whole screen.
    pub window: bool,
    /// Width in pixels; it may change.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// To have the same again later, where the desktop can give it.
    pub again: Option<Again>,
}
