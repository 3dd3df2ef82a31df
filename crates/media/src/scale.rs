//! Pictures of one size or format into I420 of another.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling::Flags;

use crate::clock::MediaTime;
use crate::codec::{CodecError, color_of};
use crate::frame::{ColorSpace, FramePool, VideoFrame, VideoFrameMut};
use crate::halve::Halves;
use crate::swscale::{Picture, Swscale};

/// Scales and converts; keeps its tables between pictures of the same shape.
#[derive(Default)]
pub struct Scaler {
    tables: Swscale,
    halves: Halves,
    pool: FramePool,
}

impl Scaler {
    /// A scaler that has no tables yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `picture` at `width` × `height` (rounded up to even numbers); the same picture when it already has that size.
    /// The shape of what is seen changes if the sizes' proportions differ: choose them with care.
    ///
    /// # Errors
    /// [`CodecError::Failed`] when memory is out or a size is absurd.
    pub fn scale(&mut self, picture: &VideoFrame, width: u32, height: u32) -> Result<VideoFrame, CodecError> {
        let mut out = self.pool.get(width, height);
        if (out.width(), out.height()) == (picture.width(), picture.height()) {
            return Ok(picture.clone());
        }
        let wanted = (out.width(), out.height());
        let (planes, size) = self.halves.towards(picture.planes(), (picture.width(), picture.height()), wanted);
        if size == wanted {
            out.copy_planes(planes);
        } else {
            let [y, u, v] = planes.map(|(plane, stride)| (plane.as_ptr(), stride as i32));
            let from = Picture {
                format: Pixel::YUV420P,
                width: size.0,
                height: size.1,
                planes: [y.0, u.0, v.0, std::ptr::null()],
                strides: [y.1, u.1, v.1, 0],
            };
            run(&mut self.tables, &from, &mut out)?;
        }
        out.color = picture.color;
        out.rotation = picture.rotation;
        out.synthetic = picture.synthetic;
        Ok(out.freeze(picture.capture))
    }

    /// Any picture FFmpeg knows, as I420 of `width` × `height`.
    ///
    /// # Errors
    /// [`CodecError::Failed`] when FFmpeg cannot convert its format.
    pub(crate) fn convert(
        &mut self,
        av: &frame::Video,
        width: u32,
        height: u32,
        capture: MediaTime,
    ) -> Result<VideoFrame, CodecError> {
        let mut out = self.pool.get(width, height);
        if (out.width(), out.height()) == (av.width(), av.height()) && compress_range(av, &mut out) {
            out.color = limited(color_of(av));
            return Ok(out.freeze(capture));
        }
        // SAFETY: reading plain fields of a live AVFrame.
        let (data, linesize) = unsafe { ((*av.as_ptr()).data, (*av.as_ptr()).linesize) };
        run(
            &mut self.tables,
            &Picture {
                format: av.format(),
                width: av.width(),
                height: av.height(),
                planes: [data[0], data[1], data[2], data[3]].map(|p| p.cast_const()),
                strides: [linesize[0], linesize[1], linesize[2], linesize[3]],
            },
            &mut out,
        )?;
        // The conversion compresses full range into limited.
        out.color = limited(color_of(av));
        Ok(out.freeze(capture))
    }
}

/// The same matrix, in limited range.
fn limited(color: ColorSpace) -> ColorSpace {
    match color {
        ColorSpace::Bt709Full | ColorSpace::Bt709Limited => ColorSpace::Bt709Limited,
        ColorSpace::Bt601Full | ColorSpace::Bt601Limited => ColorSpace::Bt601Limited,
    }
}

