//! One monitor, window or region of an X11 desktop.

use std::os::fd::AsRawFd;
use std::time::Duration;

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::damage::{ConnectionExt as _, ReportLevel};
use x11rb::protocol::randr::{ConnectionExt as _, NotifyMask};
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, Drawable, EventMask, MapState, Pixmap, Window,
};

use super::image::Images;
use super::pointer::Pointer;
use super::{Desktop, Failed, Rect, unsupported};
use crate::clock::MediaTime;
use crate::screen::damage::Damage;
use crate::screen::grab::{Grab, Parts, Patch};
use crate::screen::place::{Found, Place, Wanted};
use crate::screen::{ScreenChoice, Visibility};
use crate::source::SourceError;

/// What is shared.
enum Target {
    /// A monitor or region, and whether the desktop has changed since it was looked for.
    Desktop {
        place: Place,
        stale: bool,
    },
    Window(WindowTarget),
}

struct WindowTarget {
    window: Window,
    /// Its pixels, also while something covers it; `None` while it is minimised.
    pixmap: Option<Named>,
    /// It, or the frame around it that the window manager has made: what lies directly on the desktop.
    top: Window,
    /// Its pixels are to be named anew.
    stale: bool,
    shown: bool,
}

struct Named {
    pixmap: Pixmap,
    /// The border, which is part of the pixmap and not of the window.
    border: i32,
    width: u32,
    height: u32,
}

pub(in crate::screen) struct X11Grab {
    desktop: Desktop,
    label: String,
    target: Target,
    damage_id: u32,
    region_id: u32,
    damage: Damage,
    /// The server has told of damage that was not fetched yet.
    told: bool,
    /// Something has happened that [`Grab::changed`] has not said yet.
    unsaid: bool,
    images: Images,
    pointer: Option<Pointer>,
    gone: bool,
}

impl X11Grab {
    pub(super) fn open(
        desktop: Desktop,
        choice: &ScreenChoice,
        label: &str,
        pointer: bool,
    ) -> Result<Self, SourceError> {
        let gone = || SourceError::Gone { what: label.to_owned() };
        let target = match choice {
            // The desktop gives it, not the X server.
            ScreenChoice::Granted(_) => return Err(gone()),
            ScreenChoice::Monitor(name) => {
                Target::Desktop { place: Place::of(Wanted::Monitor(name.clone())), stale: true }
            }
            ScreenChoice::Region(part) => Target::Desktop { place: Place::of(Wanted::Region(*part)), stale: true },
            ScreenChoice::Window(id) => {
                let window = Window::try_from(*id).map_err(|_| gone())?;
                if !desktop.has_composite {
                    return Err(unsupported("the X server lacks Composite, which keeps a window's pixels".to_owned()));
                }
                let target = WindowTarget { window, pixmap: None, top: window, stale: true, shown: false };
                Target::Window(target)
            }
        };
        let mut grab = Self {
            desktop,
            label: label.to_owned(),
            target,
            damage_id: 0,
            region_id: 0,
            damage: Damage::none(0, 0),
            told: false,
            unsaid: false,
            images: Images::new(),
            pointer: pointer.then(Pointer::default),
            gone: false,
        };
        match grab.prepare() {
            Ok(()) => {}
            // A window that is no more refuses everything.
            Err(Failed::Refused(_)) if matches!(grab.target, Target::Window(_)) => return Err(gone()),
            Err(failed) => return Err(failed.into()),
        }
        match grab.size() {
            Some(_) => Ok(grab),
            None if matches!(grab.target, Target::Window(_)) => Ok(grab),
            None if matches!(choice, ScreenChoice::Monitor(_)) => Err(gone()),
            None => Err(SourceError::Unsupported {
                device: label.to_owned(),
                offered: "less than 2 × 2 pixels of the desktop".to_owned(),
            }),
        }
    }

