//! The stage on macOS: not there yet; a room has sound, chat and members, and its window says nothing wrong.

use tauri::WebviewWindow;

use super::{OnPress, SharedPixels, StageError, Surface};

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
