//! Screens and windows of a desktop that shows programs only what the person gives them: Wayland's way.
//!
//! The desktop itself asks what to share, in a dialog of its own (xdg-desktop-portal's ScreenCast), and hands the
//! pictures out through PipeWire. Nothing can be listed and no region drawn: [`ask`] stands in the picker's place.

mod answer;
mod dialog;
mod format;
mod grab;
mod lent;
mod library;
mod picture;
mod pod;
mod stream;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Ask, Granted, ScreenChoice};
use crate::source::SourceError;
use dialog::{Given, NotGiven};
pub(super) use grab::PortalGrab;
use library::Library;
use stream::{Stream, Trouble};

/// What the person gave in the desktop's own dialog. It is shared once, and given back when nobody holds it any more.
#[derive(Clone)]
pub struct Grant(Arc<Mutex<Option<PortalGrab>>>);

/// With this the desktop may give the same again without asking, as long as this program runs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Again(String);

impl fmt::Debug for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Again")
    }
}

impl Grant {
    /// Its pictures, the first time.
    pub(super) fn take(&self, label: &str) -> Result<PortalGrab, SourceError> {
        let gone = || SourceError::Gone { what: label.to_owned() };
        let mut grab = self.0.lock().take().ok_or_else(gone)?;
        if grab.is_over() {
            return Err(gone());
        }
        grab.call_it(label);
        Ok(grab)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant")
    }
}

impl PartialEq for Grant {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Grant {}

impl Hash for Grant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl Granted {
    /// What to give to a [`ScreenSource`](super::ScreenSource).
    pub fn choice(&self) -> ScreenChoice {
        ScreenChoice::Granted(self.grant.clone())
    }
}

/// Whether this desktop lists nothing and asks the person itself: then [`ask`].
pub fn desktop_asks() -> bool {
    let session = std::env::var("XDG_SESSION_TYPE").unwrap_or_default();
    session == "wayland" || (session != "x11" && std::env::var_os("WAYLAND_DISPLAY").is_some())
}

/// Has the desktop ask the person what to share. Takes as long as they take. `None` when they want to share nothing, and
/// when nobody waits for them any more.
///
/// # Errors
/// [`SourceError::NotSupported`] where the portal or PipeWire is missing, with what to install; others where they fail.
pub fn ask(ask: &Ask<'_>) -> Result<Option<Granted>, SourceError> {
    // Before the person is asked for something that cannot be had.
    let library = Library::load().map_err(|error| {
        not_supported(format!(
            "PipeWire is missing ({error}); install libpipewire-0.3 and PipeWire with your system's package manager"
        ))
    })?;
    let token = ask.again.map(|again| again.0.as_str());
    let given = dialog::ask(token, ask.settings.pointer, ask.over).map_err(|why| match why {
        NotGiven::Absent(error) => not_supported(format!(
            "the desktop's portal is missing ({error}); install xdg-desktop-portal and the part of it for your desktop, \
             such as xdg-desktop-portal-gnome, -kde or -wlr, and log in again"
        )),
        NotGiven::Refused => SourceError::Denied { device: "the screen".to_owned() },
        NotGiven::Broken(reason) => SourceError::Device { device: "the desktop's portal".to_owned(), reason },
    })?;
    let Some(Given { session, chosen, socket }) = given else { return Ok(None) };
    let stream = Stream::open(library, socket, chosen.node, ask.settings.fps.clamp(1, 60)).map_err(|trouble| {
        let (Trouble::Unreachable(reason) | Trouble::Format(reason) | Trouble::Ended(reason)) = trouble;
        SourceError::Device { device: "PipeWire".to_owned(), reason }
    })?;
    let grab = PortalGrab::new(stream, session);
    let (width, height) = grab.expected().unwrap_or_default();
    let grant = Grant(Arc::new(Mutex::new(Some(grab))));
    Ok(Some(Granted { grant, window: chosen.window, width, height, again: chosen.token.map(Again) }))
}

fn not_supported(reason: String) -> SourceError {
    SourceError::NotSupported { what: "screen sharing".to_owned(), reason }
}
