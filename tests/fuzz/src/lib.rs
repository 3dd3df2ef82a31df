//! What the targets for the forwarding core share: a room with a participant in it, and a way past the handshakes.
#![forbid(unsafe_code)]

pub mod tap;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use beckon_sfu::{
    Admission, ConnectionId, JoinRequest, Output, Room, RoomConfig, RouteChange, TransportConfig, TransportId,
};
use livekit_protocol::{AddTrackRequest, SessionDescription, TrackType, signal_request::Message as Request};

/// Where the room believes to be reached.
pub const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7882);

/// What all scenes' transports have in common. Making a certificate takes longer than most inputs: there is one.
fn transport() -> Arc<TransportConfig> {
    static TRANSPORT: OnceLock<Arc<TransportConfig>> = OnceLock::new();
    let make =
        || Arc::new(TransportConfig { udp: vec![SERVER], tcp: Vec::new(), certificate: beckon_sfu::new_certificate() });
    TRANSPORT.get_or_init(make).clone()
}

/// A room whose clock the target moves.
pub struct Scene {
    /// The room.
    pub room: Room,
    /// The present.
    pub now: Instant,
    /// The wall clock.
    pub wall: SystemTime,
    /// The participant's signalling connection.
    pub connection: ConnectionId,
    /// The transports of which the room told.
    pub transports: Vec<TransportId>,
}

impl Scene {
    /// A room that one participant has joined.
    pub fn new() -> Self {
        let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let config = RoomConfig {
            name: "fuzz".into(),
            metadata: String::new(),
            max_participants: 4,
            empty_timeout: Duration::from_secs(60),
            departure_timeout: Duration::from_secs(20),
            transport: transport(),
        };
        let mut room = Room::new(now, wall, config);
        let joined = room.join(now, wall, JoinRequest::new(Admission::new("anna"))).expect("an empty room lets one in");
        let mut scene = Self { room, now, wall, connection: joined.connection, transports: Vec::new() };
        scene.settle();
        scene
    }

    /// The same, with bob there before, who publishes pictures: an offer waits for the participant's answer.
    pub fn with_publisher() -> Self {
        let mut scene = Self::new();
        let joined = scene.room.join(scene.now, scene.wall, JoinRequest::new(Admission::new("bob")));
        let bob = joined.expect("there is room for two").connection;
        let video = TrackType::Video as i32;
        let add = AddTrackRequest { cid: "c".into(), r#type: video, ..AddTrackRequest::default() };
        // Each payload type of the section has its meaning: without one the whole offer would be refused.
        let codecs = "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
            a=rtpmap:98 H264/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n";
        let sdp = format!("{START}{}a=msid:s c\r\n{codecs}{}", MEDIA[0], MEDIA[3]);
        let offer = SessionDescription { sdp, ..SessionDescription::default() };
        for request in [Request::AddTrack(add), Request::Offer(offer)] {
            scene.room.signal(scene.now, scene.wall, bob, request);
        }
        scene.settle();
        scene
    }

    /// Whether bob is still there.
    pub fn others_are_in(&self) -> bool {
        self.room.participants().iter().any(|p| p.identity == "bob")
    }

    /// Lets 20 ms pass and takes everything the room wants done.
    pub fn settle(&mut self) {
        self.now += Duration::from_millis(20);
        self.room.drive(self.now);
        while let Some(output) = self.room.poll_output() {
            if let Output::Route(RouteChange::AddUfrag(_, transport) | RouteChange::Bind { transport, .. }) = output
                && !self.transports.contains(&transport)
            {
                self.transports.push(transport);
            }
        }
        self.room.take_datagrams();
    }
}

/// What every description begins with.
const START: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:\
    AB:AB:AB:AB:AB:AB:AB:AB:AB\r\na=setup:actpass\r\n";
/// Media sections.
const MEDIA: [&str; 4] = [
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n",
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=sendrecv\r\n",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtcp-mux\r\na=recvonly\r\n",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sctp-port:5000\r\n",
];
/// What stands in them.
const PARTS: [&str; 24] = [
    "a=rtpmap:",
    "a=fmtp:",
    "96",
    "97",
    "98",
    "99",
    "111",
    "127",
    "128",
    " VP8/90000\r\n",
    " H264/90000\r\n",
    " rtx/90000\r\n",
    " opus/48000/2\r\n",
    " apt=",
    "\r\n",
    " level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n",
    "a=rtcp-fb:",
    " nack pli\r\n",
    "a=rid:h send\r\n",
    "a=simulcast:send h;q\r\n",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
    "a=ssrc:1 cname:x\r\n",
    "a=ssrc-group:FID 1 2\r\n",
    "a=candidate:1 1 udp 1 10.0.0.9 9 typ host\r\n",
];

/// A session description out of a few bytes: letters stand for themselves, others for whole parts.
pub fn description(bytes: &[u8]) -> String {
    let mut sdp = START.to_owned();
    for byte in bytes {
        match usize::from(*byte) {
            letter @ 0..=127 => sdp.push(char::from(letter as u8)),
            media @ 128..=143 => sdp.push_str(MEDIA[(media - 128) % MEDIA.len()]),
            part => sdp.push_str(PARTS[(part - 144) % PARTS.len()]),
        }
    }
    sdp
}
