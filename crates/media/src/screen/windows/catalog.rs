//! What can be shared on a Windows desktop, with small pictures.

use windows::Win32::Foundation::{HWND, LPARAM};
use windows::Win32::UI::WindowsAndMessaging::EnumWindows;
use windows::core::BOOL;

use super::super::{Monitor, Offer, Rect, ScreenChoice, Thumbnail, thumbnail};
use super::gdi::Surface;
use super::grab::print;
use super::window::Window;
use super::{Aware, broke, desktop};
use crate::source::SourceError;

/// Smaller windows are tooltips and the like.
const LEAST: u32 = 32;

/// What can be shared, for a picker.
pub struct Catalog(());

impl Catalog {
    /// Reaches the desktop.
    ///
    /// # Errors
    /// None on Windows, where every program reaches it.
    pub fn open() -> Result<Self, SourceError> {
        Ok(Self(()))
    }

    /// The monitors, the primary one first.
    ///
    /// # Errors
    /// When the desktop is gone.
    pub fn monitors(&mut self) -> Result<Vec<Monitor>, SourceError> {
        let _aware = Aware::now();
        desktop::monitors()
    }

    /// The monitors, then the windows, the one used last first. Windows of the process `leave_out` are not among them.
    ///
    /// # Errors
    /// When the desktop is gone.
    pub fn offers(&mut self, leave_out: Option<u32>) -> Result<Vec<Offer>, SourceError> {
        let _aware = Aware::now();
        let names = desktop::friendly_names();
        let monitors = desktop::monitors()?.into_iter().map(|m| Offer {
            title: title(&m.name, &names),
            choice: ScreenChoice::Monitor(m.name),
            width: m.bounds.w,
            height: m.bounds.h,
        });
        Ok(monitors.chain(windows()?.into_iter().filter_map(|window| offer(window, leave_out))).collect())
    }

    /// A picture of `choice` now, at most `width` × `height` pixels; `None` while it has none to give, as a minimised window.
    ///
    /// # Errors
    /// [`SourceError::Gone`] when it is no longer there.
    pub fn thumbnail(
        &mut self,
        choice: &ScreenChoice,
        width: u32,
        height: u32,
    ) -> Result<Option<Thumbnail>, SourceError> {
        let _aware = Aware::now();
        let gone = || SourceError::Gone { what: "what was to be shown".to_owned() };
        let most = (width.max(1), height.max(1));
        match choice {
            ScreenChoice::Monitor(name) => {
                let monitor = desktop::monitors()?.into_iter().find(|m| m.name == *name).ok_or_else(gone)?;
                look(monitor.bounds, most).map(Some)
            }
            ScreenChoice::Region(part) => {
                let part = part.intersection(&desktop::bounds());
                if part.is_empty() { Err(gone()) } else { look(part, most).map(Some) }
            }
            ScreenChoice::Window(id) => {
                let window = Window::known_as(*id).ok_or_else(gone)?;
                Ok(look_at_window(window, most))
            }
        }
    }
}

/// What people call a monitor: what its maker calls it, and the system's name where two are of the same make.
fn title(name: &str, names: &[(String, String)]) -> String {
    let plain = name.trim_start_matches(r"\\.\");
    let Some((_, friendly)) = names.iter().find(|(known, _)| known == name) else { return plain.to_owned() };
    let twins = names.iter().filter(|(_, other)| other == friendly).count() > 1;
    if twins { format!("{friendly} ({plain})") } else { friendly.clone() }
}

/// Those that lie on the desktop, the topmost first.
fn windows() -> Result<Vec<Window>, SourceError> {
    let mut windows: Vec<Window> = Vec::new();
    let list = LPARAM(&raw mut windows as isize);
    // SAFETY: the call-back gets `list` during this call only.
    unsafe { EnumWindows(Some(collect), list) }.map_err(|e| broke("the list of windows", &e))?;
    Ok(windows)
}

unsafe extern "system" fn collect(window: HWND, list: LPARAM) -> BOOL {
    // SAFETY: `windows` gave the address of its vector, which nobody else uses meanwhile.
    let list = unsafe { &mut *(list.0 as *mut Vec<Window>) };
    list.extend(Window::of(window));
    true.into()
}

fn offer(window: Window, leave_out: Option<u32>) -> Option<Offer> {
    // Ours would be asked for its title, and may be the one that waits for the answer.
    if leave_out == Some(window.process()) || !window.is_shown() || !window.is_for_people() {
        return None;
    }
    let visible = window.place()?.visible;
    let title = window.title();
    let fits = visible.w >= LEAST && visible.h >= LEAST && !title.is_empty();
    let choice = ScreenChoice::Window(window.id());
    fits.then_some(Offer { choice, title, width: visible.w, height: visible.h })
}

fn look(part: Rect, most: (u32, u32)) -> Result<Thumbnail, SourceError> {
    let taken = Surface::new(part.w, part.h).and_then(|mut surface| {
        surface.copy_desktop(part, 0..part.h)?;
        Ok(surface)
    });
    let surface = taken.map_err(|e| broke("the desktop", &e))?;
    Ok(thumbnail::shrink(surface.pixels(), (part.w, part.h), most))
}

fn look_at_window(window: Window, most: (u32, u32)) -> Option<Thumbnail> {
    let mut surface = None;
    let part = print(window, &mut surface)?;
    let surface = surface?;
    let (x, y) = (part.x as usize, part.y as usize);
    let rows = (y..y + part.h as usize).map(|row| &surface.pixels()[row * surface.stride() + x * 4..]);
    let bgrx: Vec<u8> = rows.flat_map(|row| &row[..part.w as usize * 4]).copied().collect();
    Some(thumbnail::shrink(&bgrx, (part.w, part.h), most))
}
