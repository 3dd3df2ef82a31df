//! Linux: X11 itself; under Wayland what the person gives in the desktop's own dialog.

use super::grab::Grab;
use super::x11;
use super::{Monitor, Offer, ScreenChoice, ScreenSettings, Thumbnail, desktop_asks};
use crate::source::SourceError;

/// Opens a way to the pixels on the thread that will use it.
pub(super) type Opener = Box<dyn FnOnce() -> Result<Box<dyn Grab>, SourceError> + Send>;

/// Checks that there is something to share; what comes back opens it for good.
pub(super) fn open(choice: &ScreenChoice, label: &str, settings: ScreenSettings) -> Result<Opener, SourceError> {
    if let ScreenChoice::Granted(grant) = choice {
        let grab = grant.take(label)?;
        return Ok(Box::new(move || Ok(Box::new(grab) as Box<dyn Grab>)));
    }
    refuse_wayland()?;
    let grab = x11::open(choice, label, settings)?;
    Ok(Box::new(move || Ok(Box::new(grab) as Box<dyn Grab>)))
}

/// What can be shared, for a picker.
pub struct Catalog {
    inner: x11::Catalog,
}

impl Catalog {
    /// Reaches the desktop.
    ///
    /// # Errors
    /// [`SourceError::NotSupported`] where there is no desktop, or it asks the person itself ([`desktop_asks`]).
    pub fn open() -> Result<Self, SourceError> {
        refuse_wayland()?;
        Ok(Self { inner: x11::Catalog::open()? })
    }

    /// The monitors, the primary one first.
    ///
    /// # Errors
    /// When the desktop is gone.
    pub fn monitors(&mut self) -> Result<Vec<Monitor>, SourceError> {
        self.inner.monitors()
    }

    /// The monitors, then the windows, the one used last first. Windows of the process `leave_out` are not among them.
    ///
    /// # Errors
    /// When the desktop is gone.
    pub fn offers(&mut self, leave_out: Option<u32>) -> Result<Vec<Offer>, SourceError> {
        self.inner.offers(leave_out)
    }

    /// A picture of `choice` now, at most `width` × `height` pixels; `None` while it has none to give, as a minimised window.
    ///
    /// # Errors
    /// [`SourceError::Gone`] when it is no longer there.
    pub fn thumbnail(
        &mut self,
        choice: &ScreenChoice,
        width: u32,
        height: u32,
    ) -> Result<Option<Thumbnail>, SourceError> {
        self.inner.thumbnail(choice, width, height)
    }
}

/// Under Wayland an X server is there too, but it sees nobody's windows but its own: black pictures help nobody.
fn refuse_wayland() -> Result<(), SourceError> {
    if !desktop_asks() {
        return Ok(());
    }
    Err(SourceError::NotSupported {
        what: "looking at the screen without being given it".to_owned(),
        reason: "this desktop runs on Wayland, which asks you itself what a program may see".to_owned(),
    })
}
