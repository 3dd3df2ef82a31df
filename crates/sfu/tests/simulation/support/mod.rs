//! A small world: a room, and clients made of str0m's own transports, joined by a network that
//! delivers at once (or loses what it is told to) and a clock that is moved by hand.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::type_complexity)]

pub mod camera;
mod client;
mod link;
mod network;
mod publishing;
pub mod screen;
mod simulcast;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use beckon_sfu::{
    Admission, JoinError, JoinRequest, Joined, Room, RoomConfig, RoomEvent, RouteTable, TransportConfig, TransportId,
};
use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use str0m::Input;
use str0m::media::{KeyframeRequestKind, MediaKind, Mid};

pub use client::{Client, Half};
pub use link::Link;
pub use publishing::{Packet, delta_frame, key_frame, sound};

/// One step of the clock where nobody says how fine it is to be.
pub const STEP: Duration = Duration::from_millis(5);

fn server() -> SocketAddr {
    "10.0.0.1:7882".parse().unwrap()
}

/// Where somebody is who overhears checks, and sends them on before the originals are there.
fn racer() -> SocketAddr {
    "203.0.113.66:66".parse().unwrap()
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
    /// Nothing of the server's handshakes with the next clients' subscribers arrives.
    pub holds_handshakes: bool,
    /// So many of the next checks come from somebody else first.
    pub raced: u32,
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
            holds_handshakes: false,
            raced: 0,
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
            offered: None,
            pending: None,
            seq: HashMap::new(),
        });
        if let Some(client) = self.clients.last_mut().filter(|_| self.holds_handshakes) {
            // RFC 7983.
            client.subscriber.lose = Box::new(|bytes| bytes.first().is_some_and(|b| (20..64).contains(b)));
        }
        self.exchange();
        Ok(self.clients.len() - 1)
    }

    /// Says something to the server.
    pub fn say(&mut self, client: usize, request: Request) {
        let connection = self.clients[client].connection;
        self.room.signal(self.now, SystemTime::UNIX_EPOCH, connection, request);
        self.exchange();
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
}

/// Two clients, the first with a track; both connected.
pub fn two(kind: MediaKind, rids: &[&str]) -> (World, usize, usize, String, Mid) {
    let mut w = World::new();
    let (ann, bob) = (w.join("ann"), w.join("bob"));
    let (sid, mid) = w.publish(ann, kind, rids);
    w.run_until("all connected", |w| w.clients[ann].publisher.connected && w.clients[bob].subscriber.connected);
    (w, ann, bob, sid, mid)
}

/// Sequence numbers of what a client received.
pub fn numbers(w: &World, client: usize) -> Vec<u64> {
    w.clients[client].subscriber.packets.iter().map(|p| *p.seq_no).collect()
}
