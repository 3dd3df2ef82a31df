//! A small world: a room, and clients made of str0m's own transports, joined by a network that
//! delivers at once (or loses what it is told to) and a clock that is moved by hand.
#![allow(dead_code, clippy::unwrap_used, clippy::type_complexity)]

pub mod camera;
mod link;
pub mod screen;
mod simulcast;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use beckon_rtp::stun;
use beckon_sfu::{
    Admission, ConnectionId, JoinError, JoinRequest, Joined, Output, Protocol, Room, RoomConfig, RoomEvent,
    RouteChange, RouteTable, Transmit, TransportConfig, TransportId,
};
use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::net::Receive;
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output as RtcOutput, Rtc, RtcConfig};

pub use link::Link;

/// One step of the clock where nobody says how fine it is to be.
pub const STEP: Duration = Duration::from_millis(5);

fn server() -> SocketAddr {
    "10.0.0.1:7882".parse().unwrap()
}

/// One of a client's two transports.
pub struct Half {
    pub rtc: Rtc,
    pub address: SocketAddr,
    pub connected: bool,
    pub packets: Vec<RtpPacket>,
    pub key_frame_requests: usize,
    /// Layers that a key frame was asked for, oldest first.
    pub wanted_key_frames: Vec<Option<Rid>>,
    pub data: Vec<(String, Vec<u8>)>,
    pub channels: HashMap<ChannelId, String>,
    /// Says which datagrams from the server are lost.
    pub lose: Box<dyn FnMut(&[u8]) -> bool>,
    /// The way from the server; without one everything arrives at once.
    pub link: Option<Link>,
    /// Nothing reaches the server any more.
    pub cut: bool,
}

impl Half {
    fn new(now: Instant, address: SocketAddr) -> Self {
        let mut config = RtcConfig::new().set_rtp_mode(true).clear_codecs().enable_opus(true, false).enable_vp8(true);
        config.codec_config().add_h264(108.into(), Some(109.into()), true, 0x42_e0_1f);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            rtc,
            address,
            connected: false,
            packets: Vec::new(),
            key_frame_requests: 0,
            wanted_key_frames: Vec::new(),
            data: Vec::new(),
            channels: HashMap::new(),
            lose: Box::new(|_| false),
            link: None,
            cut: false,
        }
    }

    fn poll(&mut self, out: &mut Vec<Transmit>) {
        loop {
            match self.rtc.poll_output().unwrap() {
                RtcOutput::Timeout(_) => return,
                RtcOutput::Transmit(_) if self.cut => {}
                RtcOutput::Transmit(t) => out.push(t),
                RtcOutput::Event(event) => match event {
                    Event::Connected => self.connected = true,
                    Event::RtpPacket(packet) => self.packets.push(packet),
                    Event::KeyframeRequest(request) => {
                        self.key_frame_requests += 1;
                        self.wanted_key_frames.push(request.rid);
                    }
                    Event::ChannelOpen(id, label) => {
                        self.channels.insert(id, label);
                    }
                    Event::ChannelData(data) => {
                        let label = self.channels.get(&data.id).cloned().unwrap_or_default();
                        self.data.push((label, data.data));
                    }
                    _ => {}
                },
            }
        }
    }
}

/// A client.
pub struct Client {
    pub name: String,
    pub sid: String,
    pub connection: ConnectionId,
    pub publisher: Half,
    pub subscriber: Half,
    /// What the server said, oldest first.
    pub heard: Vec<Response>,
    pub closed: bool,
    /// Answers nothing by itself: the test speaks for it.
    pub mute: bool,
    pending: Option<SdpPendingOffer>,
    seq: HashMap<(Mid, Option<String>), u64>,
}

impl Client {
    /// All that the server said of one kind.
    pub fn heard<T>(&self, pick: impl Fn(&Response) -> Option<T>) -> Vec<T> {
        self.heard.iter().filter_map(pick).collect()
    }

