//! The picture of a system that hands over pixels and does not say what has changed in them: it is compared with what is
//! known, and the pointer is drawn where parts of it go out.

use std::ops::Range;

use super::Rect;
use super::damage::Damage;
use super::grab::{Parts, Patch};
use super::pointer::Pointer;

/// Changes are found in tiles of this size, pixels: lines of text are some 16 high.
const TILE: (usize, usize) = (64, 16);

/// The picture as it was seen last, and what of it is still to be handed over.
pub(super) struct Picture {
    /// Both even.
    size: (u32, u32),
    /// `size.0 × 4` bytes a row.
    bgrx: Vec<u8>,
    /// All of it was seen since it has this size.
    seen: bool,
    damage: Damage,
    /// Drawn onto it.
    pub(super) pointer: Pointer,
    below: Vec<u8>,
}

impl Picture {
    /// Of no size, with nothing in it.
    pub(super) fn new() -> Self {
        Self {
            size: (0, 0),
            bgrx: Vec::new(),
            seen: false,
            damage: Damage::none(0, 0),
            pointer: Pointer::default(),
            below: Vec::new(),
        }
    }

    /// Its size, both even; `None` while it has none.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        (self.size.0 >= 2 && self.size.1 >= 2).then_some(self.size)
    }

    /// It is `width` × `height` now; the last column or row of an odd size is left out. When that is another size, all of
    /// it is to come anew.
    pub(super) fn resize(&mut self, width: u32, height: u32) {
        let size = (width & !1, height & !1);
        if self.size != size {
            self.size = size;
            self.forget();
        }
    }

    /// All of it is to come anew.
    pub(super) fn forget(&mut self) {
        let (width, height) = self.size;
        self.bgrx.clear();
        self.bgrx.resize(width as usize * height as usize * 4, 0);
        self.seen = false;
        self.damage = Damage::none(width, height);
    }

    /// Whether all of it was seen.
    pub(super) fn is_seen(&self) -> bool {
        self.seen
    }

    /// Its rows `rows` look like this now: `pixels` begins with the first of them and has `stride` bytes a row. Returns
    /// whether anything differs.
    pub(super) fn compare(&mut self, rows: Range<u32>, pixels: &[u8], stride: usize) -> bool {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let rows = rows.start as usize..(rows.end as usize).min(height);
        let length = width * 4;
        if rows.is_empty() || stride < length || pixels.len() < (rows.len() - 1) * stride + length {
            return false;
        }
        if !self.seen {
            for (known, now) in self.bgrx[rows.start * length..].chunks_exact_mut(length).zip(pixels.chunks(stride)) {
                known.copy_from_slice(&now[..length]);
            }
            self.see(Rect::new(0, rows.start as i32, self.size.0, rows.len() as u32));
            return true;
        }
        let mut found: Vec<Rect> = Vec::new();
        let mut differs = vec![false; width.div_ceil(TILE.0)];
        for top in rows.clone().step_by(TILE.1) {
            let band = top..(top + TILE.1).min(rows.end);
            differs.fill(false);
            for y in band.clone() {
                let known = &mut self.bgrx[y * length..][..length];
                let now = &pixels[(y - rows.start) * stride..][..length];
                if known == now {
                    continue;
                }
                let tiles = known.chunks_mut(TILE.0 * 4).zip(now.chunks(TILE.0 * 4));
                for (differs, (known, now)) in differs.iter_mut().zip(tiles) {
                    if known != now {
                        known.copy_from_slice(now);
                        *differs = true;
                    }
                }
            }
            for run in runs(&differs) {
                let (left, right) = (run.start * TILE.0, (run.end * TILE.0).min(width));
                let part = Rect::new(left as i32, top as i32, (right - left) as u32, band.len() as u32);
                let above = |above: &&mut Rect| (above.x, above.w, above.bottom()) == (part.x, part.w, part.y);
                match found.iter_mut().rev().find(above) {
                    Some(above) => above.h += part.h,
                    None => found.push(part),
                }
            }
        }
        for part in &found {
            self.damage.add(*part);
        }
        !found.is_empty()
    }

    /// The system says that `place` has changed and looks like this now: `pixels` begins with its first pixel and has
    /// `stride` bytes a row.
    pub(super) fn write(&mut self, place: Rect, pixels: &[u8], stride: usize) {
        let bounds = Rect::new(0, 0, self.size.0, self.size.1);
        let (length, rows) = (place.w as usize * 4, place.h as usize);
        let fits = stride >= length && pixels.len() >= rows.saturating_sub(1) * stride + length;
        if place.is_empty() || place.intersection(&bounds) != place || !fits {
            tracing::error!(?place, ?bounds, "a changed part lies badly; left out");
            return;
        }
        let width = self.size.0 as usize * 4;
        for (y, now) in (place.y as usize..).zip(pixels.chunks(stride).take(rows)) {
            self.bgrx[y * width + place.x as usize * 4..][..length].copy_from_slice(&now[..length]);
        }
        self.see(place);
    }

    fn see(&mut self, place: Rect) {
        let bounds = Rect::new(0, 0, self.size.0, self.size.1);
        if place == bounds {
            self.seen = true;
        }
        self.damage.add(place);
    }

    /// Whether something of it is to be handed over.
    pub(super) fn is_stale(&self) -> bool {
        self.seen && (!self.damage.is_empty() || self.pointer.is_stale())
    }

    /// Hands over what has changed since the last time. Returns whether there was anything.
    pub(super) fn hand_over(&mut self, parts: &mut dyn Parts) -> bool {
        if !self.is_stale() {
            return false;
        }
        let (width, height) = self.size;
        for part in self.pointer.update().into_iter().flatten() {
            self.damage.add(part);
        }
        let damage = std::mem::replace(&mut self.damage, Damage::none(width, height));
        if damage.is_empty() {
            // The pointer went where nothing of it can be seen.
            return false;
        }
        let stride = width as usize * 4;
        parts.begin(width, height, damage.is_whole());
        for &place in damage.parts() {
            let from = place.y as usize * stride + place.x as usize * 4;
            parts.part(Patch { place, bgrx: &self.bgrx[from..], stride });
        }
        // What lies below the pointer went out without it.
        let mut covered = Damage::none(width, height);
        covered.add(self.pointer.covers().unwrap_or_default());
        for &place in covered.parts() {
            if !damage.parts().iter().any(|part| part.overlaps(&place)) {
                continue;
            }
            self.below.clear();
            for y in place.y as usize..place.bottom() as usize {
                let from = y * stride + place.x as usize * 4;
                self.below.extend_from_slice(&self.bgrx[from..from + place.w as usize * 4]);
            }
            self.pointer.draw(&mut self.below, place);
            parts.part(Patch { place, bgrx: &self.below, stride: place.w as usize * 4 });
        }
        true
    }
}

