//! What the beauty filter is asked for: the same words in the page API, the app's settings and the media code.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use ts_rs::TS;

/// How skin is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum BeautyStyle {
    /// Even skin.
    #[default]
    Smooth,
    /// Even skin that keeps some of its texture.
    Natural,
    /// Even skin in a soft, light haze.
    Hazy,
}

impl BeautyStyle {
    /// All styles.
    pub const ALL: [Self; 3] = [Self::Smooth, Self::Natural, Self::Hazy];

    /// The style's name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smooth => "smooth",
            Self::Natural => "natural",
            Self::Hazy => "hazy",
        }
    }
}

impl fmt::Display for BeautyStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A level from 0 (off) to 9 (strongest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u8")]
pub struct Level(u8);

impl Level {
    /// Off.
    pub const OFF: Self = Self(0);
    /// The strongest.
    pub const MAX: Self = Self(9);

    /// The level as a number from 0 to 9.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl TryFrom<i64> for Level {
    type Error = BeautyError;
    fn try_from(number: i64) -> Result<Self, BeautyError> {
        match u8::try_from(number) {
            Ok(level) if level <= Self::MAX.0 => Ok(Self(level)),
            _ => Err(BeautyError::Level(number)),
        }
    }
}

/// Why something is no setting of the beauty filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BeautyError {
    /// Below 0 or above 9.
    #[error("a beauty level must lie between 0 and 9, not {0}")]
    Level(i64),
    /// Not in the form `STYLE:STRENGTH,WHITENING,RUDDY`.
    #[error("must be STYLE:STRENGTH,WHITENING,RUDDY, as in smooth:9,5,3, or off; styles are smooth, natural and hazy")]
    Form,
}

/// What the beauty filter is to do. All levels 0, as it begins: nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BeautySettings {
    /// How skin is to look.
    #[ts(optional, as = "Option<BeautyStyle>")]
    pub style: BeautyStyle,
    /// How much skin is smoothed, 0 … 9.
    #[ts(optional, type = "number")]
    pub strength: Level,
    /// How much skin is brightened, 0 … 9.
    #[ts(optional, type = "number")]
    pub whitening: Level,
    /// How much rosier skin becomes, 0 … 9.
    #[ts(optional, type = "number")]
    pub ruddy: Level,
}

impl BeautySettings {
    /// Settings out of numbers.
    ///
    /// # Errors
    /// The first level that is not from 0 to 9.
    pub fn new(style: BeautyStyle, strength: u8, whitening: u8, ruddy: u8) -> Result<Self, BeautyError> {
        let level = |number: u8| Level::try_from(i64::from(number));
        Ok(Self { style, strength: level(strength)?, whitening: level(whitening)?, ruddy: level(ruddy)? })
    }

    /// True when every level is 0: pictures pass as they are.
    pub fn is_off(&self) -> bool {
        [self.strength, self.whitening, self.ruddy] == [Level::OFF; 3]
    }
}

/// `off`, or `STYLE:STRENGTH,WHITENING,RUDDY` as in `smooth:9,5,3`.
impl FromStr for BeautySettings {
    type Err = BeautyError;
    fn from_str(text: &str) -> Result<Self, BeautyError> {
        if text == "off" {
            return Ok(Self::default());
        }
        let (name, levels) = text.split_once(':').ok_or(BeautyError::Form)?;
        let style = BeautyStyle::ALL.into_iter().find(|s| s.name() == name).ok_or(BeautyError::Form)?;
        let mut numbers = levels.split(',').map(|n| n.trim().parse::<i64>().map_err(|_| BeautyError::Form));
        let mut level = || numbers.next().unwrap_or(Err(BeautyError::Form)).and_then(Level::try_from);
        let settings = Self { style, strength: level()?, whitening: level()?, ruddy: level()? };
        if numbers.next().is_some() { Err(BeautyError::Form) } else { Ok(settings) }
    }
}

impl fmt::Display for BeautySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{},{},{}", self.style, self.strength.get(), self.whitening.get(), self.ruddy.get())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_as_people_write_them() {
        let settings: BeautySettings = "hazy:9,5,3".parse().unwrap();
        assert_eq!(settings, BeautySettings::new(BeautyStyle::Hazy, 9, 5, 3).unwrap());
        assert_eq!(settings.to_string().parse(), Ok(settings));
        assert!("off".parse::<BeautySettings>().unwrap().is_off());
        for wrong in ["smooth", "smooth:1,2", "smooth:1,2,3,4", "soft:1,2,3", "smooth:a,2,3", ""] {
            assert_eq!(wrong.parse::<BeautySettings>(), Err(BeautyError::Form), "{wrong}");
        }
        assert_eq!("smooth:10,0,0".parse::<BeautySettings>(), Err(BeautyError::Level(10)));
        assert_eq!("smooth:0,-1,0".parse::<BeautySettings>(), Err(BeautyError::Level(-1)));
    }

    #[test]
    fn json_may_leave_out_what_stays_off_and_refuses_what_does_not_fit() {
        let read = serde_json::from_str::<BeautySettings>;
        assert_eq!(read(r#"{"strength":4}"#).unwrap(), BeautySettings::new(BeautyStyle::Smooth, 4, 0, 0).unwrap());
        assert!(read("{}").unwrap().is_off());
        assert!(read(r#"{"strength":10}"#).unwrap_err().to_string().contains("between 0 and 9"));
        assert!(read(r#"{"strength":-1}"#).is_err() && read(r#"{"glow":1}"#).is_err());
    }
}
