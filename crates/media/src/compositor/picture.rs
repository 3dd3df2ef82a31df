//! From an I420 picture to the pixels of a tile: crop, scale, convert, turn, mirror.
//!
//! Scaling happens on the I420 planes (half the bytes of BGRA), conversion last; a picture that already has the
//! tile's size is converted straight into the surface.

use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix};

use super::{canvas::Surface, scaler::Scaler};
use crate::{
    frame::{ColorSpace, PlaneRefs, Rotation, VideoFrame},
    layout::Rect,
};

/// How a picture fills its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Fills the tile, cutting what sticks out; but never shows less than [`LEAST_SHOWN`] of the picture.
    Cover,
    /// Shows all of the picture.
    Contain,
}

/// Least part of a picture's width or height that `Cover` keeps; beyond, bars appear.
const LEAST_SHOWN: f32 = 0.3;

/// Which part of a `src` sized picture goes where in a `dst` sized tile. The first rectangle starts on even
/// coordinates, as half-resolution colour demands.
pub(super) fn fit(src: (u32, u32), dst: (u32, u32), how: Fit) -> (Rect, Rect) {
    let (sw, sh) = (src.0 as f32, src.1 as f32);
    let (dw, dh) = (dst.0 as f32, dst.1 as f32);
    let contain = (dw / sw).min(dh / sh);
    let zoom = match how {
        Fit::Contain => contain,
        Fit::Cover => (dw / sw).max(dh / sh).min(contain / LEAST_SHOWN),
    };
    let axis = |s: u32, d: u32| {
        let full = s as f32 * zoom;
        // Less than a pixel and a half of bar or cut is rounding, not composition.
        if full >= d as f32 + 1.5 {
            let len = ((d as f32 / zoom).round() as u32).clamp(2.min(s), s);
            let from = ((s - len) / 2) & !1;
            (from, len.min(s - from), 0, d)
        } else if full <= d as f32 - 1.5 {
            let len = (full.round() as u32).clamp(1, d);
            (0, s, (d - len) / 2, len)
        } else {
            (0, s, 0, d)
        }
    };
    let (sx, cw, dx, ow) = axis(src.0, dst.0);
    let (sy, ch, dy, oh) = axis(src.1, dst.1);
    (Rect::new(sx as i32, sy as i32, cw, ch), Rect::new(dx as i32, dy as i32, ow, oh))
}

/// Draws pictures of one tile; keeps the scaler and its buffers between frames.
#[derive(Default)]
pub(super) struct PicturePainter {
    scaler: Scaler,
    turned: Vec<u8>,
}

impl PicturePainter {
    /// Draws `frame` into `tile` (inside the surface) and returns the part of the tile it covers; empty when the
    /// picture cannot be drawn.
    pub fn draw(&mut self, to: &mut Surface<'_>, tile: Rect, frame: &VideoFrame, how: Fit, mirror: bool) -> Rect {
        if tile.is_empty() || tile.intersection(&to.bounds()) != tile {
            return Rect::default();
        }
        let on_its_side = matches!(frame.rotation, Rotation::Quarter | Rotation::ThreeQuarters);
        let flip = |(w, h)| if on_its_side { (h, w) } else { (w, h) };
        let shown = flip((frame.width(), frame.height()));
        let (crop, at) = fit(shown, (tile.w, tile.h), how);
        let place = Rect::new(tile.x + at.x, tile.y + at.y, at.w, at.h);
        // Back into the picture's own orientation; the crop is in the middle, so either turn gives the same.
        let crop = if on_its_side { Rect::new(crop.y, crop.x, crop.h, crop.w) } else { crop };
        let size = flip((place.w, place.h));

        let planes = cropped(frame, crop);
        let (planes, width, height) = if (crop.w, crop.h) == size {
            (planes, crop.w, crop.h)
        } else {
            match self.scaler.scale(planes, (crop.w, crop.h), size) {
                Ok(planes) => (planes, size.0, size.1),
                Err(error) => {
                    tracing::warn!(%error, "a picture is left out of the stage");
                    return Rect::default();
                }
            }
        };
        let image = YuvPlanarImage {
            y_plane: planes[0].0,
            y_stride: planes[0].1 as u32,
            u_plane: planes[1].0,
            u_stride: planes[1].1 as u32,
            v_plane: planes[2].0,
            v_stride: planes[2].1 as u32,
            width,
            height,
        };
        let (range, matrix) = color_of(frame.color);
        let done = if frame.rotation == Rotation::None {
            let stride = to.stride() as u32;
            yuv::yuv420_to_bgra(&image, to.from(place), stride, range, matrix)
        } else {
            self.turned.resize(width as usize * height as usize * 4, 0);
            let done = yuv::yuv420_to_bgra(&image, &mut self.turned, width * 4, range, matrix);
            turn(self.turned.as_chunks().0, width, frame.rotation, to, place);
            done
        };
        if let Err(error) = done {
            tracing::warn!(?error, "a picture is left out of the stage");
            return Rect::default();
        }
        if mirror {
            to.mirror(place);
        }
        place
    }
}

fn cropped<'a>(frame: &'a VideoFrame, crop: Rect) -> PlaneRefs<'a> {
    let [(y, ys), (u, us), (v, vs)] = frame.planes();
    let (cx, cy) = (crop.x as usize, crop.y as usize);
    [(&y[cy * ys + cx..], ys), (&u[cy / 2 * us + cx / 2..], us), (&v[cy / 2 * vs + cx / 2..], vs)]
}

pub(super) fn color_of(color: ColorSpace) -> (YuvRange, YuvStandardMatrix) {
    match color {
        ColorSpace::Bt709Limited => (YuvRange::Limited, YuvStandardMatrix::Bt709),
        ColorSpace::Bt709Full => (YuvRange::Full, YuvStandardMatrix::Bt709),
        ColorSpace::Bt601Limited => (YuvRange::Limited, YuvStandardMatrix::Bt601),
        ColorSpace::Bt601Full => (YuvRange::Full, YuvStandardMatrix::Bt601),
    }
}

/// Copies a picture of `width` columns into `place`, turned clockwise by `rotation`.
fn turn(from: &[[u8; 4]], width: u32, rotation: Rotation, to: &mut Surface<'_>, place: Rect) {
    let width = width as usize;
    let (w, h) = (place.w as usize, place.h as usize);
    for y in 0..h {
        let row = to.row(place.x, place.y + y as i32, place.w);
        for (x, p) in row.iter_mut().enumerate() {
            let (sx, sy) = match rotation {
                Rotation::None => (x, y),
                Rotation::Quarter => (y, w - 1 - x),
                Rotation::Half => (w - 1 - x, h - 1 - y),
                Rotation::ThreeQuarters => (h - 1 - y, x),
            };
            *p = from[sy * width + sx];
        }
    }
}