    /// What it knows of another participant's tracks, from the last update.
    pub fn knows(&self, identity: &str) -> Option<proto::ParticipantInfo> {
        self.heard
            .iter()
            .flat_map(|m| match m {
                Response::Join(j) => j.other_participants.clone(),
                Response::Update(u) => u.participants.clone(),
                _ => Vec::new(),
            })
            .rfind(|p| p.identity == identity)
    }
}

/// Everything.
pub struct World {
    pub now: Instant,
    /// How far the clock moves at a time.
    pub step: Duration,
    pub room: Room,
    pub clients: Vec<Client>,
    pub events: Vec<RoomEvent>,
    /// Real time spent inside the room.
    pub busy: Duration,
    routes: RouteTable<TransportId>,
    /// Any transport of the room.
    some: Option<TransportId>,
    next_port: u16,
}

impl World {
    pub fn new() -> Self {
        Self::with_limit(0)
    }

    pub fn with_limit(max_participants: u32) -> Self {
        let now = Instant::now();
        let config = RoomConfig {
            name: "room".into(),
            metadata: String::new(),
            max_participants,
            empty_timeout: Duration::from_secs(60),
            departure_timeout: Duration::from_secs(20),
            transport: Arc::new(TransportConfig { udp: vec![server()], tcp: Vec::new(), certificate: None }),
        };
        Self {
            now,
            step: STEP,
            room: Room::new(now, SystemTime::UNIX_EPOCH, config),
            clients: Vec::new(),
            events: Vec::new(),
            busy: Duration::ZERO,
            routes: RouteTable::default(),
            some: None,
            next_port: 40_000,
        }
    }

    /// The next clients get their addresses anew, beginning with this client's.
    pub fn reuse_addresses_of(&mut self, client: usize) {
        self.next_port = self.clients[client].publisher.address.port() - 1;
    }

    fn address(&mut self) -> SocketAddr {
        self.next_port += 1;
        SocketAddr::new([10, 0, 0, 2].into(), self.next_port)
    }

    /// A client joins. Gives its place.
    pub fn join(&mut self, name: &str) -> usize {
        self.try_join(JoinRequest::new(Admission::new(name))).unwrap()
    }

    pub fn try_join(&mut self, request: JoinRequest) -> Result<usize, JoinError> {
        let name = request.admission.identity.clone();
        let Joined { connection, sid, .. } = self.room.join(self.now, SystemTime::UNIX_EPOCH, request)?;
        let (publisher, subscriber) = (self.address(), self.address());
        self.clients.push(Client {
            name,
            sid,
            connection,
            publisher: Half::new(self.now, publisher),
            subscriber: Half::new(self.now, subscriber),
            heard: Vec::new(),
            closed: false,
            mute: false,
            pending: None,
            seq: HashMap::new(),
        });
        self.exchange();
        Ok(self.clients.len() - 1)
    }

    /// Says something to the server.
    pub fn say(&mut self, client: usize, request: Request) {
        let connection = self.clients[client].connection;
        self.room.signal(self.now, SystemTime::UNIX_EPOCH, connection, request);
        self.exchange();
    }

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

    /// Asks for a key frame on a subscriber's media section.
    pub fn ask_key_frame(&mut self, client: usize, ssrc: str0m::rtp::Ssrc) {
        let now = self.now;
        let half = &mut self.clients[client].subscriber;
        half.rtc.direct_api().stream_rx(&ssrc).unwrap().request_keyframe(KeyframeRequestKind::Pli);
        half.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.exchange();
    }

    /// Lets time go on.
    pub fn run(&mut self, for_: Duration) {
        let end = self.now + for_;
        while self.now < end {
            self.now += self.step;
            self.step();
        }
    }

