//! Regions on Windows. While one is drawn, a window that can hardly be seen lies over the desktop and takes mouse and
//! keyboard; the frame is four thin windows around the region, outside of it, so they are never shared.

mod edges;
mod pane;
mod words;

pub use edges::Frame;

use std::time::Duration;

use beckon_media::screen::Rect;
use windows::Win32::{
    Foundation::{HWND, POINT},
    UI::{
        Input::KeyboardAndMouse::{
            GetKeyState, ReleaseCapture, SetCapture, SetFocus, VIRTUAL_KEY, VK_DOWN, VK_ESCAPE, VK_F4, VK_LEFT,
            VK_RETURN, VK_RIGHT, VK_SHIFT, VK_UP,
        },
        WindowsAndMessaging::{
            DispatchMessageW, GetCursorPos, GetSystemMetrics, MSG, MWMO_INPUTAVAILABLE, MsgWaitForMultipleObjectsEx,
            PM_REMOVE, PeekMessageW, QS_ALLINPUT, SM_CXVIRTUALSCREEN, SM_CYVIRTUALSCREEN, SM_XVIRTUALSCREEN,
            SM_YVIRTUALSCREEN, SetCursorPos, SetForegroundWindow, WM_KEYDOWN, WM_LBUTTONDOWN, WM_LBUTTONUP,
            WM_MBUTTONDOWN, WM_MOUSEMOVE, WM_RBUTTONDOWN, WM_SYSKEYDOWN,
        },
    },
};

use super::{
    Ask, RegionError,
    drawing::{Drawing, Step},
};
use edges::Edges;
use pane::{Look, Pane};
use words::Words;

/// Whether a region can be drawn.
pub const SUPPORTED: bool = true;

/// How far an arrow key moves the corner, pixels; with Shift, and without.
const STEPS: (i32, i32) = (2, 24);
/// How often it is looked whether somebody still waits for the region.
const LOOK_EVERY: Duration = Duration::from_millis(200);

fn refused(error: impl std::fmt::Display) -> RegionError {
    RegionError::Refused(error.to_string())
}

/// Lets the person draw a region: with the mouse, or with arrow keys and Enter for each corner. `None` on Escape, on another
/// button than the left, and when nobody waits for it any more.
///
/// # Errors
/// [`RegionError::Refused`] when Windows makes no windows for us.
pub fn pick(ask: &Ask<'_>) -> Result<Option<Rect>, RegionError> {
    let desktop = desktop();
    let cover = Pane::create(Look::Cover).map_err(refused)?;
    let edges = Edges::create().map_err(refused)?;
    let mut words = Words::create(ask.scale, (desktop.x, desktop.y), (desktop.w, desktop.h)).map_err(refused)?;
    cover.lay(desktop);
    take_keyboard(cover.handle());
    let mut picking = Picking { drawing: Drawing::on(desktop.w, desktop.h), desktop, cover: cover.handle() };
    words.say(ask.hint, picking.pointer()).map_err(refused)?;
    loop {
        let Some(message) = next_message(LOOK_EVERY) else {
            if (ask.over)() {
                return Ok(None);
            }
            continue;
        };
        if message.hwnd == picking.cover && message.message == WM_MOUSEMOVE {
            let at = point(&message);
            let size = picking.drawing.part(at.0, at.1).map(|part| format!("{} × {}", part.w, part.h));
            words.say(size.as_deref().unwrap_or(ask.hint), at).map_err(refused)?;
        }
        match picking.step(&message) {
            Step::Nothing => {}
            Step::Show(part) => edges.lay(picking.on_desktop(part)),
            Step::Hide => edges.hide(),
            Step::Done(part) => return Ok(Some(picking.on_desktop(part))),
            Step::Cancel => return Ok(None),
        }
        // SAFETY: a message that this thread was given.
        unsafe { DispatchMessageW(&message) };
    }
}

struct Picking {
    /// In it, the upper left corner of the desktop is 0, 0.
    drawing: Drawing,
    desktop: Rect,
    cover: HWND,
}