/// `from` is a live picture of its format and size.
fn run(tables: &mut Swscale, from: &Picture<*const u8>, out: &mut VideoFrameMut) -> Result<(), CodecError> {
    let (width, height) = (out.width(), out.height());
    // Area averaging has no ripple and costs little when a picture shrinks; bilinear is best when it grows.
    let flags = if width < from.width { Flags::AREA } else { Flags::BILINEAR };
    let [(y, ys), (u, us), (v, vs)] = out.planes_mut();
    let to = Picture {
        format: Pixel::YUV420P,
        width,
        height,
        planes: [y.as_mut_ptr(), u.as_mut_ptr(), v.as_mut_ptr(), std::ptr::null_mut()],
        strides: [ys as i32, us as i32, vs as i32, 0],
    };
    // SAFETY: the source belongs to a live picture of that format and size, the target planes to the writable picture of
    // the target size, rows and columns checked when it was made; it is another one.
    unsafe { tables.run(from, &to, flags) }.map_err(|refused| CodecError::Failed {
        codec: "swscale",
        doing: "scale a picture",
        reason: refused.to_string(),
    })
}

/// 4:2:0 and 4:2:2 in full range, as JPEGs have it, as I420 in limited range: three times quicker than swscale's general way.
/// False when `av` is something else.
fn compress_range(av: &frame::Video, out: &mut VideoFrameMut) -> bool {
    let chroma_rows = match av.format() {
        Pixel::YUVJ420P => 1,
        Pixel::YUVJ422P => 2,
        _ => return false,
    };
    let (w, h) = (av.width() as usize, av.height() as usize);
    for (i, (to, stride)) in out.planes_mut().into_iter().enumerate() {
        let (from, from_stride) = (av.data(i), av.stride(i));
        if i == 0 {
            for row in 0..h {
                for (to, &y) in to[row * stride..][..w].iter_mut().zip(&from[row * from_stride..][..w]) {
                    *to = (16 + ((u16::from(y) * 220) >> 8)) as u8;
                }
            }
        } else {
            for row in 0..h / 2 {
                let upper = &from[row * chroma_rows * from_stride..][..w / 2];
                let lower = &from[(row * chroma_rows + chroma_rows - 1) * from_stride..][..w / 2];
                for ((to, &a), &b) in to[row * stride..][..w / 2].iter_mut().zip(upper).zip(lower) {
                    let mean = (u16::from(a) + u16::from(b)).div_ceil(2);
                    *to = ((mean * 225 + 3968) >> 8) as u8;
                }
            }
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ffmpeg_next::color;

    use super::*;
    use crate::barcode::BarCode;
    use crate::testcard::TestCard;

    #[test]
    fn full_range_is_compressed_and_the_matrix_stays() {
        // FFmpeg calls JPEG's matrix that of PAL.
        let matrices =
            [(color::Space::BT470BG, ColorSpace::Bt601Limited), (color::Space::BT709, ColorSpace::Bt709Limited)];
        for (format, (space, limited)) in
            [Pixel::YUVJ420P, Pixel::YUVJ422P].into_iter().flat_map(|format| matrices.map(|matrix| (format, matrix)))
        {
            let mut av = frame::Video::new(format, 64, 32);
            av.set_color_space(space);
            for (plane, value) in [(0, 255), (1, 0), (2, 128)] {
                av.data_mut(plane).fill(value);
            }
            let out = Scaler::new().convert(&av, 64, 32, MediaTime(3)).unwrap();
            assert_eq!((out.y()[0], out.u()[0], out.v()[0]), (235, 15, 128));
            assert_eq!((out.color, out.capture), (limited, MediaTime(3)));
        }
    }

    #[test]
    fn a_card_can_be_read_after_scaling_down_and_up() {
        let card = TestCard::new(1280, 720).draw(99, MediaTime::now());
        let mut scaler = Scaler::new();
        for (w, h) in [(640, 360), (320, 180), (1920, 1080), (1280, 720), (854, 480)] {
            let scaled = scaler.scale(&card, w, h).unwrap();
            assert_eq!((scaled.width(), scaled.height(), scaled.capture), (w, h, card.capture));
            assert!(scaled.synthetic);
            assert_eq!(BarCode::read(&scaled).unwrap().frame, 99, "{w}×{h}");
        }
    }
}
