//! Our frames as FFmpeg's and back, without copying pictures where FFmpeg takes them as they are.

use std::ffi::c_void;
use std::sync::Arc;

use ffmpeg_next::{color, ffi, format::Pixel, frame};

use crate::clock::MediaTime;
use crate::frame::{ColorSpace, Planes, VideoFrame};

/// Lends `frame` to FFmpeg: the result points at its planes and holds a reference until FFmpeg has let go of the last of its own.
/// `None` when memory is out.
pub(super) fn lend(picture: &VideoFrame, pts: i64) -> Option<frame::Video> {
    let mut av = frame::Video::empty();
    av.set_format(Pixel::YUV420P);
    av.set_width(picture.width());
    av.set_height(picture.height());
    av.set_pts(Some(pts));
    let planes = picture.planes();
    let owner = Box::into_raw(Box::new(picture.clone()));
    // SAFETY: `av` is a live, empty AVFrame. The buffer reference frees `owner`, and with it the last claim on the planes,
    // only after every AVFrame that points at them is gone; READONLY keeps FFmpeg from writing into shared planes.
    // The planes' addresses do not change while `owner` lives. Strides were checked against lengths when the frame was made.
    unsafe {
        let raw = av.as_mut_ptr();
        let buffer = ffi::av_buffer_create(
            planes[0].0.as_ptr().cast_mut(),
            planes[0].0.len() as _,
            Some(give_back),
            owner.cast::<c_void>(),
            ffi::AV_BUFFER_FLAG_READONLY as _,
        );
        if buffer.is_null() {
            drop(Box::from_raw(owner));
            return None;
        }
        (*raw).buf[0] = buffer;
        for (i, (plane, stride)) in planes.into_iter().enumerate() {
            (*raw).data[i] = plane.as_ptr().cast_mut();
            (*raw).linesize[i] = i32::try_from(stride).ok()?;
        }
    }
    let (space, range) = tags(picture.color);
    av.set_color_space(space);
    av.set_color_range(range);
    Some(av)
}

/// What FFmpeg calls a colour space.
pub(super) fn tags(color: ColorSpace) -> (color::Space, color::Range) {
    match color {
        ColorSpace::Bt709Limited => (color::Space::BT709, color::Range::MPEG),
        ColorSpace::Bt709Full => (color::Space::BT709, color::Range::JPEG),
        ColorSpace::Bt601Limited => (color::Space::SMPTE170M, color::Range::MPEG),
        ColorSpace::Bt601Full => (color::Space::SMPTE170M, color::Range::JPEG),
    }
}

/// Called by FFmpeg when nothing points at a lent frame any more.
unsafe extern "C" fn give_back(owner: *mut c_void, _data: *mut u8) {
    // SAFETY: `owner` is what `lend` made with Box::into_raw, and FFmpeg calls this once.
    drop(unsafe { Box::from_raw(owner.cast::<VideoFrame>()) });
}

/// Copies I420 into NV12.
pub(super) fn interleave(picture: &VideoFrame, nv12: &mut frame::Video) {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    // The encoder may still hold the last picture's buffer: ask for one of our own.
    // SAFETY: a live AVFrame with buffers of its own.
    unsafe { ffi::av_frame_make_writable(nv12.as_mut_ptr()) };
    let stride = nv12.stride(0);
    let data = nv12.data_mut(0);
    for row in 0..h {
        data[row * stride..][..w].copy_from_slice(&picture.y()[row * picture.y_stride()..][..w]);
    }
    let stride = nv12.stride(1);
    let data = nv12.data_mut(1);
    for row in 0..h / 2 {
        let u = &picture.u()[row * picture.u_stride()..][..w / 2];
        let v = &picture.v()[row * picture.v_stride()..][..w / 2];
        for ((to, &u), &v) in data[row * stride..][..w].chunks_exact_mut(2).zip(u).zip(v) {
            to[0] = u;
            to[1] = v;
        }
    }
}

/// A decoded picture that stays in FFmpeg's buffers.
struct Decoded(frame::Video);

impl Planes for Decoded {
    fn planes(&self) -> [(&[u8], usize); 3] {
        [0, 1, 2].map(|i| (self.0.data(i), self.0.stride(i)))
    }
}

/// Makes a decoded planar 4:2:0 picture ours. `None` when it is in another format, of odd size, or upside down in memory.
pub(crate) fn wrap_planar(av: frame::Video, capture: MediaTime) -> Option<VideoFrame> {
    if !matches!(av.format(), Pixel::YUV420P | Pixel::YUVJ420P) {
        return None;
    }
    // SAFETY: reading a plain field of a live AVFrame.
    if unsafe { (*av.as_ptr()).linesize }.iter().take(3).any(|&l| l <= 0) {
        return None;
    }
    let (width, height, color) = (av.width(), av.height(), color_of(&av));
    let mut frame = VideoFrame::from_planes(Arc::new(Decoded(av)), width, height, capture)?;
    frame.color = color;
    Some(frame)
}

/// What a decoded picture says about its colours; BT.709 limited where it says nothing.
pub(crate) fn color_of(av: &frame::Video) -> ColorSpace {
    let full = match av.color_range() {
        color::Range::JPEG => true,
        color::Range::MPEG => false,
        // A decoder keeps JPEG's format when only the range of its stream changes: it tells where nothing else does.
        color::Range::Unspecified => av.format() == Pixel::YUVJ420P,
    };
    let sd = matches!(av.color_space(), color::Space::SMPTE170M | color::Space::BT470BG);
    match (sd, full) {
        (false, false) => ColorSpace::Bt709Limited,
        (false, true) => ColorSpace::Bt709Full,
        (true, false) => ColorSpace::Bt601Limited,
        (true, true) => ColorSpace::Bt601Full,
    }
}
