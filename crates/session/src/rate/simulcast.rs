//! The layers a camera is sent in: as many as are worth telling apart at its size.

use beckon_rtc::VideoLayer;

use crate::request::VideoSettings;

/// A larger side of at least this many pixels is worth three layers …
const THREE: u32 = 960;
/// … and this many two.
const TWO: u32 = 480;

/// Names of layers, smallest first: those LiveKit's clients use.
pub(crate) const RIDS: [&str; 3] = ["q", "h", "f"];

/// One layer of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    /// One of [`RIDS`]; empty without simulcast.
    pub(crate) rid: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) max_bitrate_bps: u64,
}

impl Layer {
    pub(crate) fn settings(&self, fps: u32) -> VideoSettings {
        VideoSettings { width: self.width, height: self.height, fps, max_bitrate_bps: self.max_bitrate_bps }
    }
}

impl From<Layer> for VideoLayer {
    fn from(layer: Layer) -> Self {
        Self {
            rid: layer.rid.to_owned(),
            width: layer.width,
            height: layer.height,
            max_bitrate_bps: layer.max_bitrate_bps,
        }
    }
}

/// How many layers a camera with these settings is worth.
pub(crate) fn layer_count(full: VideoSettings) -> usize {
    match full.width.max(full.height) {
        side if side >= THREE => 3,
        side if side >= TWO => 2,
        _ => 1,
    }
}

/// The layers that a camera with these settings is announced with.
pub(crate) fn announced(full: VideoSettings) -> Vec<Layer> {
    layers(full, layer_count(full))
}

/// So many layers (1 … 3) of a camera with these settings, smallest first. A single one has no name.
///
/// Each layer has half the sides of the one above. A quarter of the pixels needs about 0.3 of the bits: small pictures
/// hold more detail in each pixel.
pub(crate) fn layers(full: VideoSettings, count: usize) -> Vec<Layer> {
    let [low, medium, high] = RIDS;
    let halvings: &[(&'static str, u32, u64)] = match count {
        0 | 1 => &[("", 1, 100)],
        2 => &[(low, 2, 30), (medium, 1, 100)],
        _ => &[(low, 4, 10), (medium, 2, 30), (high, 1, 100)],
    };
    let even = |side: u32| (side & !1).max(2);
    let layer = |&(rid, by, percent): &(&'static str, u32, u64)| Layer {
        rid,
        width: even(full.width / by),
        height: even(full.height / by),
        max_bitrate_bps: full.max_bitrate_bps * percent / 100,
    };
    halvings.iter().map(layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(width: u32, height: u32) -> Vec<(&'static str, u32, u32, u64)> {
        let full = VideoSettings { width, height, fps: 30, max_bitrate_bps: 1_000_000 };
        announced(full).iter().map(|l| (l.rid, l.width, l.height, l.max_bitrate_bps)).collect()
    }

    #[test]
    fn large_cameras_have_three_layers_and_small_ones_fewer() {
        assert_eq!(sizes(1280, 720), [("q", 320, 180, 100_000), ("h", 640, 360, 300_000), ("f", 1280, 720, 1_000_000)]);
        assert_eq!(sizes(640, 360), [("q", 320, 180, 300_000), ("h", 640, 360, 1_000_000)]);
        assert_eq!(sizes(320, 180), [("", 320, 180, 1_000_000)]);
    }

    #[test]
    fn sizes_are_even_and_tall_cameras_count_by_their_height() {
        assert_eq!(sizes(540, 960)[0], ("q", 134, 240, 100_000));
        assert_eq!(sizes(1366, 768)[1], ("h", 682, 384, 300_000));
    }
}
