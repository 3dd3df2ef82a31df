/// Why something could not be encoded, decoded or scaled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// No encoder opened.
    #[error(
        "no H.264 encoder opened for {width}×{height} (tried {tried}); install libx264 or libopenh264 support for FFmpeg"
    )]
    NoEncoder {
        /// Picture width in pixels.
        width: u32,
        /// Picture height in pixels.
        height: u32,
        /// Each candidate and what it said.
        tried: String,
    },
    /// FFmpeg was built without this decoder.
    #[error("FFmpeg has no {codec} decoder; install a build that has it")]
    NoDecoder {
        /// The codec's name.
        codec: &'static str,
    },
    /// The data is damaged; ask the sender for a key frame.
    #[error("damaged {codec} data ({reason}); a key frame is needed")]
    Damaged {
        /// The codec's name.
        codec: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// The codec refused something it should not have.
    #[error("{codec} failed to {doing}: {reason}")]
    Failed {
        /// The codec's name.
        codec: &'static str,
        /// What was being done.
        doing: &'static str,
        /// What it said.
        reason: String,
    },
}
