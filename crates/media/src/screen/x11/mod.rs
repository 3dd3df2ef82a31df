//! Pixels of an X11 desktop.
//!
//! Used extensions: DAMAGE tells what has changed, MIT-SHM hands pixels over without copying them through a socket,
//! XFIXES gives the pointer's picture, Composite keeps a window's pixels while something covers it, RANDR knows the monitors.

mod catalog;
mod grab;
mod image;
mod pointer;

pub(super) use catalog::Catalog;

use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::{ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::composite::{self, ConnectionExt as _};
use x11rb::protocol::damage::{self, ConnectionExt as _};
use x11rb::protocol::randr::{self, ConnectionExt as _};
use x11rb::protocol::xfixes::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{ImageOrder, Window};
use x11rb::rust_connection::RustConnection;

use super::place::Desk;
use super::{Monitor, Rect, ScreenChoice, ScreenSettings};
use crate::source::SourceError;
use grab::X11Grab;

/// A connection to the X server that has what we need.
pub(super) struct Desktop {
    pub(super) conn: RustConnection,
    pub(super) root: Window,
    pub(super) has_composite: bool,
}

impl Desktop {
    pub(super) fn connect() -> Result<Self, SourceError> {
        let (conn, screen) = x11rb::connect(None).map_err(|e| unsupported(format!("no X server answers: {e}")))?;
        let setup = conn.setup();
        if setup.image_byte_order != ImageOrder::LSB_FIRST {
            return Err(unsupported("the X server keeps its pixels in an order we do not read".to_owned()));
        }
        let root = setup.roots[screen].root;
        let lacks = |what: &str| unsupported(format!("the X server lacks {what}"));
        let has = |name| conn.extension_information(name).map(|found| found.is_some()).map_err(|e| broke(&e));
        for name in [damage::X11_EXTENSION_NAME, xfixes::X11_EXTENSION_NAME, randr::X11_EXTENSION_NAME] {
            if !has(name)? {
                return Err(lacks(name));
            }
        }
        // Each extension wants to be greeted before it is used.
        let greet = || -> Result<(), ReplyError> {
            conn.xfixes_query_version(5, 0)?.reply()?;
            conn.damage_query_version(1, 1)?.reply()?;
            conn.randr_query_version(1, 5)?.reply()?;
            Ok(())
        };
        greet().map_err(|e| unsupported(e.to_string()))?;
        let has_composite = has(composite::X11_EXTENSION_NAME)?
            && conn.composite_query_version(0, 4).map_err(|e| broke(&e))?.reply().is_ok();
        Ok(Self { conn, root, has_composite })
    }

    /// The monitors, the primary one first, and the size of all that has pixels.
    fn desk(&self) -> Result<Desk, ReplyError> {
        use x11rb::protocol::xproto::ConnectionExt as _;
        let (all, found) = (self.conn.get_geometry(self.root)?, self.conn.randr_get_monitors(self.root, true)?);
        let (all, found) = (all.reply()?, found.reply()?);
        let bounds = Rect::new(0, 0, all.width.into(), all.height.into());
        let names: Vec<_> = found.monitors.iter().map(|m| self.conn.get_atom_name(m.name)).collect::<Result<_, _>>()?;
        let mut monitors = Vec::new();
        for (m, name) in found.monitors.iter().zip(names) {
            let name = String::from_utf8_lossy(&name.reply()?.name).into_owned();
            // Whoever splits a screen into several monitors may have them hang over its edge, where there are no pixels.
            let bounds = Rect::new(m.x.into(), m.y.into(), m.width.into(), m.height.into()).intersection(&bounds);
            if !bounds.is_empty() {
                monitors.push(Monitor { name, bounds, primary: m.primary });
            }
        }
        monitors.sort_by_key(|m| (!m.primary, m.bounds.x, m.bounds.y));
        Ok(Desk { monitors, bounds })
    }

    /// The monitors, the primary one first.
    pub(super) fn monitors(&self) -> Result<Vec<Monitor>, SourceError> {
        Ok(self.desk().map_err(|e| broke(&e))?.monitors)
    }

    /// The size of all that has pixels, the monitors and what may lie between them.
    pub(super) fn bounds(&self) -> Result<Rect, SourceError> {
        Ok(self.desk().map_err(|e| broke(&e))?.bounds)
    }

    /// Bits of each pixel of a drawable of this depth, if they are ones we read.
    pub(super) fn reads(&self, depth: u8) -> bool {
        let formats = &self.conn.setup().pixmap_formats;
        matches!(depth, 24 | 32) && formats.iter().any(|f| f.depth == depth && f.bits_per_pixel == 32)
    }
}

/// Finds what is to be shared; it is looked at from the first [`Grab::changed`](super::grab::Grab::changed) on.
pub(super) fn open(choice: &ScreenChoice, label: &str, settings: ScreenSettings) -> Result<X11Grab, SourceError> {
    X11Grab::open(Desktop::connect()?, choice, label, settings.pointer)
}

fn unsupported(reason: String) -> SourceError {
    SourceError::NotSupported { what: "screen sharing".to_owned(), reason }
}

/// The connection or a request broke.
fn broke(error: &dyn std::error::Error) -> SourceError {
    SourceError::Device { device: "the X server".to_owned(), reason: error.to_string() }
}

/// A request to the X server that did not work out, and whether that may be because its window changed meanwhile.
#[derive(Debug)]
enum Failed {
    /// The server refused: the window may be gone, unmapped or resized.
    Refused(ReplyError),
    /// The connection is broken.
    Broken(ConnectionError),
}

impl From<ReplyError> for Failed {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(e) => Self::Broken(e),
            refused => Self::Refused(refused),
        }
    }
}

impl From<ConnectionError> for Failed {
    fn from(error: ConnectionError) -> Self {
        Self::Broken(error)
    }
}

impl From<ReplyOrIdError> for Failed {
    fn from(error: ReplyOrIdError) -> Self {
        match error {
            ReplyOrIdError::ConnectionError(e) => Self::Broken(e),
            ReplyOrIdError::X11Error(e) => Self::Refused(ReplyError::X11Error(e)),
            ReplyOrIdError::IdsExhausted => Self::Broken(ConnectionError::InsufficientMemory),
        }
    }
}

impl From<Failed> for SourceError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(e) => broke(&e),
            Failed::Broken(e) => broke(&e),
        }
    }
}
