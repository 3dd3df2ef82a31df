//! The media port behind the handshake: what a participant sends whom the room has let in, whose transports are up, and who abides by
//! nothing after that. RTP, RTCP, data messages, SCTP and a few wishes, in any order, while time goes on; others listen.
//!
//! A room with its handshakes takes longer to make than most inputs take to play, so that one serves many of them, and what breaks it
//! may have begun earlier. When something breaks, all that was played there is written to `artifacts/sfu_media/history-…`: an input
//! like any other, of all of them together.
//!
//! An input is a sequence of steps: kind (see [`Scene::step`]), how, length, bytes. `seeds/sfu_media` has a few to begin with.
#![no_main]

// The world of the forwarding core's own tests.
#[path = "../../../crates/sfu/tests/simulation/support/mod.rs"]
mod support;

use std::{
    cell::RefCell,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use beckon_fuzz::tap::{self, Tap};
use libfuzzer_sys::fuzz_target;
use livekit_protocol::{
    DataPacket, MuteTrackRequest, Ping, UpdateSubscription, UpdateTrackSettings, UserPacket, data_packet::Value,
    signal_request::Message as Request,
};
use prost::Message;
use str0m::{
    Input,
    channel::ChannelId,
    media::{MediaKind, Mid, Rid},
};
use support::{World, key_frame, sound};

/// Inputs that one room serves …
const INPUTS: usize = 256;
/// … and one in which mallory's messages are not heard any more, as odd SCTP easily brings about.
const INPUTS_IN_SILENCE: usize = 32;
/// Who sends what the fuzzer says; who hears it, and is heard by all; who only listens.
const MALLORY: usize = 0;
const BOB: usize = 1;
const ANN: usize = 2;
/// Payload types of the world's clients.
const OPUS: u8 = 111;
const H264: u8 = 108;
const REPAIR: u8 = 109;
/// Layers of mallory's camera.
const RIDS: [&str; 3] = ["q", "h", "f"];
/// How payloads begin: H.264 (a key frame, another, the beginning of a key frame in pieces, its middle), a repair, VP8, Opus.
const HEADS: [&[u8]; 8] = [
    &[],
    &[0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce, 0, 3, 0x65, 0x88, 0x84],
    &[0x61],
    &[0x7c, 0x85],
    &[0x7c, 0x05],
    &[3, 0xe9, 0x61],
    &[0x10, 0, 0, 0, 0x9d, 1, 0x2a],
    &[0xfc],
];
/// Of a message: what was said goes in a packet as it should be.
const PACKED: u8 = 2;
/// The step at the end of every input.
const REST: u8 = 15;

/// What was played in the room that there is.
static HISTORY: Mutex<Vec<u8>> = Mutex::new(Vec::new());

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

fuzz_target!(
    init: {
        tap::install();
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/artifacts/sfu_media");
            let path = format!("{folder}/history-{}", std::process::id());
            let history = HISTORY.lock().unwrap_or_else(PoisonError::into_inner);
            let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &*history));
            eprintln!("all that led there: {path} ({written:?})");
            abort(panic);
        }));
    },
    |bytes: &[u8]| {
        SCENE.with_borrow_mut(|scene| {
            scene.take_if(|scene| scene.is_spent());
            let scene = scene.get_or_insert_with(Scene::new);
            let mut rest = bytes;
            while let [kind, how, length, tail @ ..] = rest {
                let (said, after) = tail.split_at(usize::from(*length).min(tail.len()));
                rest = after;
                scene.step(*kind, *how, said);
            }
            scene.step(REST, 0, &[]);
            scene.inputs += 1;
        });
    }
);

/// One of mallory's streams.
struct Stream {
    ssrc: u32,
    payload_type: u8,
    /// What names media section and layer, as a header extension.
    names: Vec<u8>,
    /// Sequence number with its turns.
    index: u64,
    timestamp: u32,
}

/// A room with mallory, bob and ann.
struct Scene {
    world: World,
    inputs: usize,
    /// Mallory sent SCTP of its own, which may have ended what there was.
    odd_sctp: bool,
    /// Mallory's data messages are not heard any more.
    silent: bool,
    /// Mallory's way to the room, and from it.
    taps: [Tap; 2],
    streams: Vec<Stream>,
    /// What there is to report on: mallory's streams and those that come to it.
    sources: Vec<u32>,
    /// Reliable, lossy.
    channels: [ChannelId; 2],
    /// Mallory's, then bob's.
    tracks: [String; 4],
    bobs_voice: Mid,
}

