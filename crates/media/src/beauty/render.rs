//! From cells to samples: 16-bit arithmetic throughout, samples in units of 1/128. It saturates or provably fits; written out, so
//! that builds that check for overflow get SIMD instructions too.
//!
//! Where the [`field`](super::field) asks for nothing, samples are copied: a face takes a quarter of a picture, seldom more.

use std::ops::Range;

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
    above: [Row; 4],
    below: [Row; 4],
}

/// A row of samples, kept in words of four: written a word at a time, spreading becomes SIMD instructions.
#[derive(Default)]
struct Row(Vec<u64>);

impl Row {
    fn samples(&self) -> &[i16] {
        // SAFETY: any bits are an `i16`; a word's place is aligned for it.
        unsafe { self.0.align_to().1 }
    }

    fn pairs(&mut self) -> &mut [u32] {
        // SAFETY: any bits are a `u32` and, written through it, a `u64`; a word's place is aligned for both.
        unsafe { self.0.align_to_mut().1 }
    }
}

/// What is done to one row of samples. A trait and no closure: closures are not always inlined, and then miss AVX2.
trait Kernel<const N: usize> {
    /// Makes row `y` from sample `x` on, given the `N` planes there in the cells above and below it and where between them it
    /// lies, in units of 1/32768.
    fn row(&mut self, x: usize, y: usize, step: i16, above: [&[i16]; N], below: [&[i16]; N]);

    /// Takes these samples of row `y` as they are.
    fn pass(&mut self, samples: Range<usize>, y: usize);
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
    fn row(&mut self, left: usize, y: usize, step: i16, [a0, a1, a2]: [&[i16]; 3], [b0, b1, b2]: [&[i16]; 3]) {
        let w = a0.len();
        let (a1, a2, b0, b1, b2) = (&a1[..w], &a2[..w], &b0[..w], &b1[..w], &b2[..w]);
        let from = &self.from.0[y * self.from.1 + left..][..w];
        let to = &mut self.to.0[y * self.to.1 + left..][..w];
        let ([black, white], far, far_slope) = (self.range, self.far, self.far_slope);
        let middle = black + (white - black) / 2;
        for x in 0..w {
            let blend = between(a0[x], b0[x], step);
            let smooth = between(a1[x], b1[x], step);
            let lift = between(a2[x], b2[x], step);
            let sample = i16::from(from[x]) << 7;
            let far = far.saturating_add(high(smooth, far_slope));
            let distance = smooth.saturating_sub(sample);
            let texture = near(distance, far);
            let smoothed = sample.saturating_add(part(blend, texture));
            // On dark skin the parabola is steep: texture and noise would grow by a third. They are lifted as the skin under them.
            let lifted = if smooth < middle { sample.saturating_add(texture) } else { smoothed };
            // A parabola over the range: black stays black, white white, and order is kept.
            let bow = high(lifted.saturating_sub(black).max(0), white.saturating_sub(lifted).max(0));
            to[x] = rounded(smoothed.saturating_add(part(bow, lift)));
        }
    }

    #[inline(always)]
    fn pass(&mut self, samples: Range<usize>, y: usize) {
        copy(self.from, (&mut *self.to.0, self.to.1), samples, y);
    }
}

