//! Scaling of I420 planes by libswscale: triangle filter, which is bilinear when enlarging and an area average
//! wide enough not to flicker when shrinking.

use std::ptr;

use ffmpeg_next::ffi;

use super::picture::PlaneRefs;

/// Why a picture could not be scaled.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScaleError {
    #[error("cannot scale {0}x{1} to {2}x{3}: sizes must be 1 to 32768")]
    Size(u32, u32, u32, u32),
    #[error("a plane is smaller than the {0}x{1} picture it belongs to")]
    Planes(u32, u32),
    #[error("libswscale refused to scale {0}x{1} to {2}x{3} (code {4})")]
    Refused(u32, u32, u32, u32, i32),
}

/// One scaling context, re-made when a size changes, and the planes it writes.
pub(super) struct Scaler {
    context: *mut ffi::SwsContext,
    planes: [Vec<u8>; 3],
}

// SAFETY: the context is owned by this value alone and libswscale ties none to a thread.
unsafe impl Send for Scaler {}

impl Default for Scaler {
    fn default() -> Self {
        Self { context: ptr::null_mut(), planes: Default::default() }
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context came from sws_getCachedContext or is null, which is allowed.
        unsafe { ffi::sws_freeContext(self.context) }
    }
}

impl Scaler {
    /// Scales the `from` sized picture in `planes` to size `to`; the result lives until the next call.
    pub fn scale(
        &mut self,
        planes: PlaneRefs<'_>,
        from: (u32, u32),
        to: (u32, u32),
    ) -> Result<PlaneRefs<'_>, ScaleError> {
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
        let strides: [usize; 3] = std::array::from_fn(|i| plane_size(to, i).0.next_multiple_of(64));
        for (i, plane) in self.planes.iter_mut().enumerate() {
            // A row to spare: vector code may write past a row's end, up to the stride.
            plane.resize(strides[i] * (plane_size(to, i).1 + 1), 0);
        }
        let format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P;
        // SAFETY: sizes are checked above; a null or earlier context of ours is what the call expects, and it takes
        // ownership of it. Null filters and parameters mean defaults.
        self.context = unsafe {
            ffi::sws_getCachedContext(
                self.context,
                from.0 as i32,
                from.1 as i32,
                format,
                to.0 as i32,
                to.1 as i32,
                format,
                ffi::SWS_BILINEAR,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null(),
            )
        };
        if self.context.is_null() {
            return Err(ScaleError::Refused(from.0, from.1, to.0, to.1, 0));
        }
        let null = ptr::null();
        let source = [planes[0].0.as_ptr(), planes[1].0.as_ptr(), planes[2].0.as_ptr(), null];
        let source_strides = [planes[0].1 as i32, planes[1].1 as i32, planes[2].1 as i32, 0];
        let [y, u, v] = &mut self.planes;
        let target = [y.as_mut_ptr(), u.as_mut_ptr(), v.as_mut_ptr(), ptr::null_mut()];
        let target_strides = [strides[0] as i32, strides[1] as i32, strides[2] as i32, 0];
        // SAFETY: every source plane holds the rows and columns the context was made for (checked above), every
        // target plane was just made large enough, strides match, and sources and targets do not overlap.
        let rows = unsafe {
            ffi::sws_scale(
                self.context,
                source.as_ptr(),
                source_strides.as_ptr(),
                0,
                from.1 as i32,
                target.as_ptr(),
                target_strides.as_ptr(),
            )
        };
        if rows != to.1 as i32 {
            return Err(ScaleError::Refused(from.0, from.1, to.0, to.1, rows));
        }
        Ok([(&self.planes[0], strides[0]), (&self.planes[1], strides[1]), (&self.planes[2], strides[2])])
    }
}

/// Columns and rows of plane `i` (0 luma, 1 and 2 colour) of a picture.
fn plane_size(size: (u32, u32), i: usize) -> (usize, usize) {
    let (w, h) = (size.0 as usize, size.1 as usize);
    if i == 0 { (w, h) } else { (w.div_ceil(2), h.div_ceil(2)) }
}
