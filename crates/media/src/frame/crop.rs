//! The middle of a picture in another shape.

use std::sync::Arc;

use super::video::{PlaneRefs, Planes, VideoFrame};

/// Shapes this close are the same, as a share: sizes that are no whole multiples, such as 1366 × 768.
const SAME: f64 = 0.02;

/// A part of another picture's planes.
struct Part {
    whole: VideoFrame,
    x: usize,
    y: usize,
}

impl Planes for Part {
    fn planes(&self) -> PlaneRefs<'_> {
        let [y, u, v] = self.whole.planes();
        let from = |(data, stride): (_, usize), x: usize, y: usize| {
            let data: &[u8] = data;
            (&data[y * stride + x..], stride)
        };
        [from(y, self.x, self.y), from(u, self.x / 2, self.y / 2), from(v, self.x / 2, self.y / 2)]
    }
}

/// The largest size of the shape `wanted` within `size`, in pixels, even; `size` itself where the shapes are the same.
pub(crate) fn within(size: (u32, u32), wanted: (u32, u32)) -> (u32, u32) {
    let shape = |(w, h): (u32, u32)| f64::from(w.max(1)) / f64::from(h.max(1));
    let (is, should) = (shape(size), shape(wanted));
    let even = |side: f64| ((side / 2.0).round() as u32 * 2).max(2);
    if (is / should - 1.0).abs() <= SAME {
        size
    } else if is > should {
        (even(f64::from(size.1) * should).min(size.0), size.1)
    } else {
        (size.0, even(f64::from(size.0) / should).min(size.1))
    }
}

impl VideoFrame {
    /// The middle of the picture, as large as it goes in the shape of `wanted` (width and height). Shares the planes.
    pub fn in_shape_of(self, wanted: (u32, u32)) -> Self {
        let size = (self.width(), self.height());
        let (width, height) = within(size, wanted);
        if (width, height) == size {
            return self;
        }
        let middle = |whole: u32, part: u32| ((whole - part) / 4 * 2) as usize;
        let part = Part { x: middle(size.0, width), y: middle(size.1, height), whole: self.clone() };
        let Some(mut cropped) = Self::from_planes(Arc::new(part), width, height, self.capture) else {
            // Even sizes within the whole always fit; the whole is no less true.
            return self;
        };
        (cropped.color, cropped.rotation, cropped.synthetic) = (self.color, self.rotation, self.synthetic);
        cropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MediaTime;
    use crate::frame::{ColorSpace, FramePool};

    /// Luma counts columns, colours count columns and rows of their own.
    fn picture(width: u32, height: u32) -> VideoFrame {
        let mut frame = FramePool::new().get(width, height);
        for (n, (data, stride)) in frame.planes_mut().into_iter().enumerate() {
            for (row, line) in data.chunks_mut(stride).enumerate() {
                for (column, value) in line.iter_mut().enumerate() {
                    *value = if n == 2 { row as u8 } else { column as u8 };
                }
            }
        }
        let mut frame = frame.freeze(MediaTime(7));
        frame.color = ColorSpace::Bt601Limited;
        frame
    }

    #[test]
    fn the_middle_is_taken_and_nothing_is_copied() {
        let wide = picture(64, 36);
        let at = wide.y().as_ptr() as usize;
        let cut = wide.in_shape_of((640, 480));
        assert_eq!((cut.width(), cut.height()), (48, 36));
        assert_eq!(cut.y().as_ptr() as usize, at + 8);
        assert_eq!((cut.y()[0], cut.u()[0], cut.v()[0]), (8, 4, 0));
        assert_eq!((cut.color, cut.capture), (ColorSpace::Bt601Limited, MediaTime(7)));

        let tall = picture(64, 48).in_shape_of((1280, 720));
        assert_eq!((tall.width(), tall.height()), (64, 36));
        assert_eq!((tall.y()[0], tall.v()[0]), (0, 3));
        // The last row is whole.
        let (data, stride) = tall.planes()[0];
        assert!(data.len() >= stride * 35 + 64);
    }

    #[test]
    fn a_picture_of_that_shape_is_left_as_it_is() {
        for (size, wanted) in [((64, 36), (1920, 1080)), ((1366, 768), (1280, 720)), ((640, 480), (240, 180))] {
            assert_eq!(within(size, wanted), size);
        }
        assert_eq!(within((1920, 1080), (1440, 1080)), (1440, 1080));
        assert_eq!(within((2, 2), (1, 1000)), (2, 2));
    }
}
