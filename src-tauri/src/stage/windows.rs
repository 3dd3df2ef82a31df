//! The stage on Windows: a child window above the web view, painted by GDI from the shared pixels.

use std::sync::Once;

use beckon_media::{compositor::Rgb, layout::Rect};
use tauri::WebviewWindow;
use windows::{
    Win32::{
        Foundation::{HINSTANCE, HWND, LPARAM, LRESULT, RECT, WPARAM},
        Graphics::Gdi::{
            BI_RGB, BITMAPINFO, BITMAPINFOHEADER, BeginPaint, DIB_RGB_COLORS, EndPaint, InvalidateRect, PAINTSTRUCT,
            SRCCOPY, StretchDIBits,
        },
        System::LibraryLoader::GetModuleHandleW,
        UI::{
            HiDpi::GetDpiForWindow,
            WindowsAndMessaging::{
                CREATESTRUCTW, CS_DBLCLKS, CreateWindowExW, DefWindowProcW, GWLP_USERDATA, GetWindowLongPtrW, HWND_TOP,
                IDC_ARROW, LoadCursorW, RegisterClassW, SWP_ASYNCWINDOWPOS, SWP_HIDEWINDOW, SWP_NOACTIVATE,
                SWP_SHOWWINDOW, SetWindowLongPtrW, SetWindowPos, WINDOW_EX_STYLE, WM_ERASEBKGND, WM_LBUTTONDBLCLK,
                WM_LBUTTONDOWN, WM_NCCREATE, WM_NCDESTROY, WM_PAINT, WM_RBUTTONDOWN, WNDCLASSW, WS_CHILD,
                WS_CLIPSIBLINGS,
            },
        },
    },
    core::{PCWSTR, w},
};

use super::{OnPress, Press, SharedPixels, StageError, Surface};

const CLASS: PCWSTR = w!("BeckonStage");
/// Dots per inch at which a logical pixel is a physical one.
const PLAIN_DPI: u32 = 96;

/// Keeps a window's page from being drawn until it is laid out; dropping it lifts it. Here nothing waits
/// for a page's drawing, and there is nothing to do.
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

/// What the window procedure needs; owned by the window, freed by its last message.
struct State {
    pixels: SharedPixels,
    on_press: OnPress,
}

/// A window's handle may be used from any thread for the calls made here: they post, they do not wait.
struct WindowsStage {
    window: isize,
}

/// Gives the window a stage. Calls `then` with it on the user interface's thread.
///
/// # Errors
/// [`StageError`] when the window is gone.
pub fn open(
    window: &WebviewWindow,
    pixels: SharedPixels,
    on_press: OnPress,
    then: impl FnOnce(Result<Box<dyn Surface>, StageError>) + Send + 'static,
) -> Result<(), StageError> {
    let gone = |error: tauri::Error| StageError(error.to_string());
    let parent = window.hwnd().map_err(gone)?.0 as isize;
    window
        .run_on_main_thread(move || {
            let made = create(HWND(parent as *mut _), State { pixels, on_press });
            then(made.map(|stage| Box::new(stage) as Box<dyn Surface>).map_err(|e| StageError(e.to_string())));
        })
        .map_err(gone)
}

fn create(parent: HWND, state: State) -> windows::core::Result<WindowsStage> {
    static REGISTERED: Once = Once::new();
    // SAFETY: the class's name and procedure live as long as the program; `state` is given to the window, whose
    // procedure takes it at WM_NCCREATE and frees it at WM_NCDESTROY, both on this thread.
    unsafe {
        let instance: HINSTANCE = GetModuleHandleW(None)?.into();
        let cursor = LoadCursorW(None, IDC_ARROW)?;
        REGISTERED.call_once(|| {
            let class = WNDCLASSW {
                style: CS_DBLCLKS,
                lpfnWndProc: Some(procedure),
                hInstance: instance,
                hCursor: cursor,
                lpszClassName: CLASS,
                ..Default::default()
            };
            RegisterClassW(&class);
        });
        let state = Box::into_raw(Box::new(state));
        let made = CreateWindowExW(
            WINDOW_EX_STYLE(0),
            CLASS,
            None,
            WS_CHILD | WS_CLIPSIBLINGS,
            0,
            0,
            0,
            0,
            Some(parent),
            None,
            Some(instance),
            Some(state as *const _),
        );
        match made {
            Ok(window) => Ok(WindowsStage { window: window.0 as isize }),
            // Creation fails before WM_NCCREATE (no class, no parent): nobody took the state. Leaking it is harmless;
            // freeing it would be wrong if WM_NCDESTROY has.
            Err(error) => Err(error),
        }
    }
}

