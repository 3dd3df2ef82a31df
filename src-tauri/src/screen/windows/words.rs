//! Words in a small window of their own beside the pointer.

use std::ffi::c_void;

use beckon_media::{compositor::Plate, screen::Rect};
use windows::{
    Win32::{
        Foundation::{COLORREF, E_OUTOFMEMORY, POINT, SIZE},
        Graphics::Gdi::{
            BI_RGB, BITMAPINFO, BITMAPINFOHEADER, CreateCompatibleDC, CreateDIBSection, DIB_RGB_COLORS, DeleteDC,
            DeleteObject, HDC, SelectObject,
        },
        UI::WindowsAndMessaging::{ULW_OPAQUE, UpdateLayeredWindow},
    },
    core::{Error, Result},
};

use super::pane::{Look, Pane};
use crate::screen::drawing::beside;

/// Height of the letters on a display of scale 1, pixels.
const LETTERS: f64 = 14.0;

/// The window and what it says.
pub struct Words {
    pane: Pane,
    /// Of the desktop.
    corner: (i32, i32),
    desktop: (u32, u32),
    letters: f32,
    said: String,
    size: (u32, u32),
}

impl Words {
    /// A window that says nothing yet, on a desktop with this upper left corner and size. `scale` is how many pixels a point
    /// of text has.
    pub fn create(scale: f64, corner: (i32, i32), desktop: (u32, u32)) -> Result<Self> {
        let letters = (LETTERS * scale.clamp(1.0, 4.0)) as f32;
        let pane = Pane::create(Look::Picture)?;
        Ok(Self { pane, corner, desktop, letters, said: String::new(), size: (0, 0) })
    }

    /// Says this beside the pointer, which is so far from the desktop's upper left corner.
    pub fn say(&mut self, text: &str, pointer: (i16, i16)) -> Result<()> {
        let mut plate = None;
        if self.said != text {
            text.clone_into(&mut self.said);
            plate = Plate::of(text, self.letters, self.desktop.0);
            self.size = plate.as_ref().map_or((0, 0), |plate| (plate.width, plate.height));
        }
        if self.size.0 == 0 {
            // A machine without fonts: the frame says enough.
            return Ok(());
        }
        let (x, y) = beside(pointer, self.size, self.desktop);
        self.pane.lay(Rect::new(x + self.corner.0, y + self.corner.1, self.size.0, self.size.1));
        plate.map_or(Ok(()), |plate| self.paint(&plate))
    }

    fn paint(&self, plate: &Plate) -> Result<()> {
        // SAFETY: makes an object.
        let canvas = unsafe { CreateCompatibleDC(None) };
        if canvas.is_invalid() {
            return Err(Error::from_thread());
        }
        let painted = self.paint_with(canvas, plate);
        // SAFETY: made above, and not used any more.
        let _ = unsafe { DeleteDC(canvas) };
        painted
    }

    fn paint_with(&self, canvas: HDC, plate: &Plate) -> Result<()> {
        let layout = BITMAPINFO {
            bmiHeader: BITMAPINFOHEADER {
                biSize: size_of::<BITMAPINFOHEADER>() as u32,
                biWidth: plate.width as i32,
                // Negative: rows from top to bottom.
                biHeight: -(plate.height as i32),
                biPlanes: 1,
                biBitCount: 32,
                biCompression: BI_RGB.0,
                ..Default::default()
            },
            ..Default::default()
        };
        let size = SIZE { cx: plate.width as i32, cy: plate.height as i32 };
        let mut pixels: *mut c_void = std::ptr::null_mut();
        // SAFETY: the bitmap has room for the plate, whose length is checked; it is taken out of the canvas before it is
        // deleted, and Windows keeps a copy of what it was given.
        unsafe {
            let bitmap = CreateDIBSection(None, &layout, DIB_RGB_COLORS, &mut pixels, None, 0)?;
            let length = plate.width as usize * plate.height as usize * 4;
            let shown = if pixels.is_null() || plate.bgrx.len() < length {
                Err(E_OUTOFMEMORY.into())
            } else {
                std::ptr::copy_nonoverlapping(plate.bgrx.as_ptr(), pixels.cast(), length);
                let before = SelectObject(canvas, bitmap.into());
                let (window, from) = (self.pane.handle(), POINT::default());
                let (size, from) = (Some(&raw const size), Some(&raw const from));
                let none = COLORREF(0);
                let shown = UpdateLayeredWindow(window, None, None, size, Some(canvas), from, none, None, ULW_OPAQUE);
                SelectObject(canvas, before);
                shown
            };
            let _ = DeleteObject(bitmap.into());
            shown
        }
    }
}
