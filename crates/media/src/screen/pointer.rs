//! The mouse pointer, which is not part of any window's pixels.

use super::Rect;

/// A pointer's picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) width: u32,
    pub(super) height: u32,
    /// The pixel of it that points.
    pub(super) hot: (i32, i32),
    /// Alpha in the top byte, colours already multiplied with it; row by row.
    pub(super) argb: Vec<u32>,
    /// Bits of the colour below that it turns round, pixel by pixel; empty where it turns none.
    pub(super) turned: Vec<u32>,
}

/// A pointer's picture and place.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    shape: Shape,
    /// Where it points, in the shared picture; `None` while it is elsewhere.
    at: Option<(i32, i32)>,
    /// What it covered in the picture that was taken last.
    drawn: Option<Rect>,
    reshaped: bool,
}

impl Pointer {
    /// It looks like this now.
    pub(super) fn reshape(&mut self, shape: Shape) {
        if self.shape != shape {
            self.shape = shape;
            self.reshaped = true;
        }
    }

    /// It points there in the shared picture, or elsewhere.
    pub(super) fn move_to(&mut self, at: Option<(i32, i32)>) {
        self.at = at;
    }

    /// Whether it points at the shared picture.
    #[cfg(target_os = "linux")]
    pub(super) fn is_here(&self) -> bool {
        self.at.is_some()
    }

    /// Whether the picture taken last shows it wrongly.
    pub(super) fn is_stale(&self) -> bool {
        self.place() != self.drawn || (self.reshaped && self.at.is_some())
    }

    /// The parts of the picture that are to be taken anew because of it.
    pub(super) fn update(&mut self) -> [Option<Rect>; 2] {
        if !self.is_stale() {
            return [None, None];
        }
        self.reshaped = false;
        let now = self.place();
        [std::mem::replace(&mut self.drawn, now), now]
    }

    /// What it covers in the picture that is taken now.
    #[cfg(any(test, windows))]
    pub(super) fn covers(&self) -> Option<Rect> {
        self.drawn
    }

    /// Draws it onto pixels (BGRX, `place.w × 4` bytes a row) that lie at `place` of the picture.
    pub(super) fn draw(&self, bgrx: &mut [u8], place: Rect) {
        let Some(own) = self.drawn else { return };
        let both = own.intersection(&place);
        let length = both.w as usize;
        for y in both.y..both.bottom() {
            let from = (y - own.y) as usize * self.shape.width as usize + (both.x - own.x) as usize;
            let to = ((y - place.y) as usize * place.w as usize + (both.x - place.x) as usize) * 4;
            let (Some(colours), Some(below)) =
                (self.shape.argb.get(from..from + length), bgrx.get_mut(to..to + length * 4))
            else {
                return;
            };
            let turned = self.shape.turned.get(from..from + length).unwrap_or_default();
            for (n, (below, &argb)) in below.as_chunks_mut::<4>().0.iter_mut().zip(colours).enumerate() {
                let clear = 255 - (argb >> 24);
                let turned = turned.get(n).copied().unwrap_or(0);
                for (below, shift) in below.iter_mut().zip([0, 8, 16]) {
                    let own = (argb >> shift) & 0xFF;
                    let blended = (own + (u32::from(*below) * clear + 127) / 255).min(255);
                    *below = (blended ^ ((turned >> shift) & 0xFF)) as u8;
                }
            }
        }
    }

    fn place(&self) -> Option<Rect> {
        let (x, y) = self.at?;
        let Shape { width, height, hot, .. } = self.shape;
        Some(Rect::new(x - hot.0, y - hot.1, width, height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(at: (i32, i32)) -> Pointer {
        let argb = vec![0xFF11_2233, 0, 0x8040_4040, 0xFFFF_FFFF];
        let mut pointer = Pointer::default();
        pointer.reshape(Shape { width: 2, height: 2, hot: (1, 1), argb, turned: Vec::new() });
        pointer.move_to(Some(at));
        pointer.update();
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
    fn what_it_turns_round_shows_on_any_ground() {
        let mut pointer = Pointer::default();
        let (argb, turned) = (vec![0, 0xFF00_0000], vec![0x00FF_FFFF, 0]);
        pointer.reshape(Shape { width: 2, height: 1, hot: (0, 0), argb, turned });
        pointer.move_to(Some((0, 0)));
        pointer.update();
        let mut pixels = vec![250, 1, 128, 9, 250, 1, 128, 9];
        pointer.draw(&mut pixels, Rect::new(0, 0, 2, 1));
        assert_eq!(pixels, [5, 254, 127, 9, 0, 0, 0, 9]);
    }

    #[test]
    fn moving_it_makes_the_old_and_the_new_place_stale() {
        let mut pointer = pointer((12, 12));
        assert!(!pointer.is_stale());
        pointer.move_to(Some((20, 12)));
        assert!(pointer.is_stale());
        assert_eq!(pointer.update(), [Some(Rect::new(11, 11, 2, 2)), Some(Rect::new(19, 11, 2, 2))]);
        pointer.move_to(None);
        assert!(pointer.is_stale());
        assert_eq!(pointer.update(), [Some(Rect::new(19, 11, 2, 2)), None]);
    }

    #[test]
    fn another_picture_at_the_same_place_is_drawn_anew() {
        let mut pointer = pointer((12, 12));
        let mut shape = pointer.shape.clone();
        pointer.reshape(shape.clone());
        assert!(!pointer.is_stale(), "it is the same");
        shape.argb[0] = 0;
        pointer.reshape(shape);
        assert!(pointer.is_stale());
        assert_eq!(pointer.update(), [Some(Rect::new(11, 11, 2, 2)); 2]);
        assert!(!pointer.is_stale());
    }
}
