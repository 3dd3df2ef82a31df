//! Scaling of I420 planes by libswscale: triangle filter, which is bilinear when enlarging and an area average
//! wide enough not to flicker when shrinking.

use std::ptr;

use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling::Flags;

use crate::frame::{PlaneRefs, plane_size};
use crate::halve::Halves;
use crate::swscale::{Picture, Refused, Swscale};

/// Why a picture could not be scaled.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScaleError {
    #[error("cannot scale {0}x{1} to {2}x{3}: sizes must be 1 to 32768")]
    Size(u32, u32, u32, u32),
    #[error("a plane is smaller than the {0}x{1} picture it belongs to")]
    Planes(u32, u32),
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// A scaler and the planes it writes.
#[derive(Default)]
pub(super) struct Scaler {
    tables: Swscale,
    halves: Halves,
    planes: [Vec<u8>; 3],
}

impl Scaler {
    /// Scales the `from` sized picture in `planes` to size `to`; the result lives until the next call.
    pub fn scale<'a>(
        &'a mut self,
        planes: PlaneRefs<'a>,
        from: (u32, u32),
        to: (u32, u32),
    ) -> Result<PlaneRefs<'a>, ScaleError> {
        let possible = |v: u32| (1..=1 << 15).contains(&v);
        if ![from.0, from.1, to.0, to.1].into_iter().all(possible) {
            return Err(ScaleError::Size(from.0, from.1, to.0, to.1));
        }
        for (i, (data, stride)) in planes.iter().enumerate() {
            let (w, h) = plane_size(from, i);
            if *stride < w || *stride > 1 << 20 || data.len() < stride * (h - 1) + w {
                return Err(ScaleError::Planes(from.0, from.1));
            }
        }
        let (planes, from) = self.halves.towards(planes, from, to);
        if from == to {
            return Ok(planes);
        }
        let strides: [usize; 3] = std::array::from_fn(|i| plane_size(to, i).0.next_multiple_of(64));
        for (i, plane) in self.planes.iter_mut().enumerate() {
            // A row to spare: vector code may write past a row's end, up to the stride.
            plane.resize(strides[i] * (plane_size(to, i).1 + 1), 0);
        }
        let [y, u, v] = &mut self.planes;
        let target = Picture {
            format: Pixel::YUV420P,
            width: to.0,
            height: to.1,
            planes: [y.as_mut_ptr(), u.as_mut_ptr(), v.as_mut_ptr(), ptr::null_mut()],
            strides: [strides[0] as i32, strides[1] as i32, strides[2] as i32, 0],
        };
        let [y, u, v] = planes;
        let source = Picture {
            format: Pixel::YUV420P,
            width: from.0,
            height: from.1,
            planes: [y.0.as_ptr(), u.0.as_ptr(), v.0.as_ptr(), ptr::null()],
            strides: [y.1 as i32, u.1 as i32, v.1 as i32, 0],
        };
        // SAFETY: every source plane holds the rows and columns of its size (checked above), every target plane was just made
        // large enough, strides match, and sources and targets do not overlap.
        unsafe { self.tables.run(&source, &target, Flags::BILINEAR) }?;
        Ok([(&self.planes[0], strides[0]), (&self.planes[1], strides[1]), (&self.planes[2], strides[2])])
    }
}
