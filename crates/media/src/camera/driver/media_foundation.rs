//! What Media Foundation says, in our terms. It says it in numbers, so this needs no Windows.

use std::time::Duration;

use super::{Failure, Format, Pixel};
use crate::clock::MediaTime;

/// A refusal, above all by the privacy settings: "let desktop apps access your camera".
pub(super) const E_ACCESSDENIED: u32 = 0x8007_0005;
/// The camera does not start; what the system says where another program has it.
pub(super) const MF_E_HW_MFT_FAILED_START_STREAMING: u32 = 0xC00D_3704;
pub(super) const MF_E_VIDEO_RECORDING_DEVICE_INVALIDATED: u32 = 0xC00D_3EA2;
/// A program that goes before us has taken it.
pub(super) const MF_E_VIDEO_RECORDING_DEVICE_PREEMPTED: u32 = 0xC00D_3EA3;
pub(super) const ERROR_SHARING_VIOLATION: u32 = win32(32);
pub(super) const ERROR_BUSY: u32 = win32(170);
pub(super) const ERROR_NO_SUCH_DEVICE: u32 = win32(433);
pub(super) const ERROR_DEVICE_NOT_CONNECTED: u32 = win32(1167);
pub(super) const ERROR_DEVICE_REMOVED: u32 = win32(1617);

/// An error of the older kind as Media Foundation passes it on.
const fn win32(error: u32) -> u32 {
    0x8007_0000 | error
}

/// What a number of the system's means; `None` where it may mean many things. Such are "a device attached to the system
/// is not functioning" (31) and "the file cannot be found" (2), which are said of a camera that was pulled out and of a
/// driver that is broken.
pub(super) fn failure(code: u32) -> Option<Failure> {
    match code {
        E_ACCESSDENIED => Some(Failure::Denied),
        MF_E_HW_MFT_FAILED_START_STREAMING
        | MF_E_VIDEO_RECORDING_DEVICE_PREEMPTED
        | ERROR_SHARING_VIOLATION
        | ERROR_BUSY => Some(Failure::InUse),
        MF_E_VIDEO_RECORDING_DEVICE_INVALIDATED
        | ERROR_NO_SUCH_DEVICE
        | ERROR_DEVICE_NOT_CONNECTED
        | ERROR_DEVICE_REMOVED => Some(Failure::Gone),
        _ => None,
    }
}

pub(super) const NV12: u128 = subtype(*b"NV12");
pub(super) const YUY2: u128 = subtype(*b"YUY2");
pub(super) const MJPG: u128 = subtype(*b"MJPG");

/// The GUID that stands for a four-character code: the code, then what all of them have.
const fn subtype(code: [u8; 4]) -> u128 {
    ((u32::from_le_bytes(code) as u128) << 96) | 0x0000_0010_8000_00AA_0038_9B71
}

/// One kind of pictures that a camera makes, as its media type has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// A GUID.
    pub(super) subtype: u128,
    /// The width above the height.
    pub(super) size: u64,
    /// Pictures in so many seconds: the one number above the other. 0 where it says none.
    pub(super) rate: u64,
}

impl Offer {
    /// As a format; `None` when we cannot use it.
    pub(super) fn format(self) -> Option<Format> {
        let pixel = match self.subtype {
            NV12 => Pixel::Nv12,
            YUY2 => Pixel::Yuyv,
            MJPG => Pixel::Mjpeg,
            _ => return None,
        };
        let (width, height) = halves(self.size);
        Some(Format { width, height, fps: rounded(self.rate), pixel })
    }

    /// For people.
    pub(super) fn title(self) -> String {
        let number = (self.subtype >> 96) as u32;
        let code = number.to_le_bytes();
        let (width, height) = halves(self.size);
        match std::str::from_utf8(&code) {
            Ok(code) if code.bytes().all(|byte| byte.is_ascii_graphic()) => format!("{code} {width} × {height}"),
            // The oldest formats have a number instead.
            _ => format!("format {number} {width} × {height}"),
        }
    }
}

fn halves(both: u64) -> (u32, u32) {
    ((both >> 32) as u32, both as u32)
}

