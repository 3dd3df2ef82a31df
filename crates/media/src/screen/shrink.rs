//! Makes a part of a picture smaller: each new sample is the mean of the area it stands for, so that thin lines and
//! small letters fade instead of vanishing. A sample depends on its own area alone, so a part that has changed can be
//! redone without the rest and without a seam.

use super::Rect;
use crate::frame::{VideoFrame, VideoFrameMut};

/// The samples of one axis: for each new one, the first old one it covers and how much of each.
struct Axis {
    first: Vec<u32>,
    /// `taps` weights for each new sample, in 256ths; they add up to 256.
    weights: Vec<u16>,
    taps: usize,
}

impl Axis {
    /// From `old` samples to `new` ones, not more.
    fn new(old: u32, new: u32) -> Self {
        let ratio = f64::from(old) / f64::from(new);
        let taps = (ratio.ceil() as usize + 1).min(old as usize);
        let mut axis = Self { first: Vec::new(), weights: Vec::new(), taps };
        for n in 0..new {
            let (from, to) = (f64::from(n) * ratio, (f64::from(n) + 1.0) * ratio);
            let first = (from as u32).min(old - taps as u32);
            let cover = |tap: usize| {
                let at = f64::from(first) + tap as f64;
                (to.min(at + 1.0) - from.max(at)).max(0.0) / ratio
            };
            let mut weights: Vec<u16> = (0..taps).map(|tap| (cover(tap) * 256.0).round() as u16).collect();
            let sum: u16 = weights.iter().sum();
            // What rounding left over goes to the heaviest, where it matters least.
            if let Some(heaviest) = weights.iter_mut().max_by_key(|w| **w) {
                *heaviest = (*heaviest + 256).saturating_sub(sum);
            }
            axis.first.push(first);
            axis.weights.extend(weights);
        }
        axis
    }
}

/// Tables for one pair of sizes.
pub(super) struct Shrink {
    from: (u32, u32),
    to: (u32, u32),
    luma: (Axis, Axis),
    chroma: (Axis, Axis),
    row: Vec<u16>,
}

impl Shrink {
    /// From one size to another that is not larger in either direction; all sides even.
    pub(super) fn new(from: (u32, u32), to: (u32, u32)) -> Self {
        let axes = |half: u32| (Axis::new(from.0 / half, to.0 / half), Axis::new(from.1 / half, to.1 / half));
        Self { from, to, luma: axes(1), chroma: axes(2), row: vec![0; from.0 as usize] }
    }

    pub(super) fn fits(&self, from: (u32, u32), to: (u32, u32)) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// Where `part` of the old picture shows in the new one, on even coordinates.
    pub(super) fn place(&self, part: Rect) -> Rect {
        let down = |at: i32, from: u32, to: u32| (i64::from(at) * i64::from(to) / i64::from(from)) as i32 & !1;
        let up = |at: i32, from: u32, to: u32| {
            let exact = (i64::from(at) * i64::from(to)).div_euclid(i64::from(from)) as i32;
            ((exact + 2) & !1).min(to as i32)
        };
        let (x, y) = (down(part.x, self.from.0, self.to.0), down(part.y, self.from.1, self.to.1));
        let right = up(part.right(), self.from.0, self.to.0);
        let bottom = up(part.bottom(), self.from.1, self.to.1);
        Rect::new(x, y, (right - x).max(0) as u32, (bottom - y).max(0) as u32)
    }

    /// Redoes `place` of the new picture from the old one.
    pub(super) fn run(&mut self, old: &VideoFrame, new: &mut VideoFrameMut, place: Rect) {
        let halves = [1, 2, 2];
        for (((to, to_stride), (from, from_stride)), half) in new.planes_mut().into_iter().zip(old.planes()).zip(halves)
        {
            let (columns, rows) = if half == 1 { &self.luma } else { &self.chroma };
            let (left, top) = (place.x as usize / half, place.y as usize / half);
            let (width, height) = (place.w as usize / half, place.h as usize / half);
            if width == 0 || height == 0 {
                continue;
            }
            // The old columns that this part reads.
            let begin = columns.first[left] as usize;
            let end = columns.first[left + width - 1] as usize + columns.taps;
            for y in top..top + height {
                let sum = &mut self.row[begin..end];
                let first = rows.first[y] as usize;
                sum.fill(0);
                for (tap, &weight) in rows.weights[y * rows.taps..][..rows.taps].iter().enumerate() {
                    if weight == 0 {
                        continue;
                    }
                    let line = &from[(first + tap) * from_stride..][begin..end];
                    // At most 255 × 256 in all.
                    for (sum, &sample) in sum.iter_mut().zip(line) {
                        *sum += u16::from(sample) * weight;
                    }
                }
                let out = &mut to[y * to_stride + left..][..width];
                let firsts = &columns.first[left..left + width];
                let weights = &columns.weights[left * columns.taps..];
                match columns.taps {
                    2 => across::<2>(out, &self.row, firsts, weights),
                    3 => across::<3>(out, &self.row, firsts, weights),
                    4 => across::<4>(out, &self.row, firsts, weights),
                    taps => across_many(out, &self.row, firsts, weights, taps),
                }
            }
        }
    }
}

