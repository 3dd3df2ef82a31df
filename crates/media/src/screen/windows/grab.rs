//! One monitor, window or region of a Windows desktop.

use std::time::Duration;

use super::capture::Capture;
use super::duplication::Duplication;
use super::gdi::Surface;
use super::pointer::{self, Eye};
use super::window::{Place, Window};
use super::{Aware, desktop};
use crate::clock::MediaTime;
use crate::screen::grab::{Grab, Parts};
use crate::screen::picture::Picture;
use crate::screen::place::{self, Found, Wanted};
use crate::screen::refusal::Refusal;
use crate::screen::watch::Watch;
use crate::screen::{Rect, ScreenChoice, ScreenSettings, Visibility};
use crate::source::SourceError;

/// How often it is asked whether the monitors are the same, where the pixels are those of one of them.
const MONITORS: Duration = Duration::from_millis(500);

/// How often a monitor's own picture is asked for again that was refused for the time being. Each time a graphics device is
/// made for it: a picture comes late.
const AGAIN: Duration = Duration::from_secs(10);

/// A look that comes less late than this counts as one in time.
const LATE: Duration = Duration::from_millis(10);

/// What is shared.
pub(super) enum Target {
    /// A monitor or region.
    Desktop(place::Place),
    Window(Window),
}

impl Target {
    pub(super) fn find(choice: &ScreenChoice, label: &str) -> Result<Self, SourceError> {
        let gone = || SourceError::Gone { what: label.to_owned() };
        let wanted = match choice {
            ScreenChoice::Monitor(name) => Wanted::Monitor(name.clone()),
            ScreenChoice::Region(part) => Wanted::Region(*part),
            ScreenChoice::Window(id) => return Window::known_as(*id).map(Self::Window).ok_or_else(gone),
        };
        let mut place = place::Place::of(wanted);
        place.follow(MediaTime::now(), &desktop::desk()?);
        match (place.part(), choice) {
            (Some(_), _) => Ok(Self::Desktop(place)),
            (None, ScreenChoice::Monitor(_)) => Err(gone()),
            (None, _) => Err(SourceError::Unsupported {
                device: label.to_owned(),
                offered: "less than 2 × 2 pixels of the desktop".to_owned(),
            }),
        }
    }
}

/// Where the pixels come from.
enum Way {
    Duplication(Duplication),
    Capture(Capture),
    Gdi(Option<Surface>),
}

pub(super) struct WindowsGrab {
    label: String,
    target: Target,
    way: Way,
    /// When to ask for the monitor's own picture again, where GDI has only taken its place.
    again: Option<MediaTime>,
    picture: Picture,
    watch: Watch,
    fps: u32,
    /// Looks for the pointer, where it is to be drawn.
    eye: Option<Eye>,
    shown: bool,
    /// When the monitors were last looked at.
    monitors_at: MediaTime,
    _aware: Aware,
}

impl WindowsGrab {
    pub(super) fn open(target: Target, label: String, settings: ScreenSettings) -> Self {
        let aware = Aware::now();
        let way = match &target {
            Target::Desktop(place) => Duplication::open(place.part().unwrap_or_default()).map(Way::Duplication),
            Target::Window(window) => Capture::open(*window).map(Way::Capture),
        };
        let way = way.unwrap_or_else(|error| {
            tracing::info!(%error, what = label, "pictures come by GDI");
            Way::Gdi(None)
        });
        let shown = match &target {
            Target::Desktop(_) => true,
            Target::Window(window) => window.is_shown(),
        };
        let mut eye = settings.pointer.then(Eye::default);
        if let Way::Capture(capture) = &way
            && capture.draws_pointer()
        {
            eye = None;
        }
        let watch = Watch::new(settings.fps, matches!(target, Target::Desktop(_)));
        let (picture, fps, monitors_at) = (Picture::new(), settings.fps, MediaTime::now());
        Self { label, target, way, again: None, picture, watch, fps, eye, shown, monitors_at, _aware: aware }
    }

    fn gone(&self) -> SourceError {
        SourceError::Gone { what: self.label.clone() }
    }

