//! Which parts of a picture have changed, in few rectangles on even coordinates.

use super::Rect;

/// More rectangles than this are not worth telling apart: each costs a request to the system.
const MOST: usize = 8;
/// Two rectangles become one when that adds no more than this share of pixels that have not changed …
const WASTE: f64 = 0.3;
/// … or no more than this many.
const WASTE_PIXELS: u64 = 4096;
/// Above this share of the picture all of it is taken at once.
const WHOLE: f64 = 0.7;

/// The changed parts of a picture of a fixed size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    bounds: Rect,
    parts: Vec<Rect>,
}

impl Damage {
    /// Nothing of a `width` × `height` picture has changed. Both are even.
    pub(super) fn none(width: u32, height: u32) -> Self {
        Self { bounds: Rect::new(0, 0, width, height), parts: Vec::new() }
    }

    /// Everything has changed.
    pub(super) fn all(width: u32, height: u32) -> Self {
        let mut damage = Self::none(width, height);
        damage.add(damage.bounds);
        damage
    }

    /// Whether this is about a picture of that size.
    #[cfg(target_os = "linux")]
    pub(super) fn covers(&self, width: u32, height: u32) -> bool {
        (self.bounds.w, self.bounds.h) == (width, height)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether the whole picture is to be taken anew.
    pub(super) fn is_whole(&self) -> bool {
        self.parts == [self.bounds]
    }

    /// The changed parts: within the picture, on even coordinates, none empty.
    pub(super) fn parts(&self) -> &[Rect] {
        &self.parts
    }

    /// `part` has changed; what lies outside the picture is left out.
    pub(super) fn add(&mut self, part: Rect) {
        // Chroma has half the resolution: a part begins and ends between its samples.
        let (left, top) = (part.x & !1, part.y & !1);
        let (right, bottom) = ((part.right() + 1) & !1, (part.bottom() + 1) & !1);
        let even = Rect::new(left, top, (right - left).max(0) as u32, (bottom - top).max(0) as u32);
        let mut part = even.intersection(&self.bounds);
        if part.is_empty() {
            return;
        }
        // A merged part may now lie close to another one.
        while let Some(near) = self.parts.iter().position(|other| worth_merging(other, &part)) {
            part = union(&self.parts.swap_remove(near), &part);
        }
        self.parts.push(part);
        if self.parts.len() > MOST {
            let all = self.parts.iter().copied().reduce(|a, b| union(&a, &b));
            self.parts = all.into_iter().collect();
        }
        let changed: u64 = self.parts.iter().map(area).sum();
        if changed as f64 > area(&self.bounds) as f64 * WHOLE {
            self.parts = vec![self.bounds];
        }
    }
}

fn worth_merging(a: &Rect, b: &Rect) -> bool {
    let both = area(&union(a, b));
    let apart = area(a) + area(b) - area(&a.intersection(b));
    let waste = both.saturating_sub(apart);
    waste <= WASTE_PIXELS || (waste as f64) <= both as f64 * WASTE
}

fn area(r: &Rect) -> u64 {
    u64::from(r.w) * u64::from(r.h)
}

fn union(a: &Rect, b: &Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let (right, bottom) = (a.right().max(b.right()), a.bottom().max(b.bottom()));
    Rect::new(x, y, (right - x) as u32, (bottom - y) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_on_even_coordinates_within_the_picture() {
        let mut damage = Damage::none(1920, 1080);
        damage.add(Rect::new(101, 51, 7, 3));
        assert_eq!(damage.parts(), [Rect::new(100, 50, 8, 4)]);
        let mut corner = Damage::none(1920, 1080);
        corner.add(Rect::new(-11, 1075, 20, 40));
        assert_eq!(corner.parts(), [Rect::new(0, 1074, 10, 6)]);
    }

    #[test]
    fn what_lies_outside_is_no_damage() {
        let mut damage = Damage::none(100, 100);
        damage.add(Rect::new(100, 0, 50, 50));
        damage.add(Rect::new(-60, -60, 50, 50));
        damage.add(Rect::new(10, 10, 0, 5));
        assert!(damage.is_empty());
    }

    #[test]
    fn neighbours_become_one_and_far_ones_stay_apart() {
        let mut damage = Damage::none(1920, 1080);
        damage.add(Rect::new(0, 0, 100, 20));
        damage.add(Rect::new(0, 20, 100, 20));
        damage.add(Rect::new(1700, 900, 200, 100));
        assert_eq!(damage.parts(), [Rect::new(0, 0, 100, 40), Rect::new(1700, 900, 200, 100)]);
    }

    #[test]
    fn a_merged_part_swallows_what_it_reaches() {
        let mut damage = Damage::none(1920, 1080);
        damage.add(Rect::new(0, 0, 400, 400));
        damage.add(Rect::new(800, 0, 400, 400));
        damage.add(Rect::new(400, 0, 400, 400));
        assert_eq!(damage.parts(), [Rect::new(0, 0, 1200, 400)]);
    }

    #[test]
    fn many_small_parts_or_much_of_the_picture_are_taken_as_one() {
        let mut damage = Damage::none(1920, 1080);
        for n in 0..9 {
            damage.add(Rect::new(n * 210, n * 110, 10, 10));
        }
        assert_eq!(damage.parts().len(), 1);
        assert!(damage.parts()[0].contains(1680, 880));
        let mut most = Damage::none(100, 100);
        most.add(Rect::new(0, 0, 100, 80));
        assert!(most.is_whole());
        assert!(Damage::all(64, 64).is_whole());
    }
}
