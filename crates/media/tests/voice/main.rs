//! What becomes of a voice on its way: in the processing, in a simulated room ([`processing`]), and in codec, network
//! and jitter buffer ([`network`]). Quality only: how long it takes is `cargo xtask bench sound`'s.
#![allow(clippy::unwrap_used)]

mod echoes;
mod line;
mod network;
mod processing;
mod run;
