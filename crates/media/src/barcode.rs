//! The bar code in the test card: frame number and capture time, readable from any picture of it.
//!
//! A strip at the top of the picture, inset by 1/32 of the width on either side, begins at 1/24 of the height
//! and has three rows of 1/24 each with 32 cells each, most significant bit first, white = 1, black = 0:
//!
//! | row | bits |
//! |---|---|
//! | 0 | sync `0xB2` (8), frame number modulo 2²⁴ (24) |
//! | 1 | upper 32 bits of the time |
//! | 2 | lower 16 bits of the time, CRC-16/CCITT-FALSE over the ten bytes before it |
//!
//! The time is the UNIX time of capture in units of 100 µs (48 bits).

use crate::clock::{MediaTime, media_time_of_unix, unix_time_of};
use crate::frame::{VideoFrame, VideoFrameMut};

const SYNC: u8 = 0xB2;
const CELLS: usize = 32;
const ROWS: usize = 3;
const WHITE: u8 = 235;
const BLACK: u8 = 16;
const THRESHOLD: u32 = 128;

/// What the bar code says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarCode {
    /// Frame number, modulo 2²⁴.
    pub frame: u32,
    /// UNIX time of capture in units of 100 µs, modulo 2⁴⁸.
    pub time: u64,
}

impl BarCode {
    /// The code of frame number `frame`, captured at `capture`.
    pub fn new(frame: u32, capture: MediaTime) -> Self {
        let time = u64::try_from(unix_time_of(capture) / 100).unwrap_or(0);
        Self { frame: frame & 0xFF_FFFF, time: time & 0xFFFF_FFFF_FFFF }
    }

    /// When the picture was captured, on this machine's clock.
    pub fn capture(&self) -> MediaTime {
        media_time_of_unix(self.time as i64 * 100)
    }

    fn rows(&self) -> [u32; ROWS] {
        let row0 = u32::from(SYNC) << 24 | (self.frame & 0xFF_FFFF);
        let row1 = (self.time >> 16) as u32;
        let low = self.time as u16;
        [row0, row1, u32::from(low) << 16 | u32::from(checksum(row0, row1, low))]
    }

    fn from_rows([row0, row1, row2]: [u32; ROWS]) -> Option<Self> {
        let low = (row2 >> 16) as u16;
        let good = row0 >> 24 == u32::from(SYNC) && checksum(row0, row1, low) == row2 as u16;
        good.then(|| Self { frame: row0 & 0xFF_FFFF, time: u64::from(row1) << 16 | u64::from(low) })
    }

    /// Draws the code into the luma of `frame` and takes the colour out of the strip.
    pub fn draw(&self, frame: &mut VideoFrameMut) {
        let (w, h) = (frame.width() as usize, frame.height() as usize);
        let rows = self.rows();
        let [(y, y_stride), (u, u_stride), (v, v_stride)] = frame.planes_mut();
        for (r, bits) in rows.into_iter().enumerate() {
            let (top, bottom) = (row_top(h, r), row_top(h, r + 1));
            if top == bottom {
                continue;
            }
            let mut line = [(0, 0, 0u8); CELLS];
            for (i, cell) in line.iter_mut().enumerate() {
                let lit = bits >> (CELLS - 1 - i) & 1 == 1;
                *cell = (cell_left(w, i), cell_left(w, i + 1), if lit { WHITE } else { BLACK });
            }
            for row in top..bottom {
                for (left, right, value) in line {
                    y[row * y_stride + left..row * y_stride + right].fill(value);
                }
            }
            let (left, right) = (cell_left(w, 0) / 2, cell_left(w, CELLS).div_ceil(2));
            for row in top / 2..bottom.div_ceil(2).min(h / 2) {
                u[row * u_stride + left..row * u_stride + right].fill(128);
                v[row * v_stride + left..row * v_stride + right].fill(128);
            }
        }
    }

    /// Reads the code of a whole picture, mirrored or not. `None` when there is none or it is damaged.
    pub fn read(frame: &VideoFrame) -> Option<Self> {
        Self::read_luma(frame.y(), frame.y_stride(), 0, 0, frame.width() as usize, frame.height() as usize)
    }

    /// Reads the code of the picture that fills the rectangle (`left`, `top`, `width`, `height`) of a luma (or grey)
    /// plane with `stride` bytes a row. `None` when there is none, it is damaged, or the rectangle lies outside.
    pub fn read_luma(
        plane: &[u8],
        stride: usize,
        left: usize,
        top: usize,
        width: usize,
        height: usize,
    ) -> Option<Self> {
        let inside = left.checked_add(width)? <= stride
            && top.checked_add(height)?.checked_mul(stride)? <= plane.len() + stride - (left + width);
        if !inside || width < CELLS * 2 || height < 48 {
            return None;
        }
        let mut rows = [0u32; ROWS];
        for (r, bits) in rows.iter_mut().enumerate() {
            let (y0, y1) = middle(row_top(height, r), row_top(height, r + 1));
            for i in 0..CELLS {
                let (x0, x1) = middle(cell_left(width, i), cell_left(width, i + 1));
                let mut sum = 0u32;
                for y in y0..y1 {
                    let row = &plane[(top + y) * stride + left..];
                    sum += row[x0..x1].iter().map(|&p| u32::from(p)).sum::<u32>();
                }
                let lit = sum >= THRESHOLD * ((y1 - y0) * (x1 - x0)) as u32;
                *bits = *bits << 1 | u32::from(lit);
            }
        }
        Self::from_rows(rows).or_else(|| Self::from_rows(rows.map(u32::reverse_bits)))
    }
}

