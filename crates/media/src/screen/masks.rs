//! Pointers as Windows keeps them: with masks that say what is clear, and what turns round the colour below.

use super::pointer::Shape;

const OPAQUE: u32 = 0xFF00_0000;
const COLOUR: u32 = 0x00FF_FFFF;

/// The bits of a mask of one bit a pixel, `stride` bytes a row, the highest bit first. `None` if there are too few.
pub(super) fn bits(mask: &[u8], stride: usize, width: u32, height: u32) -> Option<Vec<bool>> {
    let mut all = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height as usize {
        let row = mask.get(y * stride..)?.get(..(width as usize).div_ceil(8))?;
        all.extend((0..width as usize).map(|x| row[x / 8] & (0x80 >> (x % 8)) != 0));
    }
    Some(all)
}

/// Pixels, `stride` bytes a row, as numbers with alpha in the top byte. `None` if there are too few.
pub(super) fn pixels(bgra: &[u8], stride: usize, width: u32, height: u32) -> Option<Vec<u32>> {
    let mut all = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height as usize {
        let row = bgra.get(y * stride..)?.get(..width as usize * 4)?;
        all.extend(row.as_chunks::<4>().0.iter().map(|pixel| u32::from_le_bytes(*pixel)));
    }
    Some(all)
}

/// Two masks: pixels keep the colour below where `keep` is set and are black where it is not; where `turn` is set, that is
/// turned round. `None` if they are not of this size.
pub(super) fn monochrome(width: u32, hot: (i32, i32), keep: &[bool], turn: &[bool]) -> Option<Shape> {
    let height = height(width, keep.len())?;
    if turn.len() != keep.len() {
        return None;
    }
    let argb = keep.iter().zip(turn).map(|(keep, turn)| match (keep, turn) {
        (true, _) => 0,
        (false, false) => OPAQUE,
        (false, true) => OPAQUE | COLOUR,
    });
    let turned = keep.iter().zip(turn).map(|(keep, turn)| if *keep && *turn { COLOUR } else { 0 });
    Some(Shape { width, height, hot, argb: argb.collect(), turned: turned.collect() })
}

/// Colours with an alpha, which they are not multiplied with. `None` if they are no rows of this width.
pub(super) fn coloured(width: u32, hot: (i32, i32), colours: &[u32]) -> Option<Shape> {
    let height = height(width, colours.len())?;
    let argb = colours.iter().map(|colour| {
        let alpha = colour >> 24;
        let part = |shift: u32| ((((colour >> shift) & 0xFF) * alpha + 127) / 255) << shift;
        (alpha << 24) | part(16) | part(8) | part(0)
    });
    Some(Shape { width, height, hot, argb: argb.collect(), turned: Vec::new() })
}

/// Colours whose mask says what they do: cover what is below, or, where it is set, turn that round. `None` if sizes differ.
pub(super) fn masked(width: u32, hot: (i32, i32), colours: &[u32], mask: &[bool]) -> Option<Shape> {
    let height = height(width, colours.len())?;
    if mask.len() != colours.len() {
        return None;
    }
    let argb = colours.iter().zip(mask).map(|(colour, turn)| if *turn { 0 } else { OPAQUE | (colour & COLOUR) });
    let turned = colours.iter().zip(mask).map(|(colour, turn)| if *turn { colour & COLOUR } else { 0 });
    Some(Shape { width, height, hot, argb: argb.collect(), turned: turned.collect() })
}

/// A coloured pointer as an icon has it: with an alpha, or, where that is nowhere set, with a mask.
pub(super) fn icon(width: u32, hot: (i32, i32), colours: &[u32], mask: &[bool]) -> Option<Shape> {
    if colours.iter().any(|colour| colour & OPAQUE != 0) {
        coloured(width, hot, colours)
    } else {
        masked(width, hot, colours, mask)
    }
}

fn height(width: u32, pixels: usize) -> Option<u32> {
    let whole = width > 0 && pixels > 0 && pixels.is_multiple_of(width as usize);
    whole.then(|| (pixels / width as usize) as u32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_from_the_highest_and_rows_from_their_beginning() {
        let mask = [0b1000_0001, 0b1100_0000, 9, 9, 0, 0b0100_0000, 9, 9];
        let read = bits(&mask, 4, 10, 2).unwrap();
        let set: Vec<usize> = read.iter().enumerate().filter_map(|(n, bit)| bit.then_some(n)).collect();
        assert_eq!(set, [0, 7, 8, 9, 19]);
        assert!(bits(&mask, 4, 10, 3).is_none() && bits(&mask, 4, 40, 2).is_none());
    }

    #[test]
    fn two_masks_make_black_white_clear_and_turned() {
        let shape = monochrome(2, (1, 0), &[false, false, true, true], &[false, true, false, true]).unwrap();
        assert_eq!((shape.width, shape.height, shape.hot), (2, 2, (1, 0)));
        assert_eq!(shape.argb, [0xFF00_0000, 0xFFFF_FFFF, 0, 0]);
        assert_eq!(shape.turned, [0, 0, 0, 0x00FF_FFFF]);
        assert!(monochrome(2, (0, 0), &[true; 4], &[true; 3]).is_none());
        assert!(monochrome(3, (0, 0), &[true; 4], &[true; 4]).is_none());
    }

    #[test]
    fn colours_are_multiplied_with_their_alpha() {
        let shape = coloured(3, (0, 0), &[0xFF10_2030, 0x8080_40FF, 0x00FF_FFFF]).unwrap();
        assert_eq!(shape.argb, [0xFF10_2030, 0x8040_2080, 0]);
        assert!(coloured(0, (0, 0), &[]).is_none());
    }

    #[test]
    fn a_mask_decides_only_where_no_colour_has_an_alpha() {
        let masked = icon(2, (0, 0), &[0x0012_3456, 0x00FF_FFFF], &[false, true]).unwrap();
        assert_eq!((masked.argb, masked.turned), (vec![0xFF12_3456, 0], vec![0, 0x00FF_FFFF]));
        let with_alpha = icon(2, (0, 0), &[0xFF12_3456, 0x00FF_FFFF], &[true, true]).unwrap();
        assert_eq!((with_alpha.argb, with_alpha.turned), (vec![0xFF12_3456, 0], vec![]));
    }

    #[test]
    fn pixels_are_read_row_by_row() {
        let bgra = [1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8];
        assert_eq!(pixels(&bgra, 8, 1, 2).unwrap(), [0x0403_0201, 0x0807_0605]);
        assert!(pixels(&bgra, 8, 2, 2).is_none());
    }
}
