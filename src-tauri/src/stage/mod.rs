//! The stage: pictures drawn natively into the place that the page leaves for them.
//!
//! A [`Painter`] thread composes into one BGRA buffer whenever a picture or the room's state changes; a [`Surface`] of
//! the platform shows that buffer in the window and tells where it is clicked. Three small files hold all that is
//! different between platforms.

mod painter;
mod scene;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod platform;

use std::sync::Arc;

use beckon_interface::place::StagePlace;
use beckon_media::layout::Rect;
use parking_lot::Mutex;
use thiserror::Error;

pub use painter::{Painter, Pictures};
pub use platform::{Veil, open};

/// Where the stage lies in the window, in logical pixels of the page; empty where it is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Place {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl From<StagePlace> for Place {
    fn from(StagePlace { x, y, width, height, .. }: StagePlace) -> Self {
        Self { x, y, width, height }
    }
}

impl Place {
    /// Greatest side of a stage, logical pixels: what a page reports beyond is a mistake.
    const SIDE_MAX: f64 = 8192.0;

    /// The place as whole logical pixels, `None` for what covers none or makes no sense.
    pub fn whole(&self) -> Option<Rect> {
        let all = [self.x, self.y, self.width, self.height];
        if !all.iter().all(|v| v.is_finite() && (0.0..=Self::SIDE_MAX).contains(v)) {
            return None;
        }
        let (left, top) = (self.x.round(), self.y.round());
        let (right, bottom) = ((self.x + self.width).round(), (self.y + self.height).round());
        let rect = Rect::new(left as i32, top as i32, (right - left) as u32, (bottom - top) as u32);
        (!rect.is_empty()).then_some(rect)
    }
}

/// The picture of the whole stage, in physical pixels. The painter writes it, the surface shows it.
#[derive(Debug, Default)]
pub struct Pixels {
    /// B, G, R, unused; rows from top to bottom without gaps.
    pub bgra: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// [`Pixels`] that painter and surface share.
pub type SharedPixels = Arc<Mutex<Pixels>>;

/// What the pointer did on the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// The main button, once.
    Click,
    /// The main button, twice.
    Double,
    /// The button for menus.
    Menu,
}

/// Called on the user interface's thread with what was done, and where: physical pixels from the stage's corner.
/// A double click comes after the two clicks it is made of.
pub type OnPress = Box<dyn Fn(Press, i32, i32) + Send>;

/// A native surface in a window. Its methods may be called from any thread and return at once.
pub trait Surface: Send + Sync {
    /// Lies there from now on; nowhere for `None`.
    fn place(&self, place: Option<Rect>);
    /// These parts of the pixels are new.
    fn present(&self, dirty: &[Rect]);
}

/// Why a window got no stage.
#[derive(Debug, Error)]
#[error("the window could not be given a stage: {0}")]
pub struct StageError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_make_no_sense_hide_the_stage() {
        let place = Place { x: 0.4, y: 47.6, width: 780.2, height: 500.0 };
        assert_eq!(place.whole(), Some(Rect::new(0, 48, 781, 500)));
        assert_eq!(Place::default().whole(), None);
        assert_eq!(Place { width: f64::NAN, ..place }.whole(), None);
        assert_eq!(Place { height: 1e9, ..place }.whole(), None);
        assert_eq!(Place { x: -5.0, ..place }.whole(), None);
    }
}