    /// Lets time go on until something is so, ten seconds at most.
    pub fn run_until(&mut self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let end = self.now + Duration::from_secs(10);
        while !so(self) {
            assert!(self.now < end, "never: {what}");
            self.now += self.step;
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now;
        for c in &mut self.clients {
            c.publisher.rtc.handle_input(Input::Timeout(now)).unwrap();
            c.subscriber.rtc.handle_input(Input::Timeout(now)).unwrap();
        }
        let begun = Instant::now();
        self.room.drive(now);
        self.busy += begun.elapsed();
        for at in 0..self.clients.len() {
            for datagram in self.clients[at].subscriber.link.as_mut().map_or_else(Vec::new, |l| l.arrived(now)) {
                self.hand_over(&datagram);
            }
        }
        self.exchange();
    }

    /// The next check that a client makes with the server, on its publisher's or its subscriber's transport.
    pub fn overhear_check(&mut self, client: usize, publisher: bool) -> Vec<u8> {
        self.next_check(client, publisher, true)
    }

    /// As [`overhear_check`](Self::overhear_check), but the server does not get it.
    pub fn catch_check(&mut self, client: usize, publisher: bool) -> Vec<u8> {
        self.next_check(client, publisher, false)
    }

    fn next_check(&mut self, client: usize, publisher: bool, arrives: bool) -> Vec<u8> {
        for _ in 0..10_000 {
            self.now += self.step;
            let now = self.now;
            let c = &mut self.clients[client];
            let half = if publisher { &mut c.publisher } else { &mut c.subscriber };
            half.rtc.handle_input(Input::Timeout(now)).unwrap();
            let mut sent = Vec::new();
            half.poll(&mut sent);
            let check = sent.iter().find(|t| stun::is_binding_request(&t.contents)).map(|t| t.contents.to_vec());
            for datagram in sent {
                if arrives || !stun::is_binding_request(&datagram.contents) {
                    self.replay(datagram.source, &datagram.contents);
                }
            }
            if let Some(check) = check {
                return check;
            }
            self.room.drive(now);
            self.exchange();
        }
        panic!("no check in a long time");
    }

    /// What a client's publisher sends now, and the server gets once.
    pub fn overhear(&mut self, client: usize) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        self.clients[client].publisher.poll(&mut sent);
        let overheard: Vec<Vec<u8>> = sent.iter().map(|t| t.contents.to_vec()).collect();
        let from = self.clients[client].publisher.address;
        for bytes in &overheard {
            self.replay(from, bytes);
        }
        overheard
    }

    /// A datagram from anywhere, carried as the server does it: by the user name in a check, else by its address.
    pub fn replay(&mut self, from: SocketAddr, bytes: &[u8]) {
        if let Some(to) = self.routes.find(Protocol::Udp, from, bytes) {
            self.room.datagram(self.now, to, Protocol::Udp, from, server(), bytes);
            self.room.drive(self.now);
            self.exchange();
        }
    }

    /// A datagram from anywhere to wherever its address belongs (or to a transport that is named).
    pub fn inject(&mut self, from: SocketAddr, bytes: &[u8]) {
        let to = self.routes.find(Protocol::Udp, from, &[]).or(self.some).unwrap();
        self.room.datagram(self.now, to, Protocol::Udp, from, server(), bytes);
        self.room.drive(self.now);
        self.exchange();
    }

    /// What a client has written goes in, and the room has one turn. Gives whom the media that leaves
    /// then is for, packet by packet.
    pub fn turn_after(&mut self, client: usize) -> Vec<SocketAddr> {
        let mut up = Vec::new();
        self.clients[client].publisher.poll(&mut up);
        for datagram in up {
            if let Some(to) = self.routes.find(Protocol::Udp, datagram.source, &datagram.contents) {
                self.room.datagram(self.now, to, Protocol::Udp, datagram.source, server(), &datagram.contents);
            }
        }
        self.room.drive(self.now);
        let down: Vec<Transmit> = self.room.take_datagrams().collect();
        let is_media = |t: &&Transmit| matches!(t.contents[..2], [0x80..=0xbf, kind] if !(192..=223).contains(&kind));
        let to = down.iter().filter(is_media).map(|t| t.destination).collect();
        for datagram in &down {
            self.deliver(datagram);
        }
        to
    }

