//! One picture in memory that the desktop lent us: where its rows lie, what part of it counts, how it is turned, and its
//! pixels in the order that everything behind us takes.

use super::format::{Format, Pixels};
use crate::screen::Rect;

/// What is said about one picture, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Bytes of its memory.
    pub(super) memory: usize,
    /// Where its first row begins.
    pub(super) offset: u32,
    /// Bytes of it that hold something; none in news that bring no picture.
    pub(super) filled: u32,
    /// Bytes from one row to the next; rows of a picture on its head go backwards.
    pub(super) stride: i32,
    /// It may be half drawn.
    pub(super) corrupted: bool,
    /// The part that counts.
    pub(super) crop: Option<Rect>,
    /// What has changed since the last one, in its memory; `None` where nobody says.
    pub(super) damage: Option<Vec<Rect>>,
    /// How it was turned before it came: quarter turns, and whether it was mirrored first, as PipeWire counts them.
    pub(super) turn: u32,
}

/// Why a picture is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It brings no pixels: perhaps the pointer has moved, which is in the picture already.
    Empty,
    /// It cannot be read: what it told has changed is lost.
    Broken,
}

/// How a turned picture is to be put right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Turn {
    /// Columns and rows change places.
    sideways: bool,
    /// Afterwards, from right to left.
    mirrored: bool,
    /// Afterwards, from bottom to top.
    upside_down: bool,
}

impl Turn {
    /// What undoes a turn that was made.
    fn undo(turn: u32) -> Self {
        let (sideways, mirrored, upside_down) = match turn {
            1 => (true, true, false),
            2 => (false, true, true),
            3 => (true, false, true),
            4 => (false, true, false),
            5 => (true, false, false),
            6 => (false, false, true),
            7 => (true, true, true),
            _ => (false, false, false),
        };
        Self { sideways, mirrored, upside_down }
    }

    fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Where a picture's pixels lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pixels: Pixels,
    /// The left top pixel of the part that counts, in bytes.
    first: i64,
    stride: i64,
    /// The part that counts, in the memory's own coordinates.
    part: Rect,
    turn: Turn,
}

impl Layout {
    /// Where the pixels of a picture lie; every one of them lies within its memory.
    pub(super) fn of(format: &Format, said: &Said) -> Result<Self, Unusable> {
        if said.filled == 0 {
            return Err(Unusable::Empty);
        }
        if said.corrupted {
            return Err(Unusable::Broken);
        }
        let whole = Rect::new(0, 0, format.width, format.height);
        let part = match said.crop {
            Some(crop) => clip(crop, whole),
            None => whole,
        };
        let bytes = format.pixels.bytes as i64;
        let stride = match i64::from(said.stride) {
            0 => i64::from(format.width) * bytes,
            stride => stride,
        };
        let first = i64::from(said.offset) + i64::from(part.y) * stride + i64::from(part.x) * bytes;
        let last = first + (i64::from(part.h) - 1) * stride;
        let row = i64::from(part.w) * bytes;
        let end = i64::try_from(said.memory).unwrap_or(i64::MAX);
        let fits = first.min(last) >= 0 && first.max(last) + row <= end && stride.abs() >= row;
        if part.w < 2 || part.h < 2 || !fits {
            return Err(Unusable::Broken);
        }
        Ok(Self { pixels: format.pixels, first, stride, part, turn: Turn::undo(said.turn) })
    }

    /// The picture's size, both even: the last column or row of an odd size is left out.
    pub(super) fn size(&self) -> (u32, u32) {
        let (w, h) = if self.turn.sideways { (self.part.h, self.part.w) } else { (self.part.w, self.part.h) };
        (w & !1, h & !1)
    }

    /// Where a changed part of the memory shows in the picture; empty where it does not.
    pub(super) fn place(&self, changed: Rect) -> Rect {
        let seen = clip(changed, self.part);
        let (left, top) = (seen.x - self.part.x, seen.y - self.part.y);
        let (right, bottom) = (self.part.w as i32 - left - seen.w as i32, self.part.h as i32 - top - seen.h as i32);
        let Turn { sideways, mirrored, upside_down } = self.turn;
        let ((left, right), (top, bottom), (w, h)) = if sideways {
            ((top, bottom), (left, right), (seen.h, seen.w))
        } else {
            ((left, right), (top, bottom), (seen.w, seen.h))
        };
        Rect::new(if mirrored { right } else { left }, if upside_down { bottom } else { top }, w, h)
    }

