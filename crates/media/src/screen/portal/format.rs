//! What pictures we take, and what PipeWire and we have agreed upon.

use super::pod::{Object, Pod, Value};

/// Kinds of objects.
mod object {
    pub(super) const FORMAT: u32 = 0x4_0003;
    pub(super) const BUFFERS: u32 = 0x4_0004;
    pub(super) const META: u32 = 0x4_0005;
}

/// Parameters of a stream.
pub(super) mod parameter {
    pub(in super::super) const ENUM_FORMAT: u32 = 3;
    pub(in super::super) const FORMAT: u32 = 4;
    pub(in super::super) const BUFFERS: u32 = 5;
    pub(in super::super) const META: u32 = 6;
}

/// What comes along with a picture.
pub(super) mod meta {
    /// Whether it is whole, and when it was taken.
    pub(in super::super) const HEADER: u32 = 1;
    /// The part of it that is the picture: a window may be smaller than its memory.
    pub(in super::super) const CROP: u32 = 2;
    /// What has changed since the one before.
    pub(in super::super) const DAMAGE: u32 = 3;
    /// How it is turned: a monitor may stand on its side.
    pub(in super::super) const TURN: u32 = 8;
}

/// Keys of a format.
mod key {
    pub(super) const MEDIA: u32 = 1;
    pub(super) const SUBTYPE: u32 = 2;
    pub(super) const PIXELS: u32 = 0x2_0001;
    pub(super) const SIZE: u32 = 0x2_0003;
    pub(super) const RATE: u32 = 0x2_0004;
    pub(super) const MOST_RATE: u32 = 0x2_0005;
}

const VIDEO: u32 = 2;
const RAW: u32 = 1;

/// Memory that we can read: an address, or a file to map. Memory of a graphics card is neither.
const READABLE: i32 = 1 << 1 | 1 << 2;
/// Pictures in flight: the one we hold, the one that is drawn, and some for when we are slow.
const BUFFERS: [i32; 3] = [4, 2, 8];
/// Changed parts told with one picture.
const DAMAGED: [i32; 3] = [16, 1, 64];
/// Bytes of one part: left, top, width, height.
pub(super) const REGION: usize = 16;
/// Bytes of a header.
const HEADER: i32 = 32;

/// How a pixel lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixels {
    /// Bytes of one pixel.
    pub(super) bytes: usize,
    /// Which of them are blue, green and red.
    pub(super) bgr: [usize; 3],
}

impl Pixels {
    const fn new(bytes: usize, bgr: [usize; 3]) -> Self {
        Self { bytes, bgr }
    }

    /// They lie as everything behind us takes them.
    pub(super) fn is_bgrx(self) -> bool {
        self == Self::new(4, [0, 1, 2])
    }
}

/// What we take, by PipeWire's number for it, the cheapest first. What lies behind glass is opaque on a screen: alpha
/// is not looked at.
const TAKEN: [(u32, Pixels); 10] = [
    (8, Pixels::new(4, [0, 1, 2])),  // BGRx
    (12, Pixels::new(4, [0, 1, 2])), // BGRA
    (7, Pixels::new(4, [2, 1, 0])),  // RGBx
    (11, Pixels::new(4, [2, 1, 0])), // RGBA
    (9, Pixels::new(4, [3, 2, 1])),  // xRGB
    (13, Pixels::new(4, [3, 2, 1])), // ARGB
    (10, Pixels::new(4, [1, 2, 3])), // xBGR
    (14, Pixels::new(4, [1, 2, 3])), // ABGR
    (16, Pixels::new(3, [0, 1, 2])), // BGR
    (15, Pixels::new(3, [2, 1, 0])), // RGB
];

/// Sides of a picture, in pixels: more than any screen, and little enough for arithmetic in 32 bits.
const LARGEST: u32 = 16_384;

/// What was agreed upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) pixels: Pixels,
    /// Of the memory, in pixels; the picture may be a part of it.
    pub(super) width: u32,
    pub(super) height: u32,
}

