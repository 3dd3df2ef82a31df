//! What is to be done to each cell.

use std::ops::Range;

use super::area::Area;
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
/// Which of the field's planes tells how much a cell and those around it are skin.
const SKIN: usize = 6;
/// Cells of a row that are rendered, or left alone, together.
const BLOCK: usize = 8;

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
    /// For each block of cells, row by row: whether anything is to be done in it, or in the cells beside it.
    busy: Vec<bool>,
    /// Columns beyond which nothing is to be done in any row, whole blocks and one cell more.
    pub(super) columns: Range<usize>,
    planes: [Vec<f32>; 7],
    padded: Vec<f32>,
}

impl Field {
    #[inline(always)]
    pub(super) fn compute(&mut self, cells: &Cells, recipe: &Recipe) {
        let n = cells.mean.len();
        (self.width, self.height) = (cells.width, cells.height);
        for plane in [&mut self.blend, &mut self.chroma_blend, &mut self.lift, &mut self.blush] {
            plane.clear();
            plane.resize(n, 0);
        }
        for plane in &mut self.smooth {
            plane.resize(n, 0);
        }
        for plane in &mut self.planes {
            plane.resize(n, 0.0);
        }
        let whole = Area::whole(self.width, self.height);
        self.judge(cells, recipe, &whole);
        // What is below it comes out as nothing.
        let skin = Area::around(&self.planes[SKIN], self.width, 1.0 / ONE);
        if let Some(skin) = &skin {
            self.ask(recipe, skin);
            if recipe.blend > 0.0 || recipe.lift > 0.0 {
                // Between the cells at the rim and those beyond it samples still move, towards the smooth skin of both.
                self.smoothen(cells, recipe, &skin.grown(1));
            }
        }
        let asked = [&self.blend, &self.chroma_blend, &self.lift, &self.blush].map(|plane| &plane[..n]);
        find_busy(&mut self.busy, asked, self.width);
        self.columns = skin.map_or(0..0, |skin| skin.grown(BLOCK + 1).columns);
    }

    /// How flat the surroundings are, how much they are skin, and how much they are skin that is flat by a strict measure.
    #[inline(always)]
    fn judge(&mut self, cells: &Cells, recipe: &Recipe, whole: &Area) {
        let n = cells.mean.len();
        let Self { planes, padded, .. } = self;
        let [mean, square, u, v, cross, a, b] = planes.each_mut().map(|plane| &mut plane[..n]);

        // Moments of the 3 × 3 cells around.
        for ((out, &u), &v) in a.iter_mut().zip(&cells.u[..n]).zip(&cells.v[..n]) {
            *out = u * u + v * v;
        }
        boxes::mean(&cells.mean, mean, whole, 1, padded);
        boxes::mean(&cells.square, square, whole, 1, padded);
        boxes::mean(&cells.u, u, whole, 1, padded);
        boxes::mean(&cells.v, v, whole, 1, padded);
        boxes::mean(a, cross, whole, 1, padded);

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
        // Without its hard edge.
        boxes::mean(a, b, whole, 1, padded);
    }

    /// How far the cells of the area go towards smooth skin, are lifted and blushed.
    #[inline(always)]
    fn ask(&mut self, recipe: &Recipe, area: &Area) {
        let Self { planes, padded, .. } = self;
        let [mean, strict_skin, around, _, flat, _, skin] = planes;
        // Brown hair has the colour of dark skin, but little of it is flat: there is nothing to smooth and nothing to lift.
        boxes::mean(strict_skin, around, area, recipe.reach, padded);
        let [blend, chroma_blend, lift] = [recipe.blend, recipe.chroma_blend, recipe.lift].map(|part| part * ONE);
        for row in area.rows.clone() {
            let line = area.line(row);
            let n = line.len();
            let [mean, around, flat, skin] = [&*mean, around, flat, skin].map(|plane| &plane[line.clone()][..n]);
            let [to_blend, to_chroma, to_lift, to_blush] =
                [&mut self.blend, &mut self.chroma_blend, &mut self.lift, &mut self.blush]
                    .map(|plane| &mut plane[line.clone()][..n]);
            for i in 0..n {
                let face = skin[i] * ((around[i] - HAIR) / (FACE - HAIR)).clamp(0.0, 1.0);
                let here = face * flat[i];
                to_blend[i] = whole(blend * here);
                to_chroma[i] = whole(chroma_blend * here);
                to_lift[i] = whole(lift * face);
                to_blush[i] = whole(ONE * face * tone(mean[i] + 128.0).min(1.0));
            }
        }
    }

