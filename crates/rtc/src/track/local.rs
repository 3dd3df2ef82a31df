//! A track of ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::mpsc;

use crate::error::WriteError;
use crate::ids::TrackSid;
use crate::publication::{PublishOptions, SOUND_OVERHEAD_BPS, TrackInfo, TrackKind, TrackSource};
use crate::room::{Command, LocalKey};

/// One encoded picture.
#[derive(Clone, Debug)]
pub struct EncodedVideo {
    /// H.264 in Annex B form (start codes); a key frame carries its parameter sets.
    pub data: Bytes,
    /// Whether decoding can start here.
    pub key: bool,
    /// When the picture was captured: ns on the clock given in the connect options.
    pub capture_ns: i64,
    /// Which layer of simulcast, counted from the smallest; 0 without simulcast.
    pub layer: usize,
}

/// One Opus packet.
#[derive(Clone, Debug)]
pub struct EncodedAudio {
    /// The packet.
    pub data: Bytes,
    /// When its first sample was captured: ns on the clock given in the connect options.
    pub capture_ns: i64,
    /// How loud it is in dB below full scale, -127 (silence) … 0 (RFC 6464). The server finds the speakers by it;
    /// `None` leaves this track out of that.
    pub level_dbov: Option<i8>,
}

/// Whether a track's frames can go out at the moment; shared between handle and driver.
#[derive(Debug, Default)]
pub(crate) struct Carrier {
    up: AtomicBool,
}

impl Carrier {
    pub(crate) fn set(&self, up: bool) {
        self.up.store(up, Ordering::Release);
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }
}

pub(crate) enum OutMedia {
    Video { data: Bytes, layer: usize, key: bool },
    Audio { data: Bytes, level: Option<i8> },
}

/// A frame on its way to the driver.
pub(crate) struct OutFrame {
    pub(crate) track: LocalKey,
    pub(crate) capture_ns: i64,
    pub(crate) media: OutMedia,
}