    /// Carries everything to where it belongs until nothing moves.
    pub fn exchange(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.room.poll_output() {
                moved = true;
                self.carry_out(output);
            }
            let down: Vec<Transmit> = self.room.take_datagrams().collect();
            moved |= !down.is_empty();
            for datagram in down {
                self.deliver(&datagram);
            }
            let mut up = Vec::new();
            for c in &mut self.clients {
                c.publisher.poll(&mut up);
                c.subscriber.poll(&mut up);
            }
            moved |= !up.is_empty();
            let begun = Instant::now();
            for datagram in up {
                let bytes: &[u8] = &datagram.contents;
                if let Some(to) = self.routes.find(Protocol::Udp, datagram.source, bytes) {
                    self.room.datagram(self.now, to, Protocol::Udp, datagram.source, server(), bytes);
                }
            }
            self.room.drive(self.now);
            self.busy += begun.elapsed();
            if !moved {
                return;
            }
        }
    }

    fn deliver(&mut self, datagram: &Transmit) {
        let now = self.now;
        let halves = self.clients.iter_mut().flat_map(|c| [&mut c.publisher, &mut c.subscriber]);
        for half in halves.filter(|h| h.address == datagram.destination) {
            if (half.lose)(&datagram.contents) {
                return;
            }
            if let Some(link) = &mut half.link {
                return link.send(now, datagram);
            }
        }
        self.hand_over(datagram);
    }

    fn hand_over(&mut self, datagram: &Transmit) {
        let now = self.now;
        let halves = self.clients.iter_mut().flat_map(|c| [&mut c.publisher, &mut c.subscriber]);
        for half in halves.filter(|h| h.address == datagram.destination) {
            let bytes: &[u8] = &datagram.contents;
            let receive = Receive::new(Protocol::Udp, datagram.source, half.address, bytes).unwrap();
            // A client that is gone refuses; that is its affair.
            let _ = half.rtc.handle_input(Input::Receive(now, receive));
            // A transport holds one packet at a time.
            let mut out = Vec::new();
            half.poll(&mut out);
            for datagram in out {
                if let Some(to) = self.routes.find(Protocol::Udp, datagram.source, &datagram.contents) {
                    self.room.datagram(now, to, Protocol::Udp, datagram.source, server(), &datagram.contents);
                }
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Signal(connection, message) => {
                let Some(at) = self.clients.iter().position(|c| c.connection == connection) else { return };
                self.clients[at].heard.push(message.clone());
                self.on_message(at, message);
            }
            Output::CloseSignal(connection) => {
                if let Some(c) = self.clients.iter_mut().find(|c| c.connection == connection) {
                    c.closed = true;
                }
            }
            Output::Route(change) => {
                if let RouteChange::AddUfrag(_, to) = change {
                    self.some = self.some.or(Some(to));
                }
                self.routes.change(self.now, change, |transport| transport);
            }
            Output::Event(event) => self.events.push(event),
        }
    }

    fn on_message(&mut self, at: usize, message: Response) {
        let now = self.now;
        if self.clients[at].mute {
            return;
        }
        match message {
            Response::Answer(answer) => {
                let c = &mut self.clients[at];
                let answer = SdpAnswer::from_sdp_string(&answer.sdp).unwrap();
                let pending = c.pending.take().expect("an offer waits");
                c.publisher.rtc.sdp_api().accept_answer(pending, answer).unwrap();
                c.publisher.rtc.handle_input(Input::Timeout(now)).unwrap();
            }
            Response::Offer(offer) => {
                let c = &mut self.clients[at];
                let sdp = SdpOffer::from_sdp_string(&offer.sdp).unwrap();
                let answer = c.subscriber.rtc.sdp_api().accept_offer(sdp).unwrap().to_sdp_string();
                c.subscriber.rtc.handle_input(Input::Timeout(now)).unwrap();
                let connection = c.connection;
                let answer = proto::SessionDescription {
                    r#type: "answer".into(),
                    sdp: answer,
                    id: offer.id,
                    ..Default::default()
                };
                self.room.signal(now, SystemTime::UNIX_EPOCH, connection, Request::Answer(answer));
            }
            _ => {}
        }
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