impl Picking {
    fn step(&mut self, message: &MSG) -> Step {
        if message.hwnd != self.cover {
            return Step::Nothing;
        }
        let (x, y) = point(message);
        match message.message {
            WM_LBUTTONDOWN => {
                // Mice that leave the desktop's edge are still ours.
                // SAFETY: a window of this thread.
                unsafe { SetCapture(self.cover) };
                self.drawing.press(x, y)
            }
            WM_LBUTTONUP => {
                // SAFETY: takes nothing.
                let _ = unsafe { ReleaseCapture() };
                self.drawing.release(x, y)
            }
            WM_MOUSEMOVE => self.drawing.motion(x, y),
            WM_RBUTTONDOWN | WM_MBUTTONDOWN => Step::Cancel,
            WM_KEYDOWN => self.key(VIRTUAL_KEY(message.wParam.0 as u16)),
            WM_SYSKEYDOWN if message.wParam.0 == usize::from(VK_F4.0) => Step::Cancel,
            _ => Step::Nothing,
        }
    }

    fn key(&mut self, key: VIRTUAL_KEY) -> Step {
        // SAFETY: takes and returns plain values. The highest bit says "pressed".
        let fine = unsafe { GetKeyState(VK_SHIFT.0.into()) } < 0;
        let step = if fine { STEPS.0 } else { STEPS.1 };
        let (dx, dy) = match key {
            VK_ESCAPE => return Step::Cancel,
            VK_RETURN => {
                let (x, y) = self.pointer();
                return if self.drawing.has_begun() { self.drawing.release(x, y) } else { self.drawing.press(x, y) };
            }
            VK_LEFT => (-step, 0),
            VK_RIGHT => (step, 0),
            VK_UP => (0, -step),
            VK_DOWN => (0, step),
            _ => return Step::Nothing,
        };
        let (x, y) = self.pointer();
        let (x, y) = (i32::from(x) + dx + self.desktop.x, i32::from(y) + dy + self.desktop.y);
        // The pointer is the corner: its motion comes back as a message.
        // SAFETY: takes plain values.
        let _ = unsafe { SetCursorPos(x, y) };
        Step::Nothing
    }

    /// Where the pointer is, from the desktop's upper left corner.
    fn pointer(&self) -> (i16, i16) {
        let mut at = POINT::default();
        // SAFETY: `at` lives as long as the call; where it fails, the corner will do.
        let _ = unsafe { GetCursorPos(&mut at) };
        ((at.x - self.desktop.x) as i16, (at.y - self.desktop.y) as i16)
    }

    fn on_desktop(&self, part: Rect) -> Rect {
        Rect::new(part.x + self.desktop.x, part.y + self.desktop.y, part.w, part.h)
    }
}

/// Where a message of the mouse says that it is: signed 16-bit halves, from the window's upper left corner.
fn point(message: &MSG) -> (i16, i16) {
    (message.lParam.0 as i16, (message.lParam.0 >> 16) as i16)
}

/// All monitors together.
fn desktop() -> Rect {
    // SAFETY: these take and return plain values.
    let [x, y, w, h] = [SM_XVIRTUALSCREEN, SM_YVIRTUALSCREEN, SM_CXVIRTUALSCREEN, SM_CYVIRTUALSCREEN]
        .map(|metric| unsafe { GetSystemMetrics(metric) });
    Rect::new(x, y, w.max(0) as u32, h.max(0) as u32)
}

/// Keys go to our window, if Windows lets them; the mouse does in any case.
fn take_keyboard(window: HWND) {
    // SAFETY: a window of this thread.
    unsafe {
        let _ = SetForegroundWindow(window);
        let _ = SetFocus(Some(window));
    }
}

/// The next message for this thread's windows; `None` when none comes within `patience`.
fn next_message(patience: Duration) -> Option<MSG> {
    let mut message = MSG::default();
    // SAFETY: `message` lives as long as the calls.
    unsafe {
        if PeekMessageW(&mut message, None, 0, 0, PM_REMOVE).as_bool() {
            return Some(message);
        }
        MsgWaitForMultipleObjectsEx(None, patience.as_millis() as u32, QS_ALLINPUT, MWMO_INPUTAVAILABLE);
        PeekMessageW(&mut message, None, 0, 0, PM_REMOVE).as_bool().then_some(message)
    }
}
