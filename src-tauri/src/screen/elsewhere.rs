//! Systems where no region can be drawn yet: the picker does not offer it there.

use beckon_media::screen::Rect;

use super::{Ask, RegionError};

/// Whether a region can be drawn.
pub const SUPPORTED: bool = false;

/// Lets the person draw a region.
///
/// # Errors
/// [`RegionError::NotSupported`] always.
pub fn pick(_ask: &Ask<'_>) -> Result<Option<Rect>, RegionError> {
    Err(RegionError::NotSupported)
}

/// The frame around a shared region.
pub struct Frame(());

impl Frame {
    /// Shows it around `part`.
    ///
    /// # Errors
    /// [`RegionError::NotSupported`] always.
    pub fn show(_part: Rect) -> Result<Self, RegionError> {
        Err(RegionError::NotSupported)
    }
}
