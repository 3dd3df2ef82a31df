//! Moments of a picture's cells.

use super::CELL;
use crate::frame::VideoFrame;

/// For each cell, left to right and top to bottom; 128 is taken off every sample, so that squares stay small.
#[derive(Default)]
pub(super) struct Cells {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Mean of luma.
    pub(super) mean: Vec<f32>,
    /// Mean of luma squared.
    pub(super) square: Vec<f32>,
    /// Mean of Cb.
    pub(super) u: Vec<f32>,
    /// Mean of Cr.
    pub(super) v: Vec<f32>,
    sums: Vec<i16>,
    squares: Vec<u16>,
}

impl Cells {
    /// Takes the moments of a picture. Where the size is no multiple of a cell's, the last cells overlap those before.
    #[inline(always)]
    pub(super) fn gather(&mut self, frame: &VideoFrame) {
        let (w, h) = (frame.width() as usize, frame.height() as usize);
        (self.width, self.height) = (w.div_ceil(CELL), h.div_ceil(CELL));
        let cells = self.width * self.height;
        for plane in [&mut self.mean, &mut self.square, &mut self.u, &mut self.v] {
            plane.resize(cells, 0.0);
        }
        self.sums.resize(w, 0);
        self.squares.resize(w, 0);
        let [(y, ys), (u, us), (v, vs)] = frame.planes();
        for row in 0..self.height {
            let at = row * self.width..(row + 1) * self.width;
            let top = (row * CELL).min(h - CELL);
            let rows = std::array::from_fn(|i| &y[(top + i) * ys..][..w]);
            luma_row(
                rows,
                &mut self.sums[..w],
                &mut self.squares[..w],
                &mut self.mean[at.clone()],
                &mut self.square[at.clone()],
            );
            let top = (row * CELL / 2).min(h / 2 - 2);
            for (plane, stride, out) in [(u, us, &mut self.u), (v, vs, &mut self.v)] {
                let rows = std::array::from_fn(|i| &plane[(top + i) * stride..][..w / 2]);
                chroma_row(rows, &mut out[at.clone()]);
            }
        }
    }
}

#[inline(always)]
fn luma_row(rows: [&[u8]; CELL], sums: &mut [i16], squares: &mut [u16], mean: &mut [f32], square: &mut [f32]) {
    let w = sums.len();
    let [a, b, c, d] = rows.map(|row| &row[..w]);
    let squares = &mut squares[..w];
    for x in 0..w {
        let s = [a[x], b[x], c[x], d[x]].map(|s| i16::from(s).wrapping_sub(128));
        sums[x] = s[0].wrapping_add(s[1]).wrapping_add(s[2]).wrapping_add(s[3]);
        // Four squares of −128 are one too many for 16 bits: saturation is off by 1 of 65536 there.
        let q = s.map(|s| s.wrapping_mul(s) as u16);
        squares[x] = q[0].saturating_add(q[1]).saturating_add(q[2]).saturating_add(q[3]);
    }
    const PART: f32 = 1.0 / (CELL * CELL) as f32;
    for (out, s) in mean.iter_mut().zip(sums.chunks_exact(CELL)) {
        *out = (i32::from(s[0]) + i32::from(s[1]) + i32::from(s[2]) + i32::from(s[3])) as f32 * PART;
    }
    for (out, q) in square.iter_mut().zip(squares.chunks_exact(CELL)) {
        *out = (i32::from(q[0]) + i32::from(q[1]) + i32::from(q[2]) + i32::from(q[3])) as f32 * PART;
    }
    if let ([.., mean], [.., square]) = (mean, square)
        && !w.is_multiple_of(CELL)
    {
        *mean = sums[w - CELL..].iter().map(|&s| f32::from(s)).sum::<f32>() * PART;
        *square = squares[w - CELL..].iter().map(|&q| f32::from(q)).sum::<f32>() * PART;
    }
}

#[inline(always)]
fn chroma_row([a, b]: [&[u8]; 2], out: &mut [f32]) {
    let mean = |a: &[u8], b: &[u8]| {
        (i32::from(a[0]) + i32::from(a[1]) + i32::from(b[0]) + i32::from(b[1])) as f32 * 0.25 - 128.0
    };
    for ((out, a), b) in out.iter_mut().zip(a.chunks_exact(2)).zip(b.chunks_exact(2)) {
        *out = mean(a, b);
    }
    let w = a.len();
    if let [.., last] = out
        && !w.is_multiple_of(2)
    {
        *last = mean(&a[w - 2..], &b[w - 2..]);
    }
}
