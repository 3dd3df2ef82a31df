//! What the sequence parameter set of a stream (ITU-T H.264, 7.3.2.1.1 and annex E) says about colours.

use super::annexb;
use crate::frame::ColorSpace;

/// Profiles whose sets say more before the size.
const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Colours are sampled as often as luma.
const CHROMA_444: u32 = 3;
/// The shape of pixels is no entry of the standard's table, but follows.
const EXTENDED_SHAPE: u32 = 255;
/// The standard allows no longer cycle of pictures.
const LONGEST_CYCLE: u32 = 255;
/// BT.601 of 50 and of 60 fields a second in table E-5: the same matrix.
const BT601: [u32; 2] = [5, 6];

/// What receivers take the pictures of a stream for that begins with `data`: BT.709 limited where its parameter set says
/// nothing of colours, or cannot be read. `None` while there is no set.
pub(super) fn color_told(data: &[u8]) -> Option<ColorSpace> {
    let told = signal(annexb::sps(data)?).unwrap_or_default();
    Some(match (told.matrix.is_some_and(|matrix| BT601.contains(&matrix)), told.full_range) {
        (false, false) => ColorSpace::Bt709Limited,
        (false, true) => ColorSpace::Bt709Full,
        (true, false) => ColorSpace::Bt601Limited,
        (true, true) => ColorSpace::Bt601Full,
    })
}

/// How the set says that samples are to be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Signal {
    full_range: bool,
    /// Its number in table E-5; `None` without a colour description.
    matrix: Option<u32>,
}

/// Reads a set as far as its colours; `None` when it is cut off before, or no set.
fn signal(set: &[u8]) -> Option<Signal> {
    let mut bits = Bits::of(set);
    // The unit's own header.
    bits.take(8)?;
    let profile = bits.take(8)?;
    // Constraints and level.
    bits.take(16)?;
    bits.number()?;
    if HIGH.contains(&profile) {
        skip_high(&mut bits)?;
    }
    bits.number()?;
    skip_order(&mut bits)?;
    // Reference pictures, and whether numbers may be left out.
    bits.number()?;
    bits.flag()?;
    // Width and height.
    bits.number()?;
    bits.number()?;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.flag()?;
    }
    bits.flag()?;
    let cropped = bits.flag()?;
    if cropped {
        (0..4).try_for_each(|_| bits.number().map(drop))?;
    }
    let usability = bits.flag()?;
    if usability { colors(&mut bits) } else { Some(Signal::default()) }
}

/// The beginning of the usability information (annex E.1.1).
fn colors(bits: &mut Bits<'_>) -> Option<Signal> {
    let shape = bits.flag()?;
    if shape && bits.take(8)? == EXTENDED_SHAPE {
        bits.take(32)?;
    }
    let overscan = bits.flag()?;
    if overscan {
        bits.flag()?;
    }
    let signal = bits.flag()?;
    if !signal {
        return Some(Signal::default());
    }
    // Where the pictures came from.
    bits.take(3)?;
    let full_range = bits.flag()?;
    let described = bits.flag()?;
    if !described {
        return Some(Signal { full_range, matrix: None });
    }
    // Primaries and transfer.
    bits.take(16)?;
    Some(Signal { full_range, matrix: Some(bits.take(8)?) })
}