/// Where neighbours are set.
fn runs(set: &[bool]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + set.get(at..)?.iter().position(|set| *set)?;
        let end = set[start..].iter().position(|set| !*set).map_or(set.len(), |length| start + length);
        at = end;
        Some(start..end)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::screen::pointer::Shape;

    const GREY: [u8; 4] = [90, 90, 90, 0];
    const RED: [u8; 4] = [0, 0, 255, 0];

    /// What was handed over, put together.
    #[derive(Default)]
    struct Seen {
        width: usize,
        whole: Option<bool>,
        places: Vec<Rect>,
        bgrx: Vec<u8>,
    }

    impl Parts for Seen {
        fn begin(&mut self, width: u32, height: u32, whole: bool) {
            self.width = width as usize;
            self.whole = Some(whole);
            self.places.clear();
            self.bgrx.resize((width * height * 4) as usize, 0);
        }

        fn part(&mut self, patch: Patch<'_>) {
            let (x, y) = (patch.place.x as usize, patch.place.y as usize);
            for row in 0..patch.place.h as usize {
                let length = patch.place.w as usize * 4;
                let to = ((y + row) * self.width + x) * 4;
                self.bgrx[to..to + length].copy_from_slice(&patch.bgrx[row * patch.stride..][..length]);
            }
            self.places.push(patch.place);
        }
    }

    impl Seen {
        fn pixel(&self, x: usize, y: usize) -> [u8; 4] {
            self.bgrx[(y * self.width + x) * 4..][..4].try_into().unwrap()
        }
    }

    fn grey(width: usize, height: usize) -> Vec<u8> {
        GREY.repeat(width * height)
    }

    fn paint(pixels: &mut [u8], width: usize, place: Rect, colour: [u8; 4]) {
        for y in place.y as usize..place.bottom() as usize {
            for x in place.x as usize..place.right() as usize {
                pixels[(y * width + x) * 4..][..4].copy_from_slice(&colour);
            }
        }
    }

    fn of(width: u32, height: u32) -> (Picture, Vec<u8>, Seen) {
        let pixels = grey(width as usize, height as usize);
        let mut picture = Picture::new();
        picture.resize(width, height);
        assert!(picture.compare(0..height, &pixels, width as usize * 4));
        let mut seen = Seen::default();
        assert!(picture.hand_over(&mut seen));
        assert_eq!(seen.whole, Some(true));
        (picture, pixels, seen)
    }

    #[test]
    fn what_has_not_changed_is_not_handed_over() {
        let (mut picture, pixels, mut seen) = of(200, 100);
        assert!(!picture.compare(0..100, &pixels, 800));
        assert!(!picture.is_stale());
        assert!(!picture.hand_over(&mut seen));
    }

    #[test]
    fn changes_come_in_the_tiles_they_lie_in() {
        let (mut picture, mut pixels, mut seen) = of(640, 320);
        paint(&mut pixels, 640, Rect::new(70, 20, 3, 30), RED);
        paint(&mut pixels, 640, Rect::new(639, 319, 1, 1), RED);
        assert!(picture.compare(0..320, &pixels, 640 * 4));
        assert!(picture.hand_over(&mut seen));
        assert_eq!(seen.whole, Some(false));
        assert_eq!(seen.places, [Rect::new(64, 16, 64, 48), Rect::new(576, 304, 64, 16)]);
        assert_eq!(seen.bgrx, pixels);
    }

    #[test]
    fn some_of_the_rows_may_be_looked_at() {
        let (mut picture, mut pixels, mut seen) = of(128, 64);
        paint(&mut pixels, 128, Rect::new(0, 10, 4, 1), RED);
        paint(&mut pixels, 128, Rect::new(0, 40, 4, 1), RED);
        assert!(picture.compare(32..64, &pixels[32 * 512..], 512));
        assert!(picture.hand_over(&mut seen));
        assert_eq!((seen.pixel(1, 10), seen.pixel(1, 40)), (GREY, RED));
        assert!(picture.compare(0..32, &pixels, 512));
    }

    #[test]
    fn rows_may_be_longer_than_the_picture_and_odd_sizes_lose_a_line() {
        let mut picture = Picture::new();
        picture.resize(31, 21);
        assert_eq!(picture.size(), Some((30, 20)));
        let pixels = grey(31, 21);
        assert!(picture.compare(0..21, &pixels, 31 * 4));
        assert!(picture.is_seen());
        assert!(!picture.compare(0..21, &pixels, 31 * 4));
        assert!(!picture.compare(0..20, &pixels[..100], 31 * 4), "too little is no picture");
    }

    #[test]
    fn nothing_is_handed_over_before_all_was_seen() {
        let (mut picture, _, mut seen) = of(64, 64);
        picture.resize(128, 64);
        assert!(!picture.is_stale());
        let pixels = grey(128, 64);
        picture.compare(0..32, &pixels, 512);
        assert!(!picture.hand_over(&mut seen), "half of it");
        picture.compare(0..64, &pixels, 512);
        assert!(picture.hand_over(&mut seen));
        assert_eq!((seen.whole, seen.width), (Some(true), 128));
    }

    #[test]
    fn parts_that_the_system_names_are_taken_as_they_are() {
        let (mut picture, _, mut seen) = of(64, 64);
        picture.write(Rect::new(9, 11, 5, 1), &RED.repeat(5), 20);
        assert!(picture.hand_over(&mut seen));
        assert_eq!(seen.places, [Rect::new(8, 10, 6, 2)]);
        assert_eq!([seen.pixel(8, 11), seen.pixel(9, 11), seen.pixel(13, 11)], [GREY, RED, RED]);
        picture.write(Rect::new(60, 0, 5, 1), &RED.repeat(5), 20);
        picture.write(Rect::new(0, 0, 5, 2), &RED.repeat(5), 20);
        assert!(!picture.is_stale(), "outside, or too few pixels");
    }

    #[test]
    fn the_pointer_is_drawn_moves_and_leaves_no_trace() {
        let (mut picture, mut pixels, mut seen) = of(256, 256);
        let argb = vec![0xFF00_00FF; 64];
        picture.pointer.reshape(Shape { width: 8, height: 8, hot: (0, 0), argb, turned: Vec::new() });
        picture.pointer.move_to(Some((21, 31)));
        assert!(picture.hand_over(&mut seen));
        assert_eq!((seen.pixel(21, 31), seen.pixel(20, 31), seen.pixel(29, 31)), ([255, 0, 0, 0], GREY, GREY));
        picture.pointer.move_to(Some((200, 200)));
        assert!(picture.hand_over(&mut seen));
        assert_eq!((seen.pixel(21, 31), seen.pixel(207, 207)), (GREY, [255, 0, 0, 0]));
        // What changes below it does not wipe it away.
        paint(&mut pixels, 256, Rect::new(203, 190, 2, 40), RED);
        picture.compare(0..256, &pixels, 1024);
        assert!(picture.hand_over(&mut seen));
        assert_eq!((seen.pixel(204, 204), seen.pixel(204, 220)), ([255, 0, 0, 0], RED));
        // Elsewhere it is left alone.
        paint(&mut pixels, 256, Rect::new(0, 0, 2, 2), RED);
        picture.compare(0..256, &pixels, 1024);
        assert!(picture.hand_over(&mut seen));
        assert_eq!(seen.places, [Rect::new(0, 0, 64, 16)]);
        picture.pointer.move_to(None);
        assert!(picture.hand_over(&mut seen));
        assert_eq!(seen.bgrx, pixels);
    }

    #[test]
    fn a_pointer_beyond_the_edge_is_nothing_to_hand_over() {
        let (mut picture, _, mut seen) = of(64, 64);
        picture.pointer.reshape(Shape { width: 1, height: 1, hot: (1, 0), argb: vec![!0], turned: Vec::new() });
        picture.pointer.move_to(Some((0, 0)));
        assert!(!picture.hand_over(&mut seen));
        assert!(!picture.is_stale());
    }

    #[test]
    fn neighbours_run_together() {
        let set = [true, true, false, true, false, false, true];
        assert_eq!(runs(&set).collect::<Vec<_>>(), [0..2, 3..4, 6..7]);
        assert_eq!(runs(&[false; 3]).count() + runs(&[]).count(), 0);
    }
}
