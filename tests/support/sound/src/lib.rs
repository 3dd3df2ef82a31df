//! Sound for tests, all of it computed and the same in every run: [`speech`], music and [`noise`], a [`room`]
//! in which a loudspeaker is heard by a microphone, device clocks that [`drift`], and the measures that say what
//! became of it ([`measure`], [`stoi`]).
//!
//! Everything is mono `f32` at 48 kHz, nominally −1 … 1.
#![forbid(unsafe_code)]

pub mod drift;
pub mod fft;
pub mod measure;
pub mod noise;
pub mod room;
pub mod speech;
pub mod stoi;

/// Samples per second of everything here.
pub const RATE: usize = 48_000;