    /// The pixels of `place`, a part of the picture, and the bytes from one row to the next. `memory` is the picture's;
    /// `copy` is used where they lie otherwise than blue, green, red and one more byte in rows.
    pub(super) fn bgrx<'a>(&self, memory: &'a [u8], place: Rect, copy: &'a mut Vec<u8>) -> Option<(&'a [u8], usize)> {
        let row = place.w as usize * 4;
        if self.pixels.is_bgrx() && self.turn.is_none() && self.stride > 0 {
            let at = usize::try_from(self.address(place.x, place.y)).ok()?;
            let stride = self.stride as usize;
            let length = (place.h as usize).checked_sub(1)? * stride + row;
            return Some((memory.get(at..at + length)?, stride));
        }
        copy.clear();
        let [b, g, r] = self.pixels.bgr;
        let bytes = self.pixels.bytes;
        // From one pixel of a row to the next, in bytes of the memory.
        let step = self.address(place.x + 1, place.y) - self.address(place.x, place.y);
        for y in place.y..place.bottom() {
            let mut at = self.address(place.x, y);
            for _ in 0..place.w {
                let pixel = memory.get(usize::try_from(at).ok()?..)?.get(..bytes)?;
                copy.extend_from_slice(&[pixel[b], pixel[g], pixel[r], 0]);
                at += step;
            }
        }
        Some((copy, row))
    }

    /// Where a pixel of the picture begins.
    fn address(&self, x: i32, y: i32) -> i64 {
        let Turn { sideways, mirrored, upside_down } = self.turn;
        let (w, h) = if sideways { (self.part.h, self.part.w) } else { (self.part.w, self.part.h) };
        let x = if mirrored { w as i32 - 1 - x } else { x };
        let y = if upside_down { h as i32 - 1 - y } else { y };
        let (x, y) = if sideways { (y, x) } else { (x, y) };
        self.first + i64::from(y) * self.stride + i64::from(x) * self.pixels.bytes as i64
    }
}

