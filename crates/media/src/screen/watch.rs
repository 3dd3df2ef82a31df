//! When to look at a desktop that does not say when it changes.

use std::ops::Range;
use std::time::Duration;

use crate::clock::MediaTime;

/// For so long after a change, or after somebody has used mouse or keyboard, the next change is near.
const LIVELY: Duration = Duration::from_secs(1);
/// A picture that can only be looked at whole is looked at this often while nothing happens.
const IDLE_WHOLE: Duration = Duration::from_millis(250);
/// One of which a part can be looked at: this often, a part each time.
const IDLE_PART: Duration = Duration::from_millis(100);
/// Looked at in so many parts, one after the other.
const PARTS: u32 = 4;

/// Spreads looks in time: as often as pictures go out while something happens, seldom when nothing does.
#[derive(Debug)]
pub(super) struct Watch {
    period: Duration,
    /// Parts of it can be looked at.
    in_parts: bool,
    looked: Option<MediaTime>,
    changed: Option<MediaTime>,
    next_part: u32,
}

impl Watch {
    /// At most `fps` looks a second; at a part of the picture at a time if that can be.
    pub(super) fn new(fps: u32, in_parts: bool) -> Self {
        let period = Duration::from_secs(1) / fps.clamp(1, 60);
        Self { period, in_parts, looked: None, changed: None, next_part: 0 }
    }

    /// When to look next; mouse and keyboard were used `idle` ago.
    pub(super) fn due(&self, now: MediaTime, idle: Duration) -> MediaTime {
        let pause = match (self.is_lively(now, idle), self.in_parts) {
            (true, _) => self.period,
            (false, true) => IDLE_PART.max(self.period),
            (false, false) => IDLE_WHOLE.max(self.period),
        };
        self.looked.map_or(now, |looked| looked + pause)
    }

    /// What rows of a picture of `height` rows to look at now: all, or a part of those of a still one.
    pub(super) fn rows(&mut self, now: MediaTime, idle: Duration, height: u32) -> Range<u32> {
        if !self.in_parts || self.is_lively(now, idle) {
            return 0..height;
        }
        let part = self.next_part;
        self.next_part = (part + 1) % PARTS;
        height * part / PARTS..height * (part + 1) / PARTS
    }

    /// It was looked at, beginning at `at`, and had changed or not.
    pub(super) fn looked(&mut self, at: MediaTime, changed: bool) {
        self.looked = Some(at);
        if changed {
            self.changed = Some(at);
        }
    }

    fn is_lively(&self, now: MediaTime, idle: Duration) -> bool {
        idle < LIVELY || self.changed.is_none_or(|changed| now.saturating_since(changed) < LIVELY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn at(ms: i64) -> MediaTime {
        MediaTime(ms * 1_000_000)
    }

    /// How often, and at how many rows, it is looked at in a time.
    fn looks(watch: &mut Watch, from: i64, to: i64, idle: Duration) -> (usize, u32) {
        let mut looks = 0;
        let mut rows = 0;
        for now in (from..to).map(at) {
            if watch.due(now, idle) <= now {
                rows += watch.rows(now, idle, 1080).len() as u32;
                looks += 1;
                watch.looked(now, false);
            }
        }
        (looks, rows)
    }

    #[test]
    fn the_first_look_is_at_once_and_at_everything() {
        let mut watch = Watch::new(30, true);
        assert_eq!(watch.due(at(5), LONG), at(5));
        assert_eq!(watch.rows(at(5), LONG, 1080), 0..1080);
    }

    #[test]
    fn after_a_change_it_is_looked_at_as_often_as_pictures_go_out() {
        let mut watch = Watch::new(30, true);
        watch.looked(at(0), true);
        let (count, rows) = looks(&mut watch, 1, 1000, LONG);
        assert!((29..=30).contains(&count), "{count}");
        assert_eq!(rows, count as u32 * 1080);
    }

    #[test]
    fn a_still_picture_is_looked_at_in_turns() {
        let mut watch = Watch::new(30, true);
        watch.looked(at(0), true);
        let (count, rows) = looks(&mut watch, 2_000, 12_000, LONG);
        assert_eq!((count, rows), (100, 25 * 1080));
        let mut whole = Watch::new(30, false);
        whole.looked(at(0), true);
        assert_eq!(looks(&mut whole, 2_000, 12_000, LONG), (40, 40 * 1080));
    }

    #[test]
    fn the_parts_of_a_turn_are_all_of_it() {
        let mut watch = Watch::new(30, true);
        watch.looked(at(0), true);
        let parts: Vec<_> = (0..4).map(|n| watch.rows(at(5_000 + n), LONG, 1081)).collect();
        assert_eq!(parts, [0..270, 270..540, 540..810, 810..1081]);
    }

    #[test]
    fn a_hand_on_the_mouse_makes_it_lively() {
        let mut watch = Watch::new(15, true);
        watch.looked(at(0), true);
        let used = Duration::from_millis(10);
        let (count, rows) = looks(&mut watch, 60_000, 61_000, used);
        assert!((14..=16).contains(&count), "{count}");
        assert_eq!(rows, count as u32 * 1080);
    }

    #[test]
    fn one_picture_a_second_is_not_looked_at_more_often_when_still() {
        let mut watch = Watch::new(1, true);
        watch.looked(at(0), true);
        assert_eq!(looks(&mut watch, 10_000, 20_000, LONG).0, 10);
    }
}