    /// Asks the server to tell what happens.
    fn prepare(&mut self) -> Result<(), Failed> {
        let Desktop { conn, root, .. } = &self.desktop;
        let drawable = match &self.target {
            Target::Desktop { .. } => {
                conn.randr_select_input(*root, NotifyMask::SCREEN_CHANGE | NotifyMask::CRTC_CHANGE)?;
                // Of monitors that are no CRTC of their own, as of a wide screen that was split into two, the server
                // tells only as if the root window had another place.
                let events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
                conn.change_window_attributes(*root, &events)?.check()?;
                *root
            }
            Target::Window(target) => {
                let events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
                conn.change_window_attributes(target.window, &events)?.check()?;
                conn.composite_redirect_window(target.window, Redirect::AUTOMATIC)?.check()?;
                target.window
            }
        };
        (self.damage_id, self.region_id) = (conn.generate_id()?, conn.generate_id()?);
        conn.damage_create(self.damage_id, drawable, ReportLevel::NON_EMPTY)?.check()?;
        conn.xfixes_create_region(self.region_id, &[])?.check()?;
        if let Some(pointer) = &mut self.pointer {
            pointer.watch(conn, *root)?;
        }
        if let Target::Window(target) = &mut self.target {
            target.find(&self.desktop)?;
        }
        self.follow()?;
        self.take_all();
        Ok(())
    }

    /// All of the picture is to come anew.
    fn take_all(&mut self) {
        if let Some((width, height)) = self.size() {
            self.damage = Damage::all(width, height);
        }
    }

    /// Looks for the monitor or region anew if the desktop has changed. Returns whether it lies where it lay.
    fn follow(&mut self) -> Result<bool, Failed> {
        let Target::Desktop { place, stale } = &mut self.target else { return Ok(true) };
        if !std::mem::take(stale) && !place.is_away() {
            return Ok(true);
        }
        match place.follow(MediaTime::now(), &self.desktop.desk()?) {
            Found::Same => return Ok(true),
            Found::Moved => self.take_all(),
            Found::Away => self.damage = Damage::none(0, 0),
            Found::Gone => self.gone = true,
        }
        Ok(false)
    }

    /// Takes in the events that have come. Returns whether there were any that matter.
    fn drain(&mut self) -> Result<bool, Failed> {
        let mut any = false;
        while let Some(event) = self.desktop.conn.poll_for_event()? {
            any |= self.event(&event)?;
        }
        Ok(any)
    }

