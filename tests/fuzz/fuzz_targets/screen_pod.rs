//! What PipeWire says of a shared screen: the format as it lies in memory, then one picture of it.
#![no_main]

// The files that read it: they are no part of their crate's interface, and need nothing of it but rectangles.
#[allow(dead_code)]
#[path = "../../../crates/media/src/screen/portal/format.rs"]
mod format;
#[allow(dead_code)]
#[path = "../../../crates/media/src/layout/mod.rs"]
mod layout;
#[allow(dead_code)]
#[path = "../../../crates/media/src/screen/portal/picture.rs"]
mod picture;
#[allow(dead_code)]
#[path = "../../../crates/media/src/screen/portal/pod.rs"]
mod pod;
/// Where the others look for rectangles.
mod screen {
    pub(crate) use crate::layout::Rect;
}

use libfuzzer_sys::fuzz_target;
use picture::{Layout, Said};
use screen::Rect;

/// A format that is always agreed upon, for what is said of pictures.
const AGREED: format::Format =
    format::Format { pixels: format::Pixels { bytes: 4, bgr: [2, 1, 0] }, width: 24, height: 16 };

fuzz_target!(|bytes: &[u8]| {
    let [words @ .., how] = bytes else { return };
    let agreed = format::agreed(words);
    let format = match &agreed {
        Ok(format) if format.width <= 64 && format.height <= 64 => *format,
        _ => AGREED,
    };
    let (words, _) = words.as_chunks::<4>();
    let mut numbers = words.iter().map(|word| i32::from_ne_bytes(*word)).chain(std::iter::repeat(0));
    let mut number = || numbers.next().unwrap_or(0);
    let memory = vec![7u8; number() as usize % 16_384];
    let mut rect = || Rect::new(number(), number(), number() as u32, number() as u32);
    let (crop, damage) = (rect(), vec![rect(), rect()]);
    let said = Said {
        memory: memory.len(),
        offset: number() as u32,
        filled: 1,
        stride: number(),
        corrupted: false,
        crop: (how & 1 != 0).then_some(crop),
        damage: None,
        turn: u32::from(how >> 4),
    };
    let Ok(layout) = Layout::of(&format, &said) else { return };
    let (width, height) = layout.size();
    let mut copy = Vec::new();
    for part in damage.into_iter().chain([Rect::new(i32::MIN, i32::MIN, u32::MAX, u32::MAX)]) {
        let place = layout.place(part);
        assert!(place.x >= 0 && place.y >= 0, "{place:?}");
        assert!(place.right() as u32 <= width + 1 && place.bottom() as u32 <= height + 1, "{place:?} of {width} × {height}");
        let place = Rect::new(place.x, place.y, place.w.min(width.saturating_sub(place.x as u32)), place.h.min(height.saturating_sub(place.y as u32)));
        if place.w > 0 && place.h > 0 {
            let read = layout.bgrx(&memory, place, &mut copy);
            let (pixels, stride) = read.expect("every pixel of a picture that is taken lies within its memory");
            assert!(pixels.len() >= (place.h as usize - 1) * stride + place.w as usize * 4);
        }
    }
});