/// What we take, with at most `fps` pictures a second.
///
/// The rate itself may be anything, zero too: a screen has no rate, it has changes.
pub(super) fn offer(fps: u32) -> Pod {
    let pixels = TAKEN.map(|(id, _)| id);
    Pod::object(
        object::FORMAT,
        parameter::ENUM_FORMAT,
        &[
            (key::MEDIA, Value::Id(VIDEO)),
            (key::SUBTYPE, Value::Id(RAW)),
            (key::PIXELS, Value::AnyId(&pixels)),
            (key::SIZE, Value::RectangleRange([(1920, 1080), (1, 1), (LARGEST, LARGEST)])),
            (key::RATE, Value::FractionRange([(0, 1), (0, 1), (1000, 1)])),
            (key::MOST_RATE, Value::FractionRange([(fps, 1), (1, 1), (fps, 1)])),
        ],
    )
}

/// What PipeWire says was agreed upon.
///
/// # Errors
/// What of it we do not take.
pub(super) fn agreed(bytes: &[u8]) -> Result<Format, String> {
    let object = Object::read(bytes).filter(|o| o.kind == object::FORMAT).ok_or("it is no format")?;
    let (media, subtype) = (object.get(key::MEDIA), object.get(key::SUBTYPE));
    if (media, subtype) != (Some(Value::Id(VIDEO)), Some(Value::Id(RAW))) {
        return Err(format!("it is no plain video ({media:?}, {subtype:?})"));
    }
    let pixels = match object.get(key::PIXELS) {
        Some(Value::Id(id)) => TAKEN.iter().find(|(taken, _)| *taken == id).map(|(_, pixels)| *pixels),
        _ => None,
    };
    let pixels =
        pixels.ok_or_else(|| format!("its pixels are of a kind we did not ask for ({:?})", object.get(key::PIXELS)))?;
    match object.get(key::SIZE) {
        Some(Value::Rectangle(width, height)) if (1..=LARGEST).contains(&width) && (1..=LARGEST).contains(&height) => {
            Ok(Format { pixels, width, height })
        }
        size => Err(format!("its size is {size:?}")),
    }
}

/// How pictures are to be handed over, and what is to come along with them.
pub(super) fn delivery() -> [Pod; 5] {
    let region = REGION as i32;
    let with = |kind, size| Pod::object(object::META, parameter::META, &[(1, Value::Id(kind)), (2, size)]);
    [
        Pod::object(
            object::BUFFERS,
            parameter::BUFFERS,
            &[(1, Value::IntRange(BUFFERS)), (6, Value::IntFlags(READABLE))],
        ),
        with(meta::HEADER, Value::Int(HEADER)),
        with(meta::CROP, Value::Int(region)),
        with(meta::DAMAGE, Value::IntRange(DAMAGED.map(|n| n * region))),
        with(meta::TURN, Value::Int(4)),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn said(media: u32, pixels: u32, size: (u32, u32)) -> Vec<u8> {
        let size = Value::Rectangle(size.0, size.1);
        let properties = [
            (key::MEDIA, Value::Id(media)),
            (key::SUBTYPE, Value::Id(RAW)),
            (key::PIXELS, Value::Id(pixels)),
            (key::SIZE, size),
            (key::RATE, Value::Fraction(0, 1)),
        ];
        Pod::object(object::FORMAT, parameter::FORMAT, &properties).bytes()
    }

    #[test]
    fn what_we_offer_may_be_agreed_upon() {
        for (id, pixels) in TAKEN {
            assert_eq!(agreed(&said(VIDEO, id, (1366, 768))), Ok(Format { pixels, width: 1366, height: 768 }));
        }
        // An offer read as an agreement is what is wanted most: of a size, plain video, and the cheapest pixels.
        let best = agreed(&offer(30).bytes()).unwrap();
        assert!(best.pixels.is_bgrx());
        assert_eq!((best.width, best.height), (1920, 1080));
    }

    #[test]
    fn what_we_cannot_read_is_refused_and_named() {
        for (bytes, named) in [
            (said(1, 8, (640, 480)), "no plain video"),
            (said(VIDEO, 23, (640, 480)), "23"),
            (said(VIDEO, 8, (0, 480)), "(0, 480)"),
            (said(VIDEO, 8, (640, 1 << 30)), "1073741824"),
            (delivery()[0].bytes(), "no format"),
            (Vec::new(), "no format"),
        ] {
            let error = agreed(&bytes).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn no_offer_names_memory_we_cannot_read() {
        let bytes = delivery()[0].bytes();
        let buffers = Object::read(&bytes).unwrap();
        assert_eq!(buffers.get(6), Some(Value::Int(6)));
    }
}
