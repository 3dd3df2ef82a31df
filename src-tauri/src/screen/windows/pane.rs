//! A plain window without edges, above all others.

use std::{ffi::c_void, sync::Once};

use beckon_media::screen::Rect;
use windows::{
    Win32::{
        Foundation::{COLORREF, HINSTANCE, HWND, LPARAM, LRESULT, WPARAM},
        Graphics::Gdi::CreateSolidBrush,
        System::LibraryLoader::GetModuleHandleW,
        UI::WindowsAndMessaging::{
            CreateWindowExW, DefWindowProcW, DestroyWindow, HWND_TOPMOST, IDC_ARROW, IDC_CROSS, LWA_ALPHA, LoadCursorW,
            RegisterClassW, SW_HIDE, SWP_NOACTIVATE, SWP_SHOWWINDOW, SetLayeredWindowAttributes, SetWindowPos,
            ShowWindow, WM_CLOSE, WNDCLASSW, WS_EX_LAYERED, WS_EX_NOACTIVATE, WS_EX_TOOLWINDOW, WS_EX_TOPMOST,
            WS_EX_TRANSPARENT, WS_POPUP,
        },
    },
    core::{PCWSTR, Result, w},
};

const EDGE: PCWSTR = w!("BeckonEdge");
const COVER: PCWSTR = w!("BeckonCover");
/// The windows' own blue, as GDI has it: red lowest.
const BLUE: COLORREF = COLORREF(0x00D6_6F1F);
/// So little that nobody sees it, and enough that clicks do not go through.
const HARDLY: u8 = 1;

/// What a pane is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A part of the frame, which clicks go through.
    Edge,
    /// Over the whole desktop, to take mouse and keyboard.
    Cover,
    /// What is seen in it is given to it; clicks go through.
    Picture,
}

/// The window; it belongs to the thread that made it, and goes with this.
pub struct Pane {
    window: HWND,
}

impl Pane {
    /// Makes it; it is not shown yet.
    pub fn create(look: Look) -> Result<Self> {
        static CLASSES: Once = Once::new();
        let through = WS_EX_TRANSPARENT | WS_EX_NOACTIVATE;
        let (class, style) = match look {
            Look::Edge | Look::Picture => (EDGE, through),
            Look::Cover => (COVER, Default::default()),
        };
        let style = style | WS_EX_LAYERED | WS_EX_TOPMOST | WS_EX_TOOLWINDOW;
        // SAFETY: the classes' names and procedure live as long as the program.
        unsafe {
            let instance: HINSTANCE = GetModuleHandleW(None)?.into();
            CLASSES.call_once(|| {
                for (name, cursor) in [(EDGE, IDC_ARROW), (COVER, IDC_CROSS)] {
                    let class = WNDCLASSW {
                        lpfnWndProc: Some(procedure),
                        hInstance: instance,
                        hCursor: LoadCursorW(None, cursor).unwrap_or_default(),
                        hbrBackground: CreateSolidBrush(BLUE),
                        lpszClassName: name,
                        ..Default::default()
                    };
                    RegisterClassW(&class);
                }
            });
            let none: Option<*const c_void> = None;
            let window = CreateWindowExW(style, class, None, WS_POPUP, 0, 0, 0, 0, None, None, Some(instance), none)?;
            let pane = Self { window };
            match look {
                Look::Edge => SetLayeredWindowAttributes(window, COLORREF(0), u8::MAX, LWA_ALPHA)?,
                Look::Cover => SetLayeredWindowAttributes(window, COLORREF(0), HARDLY, LWA_ALPHA)?,
                Look::Picture => {}
            }
            Ok(pane)
        }
    }

    pub fn handle(&self) -> HWND {
        self.window
    }

    /// Shows it there, in front of everything.
    pub fn lay(&self, place: Rect) {
        let (w, h) = (place.w as i32, place.h as i32);
        // SAFETY: a window of ours; one that Windows has taken away makes the call fail, and nothing else.
        let _ = unsafe {
            let how = SWP_NOACTIVATE | SWP_SHOWWINDOW;
            SetWindowPos(self.window, Some(HWND_TOPMOST), place.x, place.y, w, h, how)
        };
    }

    /// Hides it.
    pub fn hide(&self) {
        // SAFETY: as in `lay`.
        let _ = unsafe { ShowWindow(self.window, SW_HIDE) };
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        // SAFETY: a window of ours, on the thread that made it: a pane cannot be sent to another.
        let _ = unsafe { DestroyWindow(self.window) };
    }
}

/// What is to be done is done where messages are taken in; Windows paints. Closed is a pane by whoever made it only: one that went
/// otherwise would leave a drawing without its end.
unsafe extern "system" fn procedure(window: HWND, message: u32, wide: WPARAM, large: LPARAM) -> LRESULT {
    if message == WM_CLOSE {
        return LRESULT(0);
    }
    // SAFETY: hands on what Windows gave.
    unsafe { DefWindowProcW(window, message, wide, large) }
}
