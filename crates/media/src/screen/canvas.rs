//! The picture that goes out, kept up to date by the parts that change.

use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

use super::Rect;
use super::grab::{Parts, Patch};
use super::shrink::Shrink;
use crate::clock::MediaTime;
use crate::frame::{FramePool, VideoFrame, VideoFrameMut};
use crate::scale::Scaler;

/// Where this share of the picture (in percent) has changed, all of it is made smaller anew: swscale's inner loops are
/// SIMD and [`Shrink`]'s are plain code, but it cannot do a part without a seam.
const MOST_OF_IT: u64 = 35;

/// Puts changed parts into I420 (BT.709, limited range), no larger than allowed.
pub(super) struct Canvas {
    most: (u32, u32),
    pool: FramePool,
    small_pool: FramePool,
    /// As large as what is shared.
    last: Option<VideoFrame>,
    drawing: Option<VideoFrameMut>,
    changed: Vec<Rect>,
    shrink: Option<Shrink>,
    scaler: Scaler,
    last_small: Option<VideoFrame>,
}

impl Canvas {
    /// Pictures of at most `most` pixels in width and height go out.
    pub(super) fn new(most: (u32, u32)) -> Self {
        Self {
            most,
            pool: FramePool::new(),
            small_pool: FramePool::new(),
            last: None,
            drawing: None,
            changed: Vec::new(),
            shrink: None,
            scaler: Scaler::new(),
            last_small: None,
        }
    }

    /// The picture as its parts have made it; `None` when none came.
    pub(super) fn finish(&mut self, capture: MediaTime) -> Option<VideoFrame> {
        let picture = self.drawing.take()?.freeze(capture);
        let from = (picture.width(), picture.height());
        let to = within(from, self.most);
        let changed = std::mem::take(&mut self.changed);
        self.last = Some(picture.clone());
        if to == from {
            return Some(picture);
        }
        let small = match self.scale_most(&picture, &changed, to) {
            Some(small) => small,
            None => self.shrink_parts(&picture, changed, to).freeze(capture),
        };
        self.last_small = Some(small.clone());
        Some(small)
    }

    /// All of `picture` smaller, if much of it has changed or none of it was made smaller before.
    fn scale_most(&mut self, picture: &VideoFrame, changed: &[Rect], to: (u32, u32)) -> Option<VideoFrame> {
        let area: u64 = changed.iter().map(|part| u64::from(part.w) * u64::from(part.h)).sum();
        let all = u64::from(picture.width()) * u64::from(picture.height());
        let fits = self.last_small.as_ref().is_some_and(|last| (last.width(), last.height()) == to);
        if fits && area * 100 < all * MOST_OF_IT {
            return None;
        }
        match self.scaler.scale(picture, to.0, to.1) {
            Ok(small) => Some(small),
            Err(error) => {
                tracing::warn!(%error, "a screen's picture is made smaller the slow way");
                None
            }
        }
    }

    /// What has changed of `picture` smaller, the rest as it was.
    fn shrink_parts(&mut self, picture: &VideoFrame, changed: Vec<Rect>, to: (u32, u32)) -> VideoFrameMut {
        let from = (picture.width(), picture.height());
        let known = self.shrink.take().filter(|s| s.fits(from, to));
        let shrink = self.shrink.insert(known.unwrap_or_else(|| Shrink::new(from, to)));
        let mut small = self.small_pool.get(to.0, to.1);
        if self.last_small.as_ref().is_some_and(|last| small.copy_from(last)) {
            for part in changed {
                let place = shrink.place(part);
                shrink.run(picture, &mut small, place);
            }
        } else {
            shrink.run(picture, &mut small, Rect::new(0, 0, to.0, to.1));
        }
        small
    }
}

impl Parts for Canvas {
    fn begin(&mut self, width: u32, height: u32, whole: bool) {
        let mut drawing = self.pool.get(width, height);
        self.changed.clear();
        if !whole && !self.last.as_ref().is_some_and(|last| drawing.copy_from(last)) {
            // Whoever hands over parts of a picture we have never seen leaves the rest black, not what the pool had left.
            drawing.fill(16, 128, 128);
        }
        self.drawing = Some(drawing);
    }

    fn part(&mut self, patch: Patch<'_>) {
        let Some(drawing) = &mut self.drawing else { return };
        let Patch { place, bgrx, stride } = patch;
        let bounds = Rect::new(0, 0, drawing.width(), drawing.height());
        let even = [place.x as u32, place.y as u32, place.w, place.h].iter().all(|n| n.is_multiple_of(2));
        if place.is_empty() || place.intersection(&bounds) != place || !even {
            tracing::error!(?place, ?bounds, "a changed part lies badly; left out");
            return;
        }
        let (x, y) = (place.x as usize, place.y as usize);
        let [luma, u, v] = drawing.planes_mut();
        let mut image = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(&mut luma.0[y * luma.1 + x..]),
            y_stride: luma.1 as u32,
            u_plane: BufferStoreMut::Borrowed(&mut u.0[y / 2 * u.1 + x / 2..]),
            u_stride: u.1 as u32,
            v_plane: BufferStoreMut::Borrowed(&mut v.0[y / 2 * v.1 + x / 2..]),
            v_stride: v.1 as u32,
            width: place.w,
            height: place.h,
        };
        let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt709);
        let done = yuv::bgra_to_yuv420(&mut image, bgrx, stride as u32, range, matrix, YuvConversionMode::Balanced);
        match done {
            Ok(()) => self.changed.push(place),
            Err(error) => tracing::error!(%error, ?place, "a changed part cannot be converted; left out"),
        }
    }
}

