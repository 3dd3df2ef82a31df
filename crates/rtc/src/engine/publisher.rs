//! The peer connection that carries our media and data to the server. We make the offers on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use beckon_rtp::fall::ROOM_AFTER;
use beckon_rtp::seek::{Road, Seeker, Try};
use str0m::Rtc;
use str0m::bwe::Bitrate;
use str0m::channel::ChannelId;
use str0m::media::{Frequency, MediaTime, Mid, Pt, Rid};

use super::estimate::Estimate;
use super::peer::Peer;
use super::repairs::{Repairs, forget_sent};
use super::times::{Anchor, RtpClock};
use super::{EngineConfig, EngineOut, Incoming, Outputs};
use crate::publication::{TrackKind, TrackSource};
use crate::room::LocalKey;
use crate::stats::{LocalTrackStats, RoomStats};
use crate::track::{LocalShared, OutFrame, OutMedia};
use crate::transport::Lane;

mod negotiation;
mod news;

use negotiation::Pending;

const H264: u8 = 108;
const H264_REPAIR: u8 = 109;
/// Constrained baseline, level 3.1 (RFC 6184, 8.1); the level is a floor, as asymmetry is allowed.
const H264_PROFILE: u32 = 0x42_e01f;
/// Capture times may lie this far before the connection's start.
const CLOCK_MARGIN: Duration = Duration::from_secs(15);
/// No estimator looks for less than this, bit/s.
const LEAST_WISH_BPS: u64 = 50_000;
/// While something coded waits this long to be sent, no more is to be coded.
const MOST_BACKLOG: Duration = Duration::from_millis(100);

struct Sending {
    shared: Arc<LocalShared>,
    cid: String,
    /// The media section, once offered.
    mid: Option<Mid>,
    /// The payload type, once agreed.
    pt: Option<Pt>,
    clock: RtpClock,
    stats: Vec<LocalTrackStats>,
    /// The stream that carries each layer's repairs.
    repair_streams: Vec<u32>,
    repairs: Repairs,
}

#[derive(Clone, Copy)]
struct Channels {
    reliable: ChannelId,
    lossy: ChannelId,
    reliable_open: bool,
    lossy_open: bool,
}

/// Everything about the tracks that events need, apart from the connection itself.
#[derive(Default)]
struct Tracks {
    sending: BTreeMap<LocalKey, Sending>,
    /// What is about to be sent beside them, bit/s.
    expected: u64,
    channels: Option<Channels>,
    estimate: Estimate,
    /// The estimate as of now was heard: it is time to see whether to look for more.
    heard: bool,
}

pub(crate) struct Publisher {
    peer: Peer,
    anchor: Anchor,
    base: Instant,
    tracks: Tracks,
    /// Media sections whose track is gone but not yet told to the server.
    leaving: Vec<Mid>,
    /// The offer that is not answered yet.
    pending: Option<Pending>,
    offers: u32,
    dirty: bool,
    restart: bool,
    /// Pictures may wait to be sent: they did when this was looked at last, or something was written since.
    behind: bool,
    /// The network fell, and has no room for pictures until then.
    rests: Option<Instant>,
    /// When to try whether the network carries more.
    seeker: Seeker,
    /// What the estimator is told to look for, bit/s.
    wish: u64,
}

impl Publisher {
    pub(super) fn new(now: Instant, config: EngineConfig) -> Self {
        let mut rtc = super::peer::config()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_bwe(Some(Bitrate::bps(config.start_bitrate_bps)));
        rtc.codec_config().add_h264(H264.into(), Some(H264_REPAIR.into()), true, H264_PROFILE);
        Self {
            peer: Peer::new(rtc.build(now), now, Lane::Publisher, config.force_tcp),
            anchor: config.anchor,
            base: now.checked_sub(CLOCK_MARGIN).unwrap_or(now),
            tracks: Tracks::default(),
            leaving: Vec::new(),
            pending: None,
            offers: 0,
            dirty: true,
            restart: false,
            behind: false,
            rests: None,
            seeker: Seeker::default(),
            wish: 0,
        }
    }

    pub(super) fn due(&self) -> Instant {
        let due = self.peer.due();
        self.rests.map_or(due, |rests| rests.min(due))
    }

    pub(super) fn connected(&self) -> bool {
        self.peer.connected()
    }

    pub(super) fn timeout(&mut self, now: Instant, out: &mut Outputs) {
        let Self { peer, tracks, .. } = self;
        peer.timeout(now, out, |event, out| tracks.on_event(event, out));
        if self.peer.take_fall() {
            self.give_way(now, out);
        }
        if self.behind {
            self.look_at_backlogs(now);
        }
        if std::mem::take(&mut self.tracks.heard) {
            self.seek(now);
        }
    }

    pub(super) fn receive(&mut self, now: Instant, packet: Incoming<'_>, out: &mut Outputs) {
        let Self { peer, tracks, .. } = self;
        let was = peer.connected();
        peer.receive(now, packet, out, |event, out| tracks.on_event(event, out));
        if peer.connected() != was {
            self.carry(out);
        }
    }