unsafe extern "system" fn procedure(window: HWND, message: u32, wparam: WPARAM, lparam: LPARAM) -> LRESULT {
    // SAFETY: the user data is null or the pointer that `create` made from a box; it is set by the window's first
    // message and cleared and freed by its last, all on the one thread that owns the window.
    unsafe {
        if message == WM_NCCREATE {
            let create = lparam.0 as *const CREATESTRUCTW;
            SetWindowLongPtrW(window, GWLP_USERDATA, (*create).lpCreateParams as isize);
            return DefWindowProcW(window, message, wparam, lparam);
        }
        let state = GetWindowLongPtrW(window, GWLP_USERDATA) as *mut State;
        if state.is_null() {
            return DefWindowProcW(window, message, wparam, lparam);
        }
        let press = match message {
            WM_LBUTTONDOWN => Press::Click,
            WM_LBUTTONDBLCLK => Press::Double,
            WM_RBUTTONDOWN => Press::Menu,
            WM_PAINT => {
                paint(window, &(*state).pixels);
                return LRESULT(0);
            }
            // Every pixel is painted, so nothing needs to be erased.
            WM_ERASEBKGND => return LRESULT(1),
            WM_NCDESTROY => {
                SetWindowLongPtrW(window, GWLP_USERDATA, 0);
                drop(Box::from_raw(state));
                return DefWindowProcW(window, message, wparam, lparam);
            }
            _ => return DefWindowProcW(window, message, wparam, lparam),
        };
        // Signed 16-bit halves.
        let (x, y) = (lparam.0 as i16, (lparam.0 >> 16) as i16);
        ((*state).on_press)(press, i32::from(x), i32::from(y));
        LRESULT(0)
    }
}

fn paint(window: HWND, pixels: &SharedPixels) {
    let mut work = PAINTSTRUCT::default();
    // SAFETY: the device context lies between BeginPaint and EndPaint; the lock keeps the pixels in place while GDI
    // reads them, and their size is checked against the header.
    unsafe {
        let target = BeginPaint(window, &mut work);
        let pixels = pixels.lock();
        let (width, height) = (pixels.width as i32, pixels.height as i32);
        if width > 0 && height > 0 && pixels.bgra.len() >= width as usize * height as usize * 4 {
            let info = BITMAPINFO {
                bmiHeader: BITMAPINFOHEADER {
                    biSize: size_of::<BITMAPINFOHEADER>() as u32,
                    biWidth: width,
                    // Negative: rows from top to bottom.
                    biHeight: -height,
                    biPlanes: 1,
                    biBitCount: 32,
                    biCompression: BI_RGB.0,
                    ..Default::default()
                },
                ..Default::default()
            };
            let data = Some(pixels.bgra.as_ptr().cast());
            StretchDIBits(target, 0, 0, width, height, 0, 0, width, height, data, &info, DIB_RGB_COLORS, SRCCOPY);
        }
        drop(pixels);
        let _ = EndPaint(window, &work);
    }
}

impl WindowsStage {
    fn handle(&self) -> HWND {
        HWND(self.window as *mut _)
    }
}

impl Surface for WindowsStage {
    fn place(&self, place: Option<Rect>) {
        let rect = place.unwrap_or_default();
        // SAFETY: a handle whose window is gone makes these calls fail, and nothing else.
        unsafe {
            let dpi = GetDpiForWindow(self.handle()).max(PLAIN_DPI);
            // Rounded as the painter rounds, or a line of the window would have no pixels. Nothing here is negative.
            let half = i64::from(PLAIN_DPI / 2);
            let physical = |logical: i32| ((i64::from(logical) * i64::from(dpi) + half) / i64::from(PLAIN_DPI)) as i32;
            let show = if place.is_some() { SWP_SHOWWINDOW } else { SWP_HIDEWINDOW };
            let _ = SetWindowPos(
                self.handle(),
                Some(HWND_TOP),
                physical(rect.x),
                physical(rect.y),
                physical(rect.w as i32),
                physical(rect.h as i32),
                show | SWP_NOACTIVATE | SWP_ASYNCWINDOWPOS,
            );
        }
    }

    fn present(&self, dirty: &[Rect]) {
        for rect in dirty {
            let rect = RECT { left: rect.x, top: rect.y, right: rect.right(), bottom: rect.bottom() };
            // SAFETY: as above.
            unsafe {
                let _ = InvalidateRect(Some(self.handle()), Some(&rect), false);
            }
        }
    }
}