/// Smooths, then blushes; both planes of chroma, as they share most of what is interpolated.
struct Chroma<'a> {
    from: [(&'a [u8], usize); 2],
    to: [(&'a mut [u8], usize); 2],
    blush: [i16; 2],
}

impl Kernel<4> for Chroma<'_> {
    #[inline(always)]
    fn row(&mut self, left: usize, y: usize, step: i16, above: [&[i16]; 4], below: [&[i16]; 4]) {
        let w = above[0].len();
        let [a0, a1, a2, a3] = above.map(|row| &row[..w]);
        let [b0, b1, b2, b3] = below.map(|row| &row[..w]);
        let [from_u, from_v] = self.from.map(|(from, stride)| &from[y * stride + left..][..w]);
        let [(to_u, stride_u), (to_v, stride_v)] = &mut self.to;
        let to_u = &mut to_u[y * *stride_u + left..][..w];
        let to_v = &mut to_v[y * *stride_v + left..][..w];
        let most = self.blush;
        for x in 0..w {
            let blend = between(a0[x], b0[x], step);
            let blush = between(a1[x], b1[x], step);
            let smooth = [between(a2[x], b2[x], step), between(a3[x], b3[x], step)];
            to_u[x] = chroma(from_u[x], smooth[0], blend, blush, most[0]);
            to_v[x] = chroma(from_v[x], smooth[1], blend, blush, most[1]);
        }
    }

    #[inline(always)]
    fn pass(&mut self, samples: Range<usize>, y: usize) {
        for (&from, (to, stride)) in self.from.iter().zip(&mut self.to) {
            copy(from, (&mut **to, *stride), samples.clone(), y);
        }
    }
}

/// Copies samples of row `y` from one plane to another, each with its stride.
#[inline(always)]
fn copy((from, from_stride): (&[u8], usize), (to, to_stride): (&mut [u8], usize), samples: Range<usize>, y: usize) {
    let (left, w) = (samples.start, samples.len());
    to[y * to_stride + left..][..w].copy_from_slice(&from[y * from_stride + left..][..w]);
}

/// One sample of chroma.
#[inline(always)]
fn chroma(sample: u8, smooth: i16, blend: i16, blush: i16, most: i16) -> u8 {
    let sample = i16::from(sample) << 7;
    let distance = smooth.saturating_sub(sample);
    let sample = sample.saturating_add(part(blend, near(distance, CHROMA_FAR * UNIT)));
    rounded(sample.saturating_add(part(blush, most)))
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
        let [_, smooth_u, smooth_v] = &field.smooth;
        let mut chroma = Chroma {
            from: [u, v],
            to: [to_u, to_v],
            blush: recipe.blush.map(|levels| (levels * f32::from(UNIT)) as i16),
        };
        let planes = [&field.chroma_blend, &field.blush, smooth_u, smooth_v];
        self.plane::<4, { CELL / 2 }>(planes, field, (w / 2, h / 2), &mut chroma);
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
            row.0.resize(width, 0);
        }
        for n in 0..N {
            widen::<SIDE>(&planes[n][..width], &mut self.below[n], &field.columns);
        }
        // A cell's values hold at its middle: half of its rows lie between the cell above and it, half below.
        for pair in 0..=field.height {
            std::mem::swap(&mut self.above, &mut self.below);
            let cells = pair.min(field.height - 1) * width;
            for n in 0..N {
                widen::<SIDE>(&planes[n][cells..][..width], &mut self.below[n], &field.columns);
            }
            let (mut above, mut below) = ([&[] as &[i16]; N], [&[] as &[i16]; N]);
            for n in 0..N {
                (above[n], below[n]) = (&self.above[n].samples()[..w], &self.below[n].samples()[..w]);
            }
            let mut done = 0;
            while let Some((cells, busy)) = field.run(pair, done) {
                done = cells.end;
                let samples = cells.start * SIDE..(cells.end * SIDE).min(w);
                for i in 0..SIDE {
                    let y = (pair * SIDE + i).wrapping_sub(SIDE / 2);
                    // Above the first row (wrapped around) or below the last.
                    if y >= h {
                        continue;
                    }
                    if !busy {
                        kernel.pass(samples.clone(), y);
                        continue;
                    }
                    let (mut over, mut under) = (above, below);
                    for n in 0..N {
                        (over[n], under[n]) = (&above[n][samples.clone()], &below[n][samples.clone()]);
                    }
                    kernel.row(samples.start, y, ((2 * i + 1) * 32768 / (2 * SIDE)) as i16, over, under);
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

/// Spreads these columns of a row of cells over `SIDE` samples each, 2 or 4, linearly between the cells' middles.
#[inline(always)]
fn widen<const SIDE: usize>(cells: &[i16], out: &mut Row, columns: &Range<usize>) {
    if columns.is_empty() {
        return;
    }
    let cells = &cells[columns.clone()];
    if SIDE == 4 {
        spread(cells, &mut out.0[columns.clone()], four)
    } else {
        spread(cells, &mut out.pairs()[columns.clone()], two)
    }
}

/// Makes a word of each cell and its neighbours. Beyond the ends the cells go on as they are.
#[inline(always)]
fn spread<W>(cells: &[i16], out: &mut [W], word: impl Fn(i16, i16, i16) -> W) {
    let n = cells.len();
    out[0] = word(cells[0], cells[0], cells[1.min(n - 1)]);
    let inner = n.saturating_sub(2);
    let (left, here, right) = (&cells[..inner], &cells[1..][..inner], &cells[2..][..inner]);
    for ((out, &here), (&left, &right)) in out[1..][..inner].iter_mut().zip(here).zip(left.iter().zip(right)) {
        *out = word(left, here, right);
    }
    out[n - 1] = word(cells[n.saturating_sub(2)], cells[n - 1], cells[n - 1]);
}

/// A cell's four samples, given its neighbours.
#[inline(always)]
fn four(left: i16, here: i16, right: i16) -> u64 {
    // All values are positive: differences fit.
    let (left, right) = (left.wrapping_sub(here), right.wrapping_sub(here));
    let first = pair(here.wrapping_add(left >> 2).wrapping_add(left >> 3), here.wrapping_add(left >> 3));
    let last = pair(here.wrapping_add(right >> 3), here.wrapping_add(right >> 2).wrapping_add(right >> 3));
    let (low, high) = if cfg!(target_endian = "little") { (first, last) } else { (last, first) };
    u64::from(low) | u64::from(high) << 32
}

/// A cell's two samples, given its neighbours.
#[inline(always)]
fn two(left: i16, here: i16, right: i16) -> u32 {
    let (left, right) = (left.wrapping_sub(here), right.wrapping_sub(here));
    pair(here.wrapping_add(left >> 2), here.wrapping_add(right >> 2))
}

/// Two samples as they lie in memory.
#[inline(always)]
fn pair(first: i16, last: i16) -> u32 {
    let (low, high) = if cfg!(target_endian = "little") { (first, last) } else { (last, first) };
    u32::from(low as u16) | u32::from(high as u16) << 16
}

/// The upper half of a product.
#[inline(always)]
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// `share` / 32768 of a value, but for its last bit. Nothing is ever lost by saturation, unless both are −32768: it is there because a
/// shift would be merged with that of the product, which then takes 32 bits and thrice the time.
#[inline(always)]
fn part(share: i16, of: i16) -> i16 {
    let half = high(share, of);
    half.saturating_add(half)
}

/// From `a` to `b`, `step` / 32768 of the way.
#[inline(always)]
fn between(a: i16, b: i16, step: i16) -> i16 {
    a.wrapping_add(part(b.wrapping_sub(a), step))
}

/// `distance` up to `far`; beyond it falls to nothing, which it is from twice `far` on: what differs this much is no texture.
#[inline(always)]
fn near(distance: i16, far: i16) -> i16 {
    let size = distance.saturating_abs();
    let kept = size.min(far.saturating_add(far).saturating_sub(size).max(0));
    if distance < 0 { kept.wrapping_neg() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_value_is_never_cut() {
        for share in (0..=i16::MAX).step_by(4095) {
            for of in i16::MIN..=i16::MAX {
                let exact = ((i32::from(share) * i32::from(of)) >> 16) * 2;
                assert_eq!([part(share, of), part(of, share)].map(i32::from), [exact; 2], "{share} {of}");
            }
        }
    }
}
