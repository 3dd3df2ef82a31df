//! H.264 through FFmpeg's libraries, Opus through libopus.

mod annexb;
mod avframe;
mod error;
mod h264_options;
mod opus;
mod rows;
mod screen_encoder;
mod sps;
mod unroll;
mod video_decoder;
mod video_encoder;

#[cfg(test)]
mod tests;

pub use annexb::{nal_units, sps_profile_level};
pub(crate) use avframe::{color_of, wrap_planar};
pub use error::CodecError;
pub use h264_options::h264_level_for;
pub(crate) use opus::packet_samples;
pub use opus::{EncodedAudio, OPUS_FRAME_SAMPLES, OPUS_LOOKAHEAD, OpusConfig, OpusDecoder, OpusEncoder, has_fec};
pub use screen_encoder::ScreenEncoder;
pub use video_decoder::{VideoCodec, VideoDecoder};
pub use video_encoder::{Content, EncodedVideo, EncoderChoice, EncoderConfig, VideoEncoder};

/// Prepares FFmpeg's libraries; every user of them calls it first. Their own messages are kept off the console:
/// what matters comes back as an error.
pub(crate) fn prepare_ffmpeg() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if let Err(error) = ffmpeg_next::init() {
            tracing::warn!(%error, "FFmpeg's libraries do not initialise");
        }
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    });
}
