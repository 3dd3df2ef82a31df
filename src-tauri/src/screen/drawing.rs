//! Drawing a region, without a desktop: corners in, the region, its frame and the place of the words beside it out.

use beckon_media::screen::Rect;

/// How thick the frame is, pixels.
pub const THICK: u32 = 4;
/// Smaller regions are slips of the hand, pixels.
const LEAST: u32 = 32;
/// From the pointer to the words beside it, pixels.
const ASIDE: (i32, i32) = (18, 22);

/// What is to be done after a step of the hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing changes.
    Nothing,
    /// The frame lies around this.
    Show(Rect),
    /// There is no region any more: it was too small.
    Hide,
    /// This is the region.
    Done(Rect),
    /// The person thought better of it.
    Cancel,
}

/// From the first corner to the second.
#[derive(Debug)]
pub struct Drawing {
    /// Where regions may lie.
    bounds: Rect,
    from: Option<(i32, i32)>,
}

impl Drawing {
    /// On a desktop of this size. Regions end so far from its edge that their frame can be seen.
    pub fn on(width: u32, height: u32) -> Self {
        let inner = |side: u32| side.saturating_sub(2 * THICK);
        Self { bounds: Rect::new(THICK as i32, THICK as i32, inner(width), inner(height)), from: None }
    }

    /// Whether the first corner is set.
    pub fn has_begun(&self) -> bool {
        self.from.is_some()
    }

    /// Sets the first corner.
    pub fn press(&mut self, x: i16, y: i16) -> Step {
        self.from = Some((x.into(), y.into()));
        Step::Nothing
    }

    /// The pointer is here now.
    pub fn motion(&self, x: i16, y: i16) -> Step {
        if self.from.is_none() {
            return Step::Nothing;
        }
        self.part(x, y).map_or(Step::Hide, Step::Show)
    }

    /// Sets the second corner.
    pub fn release(&mut self, x: i16, y: i16) -> Step {
        let part = self.part(x, y);
        self.from = None;
        part.filter(|p| p.w >= LEAST && p.h >= LEAST).map_or(Step::Hide, Step::Done)
    }

    /// Of even size, as pictures are. `None` where nothing is left of it.
    pub fn part(&self, x: i16, y: i16) -> Option<Rect> {
        let (fx, fy) = self.from?;
        let (x, y) = (i32::from(x), i32::from(y));
        let part = Rect::new(fx.min(x), fy.min(y), fx.abs_diff(x) + 1, fy.abs_diff(y) + 1).intersection(&self.bounds);
        let part = Rect::new(part.x, part.y, part.w & !1, part.h & !1);
        (!part.is_empty()).then_some(part)
    }
}

/// Top, bottom, left and right edge of the frame, all outside.
pub fn around(part: Rect) -> [Rect; 4] {
    let thick = THICK as i32;
    let wide = part.w + THICK * 2;
    [
        Rect::new(part.x - thick, part.y - thick, wide, THICK),
        Rect::new(part.x - thick, part.bottom(), wide, THICK),
        Rect::new(part.x - thick, part.y, THICK, part.h),
        Rect::new(part.right(), part.y, THICK, part.h),
    ]
}

/// Where words of this size lie so that they are near the pointer, not under it, and on the desktop.
pub fn beside((x, y): (i16, i16), (w, h): (u32, u32), desktop: (u32, u32)) -> (i32, i32) {
    let one = |at: i16, size: u32, away: i32, end: u32| {
        let (at, size, end) = (i32::from(at), size as i32, end as i32);
        let place = if at + away + size <= end { at + away } else { at - away - size };
        place.clamp(0, (end - size).max(0))
    };
    (one(x, w, ASIDE.0, desktop.0), one(y, h, ASIDE.1, desktop.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_lies_outside_the_region_and_closes_around_it() {
        let part = Rect::new(100, 50, 300, 200);
        for edge in around(part) {
            assert!(!edge.overlaps(&part), "{edge:?}");
        }
        let [top, bottom, left, right] = around(part);
        assert_eq!((top.x, top.right(), top.bottom()), (left.x, right.right(), part.y));
        assert_eq!((left.y, left.bottom(), bottom.y), (part.y, bottom.y, part.bottom()));
    }

    #[test]
    fn a_region_may_be_drawn_in_any_direction_and_is_of_even_size() {
        let mut drawing = Drawing::on(800, 600);
        assert_eq!(drawing.motion(5, 5), Step::Nothing);
        drawing.press(700, 500);
        assert_eq!(drawing.motion(600, 450), Step::Show(Rect::new(600, 450, 100, 50)));
        assert_eq!(drawing.release(601, 451), Step::Done(Rect::new(601, 451, 100, 50)));
        assert!(!drawing.has_begun());
    }

    #[test]
    fn a_region_ends_where_its_frame_still_fits_on_the_desktop() {
        let mut drawing = Drawing::on(800, 600);
        drawing.press(0, 0);
        assert_eq!(drawing.motion(0, 0), Step::Hide, "all of it lies under the frame");
        let Step::Done(part) = drawing.release(799, 599) else { panic!("not taken") };
        assert_eq!(part, Rect::new(4, 4, 792, 592));
        let desktop = Rect::new(0, 0, 800, 600);
        for edge in around(part) {
            assert_eq!(edge.intersection(&desktop), edge);
        }
    }

    #[test]
    fn a_mere_click_is_no_region_and_another_try_may_follow() {
        let mut drawing = Drawing::on(800, 600);
        drawing.press(10, 10);
        assert_eq!(drawing.release(12, 200), Step::Hide);
        drawing.press(10, 10);
        assert!(matches!(drawing.release(200, 200), Step::Done(_)));
    }

    #[test]
    fn words_stay_on_the_desktop_and_off_the_pointer() {
        for at in [(0, 0), (799, 0), (0, 599), (799, 599), (400, 300)] {
            let (x, y) = beside(at, (200, 30), (800, 600));
            let words = Rect::new(x, y, 200, 30);
            assert_eq!(words.intersection(&Rect::new(0, 0, 800, 600)), words, "{at:?}");
            assert!(!words.contains(at.0.into(), at.1.into()), "{at:?}");
        }
        assert_eq!(beside((5, 5), (900, 30), (800, 600)).0, 0, "wider than the desktop");
    }
}
