//! The mouse pointer, which is not part of any window's pixels.

use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::Window;
use x11rb::rust_connection::RustConnection;

use super::{Failed, Rect};

/// The pointer's picture and place.
#[derive(Default)]
pub(super) struct Pointer {
    width: u32,
    height: u32,
    hot: (i32, i32),
    /// Alpha in the top byte, colours already multiplied with it.
    argb: Vec<u32>,
    /// Where it points, in the shared picture; `None` while it is elsewhere.
    at: Option<(i32, i32)>,
    /// What it covered in the picture that was taken last.
    drawn: Option<Rect>,
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
        self.at = at;
    }

    /// Whether the picture taken last shows it wrongly.
    pub(super) fn is_stale(&self) -> bool {
        self.place() != self.drawn || (self.shape_changed && self.at.is_some())
    }

    /// The parts of the picture that are to be taken anew because of it.
    pub(super) fn update(&mut self, conn: &RustConnection) -> Result<[Option<Rect>; 2], Failed> {
        let mut redraw = false;
        if self.shape_changed && self.at.is_some() {
            let image = conn.xfixes_get_cursor_image()?.reply()?;
            (self.width, self.height) = (image.width.into(), image.height.into());
            self.hot = (image.xhot.into(), image.yhot.into());
            self.argb = image.cursor_image;
            self.shape_changed = false;
            redraw = true;
        }
        let now = self.place();
        if now == self.drawn && !redraw {
            return Ok([None, None]);
        }
        Ok([std::mem::replace(&mut self.drawn, now), now])
    }

    /// Draws it onto pixels (BGRX, `place.w × 4` bytes a row) that lie at `place` of the picture.
    pub(super) fn draw(&self, bgrx: &mut [u8], place: Rect) {
        let Some(own) = self.drawn else { return };
        let both = own.intersection(&place);
        for y in both.y..both.bottom() {
            let from = (y - own.y) as usize * self.width as usize + (both.x - own.x) as usize;
            let to = ((y - place.y) as usize * place.w as usize + (both.x - place.x) as usize) * 4;
            let (Some(from), Some(to)) =
                (self.argb.get(from..from + both.w as usize), bgrx.get_mut(to..to + both.w as usize * 4))
            else {
                return;
            };
            for (to, &argb) in to.as_chunks_mut::<4>().0.iter_mut().zip(from) {
                let clear = 255 - (argb >> 24);
                for (to, shift) in to.iter_mut().zip([0, 8, 16]) {
                    let own = (argb >> shift) & 0xFF;
                    *to = (own + (u32::from(*to) * clear + 127) / 255).min(255) as u8;
                }
            }
        }
    }

    fn place(&self) -> Option<Rect> {
        let (x, y) = self.at?;
        Some(Rect::new(x - self.hot.0, y - self.hot.1, self.width, self.height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(at: (i32, i32)) -> Pointer {
        let mut pointer = Pointer {
            width: 2,
            height: 2,
            hot: (1, 1),
            argb: vec![0xFF11_2233, 0, 0x8040_4040, 0xFFFF_FFFF],
            ..Pointer::default()
        };
        pointer.move_to(Some(at));
        pointer.drawn = pointer.place();
        pointer
    }

    #[test]
    fn it_is_blended_where_it_points() {
        let mut pixels = vec![100; 4 * 4 * 4];
        pointer((12, 12)).draw(&mut pixels, Rect::new(10, 10, 4, 4));
        let at = |x: usize, y: usize| &pixels[(y * 4 + x) * 4..][..3];
        assert_eq!(at(1, 1), [0x33, 0x22, 0x11]);
        assert_eq!(at(2, 1), [100; 3], "clear");
        assert_eq!(at(1, 2), [0x40 + 50; 3], "half clear");
        assert_eq!(at(2, 2), [255; 3]);
        assert_eq!(at(3, 3), [100; 3]);
    }

    #[test]
    fn half_of_it_at_the_edge_is_drawn() {
        let mut pixels = vec![0; 4 * 4 * 4];
        pointer((10, 10)).draw(&mut pixels, Rect::new(10, 10, 4, 4));
        assert_eq!(&pixels[..3], [255; 3]);
        assert!(pixels[4..].iter().all(|b| *b == 0));
    }

    #[test]
    fn moving_it_makes_the_old_and_the_new_place_stale() {
        let mut pointer = pointer((12, 12));
        assert!(!pointer.is_stale());
        pointer.move_to(Some((20, 12)));
        assert!(pointer.is_stale());
        pointer.move_to(None);
        assert!(pointer.is_stale());
    }
}