/// The largest even size of the same shape within `most`; the picture's own where that fits.
pub(super) fn within((width, height): (u32, u32), most: (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(most.0) / f64::from(width)).min(f64::from(most.1) / f64::from(height));
    if scale >= 1.0 {
        return (width, height);
    }
    let scaled = |side: u32| (((f64::from(side) * scale / 2.0).round() as u32) * 2).max(2);
    (scaled(width), scaled(height))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const WHITE: [u8; 4] = [255, 255, 255, 0];
    const RED: [u8; 4] = [0, 0, 255, 0];

    fn patch(canvas: &mut Canvas, place: Rect, colour: [u8; 4]) {
        let bgrx = colour.repeat((place.w * place.h) as usize);
        canvas.part(Patch { place, bgrx: &bgrx, stride: place.w as usize * 4 });
    }

    fn luma(picture: &VideoFrame, x: usize, y: usize) -> u8 {
        picture.y()[y * picture.y_stride() + x]
    }

    #[test]
    fn a_part_changes_its_place_and_nothing_else() {
        let mut canvas = Canvas::new((1000, 1000));
        canvas.begin(64, 32, true);
        patch(&mut canvas, Rect::new(0, 0, 64, 32), WHITE);
        let first = canvas.finish(MediaTime(1)).unwrap();
        assert_eq!((luma(&first, 0, 0), luma(&first, 63, 31)), (235, 235));
        canvas.begin(64, 32, false);
        patch(&mut canvas, Rect::new(10, 4, 6, 8), RED);
        let second = canvas.finish(MediaTime(2)).unwrap();
        // BT.709's red in limited range.
        assert!(luma(&second, 10, 4).abs_diff(63) <= 1, "{}", luma(&second, 10, 4));
        assert!(second.v()[3 * second.v_stride() + 6].abs_diff(240) <= 1);
        assert_eq!([(9, 4), (16, 4), (10, 3), (10, 12)].map(|(x, y)| luma(&second, x, y)), [235; 4]);
        assert_eq!(luma(&first, 10, 4), 235, "who holds the first picture still sees it");
        assert!(canvas.finish(MediaTime(3)).is_none());
    }

    #[test]
    fn what_is_too_large_is_made_smaller_and_changes_there_too() {
        let mut canvas = Canvas::new((100, 60));
        canvas.begin(200, 200, true);
        patch(&mut canvas, Rect::new(0, 0, 200, 200), WHITE);
        let first = canvas.finish(MediaTime(1)).unwrap();
        assert_eq!((first.width(), first.height(), luma(&first, 30, 30)), (60, 60, 235));
        canvas.begin(200, 200, false);
        patch(&mut canvas, Rect::new(100, 100, 100, 100), RED);
        let second = canvas.finish(MediaTime(2)).unwrap();
        assert!(luma(&second, 45, 45).abs_diff(63) <= 1);
        assert_eq!(luma(&second, 28, 28), 235);
    }

    #[test]
    fn a_change_of_everything_and_changes_of_parts_end_in_the_same_picture() {
        // Letters' worth of fine detail.
        let pixel = |x: u32, y: u32| if (x * 7 + y * 13) % 11 < 4 { RED } else { WHITE };
        let part = |canvas: &mut Canvas, place: Rect| {
            let rows = place.y as u32..place.bottom() as u32;
            let bgrx: Vec<u8> = rows.flat_map(|y| (0..180).flat_map(move |x| pixel(x, y))).collect();
            canvas.part(Patch { place, bgrx: &bgrx, stride: 180 * 4 });
        };
        let mut at_once = Canvas::new((120, 120));
        at_once.begin(180, 180, true);
        part(&mut at_once, Rect::new(0, 0, 180, 180));
        let at_once = at_once.finish(MediaTime(1)).unwrap();
        let mut by_parts = Canvas::new((120, 120));
        by_parts.begin(180, 180, true);
        patch(&mut by_parts, Rect::new(0, 0, 180, 180), WHITE);
        by_parts.finish(MediaTime(1)).unwrap();
        let mut last = None;
        for n in 0..6 {
            by_parts.begin(180, 180, false);
            part(&mut by_parts, Rect::new(0, n * 30, 180, 30));
            last = by_parts.finish(MediaTime(2));
        }
        let by_parts = last.unwrap();
        for (side, (a, b)) in [120, 60, 60].into_iter().zip(at_once.planes().into_iter().zip(by_parts.planes())) {
            let rows = (0..side).map(|row| (&a.0[row * a.1..][..side], &b.0[row * b.1..][..side]));
            let differs = rows.flat_map(|(a, b)| a.iter().zip(b)).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(differs <= Some(3), "{differs:?} levels");
        }
    }

    #[test]
    fn a_part_outside_the_picture_is_left_out() {
        let mut canvas = Canvas::new((100, 60));
        canvas.begin(20, 20, true);
        patch(&mut canvas, Rect::new(0, 0, 20, 20), WHITE);
        patch(&mut canvas, Rect::new(10, 10, 12, 4), RED);
        patch(&mut canvas, Rect::new(3, 2, 4, 4), RED);
        let picture = canvas.finish(MediaTime(1)).unwrap();
        assert!((0..20).all(|x| luma(&picture, x, 11) == 235 && luma(&picture, x, 3) == 235));
    }

    #[test]
    fn a_picture_keeps_its_shape() {
        assert_eq!(within((3840, 2160), (2560, 1600)), (2560, 1440));
        assert_eq!(within((1000, 3000), (2560, 1600)), (534, 1600));
        assert_eq!(within((1366, 768), (2560, 1600)), (1366, 768));
    }
}
