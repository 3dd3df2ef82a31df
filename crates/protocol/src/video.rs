//! Sizes, shapes and rates that a person or a page can choose for our pictures.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::text_or_number::TextOrNumber;

/// How many lines a picture has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS)]
pub enum Resolution {
    /// 180 lines.
    #[serde(rename = "180p")]
    P180,
    /// 360 lines.
    #[serde(rename = "360p")]
    P360,
    /// 480 lines.
    #[serde(rename = "480p")]
    P480,
    /// 540 lines.
    #[serde(rename = "540p")]
    P540,
    /// 720 lines.
    #[default]
    #[serde(rename = "720p")]
    P720,
    /// 1080 lines.
    #[serde(rename = "1080p")]
    P1080,
}

/// A picture's proportions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
pub enum AspectRatio {
    /// Wide.
    #[default]
    #[serde(rename = "16:9")]
    Wide,
    /// Nearly square.
    #[serde(rename = "4:3")]
    Standard,
}

/// Pictures a second; read from a text or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(try_from = "TextOrNumber")]
pub enum FrameRate {
    /// 15: half the bits and half the work.
    #[serde(rename = "15")]
    Fifteen,
    /// 30.
    #[default]
    #[serde(rename = "30")]
    Thirty,
}

/// Size, shape and rate together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct VideoPreset {
    /// Lines.
    pub resolution: Resolution,
    /// Proportions.
    pub aspect: AspectRatio,
    /// Pictures a second.
    pub fps: FrameRate,
}

impl TryFrom<TextOrNumber> for FrameRate {
    type Error = &'static str;
    fn try_from(written: TextOrNumber) -> Result<Self, Self::Error> {
        match written {
            TextOrNumber::Number(15) => Ok(Self::Fifteen),
            TextOrNumber::Number(30) => Ok(Self::Thirty),
            TextOrNumber::Text(text) if text == "15" => Ok(Self::Fifteen),
            TextOrNumber::Text(text) if text == "30" => Ok(Self::Thirty),
            _ => Err("`fps` must be 15 or 30"),
        }
    }
}

impl Resolution {
    /// Every size, smallest first.
    pub const ALL: [Self; 6] = [Self::P180, Self::P360, Self::P480, Self::P540, Self::P720, Self::P1080];

    /// Height in pixels.
    pub const fn height(self) -> u32 {
        match self {
            Self::P180 => 180,
            Self::P360 => 360,
            Self::P480 => 480,
            Self::P540 => 540,
            Self::P720 => 720,
            Self::P1080 => 1080,
        }
    }
}

impl VideoPreset {
    /// Width and height in pixels, both even. 480 wide lines are 848 long, as cameras have them, not 853⅓.
    pub const fn size(self) -> (u32, u32) {
        let height = self.resolution.height();
        let width = match (self.aspect, self.resolution) {
            (AspectRatio::Wide, Resolution::P480) => 848,
            (AspectRatio::Wide, _) => height * 16 / 9,
            (AspectRatio::Standard, _) => height * 4 / 3,
        };
        (width, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_even_sides_and_its_proportions() {
        for (aspect, wanted) in [(AspectRatio::Wide, 16.0 / 9.0), (AspectRatio::Standard, 4.0 / 3.0)] {
            for resolution in Resolution::ALL {
                let (width, height) = VideoPreset { resolution, aspect, fps: FrameRate::Thirty }.size();
                assert!(width.is_multiple_of(2) && height.is_multiple_of(2), "{resolution:?} {aspect:?}");
                assert!(
                    (f64::from(width) / f64::from(height) / wanted - 1.0).abs() < 0.01,
                    "{resolution:?} {aspect:?}"
                );
            }
        }
    }
}