    /// The mean of flat skin around the cells of the area: of each plane weighted, over that of the weights.
    #[inline(always)]
    fn smoothen(&mut self, cells: &Cells, recipe: &Recipe, area: &Area) {
        let Self { planes, padded, smooth, .. } = self;
        // Luma that spills over comes from further away.
        let near = if recipe.bloom > 0.0 { area.grown(2 * recipe.reach) } else { area.clone() };
        let wide = near.grown(recipe.reach);
        let [total, weighted, mean, glow, flat, weight, skin] = planes;
        for row in wide.rows.clone() {
            let line = wide.line(row);
            let n = line.len();
            let (skin, flat) = (&skin[line.clone()][..n], &flat[line.clone()][..n]);
            let weight = &mut weight[line][..n];
            for i in 0..n {
                weight[i] = skin[i] * flat[i] + LEAST;
            }
        }
        boxes::mean(weight, total, &near, recipe.reach, padded);
        let [smooth_y, smooth_u, smooth_v] = smooth;
        let spills = recipe.bloom > 0.0;
        for (from, out, spills) in
            [(&cells.mean, smooth_y, spills), (&cells.u, smooth_u, false), (&cells.v, smooth_v, false)]
        {
            let (near, wide) = if spills { (&near, &wide) } else { (area, &area.grown(recipe.reach)) };
            for row in wide.rows.clone() {
                let line = wide.line(row);
                let n = line.len();
                let (weight, from) = (&weight[line.clone()][..n], &from[line.clone()][..n]);
                let weighted = &mut weighted[line][..n];
                for i in 0..n {
                    weighted[i] = weight[i] * from[i];
                }
            }
            boxes::mean(weighted, mean, near, recipe.reach, padded);
            for row in near.rows.clone() {
                let line = near.line(row);
                let n = line.len();
                let (mean, total) = (&mut mean[line.clone()][..n], &total[line][..n]);
                for i in 0..n {
                    mean[i] /= total[i];
                }
            }
            if spills {
                // So smooth already that every second cell tells enough.
                boxes::mean_of_every::<2>(mean, glow, area, 2 * recipe.reach, padded);
            }
            let bloom = if spills { recipe.bloom } else { 0.0 };
            for row in area.rows.clone() {
                let line = area.line(row);
                let n = line.len();
                let (mean, glow) = (&mean[line.clone()][..n], &glow[line.clone()][..n]);
                let out = &mut out[line][..n];
                for i in 0..n {
                    let level = mean[i] + bloom * (glow[i] - mean[i]);
                    out[i] = whole((level + 128.0) * SAMPLE + 0.5);
                }
            }
        }
    }

    /// Between the middles of rows of cells `pair` − 1 and `pair`: the cells from `begin`, the first of a block, to the last with
    /// the same answer to whether anything is to be done there; and that answer. Nothing to the right of the picture.
    #[inline(always)]
    pub(super) fn run(&self, pair: usize, begin: usize) -> Option<(Range<usize>, bool)> {
        let blocks = self.width.div_ceil(BLOCK);
        let row = |row: usize| &self.busy[row.min(self.height - 1) * blocks..][..blocks];
        let (above, below) = (row(pair.saturating_sub(1)), row(pair));
        let busy = |block: usize| above[block] || below[block];
        let first = begin / BLOCK;
        if first >= blocks {
            return None;
        }
        let mut end = first + 1;
        while end < blocks && busy(end) == busy(first) {
            end += 1;
        }
        Some((begin..end * BLOCK, busy(first)))
    }
}

/// In fixed point, 0 … 32767.
#[inline(always)]
#[allow(clippy::manual_clamp, reason = "that would keep a NaN")]
fn whole(value: f32) -> i16 {
    let value = value.max(0.0).min(ONE);
    // SAFETY: `max` takes the other one of a NaN, and `min` the smaller one: it lies within 0 … 32767. What `as` does of itself to be
    // sure of that takes four times as long.
    unsafe { value.to_int_unchecked::<i32>() as i16 }
}

/// Fills `busy` from planes with `width` cells in a row: a block whose cells, and one more on either side, are all to be left alone
/// is left alone.
#[inline(always)]
fn find_busy(busy: &mut Vec<bool>, asked: [&[i16]; 4], width: usize) {
    busy.clear();
    for begin in (0..asked[0].len()).step_by(width) {
        for block in (0..width).step_by(BLOCK) {
            let near = begin + block.saturating_sub(1)..begin + (block + BLOCK + 1).min(width);
            let mut any = 0;
            for plane in asked {
                for value in &plane[near.clone()] {
                    any |= value;
                }
            }
            busy.push(any != 0);
        }
    }
}
