//! A line of words on a plate of its own, for what lies on the desktop and not on a stage.

use super::text::{Labels, Style};
use super::theme::Rgb;

const GROUND: Rgb = Rgb(0x10, 0x14, 0x1A);
const INK: Rgb = Rgb(0xF2, 0xF5, 0xF8);

/// Words on a dark ground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plate {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Blue, green, red, 255; top row first, `width × height × 4` bytes.
    pub bgrx: Vec<u8>,
}

impl Plate {
    /// One line of `text` with letters `size` pixels high, cut with an ellipsis where the plate would be wider than
    /// `most` pixels. `None` when nothing would show, as on a machine without fonts.
    pub fn of(text: &str, size: f32, most: u32) -> Option<Self> {
        let (beside, above) = ((size * 0.7).ceil() as u32, (size * 0.35).ceil() as u32);
        let style = Style { size, bold: false, color: INK };
        let label = Labels::default().get(text, style, most.saturating_sub(2 * beside + 1))?;
        let (width, height) = (label.w + 2 * beside, label.h + 2 * above);
        let mut bgrx = GROUND.bgra().repeat((width * height) as usize);
        for (y, row) in label.pixels.chunks_exact(label.w as usize).enumerate() {
            let at = ((y + above as usize) * width as usize + beside as usize) * 4;
            for (pixel, ink) in bgrx[at..].as_chunks_mut::<4>().0.iter_mut().zip(row) {
                let rest = 255 - u32::from(ink[3]);
                for (p, i) in pixel.iter_mut().zip(&ink[..3]) {
                    *p = (u32::from(*i) + u32::from(*p) * rest / 255).min(255) as u8;
                }
            }
        }
        Some(Self { width, height, bgrx })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lie_whole_within_their_plate() {
        let Some(plate) = Plate::of("640 × 360", 14.0, 800) else {
            beckon_test_skip::skip("no font is installed");
            return;
        };
        assert_eq!(plate.bgrx.len(), (plate.width * plate.height * 4) as usize);
        let ground = GROUND.bgra();
        let pixels = plate.bgrx.as_chunks::<4>().0;
        let row = |y: u32| &pixels[(y * plate.width) as usize..][..plate.width as usize];
        let edge = |p: &[u8; 4]| *p == ground;
        assert!(row(0).iter().all(edge) && row(plate.height - 1).iter().all(edge));
        assert!((0..plate.height).all(|y| edge(&row(y)[0]) && edge(&row(y)[plate.width as usize - 1])));
        let inked = pixels.iter().filter(|p| p[1] > 200).count();
        assert!(inked > 40, "{inked}");
    }

    #[test]
    fn no_plate_is_wider_than_it_may_be() {
        let words = "words ".repeat(40);
        assert!(Plate::of(&words, 14.0, 200).is_none_or(|plate| plate.width <= 200));
        assert!(Plate::of("", 14.0, 200).is_none());
        assert!(Plate::of("x", 14.0, 4).is_none());
    }
}