/// 30000 in 1001 seconds are 30 a second, as are 10000000 in 333333.
fn rounded(rate: u64) -> u32 {
    let (pictures, seconds) = halves(rate);
    let (pictures, seconds) = (u64::from(pictures), u64::from(seconds));
    (pictures + seconds / 2).checked_div(seconds).unwrap_or(0) as u32
}

/// Media Foundation's unit of time, 100 ns.
const TICK: u64 = 100;
/// A picture that is older was not captured then: its stamp is of another clock.
const OLDEST: i64 = 10_000_000;

/// When a picture was captured that came at `now`, while Media Foundation's clock showed `clock`: as long ago as the
/// first of its stamps says that can be of that clock, else now.
///
/// The two clocks go alike, but nobody promises them a common origin; so only the picture's age is taken over. Not every
/// stamp is of that clock: a sample's own time counts from the start of the stream where the driver follows the
/// documentation, and from the start of the machine with many others.
pub(super) fn captured(now: MediaTime, clock: i64, stamps: [Option<i64>; 2]) -> MediaTime {
    let age = |stamp: i64| clock.checked_sub(stamp).filter(|age| (0..OLDEST).contains(age));
    let age = stamps.into_iter().flatten().find_map(age);
    age.map_or(now, |ticks| now - Duration::from_nanos(ticks.unsigned_abs() * TICK))
}

