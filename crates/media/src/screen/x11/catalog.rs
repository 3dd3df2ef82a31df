//! What can be shared on an X11 desktop, with small pictures.

use std::collections::HashMap;

use x11rb::connection::Connection as _;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, MapState, Window};

use super::grab::top_of;
use super::image::Images;
use super::{Desktop, Failed, Rect};
use crate::screen::{Monitor, Offer, ScreenChoice, Thumbnail, thumbnail};
use crate::source::SourceError;

/// Smaller windows are tooltips and the like.
const LEAST: u32 = 32;
/// Most bytes read of a title.
const TITLE: u32 = 1024;

/// A connection that lists windows and looks at them.
pub(in crate::screen) struct Catalog {
    desktop: Desktop,
    images: Images,
    atoms: HashMap<&'static str, Atom>,
    /// Windows whose pixels are kept for us while something covers them.
    kept: Vec<Window>,
}

impl Catalog {
    pub(in crate::screen) fn open() -> Result<Self, SourceError> {
        let desktop = Desktop::connect()?;
        Ok(Self { desktop, images: Images::new(), atoms: HashMap::new(), kept: Vec::new() })
    }

    pub(in crate::screen) fn monitors(&mut self) -> Result<Vec<Monitor>, SourceError> {
        self.desktop.monitors()
    }

    pub(in crate::screen) fn offers(&mut self, leave_out: Option<u32>) -> Result<Vec<Offer>, SourceError> {
        let monitors = self.desktop.monitors()?;
        let mut offers: Vec<Offer> = monitors
            .into_iter()
            .map(|m| Offer {
                choice: ScreenChoice::Monitor(m.name.clone()),
                title: m.name,
                width: m.bounds.w,
                height: m.bounds.h,
            })
            .collect();
        for window in self.windows()? {
            match self.offer(window, leave_out) {
                Ok(offer) => offers.extend(offer),
                // It went while we looked.
                Err(Failed::Refused(_)) => {}
                Err(failed) => return Err(failed.into()),
            }
        }
        Ok(offers)
    }

    pub(in crate::screen) fn thumbnail(
        &mut self,
        choice: &ScreenChoice,
        width: u32,
        height: u32,
    ) -> Result<Option<Thumbnail>, SourceError> {
        let gone = || SourceError::Gone { what: "what was to be shown".to_owned() };
        let most = (width.max(1), height.max(1));
        match choice {
            // Nothing is seen of it before it is shared.
            ScreenChoice::Granted(_) => Ok(None),
            ScreenChoice::Monitor(name) => {
                let monitor = self.desktop.monitors()?.into_iter().find(|m| m.name == *name).ok_or_else(gone)?;
                Ok(Some(self.look(self.desktop.root, monitor.bounds, most)?))
            }
            ScreenChoice::Region(part) => {
                let part = part.intersection(&self.desktop.bounds()?);
                if part.is_empty() { Err(gone()) } else { Ok(Some(self.look(self.desktop.root, part, most)?)) }
            }
            ScreenChoice::Window(id) => {
                let window = Window::try_from(*id).map_err(|_| gone())?;
                match self.look_at_window(window, most) {
                    Ok(thumbnail) => Ok(thumbnail),
                    Err(Failed::Refused(_)) => Err(gone()),
                    Err(failed) => Err(failed.into()),
                }
            }
        }
    }

    /// Those the window manager lists, the topmost first; without a window manager those that lie on the desktop.
    fn windows(&mut self) -> Result<Vec<Window>, Failed> {
        for list in ["_NET_CLIENT_LIST_STACKING", "_NET_CLIENT_LIST"] {
            let property = self.atom(list)?;
            let root = self.desktop.root;
            let reply = self.desktop.conn.get_property(false, root, property, AtomEnum::WINDOW, 0, 4096)?.reply()?;
            let mut windows: Vec<Window> = reply.value32().into_iter().flatten().collect();
            if !windows.is_empty() {
                windows.reverse();
                return Ok(windows);
            }
        }
        let mut windows = self.desktop.conn.query_tree(self.desktop.root)?.reply()?.children;
        windows.reverse();
        Ok(windows)
    }

    fn offer(&mut self, window: Window, leave_out: Option<u32>) -> Result<Option<Offer>, Failed> {
        let attributes = self.desktop.conn.get_window_attributes(window)?;
        let geometry = self.desktop.conn.get_geometry(window)?;
        let (attributes, geometry) = (attributes.reply()?, geometry.reply()?);
        let size = (u32::from(geometry.width), u32::from(geometry.height));
        let shown = attributes.map_state == MapState::VIEWABLE && !attributes.override_redirect;
        if !shown || !self.desktop.reads(geometry.depth) || size.0 < LEAST || size.1 < LEAST {
            return Ok(None);
        }
        if self.is_part_of_desktop(window)? {
            return Ok(None);
        }
        if let Some(process) = leave_out {
            let property = self.atom("_NET_WM_PID")?;
            let reply = self.desktop.conn.get_property(false, window, property, AtomEnum::CARDINAL, 0, 1)?.reply()?;
            if reply.value32().and_then(|mut v| v.next()) == Some(process) {
                return Ok(None);
            }
        }
        let title = self.title(window)?;
        let choice = ScreenChoice::Window(window.into());
        Ok((!title.is_empty()).then_some(Offer { choice, title, width: size.0, height: size.1 }))
    }

