//! Figures of a running room.

use crate::ids::TrackSid;

/// A snapshot, refreshed about once a second and for the last time when the room is left. Counters run since the room was joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomStats {
    /// The connection that carries our media to the server.
    pub publisher: LinkStats,
    /// The connection that carries others' media to us.
    pub subscriber: LinkStats,
    /// Our tracks, one entry for each layer.
    pub local: Vec<LocalTrackStats>,
    /// Others' tracks.
    pub remote: Vec<RemoteTrackStats>,
    /// The bandwidth estimate for sending, bit/s; 0 until there is one.
    pub send_estimate_bps: u64,
    /// Round trip of the signalling connection in ms; 0 until measured.
    pub signal_rtt_ms: u32,
    /// How often the session went on after a loss.
    pub resumes: u32,
    /// How often we had to join anew after a loss.
    pub rejoins: u32,
}

/// One media connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkStats {
    /// Media flows.
    pub connected: bool,
    /// `udp` or `tcp`; empty before the connection is up.
    pub transport: String,
    /// The server's address.
    pub remote: String,
    /// Round trip time in ms, if measured.
    pub rtt_ms: Option<f32>,
    /// Bytes sent, headers and encryption included.
    pub bytes_sent: u64,
    /// Bytes received, headers and encryption included.
    pub bytes_received: u64,
}

/// One layer of a track of ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalTrackStats {
    /// The track.
    pub sid: TrackSid,
    /// The layer's RTP stream ID; `None` without simulcast.
    pub layer: Option<String>,
    /// Frames handed over for sending.
    pub frames: u64,
    /// Frames dropped before sending (muted, not connected, sender behind).
    pub frames_dropped: u64,
    /// RTP packets sent, repairs included.
    pub packets: u64,
    /// Payload bytes sent, repairs included.
    pub bytes: u64,
    /// RTP packets sent again: repairs, and what fills the probes of the bandwidth estimate.
    pub packets_repaired: u64,
    /// Repair requests received (NACK messages).
    pub nacks: u64,
    /// Key frame requests received (PLI and FIR messages).
    pub key_frame_requests: u64,
    /// Share of packets lost on the way to the server, 0.0 … 1.0, if reported.
    pub loss: Option<f32>,
    /// Round trip time in ms from RTCP reports, if measured.
    pub rtt_ms: Option<f32>,
}

/// One of others' tracks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoteTrackStats {
    /// The track.
    pub sid: TrackSid,
    /// Frames (video) or packets (audio) handed out.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Frames handed out after a gap.
    pub gaps: u64,
    /// Frames dropped because nobody took them in time.
    pub frames_dropped: u64,
    /// RTP packets received, repairs included.
    pub packets: u64,
    /// Payload bytes received, repairs included.
    pub bytes: u64,
    /// RTP packets that never came, repair included.
    pub packets_lost: u64,
    /// RTP packets that came into a gap: repaired on request, or overtaken on the way.
    pub packets_repaired: u64,
    /// Repair requests sent (NACK messages).
    pub nacks: u64,
    /// Key frame requests sent (PLI and FIR messages).
    pub key_frame_requests: u64,
    /// Round trip time in ms, if measured.
    pub rtt_ms: Option<f32>,
    /// Share of packets lost between the server and us, 0.0 … 1.0, if known.
    pub loss: Option<f32>,
}
