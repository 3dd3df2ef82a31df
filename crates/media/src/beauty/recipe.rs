//! From levels 0 … 9 to the numbers that the filter works with.

use super::{BeautySettings, BeautyStyle, Level};
use crate::frame::{ColorSpace, VideoFrame};

/// Samples of luma are spoken of in levels of 0 … 255, whatever the range of the picture.
pub(super) struct Recipe {
    /// How much of a sample's distance from smooth skin goes away, 0 … 1.
    pub(super) blend: f32,
    /// The same for chroma.
    pub(super) chroma_blend: f32,
    /// Standard deviation of luma, on skin of medium lightness, at which the surroundings count as half flat.
    pub(super) sigma: f32,
    /// Radius of the surroundings that smooth skin is the mean of, in cells.
    pub(super) reach: usize,
    /// How much of the light around spills over, 0 … 1.
    pub(super) bloom: f32,
    /// Samples further from smooth skin than this begin to keep their distance, and keep all of it from twice this on.
    pub(super) far: f32,
    /// How much skin is brightened, 0 … 1; 1 lifts medium skin by 23 levels.
    pub(super) lift: f32,
    /// What is added to Cb and Cr of skin of medium lightness.
    pub(super) blush: [f32; 2],
    /// Luma of black and of white.
    pub(super) range: [u8; 2],
}

/// What a style does at its strongest.
struct Style {
    blend: f32,
    sigma: f32,
    /// Radius of the surroundings as a part of the picture's shorter side.
    reach: f32,
    bloom: f32,
    lift: f32,
}

const fn style(style: BeautyStyle) -> Style {
    match style {
        BeautyStyle::Smooth => Style { blend: 0.94, sigma: 13.0, reach: 1.0 / 60.0, bloom: 0.0, lift: 0.0 },
        BeautyStyle::Natural => Style { blend: 0.66, sigma: 10.0, reach: 1.0 / 90.0, bloom: 0.0, lift: 0.0 },
        BeautyStyle::Hazy => Style { blend: 0.9, sigma: 13.0, reach: 1.0 / 45.0, bloom: 0.35, lift: 0.3 },
    }
}

impl Recipe {
    pub(super) fn new(settings: &BeautySettings, frame: &VideoFrame) -> Self {
        let part = |level: Level| f32::from(level.get()) / f32::from(Level::MAX.get());
        let strength = part(settings.strength);
        let Style { blend, sigma, reach, bloom, lift } = style(settings.style);
        // The eye sees the first steps most: they are smaller in width than in blend.
        let blend = blend * (1.0 - (1.0 - strength).powi(2)).sqrt();
        let side = frame.width().min(frame.height()) as f32;
        let reach = (side * reach / super::CELL as f32).round().clamp(1.0, 12.0);
        let ruddy = part(settings.ruddy);
        Self {
            blend,
            chroma_blend: blend * 0.8,
            sigma: sigma * (0.6 + 0.4 * strength),
            reach: reach as usize,
            bloom: bloom * strength,
            far: 18.0,
            lift: (part(settings.whitening) * (1.0 - lift * strength) + lift * strength).min(1.0),
            blush: [-2.0 * ruddy, 9.0 * ruddy],
            range: match frame.color {
                ColorSpace::Bt709Limited | ColorSpace::Bt601Limited => [16, 235],
                ColorSpace::Bt709Full | ColorSpace::Bt601Full => [0, 255],
            },
        }
    }
}

/// How strong the same texture shows on a surface with this luma, against one of medium lightness (160): about in
/// proportion to the light it throws back. So dark and light skin are held to the same measure.
#[inline(always)]
pub(super) fn tone(luma: f32) -> f32 {
    TONE_DARK + TONE_SLOPE * luma
}

/// [`tone`] of black.
pub(super) const TONE_DARK: f32 = 0.28;
/// How [`tone`] grows with luma.
pub(super) const TONE_SLOPE: f32 = (1.0 - TONE_DARK) / 160.0;