impl Scene {
    fn new() -> Self {
        HISTORY.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut world = World::new();
        world.step = Duration::from_millis(20);
        tap::fetch();
        for name in ["mallory", "bob", "ann"] {
            world.join(name);
        }
        let [publisher, subscriber, ..] = &tap::fetch()[..] else { panic!("each client has two transports") };
        let (voice, microphone) = world.publish(MALLORY, MediaKind::Audio, &[]);
        let (picture, camera) = world.publish(MALLORY, MediaKind::Video, &RIDS);
        let (bobs_sound, bobs_voice) = world.publish(BOB, MediaKind::Audio, &[]);
        let (bobs_picture, bobs_camera) = world.publish(BOB, MediaKind::Video, &[]);
        let channels = ["_reliable", "_lossy"].map(|label| world.open_channel(MALLORY, label));
        let halves = |world: &World| world.clients.iter().all(|client| client.subscriber.connected);
        world.run_until("all are connected", |w| halves(w) && w.clients[BOB].publisher.connected);

        let layers = RIDS.map(Some);
        let mut streams = Vec::new();
        for (mid, rid) in [(microphone, None)].into_iter().chain(layers.map(|rid| (camera, rid))) {
            let packet = if rid.is_some() { key_frame(3_000) } else { sound(960, -30) };
            world.send_packet(MALLORY, mid, rid, &packet);
            let mut api = world.clients[MALLORY].publisher.rtc.direct_api();
            let sent = api.stream_tx_by_mid(mid, rid.map(Rid::from)).expect("it was negotiated");
            let stream = |ssrc, payload_type, repairs| Stream {
                ssrc,
                payload_type,
                names: names(mid, rid, repairs),
                index: 1_001,
                timestamp: packet.timestamp,
            };
            streams.push(stream(*sent.ssrc(), if rid.is_some() { H264 } else { OPUS }, false));
            streams.extend(sent.rtx().map(|repairs| stream(*repairs, REPAIR, true)));
        }
        // One that nobody has heard of.
        streams.push(Stream {
            ssrc: 7,
            payload_type: H264,
            names: names(camera, Some("h"), false),
            index: 1,
            timestamp: 0,
        });
        world.run(Duration::from_millis(500));
        world.send_packet(BOB, bobs_camera, None, &key_frame(3_000));
        world.send_packet(BOB, bobs_voice, None, &sound(960, -30));
        let coming = world.clients[MALLORY].subscriber.packets.iter().map(|packet| *packet.header.ssrc);
        let sources = streams.iter().map(|stream| stream.ssrc).chain(coming).collect();
        let mut scene = Self {
            inputs: 0,
            odd_sctp: false,
            silent: false,
            taps: [publisher.clone(), subscriber.clone()],
            streams,
            sources,
            channels,
            tracks: [voice, picture, bobs_sound, bobs_picture],
            bobs_voice,
            world,
        };
        scene.rest();
        scene
    }

    /// Whether mallory is gone, or most that can be played in this room was.
    fn is_spent(&self) -> bool {
        let client = &self.world.clients[MALLORY];
        let up = client.publisher.rtc.is_connected() && client.subscriber.rtc.is_connected();
        client.closed || !up || self.inputs >= if self.silent { INPUTS_IN_SILENCE } else { INPUTS }
    }

    fn step(&mut self, kind: u8, how: u8, said: &[u8]) {
        HISTORY.lock().unwrap_or_else(PoisonError::into_inner).extend([&[kind, how, said.len() as u8], said].concat());
        let client = &self.world.clients[MALLORY];
        let (up, down) = (client.publisher.address, client.subscriber.address);
        let from = if matches!(kind % 16, 8 | 9) { down } else { up };
        let datagrams = match kind % 16 {
            0..=5 => self.rtp(how, said).into_iter().collect(),
            6..=9 => self.rtcp(usize::from(from == down), how, said).into_iter().collect(),
            10 | 11 => return self.message(how, said),
            12 => self.sctp(how, said),
            13 => return self.wish(how),
            14 => return self.pass(Duration::from_millis(how.into())),
            _ => return self.rest(),
        };
        for datagram in datagrams {
            self.world.replay(from, &datagram);
        }
    }

    /// A packet of one of mallory's streams: the usual next one, as far as nothing else is said.
    fn rtp(&mut self, how: u8, said: &[u8]) -> Option<Vec<u8>> {
        let ([leap, first, second, pause], rest) = said.split_first_chunk()?;
        let place = usize::from(how & 0xf) % self.streams.len();
        let stream = &mut self.streams[place];
        let leap = i64::from(*leap as i8);
        // A leap over half of all numbers would look like one back.
        stream.index = stream.index.saturating_add_signed(if leap.abs() < 64 { leap + 1 } else { leap * 250 });
        stream.timestamp = stream.timestamp.wrapping_add_signed(i32::from(*pause as i8) * 960);
        let mut packet = vec![0x80 | first & 0x3f, stream.payload_type ^ second];
        packet.extend((stream.index as u16).to_be_bytes());
        packet.extend(stream.timestamp.to_be_bytes());
        packet.extend(stream.ssrc.to_be_bytes());
        if how & 0x80 != 0 {
            packet[0] = packet[0] & 0xf0 | 0x10;
            packet.extend(&stream.names);
        }
        packet.extend(HEADS[usize::from(how >> 4 & 7)]);
        packet.extend(rest);
        self.taps[0].rtp(stream.index, &packet)
    }

