//! The mouse pointer as the X server has it.

use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::Window;
use x11rb::rust_connection::RustConnection;

use super::{Failed, Rect};
use crate::screen::pointer::{self, Shape};

/// The pointer, and whether the server has another picture of it than we know.
#[derive(Default)]
pub(super) struct Pointer {
    known: pointer::Pointer,
    shape_changed: bool,
}

impl Pointer {
    /// Asks to be told when its picture changes.
    pub(super) fn watch(&mut self, conn: &RustConnection, root: Window) -> Result<(), Failed> {
        use x11rb::protocol::xfixes::CursorNotifyMask;
        conn.xfixes_select_cursor_input(root, CursorNotifyMask::DISPLAY_CURSOR)?;
        self.shape_changed = true;
        Ok(())
    }

    /// Its picture is another one now.
    pub(super) fn shape_changed(&mut self) {
        self.shape_changed = true;
    }

    /// It points there in the shared picture, or elsewhere.
    pub(super) fn move_to(&mut self, at: Option<(i32, i32)>) {
        self.known.move_to(at);
    }

    /// Whether the picture taken last shows it wrongly.
    pub(super) fn is_stale(&self) -> bool {
        self.known.is_stale() || (self.shape_changed && self.known.is_here())
    }

    /// The parts of the picture that are to be taken anew because of it.
    pub(super) fn update(&mut self, conn: &RustConnection) -> Result<[Option<Rect>; 2], Failed> {
        if self.shape_changed && self.known.is_here() {
            let image = conn.xfixes_get_cursor_image()?.reply()?;
            self.known.reshape(Shape {
                width: image.width.into(),
                height: image.height.into(),
                hot: (image.xhot.into(), image.yhot.into()),
                argb: image.cursor_image,
                turned: Vec::new(),
            });
            self.shape_changed = false;
        }
        Ok(self.known.update())
    }

    /// Draws it onto pixels (BGRX, `place.w × 4` bytes a row) that lie at `place` of the picture.
    pub(super) fn draw(&self, bgrx: &mut [u8], place: Rect) {
        self.known.draw(bgrx, place);
    }
}
