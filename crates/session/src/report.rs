//! The figures of a session, as `beckon-cli … --report json` prints them.

use serde::{Deserialize, Serialize};

/// A spread of measured values, all in the unit the field's name says.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// How many values.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// Half of them are at most this.
    pub p50: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// The greatest.
    pub max: f64,
}

/// A track of ours.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SentTrack {
    /// `video`, `audio`, `screen` or `screenAudio`.
    pub kind: String,
    /// The device's, file's or test card's name.
    pub label: String,
    /// The encoder.
    pub encoder: String,
    /// The server's name for the track; empty while it is not published.
    pub sid: String,
    /// Muted now.
    pub muted: bool,
    /// Width of the pictures sent last, pixels; 0 for audio.
    pub width: u32,
    /// Height, pixels; 0 for audio.
    pub height: u32,
    /// Pictures or 10 ms pieces of sound that the device gave.
    pub captured: u64,
    /// Pictures or Opus packets encoded.
    pub encoded: u64,
    /// Of a screen: pictures encoded in its small layer besides, for viewers whose network does not carry the large one.
    pub encoded_small: u64,
    /// Pictures skipped because the encoder was behind, or to spare bandwidth.
    pub skipped: u64,
    /// Pictures or packets handed to the network.
    pub frames_sent: u64,
    /// Pictures or packets not sent: not connected, or the sender behind.
    pub frames_dropped: u64,
    /// RTP packets sent, repairs included.
    pub packets_sent: u64,
    /// RTP packets sent again.
    pub packets_repaired: u64,
    /// Payload bytes sent, repairs included.
    pub bytes_sent: u64,
    /// Bit/s over the time the track was sent.
    pub bitrate_bps: f64,
    /// Key frames encoded.
    pub key_frames: u64,
    /// How often size or frame rate were changed to fit the bandwidth or the computing time.
    pub steps: u64,
    /// How many steps smaller the pictures are than the bandwidth allows, as this machine has no time for more; 0: none.
    pub load_step: u64,
    /// Widths of the layers that are sent now, pixels, smallest first.
    pub layers_sent: Vec<u32>,
    /// Share of packets lost on the way to the server, 0 … 1, as last reported.
    pub loss: Option<f64>,
    /// Round trip to the server, ms, as last reported.
    pub rtt_ms: Option<f64>,
}

/// A track of somebody else.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReceivedTrack {
    /// Who sends it.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// `video` or `audio`.
    pub kind: String,
    /// `camera`, `microphone`, `screen`, `screenAudio` or `unknown`.
    pub source: String,
    /// The server's name for the track.
    pub sid: String,
    /// The track is still there.
    pub live: bool,
    /// Its publisher has muted it.
    pub muted: bool,
    /// Width of the last picture, pixels; 0 for audio.
    pub width: u32,
    /// Height, pixels; 0 for audio.
    pub height: u32,
    /// Whole pictures or Opus packets received.
    pub frames_received: u64,
    /// RTP packets received, repairs included.
    pub packets_received: u64,
    /// RTP packets that never came.
    pub packets_lost: u64,
    /// RTP packets that came into a gap: repaired on request, or overtaken on the way.
    pub packets_repaired: u64,
    /// Requests for repair sent (NACK messages).
    pub repairs_asked: u64,
    /// Key frames asked for.
    pub key_frames_asked: u64,
    /// Pictures or 10 ms pieces of sound decoded.
    pub frames_decoded: u64,
    /// Pictures the decoder refused.
    pub decode_errors: u64,
    /// Pictures dropped because a later one was due, undecodable for want of an earlier one, or left by a slow decoder.
    pub frames_dropped: u64,
    /// 10 ms pieces of sound made up because packets were missing.
    pub concealed: u64,
    /// Times the picture or the sound stood still for 200 ms or more while the track was not muted.
    pub freezes: u64,
    /// How long it stood still in all, ms.
    pub freeze_ms: u64,
    /// The longest of them, ms.
    pub longest_freeze_ms: u64,
    /// Payload bytes received.
    pub bytes_received: u64,
    /// Bit/s over the time the track was received.
    pub bitrate_bps: f64,
    /// Pictures decoded a second, over the time the track was received.
    pub fps: f64,
    /// From subscribing to the first picture or sound, ms.
    pub first_after_ms: Option<u64>,
    /// Round trip to the server, ms.
    pub rtt_ms: Option<f64>,
    /// From capture to decoded, ms, by the bar code (both ends on one machine, or with clocks in step).
    pub decode_delay_ms: Option<Spread>,
    /// From capture to handed to the view in step with the sound, ms, by the bar code.
    pub shown_delay_ms: Option<Spread>,
    /// Bar codes read.
    pub codes_read: u64,
    /// Frame numbers that never came, by the bar codes.
    pub codes_missed: u64,
    /// How long the sound waits in the jitter buffer, ms.
    pub jitter_buffer_ms: Option<f64>,
    /// Loudness over the time received, dB of full scale (0 = loudest).
    pub level_dbfs: Option<f64>,
    /// The strongest frequency while there was sound, Hz.
    pub tone_hz: Option<f64>,
    /// Sound minus picture, ms, by beep and flash of the test card (positive: the sound is late); of the newest ten seconds,
    /// but for `count`, `min` and `max`.
    pub av_offset_ms: Option<Spread>,
    /// The same over all the time received.
    pub av_whole_ms: Option<Spread>,
}

/// A session's figures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionReport {
    /// The room.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// Ourselves.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// Where the room stood: `connecting`, `connected`, `reconnecting` or `ended`.
    pub phase: String,
    /// Code of the end; absent while it lasts.
    pub end_code: Option<i32>,
    /// How long the session has run, s.
    pub seconds: f64,
    /// From the start to being in the room, ms.
    pub joined_after_ms: Option<u64>,
    /// From the start to the first decoded picture of somebody else, ms.
    pub first_picture_after_ms: Option<u64>,
    /// `udp` or `tcp`; empty before media is connected.
    pub transport: String,
    /// Round trip of the media connection, ms.
    pub rtt_ms: Option<f64>,
    /// The bandwidth estimate for sending, bit/s; 0 until there is one.
    pub send_estimate_bps: u64,
    /// How often a lost connection was resumed.
    pub resumes: u32,
    /// How often the room was joined anew after a loss.
    pub rejoins: u32,
    /// How long the room was not connected after having been joined, ms, the longest time.
    pub longest_outage_ms: u64,
    /// User IDs of everybody in the room, ourselves included.
    pub members: Vec<String>,
    /// Room texts, ours included, `USER: TEXT`.
    pub chat: Vec<String>,
    /// What we sent.
    pub sent: Vec<SentTrack>,
    /// What we received.
    pub received: Vec<ReceivedTrack>,
    /// Loudness of the mix that went to the loudspeaker, dB of full scale.
    pub mix_level_dbfs: Option<f64>,
}

impl SessionReport {
    /// The track of that kind from that user.
    pub fn from_user(&self, user_id: &str, kind: &str) -> Option<&ReceivedTrack> {
        // A track that is live beats one of an earlier stay.
        let mut tracks = self.received.iter().filter(|t| t.user_id == user_id && t.kind == kind);
        let first = tracks.next()?;
        Some(if first.live { first } else { tracks.find(|t| t.live).unwrap_or(first) })
    }
}