    /// Panels, docks and the desktop's own background are no windows to people.
    fn is_part_of_desktop(&mut self, window: Window) -> Result<bool, Failed> {
        let property = self.atom("_NET_WM_WINDOW_TYPE")?;
        let parts = [self.atom("_NET_WM_WINDOW_TYPE_DESKTOP")?, self.atom("_NET_WM_WINDOW_TYPE_DOCK")?];
        let reply = self.desktop.conn.get_property(false, window, property, AtomEnum::ATOM, 0, 16)?.reply()?;
        Ok(reply.value32().into_iter().flatten().any(|kind| parts.contains(&kind)))
    }

    fn title(&mut self, window: Window) -> Result<String, Failed> {
        let (modern, utf8) = (self.atom("_NET_WM_NAME")?, self.atom("UTF8_STRING")?);
        let reply = self.desktop.conn.get_property(false, window, modern, utf8, 0, TITLE / 4)?.reply()?;
        if !reply.value.is_empty() {
            return Ok(String::from_utf8_lossy(&reply.value).trim().to_owned());
        }
        let old = AtomEnum::WM_NAME;
        let reply = self.desktop.conn.get_property(false, window, old, AtomEnum::ANY, 0, TITLE / 4)?.reply()?;
        // ICCCM's plain STRING is Latin-1, whose bytes are the code points.
        let title: String = if reply.type_ == Atom::from(AtomEnum::STRING) {
            reply.value.iter().map(|b| char::from(*b)).collect()
        } else {
            String::from_utf8_lossy(&reply.value).into_owned()
        };
        Ok(title.trim().to_owned())
    }

    fn look_at_window(&mut self, window: Window, most: (u32, u32)) -> Result<Option<Thumbnail>, Failed> {
        let conn = &self.desktop.conn;
        if conn.get_window_attributes(window)?.reply()?.map_state != MapState::VIEWABLE {
            return Ok(None);
        }
        if !self.desktop.has_composite {
            // What can be seen of it.
            let geometry = conn.get_geometry(top_of(&self.desktop, window)?)?.reply()?;
            let place = Rect::new(geometry.x.into(), geometry.y.into(), geometry.width.into(), geometry.height.into());
            let bounds = conn.get_geometry(self.desktop.root)?.reply()?;
            let place = place.intersection(&Rect::new(0, 0, bounds.width.into(), bounds.height.into()));
            return if place.is_empty() { Ok(None) } else { self.look(self.desktop.root, place, most).map(Some) };
        }
        if !self.kept.contains(&window) {
            // Kept from now on, not only for this picture: a window that is redirected again and again flickers.
            conn.composite_redirect_window(window, Redirect::AUTOMATIC)?.check()?;
            self.kept.push(window);
        }
        let pixmap = conn.generate_id()?;
        conn.composite_name_window_pixmap(window, pixmap)?.check()?;
        let (outer, inner) = (conn.get_geometry(pixmap)?, conn.get_geometry(window)?);
        let (outer, inner) = (outer.reply()?, inner.reply()?);
        let border = i32::from(inner.border_width);
        let place = Rect::new(border, border, inner.width.into(), inner.height.into()).intersection(&Rect::new(
            0,
            0,
            outer.width.into(),
            outer.height.into(),
        ));
        let looked = if place.is_empty() { Ok(None) } else { self.look(pixmap, place, most).map(Some) };
        self.desktop.conn.free_pixmap(pixmap)?;
        looked
    }

    fn look(&mut self, drawable: u32, place: Rect, most: (u32, u32)) -> Result<Thumbnail, Failed> {
        let mut thumbnail = Thumbnail { width: 0, height: 0, rgba: Vec::new() };
        self.images.fetch(&self.desktop.conn, drawable, &[place], |_, bgrx| {
            thumbnail = thumbnail::shrink(bgrx, (place.w, place.h), most);
        })?;
        Ok(thumbnail)
    }

    fn atom(&mut self, name: &'static str) -> Result<Atom, Failed> {
        if let Some(atom) = self.atoms.get(name) {
            return Ok(*atom);
        }
        let atom = self.desktop.conn.intern_atom(false, name.as_bytes())?.reply()?.atom;
        self.atoms.insert(name, atom);
        Ok(atom)
    }
}
