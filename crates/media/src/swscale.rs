//! libswscale with its tables, kept between pictures of the same shape: what everything that scales stands on.

use std::ptr;

use ffmpeg_next::ffi;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling::Flags;

/// Where a picture's planes lie: `*const u8` of the one that is read, `*mut u8` of the one that is written.
pub(crate) struct Picture<P> {
    pub(crate) format: Pixel,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Where each plane begins; null behind the last.
    pub(crate) planes: [P; 4],
    /// Bytes from one row to the next.
    pub(crate) strides: [i32; 4],
}

/// libswscale makes no tables for this, or stopped in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("libswscale refused to scale {from:?} of {}×{} to {}×{} (code {code})", .size.0, .size.1, .to.0, .to.1)]
pub(crate) struct Refused {
    from: Pixel,
    size: (u32, u32),
    to: (u32, u32),
    /// What it returned; 0 where it made no tables.
    code: i32,
}

/// Formats, sizes and the way to scale.
type Shape = (Pixel, (u32, u32), Pixel, (u32, u32), i32);

/// Tables for the shape that was asked for last.
pub(crate) struct Swscale {
    /// Null before the first picture.
    context: *mut ffi::SwsContext,
    // Our own note of it: libswscale's cached contexts are made anew for each picture in one of JPEG's formats.
    shape: Option<Shape>,
}

// SAFETY: the context is owned by this value alone and libswscale ties none to a thread.
unsafe impl Send for Swscale {}

impl Default for Swscale {
    fn default() -> Self {
        Self { context: ptr::null_mut(), shape: None }
    }
}

impl Drop for Swscale {
    fn drop(&mut self) {
        // SAFETY: the context came from sws_getContext, or is null, which is allowed.
        unsafe { ffi::sws_freeContext(self.context) }
    }
}

impl Swscale {
    /// Scales and converts one picture into another. `flags` are one of libswscale's ways.
    ///
    /// # Errors
    /// [`Refused`] for a format it does not know, an absurd size, or when memory is out.
    ///
    /// # Safety
    /// Every plane of `from` holds the rows and columns of a picture of its format and size, every plane of `to` has room for
    /// one, strides match, and the two do not overlap.
    pub(crate) unsafe fn run(
        &mut self,
        from: &Picture<*const u8>,
        to: &Picture<*mut u8>,
        flags: Flags,
    ) -> Result<(), Refused> {
        let (size, target) = ((from.width, from.height), (to.width, to.height));
        let refused = |code| Refused { from: from.format, size, to: target, code };
        let side = |side: u32| i32::try_from(side).map_err(|_| refused(0));
        let height = side(from.height)?;
        let shape = (from.format, size, to.format, target, flags.bits());
        if self.shape != Some(shape) {
            let [from_width, to_width, to_height] = [side(from.width)?, side(to.width)?, side(to.height)?];
            self.shape = None;
            // SAFETY: plain numbers; null filters and parameters mean defaults. The old context is ours, or null, and is not
            // looked at again.
            self.context = unsafe {
                ffi::sws_freeContext(self.context);
                ffi::sws_getContext(
                    from_width,
                    height,
                    from.format.into(),
                    to_width,
                    to_height,
                    to.format.into(),
                    flags.bits(),
                    ptr::null_mut(),
                    ptr::null_mut(),
                    ptr::null(),
                )
            };
            if self.context.is_null() {
                return Err(refused(0));
            }
            self.shape = Some(shape);
        }
        // SAFETY: the context was made for exactly these formats and sizes; the planes are as the caller promises.
        let rows = unsafe {
            ffi::sws_scale(
                self.context,
                from.planes.as_ptr(),
                from.strides.as_ptr(),
                0,
                height,
                to.planes.as_ptr(),
                to.strides.as_ptr(),
            )
        };
        if rows > 0 && rows.unsigned_abs() == to.height { Ok(()) } else { Err(refused(rows)) }
    }
}
