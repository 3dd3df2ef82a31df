//! What the app and the pages in its windows say to each other.
//!
//! The app's side is `src-tauri`, the pages' is `ui/room`; `cargo xtask types` writes `ui/room/src/lib/types.ts` from
//! what stands here, and the tests compare. Nothing here decides or does anything.
//!
//! - [`boot`]: a page's first words to hear
//! - [`devices`]: which devices there are
//! - [`settings`]: what the person set, kept between runs
//! - [`screen`]: what can be shared
//! - [`place`]: where a page leaves room for the pictures
#![forbid(unsafe_code)]

pub mod boot;
pub mod devices;
mod language;
pub mod place;
pub mod screen;
pub mod settings;

pub use language::{Language, LanguageChoice};
