//! What the media engine needs to know before it starts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use beckon_protocol::Secret;

/// API keys and their secrets, with which access tokens are signed. Without any no token is valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiKeys(HashMap<String, Secret>);

impl ApiKeys {
    /// The secret of a key.
    pub fn secret(&self, key: &str) -> Option<&Secret> {
        self.0.get(key)
    }
}

impl<K: Into<String>, S: Into<Secret>> FromIterator<(K, S)> for ApiKeys {
    fn from_iter<I: IntoIterator<Item = (K, S)>>(iter: I) -> Self {
        Self(iter.into_iter().map(|(k, s)| (k.into(), s.into())).collect())
    }
}

/// Where the engine listens and what rooms may do.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Address the media sockets bind to (`0.0.0.0` for all IPv4 interfaces).
    pub bind: IpAddr,
    /// UDP port for media; 0 takes a free one.
    pub udp_port: u16,
    /// TCP port for media (ICE-TCP, RFC 4571 framing); 0 takes a free one, `None` turns it off.
    pub tcp_port: Option<u16>,
    /// Addresses told to clients. Empty: the bound address, or, when that is unspecified, the
    /// loopback address and the machine's own outgoing address.
    pub announce: Vec<IpAddr>,
    /// UDP port told to clients; `None`: the bound one.
    pub announce_udp_port: Option<u16>,
    /// Keys that sign access tokens.
    pub keys: ApiKeys,
    /// Threads that run rooms; `None` takes one for each core.
    pub workers: Option<usize>,
    /// Whether a valid token for a room that does not exist creates it.
    pub auto_create: bool,
    /// What rooms get when nothing else is said.
    pub room_defaults: RoomSpec,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([0, 0, 0, 0]),
            udp_port: 7882,
            tcp_port: Some(7881),
            announce: Vec::new(),
            announce_udp_port: None,
            keys: ApiKeys::default(),
            workers: None,
            auto_create: true,
            room_defaults: RoomSpec::default(),
        }
    }
}

/// Limits and description of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSpec {
    /// Most participants at a time; 0 is unlimited.
    pub max_participants: u32,
    /// Metadata that every participant sees.
    pub metadata: String,
    /// How long a room that nobody has joined yet is kept.
    pub empty_timeout: Duration,
    /// How long a room is kept after the last participant left.
    pub departure_timeout: Duration,
}

impl Default for RoomSpec {
    fn default() -> Self {
        Self {
            max_participants: 0,
            metadata: String::new(),
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
        }
    }
}
