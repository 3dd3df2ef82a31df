//! The stage on macOS: not there yet; a room has sound, chat and members, and its window says nothing wrong.

use beckon_media::compositor::Rgb;
use tauri::WebviewWindow;

use super::{OnPress, SharedPixels, StageError, Surface};

/// Keeps a window's page from being drawn until it is laid out; dropping it lifts it. Here there is no
/// stage that would wait for it.
pub struct Veil;

impl Veil {
    /// Lays a veil of this colour over the window's page.
    ///
    /// # Errors
    /// [`StageError`] when the window is gone.
    pub fn over(_: &WebviewWindow, _: Rgb, then: impl FnOnce(Self) + Send + 'static) -> Result<(), StageError> {
        then(Self);
        Ok(())
    }
}

/// Tells that there is none.
///
/// # Errors
/// Always.
pub fn open(
    _window: &WebviewWindow,
    _pixels: SharedPixels,
    _on_press: OnPress,
    _then: impl FnOnce(Result<Box<dyn Surface>, StageError>) + Send + 'static,
) -> Result<(), StageError> {
    Err(StageError("this version draws no pictures on macOS".into()))
}
