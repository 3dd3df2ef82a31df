//! The peer connection that carries others' media to us. The server makes the offers on it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use beckon_rtp::index;
use str0m::Event;
use str0m::channel::ChannelId;
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, Mid, Pt};
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::stats::MediaIngressStats;

use super::assembly::{Packet, Picture, PictureBuffer};
use super::peer::Peer;
use super::sdp::{self, DescriptionError, Section};
use super::sequence::{Arrival, Sequence};
use super::times::{Anchor, sender_unix_ns};
use super::{EngineConfig, EngineOut, Incoming, Outputs};
use crate::ids::TrackSid;
use crate::stats::{RemoteTrackStats, RoomStats};
use crate::track::{RemoteAudioPacket, RemoteShared, RemoteSink, RemoteVideoFrame, VideoCodec};
use crate::transport::Lane;

/// Key frame requests for one track are at least this far apart.
const KEY_REQUEST_GAP: Duration = Duration::from_millis(300);
/// Audio packets kept for one another when a decoder starts late: 400 ms.
const STALE_AUDIO: usize = 20;

/// Names a media section's present track, so that a late attachment does not reach its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RemoteSinkKey(u32);

#[cfg(test)]
impl RemoteSinkKey {
    pub(crate) fn for_tests(n: u32) -> Self {
        Self(n)
    }
}

struct Receiving {
    key: RemoteSinkKey,
    sid: TrackSid,
    sink: Option<(RemoteSink, Arc<RemoteShared>)>,
    stats: RemoteTrackStats,
    /// The stream that carries it, once a packet has come.
    ssrc: Option<Ssrc>,
    /// Pictures that are not whole yet.
    pictures: PictureBuffer,
    /// Its RTP packets so far.
    sequence: Sequence,
    /// A key frame is needed; ask when the stream is known and the last request is old enough.
    wants_key: bool,
    last_request: Option<Instant>,
    is_video: bool,
}

struct Tracks {
    anchor: Anchor,
    receiving: HashMap<Mid, Receiving>,
    /// Media sections by the streams that carry them.
    sections: HashMap<Ssrc, Mid>,
    codecs: HashMap<Pt, Codec>,
    /// What came in and was not looked at yet.
    inbox: Vec<RtpPacket>,
    channels: HashMap<ChannelId, bool>,
}

pub(crate) struct Subscriber {
    peer: Peer,
    tracks: Tracks,
    next_key: u32,
    offered: bool,
    last_offer: String,
    last_answer: String,
}

impl Subscriber {
    pub(super) fn new(now: Instant, config: EngineConfig) -> Self {
        // Packets as they come: the jitter buffer orders sound, `assembly` pictures.
        let rtc = super::peer::config().set_rtp_mode(true).build(now);
        Self {
            peer: Peer::new(rtc, now, Lane::Subscriber, config.force_tcp),
            tracks: Tracks {
                anchor: config.anchor,
                receiving: HashMap::new(),
                sections: HashMap::new(),
                codecs: HashMap::new(),
                inbox: Vec::new(),
                channels: HashMap::new(),
            },
            next_key: 0,
            offered: false,
            last_offer: String::new(),
            last_answer: String::new(),
        }
    }

    /// When time should pass: also when a key frame request is held back, or to be made if repairs do not come.
    pub(super) fn due(&self) -> Instant {
        let receiving = self.tracks.receiving.values();
        let held =
            receiving.clone().filter(|r| r.wants_key).filter_map(|r| r.last_request).map(|t| t + KEY_REQUEST_GAP);
        let stalled = receiving.filter_map(|r| r.pictures.due(r.round_trip()));
        held.chain(stalled).fold(self.peer.due(), Instant::min)
    }

    /// Whether packets flow; a subscriber that was never offered anything lacks nothing.
    pub(super) fn connected(&self) -> bool {
        !self.offered || self.peer.connected()
    }

    pub(super) fn timeout(&mut self, now: Instant, out: &mut Outputs) {
        self.ask_for_keys(now, out);
        let Self { peer, tracks, .. } = self;
        peer.timeout(now, out, |event, out| tracks.on_event(event, out));
        self.sort(now);
    }

