//! Systems whose screens we cannot take pictures of yet: they say so, and offer nothing.

use super::grab::Grab;
use super::{Monitor, Offer, ScreenChoice, ScreenSettings, Thumbnail};
use crate::source::SourceError;

/// Opens a way to the pixels on the thread that will use it.
pub(super) type Opener = Box<dyn FnOnce() -> Result<Box<dyn Grab>, SourceError> + Send>;

/// There is none.
pub(super) fn open(_: &ScreenChoice, _: &str, _: ScreenSettings) -> Result<Opener, SourceError> {
    Err(not_supported())
}

/// What can be shared, for a picker.
pub struct Catalog(std::convert::Infallible);

impl Catalog {
    /// Reaches the desktop.
    ///
    /// # Errors
    /// [`SourceError::NotSupported`] always.
    pub fn open() -> Result<Self, SourceError> {
        Err(not_supported())
    }

    /// The monitors, the primary one first.
    ///
    /// # Errors
    /// When the desktop is gone.
    pub fn monitors(&mut self) -> Result<Vec<Monitor>, SourceError> {
        match self.0 {}
    }

    /// The monitors, then the windows, the one used last first. Windows of the process `leave_out` are not among them.
    ///
    /// # Errors
    /// When the desktop is gone.
    pub fn offers(&mut self, _leave_out: Option<u32>) -> Result<Vec<Offer>, SourceError> {
        match self.0 {}
    }

    /// A picture of `choice` now, at most `width` × `height` pixels; `None` while it has none to give.
    ///
    /// # Errors
    /// [`SourceError::Gone`] when it is no longer there.
    pub fn thumbnail(&mut self, _: &ScreenChoice, _: u32, _: u32) -> Result<Option<Thumbnail>, SourceError> {
        match self.0 {}
    }
}

fn not_supported() -> SourceError {
    SourceError::NotSupported {
        what: "screen sharing".to_owned(),
        reason: "Beckon shares screens on Linux and Windows only so far".to_owned(),
    }
}