/// The rows of a picture without padding between them: `data` itself where there is none, else a copy in `room`.
///
/// `stride` is what its media type calls the bytes from one row to the next, 0 where it does not say. It is believed
/// only where there are as many bytes as it asks for. YUV has its top row first always, so one below zero says nothing.
pub(super) fn packed<'a>(format: Format, stride: i32, data: &'a [u8], room: &'a mut Vec<u8>) -> &'a [u8] {
    let (width, height) = (format.width as usize, format.height as usize);
    let (row, rows) = match format.pixel {
        // The rows of both planes are equally long.
        Pixel::Nv12 => (width, height.saturating_add(height / 2)),
        Pixel::Yuyv => (width.saturating_mul(2), height),
        Pixel::Mjpeg => return data,
    };
    let stride = usize::try_from(stride).unwrap_or(0);
    // The last row may do without its padding.
    let needed = stride.saturating_mul(rows.saturating_sub(1)).saturating_add(row);
    if stride <= row || data.len() < needed {
        return data;
    }
    room.clear();
    for line in data.chunks(stride).take(rows) {
        room.extend_from_slice(&line[..row]);
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_numbers_become_typed_failures() {
        for code in [0xC00D_3704, 0xC00D_3EA3, 0x8007_0020, 0x8007_00AA] {
            assert_eq!(failure(code), Some(Failure::InUse), "{code:#X}");
        }
        for code in [0xC00D_3EA2, 0x8007_01B1, 0x8007_048F, 0x8007_0651] {
            assert_eq!(failure(code), Some(Failure::Gone), "{code:#X}");
        }
        assert_eq!(failure(0x8007_0005), Some(Failure::Denied));
        for code in [0x8007_001F, 0x8007_0002, 0x8007_05AA, 0x8000_4005, 0xC00D_36B4] {
            assert_eq!(failure(code), None, "{code:#X} may mean many things");
        }
    }

    const HD: u64 = (1280 << 32) | 720;
    const RATE: u64 = (30 << 32) | 1;

    #[test]
    fn media_types_become_formats() {
        let nv12 = Offer { subtype: 0x3231564e_0000_0010_8000_00aa00389b71, size: HD, rate: RATE };
        let format = Format { width: 1280, height: 720, fps: 30, pixel: Pixel::Nv12 };
        assert_eq!(nv12.format(), Some(format));
        let yuy2 = Offer { subtype: 0x32595559_0000_0010_8000_00aa00389b71, ..nv12 };
        assert_eq!(yuy2.format(), Some(Format { pixel: Pixel::Yuyv, ..format }));
        let mjpg = Offer { subtype: 0x47504a4d_0000_0010_8000_00aa00389b71, ..nv12 };
        assert_eq!(mjpg.format(), Some(Format { pixel: Pixel::Mjpeg, ..format }));
        let foreign = Offer { subtype: 0x3231564e_0000_0010_8000_00aa00389b72, ..nv12 };
        assert_eq!(foreign.format(), None, "the code alone does not make it");
    }

    #[test]
    fn what_cannot_be_used_has_a_name() {
        let h264 = Offer { subtype: subtype(*b"H264"), size: HD, rate: RATE };
        assert_eq!((h264.format(), h264.title().as_str()), (None, "H264 1280 × 720"));
        // RGB24, of a time when formats had numbers.
        let rgb = Offer { subtype: (20 << 96) | 0x0000_0010_8000_00AA_0038_9B71, ..h264 };
        assert_eq!((rgb.format(), rgb.title().as_str()), (None, "format 20 1280 × 720"));
    }

    #[test]
    fn rates_are_rounded() {
        for (pictures, seconds, fps) in [
            (30, 1, 30),
            (30_000, 1_001, 30),
            (10_000_000, 333_333, 30),
            (15, 2, 8),
            (0, 0, 0),
            (30, 0, 0),
            (u32::MAX, 1, u32::MAX),
        ] {
            assert_eq!(rounded((u64::from(pictures) << 32) | seconds), fps, "{pictures} in {seconds} s");
        }
    }

    #[test]
    fn a_picture_is_as_old_as_the_first_stamp_that_can_be_true() {
        let now = MediaTime::from_millis(5_000);
        let clock = 70_000_000_000;
        let at = |stamps| captured(now, clock, stamps).as_millis();
        assert_eq!(at([Some(clock - 400_000), Some(clock - 600_000)]), 4_960);
        assert_eq!(at([None, Some(clock - 600_000)]), 4_940);
        assert_eq!(at([Some(clock), None]), 5_000);
        // Counted from the start of the stream; from the future; of another clock.
        assert_eq!(at([Some(1_200_000), Some(clock - 600_000)]), 4_940);
        assert_eq!(at([Some(clock + 1), Some(0)]), 5_000);
        assert_eq!(at([Some(clock - OLDEST), None]), 5_000);
        assert_eq!(at([Some(i64::MIN), Some(i64::MAX)]), 5_000);
        assert_eq!(at([None, None]), 5_000);
    }

    #[test]
    fn padding_between_rows_is_left_out() {
        let mut room = Vec::new();
        let nv12 = Format { width: 2, height: 2, fps: 30, pixel: Pixel::Nv12 };
        let padded = [1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0, 0];
        assert_eq!(packed(nv12, 4, &padded, &mut room), [1, 2, 3, 4, 5, 6]);
        assert_eq!(packed(nv12, 4, &padded[..10], &mut room), [1, 2, 3, 4, 5, 6], "the last row may end early");
        let yuyv = Format { pixel: Pixel::Yuyv, ..nv12 };
        assert_eq!(packed(yuyv, 6, &padded, &mut room), [1, 2, 0, 0, 0, 0, 5, 6], "rows of four bytes");
    }

    #[test]
    fn without_padding_nothing_is_copied() {
        let mut room = Vec::new();
        let nv12 = Format { width: 2, height: 2, fps: 30, pixel: Pixel::Nv12 };
        let data = [1, 2, 3, 4, 5, 6];
        for stride in [0, 2, -2, -4, 4, i32::MAX, i32::MIN] {
            assert_eq!(packed(nv12, stride, &data, &mut room), data, "{stride}");
        }
        let mjpeg = Format { pixel: Pixel::Mjpeg, ..nv12 };
        assert_eq!(packed(mjpeg, 1, &data, &mut room), data);
        let absurd = Format { width: u32::MAX, height: u32::MAX, ..nv12 };
        assert_eq!(packed(absurd, i32::MAX, &data, &mut room), data);
        let none = Format { width: 0, height: 0, ..nv12 };
        assert_eq!(packed(none, 1, &data, &mut room), [0_u8; 0]);
        assert_eq!(room.capacity(), 0);
    }
}
