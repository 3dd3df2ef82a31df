use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::video::{ColorSpace, PlaneRefs, Planes, Rotation, VideoFrame, plane_size};
use crate::clock::MediaTime;

/// Rows start on this many bytes, for the benefit of SIMD code.
const ALIGN: usize = 64;
/// Buffers kept for re-use; more than a pipeline ever holds at a time would only waste memory.
const KEEP: usize = 8;

/// Lends buffers for I420 pictures and takes them back when the last clone of a frame is gone.
#[derive(Clone, Default)]
pub struct FramePool {
    shelf: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl FramePool {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writable picture. Odd sizes are rounded up to even ones, zero to two. The contents are whatever an earlier picture left.
    pub fn get(&self, width: u32, height: u32) -> VideoFrameMut {
        let width = width.max(2).next_multiple_of(2);
        let height = height.max(2).next_multiple_of(2);
        let layout = Layout::of(width as usize, height as usize);
        let mut shelf = self.shelf.lock();
        // Buffers of another size are let go: a pool that changes size does so rarely and for good.
        let found = shelf.iter().position(|b| b.len() == layout.total).map(|i| shelf.swap_remove(i));
        if found.is_none() {
            shelf.clear();
        }
        drop(shelf);
        let data = found.unwrap_or_else(|| vec![0; layout.total]);
        VideoFrameMut {
            buffer: Some(Buffer { data, layout, home: Arc::downgrade(&self.shelf) }),
            width,
            height,
            color: ColorSpace::default(),
            rotation: Rotation::default(),
            synthetic: false,
        }
    }
}

#[derive(Clone, Copy)]
struct Layout {
    y_stride: usize,
    c_stride: usize,
    u_at: usize,
    v_at: usize,
    total: usize,
}

impl Layout {
    fn of(width: usize, height: usize) -> Self {
        let y_stride = width.next_multiple_of(ALIGN);
        let c_stride = (width / 2).next_multiple_of(ALIGN);
        let u_at = y_stride * height;
        let v_at = u_at + c_stride * (height / 2);
        Self { y_stride, c_stride, u_at, v_at, total: v_at + c_stride * (height / 2) }
    }
}

struct Buffer {
    data: Vec<u8>,
    layout: Layout,
    home: Weak<Mutex<Vec<Vec<u8>>>>,
}

impl Planes for Buffer {
    fn planes(&self) -> [(&[u8], usize); 3] {
        let l = self.layout;
        [
            (&self.data[..l.u_at], l.y_stride),
            (&self.data[l.u_at..l.v_at], l.c_stride),
            (&self.data[l.v_at..], l.c_stride),
        ]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            let mut shelf = home.lock();
            if shelf.len() < KEEP {
                shelf.push(std::mem::take(&mut self.data));
            }
        }
    }
}

/// An I420 picture being drawn; [`freeze`](Self::freeze) makes it a [`VideoFrame`].
pub struct VideoFrameMut {
    buffer: Option<Buffer>,
    width: u32,
    height: u32,
    /// How the samples are to be understood.
    pub color: ColorSpace,
    /// How far to turn it before it is shown.
    pub rotation: Rotation,
    /// True when no camera took it.
    pub synthetic: bool,
}

impl VideoFrameMut {
    /// Width in pixels; even.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels; even.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Y, U and V, each with its stride in bytes; `height`, `height / 2` and `height / 2` rows.
    pub fn planes_mut(&mut self) -> [(&mut [u8], usize); 3] {
        let Some(Buffer { data, layout: l, .. }) = &mut self.buffer else {
            return [(&mut [], 0), (&mut [], 0), (&mut [], 0)];
        };
        let (y, chroma) = data.split_at_mut(l.u_at);
        let (u, v) = chroma.split_at_mut(l.v_at - l.u_at);
        [(y, l.y_stride), (u, l.c_stride), (v, l.c_stride)]
    }

    /// Fills each plane with one value.
    pub fn fill(&mut self, y: u8, u: u8, v: u8) {
        for ((plane, _), value) in self.planes_mut().into_iter().zip([y, u, v]) {
            plane.fill(value);
        }
    }

    /// Copies the picture out of `frame`, row by row; both must have the same size, otherwise nothing happens and `false` is returned.
    pub fn copy_from(&mut self, frame: &VideoFrame) -> bool {
        if (self.width, self.height) != (frame.width(), frame.height()) {
            return false;
        }
        self.copy_planes(frame.planes());
        self.color = frame.color;
        self.rotation = frame.rotation;
        self.synthetic = frame.synthetic;
        true
    }

    /// Copies planes that hold at least the picture's rows and columns.
    pub(crate) fn copy_planes(&mut self, planes: PlaneRefs<'_>) {
        let size = (self.width, self.height);
        for (n, ((to, to_stride), (from, from_stride))) in self.planes_mut().into_iter().zip(planes).enumerate() {
            let (columns, rows) = plane_size(size, n);
            for row in 0..rows {
                to[row * to_stride..][..columns].copy_from_slice(&from[row * from_stride..][..columns]);
            }
        }
    }

    /// Ends the drawing: from here on the picture is shared and read-only.
    pub fn freeze(mut self, capture: MediaTime) -> VideoFrame {
        let buffer = self.buffer.take();
        let planes: Arc<dyn Planes> = match buffer {
            Some(buffer) => Arc::new(buffer),
            None => unreachable!("only freeze takes the buffer, and it consumes self"),
        };
        let mut frame = match VideoFrame::from_planes(planes, self.width, self.height, capture) {
            Some(frame) => frame,
            None => unreachable!("the pool lays planes out for the frame's own even size"),
        };
        frame.color = self.color;
        frame.rotation = self.rotation;
        frame.synthetic = self.synthetic;
        frame
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_keeps_what_was_drawn() {
        let pool = FramePool::new();
        let mut f = pool.get(6, 4);
        f.fill(16, 128, 130);
        f.planes_mut()[0].0[0] = 77;
        f.synthetic = true;
        let f = f.freeze(MediaTime(5));
        assert_eq!((f.width(), f.height(), f.capture), (6, 4, MediaTime(5)));
        assert_eq!((f.y()[0], f.y()[1], f.u()[0], f.v()[0]), (77, 16, 128, 130));
        assert!(f.synthetic);
    }

    #[test]
    fn the_buffer_comes_back_when_the_last_clone_is_gone() {
        let pool = FramePool::new();
        let a = pool.get(64, 64).freeze(MediaTime(0));
        let b = a.clone();
        drop(a);
        assert_eq!(pool.shelf.lock().len(), 0);
        let at = b.y().as_ptr();
        drop(b);
        assert_eq!(pool.shelf.lock().len(), 1);
        assert_eq!(pool.get(64, 64).freeze(MediaTime(0)).y().as_ptr(), at);
    }

    #[test]
    fn odd_sizes_are_rounded_up() {
        let f = FramePool::new().get(5, 0).freeze(MediaTime(0));
        assert_eq!((f.width(), f.height()), (6, 2));
    }

    #[test]
    fn copy_refuses_another_size() {
        let pool = FramePool::new();
        let a = pool.get(8, 8).freeze(MediaTime(0));
        assert!(!pool.get(8, 10).copy_from(&a));
        assert!(pool.get(8, 8).copy_from(&a));
    }
}
