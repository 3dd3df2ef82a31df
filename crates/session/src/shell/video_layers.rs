//! The layers of our camera's track: what is wanted of each, and its encoder.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use beckon_media::MediaTime;
use beckon_media::codec::VideoEncoder;

use crate::rate::{HandOver, Pacer, RatePolicy, Target, layers};
use crate::request::VideoSettings;

/// Of a layer: its name and whether a key frame is due.
pub(super) struct LayerWish {
    /// The RTP stream ID; empty without simulcast.
    pub(super) rid: &'static str,
    pub(super) key: AtomicBool,
}

/// So many layers, which begin with a key frame.
pub(super) fn wishes(full: VideoSettings, count: usize) -> Arc<[LayerWish]> {
    layers(full, count).iter().map(|layer| LayerWish { rid: layer.rid, key: AtomicBool::new(true) }).collect()
}

/// What belongs to one track.
pub(super) struct EncoderLine {
    pub(super) wishes: Arc<[LayerWish]>,
    pub(super) layers: Vec<LayerEncoder>,
    pub(super) hand_over: HandOver,
    /// Width and rate that the layers were to have last.
    sizes: Vec<Option<(u32, u32)>>,
}

impl EncoderLine {
    pub(super) fn new(wishes: Arc<[LayerWish]>) -> Self {
        let layers = wishes.iter().map(|_| LayerEncoder::default()).collect();
        Self { wishes, layers, hand_over: HandOver::default(), sizes: Vec::new() }
    }

    /// How each layer is to be sent now, smallest first; `None` where it is not to be.
    pub(super) fn targets(&mut self, policy: &RatePolicy) -> Vec<Option<Target>> {
        let targets: Vec<_> = (0..self.layers.len()).map(|n| policy.target(n)).collect();
        let sizes: Vec<_> = targets.iter().map(|target| target.map(|t| (t.width, t.fps))).collect();
        if sizes != self.sizes {
            tracing::debug!(?targets, budget = policy.budget(), load_step = policy.load_step(), "layers");
            self.sizes = sizes;
        }
        targets
    }
}

#[derive(Default)]
pub(super) struct LayerEncoder {
    pub(super) inner: Option<VideoEncoder>,
    pub(super) pacer: Pacer,
    pub(super) last_key: Option<MediaTime>,
    pub(super) complained: bool,
}

/// Whether no layer that is wanted can be coded. One that can still brings pictures to everybody.
pub(super) fn is_all_lost(targets: &[Option<Target>], layers: &[LayerEncoder]) -> bool {
    let mut wanted = targets.iter().zip(layers).filter_map(|(target, layer)| target.and(Some(layer))).peekable();
    wanted.peek().is_some() && wanted.all(|layer| layer.complained)
}

/// The picture's own proportions within the target, never larger than the picture.
pub(crate) fn fit((width, height): (u32, u32), (most_width, most_height): (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(most_width) / f64::from(width)).min(f64::from(most_height) / f64::from(height)).min(1.0);
    let scaled = |side: u32| (((f64::from(side) * scale / 2.0).round() as u32) * 2).max(2);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_lost_only_where_no_layer_that_is_wanted_can_be_coded() {
        let target = Target { width: 320, height: 180, fps: 15, bitrate_bps: 100_000 };
        let layer = |complained| LayerEncoder { complained, ..LayerEncoder::default() };
        let layers = [layer(true), layer(false)];
        assert!(is_all_lost(&[Some(target), None], &layers));
        assert!(!is_all_lost(&[Some(target), Some(target)], &layers));
        assert!(!is_all_lost(&[None, Some(target)], &layers));
        assert!(!is_all_lost(&[None, None], &layers), "nobody watches");
    }

    #[test]
    fn a_picture_keeps_its_proportions_and_is_never_blown_up() {
        assert_eq!(fit((640, 480), (1280, 720)), (640, 480));
        assert_eq!(fit((1920, 1080), (1280, 720)), (1280, 720));
        assert_eq!(fit((640, 480), (640, 360)), (480, 360));
        assert_eq!(fit((2, 2), (1280, 720)), (2, 2));
    }
}
