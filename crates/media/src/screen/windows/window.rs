//! A window of any program.

use windows::Win32::Foundation::{HWND, RECT};
use windows::Win32::Graphics::Dwm::{DWMWA_CLOAKED, DWMWA_EXTENDED_FRAME_BOUNDS, DwmGetWindowAttribute};
use windows::Win32::UI::HiDpi::GetDpiForWindow;
use windows::Win32::UI::WindowsAndMessaging::{
    GWL_EXSTYLE, GetClassNameW, GetWindowLongW, GetWindowRect, GetWindowTextW, GetWindowThreadProcessId,
    IsHungAppWindow, IsIconic, IsWindow, IsWindowVisible, IsZoomed, WS_EX_TOOLWINDOW,
};

use super::super::Rect;
use super::desktop;
use super::text;

/// Parts of the desktop that people do not call windows.
const DESKTOP: [&str; 4] = ["Progman", "WorkerW", "Shell_TrayWnd", "Shell_SecondaryTrayWnd"];

/// A window, and whose it is: Windows gives the numbers of closed windows to new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    handle: isize,
    process: u32,
}

/// Where a window lies on the desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// With the edges to take hold of, which cannot be seen.
    pub(super) outer: Rect,
    /// What can be seen of it.
    pub(super) visible: Rect,
    /// Its own dots per inch, and its monitor's: a window that knows nothing of scaling draws itself smaller than it is shown.
    pub(super) dpi: (u32, u32),
}

impl Window {
    /// The one that has this number now.
    pub(super) fn of(handle: HWND) -> Option<Self> {
        process(handle).map(|process| Self { handle: handle.0 as isize, process })
    }

    /// The one that is known by this number.
    pub(super) fn known_as(id: u64) -> Option<Self> {
        Self::of(HWND(usize::try_from(id).ok()? as *mut _))
    }

    /// What it is known by.
    pub(super) fn id(self) -> u64 {
        self.handle as usize as u64
    }

    pub(super) fn handle(self) -> HWND {
        HWND(self.handle as *mut _)
    }

    /// The number of the process that it belongs to.
    pub(super) fn process(self) -> u32 {
        self.process
    }

    /// Whether it was not closed.
    pub(super) fn is_there(self) -> bool {
        process(self.handle()) == Some(self.process)
    }

    /// Whether there is something of it to be seen.
    pub(super) fn is_shown(self) -> bool {
        // SAFETY: these take and return plain values.
        unsafe { IsWindowVisible(self.handle()).as_bool() && !IsIconic(self.handle()).as_bool() }
    }

    /// Whether its program answers nothing, and would let us wait too.
    pub(super) fn is_stuck(self) -> bool {
        // SAFETY: takes and returns a plain value.
        unsafe { IsHungAppWindow(self.handle()) }.as_bool()
    }

    /// Whether it is a window to people, and not a part of the desktop, a tool's, or one of another virtual desktop.
    pub(super) fn is_for_people(self) -> bool {
        let mut cloaked = 0u32;
        // SAFETY: there is room for the number that is asked for.
        let told = unsafe {
            let length = size_of::<u32>() as u32;
            DwmGetWindowAttribute(self.handle(), DWMWA_CLOAKED, (&raw mut cloaked).cast(), length)
        };
        // SAFETY: takes and returns plain values.
        let style = unsafe { GetWindowLongW(self.handle(), GWL_EXSTYLE) } as u32;
        let mut class = [0; 64];
        // SAFETY: writes no more than the buffer holds.
        let length = unsafe { GetClassNameW(self.handle(), &mut class) };
        let class = text(&class[..length.clamp(0, 64) as usize]);
        !(told.is_ok() && cloaked != 0) && style & WS_EX_TOOLWINDOW.0 == 0 && !DESKTOP.contains(&class.as_str())
    }

    /// What stands above it. Another program's is read without asking that program.
    pub(super) fn title(self) -> String {
        let mut title = [0; 512];
        // SAFETY: writes no more than the buffer holds.
        let length = unsafe { GetWindowTextW(self.handle(), &mut title) };
        text(&title[..length.clamp(0, 512) as usize]).trim().to_owned()
    }

    /// Where it lies; `None` while that cannot be told.
    pub(super) fn place(self) -> Option<Place> {
        let mut outer = RECT::default();
        // SAFETY: `outer` lives as long as the call.
        unsafe { GetWindowRect(self.handle(), &mut outer) }.ok()?;
        let mut seen = RECT::default();
        // SAFETY: there is room for the rectangle that is asked for.
        let told = unsafe {
            let (to, length) = ((&raw mut seen).cast(), size_of::<RECT>() as u32);
            DwmGetWindowAttribute(self.handle(), DWMWA_EXTENDED_FRAME_BOUNDS, to, length)
        };
        let outer = desktop::rect(outer);
        let (monitor, dpi) = desktop::monitor_of(self.handle())?;
        let mut visible = if told.is_ok() { desktop::rect(seen).intersection(&outer) } else { outer };
        // SAFETY: takes and returns a plain value.
        if unsafe { IsZoomed(self.handle()) }.as_bool() {
            // Its edges lie beyond the monitor's.
            visible = visible.intersection(&monitor);
        }
        // SAFETY: takes and returns a plain value.
        let own = unsafe { GetDpiForWindow(self.handle()) };
        let dpi = if own == 0 || dpi == 0 { (1, 1) } else { (own, dpi) };
        (!visible.is_empty()).then_some(Place { outer, visible, dpi })
    }
}

/// The process that a window belongs to, if there is that window.
fn process(window: HWND) -> Option<u32> {
    let mut process = 0;
    // SAFETY: a number that is no window's is found out.
    let there =
        unsafe { IsWindow(Some(window)).as_bool() && GetWindowThreadProcessId(window, Some(&mut process)) != 0 };
    there.then_some(process)
}