fn across<const TAPS: usize>(out: &mut [u8], row: &[u16], firsts: &[u32], weights: &[u16]) {
    let (weights, _) = weights.as_chunks::<TAPS>();
    for ((out, &first), weights) in out.iter_mut().zip(firsts).zip(weights) {
        let samples = &row[first as usize..][..TAPS];
        let sum: u32 = samples.iter().zip(weights).map(|(&s, &w)| u32::from(s) * u32::from(w)).sum();
        *out = ((sum + (1 << 15)) >> 16) as u8;
    }
}

fn across_many(out: &mut [u8], row: &[u16], firsts: &[u32], weights: &[u16], taps: usize) {
    for ((out, &first), weights) in out.iter_mut().zip(firsts).zip(weights.chunks_exact(taps)) {
        let samples = &row[first as usize..][..taps];
        let sum: u32 = samples.iter().zip(weights).map(|(&s, &w)| u32::from(s) * u32::from(w)).sum();
        *out = ((sum + (1 << 15)) >> 16) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MediaTime;
    use crate::frame::FramePool;
    use crate::testcard::TestCard;

    #[test]
    fn the_mean_of_an_area_is_kept() {
        let pool = FramePool::new();
        let mut old = pool.get(12, 6);
        let stride = old.planes_mut()[0].1;
        old.fill(0, 100, 200);
        for (n, sample) in old.planes_mut()[0].0.iter_mut().enumerate() {
            *sample = if (n % stride).is_multiple_of(3) { 255 } else { 0 };
        }
        let old = old.freeze(MediaTime(0));
        let mut new = pool.get(4, 2);
        new.fill(1, 1, 1);
        let mut shrink = Shrink::new((12, 6), (4, 2));
        shrink.run(&old, &mut new, Rect::new(0, 0, 4, 2));
        let new = new.freeze(MediaTime(0));
        assert_eq!(&new.y()[..4], [85, 85, 85, 85]);
        assert_eq!((new.u()[1], new.v()[1]), (100, 200));
    }

    #[test]
    fn redoing_a_part_gives_the_same_as_redoing_all() {
        let (from, to) = ((1920, 1080), (1366, 768));
        let pool = FramePool::new();
        let before = TestCard::new(from.0, from.1).draw(1, MediaTime(0));
        let mut changed = pool.get(from.0, from.1);
        changed.copy_from(&before);
        let part = Rect::new(302, 200, 66, 24);
        for (half, (plane, stride)) in [1, 2, 2].into_iter().zip(changed.planes_mut()) {
            for row in part.y as usize / half..part.bottom() as usize / half {
                plane[row * stride + part.x as usize / half..][..part.w as usize / half].fill(77);
            }
        }
        let changed = changed.freeze(MediaTime(0));
        let mut shrink = Shrink::new(from, to);
        let whole = Rect::new(0, 0, to.0, to.1);
        let (mut by_parts, mut at_once) = (pool.get(to.0, to.1), pool.get(to.0, to.1));
        shrink.run(&before, &mut by_parts, whole);
        let place = shrink.place(part);
        shrink.run(&changed, &mut by_parts, place);
        shrink.run(&changed, &mut at_once, whole);
        let (a, b) = (by_parts.freeze(MediaTime(0)), at_once.freeze(MediaTime(0)));
        for (half, (a, b)) in [1, 2, 2].into_iter().zip(a.planes().into_iter().zip(b.planes())) {
            for row in 0..to.1 as usize / half {
                let columns = to.0 as usize / half;
                assert!(a.0[row * a.1..][..columns] == b.0[row * b.1..][..columns], "row {row}");
            }
        }
    }

    #[test]
    fn a_part_at_the_edge_stays_within_the_new_picture() {
        let shrink = Shrink::new((1920, 1080), (1280, 720));
        assert_eq!(shrink.place(Rect::new(1918, 1078, 2, 2)), Rect::new(1278, 718, 2, 2));
        assert_eq!(shrink.place(Rect::new(0, 0, 1920, 1080)), Rect::new(0, 0, 1280, 720));
    }
}
