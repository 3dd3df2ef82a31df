//! Filling and blending on a BGRA buffer.

use super::theme::Rgb;
use crate::layout::Rect;

/// The caller's BGRA buffer is too small for the size and stride it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {width}x{height} surface with a stride of {stride} bytes needs more than the {len} bytes given")]
pub struct SurfaceError {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Bytes in the buffer.
    pub len: usize,
}

/// A picture to draw on: 4 bytes a pixel in the order blue, green, red, 255. This is cairo's `Rgb24`/`ARgb32` on
/// little-endian machines and GDI's 32-bit bitmap (top down).
pub struct Surface<'a> {
    data: &'a mut [u8],
    stride: usize,
    width: u32,
    height: u32,
}

impl<'a> Surface<'a> {
    /// Borrows a buffer; rows are `stride` bytes apart.
    ///
    /// # Errors
    /// [`SurfaceError`] when `stride` is less than a row or `data` is less than `height` rows (the last one may end
    /// after its last pixel).
    pub fn new(data: &'a mut [u8], width: u32, height: u32, stride: usize) -> Result<Self, SurfaceError> {
        let error = SurfaceError { width, height, stride, len: data.len() };
        let row = (width as usize).checked_mul(4).ok_or(error)?;
        let rows = (height as usize).saturating_sub(1);
        let need = rows.checked_mul(stride).and_then(|n| n.checked_add(row)).ok_or(error)?;
        if stride < row || (height > 0 && data.len() < need) || width > 1 << 15 || height > 1 << 15 {
            return Err(error);
        }
        Ok(Self { data, stride, width, height })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The buffer from the top left pixel of `rect` (which must not be empty and must lie inside) on.
    pub(super) fn from(&mut self, rect: Rect) -> &mut [u8] {
        let at = rect.y as usize * self.stride + rect.x as usize * 4;
        &mut self.data[at..]
    }

    /// `len` pixels of row `y` from column `x`; both inside.
    pub(super) fn row(&mut self, x: i32, y: i32, len: u32) -> &mut [[u8; 4]] {
        let at = y as usize * self.stride + x as usize * 4;
        self.data[at..at + len as usize * 4].as_chunks_mut().0
    }

    pub(super) fn fill(&mut self, rect: Rect, color: Rgb) {
        let r = rect.intersection(&self.bounds());
        for y in r.y..r.bottom() {
            self.row(r.x, y, r.w).fill(color.bgra());
        }
    }

    /// Covers with `color`, `alpha` of 255 parts.
    pub(super) fn tint(&mut self, rect: Rect, color: Rgb, alpha: u8) {
        let r = rect.intersection(&self.bounds());
        for y in r.y..r.bottom() {
            for p in self.row(r.x, y, r.w) {
                mix(p, color, alpha);
            }
        }
    }

    /// A filled rectangle with round corners.
    pub(super) fn round_rect(&mut self, rect: Rect, radius: f32, color: Rgb, alpha: u8) {
        let radius = radius.min(rect.w.min(rect.h) as f32 / 2.0);
        let bounds = self.bounds();
        for y in rect.y.max(0)..rect.bottom().min(bounds.bottom()) {
            let edge = corner_span(rect, radius, y);
            let solid = Rect::new(rect.x + edge as i32, y, rect.w - 2 * edge, 1);
            if alpha == 255 {
                self.fill(solid, color)
            } else {
                self.tint(solid, color, alpha)
            }
            for dx in 0..edge {
                let c = scale_alpha(corner(radius, dx, (y - rect.y) as u32, rect.h), alpha);
                for x in [rect.x + dx as i32, rect.right() - 1 - dx as i32] {
                    self.dot(x, y, color, c);
                }
            }
        }
    }

    /// Everything of `rect` outside its round corners becomes `color`.
    pub(super) fn cut_corners(&mut self, rect: Rect, radius: f32, color: Rgb) {
        let radius = radius.min(rect.w.min(rect.h) as f32 / 2.0);
        let bounds = self.bounds();
        for y in rect.y.max(0)..rect.bottom().min(bounds.bottom()) {
            let edge = corner_span(rect, radius, y);
            for dx in 0..edge {
                let c = 255 - corner(radius, dx, (y - rect.y) as u32, rect.h);
                for x in [rect.x + dx as i32, rect.right() - 1 - dx as i32] {
                    self.dot(x, y, color, c);
                }
            }
        }
    }

    /// A frame of `thick` pixels along the inside of a rounded rectangle. With `square_outside` it fills the corners
    /// too, for a picture whose corners are cut later.
    pub(super) fn round_frame(&mut self, rect: Rect, radius: f32, thick: f32, color: Rgb, square_outside: bool) {
        let radius = radius.min(rect.w.min(rect.h) as f32 / 2.0);
        let t = (thick.round() as i32).max(1);
        let inner =
            Rect::new(rect.x + t, rect.y + t, rect.w.saturating_sub(2 * t as u32), rect.h.saturating_sub(2 * t as u32));
        let inner_radius = (radius - t as f32).max(0.0);
        let bounds = self.bounds();
        for y in rect.y.max(0)..rect.bottom().min(bounds.bottom()) {
            let edge = if square_outside { 0 } else { corner_span(rect, radius, y) };
            if y < inner.y || y >= inner.bottom() {
                self.fill(Rect::new(rect.x + edge as i32, y, rect.w - 2 * edge, 1), color);
                for dx in 0..edge {
                    let c = corner(radius, dx, (y - rect.y) as u32, rect.h);
                    self.dot(rect.x + dx as i32, y, color, c);
                    self.dot(rect.right() - 1 - dx as i32, y, color, c);
                }
                continue;
            }
            let hole = corner_span(inner, inner_radius, y);
            for dx in 0..(t as u32 + hole).min(rect.w / 2) {
                let outer = if dx < edge { corner(radius, dx, (y - rect.y) as u32, rect.h) } else { 255 };
                let inside = match dx.checked_sub(t as u32) {
                    Some(d) => corner(inner_radius, d, (y - inner.y) as u32, inner.h),
                    None => 0,
                };
                let c = outer.saturating_sub(inside);
                self.dot(rect.x + dx as i32, y, color, c);
                self.dot(rect.right() - 1 - dx as i32, y, color, c);
            }
        }
    }

    /// Lays `color` through a stencil whose top left corner is at (`x`, `y`).
    pub(super) fn stencil(&mut self, mask: &Stencil, x: i32, y: i32, color: Rgb, alpha: u8) {
        let r = Rect::new(x, y, mask.w, mask.h).intersection(&self.bounds());
        for row in r.y..r.bottom() {
            let from = (row - y) as usize * mask.w as usize + (r.x - x) as usize;
            for (p, &c) in self.row(r.x, row, r.w).iter_mut().zip(&mask.cover[from..]) {
                mix(p, color, scale_alpha(c, alpha));
            }
        }
    }

    /// Lays a picture of premultiplied BGRA pixels at (`x`, `y`).
    pub(super) fn lay(&mut self, pixels: &[[u8; 4]], w: u32, h: u32, x: i32, y: i32) {
        let r = Rect::new(x, y, w, h).intersection(&self.bounds());
        for row in r.y..r.bottom() {
            let from = (row - y) as usize * w as usize + (r.x - x) as usize;
            for (p, s) in self.row(r.x, row, r.w).iter_mut().zip(&pixels[from..]) {
                let rest = 255 - u32::from(s[3]);
                for i in 0..3 {
                    p[i] = (u32::from(s[i]) + div255(u32::from(p[i]) * rest)).min(255) as u8;
                }
            }
        }
    }

    /// Copies an opaque picture to `rect` with round corners. With `whole_pixels_only` the half-covered pixels of
    /// the corners are left as they are.
    pub(super) fn lay_rounded(&mut self, pixels: &[[u8; 4]], rect: Rect, radius: f32, whole_pixels_only: bool) {
        let bounds = self.bounds();
        for y in rect.y.max(0)..rect.bottom().min(bounds.bottom()) {
            let edge = corner_span(rect, radius, y);
            let from = &pixels[(y - rect.y) as usize * rect.w as usize..][..rect.w as usize];
            let (left, right) = (edge as usize, (rect.w - edge) as usize);
            let span = Rect::new(rect.x + edge as i32, y, rect.w - 2 * edge, 1).intersection(&bounds);
            if !span.is_empty() {
                let skip = (span.x - rect.x) as usize;
                self.row(span.x, y, span.w).copy_from_slice(&from[skip..skip + span.w as usize]);
            }
            for i in (0..left).chain(right..rect.w as usize) {
                let dx = i.min(rect.w as usize - 1 - i) as u32;
                let c = corner(radius, dx, (y - rect.y) as u32, rect.h);
                if c == 255 || !whole_pixels_only {
                    let [b, g, r, _] = from[i];
                    self.dot(rect.x + i as i32, y, Rgb(r, g, b), c);
                }
            }
        }
    }

    /// Turns each row of `rect` (inside the surface) round.
    pub(super) fn mirror(&mut self, rect: Rect) {
        for y in rect.y..rect.bottom() {
            self.row(rect.x, y, rect.w).reverse();
        }
    }

    fn dot(&mut self, x: i32, y: i32, color: Rgb, alpha: u8) {
        if alpha > 0 && self.bounds().contains(x, y) {
            mix(&mut self.row(x, y, 1)[0], color, alpha);
        }
    }
}

/// How much of each pixel a shape covers.
pub(super) struct Stencil {
    pub w: u32,
    pub h: u32,
    pub cover: Vec<u8>,
}

impl Stencil {
    /// From a signed distance (pixels, negative inside) at each pixel's middle.
    pub fn from_distance(w: u32, h: u32, distance: impl Fn(f32, f32) -> f32) -> Self {
        let mut cover = Vec::with_capacity((w * h) as usize);
        for y in 0..h {
            for x in 0..w {
                let d = distance(x as f32 + 0.5, y as f32 + 0.5);
                cover.push(((0.5 - d).clamp(0.0, 1.0) * 255.0).round() as u8);
            }
        }
        Self { w, h, cover }
    }
}

fn div255(v: u32) -> u32 {
    (v + 128 + ((v + 128) >> 8)) >> 8
}

fn scale_alpha(a: u8, b: u8) -> u8 {
    div255(u32::from(a) * u32::from(b)) as u8
}

fn mix(p: &mut [u8; 4], color: Rgb, alpha: u8) {
    let a = u32::from(alpha);
    let to = color.bgra();
    for i in 0..3 {
        p[i] = div255(u32::from(p[i]) * (255 - a) + u32::from(to[i]) * a) as u8;
    }
    p[3] = 255;
}

/// Columns at each side of row `y` that a corner may leave partly uncovered.
fn corner_span(rect: Rect, radius: f32, y: i32) -> u32 {
    let row = (y - rect.y) as u32;
    let from_edge = row.min(rect.h - 1 - row);
    if (from_edge as f32) < radius { (radius.ceil() as u32).min(rect.w / 2) } else { 0 }
}

/// Cover of the pixel `dx` columns from the nearer side in `row` of `rows`.
fn corner(radius: f32, dx: u32, row: u32, rows: u32) -> u8 {
    let dy = row.min(rows - 1 - row) as f32 + 0.5;
    let dx = dx as f32 + 0.5;
    if dx >= radius || dy >= radius {
        return 255;
    }
    let d = ((radius - dx).powi(2) + (radius - dy).powi(2)).sqrt();
    ((radius - d + 0.5).clamp(0.0, 1.0) * 255.0).round() as u8
}
