//! What a preset means for the session.

use beckon_protocol::video::{AspectRatio, FrameRate, Resolution, VideoPreset};

use crate::request::VideoSettings;

impl From<VideoPreset> for VideoSettings {
    /// The bitrate grows a little slower than the number of pixels, and the second fifteen pictures of a second need half
    /// of what the first need.
    fn from(preset: VideoPreset) -> Self {
        let (width, height) = preset.size();
        let wide_at_30 = match preset.resolution {
            Resolution::P180 => 180_000,
            Resolution::P360 => 500_000,
            Resolution::P480 => 750_000,
            Resolution::P540 => 900_000,
            Resolution::P720 => 1_500_000,
            Resolution::P1080 => 3_000_000,
        };
        let at_30 = match preset.aspect {
            AspectRatio::Wide => wide_at_30,
            AspectRatio::Standard => wide_at_30 * 3 / 4,
        };
        match preset.fps {
            FrameRate::Fifteen => Self { width, height, fps: 15, max_bitrate_bps: at_30 * 2 / 3 },
            FrameRate::Thirty => Self { width, height, fps: 30, max_bitrate_bps: at_30 },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_default_preset_is_the_default_of_the_session() {
        assert_eq!(VideoSettings::from(VideoPreset::default()), VideoSettings::default());
    }

    #[test]
    fn every_preset_can_be_sent_and_has_more_bits_than_the_smaller_one() {
        for aspect in [AspectRatio::Wide, AspectRatio::Standard] {
            let mut before = 0;
            for resolution in Resolution::ALL {
                let preset = VideoPreset { resolution, aspect, fps: FrameRate::Thirty };
                let all = VideoSettings::from(preset);
                all.check().unwrap();
                assert!(all.max_bitrate_bps > before, "{preset:?}");
                let slow = VideoSettings::from(VideoPreset { fps: FrameRate::Fifteen, ..preset });
                slow.check().unwrap();
                assert!(slow.max_bitrate_bps < all.max_bitrate_bps && slow.fps == 15, "{preset:?}");
                before = all.max_bitrate_bps;
            }
        }
    }
}
