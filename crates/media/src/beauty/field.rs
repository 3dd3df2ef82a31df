//! What is to be done to each cell.

use super::cells::Cells;
use super::recipe::{Recipe, tone};
use super::{boxes, skin};

/// Standard deviation of chroma, in levels, at which the surroundings count as half flat.
const CHROMA_SIGMA: f32 = 5.0;
/// Weight of cells that are not flat skin in the mean of flat skin; so there is a mean everywhere.
const LEAST: f32 = 1e-4;
/// Standard deviation of luma, on skin of medium lightness, at which the surroundings count as half flat where skin is to
/// be told from hair, however strong the smoothing.
const STRICT: f32 = 7.8;
/// With less flat skin around than this part, what has the colour of skin is hair …
const HAIR: f32 = 0.1;
/// … and from this part on it is a face, also at its edge.
const FACE: f32 = 0.25;
/// Fractions are kept in units of 1/32767, samples in units of 1/128.
const ONE: f32 = 32767.0;
const SAMPLE: f32 = 128.0;

/// For each cell; what the full picture is made with is in 16-bit fixed point.
#[derive(Default)]
pub(super) struct Field {
    pub(super) width: usize,
    pub(super) height: usize,
    /// How far samples move towards `smooth`, 0 … 1 in units of 1/32767; the same for chroma in `chroma_blend`.
    pub(super) blend: Vec<i16>,
    pub(super) chroma_blend: Vec<i16>,
    /// What smooth skin would look like here, luma, Cb, Cr, in units of 1/128.
    pub(super) smooth: [Vec<i16>; 3],
    /// How much is lifted, 0 … 1.
    pub(super) lift: Vec<i16>,
    /// How much is blushed, 0 … 1.
    pub(super) blush: Vec<i16>,
    planes: [Vec<f32>; 7],
    padded: Vec<f32>,
}

impl Field {
    #[inline(always)]
    pub(super) fn compute(&mut self, cells: &Cells, recipe: &Recipe) {
        let n = cells.mean.len();
        (self.width, self.height) = (cells.width, cells.height);
        for plane in [&mut self.blend, &mut self.chroma_blend, &mut self.lift, &mut self.blush] {
            plane.resize(n, 0);
        }
        for plane in &mut self.smooth {
            plane.resize(n, 0);
        }
        for plane in &mut self.planes {
            plane.resize(n, 0.0);
        }
        let Self { width, planes, padded, .. } = self;
        let w = *width;
        let [mean, square, u, v, cross, a, b] = planes.each_mut().map(|plane| &mut plane[..n]);

        // Moments of the 3 × 3 cells around.
        for ((out, &u), &v) in a.iter_mut().zip(&cells.u[..n]).zip(&cells.v[..n]) {
            *out = u * u + v * v;
        }
        boxes::mean(&cells.mean, mean, w, 1, padded);
        boxes::mean(&cells.square, square, w, 1, padded);
        boxes::mean(&cells.u, u, w, 1, padded);
        boxes::mean(&cells.v, v, w, 1, padded);
        boxes::mean(a, cross, w, 1, padded);

        // `cross` becomes how flat the surroundings are, `a` how much they are skin.
        let per_sigma = 1.0 / recipe.sigma;
        let per_strict = (recipe.sigma / STRICT).powi(2);
        let per_chroma = 1.0 / (CHROMA_SIGMA * CHROMA_SIGMA);
        for i in 0..n {
            let luma = mean[i] + 128.0;
            let variance = (square[i] - mean[i] * mean[i]).max(0.0);
            let chroma_variance = (cross[i] - u[i] * u[i] - v[i] * v[i]).max(0.0);
            let scale = per_sigma / tone(luma);
            let rough = variance * scale * scale + chroma_variance * per_chroma;
            cross[i] = 1.0 / (1.0 + rough * rough);
            a[i] = skin::likeness(luma, u[i], v[i]);
            let strict = rough * per_strict;
            square[i] = a[i] / (1.0 + strict * strict);
        }
        let flat = cross;
        // Without its hard edge.
        boxes::mean(a, b, w, 1, padded);
        let skin = b;

        let (blend, chroma_blend) = (recipe.blend * ONE, recipe.chroma_blend * ONE);
        for i in 0..n {
            let here = skin[i] * flat[i];
            self.blend[i] = (blend * here) as i16;
            self.chroma_blend[i] = (chroma_blend * here) as i16;
            a[i] = here + LEAST;
        }
        // Brown hair has the colour of dark skin, but little of it is flat: there is nothing to lift.
        boxes::mean(square, u, w, recipe.reach, padded);
        let lift = recipe.lift * ONE;
        for i in 0..n {
            let face = skin[i] * ((u[i] - HAIR) / (FACE - HAIR)).clamp(0.0, 1.0);
            self.lift[i] = (lift * face) as i16;
            self.blush[i] = (ONE * face * tone(mean[i] + 128.0).min(1.0)) as i16;
        }
        if recipe.blend == 0.0 {
            return;
        }

        // The mean of flat skin around: of each plane weighted, over that of the weights.
        let weight = a;
        let [smooth_y, smooth_u, smooth_v] = &mut self.smooth;
        boxes::mean(weight, flat, w, recipe.reach, padded);
        let total = flat;
        let weighted = square;
        for (plane, from) in [(&mut *mean, &cells.mean), (u, &cells.u), (v, &cells.v)] {
            for i in 0..n {
                weighted[i] = weight[i] * from[i];
            }
            boxes::mean(weighted, plane, w, recipe.reach, padded);
            for i in 0..n {
                plane[i] /= total[i];
            }
        }
        let [mean, glow, u, v, ..] = planes.each_mut().map(|plane| &mut plane[..n]);
        if recipe.bloom > 0.0 {
            // So smooth already that every second cell tells enough.
            boxes::mean_of_every::<2>(mean, glow, w, 2 * recipe.reach, padded);
            for i in 0..n {
                mean[i] += recipe.bloom * (glow[i] - mean[i]);
            }
        }
        for (out, from) in [(smooth_y, mean), (smooth_u, u), (smooth_v, v)] {
            for i in 0..n {
                out[i] = ((from[i] + 128.0) * SAMPLE + 0.5) as i16;
            }
        }
    }
}
