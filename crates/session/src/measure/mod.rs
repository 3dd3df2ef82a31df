//! What can be said about pictures and sound that came in: delays, stand-stills, loudness, pitch, lip sync.

mod clap;
mod freeze;
mod level;
mod spread;

pub(crate) use clap::ClapPairs;
pub(crate) use freeze::Freezes;
pub(crate) use level::{Loudness, Pitch};
pub(crate) use spread::Values;
