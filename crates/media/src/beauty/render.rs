//! From cells to samples: 16-bit arithmetic throughout, samples in units of 1/128. It saturates or provably fits; written out, so
//! that builds that check for overflow get SIMD instructions too.

use super::CELL;
use super::field::Field;
use super::recipe::{Recipe, TONE_DARK, TONE_SLOPE};
use crate::frame::{VideoFrame, VideoFrameMut};

/// Chroma further from smooth skin than this many levels begins to keep its distance.
const CHROMA_FAR: i16 = 10;
const UNIT: i16 = 128;

/// Two rows of cells at full width, for each plane that is interpolated.
#[derive(Default)]
pub(super) struct Rows {
    above: [Vec<i16>; 4],
    below: [Vec<i16>; 4],
}

/// What is done to one row of samples. A trait and no closure: closures are not always inlined, and then miss AVX2.
trait Kernel<const N: usize> {
    /// Makes row `y`, given the `N` planes in the cells above and below it and where between them it lies, in units of 1/32768.
    fn row(&mut self, y: usize, step: i16, above: [&[i16]; N], below: [&[i16]; N]);
}

/// Smooths, then lifts.
struct Luma<'a> {
    from: (&'a [u8], usize),
    to: (&'a mut [u8], usize),
    range: [i16; 2],
    far: i16,
    far_slope: i16,
}

impl Kernel<3> for Luma<'_> {
    #[inline(always)]
    fn row(&mut self, y: usize, step: i16, [a0, a1, a2]: [&[i16]; 3], [b0, b1, b2]: [&[i16]; 3]) {
        let w = a0.len();
        let (a1, a2, b0, b1, b2) = (&a1[..w], &a2[..w], &b0[..w], &b1[..w], &b2[..w]);
        let from = &self.from.0[y * self.from.1..][..w];
        let to = &mut self.to.0[y * self.to.1..][..w];
        let ([black, white], far, far_slope) = (self.range, self.far, self.far_slope);
        for x in 0..w {
            let blend = between(a0[x], b0[x], step);
            let smooth = between(a1[x], b1[x], step);
            let lift = between(a2[x], b2[x], step);
            let sample = i16::from(from[x]) << 7;
            let far = far.saturating_add(high(smooth, far_slope));
            let distance = smooth.saturating_sub(sample);
            let sample = sample.saturating_add(high(blend, near(distance, far)) << 1);
            // A parabola over the range: black stays black, white white, and order is kept.
            let bow = high(sample.saturating_sub(black).max(0), white.saturating_sub(sample).max(0));
            to[x] = rounded(sample.saturating_add(high(bow, lift) << 1));
        }
    }
}

/// Smooths, then blushes.
struct Chroma<'a> {
    from: (&'a [u8], usize),
    to: (&'a mut [u8], usize),
    blush: i16,
}

impl Kernel<3> for Chroma<'_> {
    #[inline(always)]
    fn row(&mut self, y: usize, step: i16, [a0, a1, a2]: [&[i16]; 3], [b0, b1, b2]: [&[i16]; 3]) {
        let w = a0.len();
        let (a1, a2, b0, b1, b2) = (&a1[..w], &a2[..w], &b0[..w], &b1[..w], &b2[..w]);
        let from = &self.from.0[y * self.from.1..][..w];
        let to = &mut self.to.0[y * self.to.1..][..w];
        let most = self.blush;
        for x in 0..w {
            let blend = between(a0[x], b0[x], step);
            let smooth = between(a1[x], b1[x], step);
            let blush = between(a2[x], b2[x], step);
            let sample = i16::from(from[x]) << 7;
            let distance = smooth.saturating_sub(sample);
            let sample = sample.saturating_add(high(blend, near(distance, CHROMA_FAR * UNIT)) << 1);
            to[x] = rounded(sample.saturating_add(high(blush, most) << 1));
        }
    }
}

impl Rows {
    /// Makes the picture `to` out of `from`, of the same size.
    #[inline(always)]
    pub(super) fn render(&mut self, field: &Field, recipe: &Recipe, from: &VideoFrame, to: &mut VideoFrameMut) {
        let (w, h) = (from.width() as usize, from.height() as usize);
        let [y, u, v] = from.planes();
        let [to_y, to_u, to_v] = to.planes_mut();
        let mut luma = Luma {
            from: y,
            to: to_y,
            range: recipe.range.map(|luma| i16::from(luma) * UNIT),
            far: (recipe.far * TONE_DARK * f32::from(UNIT)) as i16,
            far_slope: (recipe.far * TONE_SLOPE * 65536.0) as i16,
        };
        self.plane::<3, CELL>([&field.blend, &field.smooth[0], &field.lift], field, (w, h), &mut luma);
        let blush = recipe.blush.map(|levels| (levels * f32::from(UNIT)) as i16);
        for (from, to, smooth, blush) in [(u, to_u, &field.smooth[1], blush[0]), (v, to_v, &field.smooth[2], blush[1])]
        {
            let planes = [&field.chroma_blend, smooth, &field.blush];
            self.plane::<3, { CELL / 2 }>(planes, field, (w / 2, h / 2), &mut Chroma { from, to, blush });
        }
    }

