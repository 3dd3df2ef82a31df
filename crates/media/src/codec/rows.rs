//! Pictures put together from the rows of two, and which rows differ.

use std::ops::Range;

use crate::frame::{FramePool, VideoFrame};

/// Edge of the blocks that a preview consists of, in luma samples: four times that of the encoder's, most of which then equal
/// their neighbours.
const BLOCK: usize = 64;

/// The rows from the first that differs in luma to the last, and how many differ. All, for pictures of two sizes.
pub(super) fn changed(a: &VideoFrame, b: &VideoFrame) -> (Range<usize>, usize) {
    let (width, height) = (b.width() as usize, b.height() as usize);
    if (a.width(), a.height(), a.color) != (b.width(), b.height(), b.color) {
        return (0..height, height);
    }
    if std::ptr::eq(a.y(), b.y()) {
        return (0..0, 0);
    }
    let ([(from, from_stride), ..], [(to, to_stride), ..]) = (a.planes(), b.planes());
    let differs = |row: &usize| from[row * from_stride..][..width] != to[row * to_stride..][..width];
    let rows: Vec<usize> = (0..height).filter(differs).collect();
    match rows[..] {
        [] => (0..0, 0),
        [first, .., last] => (first..last + 1, rows.len()),
        [only] => (only..only + 1, 1),
    }
}

/// The first `until` rows of `new` above the rest of `old`, which has the same size. Taken when `new` was.
pub(super) fn joined(pool: &FramePool, new: &VideoFrame, old: &VideoFrame, until: usize) -> VideoFrame {
    let (width, height) = (new.width() as usize, new.height() as usize);
    let mut out = pool.get(new.width(), new.height());
    let shapes = [
        (width, height, until),
        (width / 2, height / 2, until.div_ceil(2)),
        (width / 2, height / 2, until.div_ceil(2)),
    ];
    for ((((to, to_stride), above), below), (columns, rows, until)) in
        out.planes_mut().into_iter().zip(new.planes()).zip(old.planes()).zip(shapes)
    {
        for row in 0..rows {
            let (from, stride) = if row < until { above } else { below };
            to[row * to_stride..][..columns].copy_from_slice(&from[row * stride..][..columns]);
        }
    }
    out.color = new.color;
    out.rotation = new.rotation;
    out.synthetic = new.synthetic;
    out.freeze(new.capture)
}

/// What the picture looks like from far away: blocks of one colour each, which cost next to nothing to send.
pub(super) fn preview(pool: &FramePool, picture: &VideoFrame) -> VideoFrame {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut out = pool.get(picture.width(), picture.height());
    let shapes = [(width, height, BLOCK), (width / 2, height / 2, BLOCK / 2), (width / 2, height / 2, BLOCK / 2)];
    for (((to, to_stride), (from, stride)), (columns, rows, block)) in
        out.planes_mut().into_iter().zip(picture.planes()).zip(shapes)
    {
        for top in (0..rows).step_by(block) {
            for left in (0..columns).step_by(block) {
                let (high, wide) = (block.min(rows - top), block.min(columns - left));
                let line = |row: usize| &from[row * stride + left..][..wide];
                let sum: u32 = (top..top + high).flat_map(line).map(|s| u32::from(*s)).sum();
                let mean = (sum / (high * wide) as u32) as u8;
                for row in top..top + high {
                    to[row * to_stride + left..][..wide].fill(mean);
                }
            }
        }
    }
    out.color = picture.color;
    out.rotation = picture.rotation;
    out.synthetic = picture.synthetic;
    out.freeze(picture.capture)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::MediaTime;

    fn grey(pool: &FramePool, luma: u8) -> VideoFrame {
        let mut picture = pool.get(64, 48);
        picture.fill(luma, luma, luma);
        picture.freeze(MediaTime(0))
    }

    #[test]
    fn rows_are_joined_and_found_again() {
        let pool = FramePool::new();
        let (old, new) = (grey(&pool, 10), grey(&pool, 200));
        let both = joined(&pool, &new, &old, 20);
        assert_eq!(changed(&old, &both), (0..20, 20));
        assert_eq!(changed(&new, &both), (20..48, 28));
        assert_eq!(changed(&both, &both.clone()), (0..0, 0));
        assert_eq!((both.u()[9 * both.u_stride()], both.u()[10 * both.u_stride()]), (200, 10));
        assert_eq!(changed(&both, &pool.get(32, 32).freeze(MediaTime(0))), (0..32, 32));
    }

    #[test]
    fn a_preview_has_the_mean_of_each_block() {
        let pool = FramePool::new();
        let mut picture = pool.get(160, 72);
        picture.fill(100, 90, 80);
        let [(y, stride), ..] = picture.planes_mut();
        // Every other column of the second block of the last, lower row of blocks.
        for row in 64..72 {
            (64..128).step_by(2).for_each(|x| y[row * stride + x] = 200);
        }
        let seen = preview(&pool, &picture.freeze(MediaTime(5)));
        let at = |x: usize, row: usize| seen.y()[row * seen.y_stride() + x];
        assert_eq!([at(0, 0), at(63, 71), at(64, 64), at(127, 71), at(128, 71)], [100, 100, 150, 150, 100]);
        assert_eq!((seen.u()[0], seen.v()[0], seen.capture), (90, 80, MediaTime(5)));
    }
}
