//! What cameras send, as I420.

use super::driver::{Picture, Pixel};
use crate::clock::MediaTime;
use crate::codec::{VideoCodec, VideoDecoder};
use crate::frame::{ColorSpace, FramePool, VideoFrame};

/// Makes frames of the pictures of one camera.
pub(super) struct Converter {
    pool: FramePool,
    jpeg: Option<VideoDecoder>,
}

impl Converter {
    pub(super) fn new() -> Self {
        Self { pool: FramePool::new(), jpeg: None }
    }

    /// `None` when the data is no whole picture.
    pub(super) fn convert(&mut self, picture: &Picture<'_>) -> Option<VideoFrame> {
        let &Picture { pixel, width, height, data, capture } = picture;
        match pixel {
            Pixel::Yuyv => yuyv(&self.pool, data, width, height, capture),
            Pixel::Nv12 => nv12(&self.pool, data, width, height, capture),
            Pixel::Mjpeg => {
                if self.jpeg.is_none() {
                    self.jpeg = VideoDecoder::new(VideoCodec::Mjpeg).ok();
                }
                self.jpeg.as_mut()?.decode(data, capture).ok().flatten()
            }
        }
    }
}

/// Packed 4:2:2 (Y U Y V) without padding between rows; `None` when `data` is too short or the size odd.
fn yuyv(pool: &FramePool, data: &[u8], width: u32, height: u32, capture: MediaTime) -> Option<VideoFrame> {
    let (w, h) = even(width, height)?;
    let data = data.get(..w * 2 * h)?;
    let mut out = pool.get(width, height);
    let [(y, ys), (u, us), (v, vs)] = out.planes_mut();
    for (n, pair) in data.chunks_exact(w * 4).enumerate() {
        let (upper, lower) = pair.split_at(w * 2);
        for (row, line) in [upper, lower].into_iter().enumerate() {
            let to = &mut y[(n * 2 + row) * ys..][..w];
            for (to, from) in to.iter_mut().zip(line.chunks_exact(2)) {
                *to = from[0];
            }
        }
        let chroma = u[n * us..][..w / 2].iter_mut().zip(&mut v[n * vs..][..w / 2]);
        for ((u, v), (a, b)) in chroma.zip(upper.chunks_exact(4).zip(lower.chunks_exact(4))) {
            *u = mean(a[1], b[1]);
            *v = mean(a[3], b[3]);
        }
    }
    out.color = ColorSpace::Bt601Limited;
    Some(out.freeze(capture))
}

/// Y plane, then interleaved U and V, without padding; `None` when `data` is too short or the size odd.
fn nv12(pool: &FramePool, data: &[u8], width: u32, height: u32, capture: MediaTime) -> Option<VideoFrame> {
    let (w, h) = even(width, height)?;
    let luma = data.get(..w * h)?;
    let chroma = data.get(w * h..w * h * 3 / 2)?;
    let mut out = pool.get(width, height);
    let [(y, ys), (u, us), (v, vs)] = out.planes_mut();
    for (n, line) in luma.chunks_exact(w).enumerate() {
        y[n * ys..][..w].copy_from_slice(line);
    }
    for (n, line) in chroma.chunks_exact(w).enumerate() {
        let to = u[n * us..][..w / 2].iter_mut().zip(&mut v[n * vs..][..w / 2]);
        for ((u, v), from) in to.zip(line.chunks_exact(2)) {
            *u = from[0];
            *v = from[1];
        }
    }
    out.color = ColorSpace::Bt601Limited;
    Some(out.freeze(capture))
}

/// Sizes as `usize` if even and not absurd.
fn even(width: u32, height: u32) -> Option<(usize, usize)> {
    let fine = |side: u32| (2..=16_384).contains(&side) && side.is_multiple_of(2);
    (fine(width) && fine(height)).then_some((width as usize, height as usize))
}

fn mean(a: u8, b: u8) -> u8 {
    (u16::from(a) + u16::from(b)).div_ceil(2) as u8
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn yuyv_keeps_luma_and_averages_chroma() {
        let data = [1, 100, 2, 200, 3, 100, 4, 200, 5, 110, 6, 210, 7, 110, 8, 210];
        let f = yuyv(&FramePool::new(), &data, 4, 2, MediaTime(9)).unwrap();
        assert_eq!(&f.y()[..4], [1, 2, 3, 4]);
        assert_eq!(&f.y()[f.y_stride()..][..4], [5, 6, 7, 8]);
        assert_eq!((&f.u()[..2], &f.v()[..2]), (&[105, 105][..], &[205, 205][..]));
        assert_eq!((f.color, f.capture), (ColorSpace::Bt601Limited, MediaTime(9)));
    }

    #[test]
    fn nv12_is_taken_apart() {
        let data = [1, 2, 3, 4, 5, 6, 7, 8, 100, 200, 101, 201];
        let f = nv12(&FramePool::new(), &data, 4, 2, MediaTime(0)).unwrap();
        assert_eq!((&f.y()[..4], &f.u()[..2], &f.v()[..2]), (&[1, 2, 3, 4][..], &[100, 101][..], &[200, 201][..]));
    }

    #[test]
    fn too_little_data_and_odd_sizes_are_refused() {
        let pool = FramePool::new();
        assert!(yuyv(&pool, &[0; 15], 4, 2, MediaTime(0)).is_none());
        assert!(nv12(&pool, &[0; 11], 4, 2, MediaTime(0)).is_none());
        assert!(yuyv(&pool, &[0; 100], 3, 2, MediaTime(0)).is_none());
        assert!(yuyv(&pool, &[0; 100], 0, 0, MediaTime(0)).is_none());
    }
}