    pub(super) fn road_gone(&mut self, out: &mut Outputs) {
        self.peer.road_gone(out);
    }

    pub(super) fn add_local(&mut self, now: Instant, tcp: bool, local: SocketAddr, out: &mut Outputs) {
        self.peer.add_local(tcp, local, out);
        self.timeout(now, out);
    }

    pub(super) fn add_remote(&mut self, now: Instant, init: &str, out: &mut Outputs) {
        self.peer.add_remote_json(now, init, out);
        self.timeout(now, out);
    }

    /// A track is to be sent; it goes into the next offer. `cid` names it in the description.
    pub(crate) fn add_track(&mut self, now: Instant, shared: Arc<LocalShared>, cid: String) {
        let kind = shared.options.kind();
        let rate = match kind {
            TrackKind::Audio => 48_000,
            TrackKind::Video => 90_000,
        };
        let layers = shared.needs_key.len();
        let stats = (0..layers)
            .map(|n| LocalTrackStats { layer: shared.rid(n).map(str::to_owned), ..LocalTrackStats::default() })
            .collect();
        let clock = RtpClock::new(rate, self.base, rand::random::<u32>() >> 1);
        let in_step = shared.options.source != TrackSource::ScreenShare;
        // What a connection before this one held up says nothing of this one, and whoever waits would do so for good: nothing is looked
        // at before something is sent.
        shared.hold_up(false);
        self.tracks.sending.insert(
            shared.key,
            Sending {
                shared,
                cid,
                mid: None,
                pt: None,
                clock,
                stats,
                repair_streams: Vec::new(),
                repairs: Repairs::new(layers, in_step),
            },
        );
        self.dirty = true;
        if kind == TrackKind::Video {
            self.seeker.begins(now);
        }
        self.set_desired();
    }

    /// A track is no longer to be sent.
    pub(crate) fn remove_track(&mut self, key: LocalKey) {
        if let Some(sending) = self.tracks.sending.remove(&key) {
            sending.shared.carrier.set(false);
            self.leaving.extend(sending.mid);
            self.dirty = true;
            self.set_desired();
        }
    }

    /// A track was muted, or other layers of it are watched: what bandwidth we wish for changes with it.
    pub(crate) fn wish_changed(&mut self) {
        self.set_desired();
    }

    /// So much more than the tracks have use for is about to be sent, bit/s.
    pub(crate) fn expect(&mut self, now: Instant, bps: u64) {
        if bps > std::mem::replace(&mut self.tracks.expected, bps) {
            self.seeker.begins(now);
        }
        self.set_desired();
    }

    /// Opens or closes the tracks as the connection and the agreement allow.
    fn carry(&mut self, out: &mut Outputs) {
        let connected = self.peer.connected();
        for (key, sending) in &self.tracks.sending {
            let up = connected && sending.pt.is_some();
            if up == sending.shared.carrier.is_up() {
                continue;
            }
            if up {
                sending.shared.require_key();
                if sending.shared.options.kind() == TrackKind::Video {
                    out.push_back(EngineOut::KeyRequest { track: *key, layer: None });
                }
            }
            sending.shared.carrier.set(up);
        }
    }

    /// After time has passed: the connection may have changed.
    pub(crate) fn settle(&mut self, out: &mut Outputs) {
        self.carry(out);
    }

    fn set_desired(&mut self) {
        self.look_for(self.tracks.wish());
    }

    /// Tries from time to time whether the network carries more, where that is less than we have use for.
    fn seek(&mut self, now: Instant) {
        let (wish, estimate) = (self.tracks.wish(), &self.tracks.estimate);
        let (told, latest) = (estimate.told(), estimate.latest());
        // Where a queue is full there is nothing to be found.
        let short = told > 0 && told < wish && !estimate.loses_much();
        let tries = self
            .seeker
            .poll(now, Road { short, wish, estimate: latest, sent: self.peer.sent_lately(), loss: estimate.loss() });
        if tries == Some(Try::Anew) {
            tracing::debug!(latest, wish, "the estimate says nothing and begins anew");
            self.peer.rtc.bwe().reset(Bitrate::bps(latest));
        }
        self.look_for(if tries == Some(Try::Probe) { told.min(wish / 2) } else { wish });
    }

    /// Has the estimator look for this much, in bit/s. It probes when that has grown.
    fn look_for(&mut self, wish: u64) {
        if std::mem::replace(&mut self.wish, wish) != wish {
            self.peer.rtc.bwe().set_bitrate(Bitrate::ZERO, Bitrate::bps(wish));
        }
    }

