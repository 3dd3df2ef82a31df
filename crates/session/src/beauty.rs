//! The beauty filter between our camera and whoever sees its pictures: the room, our own tile, the person trying it out.
//!
//! It works on the thread that takes the camera's pictures, one picture at a time. That thread takes them from a slot of
//! one, so a filter that is too slow lets pictures go; it never makes them wait.

use std::sync::Arc;

use beckon_media::VideoFrame;
use beckon_media::beauty::Beauty;
use beckon_protocol::beauty::BeautySettings;
use parking_lot::Mutex;

/// What is asked of the filter; may change at any time. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct BeautyWish(Arc<Mutex<BeautySettings>>);

impl BeautyWish {
    pub(crate) fn new(settings: BeautySettings) -> Self {
        Self(Arc::new(Mutex::new(settings)))
    }

    /// From the next picture on.
    pub(crate) fn set(&self, settings: BeautySettings) {
        *self.0.lock() = settings;
    }

    pub(crate) fn get(&self) -> BeautySettings {
        *self.0.lock()
    }
}

/// The step that every picture of one camera takes.
pub(crate) struct BeautyStep {
    wish: BeautyWish,
    /// With its working memory; none while it is off.
    filter: Option<Beauty>,
}

impl BeautyStep {
    pub(crate) fn new(wish: BeautyWish) -> Self {
        Self { wish, filter: None }
    }

    /// The picture as it is wanted: the same one, planes and all, while the filter is off.
    pub(crate) fn take(&mut self, mut picture: VideoFrame) -> VideoFrame {
        let settings = self.wish.get();
        if settings.is_off() {
            self.filter = None;
        } else {
            self.filter.get_or_insert_default().apply(&mut picture, &settings);
        }
        picture
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use beckon_media::{FramePool, MediaTime};
    use beckon_protocol::beauty::BeautyStyle;

    /// Skin with the noise of a sensor on its left half, a grey wall with the same noise on its right.
    pub(crate) fn face(capture: MediaTime) -> VideoFrame {
        let (width, height) = (128, 96);
        let mut frame = FramePool::new().get(width, height);
        let [(y, y_stride), (u, u_stride), (v, v_stride)] = frame.planes_mut();
        let mut seed = 1_u32;
        for row in 0..height as usize {
            for column in 0..width as usize {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                y[row * y_stride + column] = 150 + (seed >> 24) as u8 % 9;
                let skin = column < width as usize / 2;
                (u[row / 2 * u_stride + column / 2], v[row / 2 * v_stride + column / 2]) =
                    if skin { (108, 152) } else { (128, 128) };
            }
        }
        frame.freeze(capture)
    }

    /// Variance of luma within a part of the picture, away from its edges.
    fn variance(frame: &VideoFrame, columns: std::ops::Range<usize>) -> f64 {
        let samples: Vec<f64> = (24..72)
            .flat_map(|row| columns.clone().map(move |column| (row, column)))
            .map(|(row, column)| f64::from(frame.y()[row * frame.y_stride() + column]))
            .collect();
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        samples.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / samples.len() as f64
    }

    /// Where a picture's samples lie: the same for every clone of it, and for nothing else.
    pub(crate) fn place(picture: &VideoFrame) -> [*const u8; 3] {
        picture.planes().map(|(plane, _)| plane.as_ptr())
    }

    #[test]
    fn a_filter_that_is_off_passes_the_very_same_picture_and_holds_no_memory() {
        let wish = BeautyWish::default();
        let mut step = BeautyStep::new(wish.clone());
        let face = face(MediaTime(7));
        assert_eq!(place(&step.take(face.clone())), place(&face));
        wish.set(BeautySettings::new(BeautyStyle::Smooth, 1, 0, 0).unwrap());
        assert_ne!(place(&step.take(face.clone())), place(&face));
        assert!(step.filter.is_some());
        wish.set(BeautySettings::new(BeautyStyle::Hazy, 0, 0, 0).unwrap());
        assert_eq!(place(&step.take(face.clone())), place(&face));
        assert!(step.filter.is_none());
    }

    #[test]
    fn skin_is_smoothed_and_what_is_no_skin_is_not() {
        let mut step = BeautyStep::new(BeautyWish::new(BeautySettings::new(BeautyStyle::Smooth, 9, 0, 0).unwrap()));
        let face = face(MediaTime(7));
        let passed = step.take(face.clone());
        assert_eq!(passed.capture, face.capture);
        let (skin, wall) = (8..48, 80..120);
        assert!(variance(&passed, skin.clone()) < variance(&face, skin) / 10.0);
        assert_eq!(variance(&passed, wall.clone()), variance(&face, wall));
    }
}
