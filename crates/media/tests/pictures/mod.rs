//! Looking at the pictures of a source that runs.

use std::time::{Duration, Instant};

use beckon_media::{LatestReceiver, RunningSource, VideoFrame};

/// Far longer than anything takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The first picture that fits.
pub fn until(
    pictures: &LatestReceiver<VideoFrame>,
    source: &RunningSource,
    what: &str,
    fits: impl Fn(&VideoFrame) -> bool,
) -> VideoFrame {
    let end = Instant::now() + PATIENCE;
    let mut last = None;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        match pictures.recv_timeout(left) {
            Ok(picture) if fits(&picture) => return picture,
            Ok(picture) => last = Some((size(&picture), at(&picture, 8, 8))),
            Err(error) => panic!("{what}: {error}; {:?}, last {last:?}", source.status()),
        }
    }
    panic!("{what}: not within {PATIENCE:?}, last {last:?}");
}

/// Luma and chroma of one pixel.
pub fn at(picture: &VideoFrame, x: usize, y: usize) -> [u8; 3] {
    [
        picture.y()[y * picture.y_stride() + x],
        picture.u()[y / 2 * picture.u_stride() + x / 2],
        picture.v()[y / 2 * picture.v_stride() + x / 2],
    ]
}

/// Width and height.
pub fn size(picture: &VideoFrame) -> (u32, u32) {
    (picture.width(), picture.height())
}