/// Sampling of colours, depths, scaling lists.
fn skip_high(bits: &mut Bits<'_>) -> Option<()> {
    let chroma = bits.number()?;
    if chroma == CHROMA_444 {
        bits.flag()?;
    }
    bits.number()?;
    bits.number()?;
    bits.flag()?;
    let scaled = bits.flag()?;
    if scaled {
        let lists = if chroma == CHROMA_444 { 12 } else { 8 };
        for list in 0..lists {
            let here = bits.flag()?;
            if here {
                skip_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

/// A scaling list ends where the next scale would be 0: what follows repeats the last.
fn skip_list(bits: &mut Bits<'_>, length: usize) -> Option<()> {
    let mut scale = 8i64;
    for _ in 0..length {
        scale = (scale + bits.signed()?).rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

/// In what order pictures are shown.
fn skip_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.number()? {
        0 => bits.number().map(drop),
        1 => {
            bits.flag()?;
            bits.number()?;
            bits.number()?;
            let cycle = bits.number()?;
            if cycle > LONGEST_CYCLE {
                return None;
            }
            (0..cycle).try_for_each(|_| bits.number().map(drop))
        }
        2 => Some(()),
        _ => None,
    }
}

/// Reads bits, the highest of a byte first; leaves out the bytes that only keep start codes from appearing.
struct Bits<'a> {
    rest: std::slice::Iter<'a, u8>,
    byte: u8,
    /// Bits of `byte` that were not read.
    left: u32,
    /// Bytes of zero just before, at most two.
    zeros: u8,
}

impl<'a> Bits<'a> {
    fn of(unit: &'a [u8]) -> Self {
        Self { rest: unit.iter(), byte: 0, left: 0, zeros: 0 }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let mut byte = *self.rest.next()?;
            if self.zeros == 2 && byte == 3 {
                byte = *self.rest.next()?;
                self.zeros = 0;
            }
            self.zeros = if byte == 0 { (self.zeros + 1).min(2) } else { 0 };
            (self.byte, self.left) = (byte, 8);
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    fn flag(&mut self) -> Option<bool> {
        self.bit().map(|bit| bit == 1)
    }

    /// The next `count` bits, 32 at most, as a number.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0u32, |number, _| Some(number << 1 | self.bit()?))
    }

    /// An Exp-Golomb number (9.1): as many zeros as it has bits after its first, then these bits, and 1 too many.
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0u32;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros == 32 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.take(zeros)?)
    }

    /// One with a sign (9.1.1): 1, −1, 2, −2 …
    fn signed(&mut self) -> Option<i64> {
        let number = i64::from(self.number()?);
        Some(if number % 2 == 1 { number / 2 + 1 } else { -(number / 2) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Writes what is read above.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn bits(mut self, number: u32, count: u32) -> Self {
            self.0.extend((0..count).rev().map(|n| number >> n & 1 == 1));
            self
        }

        fn number(self, number: u32) -> Self {
            let count = (number + 1).ilog2();
            self.bits(0, count).bits(number + 1, count + 1)
        }

        /// The bytes with a start code, and with those that keep others from appearing.
        fn stream(mut self) -> Vec<u8> {
            self.0.push(true);
            self.0.resize(self.0.len().next_multiple_of(8), false);
            let mut out = vec![0, 0, 0, 1];
            let mut zeros = 0;
            for bits in self.0.chunks(8) {
                let byte = bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
                if zeros == 2 && byte <= 3 {
                    out.push(3);
                    zeros = 0;
                }
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                out.push(byte);
            }
            out
        }
    }

    /// A set of the baseline up to the flag of its usability information: 64 × 48, as most encoders write it.
    fn plain() -> Writer {
        begin(66).number(4).number(2).number(1).bits(0, 1).number(3).number(2).bits(0b110, 3)
    }

    fn begin(profile: u32) -> Writer {
        Writer::default().bits(0x67, 8).bits(profile, 8).bits(0xC00A, 16).number(0)
    }

    /// Usability information that begins with the colours; 2 is "unspecified".
    fn described(set: Writer, full: u32, matrix: u32) -> Vec<u8> {
        set.bits(0b1001, 4).bits(5, 3).bits(full, 1).bits(1, 1).bits(0x0202, 16).bits(matrix, 8).stream()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
        [0, 0, 0, 1].into_iter().chain(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect()
    }

    /// Of libx264: what it was told of the colours, and what it wrote.
    const X264: [(ColorSpace, &str); 5] = [
        (ColorSpace::Bt709Full, "6742c00ada11ec05b810100a000003000200000300791e244d40"),
        (ColorSpace::Bt601Limited, "6742c00ada11ec05a8101032000003000200000300791e244d40"),
        // Nothing.
        (ColorSpace::Bt709Limited, "6742c00ada11ec0440000003004000000f23c489a8"),
        // The high profile.
        (ColorSpace::Bt709Limited, "6764000aacb423d80b50202014000003000400000300f23c489a80"),
        (ColorSpace::Bt601Limited, "6764000aacb423d80b50202064000003000400000300f23c489a80"),
    ];

    #[test]
    fn what_x264_writes_is_read() {
        for (color, hex) in X264 {
            assert_eq!(color_told(&bytes(hex)), Some(color), "{hex}");
        }
    }

    #[test]
    fn a_set_without_colours_means_what_receivers_take_it_for() {
        let without = plain().bits(0, 1).stream();
        assert_eq!(signal(annexb::sps(&without).unwrap()), Some(Signal::default()));
        assert_eq!(color_told(&without), Some(ColorSpace::Bt709Limited));
        // Usability information that says nothing of the signal, and one that says its range only.
        assert_eq!(color_told(&plain().bits(0b1000, 4).bits(0, 8).stream()), Some(ColorSpace::Bt709Limited));
        let range = |full| plain().bits(0b1001, 4).bits(5, 3).bits(full, 1).bits(0, 1).stream();
        assert_eq!(color_told(&range(0)), Some(ColorSpace::Bt709Limited));
        assert_eq!(color_told(&range(1)), Some(ColorSpace::Bt709Full));
        assert_eq!(color_told(&[0, 0, 1, 0x68, 1, 2, 3]), None, "no set at all");
    }

    #[test]
    fn each_matrix_and_range_is_read() {
        for (matrix, limited, full) in [
            (1, ColorSpace::Bt709Limited, ColorSpace::Bt709Full),
            (2, ColorSpace::Bt709Limited, ColorSpace::Bt709Full),
            (5, ColorSpace::Bt601Limited, ColorSpace::Bt601Full),
            (6, ColorSpace::Bt601Limited, ColorSpace::Bt601Full),
            (9, ColorSpace::Bt709Limited, ColorSpace::Bt709Full),
        ] {
            assert_eq!(color_told(&described(plain(), 0, matrix)), Some(limited), "{matrix}");
            assert_eq!(color_told(&described(plain(), 1, matrix)), Some(full), "{matrix}");
        }
    }

    #[test]
    fn what_stands_before_the_colours_is_passed_over() {
        // Scaling lists, all of them here: the first ends at once, the others have all their entries.
        let mut lists = begin(100).number(1).number(0).number(0).bits(0b01, 2).bits(1, 1).number(16);
        for list in 1..8 {
            lists = (0..if list < 6 { 16 } else { 64 }).fold(lists.bits(1, 1), |set, n| set.number(n % 2 + 1));
        }
        let lists = lists.number(4).number(2).number(1).bits(0, 1).number(3).number(2).bits(0b110, 3);
        // Two in a cycle; fields, and edges cut off; zeros that must not look like a start code.
        let order = begin(66).number(0).number(1).bits(0, 1).number(0).number(0).number(2).number(7).number(8);
        let order = order.number(1).bits(0, 1).number(3).number(2).bits(0b00, 2).bits(0b11, 2);
        let order = order.number(0).number(4).number(0).number(1 << 30);
        for set in [lists, order] {
            assert_eq!(color_told(&described(set, 1, 6)), Some(ColorSpace::Bt601Full));
        }
        // Pixels of an odd shape, and overscan.
        let odd = plain().bits(1, 1).bits(1, 1).bits(255, 8).bits(0, 32).bits(0b11, 2);
        let odd = odd.bits(1, 1).bits(5, 3).bits(1, 1).bits(1, 1).bits(0, 16).bits(5, 8).stream();
        assert!(odd.windows(3).any(|bytes| bytes == [0, 0, 3]));
        assert_eq!(color_told(&odd), Some(ColorSpace::Bt601Full));
    }

    #[test]
    fn sets_that_are_cut_off_and_garbage_do_no_harm() {
        for (_, hex) in X264 {
            let stream = bytes(hex);
            let set = annexb::sps(&stream).unwrap();
            let whole = signal(set);
            for length in 0..set.len() {
                let cut = signal(&set[..length]);
                assert!(cut.is_none() || cut == whole, "{length} bytes of {hex}: {cut:?}");
            }
            assert_eq!(signal(&set[..6]), None);
            // Not to be read, but a set: receivers see nothing of its colours either.
            assert_eq!(color_told(&stream[..6]), Some(ColorSpace::Bt709Limited));
        }
        let mut seed = 1u32;
        for round in 0..20_000u32 {
            let garbage = (0..round % 97).map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Many zeros, as in long numbers.
                if round % 3 == 0 { (seed >> 24 & seed >> 16 & seed >> 8) as u8 } else { (seed >> 24) as u8 }
            });
            let set: Vec<u8> = [0x67, [66, 100, 244][round as usize % 3]].into_iter().chain(garbage).collect();
            let _ = signal(&set);
        }
        for byte in [0x00, 0x01, 0x03, 0xFF] {
            let _ = signal(&[byte; 4_096]);
            let _ = signal(&[&[0x67, 100, 0, 0][..], &[byte; 4_096]].concat());
        }
    }
}
