use std::fmt;
use std::sync::Arc;

use crate::clock::MediaTime;

/// How Y, U and V are to be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ColorSpace {
    /// BT.709, 16 … 235: what everything here is unless tagged.
    #[default]
    Bt709Limited,
    /// BT.709, 0 … 255.
    Bt709Full,
    /// BT.601, 16 … 235: most cameras' YUYV.
    Bt601Limited,
    /// BT.601, 0 … 255: JPEG.
    Bt601Full,
}

/// How far the picture must be turned clockwise before it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rotation {
    /// Upright already.
    #[default]
    None,
    /// A quarter turn clockwise.
    Quarter,
    /// Upside down.
    Half,
    /// Three quarters clockwise.
    ThreeQuarters,
}

/// What holds the three planes of an I420 picture.
pub trait Planes: Send + Sync {
    /// Y, U and V, each with its stride in bytes. A plane has at least `stride × (rows − 1) + columns` bytes.
    fn planes(&self) -> [(&[u8], usize); 3];
}

/// One I420 picture with its time of capture. Cloning is cheap and shares the planes.
#[derive(Clone)]
pub struct VideoFrame {
    planes: Arc<dyn Planes>,
    width: u32,
    height: u32,
    /// When the picture was taken.
    pub capture: MediaTime,
    /// How the samples are to be understood.
    pub color: ColorSpace,
    /// How far to turn it before it is shown.
    pub rotation: Rotation,
    /// True when no camera took it (test card, file): the window says so.
    pub synthetic: bool,
}

impl VideoFrame {
    /// A frame over planes that live elsewhere, for example in a decoder's buffers.
    ///
    /// `None` unless width and height are even, not zero, and every plane is large enough.
    pub fn from_planes(planes: Arc<dyn Planes>, width: u32, height: u32, capture: MediaTime) -> Option<Self> {
        if width == 0 || height == 0 || !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return None;
        }
        let (w, h) = (width as usize, height as usize);
        let fits =
            planes.planes().iter().zip([(w, h), (w / 2, h / 2), (w / 2, h / 2)]).all(
                |(&(data, stride), (columns, rows))| stride >= columns && data.len() >= stride * (rows - 1) + columns,
            );
        fits.then(|| Self {
            planes,
            width,
            height,
            capture,
            color: ColorSpace::default(),
            rotation: Rotation::default(),
            synthetic: false,
        })
    }

    /// Width in pixels; even.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels; even.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Luma plane, `height` rows of [`Self::y_stride`] bytes.
    pub fn y(&self) -> &[u8] {
        self.planes.planes()[0].0
    }

    /// Blue-difference plane, `height / 2` rows of [`Self::u_stride`] bytes.
    pub fn u(&self) -> &[u8] {
        self.planes.planes()[1].0
    }

    /// Red-difference plane, `height / 2` rows of [`Self::v_stride`] bytes.
    pub fn v(&self) -> &[u8] {
        self.planes.planes()[2].0
    }

    /// Bytes from one luma row to the next.
    pub fn y_stride(&self) -> usize {
        self.planes.planes()[0].1
    }

    /// Bytes from one row of the blue-difference plane to the next.
    pub fn u_stride(&self) -> usize {
        self.planes.planes()[1].1
    }

    /// Bytes from one row of the red-difference plane to the next.
    pub fn v_stride(&self) -> usize {
        self.planes.planes()[2].1
    }

    /// All three planes with their strides: Y, U, V.
    pub fn planes(&self) -> [(&[u8], usize); 3] {
        self.planes.planes()
    }
}

impl fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoFrame")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("capture", &self.capture)
            .field("color", &self.color)
            .field("rotation", &self.rotation)
            .field("synthetic", &self.synthetic)
            .finish_non_exhaustive()
    }
}

/// Three planes, Y, U and V, with their strides.
pub(crate) type PlaneRefs<'a> = [(&'a [u8], usize); 3];

/// Columns and rows of plane `n` (0 luma, 1 and 2 colour) of a picture.
pub(crate) fn plane_size(size: (u32, u32), n: usize) -> (usize, usize) {
    let (w, h) = (size.0 as usize, size.1 as usize);
    if n == 0 { (w, h) } else { (w.div_ceil(2), h.div_ceil(2)) }
}