/// Left edge of cell `i` (0 … 32).
fn cell_left(width: usize, i: usize) -> usize {
    (width * CELLS + width * 30 * i) / (32 * CELLS)
}

/// Top edge of row `r` (0 … 3).
fn row_top(height: usize, r: usize) -> usize {
    height * (1 + r) / 24
}

/// The middle third of a span, at least one pixel.
fn middle(from: usize, to: usize) -> (usize, usize) {
    let size = to - from;
    let start = from + size / 3;
    (start, (start + size.div_ceil(3)).min(to).max(start + 1))
}

fn checksum(row0: u32, row1: u32, low: u16) -> u16 {
    let mut crc = 0xFFFFu16;
    let bytes = row0.to_be_bytes().into_iter().chain(row1.to_be_bytes()).chain(low.to_be_bytes());
    for byte in bytes {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
        }
    }
    crc
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::frame::FramePool;

    fn drawn(code: BarCode, w: u32, h: u32) -> VideoFrame {
        let mut f = FramePool::new().get(w, h);
        f.fill(90, 60, 200);
        code.draw(&mut f);
        f.freeze(MediaTime(0))
    }

    #[test]
    fn what_is_drawn_is_read_at_every_usual_size() {
        let code = BarCode { frame: 0x00AB_CDEF, time: 0x1234_5678_9ABC };
        for (w, h) in [(1920, 1080), (1280, 720), (640, 360), (640, 480), (320, 180), (160, 120), (128, 72), (722, 406)]
        {
            assert_eq!(BarCode::read(&drawn(code, w, h)), Some(code), "{w}×{h}");
        }
    }

    #[test]
    fn the_checksum_is_ccitt_false() {
        // Ten bytes worked out by hand with the reference parameters (poly 0x1021, init 0xFFFF).
        assert_eq!(checksum(0x3132_3334, 0x3536_3738, 0x3930), {
            let mut crc = 0xFFFFu16;
            for b in *b"1234567890" {
                crc =
                    (0..8).fold(crc ^ u16::from(b) << 8, |c, _| if c & 0x8000 != 0 { c << 1 ^ 0x1021 } else { c << 1 });
            }
            crc
        });
        assert_eq!(checksum(0x3132_3334, 0x3536_3738, 0x3930), 0x3218);
    }

    #[test]
    fn a_mirrored_picture_is_read() {
        let code = BarCode { frame: 77, time: 987_654_321 };
        let f = drawn(code, 640, 360);
        let mut mirrored = FramePool::new().get(640, 360);
        let [(y, stride), ..] = mirrored.planes_mut();
        for row in 0..360 {
            for x in 0..640 {
                y[row * stride + x] = f.y()[row * f.y_stride() + 639 - x];
            }
        }
        assert_eq!(BarCode::read(&mirrored.freeze(MediaTime(0))), Some(code));
    }

    #[test]
    fn a_rectangle_within_a_larger_picture_is_read_and_one_outside_refused() {
        let code = BarCode { frame: 5, time: 6 };
        let f = drawn(code, 320, 180);
        let mut big = vec![0u8; 800 * 600];
        for row in 0..180 {
            big[(100 + row) * 800 + 50..][..320].copy_from_slice(&f.y()[row * f.y_stride()..][..320]);
        }
        assert_eq!(BarCode::read_luma(&big, 800, 50, 100, 320, 180), Some(code));
        assert_eq!(BarCode::read_luma(&big, 800, 600, 100, 320, 180), None);
        assert_eq!(BarCode::read_luma(&big, 800, 50, 500, 320, 180), None);
        assert_eq!(BarCode::read_luma(&[], 0, 0, 0, 0, 0), None);
    }

    #[test]
    fn a_damaged_code_is_refused() {
        let mut f = FramePool::new().get(640, 360);
        BarCode { frame: 1, time: 2 }.draw(&mut f);
        let [(y, stride), ..] = f.planes_mut();
        for row in 30..45 {
            for p in &mut y[row * stride + 300..row * stride + 340] {
                *p = 255 - *p;
            }
        }
        assert_eq!(BarCode::read(&f.freeze(MediaTime(0))), None);
    }

    #[test]
    fn capture_time_survives_to_a_tenth_of_a_millisecond() {
        let now = MediaTime::now();
        let code = BarCode::new(1, now);
        assert!(code.capture().nanos_since(now).abs() < 300_000);
    }
}
