//! What the desktop gave us to share, as pictures.

use std::time::Duration;

use super::dialog::Session;
use super::stream::{Stream, Trouble};
use crate::screen::Visibility;
use crate::screen::grab::{Grab, Parts, Patch};
use crate::source::SourceError;

/// A share that the person allowed, at work.
pub(in crate::screen) struct PortalGrab {
    stream: Stream,
    /// After the stream: it ends the share in the desktop too.
    session: Session,
    label: String,
    /// The last picture's.
    size: Option<(u32, u32)>,
    /// Pixels that lie otherwise than everything behind takes them.
    copy: Vec<u8>,
}

impl PortalGrab {
    pub(super) fn new(stream: Stream, session: Session) -> Self {
        Self { stream, session, label: String::new(), size: None, copy: Vec::new() }
    }

    /// What people call it.
    pub(super) fn call_it(&mut self, label: &str) {
        label.clone_into(&mut self.label);
    }

    /// The size that pictures have, as far as it is known before the first one.
    pub(super) fn expected(&self) -> Option<(u32, u32)> {
        self.stream.size().or_else(|| self.stream.agreed())
    }

    /// Ended by the desktop already.
    pub(super) fn is_over(&mut self) -> bool {
        self.session.is_over()
    }

    fn gone(&self) -> SourceError {
        SourceError::Gone { what: self.label.clone() }
    }
}

impl Grab for PortalGrab {
    fn changed(&mut self, patience: Duration) -> Result<bool, SourceError> {
        let waited = self.stream.wait(patience);
        if self.session.is_over() {
            return Err(self.gone());
        }
        waited.map_err(|trouble| match trouble {
            // Where the stream ends before the portal says so, it is the same end.
            Trouble::Ended(said) => {
                tracing::info!(said, "the desktop gives no more pictures");
                self.gone()
            }
            Trouble::Unreachable(reason) | Trouble::Format(reason) => {
                SourceError::Device { device: self.label.clone(), reason }
            }
        })
    }

    fn size(&self) -> Option<(u32, u32)> {
        self.stream.size().or(self.size)
    }

    /// A desktop says nothing of minimised windows: their pictures stop.
    fn visibility(&self) -> Visibility {
        Visibility::Shown
    }

    fn take(&mut self, parts: &mut dyn Parts) -> Result<bool, SourceError> {
        let (copy, last) = (&mut self.copy, &mut self.size);
        let taken = self.stream.take(|layout, memory, damage| {
            if damage.is_empty() {
                return false;
            }
            let (width, height) = layout.size();
            *last = Some((width, height));
            parts.begin(width, height, damage.is_whole());
            for &place in damage.parts() {
                match layout.bgrx(memory, place, copy) {
                    Some((bgrx, stride)) => parts.part(Patch { place, bgrx, stride }),
                    // The layout was checked against the memory when it came.
                    None => tracing::error!(?place, ?layout, "a changed part lies outside its memory; left out"),
                }
            }
            true
        });
        Ok(taken.unwrap_or(false))
    }
}
