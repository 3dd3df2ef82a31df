//! What the targets for the forwarding core share: a room with a participant in it.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use beckon_sfu::{Admission, ConnectionId, JoinRequest, Output, Room, RoomConfig, RouteChange, TransportConfig, TransportId};

/// Where the room believes to be reached.
pub const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7882);

/// What all scenes' transports have in common. Making a certificate takes longer than most inputs: there is one.
fn transport() -> Arc<TransportConfig> {
    static TRANSPORT: OnceLock<Arc<TransportConfig>> = OnceLock::new();
    let make = || {
        Arc::new(TransportConfig { udp: vec![SERVER], tcp: Vec::new(), certificate: beckon_sfu::new_certificate() })
    };
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

    /// Lets 20 ms pass and takes everything the room wants done.
    pub fn settle(&mut self) {
        self.now += Duration::from_millis(20);
        self.room.drive(self.now);
        while let Some(output) = self.room.poll_output() {
            if let Output::Route(RouteChange::AddUfrag(_, transport) | RouteChange::Bind(_, _, transport)) = output
                && !self.transports.contains(&transport)
            {
                self.transports.push(transport);
            }
        }
        self.room.take_datagrams();
    }
}