    pub(super) fn receive(&mut self, now: Instant, packet: Incoming<'_>, out: &mut Outputs) {
        let Self { peer, tracks, .. } = self;
        peer.receive(now, packet, out, |event, out| tracks.on_event(event, out));
        self.sort(now);
        self.ask_for_keys(now, out);
    }

    /// Brings the packets that came to their tracks.
    fn sort(&mut self, now: Instant) {
        let Self { peer, tracks, .. } = self;
        // Given back below: its room is used for each packet.
        let mut inbox = std::mem::take(&mut tracks.inbox);
        for packet in inbox.drain(..) {
            let ssrc = packet.header.ssrc;
            let mid = match tracks.sections.get(&ssrc) {
                Some(mid) => *mid,
                None => {
                    let Some(mid) = peer.rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid()) else { continue };
                    tracks.sections.insert(ssrc, mid);
                    mid
                }
            };
            tracks.media(now, mid, packet);
        }
        tracks.inbox = inbox;
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

    /// The server's offer: returns the answer.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        sdp: &str,
        names: &HashMap<String, String>,
        out: &mut Outputs,
    ) -> Result<String, DescriptionError> {
        let (plain, candidates) = sdp::without_candidates(sdp);
        let answer = self.peer.accept_offer(&plain);
        self.timeout(now, out);
        let answer = answer?.to_sdp_string();
        self.offered = true;
        self.tracks.codecs = self.peer.rtc.codec_config().params().iter().map(|p| (p.pt(), p.spec().codec)).collect();
        for candidate in candidates {
            self.peer.add_remote(now, &candidate, out);
            self.timeout(now, out);
        }
        self.retrack(sdp::sections(&plain), names, out);
        self.last_offer = sdp.to_owned();
        self.last_answer.clone_from(&answer);
        Ok(answer)
    }

    /// The last offer and answer, for the server to compare with after a loss.
    pub(crate) fn last_exchange(&self) -> Option<(&str, &str)> {
        self.offered.then_some((self.last_offer.as_str(), self.last_answer.as_str()))
    }

    /// Follows which track each media section carries now.
    fn retrack(&mut self, sections: Vec<Section>, names: &HashMap<String, String>, out: &mut Outputs) {
        self.tracks.sections.clear();
        let mut begin = Vec::new();
        for section in sections {
            let mid = Mid::from(section.mid.as_str());
            let current = self.tracks.receiving.get(&mid).map(|r| r.sid.clone());
            let offered = section.track.map(|(participant, sid)| {
                let named = names.get(&section.mid).filter(|n| n.starts_with("TR_"));
                (participant, named.map_or(sid, |n| n.as_str().into()))
            });
            if current.as_ref() == offered.as_ref().map(|(_, sid)| sid) {
                continue;
            }
            if let Some(gone) = self.tracks.receiving.remove(&mid) {
                out.push_back(EngineOut::TrackRemoved { sid: gone.sid });
            }
            if let Some((_, sid)) = offered {
                begin.push((mid, section.kind, sid));
            }
        }
        // Only now: one that goes on in an earlier section than before must not be gone once it is there.
        for (mid, kind, sid) in begin {
            self.next_key += 1;
            let key = RemoteSinkKey(self.next_key);
            let is_video = kind == crate::publication::TrackKind::Video;
            self.tracks.receiving.insert(
                mid,
                Receiving {
                    key,
                    sid: sid.clone(),
                    sink: None,
                    stats: RemoteTrackStats { sid: sid.clone(), ..RemoteTrackStats::default() },
                    ssrc: None,
                    pictures: PictureBuffer::default(),
                    sequence: Sequence::default(),
                    wants_key: false,
                    last_request: None,
                    is_video,
                },
            );
            out.push_back(EngineOut::TrackAdded { sid, kind, sink: key });
        }
    }

    /// From now on the track's media goes to `sink`.
    pub(crate) fn attach(&mut self, key: RemoteSinkKey, sink: RemoteSink, shared: Arc<RemoteShared>) {
        if let Some(receiving) = self.tracks.receiving.values_mut().find(|r| r.key == key) {
            receiving.sink = Some((sink, shared));
            // Pictures that came before had nowhere to go; one that is on its way still has.
            receiving.wants_key |= receiving.is_video && receiving.stats.frames > 0;
        }
    }

    /// The decoder wants a key frame.
    pub(crate) fn request_key(&mut self, now: Instant, sid: &TrackSid, out: &mut Outputs) {
        for receiving in self.tracks.receiving.values_mut().filter(|r| r.is_video && r.sid == *sid) {
            receiving.wants_key = true;
        }
        self.timeout(now, out);
    }

    fn ask_for_keys(&mut self, now: Instant, out: &mut Outputs) {
        let Self { peer, tracks, .. } = self;
        let mut asked = false;
        for receiving in tracks.receiving.values_mut().filter(|r| r.is_video) {
            let round_trip = receiving.round_trip();
            receiving.wants_key |= receiving.pictures.wants_key(now, round_trip);
            let recent = receiving.last_request.is_some_and(|t| now < t + KEY_REQUEST_GAP);
            if !receiving.wants_key || recent {
                continue;
            }
            receiving.last_request = Some(now);
            // While no packet of the stream has come there is nobody to ask; then it is done later.
            if let Some(ssrc) = receiving.ssrc
                && let Some(stream) = peer.rtc.direct_api().stream_rx(&ssrc)
            {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                receiving.wants_key = false;
                receiving.stats.key_frame_requests += 1;
                asked = true;
            }
        }
        if asked {
            peer.drain(out, |event, out| tracks.on_event(event, out));
        }
    }

    pub(super) fn last_figures(&mut self, now: Instant) {
        let Self { peer, tracks, .. } = self;
        peer.last_figures(now, |event, out| tracks.on_event(event, out));
    }

    pub(super) fn snapshot(&self, stats: &mut RoomStats) {
        stats.subscriber = self.peer.stats.clone();
        stats.remote.clear();
        for receiving in self.tracks.receiving.values() {
            let mut entry = receiving.stats.clone();
            if let Some((sink, shared)) = &receiving.sink {
                entry.frames_dropped = match sink {
                    RemoteSink::Video(tx) => tx.dropped(),
                    RemoteSink::Audio(tx) => tx.dropped(),
                };
                *shared.stats.write() = entry.clone();
            }
            stats.remote.push(entry);
        }
    }
}

