//! Where a shared monitor or region lies on a desktop whose monitors come, go and move.

use std::time::Duration;

use super::{Monitor, Rect};
use crate::clock::MediaTime;

/// A monitor that changes its mode, or wakes, is away for a moment; so is one whose cable is put in anew.
const AWAY: Duration = Duration::from_secs(3);

/// What of the desktop was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The monitor with this name, wherever it lies.
    Monitor(String),
    /// This part of the desktop, whatever monitors it lies on.
    Region(Rect),
}

/// The desktop's monitors at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Desk {
    pub(super) monitors: Vec<Monitor>,
    /// All that has pixels.
    pub(super) bounds: Rect,
}

/// What a look at the desktop has told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It lies where it lay.
    Same,
    /// It lies elsewhere or has another size: none of its pixels are known.
    Moved,
    /// It is not there now, and may come back.
    Away,
    /// It has been away for too long.
    Gone,
}

/// A part of the desktop, followed.
#[derive(Debug)]
pub(super) struct Place {
    wanted: Wanted,
    part: Option<Rect>,
    away: Option<MediaTime>,
}

impl Place {
    /// It is nowhere until it is [followed](Self::follow).
    pub(super) fn of(wanted: Wanted) -> Self {
        Self { wanted, part: None, away: None }
    }

    /// Where it lies: at least 2 × 2 pixels, all of them on the desktop. `None` while it is away.
    pub(super) fn part(&self) -> Option<Rect> {
        self.part
    }

    /// Whether it is to be looked for, as it is away.
    #[cfg(any(test, target_os = "linux"))]
    pub(super) fn is_away(&self) -> bool {
        self.part.is_none()
    }

    /// The desktop is like this now.
    pub(super) fn follow(&mut self, now: MediaTime, desk: &Desk) -> Found {
        let before = self.part;
        self.part = self.wanted.on(desk);
        if self.part.is_some() {
            self.away = None;
            return if self.part == before { Found::Same } else { Found::Moved };
        }
        let since = *self.away.get_or_insert(now);
        if now.saturating_since(since) > AWAY { Found::Gone } else { Found::Away }
    }
}

impl Wanted {
    /// What of it has pixels. A region is kept as it was drawn: what a monitor takes with it, it brings back.
    fn on(&self, desk: &Desk) -> Option<Rect> {
        let part = match self {
            Self::Monitor(name) => desk.monitors.iter().find(|m| m.name == *name)?.bounds,
            // Beside the monitors a desktop may have pixels that nobody sees: windows may lie there that their owner
            // believes to be away.
            Self::Region(part) if desk.monitors.iter().any(|m| m.bounds.overlaps(part)) => *part,
            Self::Region(_) => return None,
        };
        Some(part.intersection(&desk.bounds)).filter(|part| part.w >= 2 && part.h >= 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Rect = Rect { x: 0, y: 0, w: 1001, h: 700 };
    const RIGHT: Rect = Rect { x: 1001, y: 30, w: 800, h: 600 };

    fn desk(monitors: &[(&str, Rect)]) -> Desk {
        let monitors: Vec<Monitor> = monitors
            .iter()
            .map(|(name, bounds)| Monitor { name: (*name).to_owned(), bounds: *bounds, primary: false })
            .collect();
        let all = monitors.iter().map(|m| m.bounds).reduce(|a, b| {
            let (x, y) = (a.x.min(b.x), a.y.min(b.y));
            Rect::new(x, y, (a.right().max(b.right()) - x) as u32, (a.bottom().max(b.bottom()) - y) as u32)
        });
        Desk { monitors, bounds: all.unwrap_or_default() }
    }

    fn at(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    fn monitor() -> Place {
        Place::of(Wanted::Monitor("right".to_owned()))
    }

    #[test]
    fn a_monitor_is_followed_wherever_it_goes() {
        let mut place = monitor();
        assert_eq!(place.follow(at(0), &desk(&[("left", LEFT), ("right", RIGHT)])), Found::Moved);
        assert_eq!(place.part(), Some(RIGHT));
        assert_eq!(place.follow(at(1), &desk(&[("left", LEFT), ("right", RIGHT)])), Found::Same);
        let moved = Rect { x: -800, ..RIGHT };
        assert_eq!(place.follow(at(2), &desk(&[("left", LEFT), ("right", moved)])), Found::Moved);
        assert_eq!(place.part(), Some(moved));
    }

    #[test]
    fn one_that_goes_has_time_to_come_back() {
        let mut place = monitor();
        let (both, one) = (desk(&[("left", LEFT), ("right", RIGHT)]), desk(&[("left", LEFT)]));
        place.follow(at(0), &both);
        assert_eq!(place.follow(at(10_000), &one), Found::Away);
        assert_eq!((place.part(), place.is_away()), (None, true));
        assert_eq!(place.follow(at(13_000), &one), Found::Away);
        assert_eq!(place.follow(at(13_001), &both), Found::Moved, "its pixels may be others by now");
        assert_eq!(place.follow(at(20_000), &one), Found::Away);
        assert_eq!(place.follow(at(23_001), &one), Found::Gone);
    }

    #[test]
    fn a_monitor_that_hangs_over_the_edge_shares_what_there_is() {
        let mut place = monitor();
        let mut desk = desk(&[("right", Rect::new(-101, 5, 640, 480))]);
        desk.bounds = Rect::new(0, 0, 1280, 400);
        place.follow(at(0), &desk);
        assert_eq!(place.part(), Some(Rect::new(0, 5, 539, 395)));
    }

    #[test]
    fn a_region_that_lost_a_part_of_itself_gets_it_back() {
        let part = Rect::new(900, 100, 300, 200);
        let mut place = Place::of(Wanted::Region(part));
        let (both, one) = (desk(&[("left", LEFT), ("right", RIGHT)]), desk(&[("left", LEFT)]));
        place.follow(at(0), &both);
        assert_eq!(place.part(), Some(part));
        assert_eq!(place.follow(at(1), &one), Found::Moved);
        assert_eq!(place.part(), Some(Rect::new(900, 100, 101, 200)));
        assert_eq!(place.follow(at(2), &both), Found::Moved);
        assert_eq!(place.part(), Some(part));
    }

    #[test]
    fn a_region_that_no_monitor_shows_is_away() {
        let mut place = Place::of(Wanted::Region(Rect::new(1100, 100, 300, 200)));
        let mut one = desk(&[("left", LEFT)]);
        one.bounds = Rect::new(0, 0, 1801, 700);
        assert_eq!(place.follow(at(0), &one), Found::Away);
        assert_eq!(place.follow(at(5_000), &one), Found::Gone);
    }
}
