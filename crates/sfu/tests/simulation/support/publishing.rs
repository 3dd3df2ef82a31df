//! What clients publish, and the packets they send.

use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use str0m::Input;
use str0m::channel::{ChannelConfig, ChannelId};
use str0m::media::{Direction, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{ExtensionValues, RtpWrite};

use super::World;

impl World {
    /// Announces a track and negotiates it. Gives its sid and media section.
    pub fn publish(&mut self, client: usize, kind: MediaKind, rids: &[&str]) -> (String, Mid) {
        self.publish_as(client, kind, rids, |_| {})
    }

    /// As [`publish`](Self::publish), announced with these changes.
    pub fn publish_as(
        &mut self,
        client: usize,
        kind: MediaKind,
        rids: &[&str],
        change: impl FnOnce(&mut proto::AddTrackRequest),
    ) -> (String, Mid) {
        let cid = format!("cid-{}", self.clients[client].heard.len());
        let video = kind == MediaKind::Video;
        let quality = |rid: &&str| match *rid {
            "q" => 0,
            "h" => 1,
            _ => 2,
        };
        let layers: Vec<_> = rids
            .iter()
            .map(|r| proto::VideoLayer {
                quality: quality(r),
                width: 320 << quality(r),
                height: 180 << quality(r),
                ..Default::default()
            })
            .collect();
        let source = if video { proto::TrackSource::Camera } else { proto::TrackSource::Microphone };
        #[allow(deprecated)]
        let mut add = proto::AddTrackRequest {
            cid: cid.clone(),
            r#type: if video { proto::TrackType::Video } else { proto::TrackType::Audio } as i32,
            source: source as i32,
            layers,
            simulcast_codecs: vec![proto::SimulcastCodec { codec: "h264".into(), ..Default::default() }],
            ..Default::default()
        };
        change(&mut add);
        self.say(client, Request::AddTrack(add));
        let published = self.clients[client].heard(|m| match m {
            Response::TrackPublished(t) if t.cid == cid => t.track.clone(),
            _ => None,
        });
        let sid = published[0].sid.clone();
        let send = rids.iter().map(|r| SimulcastLayer::new(r)).collect::<Vec<_>>();
        let simulcast = (!send.is_empty()).then(|| Simulcast { send, recv: Vec::new() });
        let c = &mut self.clients[client];
        let mut api = c.publisher.rtc.sdp_api();
        let mid = api.add_media(kind, Direction::SendOnly, Some("stream".into()), Some(cid), simulcast);
        let (offer, pending) = api.apply().unwrap();
        c.pending = Some(pending);
        self.offer(client, offer.to_sdp_string());
        (sid, mid)
    }

    /// Opens a data channel on the publishing side.
    pub fn open_channel(&mut self, client: usize, label: &str) -> ChannelId {
        let c = &mut self.clients[client];
        let mut api = c.publisher.rtc.sdp_api();
        let id = api.add_channel_with_config(ChannelConfig { label: label.into(), ..Default::default() });
        if let Some((offer, pending)) = api.apply() {
            c.pending = Some(pending);
            self.offer(client, offer.to_sdp_string());
        }
        self.run_until("channel opens", |w| w.clients[client].publisher.channels.contains_key(&id));
        id
    }

    /// Stops sending a media section and tells the server.
    pub fn unpublish(&mut self, client: usize, mid: Mid) {
        let c = &mut self.clients[client];
        let mut api = c.publisher.rtc.sdp_api();
        api.set_direction(mid, Direction::Inactive);
        let (offer, pending) = api.apply().unwrap();
        c.pending = Some(pending);
        self.offer(client, offer.to_sdp_string());
    }

    fn offer(&mut self, client: usize, sdp: String) {
        let offer = proto::SessionDescription { r#type: "offer".into(), sdp, id: 1, ..Default::default() };
        self.clients[client].offered = Some(offer.clone());
        self.say(client, Request::Offer(offer));
    }

    /// Sends one packet of a published track.
    pub fn send_packet(&mut self, client: usize, mid: Mid, rid: Option<&str>, packet: &Packet) {
        self.write_packet(client, mid, rid, packet);
        self.exchange();
    }

    /// Writes one packet of a published track; it leaves with the next exchange.
    pub fn write_packet(&mut self, client: usize, mid: Mid, rid: Option<&str>, packet: &Packet) {
        let now = self.now;
        let c = &mut self.clients[client];
        let next = c.seq.entry((mid, rid.map(str::to_owned))).or_insert(1_000);
        *next += 1;
        let seq = packet.seq.unwrap_or(*next);
        let pt = packet.pt;
        let mut api = c.publisher.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, rid.map(Rid::from)).expect("a negotiated stream");
        stream.write_rtp(
            RtpWrite::new(pt.into(), seq.into(), packet.timestamp, now, packet.payload.clone())
                .marker(packet.marker)
                .ext_vals(ExtensionValues {
                    audio_level: packet.level,
                    voice_activity: packet.level.map(|l| l > -40),
                    ..Default::default()
                })
                .nackable(true),
        );
        c.publisher.rtc.handle_input(Input::Timeout(now)).unwrap();
    }
}

/// A packet to send.
pub struct Packet {
    pub pt: u8,
    pub seq: Option<u64>,
    pub timestamp: u32,
    pub payload: Vec<u8>,
    pub marker: bool,
    pub level: Option<i8>,
}

/// A whole H.264 key frame in one packet: parameter sets and a slice.
pub fn key_frame(timestamp: u32) -> Packet {
    let payload = vec![0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce, 0, 3, 0x65, 0x88, 0x84];
    Packet { pt: 108, seq: None, timestamp, payload, marker: true, level: None }
}

/// An H.264 picture that needs the one before it.
pub fn delta_frame(timestamp: u32) -> Packet {
    Packet { pt: 108, seq: None, timestamp, payload: vec![0x61, 1, 2, 3, 4, 5, 6, 7], marker: true, level: None }
}

/// Sound of a level in -dBov.
pub fn sound(timestamp: u32, level: i8) -> Packet {
    Packet { pt: 111, seq: None, timestamp, payload: vec![0xfc; 40], marker: false, level: Some(level) }
}