impl Tracks {
    fn on_event(&mut self, event: Event, out: &mut Outputs) {
        match event {
            Event::RtpPacket(packet) => self.inbox.push(packet),
            Event::ChannelOpen(id, label) => {
                self.channels.insert(id, label == "_reliable");
            }
            Event::ChannelClose(id) => {
                self.channels.remove(&id);
            }
            Event::ChannelData(data) => {
                let reliable = self.channels.get(&data.id).copied().unwrap_or(true);
                out.push_back(EngineOut::Data { reliable, bytes: data.data });
            }
            Event::MediaIngressStats(stats) => self.note(&stats),
            _ => {}
        }
    }

    fn media(&mut self, now: Instant, mid: Mid, packet: RtpPacket) {
        let Some(receiving) = self.receiving.get_mut(&mid).filter(|_| index::exists(*packet.seq_no)) else { return };
        receiving.ssrc = Some(packet.header.ssrc);
        let arrival = receiving.sequence.came(*packet.seq_no);
        receiving.stats.packets_repaired += u64::from(arrival == Arrival::IntoGap);
        if !receiving.is_video {
            // Pictures are counted when they are put together.
            receiving.count_lost(arrival);
            return receiving.sound(&self.anchor, packet);
        }
        let codec = self.codecs.get(&packet.header.payload_type).map_or(VideoCodec::Other, |codec| codec_of(*codec));
        if codec != VideoCodec::H264 {
            return receiving.foreign(&self.anchor, codec, &packet);
        }
        receiving.pictures.push(Packet::from(packet));
        while let Some(picture) = receiving.pictures.pop(now) {
            receiving.picture(&self.anchor, picture);
        }
    }

    fn note(&mut self, stats: &MediaIngressStats) {
        let Some(receiving) = self.receiving.get_mut(&stats.mid) else { return };
        let entry = &mut receiving.stats;
        entry.packets = stats.packets;
        entry.bytes = stats.bytes;
        entry.nacks = stats.nacks;
        entry.loss = stats.loss;
        entry.rtt_ms = stats.rtt.map(|d| d.as_secs_f32() * 1000.0);
    }
}

impl Receiving {
    fn round_trip(&self) -> Option<Duration> {
        self.stats.rtt_ms.map(|ms| Duration::from_secs_f32(ms.clamp(0.0, 10_000.0) / 1000.0))
    }

