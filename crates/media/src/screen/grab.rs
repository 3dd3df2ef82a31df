//! The one interface between a system's way to the pixels and everything else.

use std::time::Duration;

use super::{Rect, Visibility};
use crate::source::SourceError;

/// A changed part of the picture, in the system's own memory.
pub(super) struct Patch<'a> {
    /// Where it lies in the picture: within it, on even coordinates, of even size.
    pub(super) place: Rect,
    /// Blue, green, red and a byte without meaning, top row first.
    pub(super) bgrx: &'a [u8],
    /// Bytes from one row to the next.
    pub(super) stride: usize,
}

/// Takes the parts of one picture. All parts of a picture whose size is new cover it wholly.
pub(super) trait Parts {
    /// The picture is `width` × `height` (both even), and `whole` if all of it comes now. Called once, before the parts.
    fn begin(&mut self, width: u32, height: u32, whole: bool);
    /// A part of it.
    fn part(&mut self, patch: Patch<'_>);
}

/// A system's way to the pixels of one monitor, window or region. Used on one thread.
pub(super) trait Grab {
    /// Waits until something may have changed, at most `patience`. Returns whether it has.
    ///
    /// # Errors
    /// [`SourceError::Gone`] when there is nothing left to share.
    fn changed(&mut self, patience: Duration) -> Result<bool, SourceError>;

    /// The picture's size now, both even; `None` while there is none to take.
    fn size(&self) -> Option<(u32, u32)>;

    /// Whether it can be seen.
    fn visibility(&self) -> Visibility;

    /// Hands over what has changed since the last time. Returns false when nothing came, or when what was asked for
    /// changed under our hands: then everything comes next time.
    ///
    /// # Errors
    /// As [`changed`](Self::changed).
    fn take(&mut self, parts: &mut dyn Parts) -> Result<bool, SourceError>;
}
