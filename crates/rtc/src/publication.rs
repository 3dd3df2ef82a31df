//! What is published: a track's description, and the wish to publish one.

use crate::ids::TrackSid;

/// A published track as last told by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInfo {
    /// The server's name for it.
    pub sid: TrackSid,
    /// The name its publisher gave it.
    pub name: String,
    /// Audio or video.
    pub kind: TrackKind,
    /// Where its media comes from.
    pub source: TrackSource,
    /// Whether its publisher has muted it.
    pub muted: bool,
    /// Width in pixels of its largest layer; 0 for audio.
    pub width: u32,
    /// Height in pixels of its largest layer; 0 for audio.
    pub height: u32,
    /// Whether it comes in several layers.
    pub simulcast: bool,
    /// The codec's MIME type, such as `video/H264`; empty until known.
    pub mime: String,
    /// The name that groups tracks to be played in sync.
    pub stream: String,
    /// Sound of two channels.
    pub stereo: bool,
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// Where a track's media comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TrackSource {
    /// Not told.
    #[default]
    Unknown,
    /// A camera (or what stands in for it).
    Camera,
    /// A microphone (or what stands in for it).
    Microphone,
    /// A screen or window.
    ScreenShare,
    /// The sound of a screen or window.
    ScreenShareAudio,
}

/// A wish to publish a track.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishOptions {
    /// The name others see.
    pub name: String,
    /// Where the media comes from.
    pub source: TrackSource,
    /// What is sent.
    pub media: PublishMedia,
    /// Start muted.
    pub muted: bool,
    /// Tracks of one participant with the same stream name are played in sync; empty: the server's default.
    pub stream: String,
}

impl PublishOptions {
    /// A microphone: Opus, mono, with in-band error correction.
    pub fn microphone() -> Self {
        Self {
            name: "microphone".into(),
            source: TrackSource::Microphone,
            media: PublishMedia::Audio(AudioOptions::default()),
            muted: false,
            stream: String::new(),
        }
    }

    /// A camera in one layer of the given size (pixels) and greatest bitrate (bit/s).
    pub fn camera(width: u32, height: u32, max_bitrate_bps: u64) -> Self {
        Self {
            name: "camera".into(),
            source: TrackSource::Camera,
            media: PublishMedia::Video(VideoOptions { width, height, max_bitrate_bps, layers: Vec::new() }),
            muted: false,
            stream: String::new(),
        }
    }

    /// A screen in one layer of the given size (pixels) and greatest bitrate (bit/s).
    pub fn screen(width: u32, height: u32, max_bitrate_bps: u64) -> Self {
        Self { name: "screen".into(), source: TrackSource::ScreenShare, ..Self::camera(width, height, max_bitrate_bps) }
    }

    /// The sound that goes with a screen: Opus, stereo.
    pub fn screen_sound() -> Self {
        Self {
            name: "screen sound".into(),
            source: TrackSource::ScreenShareAudio,
            media: PublishMedia::Audio(AudioOptions {
                stereo: true,
                max_bitrate_bps: SCREEN_SOUND_BITRATE_BPS.into(),
                ..AudioOptions::default()
            }),
            ..Self::microphone()
        }
    }

    /// Audio or video.
    pub fn kind(&self) -> TrackKind {
        match self.media {
            PublishMedia::Audio(_) => TrackKind::Audio,
            PublishMedia::Video(_) => TrackKind::Video,
        }
    }
}

/// The best that a voice is sent with, bit/s.
pub const VOICE_BITRATE_BPS: u32 = 64_000;
/// Music of all kinds in two channels, bit/s.
pub const SCREEN_SOUND_BITRATE_BPS: u32 = 96_000;
/// What 50 packets of sound a second cost beside the sound: some 60 bytes each (IPv4 20, UDP 8, RTP 12, its extensions 12,
/// SRTP 10), bit/s.
pub const SOUND_OVERHEAD_BPS: u64 = 24_000;

/// What a published track sends.
#[derive(Clone, Debug, PartialEq)]
pub enum PublishMedia {
    /// Opus (RFC 7587).
    Audio(AudioOptions),
    /// H.264 constrained baseline, packetization mode 1 (RFC 6184).
    Video(VideoOptions),
}

/// How audio is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioOptions {
    /// The encoder stops sending in silence.
    pub dtx: bool,
    /// Two channels.
    pub stereo: bool,
    /// The greatest bitrate, bit/s; counted when bandwidth is shared out.
    pub max_bitrate_bps: u64,
}

impl Default for AudioOptions {
    fn default() -> Self {
        Self { dtx: false, stereo: false, max_bitrate_bps: VOICE_BITRATE_BPS.into() }
    }
}

/// How video is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoOptions {
    /// Width in pixels of the largest layer.
    pub width: u32,
    /// Height in pixels of the largest layer.
    pub height: u32,
    /// The greatest bitrate of all layers together, bit/s.
    pub max_bitrate_bps: u64,
    /// The layers of simulcast, smallest first; empty: one layer, no simulcast.
    pub layers: Vec<VideoLayer>,
}

/// One layer of simulcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoLayer {
    /// The layer's RTP stream ID (RFC 8852): `q`, `h` or `f`, smallest to largest.
    pub rid: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Greatest bitrate, bit/s.
    pub max_bitrate_bps: u64,
}