    /// Whether it is there, where it lies, whether it can be seen. Returns whether it may be looked at: a monitor that is
    /// away may have left its place to another one, whose pixels are not to be seen.
    fn check(&mut self, now: MediaTime) -> Result<bool, SourceError> {
        let place = match &mut self.target {
            Target::Window(window) if !window.is_there() => return Err(self.gone()),
            Target::Window(window) => {
                self.shown = window.is_shown();
                return Ok(true);
            }
            Target::Desktop(place) => place,
        };
        // A picture that Windows makes of one monitor ends with it; by GDI each may be another one's.
        let bound = matches!(&self.way, Way::Duplication(duplication) if duplication.is_live());
        if bound && now.saturating_since(self.monitors_at) < MONITORS {
            return Ok(true);
        }
        self.monitors_at = now;
        // A desktop whose monitors cannot be read is away.
        let found = place.follow(now, &desktop::desk().unwrap_or_default());
        if let (Found::Moved, Some(part)) = (found, place.part()) {
            self.picture.forget();
            if let Way::Duplication(duplication) = &mut self.way {
                duplication.move_to(part);
            }
        }
        match found {
            Found::Same | Found::Moved => Ok(true),
            Found::Away => Ok(false),
            Found::Gone => Err(self.gone()),
        }
    }

    /// From now on pictures come by GDI.
    fn fall_back(&mut self, error: &windows::core::Error) {
        tracing::warn!(%error, what = self.label, "pictures come by GDI from now on");
        self.way = Way::Gdi(None);
        self.again = self.again_after(error);
        self.watch = Watch::new(self.fps, matches!(self.target, Target::Desktop(_)));
        self.picture.forget();
    }

    /// When to ask for the monitor's own picture again that was refused so.
    fn again_after(&self, error: &windows::core::Error) -> Option<MediaTime> {
        let waits = matches!(self.target, Target::Desktop(_)) && Refusal::of(error.code().0) == Refusal::Wait;
        waits.then(|| MediaTime::now() + AGAIN)
    }

    /// Takes the monitor's own picture again once it is to be had.
    fn come_back(&mut self) {
        let Target::Desktop(place) = &self.target else { return };
        let (Some(part), Some(again)) = (place.part(), self.again) else { return };
        if MediaTime::now() < again {
            return;
        }
        match Duplication::at_once(part) {
            Ok(duplication) => {
                tracing::info!(what = self.label, "pictures come from the monitor itself again");
                (self.way, self.again) = (Way::Duplication(duplication), None);
                self.picture.forget();
                // It tells of the pointer itself, and by another of its pixels; if it falls silent, the pointer is read anew.
                self.picture.pointer.move_to(None);
                if let Some(eye) = &mut self.eye {
                    *eye = Eye::default();
                }
            }
            Err(error) => self.again = self.again_after(&error),
        }
    }

    fn look(&mut self, patience: Duration) {
        self.come_back();
        if let Way::Duplication(duplication) = &mut self.way {
            let pointer = self.eye.is_some();
            if let Err(error) = duplication.look(patience, &mut self.picture, pointer) {
                self.fall_back(&error);
            }
            return;
        }
        let began = MediaTime::now();
        let mut due = self.watch.due(began, desktop::idle());
        if matches!(self.way, Way::Capture(_)) {
            // It costs nothing to see that nothing has come.
            due = due.min(began + patience);
        }
        let wait = due.saturating_since(began);
        std::thread::sleep(wait.min(patience));
        if wait > patience {
            return;
        }
        let now = MediaTime::now();
        let changed = match &mut self.way {
            Way::Capture(capture) => match capture.look(&mut self.picture) {
                Ok(changed) => changed,
                Err(error) => return self.fall_back(&error),
            },
            Way::Gdi(surface) => match &self.target {
                Target::Desktop(place) => place
                    .part()
                    .is_some_and(|part| look_at_desktop(part, surface, &mut self.picture, &mut self.watch, now)),
                Target::Window(window) => self.shown && look_at_window(*window, surface, &mut self.picture),
            },
            Way::Duplication(_) => false,
        };
        // In step with the time, so that 30 looks a second stay 30.
        let at = if now.saturating_since(due) < LATE { due } else { now };
        self.watch.looked(at, changed);
    }

    fn look_for_pointer(&mut self) {
        if matches!(self.way, Way::Duplication(_)) {
            return;
        }
        let Some(eye) = &mut self.eye else { return };
        let Some(((x, y), shape)) = eye.look() else { return self.picture.pointer.move_to(None) };
        if let Some(shape) = shape {
            self.picture.pointer.reshape(shape);
        }
        let at = match &self.target {
            Target::Desktop(place) => {
                place.part().filter(|part| part.contains(x, y)).map(|part| (x - part.x, y - part.y))
            }
            Target::Window(window) => window.place().filter(|_| self.shown).and_then(|Place { visible, .. }| {
                let (width, height) = self.picture.size()?;
                // A pointer over what covers the window does not point at the window.
                let here = visible.contains(x, y) && pointer::is_over(window.handle(), (x, y));
                let scaled = |at: i32, from: u32, to: u32| (i64::from(at) * i64::from(to) / i64::from(from)) as i32;
                here.then(|| (scaled(x - visible.x, visible.w, width), scaled(y - visible.y, visible.h, height)))
            }),
        };
        self.picture.pointer.move_to(at);
    }
}

