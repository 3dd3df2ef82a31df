//! Pixels by GDI: slow, but there on every Windows, on remote desktops too.

use std::ffi::c_void;
use std::ops::Range;

use windows::Win32::Foundation::{E_OUTOFMEMORY, HWND};
use windows::Win32::Graphics::Dwm::DwmIsCompositionEnabled;
use windows::Win32::Graphics::Gdi::{
    BI_RGB, BITMAPINFO, BITMAPINFOHEADER, BitBlt, CAPTUREBLT, CreateCompatibleDC, CreateDIBSection, DIB_RGB_COLORS,
    DeleteDC, DeleteObject, GdiFlush, GetDC, GetDIBits, GetWindowDC, HBITMAP, HDC, HGDIOBJ, ReleaseDC, SRCCOPY,
    SelectObject,
};
use windows::Win32::Storage::Xps::{PRINT_WINDOW_FLAGS, PrintWindow};
use windows::Win32::UI::WindowsAndMessaging::PW_RENDERFULLCONTENT;
use windows::core::{Error, Result};

use super::super::Rect;

/// How pixels lie in memory: 32 bits each, the top row first.
fn layout(width: u32, height: u32) -> BITMAPINFO {
    BITMAPINFO {
        bmiHeader: BITMAPINFOHEADER {
            biSize: size_of::<BITMAPINFOHEADER>() as u32,
            biWidth: width as i32,
            // Negative: rows from top to bottom.
            biHeight: -(height as i32),
            biPlanes: 1,
            biBitCount: 32,
            biCompression: BI_RGB.0,
            ..Default::default()
        },
        ..Default::default()
    }
}

/// What can be drawn from, of the desktop or a window.
struct Lent {
    window: Option<HWND>,
    dc: HDC,
}

impl Lent {
    fn of(window: Option<HWND>) -> Result<Self> {
        // SAFETY: a window that is gone lends none.
        let dc = unsafe { if window.is_some() { GetWindowDC(window) } else { GetDC(None) } };
        if dc.is_invalid() { Err(Error::from_thread()) } else { Ok(Self { window, dc }) }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: lent in `of`, of the same window, on this thread.
        unsafe { ReleaseDC(self.window, self.dc) };
    }
}

/// Memory that GDI draws into and we read.
pub(super) struct Surface {
    dc: HDC,
    bitmap: HBITMAP,
    before: HGDIOBJ,
    pixels: *mut u8,
    width: u32,
    height: u32,
    /// A window that was asked to draw itself here did not, though there is something of it to be seen.
    draws_nothing: bool,
}

impl Surface {
    pub(super) fn new(width: u32, height: u32) -> Result<Self> {
        let mut pixels: *mut c_void = std::ptr::null_mut();
        // SAFETY: the layout lives as long as the call; what was made is let go again where the next step fails.
        unsafe {
            let dc = CreateCompatibleDC(None);
            if dc.is_invalid() {
                return Err(Error::from_thread());
            }
            let made = CreateDIBSection(None, &layout(width, height), DIB_RGB_COLORS, &mut pixels, None, 0);
            let bitmap = match made {
                Ok(bitmap) if !pixels.is_null() => bitmap,
                made => {
                    let _ = DeleteDC(dc);
                    return Err(made.err().unwrap_or_else(|| E_OUTOFMEMORY.into()));
                }
            };
            let before = SelectObject(dc, bitmap.into());
            Ok(Self { dc, bitmap, before, pixels: pixels.cast(), width, height, draws_nothing: false })
        }
    }

    pub(super) fn is_of(&self, width: u32, height: u32) -> bool {
        (self.width, self.height) == (width, height)
    }

    /// Bytes from one row to the next.
    pub(super) fn stride(&self) -> usize {
        self.width as usize * 4
    }

    /// Copies the rows `rows` of what can be seen at `part` of the desktop, which is as large as this.
    pub(super) fn copy_desktop(&mut self, part: Rect, rows: Range<u32>) -> Result<()> {
        let desktop = Lent::of(None)?;
        // A composed desktop has everything in it. Of another, windows that shine through must be asked for, and the
        // pointer flickers.
        // SAFETY: returns a plain value.
        let composed = unsafe { DwmIsCompositionEnabled() }.is_ok_and(|yes| yes.as_bool());
        let how = if composed { SRCCOPY } else { SRCCOPY | CAPTUREBLT };
        let (top, height) = (rows.start as i32, rows.len() as i32);
        // SAFETY: both device contexts are alive; GDI clips to what they have.
        unsafe {
            BitBlt(self.dc, 0, top, self.width as i32, height, Some(desktop.dc), part.x, part.y + top, how)?;
            // What GDI has put off until later is in memory after this.
            let _ = GdiFlush();
        }
        Ok(())
    }

    /// Lets a window draw itself, covered or not, from its upper left corner on. One that draws nothing is looked at.
    pub(super) fn print(&mut self, window: HWND) -> Result<()> {
        if !self.draws_nothing {
            // SAFETY: the device context is alive; a window that is gone draws nothing.
            let printed = unsafe { PrintWindow(window, self.dc, PRINT_WINDOW_FLAGS(PW_RENDERFULLCONTENT)) };
            // SAFETY: as in `copy_desktop`.
            let _ = unsafe { GdiFlush() };
            if printed.as_bool() && !self.is_empty() {
                return Ok(());
            }
        }
        let seen = Lent::of(Some(window))?;
        // SAFETY: as in `copy_desktop`.
        unsafe {
            BitBlt(self.dc, 0, 0, self.width as i32, self.height as i32, Some(seen.dc), 0, 0, SRCCOPY)?;
            let _ = GdiFlush();
        }
        self.draws_nothing |= !self.is_empty();
        Ok(())
    }

    /// Whether nothing was ever drawn into it.
    fn is_empty(&self) -> bool {
        self.pixels().iter().all(|byte| *byte == 0)
    }

    /// Its pixels, [`stride`](Self::stride) bytes a row.
    pub(super) fn pixels(&self) -> &[u8] {
        let size = self.width as usize * self.height as usize * 4;
        // SAFETY: the bitmap has this size and lives as long as `self`; GDI draws into it only in `&mut self` calls,
        // which wait until it has.
        unsafe { std::slice::from_raw_parts(self.pixels, size) }
    }
}

impl Drop for Surface {
    fn drop(&mut self) {
        // SAFETY: made in `new`; the bitmap is taken out of the device context before it is deleted.
        unsafe {
            SelectObject(self.dc, self.before);
            let _ = DeleteObject(self.bitmap.into());
            let _ = DeleteDC(self.dc);
        }
    }
}

/// The pixels of a bitmap, in numbers with the red above the green above the blue.
pub(super) fn read(bitmap: HBITMAP, width: u32, height: u32) -> Option<Vec<u32>> {
    let desktop = Lent::of(None).ok()?;
    let mut pixels = vec![0u32; width as usize * height as usize];
    let mut layout = layout(width, height);
    let to = Some(pixels.as_mut_ptr().cast());
    // SAFETY: there is room for as many rows of this layout as are asked for.
    let rows = unsafe { GetDIBits(desktop.dc, bitmap, 0, height, to, &mut layout, DIB_RGB_COLORS) };
    (rows == height as i32).then_some(pixels)
}