    /// A report, or whatever is called so, from and on streams that there are.
    fn rtcp(&mut self, side: usize, how: u8, said: &[u8]) -> Option<Vec<u8>> {
        let mut packet = said.to_vec();
        packet.resize(said.len().next_multiple_of(4).max(8), 0);
        packet[0] = packet[0] & 0x3f | 0x80;
        // Other types are taken for RTP (RFC 5761 section 4).
        packet[1] = 192 + packet[1] % 32;
        if packet[2..4] == [0, 0] {
            packet[3] = (packet.len() / 4 - 1) as u8;
        }
        for (place, source) in [how & 0xf, how >> 4].into_iter().enumerate() {
            if let Some((ssrc, at)) =
                self.sources.get(usize::from(source)).zip(packet[4..].chunks_exact_mut(4).nth(place))
            {
                at.copy_from_slice(&ssrc.to_be_bytes());
            }
        }
        self.taps[side].rtcp(&packet)
    }

    /// A data message: what was said, alone or [packed](PACKED).
    fn message(&mut self, how: u8, said: &[u8]) {
        let packet = || DataPacket {
            sequence: u32::from(how >> 4),
            destination_identities: if how & 4 != 0 { vec!["bob".into()] } else { Vec::new() },
            value: Some(Value::User(UserPacket { payload: said.to_vec(), ..UserPacket::default() })),
            ..DataPacket::default()
        };
        let bytes = if how & PACKED != 0 { packet().encode_to_vec() } else { said.to_vec() };
        let (id, now) = (self.channels[usize::from(how & 1)], self.world.now);
        let rtc = &mut self.world.clients[MALLORY].publisher.rtc;
        if let Some(mut channel) = rtc.channel(id) {
            let _ = channel.write(true, &bytes);
            let _ = rtc.handle_input(Input::Timeout(now));
        }
        self.world.exchange();
    }

    /// Chunks of SCTP; the first one's number may be about the client's own.
    fn sctp(&mut self, how: u8, said: &[u8]) -> Vec<Vec<u8>> {
        self.odd_sctp = true;
        let mut chunks = said.to_vec();
        if how & 1 != 0
            && let Some(number) = chunks.get_mut(4..8)
        {
            let tsn = self.taps[0].tsn().wrapping_add_signed(i32::from(how as i8 >> 1));
            number.copy_from_slice(&tsn.to_be_bytes());
        }
        self.taps[0].sctp(&chunks)
    }

    /// Something that is said over signalling.
    fn wish(&mut self, how: u8) {
        let (yes, own) = (how & 1 != 0, self.tracks[usize::from(how >> 1 & 1)].clone());
        let settings = |sid| UpdateTrackSettings {
            track_sids: vec![sid],
            disabled: yes,
            width: u32::from(how >> 4) * 100,
            ..UpdateTrackSettings::default()
        };
        match how >> 2 & 3 {
            0 => self.world.say(MALLORY, Request::Mute(MuteTrackRequest { sid: own, muted: yes })),
            1 => {
                let update =
                    UpdateSubscription { track_sids: vec![own], subscribe: yes, ..UpdateSubscription::default() };
                self.world.say(BOB, Request::Subscription(update));
            }
            2 => self.world.say(BOB, Request::TrackSetting(settings(own))),
            _ => self.world.say(MALLORY, Request::TrackSetting(settings(self.tracks[3].clone()))),
        }
    }

    /// Time passes, in which all say that they are there.
    fn pass(&mut self, time: Duration) {
        for connection in self.world.clients.iter().map(|client| client.connection) {
            let (now, ping) = (self.world.now, Request::PingReq(Ping::default()));
            self.world.room.signal(now, SystemTime::UNIX_EPOCH, connection, ping);
        }
        self.world.run(time);
    }

    /// A moment passes, and the others are well: bob is heard.
    fn rest(&mut self) {
        self.pass(self.world.step);
        let events = std::mem::take(&mut self.world.events);
        let stayed = self.world.clients[BOB..].iter().all(|client| !client.closed);
        assert!(stayed, "one participant's media ended the room for another: {events:?}");
        for client in &mut self.world.clients {
            client.heard.clear();
            for half in [&mut client.publisher, &mut client.subscriber] {
                (half.packets, half.data, half.wanted_key_frames) = Default::default();
            }
        }
        self.world.send_packet(BOB, self.bobs_voice, None, &sound(960, -30));
        self.world.run_until("ann hears bob", |world| !world.clients[ANN].subscriber.packets.is_empty());
        if std::mem::take(&mut self.odd_sctp) {
            self.message(PACKED, b"?");
            self.silent = self.world.clients[BOB].subscriber.data.is_empty();
        }
    }
}

/// The header extension that names a media section and a layer of it (RFC 8843 section 15, RFC 8852), with str0m's own numbers.
fn names(mid: Mid, rid: Option<&str>, repairs: bool) -> Vec<u8> {
    let mid = mid.to_string();
    let mut names = vec![4 << 4 | (mid.len() - 1) as u8];
    names.extend(mid.bytes());
    if let Some(rid) = rid {
        names.push(if repairs { 11 } else { 10 } << 4 | (rid.len() - 1) as u8);
        names.extend(rid.bytes());
    }
    names.resize(names.len().next_multiple_of(4), 0);
    let words = (names.len() / 4) as u8;
    [&[0xbe, 0xde, 0, words], &names[..]].concat()
}