    fn picture(&mut self, anchor: &Anchor, picture: Picture) {
        self.stats.frames += 1;
        self.stats.packets_lost += picture.lost;
        self.stats.gaps += u64::from(!picture.contiguous);
        self.stats.key_frames += u64::from(picture.key);
        self.show(RemoteVideoFrame {
            codec: VideoCodec::H264,
            rtp_time: picture.time.numer(),
            key: picture.key,
            contiguous: picture.contiguous,
            received_ns: anchor.ns_of(picture.received),
            sender_unix_ns: sender_unix_ns(picture.time, picture.report),
            data: picture.data.into(),
        });
    }

    /// A picture ends in a codec that we do not put together.
    fn foreign(&mut self, anchor: &Anchor, codec: VideoCodec, packet: &RtpPacket) {
        if packet.header.marker {
            self.stats.frames += 1;
            self.show(RemoteVideoFrame {
                codec,
                rtp_time: packet.time.numer(),
                key: false,
                contiguous: true,
                received_ns: anchor.ns_of(packet.timestamp),
                sender_unix_ns: sender_unix_ns(packet.time, packet.last_sender_info),
                data: Arc::default(),
            });
        }
    }

    fn show(&mut self, frame: RemoteVideoFrame) {
        let Some((RemoteSink::Video(tx), _)) = &self.sink else {
            self.wants_key = true;
            return;
        };
        let key = frame.key;
        if key {
            self.wants_key = false;
        }
        if tx.push(frame) > 0 && !key {
            self.wants_key = true;
        }
    }

    fn sound(&mut self, anchor: &Anchor, packet: RtpPacket) {
        self.stats.frames += 1;
        let Some((RemoteSink::Audio(tx), _)) = &self.sink else { return };
        let dropped = tx.push(RemoteAudioPacket {
            // The counters on the wire are these low bits.
            seq: *packet.seq_no as u16,
            rtp_time: packet.time.numer() as u32,
            received_ns: anchor.ns_of(packet.timestamp),
            sender_unix_ns: sender_unix_ns(packet.time, packet.last_sender_info),
            payload: packet.payload,
        });
        if dropped > 0 {
            tx.trim(STALE_AUDIO);
        }
    }

    /// Counts what is missing of the sound.
    fn count_lost(&mut self, arrival: Arrival) {
        let lost = &mut self.stats.packets_lost;
        *lost = match arrival {
            Arrival::Ahead(missing) => *lost + missing,
            Arrival::IntoGap => lost.saturating_sub(1),
        };
    }
}

fn codec_of(codec: Codec) -> VideoCodec {
    match codec {
        Codec::H264 => VideoCodec::H264,
        Codec::Vp8 => VideoCodec::Vp8,
        Codec::Vp9 => VideoCodec::Vp9,
        Codec::Av1 => VideoCodec::Av1,
        Codec::H265 => VideoCodec::H265,
        _ => VideoCodec::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::TrackKind;

    #[test]
    fn a_track_that_goes_on_in_an_earlier_section_is_there_in_the_end() {
        let now = Instant::now();
        let anchor = Anchor::new(now, 1_000_000_000);
        let config = EngineConfig { force_tcp: false, start_bitrate_bps: 1_000_000, anchor };
        let mut subscriber = Subscriber::new(now, config);
        let mut offer = |tracks: [Option<&str>; 2]| {
            let section = |(n, track): (usize, Option<&str>)| Section {
                mid: n.to_string(),
                kind: TrackKind::Video,
                track: track.map(|sid| ("PA_1".into(), sid.into())),
            };
            let mut out = Outputs::new();
            subscriber.retrack(tracks.into_iter().enumerate().map(section).collect(), &HashMap::new(), &mut out);
            let told = out.into_iter().filter_map(|out| match out {
                EngineOut::TrackAdded { sid, .. } => Some(format!("added {sid}")),
                EngineOut::TrackRemoved { sid } => Some(format!("removed {sid}")),
                _ => None,
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(offer([Some("TR_1"), Some("TR_2")]), ["added TR_1", "added TR_2"]);
        assert_eq!(offer([Some("TR_2"), None]), ["removed TR_1", "removed TR_2", "added TR_2"]);
    }
}