    /// Calls the kernel for each row of a plane of `w` × `h` samples, cells `SIDE` samples wide.
    #[inline(always)]
    fn plane<const N: usize, const SIDE: usize>(
        &mut self,
        planes: [&Vec<i16>; N],
        field: &Field,
        (w, h): (usize, usize),
        kernel: &mut impl Kernel<N>,
    ) {
        let width = field.width;
        for row in self.above.iter_mut().chain(self.below.iter_mut()) {
            row.resize(width * CELL, 0);
        }
        for n in 0..N {
            widen::<SIDE>(&planes[n][..width], &mut self.below[n][..width * SIDE]);
        }
        // A cell's values hold at its middle: half of its rows lie between the cell above and it, half below.
        for pair in 0..=field.height {
            std::mem::swap(&mut self.above, &mut self.below);
            let cells = pair.min(field.height - 1) * width;
            for n in 0..N {
                widen::<SIDE>(&planes[n][cells..][..width], &mut self.below[n][..width * SIDE]);
            }
            let (mut above, mut below) = ([&[] as &[i16]; N], [&[] as &[i16]; N]);
            for n in 0..N {
                (above[n], below[n]) = (&self.above[n][..w], &self.below[n][..w]);
            }
            for i in 0..SIDE {
                let y = (pair * SIDE + i).wrapping_sub(SIDE / 2);
                // Above the first row (wrapped around) or below the last.
                if y < h {
                    kernel.row(y, ((2 * i + 1) * 32768 / (2 * SIDE)) as i16, above, below);
                }
            }
        }
    }
}

/// Back to a sample of 8 bits.
#[inline(always)]
fn rounded(sample: i16) -> u8 {
    (sample.saturating_add(UNIT / 2) >> 7).clamp(0, 255) as u8
}

/// Spreads a row of cells over `SIDE` samples each, linearly between the cells' middles.
#[inline(always)]
fn widen<const SIDE: usize>(cells: &[i16], out: &mut [i16]) {
    let n = cells.len();
    let out = &mut out[..n * SIDE];
    // Beyond the ends the cells go on as they are.
    spread::<SIDE>([cells[0], cells[0], cells[1.min(n - 1)]], &mut out[..SIDE]);
    for i in 1..n - 1 {
        spread::<SIDE>([cells[i - 1], cells[i], cells[i + 1]], &mut out[i * SIDE..][..SIDE]);
    }
    spread::<SIDE>([cells[n.saturating_sub(2)], cells[n - 1], cells[n - 1]], &mut out[(n - 1) * SIDE..]);
}

/// One cell's samples, given its neighbours.
#[inline(always)]
fn spread<const SIDE: usize>([left, here, right]: [i16; 3], out: &mut [i16]) {
    // All values are positive: differences fit.
    let (left, right) = (left.wrapping_sub(here), right.wrapping_sub(here));
    if SIDE == 4 {
        out[0] = here.wrapping_add(left >> 2).wrapping_add(left >> 3);
        out[1] = here.wrapping_add(left >> 3);
        out[2] = here.wrapping_add(right >> 3);
        out[3] = here.wrapping_add(right >> 2).wrapping_add(right >> 3);
    } else {
        out[0] = here.wrapping_add(left >> 2);
        out[1] = here.wrapping_add(right >> 2);
    }
}

/// The upper half of a product.
#[inline(always)]
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// From `a` to `b`, `step` / 32768 of the way.
#[inline(always)]
fn between(a: i16, b: i16, step: i16) -> i16 {
    a.wrapping_add(high(b.wrapping_sub(a), step) << 1)
}

/// `distance` up to `far`; beyond it falls to nothing, which it is from twice `far` on: what differs this much is no texture.
#[inline(always)]
fn near(distance: i16, far: i16) -> i16 {
    let size = distance.saturating_abs();
    let kept = size.min(far.saturating_add(far).saturating_sub(size).max(0));
    if distance < 0 { kept.wrapping_neg() } else { kept }
}
