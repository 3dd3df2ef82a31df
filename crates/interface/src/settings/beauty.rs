//! The beauty filter on our camera's pictures.

use beckon_protocol::beauty::{BeautySettings, BeautyStyle, Level};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Off until the person turns it on; the levels stay while it is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct Beauty {
    /// Pictures are filtered.
    pub on: bool,
    /// How skin is to look.
    pub style: BeautyStyle,
    /// How much skin is smoothed, 0 … 9.
    #[ts(type = "number")]
    pub strength: Level,
    /// How much skin is brightened, 0 … 9.
    #[ts(type = "number")]
    pub whitening: Level,
    /// How much rosier skin becomes, 0 … 9.
    #[ts(type = "number")]
    pub ruddy: Level,
}

impl Default for Beauty {
    /// Off, with levels that show what it does as soon as it is on.
    fn default() -> Self {
        let level = |level| Level::try_from(level).unwrap_or(Level::MAX);
        Self { on: false, style: BeautyStyle::default(), strength: level(5), whitening: level(2), ruddy: level(1) }
    }
}

impl Beauty {
    /// Set as the person wants it. Turned on with every level at 0 it would do nothing: then the levels it began with come
    /// back. Levels that are moved to 0 while it is on stay there.
    pub fn set(&mut self, to: Self) {
        let levels = |beauty: &Self| (beauty.strength, beauty.whitening, beauty.ruddy);
        let turned_on = to.on && levels(self) == levels(&to) && self.style == to.style;
        *self =
            if turned_on && to.wanted().is_off() { Self { on: true, style: to.style, ..Self::default() } } else { to };
    }

    /// As a room has it, whose page may have had a wish of its own. Where it is off there, these levels stay.
    pub fn seen_in(self, room: BeautySettings) -> Self {
        let BeautySettings { style, strength, whitening, ruddy } = room;
        if room.is_off() { Self { on: false, ..self } } else { Self { on: true, style, strength, whitening, ruddy } }
    }

    /// What a room's session is asked for.
    pub fn wanted(&self) -> BeautySettings {
        let Self { on, style, strength, whitening, ruddy } = *self;
        if on { BeautySettings { style, strength, whitening, ruddy } } else { BeautySettings::default() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_off_until_it_is_turned_on_and_keeps_its_levels_meanwhile() {
        let mut beauty = Beauty::default();
        assert!(beauty.wanted().is_off());
        beauty.set(Beauty { on: true, ..beauty });
        assert_eq!(beauty.wanted(), BeautySettings::new(BeautyStyle::Smooth, 5, 2, 1).unwrap());
        beauty.set(Beauty { on: false, ..beauty });
        assert_eq!(beauty, Beauty::default());
        let read: Beauty = serde_json::from_str(r#"{"on":true,"style":"hazy","strength":9}"#).unwrap();
        assert_eq!(read.wanted(), BeautySettings::new(BeautyStyle::Hazy, 9, 2, 1).unwrap());
        assert!(serde_json::from_str::<Beauty>(r#"{"ruddy":10}"#).is_err());
    }

    #[test]
    fn it_is_seen_as_the_room_has_it() {
        let (set, off) = (Beauty { on: true, ..Beauty::default() }, BeautySettings::default());
        assert_eq!(set.seen_in(off), Beauty::default(), "off, with the person's own levels");
        let wish = BeautySettings::new(BeautyStyle::Hazy, 7, 0, 3).unwrap();
        let seen = Beauty::default().seen_in(wish);
        assert!(seen.on && seen.wanted() == wish);
    }

    #[test]
    fn turned_on_it_does_something() {
        let read = r#"{"style":"hazy","strength":0,"whitening":0,"ruddy":0}"#;
        let flat: Beauty = serde_json::from_str(read).unwrap();
        let mut beauty = flat;
        beauty.set(Beauty { on: true, ..flat });
        assert_eq!(beauty.wanted(), BeautySettings::new(BeautyStyle::Hazy, 5, 2, 1).unwrap());
        // One level after the other is moved to 0: that is no wish to have them back.
        beauty.set(Beauty { on: true, ..flat });
        assert!(beauty.wanted().is_off());
    }
}
