//! The mouse pointer as Windows has it.

use windows::Win32::Foundation::{HWND, POINT};
use windows::Win32::Graphics::Gdi::{BITMAP, DeleteObject, GetObjectW, HBITMAP};
use windows::Win32::UI::WindowsAndMessaging::{
    CURSOR_SHOWING, CURSORINFO, GA_ROOT, GetAncestor, GetCursorInfo, GetIconInfo, HCURSOR, ICONINFO, IDC_ARROW,
    LoadCursorW, WindowFromPoint,
};

use super::super::masks;
use super::super::pointer::Shape;
use super::gdi;

/// The larger of what a pointer may be, pixels: more is no pointer.
const LARGEST: i32 = 1024;

/// Looks for the pointer, and reads its picture when it is another one.
#[derive(Default)]
pub(super) struct Eye {
    /// What was read last.
    read: Option<HCURSOR>,
}

impl Eye {
    /// Where it points on the desktop, and its picture if that is a new one; `None` while none is shown.
    pub(super) fn look(&mut self) -> Option<((i32, i32), Option<Shape>)> {
        let mut info = CURSORINFO { cbSize: size_of::<CURSORINFO>() as u32, ..Default::default() };
        // SAFETY: `info` lives as long as the call, and its size is set.
        unsafe { GetCursorInfo(&mut info) }.ok()?;
        if info.flags.0 & CURSOR_SHOWING.0 == 0 || info.hCursor.is_invalid() {
            return None;
        }
        let mut shape = None;
        if self.read != Some(info.hCursor) {
            self.read = Some(info.hCursor);
            // One that another program keeps to itself, as under Wine, still points.
            shape = Some(read(info.hCursor).or_else(arrow).unwrap_or_default());
        }
        Some(((info.ptScreenPos.x, info.ptScreenPos.y), shape))
    }
}

/// Whether a point of the desktop belongs to a window, and not to what covers it.
pub(super) fn is_over(window: HWND, (x, y): (i32, i32)) -> bool {
    // SAFETY: these take and return plain values.
    unsafe { GetAncestor(WindowFromPoint(POINT { x, y }), GA_ROOT) == window }
}

/// The bitmaps of an icon, which are the asker's to delete.
struct Icon(ICONINFO);

impl Drop for Icon {
    fn drop(&mut self) {
        for bitmap in [self.0.hbmMask, self.0.hbmColor] {
            if !bitmap.is_invalid() {
                // SAFETY: GetIconInfo made it for us, and nothing else has it.
                let _ = unsafe { DeleteObject(bitmap.into()) };
            }
        }
    }
}

/// The one that Windows has where nobody asks for another.
fn arrow() -> Option<Shape> {
    // SAFETY: one of Windows' own, which is not to be destroyed.
    read(unsafe { LoadCursorW(None, IDC_ARROW) }.ok()?)
}

fn read(cursor: HCURSOR) -> Option<Shape> {
    let mut icon = Icon(ICONINFO::default());
    // SAFETY: a cursor that is gone gives an error.
    unsafe { GetIconInfo(cursor.into(), &mut icon.0) }.ok()?;
    let hot = (icon.0.xHotspot as i32, icon.0.yHotspot as i32);
    let (width, height) = size(icon.0.hbmMask)?;
    // White is a bit that is set.
    let mask = gdi::read(icon.0.hbmMask, width, height)?;
    let mask: Vec<bool> = mask.into_iter().map(|pixel| pixel & 1 != 0).collect();
    if icon.0.hbmColor.is_invalid() {
        // Both masks in one, the second below the first.
        let (keep, turn) = mask.split_at(width as usize * (height as usize / 2));
        return masks::monochrome(width, hot, keep, turn);
    }
    let (width, height) = size(icon.0.hbmColor)?;
    let colours = gdi::read(icon.0.hbmColor, width, height)?;
    masks::icon(width, hot, &colours, &mask)
}

fn size(bitmap: HBITMAP) -> Option<(u32, u32)> {
    let mut known = BITMAP::default();
    let length = size_of::<BITMAP>() as i32;
    // SAFETY: there is room for as much as is said.
    let written = unsafe { GetObjectW(bitmap.into(), length, Some((&raw mut known).cast())) };
    let sides = [known.bmWidth, known.bmHeight];
    (written == length && sides.iter().all(|side| (1..=LARGEST).contains(side)))
        .then_some((known.bmWidth as u32, known.bmHeight as u32))
}