impl Grab for WindowsGrab {
    fn changed(&mut self, patience: Duration) -> Result<bool, SourceError> {
        if !self.check(MediaTime::now())? {
            std::thread::sleep(patience);
            return Ok(false);
        }
        self.look(patience);
        self.look_for_pointer();
        Ok(self.picture.is_stale())
    }

    fn size(&self) -> Option<(u32, u32)> {
        self.picture.size()
    }

    fn visibility(&self) -> Visibility {
        if self.shown { Visibility::Shown } else { Visibility::Minimised }
    }

    fn take(&mut self, parts: &mut dyn Parts) -> Result<bool, SourceError> {
        Ok(self.picture.hand_over(parts))
    }
}

/// Looks at a part of the desktop, or at some of its rows. Returns whether anything there has changed.
fn look_at_desktop(
    part: Rect,
    surface: &mut Option<Surface>,
    picture: &mut Picture,
    watch: &mut Watch,
    now: MediaTime,
) -> bool {
    picture.resize(part.w, part.h);
    let Some((width, height)) = picture.size() else { return false };
    let part = Rect::new(part.x, part.y, width, height);
    let mut look = |rows: std::ops::Range<u32>, picture: &mut Picture| -> windows::core::Result<bool> {
        let surface = fitting(surface, width, height)?;
        surface.copy_desktop(part, rows.clone())?;
        let first = rows.start as usize * surface.stride();
        Ok(picture.compare(rows, &surface.pixels()[first..], surface.stride()))
    };
    let rows = if picture.is_seen() { watch.rows(now, desktop::idle(), height) } else { 0..height };
    let looked = look(rows.clone(), picture).and_then(|changed| {
        if changed && rows != (0..height) {
            look(0..height, picture)?;
        }
        Ok(changed)
    });
    looked.unwrap_or_else(|error| {
        // While the desktop is locked, or asks for a password, nobody may look at it.
        tracing::debug!(%error, "the desktop shows nothing");
        false
    })
}

/// Looks at a window. Returns whether it has changed.
fn look_at_window(window: Window, surface: &mut Option<Surface>, picture: &mut Picture) -> bool {
    let Some(part) = print(window, surface) else { return false };
    let Some(surface) = surface else { return false };
    picture.resize(part.w, part.h);
    let Some((_, height)) = picture.size() else { return false };
    let first = part.y as usize * surface.stride() + part.x as usize * 4;
    picture.compare(0..height, &surface.pixels()[first..], surface.stride())
}

/// Lets a window draw itself. Returns where in the surface what can be seen of it is; `None` when there is nothing.
pub(super) fn print(window: Window, surface: &mut Option<Surface>) -> Option<Rect> {
    if !window.is_shown() || window.is_stuck() {
        return None;
    }
    let Place { outer, visible, dpi: (own, shown) } = window.place()?;
    let scaled = |side: i32| (i64::from(side) * i64::from(own) / i64::from(shown)) as i32;
    let (width, height) = (scaled(outer.w as i32).max(1), scaled(outer.h as i32).max(1));
    let whole = Rect::new(0, 0, width as u32, height as u32);
    let (x, y) = (scaled(visible.x - outer.x), scaled(visible.y - outer.y));
    let part = Rect::new(x, y, scaled(visible.w as i32) as u32, scaled(visible.h as i32) as u32).intersection(&whole);
    let printed = fitting(surface, whole.w, whole.h).and_then(|surface| surface.print(window.handle()));
    if let Err(error) = printed {
        tracing::debug!(%error, "a window shows nothing");
        return None;
    }
    (!part.is_empty()).then_some(part)
}

/// The surface if it is of this size, a new one otherwise.
fn fitting(surface: &mut Option<Surface>, width: u32, height: u32) -> windows::core::Result<&mut Surface> {
    match surface.take_if(|known| known.is_of(width, height)) {
        Some(known) => Ok(surface.insert(known)),
        None => Ok(surface.insert(Surface::new(width, height)?)),
    }
}