/// The part of `rect` within `bounds`, whatever numbers came; empty, in the bounds' corner, where there is none.
fn clip(rect: Rect, bounds: Rect) -> Rect {
    let within = |at: i64, low: i32, high: i32| at.clamp(low.into(), high.into()) as i32;
    let (x, y) = (i64::from(rect.x), i64::from(rect.y));
    let left = within(x, bounds.x, bounds.right());
    let right = within(x + i64::from(rect.w), bounds.x, bounds.right());
    let top = within(y, bounds.y, bounds.bottom());
    let bottom = within(y + i64::from(rect.h), bounds.y, bounds.bottom());
    Rect::new(left, top, (right - left) as u32, (bottom - top) as u32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BGRX: Pixels = Pixels { bytes: 4, bgr: [0, 1, 2] };
    const RGB: Pixels = Pixels { bytes: 3, bgr: [2, 1, 0] };

    fn format(pixels: Pixels, width: u32, height: u32) -> Format {
        Format { pixels, width, height }
    }

    fn said(memory: usize, stride: i32) -> Said {
        Said { memory, filled: 1, stride, ..Said::default() }
    }

    /// A picture whose every pixel says where it is: its number is its blue, its green is 100, its red 200.
    fn numbered(pixels: Pixels, width: usize, height: usize, stride: usize) -> Vec<u8> {
        let mut memory = vec![0xEE; stride * height];
        for n in 0..width * height {
            let at = n / width * stride + n % width * pixels.bytes;
            for (place, value) in pixels.bgr.into_iter().zip([n as u8, 100, 200]) {
                memory[at + place] = value;
            }
        }
        memory
    }

    /// The blue of each pixel of `place`, row by row.
    fn blues(layout: &Layout, memory: &[u8], place: Rect) -> Vec<u8> {
        let mut copy = Vec::new();
        let (bgrx, stride) = layout.bgrx(memory, place, &mut copy).unwrap();
        let mut blues = Vec::new();
        for y in 0..place.h as usize {
            for pixel in bgrx[y * stride..][..place.w as usize * 4].chunks_exact(4) {
                assert_eq!(pixel[1..3], [100, 200]);
                blues.push(pixel[0]);
            }
        }
        blues
    }

    #[test]
    fn every_order_of_pixels_gives_the_same_picture() {
        let orders = [BGRX, RGB, Pixels { bytes: 4, bgr: [2, 1, 0] }, Pixels { bytes: 4, bgr: [3, 2, 1] }];
        for pixels in orders {
            let memory = numbered(pixels, 6, 4, 32);
            let layout = Layout::of(&format(pixels, 6, 4), &said(memory.len(), 32)).unwrap();
            assert_eq!(layout.size(), (6, 4));
            assert_eq!(blues(&layout, &memory, Rect::new(2, 2, 4, 2)), [14, 15, 16, 17, 20, 21, 22, 23], "{pixels:?}");
        }
    }

    #[test]
    fn the_part_that_counts_is_the_picture_and_what_changes_outside_it_does_not_matter() {
        let memory = numbered(BGRX, 6, 4, 24);
        let crop = Some(Rect::new(1, 1, 5, 3));
        let layout = Layout::of(&format(BGRX, 6, 4), &Said { crop, ..said(memory.len(), 24) }).unwrap();
        assert_eq!(layout.size(), (4, 2), "even");
        assert_eq!(blues(&layout, &memory, Rect::new(0, 0, 4, 2)), [7, 8, 9, 10, 13, 14, 15, 16]);
        assert_eq!(layout.place(Rect::new(0, 0, 3, 2)), Rect::new(0, 0, 2, 1));
        assert!(layout.place(Rect::new(0, 0, 6, 1)).is_empty());
        assert_eq!(layout.place(Rect::new(i32::MIN, 2, u32::MAX, 1)), Rect::new(0, 1, 5, 1));
    }

    #[test]
    fn a_picture_on_its_head_is_read_backwards() {
        let memory = numbered(BGRX, 4, 3, 16);
        let upwards = Said { offset: 32, ..said(memory.len(), -16) };
        let layout = Layout::of(&format(BGRX, 4, 3), &upwards).unwrap();
        assert_eq!(blues(&layout, &memory, Rect::new(0, 0, 2, 2)), [8, 9, 4, 5]);
    }

    /// What a turn makes of a picture, done plainly: mirrored first, then a quarter turn against the clock as often as told.
    fn turned(rows: &[Vec<u8>], turn: u32) -> Vec<Vec<u8>> {
        let mut rows = rows.to_vec();
        if turn >= 4 {
            rows.iter_mut().for_each(|row| row.reverse());
        }
        for _ in 0..turn % 4 {
            let width = rows[0].len();
            rows = (0..width).rev().map(|x| rows.iter().map(|row| row[x]).collect()).collect();
        }
        rows
    }

    #[test]
    fn every_turn_is_undone_and_changes_are_found_where_they_show() {
        let upright: Vec<Vec<u8>> = (0..4u8).map(|y| (0..6).map(|x| y * 6 + x).collect()).collect();
        for turn in 0..8 {
            let rows = turned(&upright, turn);
            let (width, height) = (rows[0].len() as u32, rows.len() as u32);
            let memory: Vec<u8> = rows.concat().into_iter().flat_map(|n| [n, 100, 200, 0]).collect();
            let come = Said { turn, ..said(memory.len(), width as i32 * 4) };
            let layout = Layout::of(&format(BGRX, width, height), &come).unwrap();
            assert_eq!(layout.size(), (6, 4), "turn {turn}");
            assert_eq!(blues(&layout, &memory, Rect::new(0, 0, 6, 4)), upright.concat(), "turn {turn}");
            for (y, row) in rows.iter().enumerate() {
                for (x, &number) in row.iter().enumerate() {
                    let place = layout.place(Rect::new(x as i32, y as i32, 1, 1));
                    assert_eq!(blues(&layout, &memory, place), [number], "turn {turn}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_lie_in_its_memory_is_not_read() {
        let wide = format(BGRX, 6, 4);
        let fits = said(96, 24);
        assert!(Layout::of(&wide, &fits).is_ok());
        for (broken, why) in [
            (Said { memory: 95, ..fits.clone() }, "one byte is missing"),
            (Said { offset: 1, ..fits.clone() }, "it begins too late"),
            (Said { stride: 23, ..fits.clone() }, "rows lie in each other"),
            (Said { stride: -24, ..fits.clone() }, "it begins before its memory"),
            (Said { stride: i32::MIN, offset: u32::MAX, ..fits.clone() }, "nonsense"),
            (Said { corrupted: true, ..fits.clone() }, "half drawn"),
            (Said { crop: Some(Rect::new(6, 0, 4, 4)), ..fits.clone() }, "nothing counts"),
        ] {
            assert_eq!(Layout::of(&wide, &broken), Err(Unusable::Broken), "{why}");
        }
        assert_eq!(Layout::of(&wide, &Said { filled: 0, corrupted: true, ..fits }), Err(Unusable::Empty));
    }
}