    /// Sends one frame.
    pub(crate) fn write(&mut self, now: Instant, frame: OutFrame, out: &mut Outputs) {
        let Some(sending) = self.tracks.sending.get_mut(&frame.track) else { return };
        let (Some(mid), Some(pt), true) = (sending.mid, sending.pt, sending.shared.carrier.is_up()) else { return };
        let capture = self.anchor.capture(now, frame.capture_ns);
        let ticks = sending.clock.ticks(capture);
        if let OutMedia::Video { layer, key, .. } = frame.media {
            for over in sending.repairs.wrote(now, layer, key) {
                forget_layer(&mut self.peer.rtc, mid, sending.shared.rid(over));
            }
        }
        let Some(writer) = self.peer.rtc.writer(mid) else { return };
        let written = match frame.media {
            OutMedia::Video { data, layer, .. } => {
                let writer = match sending.shared.rid(layer) {
                    Some(rid) => writer.rid(Rid::from(rid)),
                    None => writer,
                };
                writer.write(pt, capture, MediaTime::from_90khz(ticks), &data[..])
            }
            OutMedia::Audio { data, level } => {
                let writer = match level {
                    Some(level) => writer.audio_level(level.clamp(-127, 0), level > -60),
                    None => writer,
                };
                writer.write(pt, capture, MediaTime::new(ticks, Frequency::FORTY_EIGHT_KHZ), &data[..])
            }
        };
        if let Err(e) = written {
            tracing::debug!("a frame was not sent: {e}");
        }
        self.behind = true;
        self.timeout(now, out);
    }

    /// The network was seen to fall. Of what was sent of cameras just before hardly a picture would come whole: nothing of it
    /// is repaired, and they go on with a key frame, when there is room for it.
    fn give_way(&mut self, now: Instant, out: &mut Outputs) {
        self.rests = Some(now + ROOM_AFTER);
        self.behind = true;
        let cameras = |s: &&Sending| s.shared.options.source == TrackSource::Camera;
        for sending in self.tracks.sending.values().filter(cameras) {
            let (shared, Some(mid)) = (&sending.shared, sending.mid) else { continue };
            for layer in 0..sending.stats.len() {
                forget_layer(&mut self.peer.rtc, mid, shared.rid(layer));
            }
            shared.require_key();
            out.push_back(EngineOut::KeyRequest { track: shared.key, layer: None });
        }
    }

    /// Whether pictures wait to be sent, and those to come are to wait for that.
    fn look_at_backlogs(&mut self, now: Instant) {
        self.rests.take_if(|until| now >= *until);
        let mut api = self.peer.rtc.direct_api();
        self.behind = self.rests.is_some();
        for sending in self.tracks.sending.values() {
            let Some(mid) = sending.mid.filter(|_| sending.shared.options.kind() == TrackKind::Video) else { continue };
            let waits = (0..sending.stats.len()).filter_map(|layer| {
                let stream = api.stream_tx_by_mid(mid, sending.shared.rid(layer).map(Rid::from))?;
                Some(now.saturating_duration_since(stream.queue_info()?.first_unsent()?))
            });
            let backlog = waits.max().unwrap_or_default();
            self.behind |= !backlog.is_zero();
            sending.shared.hold_up(self.rests.is_some() || backlog > MOST_BACKLOG);
        }
    }

    /// Sends a data packet; `false` when the channel is not open or full.
    pub(crate) fn send_data(&mut self, now: Instant, reliable: bool, packet: &[u8], out: &mut Outputs) -> bool {
        let Some(channels) = self.tracks.channels else { return false };
        let (id, open) =
            if reliable { (channels.reliable, channels.reliable_open) } else { (channels.lossy, channels.lossy_open) };
        let sent = open
            && self.peer.rtc.channel(id).is_some_and(|mut channel| match channel.write(true, packet) {
                Ok(taken) => taken,
                Err(e) => {
                    tracing::debug!("a data message was not sent: {e}");
                    false
                }
            });
        self.timeout(now, out);
        sent
    }

    /// How many bytes of reliable data the server has not acknowledged; `None` while the channel is not open.
    pub(crate) fn unacknowledged(&mut self) -> Option<usize> {
        let channels = self.tracks.channels.filter(|channels| channels.reliable_open)?;
        self.peer.rtc.channel(channels.reliable).map(|mut channel| channel.buffered_amount())
    }

    pub(super) fn last_figures(&mut self, now: Instant) {
        let Self { peer, tracks, .. } = self;
        peer.last_figures(now, |event, out| tracks.on_event(event, out));
    }

    pub(super) fn snapshot(&self, stats: &mut RoomStats) {
        stats.publisher = self.peer.stats.clone();
        stats.send_estimate_bps = self.tracks.estimate.told();
        stats.local.clear();
        for sending in self.tracks.sending.values() {
            let shared = &sending.shared;
            for (n, layer) in sending.stats.iter().enumerate() {
                let mut layer = layer.clone();
                layer.sid = shared.info.read().sid.clone();
                layer.packets_repaired = sending.repair_streams.get(n).map_or(0, |ssrc| self.peer.repairs(*ssrc));
                if n == 0 {
                    layer.frames = shared.frames.load(Ordering::Relaxed);
                    layer.frames_dropped = shared.dropped.load(Ordering::Relaxed);
                }
                stats.local.push(layer);
            }
        }
    }
}

/// From now on nothing of what a layer has sent is repaired.
fn forget_layer(rtc: &mut Rtc, mid: Mid, rid: Option<&str>) {
    if let Some(stream) = rtc.direct_api().stream_tx_by_mid(mid, rid.map(Rid::from)) {
        forget_sent(stream);
    }
}