    fn event(&mut self, event: &Event) -> Result<bool, Failed> {
        match (event, &mut self.target) {
            (Event::DamageNotify(_), _) => self.told = true,
            (Event::XfixesCursorNotify(_), _) => {
                let Some(pointer) = &mut self.pointer else { return Ok(false) };
                pointer.shape_changed();
                return Ok(pointer.is_stale());
            }
            (
                Event::RandrScreenChangeNotify(_) | Event::RandrNotify(_) | Event::ConfigureNotify(_),
                Target::Desktop { stale, .. },
            ) => *stale = true,
            (Event::ConfigureNotify(e), Target::Window(t)) if e.window == t.window => {
                let same = t.pixmap.as_ref().is_some_and(|p| {
                    (p.width, p.height, p.border) == (e.width.into(), e.height.into(), e.border_width.into())
                });
                t.stale |= !same;
                return Ok(!same);
            }
            (Event::MapNotify(e), Target::Window(t)) if e.window == t.window => t.stale = true,
            // The pixels it had keep being shown.
            (Event::UnmapNotify(e), Target::Window(t)) if e.window == t.window => t.shown = false,
            (Event::ReparentNotify(e), Target::Window(t)) if e.window == t.window => t.stale = true,
            (Event::DestroyNotify(e), Target::Window(t)) if e.window == t.window => self.gone = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Where the pointer is in the picture.
    fn look_for_pointer(&mut self) -> Result<(), Failed> {
        let Some(pointer) = &mut self.pointer else { return Ok(()) };
        let Desktop { conn, root, .. } = &self.desktop;
        let on_desktop = conn.query_pointer(*root)?;
        let at = match &self.target {
            Target::Desktop { place, .. } => {
                let found = on_desktop.reply()?;
                let (x, y) = (i32::from(found.root_x), i32::from(found.root_y));
                place.part().filter(|part| part.contains(x, y)).map(|part| (x - part.x, y - part.y))
            }
            Target::Window(target) => {
                let inside = conn.query_pointer(target.window)?;
                let (found, inside) = (on_desktop.reply()?, inside.reply()?);
                let (x, y) = (i32::from(inside.win_x), i32::from(inside.win_y));
                let size = target.pixmap.as_ref().map_or((0, 0), |p| (p.width, p.height));
                // A pointer over what covers the window does not point at the window.
                (found.child == target.top && Rect::new(0, 0, size.0, size.1).contains(x, y)).then_some((x, y))
            }
        };
        pointer.move_to(at);
        Ok(())
    }

    /// What has changed since the last time, in the picture's coordinates.
    fn collect(&mut self) -> Result<(), Failed> {
        let Desktop { conn, .. } = &self.desktop;
        let Some((width, height)) = picture_size(&self.target) else { return Ok(()) };
        if !self.damage.covers(width, height) {
            self.damage = Damage::all(width, height);
        }
        if std::mem::take(&mut self.told) {
            // What changes after this is told anew, and fetched next time.
            conn.damage_subtract(self.damage_id, x11rb::NONE, self.region_id)?;
            let changed = conn.xfixes_fetch_region(self.region_id)?.reply()?;
            let (left, top) = match &self.target {
                Target::Desktop { place, .. } => place.part().map_or((0, 0), |part| (part.x, part.y)),
                Target::Window(_) => (0, 0),
            };
            for r in changed.rectangles {
                let (x, y) = (i32::from(r.x) - left, i32::from(r.y) - top);
                self.damage.add(Rect::new(x, y, r.width.into(), r.height.into()));
            }
        }
        if let Some(pointer) = &mut self.pointer {
            for part in pointer.update(conn)?.into_iter().flatten() {
                self.damage.add(part);
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, parts: &mut dyn Parts) -> Result<bool, Failed> {
        if let Target::Window(target) = &mut self.target
            && target.stale
        {
            target.find(&self.desktop)?;
            self.take_all();
        }
        self.collect()?;
        let Some((width, height)) = self.size() else { return Ok(false) };
        if self.damage.is_empty() {
            return Ok(false);
        }
        let damage = std::mem::replace(&mut self.damage, Damage::none(width, height));
        let (drawable, left, top): (Drawable, i32, i32) = match &self.target {
            Target::Desktop { place, .. } => {
                let Some(part) = place.part() else { return Ok(false) };
                (self.desktop.root, part.x, part.y)
            }
            Target::Window(WindowTarget { pixmap: Some(p), .. }) => (p.pixmap, p.border, p.border),
            Target::Window(_) => return Ok(false),
        };
        let places: Vec<Rect> = damage.parts().iter().map(|p| Rect::new(p.x + left, p.y + top, p.w, p.h)).collect();
        parts.begin(width, height, damage.is_whole());
        let pointer = self.pointer.as_ref();
        let fetched = self.images.fetch(&self.desktop.conn, drawable, &places, |n, bgrx| {
            let place = damage.parts()[n];
            if let Some(pointer) = pointer {
                pointer.draw(bgrx, place);
            }
            parts.part(Patch { place, bgrx, stride: place.w as usize * 4 });
        });
        if fetched.is_err() {
            self.damage = Damage::all(width, height);
        }
        fetched?;
        // What happened before the pixels were read was told before they came: another monitor may have had their place.
        self.unsaid |= self.drain()?;
        self.follow()
    }

    fn gone(&self) -> SourceError {
        SourceError::Gone { what: self.label.clone() }
    }

    /// A request was refused: the window went, or changed, before we heard of it.
    fn refused(&mut self, failed: Failed) -> Result<(), SourceError> {
        let Failed::Refused(error) = failed else { return Err(failed.into()) };
        self.unsaid |= self.drain().map_err(SourceError::from)?;
        if self.gone {
            return Err(self.gone());
        }
        tracing::debug!(%error, "what is shared changed under our hands");
        match &mut self.target {
            Target::Window(target) => target.stale = true,
            // A desktop that shrinks refuses too; where the rest of it lies is found next time.
            Target::Desktop { stale, .. } => *stale = true,
        }
        Ok(())
    }
}

impl Grab for X11Grab {
    fn changed(&mut self, patience: Duration) -> Result<bool, SourceError> {
        let mut any = self.drain()? | std::mem::take(&mut self.unsaid);
        if !any && !patience.is_zero() {
            wait(self.desktop.conn.stream().as_raw_fd(), patience);
            any = self.drain()?;
        }
        if let Err(failed) = self.follow() {
            self.refused(failed)?;
        }
        if self.gone {
            return Err(self.gone());
        }
        if let Err(failed) = self.look_for_pointer() {
            self.refused(failed)?;
        }
        let pointed = self.pointer.as_ref().is_some_and(Pointer::is_stale);
        Ok(any || pointed || !self.damage.is_empty())
    }

    fn size(&self) -> Option<(u32, u32)> {
        picture_size(&self.target)
    }

    fn visibility(&self) -> Visibility {
        match &self.target {
            Target::Window(target) if !target.shown => Visibility::Minimised,
            _ => Visibility::Shown,
        }
    }

    fn take(&mut self, parts: &mut dyn Parts) -> Result<bool, SourceError> {
        match self.hand_over(parts) {
            Ok(taken) => Ok(taken),
            Err(failed) => self.refused(failed).map(|()| false),
        }
    }
}

impl WindowTarget {
    /// Names its pixels, finds its frame.
    fn find(&mut self, desktop: &Desktop) -> Result<(), Failed> {
        let conn = &desktop.conn;
        self.stale = false;
        let attributes = conn.get_window_attributes(self.window)?.reply()?;
        self.shown = attributes.map_state != MapState::UNMAPPED;
        self.top = top_of(desktop, self.window)?;
        if attributes.map_state != MapState::VIEWABLE {
            return Ok(());
        }
        let pixmap = conn.generate_id()?;
        conn.composite_name_window_pixmap(self.window, pixmap)?.check()?;
        let (outer, inner) = (conn.get_geometry(pixmap)?, conn.get_geometry(self.window)?);
        let (outer, inner) = (outer.reply()?, inner.reply()?);
        if !desktop.reads(outer.depth) {
            conn.free_pixmap(pixmap)?;
            return Ok(());
        }
        let border = u32::from(inner.border_width);
        // The pixmap is what is read: its size counts, should the window have grown since.
        let side = |outer: u16, inner: u16| u32::from(outer).saturating_sub(border * 2).min(inner.into());
        let named = Named {
            pixmap,
            border: border as i32,
            width: side(outer.width, inner.width),
            height: side(outer.height, inner.height),
        };
        if let Some(old) = self.pixmap.replace(named) {
            conn.free_pixmap(old.pixmap)?;
        }
        Ok(())
    }
}

/// The window itself, or the one around it that lies directly on the desktop.
pub(super) fn top_of(desktop: &Desktop, window: Window) -> Result<Window, Failed> {
    let mut top = window;
    loop {
        let parent = desktop.conn.query_tree(top)?.reply()?.parent;
        if parent == desktop.root || parent == x11rb::NONE {
            return Ok(top);
        }
        top = parent;
    }
}

/// Even, as I420 needs it: the last column or row of an odd size is left out.
fn picture_size(target: &Target) -> Option<(u32, u32)> {
    let (width, height) = match target {
        Target::Desktop { place, .. } => place.part().map(|part| (part.w, part.h))?,
        Target::Window(target) => target.pixmap.as_ref().map(|p| (p.width, p.height))?,
    };
    (width >= 2 && height >= 2).then_some((width & !1, height & !1))
}

/// Waits until the server has something to say, at most `patience`.
fn wait(fd: std::os::fd::RawFd, patience: Duration) {
    let mut waited = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // A broken connection wakes too, and is found out when it is read.
    // SAFETY: one valid, writable pollfd.
    unsafe { libc::poll(&mut waited, 1, patience.as_millis().clamp(1, 10_000) as i32) };
}