/// What handle and driver share of a track of ours.
#[derive(Debug)]
pub(crate) struct LocalShared {
    pub(crate) key: LocalKey,
    pub(crate) options: PublishOptions,
    pub(crate) info: RwLock<TrackInfo>,
    pub(crate) muted: AtomicBool,
    pub(crate) gone: AtomicBool,
    pub(crate) carrier: Carrier,
    /// For each layer: deltas are worthless until the next key frame.
    pub(crate) needs_key: Vec<AtomicBool>,
    /// For each layer: the driver was told to ask the encoder for a key frame.
    pub(crate) wants_key: Vec<AtomicBool>,
    /// The layers anybody watches, a bit for each.
    watched: AtomicU8,
    /// Nothing more is to be coded now.
    held_up: AtomicBool,
    pub(crate) frames: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl LocalShared {
    pub(crate) fn new(key: LocalKey, options: PublishOptions, info: TrackInfo) -> Self {
        let layers = match &options.media {
            crate::publication::PublishMedia::Video(v) => v.layers.len().max(1),
            crate::publication::PublishMedia::Audio(_) => 1,
        };
        let flags = || (0..layers).map(|_| AtomicBool::new(false)).collect();
        Self {
            key,
            muted: AtomicBool::new(options.muted),
            options,
            info: RwLock::new(info),
            gone: AtomicBool::new(false),
            carrier: Carrier::default(),
            needs_key: flags(),
            wants_key: flags(),
            watched: AtomicU8::new(u8::MAX),
            held_up: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    fn is_video(&self) -> bool {
        self.options.kind() == TrackKind::Video
    }

    /// The layer's RTP stream ID, `None` without simulcast.
    pub(crate) fn rid(&self, layer: usize) -> Option<&str> {
        match &self.options.media {
            crate::publication::PublishMedia::Video(v) => v.layers.get(layer).map(|l| l.rid.as_str()),
            crate::publication::PublishMedia::Audio(_) => None,
        }
    }

    /// Which layers anybody watches: for each quality from lowest to highest, as the server tells it.
    pub(crate) fn watch(&self, qualities: [bool; 3]) {
        let bits = qualities.iter().enumerate().fold(0, |bits, (n, on)| bits | u8::from(*on) << n);
        self.watched.store(bits, Ordering::Release);
    }

    /// What the track would send at most, bit/s, with the layers that are watched; of sound, with what its packets cost.
    pub(crate) fn most_bps(&self) -> u64 {
        if self.muted.load(Ordering::Acquire) {
            return 0;
        }
        let watched = self.watched.load(Ordering::Acquire);
        match &self.options.media {
            crate::publication::PublishMedia::Audio(a) => a.max_bitrate_bps + SOUND_OVERHEAD_BPS,
            crate::publication::PublishMedia::Video(v) if v.layers.is_empty() => v.max_bitrate_bps,
            crate::publication::PublishMedia::Video(v) => {
                let on = v.layers.iter().enumerate().filter(|(n, _)| watched >> n & 1 == 1);
                let sum = on.map(|(_, layer)| layer.max_bitrate_bps).sum::<u64>().min(v.max_bitrate_bps);
                // A wish for more than there is is served with the largest.
                if sum == 0 && watched != 0 { v.layers.last().map_or(0, |l| l.max_bitrate_bps) } else { sum }
            }
        }
    }

    pub(crate) fn hold_up(&self, held_up: bool) {
        self.held_up.store(held_up, Ordering::Relaxed);
    }

    /// See [`LocalTrack::is_held_up`].
    pub(crate) fn is_held_up(&self) -> bool {
        self.held_up.load(Ordering::Relaxed)
    }

    /// From now on nothing but a key frame is worth sending.
    pub(crate) fn require_key(&self) {
        for flag in &self.needs_key {
            flag.store(true, Ordering::Release);
        }
    }
}

/// A handle to a published track. Cheap to clone; writing never blocks.
///
/// The handle outlives reconnects: after a full rejoin the same handle goes on under a new [`sid`](Self::sid).
#[derive(Clone, Debug)]
pub struct LocalTrack {
    pub(crate) shared: Arc<LocalShared>,
    pub(crate) media: mpsc::Sender<OutFrame>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

impl LocalTrack {
    /// The track's present name.
    pub fn sid(&self) -> TrackSid {
        self.shared.info.read().sid.clone()
    }

    /// The track as last told by the server.
    pub fn info(&self) -> TrackInfo {
        self.shared.info.read().clone()
    }

    /// Where the media comes from.
    pub fn source(&self) -> TrackSource {
        self.shared.options.source
    }

    /// Audio or video.
    pub fn kind(&self) -> TrackKind {
        self.shared.options.kind()
    }

    /// In how many layers it is sent; 1 without simulcast.
    pub fn layers(&self) -> usize {
        self.shared.needs_key.len()
    }

    /// Whether the track is muted, by us or by the server.
    pub fn is_muted(&self) -> bool {
        self.shared.muted.load(Ordering::Acquire)
    }

    /// Whether frames written now go out.
    pub fn is_connected(&self) -> bool {
        self.shared.carrier.is_up()
    }

    /// Whether pictures should wait uncoded, as they would only come later: those that were handed over wait to be sent, or the
    /// network carries far less than before and is still full. What was coded cannot be left out.
    pub fn is_held_up(&self) -> bool {
        self.shared.is_held_up()
    }

    /// Hands over one picture. An error means this picture was dropped, nothing more; after a drop only a key frame
    /// is taken again, and one is asked for by [`RoomEvent::KeyFrameRequested`](crate::RoomEvent::KeyFrameRequested).
    ///
    /// # Errors
    /// [`WriteError`]: why this picture does not go out. After [`WriteError::Gone`] none will any more; after
    /// [`WriteError::WrongKind`] none like it.
    pub fn write_video(&self, frame: EncodedVideo) -> Result<(), WriteError> {
        let shared = &*self.shared;
        if !shared.is_video() {
            return Err(WriteError::WrongKind);
        }
        let needs_key = shared.needs_key.get(frame.layer).ok_or(WriteError::WrongKind)?;
        let result = self.open().and_then(|()| {
            if needs_key.load(Ordering::Acquire) && !frame.key {
                self.want_key(frame.layer);
                return Err(WriteError::Full);
            }
            self.send(OutFrame {
                track: shared.key,
                capture_ns: frame.capture_ns,
                media: OutMedia::Video { data: frame.data, layer: frame.layer, key: frame.key },
            })
        });
        match result {
            Ok(()) if frame.key => {
                needs_key.store(false, Ordering::Release);
                if let Some(wanted) = shared.wants_key.get(frame.layer) {
                    wanted.store(false, Ordering::Release);
                }
            }
            Ok(()) => {}
            Err(_) => needs_key.store(true, Ordering::Release),
        }
        self.count(result)
    }

    /// Hands over one Opus packet.
    ///
    /// # Errors
    /// As [`LocalTrack::write_video`], for this packet alone: the next one may go through.
    pub fn write_audio(&self, packet: EncodedAudio) -> Result<(), WriteError> {
        if self.shared.is_video() {
            return Err(WriteError::WrongKind);
        }
        let result = self.open().and_then(|()| {
            self.send(OutFrame {
                track: self.shared.key,
                capture_ns: packet.capture_ns,
                media: OutMedia::Audio { data: packet.data, level: packet.level_dbov },
            })
        });
        self.count(result)
    }

    fn open(&self) -> Result<(), WriteError> {
        if self.shared.gone.load(Ordering::Acquire) {
            Err(WriteError::Gone)
        } else if self.is_muted() {
            Err(WriteError::Muted)
        } else if !self.shared.carrier.is_up() {
            Err(WriteError::NotConnected)
        } else {
            Ok(())
        }
    }

    fn send(&self, frame: OutFrame) -> Result<(), WriteError> {
        self.media.try_send(frame).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => WriteError::Full,
            mpsc::error::TrySendError::Closed(_) => WriteError::Gone,
        })
    }

    /// Asks for a key frame once until one is written.
    fn want_key(&self, layer: usize) {
        if let Some(flag) = self.shared.wants_key.get(layer)
            && !flag.swap(true, Ordering::AcqRel)
        {
            // A closed room has nobody to tell.
            let _ = self.commands.send(Command::WantKeyFrame { track: self.shared.key, layer });
        }
    }

    fn count(&self, result: Result<(), WriteError>) -> Result<(), WriteError> {
        let counter = if result.is_ok() { &self.shared.frames } else { &self.shared.dropped };
        counter.fetch_add(1, Ordering::Relaxed);
        result
    }
}
