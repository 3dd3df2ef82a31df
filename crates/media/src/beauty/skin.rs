//! How much something is skin, by its colour.
//!
//! Skin of every tone owes its colour to blood and melanin, which both leave a hue between red and yellow. In the plane
//! of Cb and Cr that is a sector around the diagonal (−Cb, Cr). Light and darkness move a colour along the sector, towards grey
//! and away from it, but not out of it; so the sector, unlike a fixed ellipse, fits all ten tones of the Monk scale.

/// Sine of a right angle's half: projects on the diagonals.
const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// Tangent of the angle from the sector's middle within which all is skin (24°) …
const INSIDE: f32 = 0.45;
/// … and beyond which nothing is (37°).
const OUTSIDE: f32 = 0.75;
/// Saturation, in levels, below which all is grey …
const GREY: f32 = 1.5;
/// … and that the palest skin has.
const PALE: f32 = 3.0;
/// Saturation that no skin has any more …
const GARISH: f32 = 75.0;
/// … fading out from here.
const RICH: f32 = 55.0;
/// Luma in which colours drown …
const NIGHT: f32 = 22.0;
/// … and from which on they tell something.
const DUSK: f32 = 32.0;

/// 0 (not skin) … 1 (skin), for luma 0 … 255 and for Cb and Cr less 128.
#[inline(always)]
pub(super) fn likeness(luma: f32, u: f32, v: f32) -> f32 {
    let saturation = (v - u) * HALF;
    let astray = ((v + u) * HALF).abs();
    let hue = (OUTSIDE * saturation - astray) / ((OUTSIDE - INSIDE) * saturation.max(0.1));
    let colour = (saturation - GREY) / (PALE - GREY);
    let not_garish = (GARISH - saturation) / (GARISH - RICH);
    let light = (luma - NIGHT) / (DUSK - NIGHT);
    unit(hue) * unit(colour).min(unit(not_garish)).min(unit(light))
}

#[inline(always)]
fn unit(value: f32) -> f32 {
    value.clamp(0.0, 1.0)
}
