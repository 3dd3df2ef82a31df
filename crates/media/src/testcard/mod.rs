//! The test card and the tone: a camera and a microphone that everybody recognises as not real, made for measuring.
//!
//! The picture carries a [bar code](crate::barcode) with frame number and capture time. At the start of each UNIX second the
//! flash field lights up for 100 ms and the 440 Hz tone turns into a 1 kHz beep for just as long, like a clapper:
//! what a receiver finds between the two is the offset of sound and picture.

mod card;
mod clapper;
mod glyphs;
mod tone;

pub use card::{TestCard, TestCardSource};
pub use clapper::{BeepDetector, FlashDetector};
pub use tone::{SilenceSource, ToneSource, tone_frame};

/// How long flash and beep last from the start of each UNIX second, in microseconds.
const CLAP_US: i64 = 100_000;
