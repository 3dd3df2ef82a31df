//! Sizes, shapes and rates a person can choose for their pictures.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::request::VideoSettings;

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

/// Pictures a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
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

    /// What the session sends by: the bitrate grows a little slower than the number of pixels, and the second fifteen
    /// pictures of a second need half of what the first need.
    pub const fn settings(self) -> VideoSettings {
        let (width, height) = self.size();
        let wide_at_30 = match self.resolution {
            Resolution::P180 => 180_000,
            Resolution::P360 => 500_000,
            Resolution::P480 => 750_000,
            Resolution::P540 => 900_000,
            Resolution::P720 => 1_500_000,
            Resolution::P1080 => 3_000_000,
        };
        let at_30 = match self.aspect {
            AspectRatio::Wide => wide_at_30,
            AspectRatio::Standard => wide_at_30 * 3 / 4,
        };
        match self.fps {
            FrameRate::Fifteen => VideoSettings { width, height, fps: 15, max_bitrate_bps: at_30 * 2 / 3 },
            FrameRate::Thirty => VideoSettings { width, height, fps: 30, max_bitrate_bps: at_30 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_preset_is_the_default_of_the_session() {
        assert_eq!(VideoPreset::default().settings(), VideoSettings::default());
    }

    #[test]
    fn every_preset_has_even_sides_its_proportions_and_more_bits_than_the_smaller_one() {
        for aspect in [AspectRatio::Wide, AspectRatio::Standard] {
            let mut before = 0;
            for resolution in Resolution::ALL {
                let preset = VideoPreset { resolution, aspect, fps: FrameRate::Thirty };
                let all = preset.settings();
                assert!(all.width.is_multiple_of(2) && all.height.is_multiple_of(2), "{preset:?}");
                let shape = f64::from(all.width) / f64::from(all.height);
                let wanted = if aspect == AspectRatio::Wide { 16.0 / 9.0 } else { 4.0 / 3.0 };
                assert!((shape / wanted - 1.0).abs() < 0.01, "{preset:?}: {shape}");
                assert!(all.max_bitrate_bps > before, "{preset:?}");
                let slow = VideoPreset { fps: FrameRate::Fifteen, ..preset }.settings();
                assert!(slow.max_bitrate_bps < all.max_bitrate_bps && slow.fps == 15, "{preset:?}");
                before = all.max_bitrate_bps;
            }
        }
    }
}
