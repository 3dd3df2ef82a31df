//! Makes the microphone's sound fit for others: takes away the echo of the loudspeaker and noise, brings the
//! voice to an even level, cuts what rumbles below it.
//!
//! ```text
//! mixer ──▶ loudspeaker                     microphone
//!   └─────▶ FarEnd ─▶ ┌──────────────────┐ ◀──┘
//!                     │ VoiceProcessor   │ ──▶ encoder
//! ```
//! The loudspeaker's sound is read at the microphone's pace (`reference.rs`): their clocks drift apart. Voices are played alike
//! on both loudspeakers, but a shared screen's sound is stereo: then the canceller has a second filter (`width.rs`, `echo.rs`),
//! as no single one fits two loudspeakers that play different things. When the echo's way changes in mid-call, `misfit.rs` sees that
//! the filter takes away what is not there, and what comes out is turned down until it has learnt anew. The processing
//! itself is WebRTC's (echo canceller 3, its noise suppressor, gain controller 2 and high-pass filter) in its Rust port, the
//! crate `sonora`; the echo canceller with a configuration of ours (`canceller.rs`). Before the suppressor stands RNNoise
//! (`denoiser.rs`): the two together take more noise away, and less of the voice, than either alone. What it does in a
//! simulated room stands in `tests/bench/RESULTS.md`, and `tests/voice` holds it to that.

mod activity;
mod canceller;
mod denoiser;
mod echo;
mod far_end;
mod misfit;
mod processor;
mod reference;
mod width;

pub use activity::VoiceActivity;
pub use far_end::FarEnd;
pub use processor::{NoiseSuppression, VoiceControl, VoiceProcessor, VoiceSettings};
