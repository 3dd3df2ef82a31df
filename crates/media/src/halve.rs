//! I420 planes of half the width and height: each sample is the mean of four.
//!
//! On the way to a picture of less than half the size this is what an area average does anyway, at a fifth of what the general way
//! takes: people's own small picture beside a call, the small layers of a camera.

use crate::frame::{PlaneRefs, plane_size};

/// Planes of half the size, a quarter, and so on.
#[derive(Default)]
pub(crate) struct Halves {
    steps: Vec<[Vec<u8>; 3]>,
}

impl Halves {
    /// Halves planes of size `from` as often as they stay at least as large as `to`: what came of it, and its size. They hold
    /// all rows and columns of their size.
    pub(crate) fn towards<'a>(
        &'a mut self,
        planes: PlaneRefs<'a>,
        from: (u32, u32),
        to: (u32, u32),
    ) -> (PlaneRefs<'a>, (u32, u32)) {
        let count = halvings(from, to);
        if self.steps.len() < count {
            self.steps.resize_with(count, Default::default);
        }
        let (mut planes, mut size) = (planes, from);
        for step in self.steps.iter_mut().take(count) {
            size = (size.0 / 2, size.1 / 2);
            let strides: [usize; 3] = std::array::from_fn(|n| halve(planes[n], plane_size(size, n), &mut step[n]));
            let [y, u, v] = &*step;
            planes = [(y, strides[0]), (u, strides[1]), (v, strides[2])];
        }
        (planes, size)
    }
}

/// How often a picture can be halved evenly, colour too, until it would be smaller than `to`.
fn halvings(from: (u32, u32), to: (u32, u32)) -> usize {
    let (mut size, mut count) = (from, 0);
    let even = |v: u32| v > 0 && v.is_multiple_of(4);
    while even(size.0) && even(size.1) && size.0 / 2 >= to.0.max(1) && size.1 / 2 >= to.1.max(1) {
        size = (size.0 / 2, size.1 / 2);
        count += 1;
    }
    count
}

/// Fills `to` with a plane of `size`, which is half that of `from`; gives its stride.
fn halve((from, stride): (&[u8], usize), size: (usize, usize), to: &mut Vec<u8>) -> usize {
    let (columns, rows) = size;
    let wide = columns.next_multiple_of(64);
    // A row to spare: vector code may look past a row's end.
    to.resize(wide * (rows + 1), 0);
    for (row, to) in to.chunks_exact_mut(wide).take(rows).enumerate() {
        let upper = from[2 * row * stride..][..2 * columns].as_chunks::<2>().0;
        let lower = from[(2 * row + 1) * stride..][..2 * columns].as_chunks::<2>().0;
        for ((to, upper), lower) in to.iter_mut().zip(upper).zip(lower) {
            // Two samples as one number: that is what vector units can take apart at once.
            let pair = |both: &[u8; 2]| {
                let both = u16::from_le_bytes(*both);
                (both & 0xff) + (both >> 8)
            };
            *to = ((pair(upper) + pair(lower) + 2) >> 2) as u8;
        }
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_halved_as_long_as_they_stay_large_enough_and_even() {
        assert_eq!(halvings((1280, 720), (240, 135)), 2);
        assert_eq!(halvings((1280, 720), (640, 360)), 1);
        assert_eq!(halvings((1280, 720), (641, 360)), 0);
        assert_eq!(halvings((1280, 720), (320, 361)), 0);
        assert_eq!(halvings((1282, 720), (100, 100)), 0);
        assert_eq!(halvings((1280, 720), (0, 0)), 3, "half of 160 × 90 has colour of 40 × 22½");
        assert_eq!(halvings((0, 0), (0, 0)), 0);
    }

    #[test]
    fn each_sample_is_the_mean_of_four() {
        // Rows of 20 in memory, of which 16 (luma) and 8 (colour) are the picture's.
        let luma: Vec<u8> = (0..20 * 8).map(|n| (n * 7 % 251) as u8).collect();
        let colour: Vec<u8> = (0..20 * 4).map(|n| (n * 13 % 251) as u8).collect();
        let mut halves = Halves::default();
        let planes = [(luma.as_slice(), 20), (colour.as_slice(), 20), (colour.as_slice(), 20)];
        let (half, size) = halves.towards(planes, (16, 8), (8, 4));
        assert_eq!(size, (8, 4));
        for (n, (from, (to, stride))) in [&luma, &colour, &colour].into_iter().zip(half).enumerate() {
            let (columns, rows) = plane_size(size, n);
            for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                let four = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(b, a)| u32::from(from[(2 * y + b) * 20 + 2 * x + a]));
                assert_eq!(u32::from(to[y * stride + x]), (four.iter().sum::<u32>() + 2) / 4);
            }
        }
        let (same, size) = halves.towards(planes, (16, 8), (9, 4));
        assert_eq!((size, same[0].1), ((16, 8), 20));
    }
}
