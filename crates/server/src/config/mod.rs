//! What the owner of the server decides: defaults, then a TOML file, then `BECKON_…` variables, then flags.
//!
//! Nothing has to be configured. `docs/server.md` has the reference of every field.

mod keys;
mod network;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use beckon_protocol::Secret;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::account::{App, AppKeyError};

pub use keys::{KeyError, Keys};
pub use network::{Network, NetworkError};

/// The sdkAppID of the application that exists when none is configured.
pub const DEFAULT_APP: u64 = 1_400_000_001;
/// The API key of `--dev`, as LiveKit's.
pub const DEV_KEY: &str = "devkey";
/// The API secret of `--dev`, as LiveKit's.
pub const DEV_SECRET: &str = "secret";
/// The shortest secret that signs access tokens (HMAC-SHA256), characters; LiveKit's server asks for as many.
const SECRET_MIN: usize = 32;
/// The HMAC key of the application of `--dev`.
pub const DEV_HMAC_KEY: &str = "beckon-dev-hmac-key-known-to-everybody";

/// The fields that an environment variable may begin with, after `BECKON_`.
const FIELDS: [&str; 11] =
    ["listen", "data", "public_url", "trusted_proxies", "apps", "login", "rooms", "media", "guests", "web", "log"];

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A field does not fit.
    #[error("the configuration does not fit: {0}")]
    Field(Box<figment::Error>),
    /// The named file is not there.
    #[error("the configuration file {0} does not exist or cannot be read")]
    NoFile(PathBuf),
    /// A field has a value that cannot work.
    #[error("the configuration's field `{field}` does not fit: {reason}")]
    Value {
        /// Its name.
        field: &'static str,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// An application's key does not fit.
    #[error(transparent)]
    App(#[from] AppKeyError),
    /// A key file cannot be read.
    #[error("cannot read {path}, named by the configuration's field `{field}`: {source}")]
    KeyFile {
        /// The field.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server's own keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        Self::Field(Box::new(error))
    }
}

/// One application.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppConfig {
    /// Its `sdkAppID`.
    pub id: u64,
    /// ECDSA P-256 public key, PEM text (userSig v1).
    pub public_key: Option<String>,
    /// The same in a file.
    pub public_key_file: Option<PathBuf>,
    /// HMAC key (userSig v2).
    pub hmac_key: Option<Secret>,
    /// The same in a file (white space around it does not count).
    pub hmac_key_file: Option<PathBuf>,
}

/// How people log in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginConfig {
    /// How long a session token holds, h.
    pub session_hours: u64,
    /// Whether `/weapp/utils/get_login_info` hands out userSigs to everybody. For tests only.
    pub test_logins: bool,
    /// Failed log-ins that one address may have in a minute.
    pub address_failures: usize,
    /// Failed log-ins that one user may have in ten minutes.
    pub user_failures: usize,
}

impl Default for LoginConfig {
    fn default() -> Self {
        let limit = crate::account::LimitConfig::default();
        Self {
            session_hours: 12,
            test_logins: false,
            address_failures: limit.address_failures,
            user_failures: limit.user_failures,
        }
    }
}

/// Which engine rooms run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// This server's own.
    #[default]
    Embedded,
    /// A LiveKit server or cluster.
    Livekit,
}

/// What rooms run on and how long they live.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomsConfig {
    /// Which engine.
    pub engine: EngineChoice,
    /// LiveKit: its address as this server reaches it, `http(s)://` or `ws(s)://`.
    pub url: Option<Url>,
    /// LiveKit: its address as clients reach it, where that differs.
    pub client_url: Option<Url>,
    /// API key: LiveKit's, or the embedded engine's, which without it has one of its own ([`Keys::api_key`]).
    pub key: String,
    /// Its secret.
    pub secret: Secret,
    /// LiveKit: how often rooms are compared with the server's, s. Webhooks make changes known sooner.
    pub poll_s: u64,
    /// How long a room that nobody is in is kept, s.
    pub abandoned_after_s: u64,
    /// How long a room waits for a creator whose connection was lost, s.
    pub creator_grace_s: u64,
    /// Most rooms one user may have at a time.
    pub per_user: usize,
}

impl Default for RoomsConfig {
    fn default() -> Self {
        Self {
            engine: EngineChoice::Embedded,
            url: None,
            client_url: None,
            key: String::new(),
            secret: Secret::default(),
            poll_s: 5,
            abandoned_after_s: 300,
            creator_grace_s: 60,
            per_user: 20,
        }
    }
}

/// Where the embedded engine listens for media.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaConfig {
    /// The address the media sockets bind to; by default the one HTTP listens on.
    pub bind: Option<IpAddr>,
    /// UDP port; 0 takes a free one.
    pub udp_port: u16,
    /// TCP port for those whom UDP does not reach; 0 takes a free one.
    pub tcp_port: u16,
    /// Whether media may come by TCP.
    pub tcp: bool,
    /// Addresses told to clients; by default found out.
    pub announce: Vec<IpAddr>,
    /// UDP port told to clients, where a router maps another one to ours.
    pub announce_udp_port: Option<u16>,
    /// Whether a valid access token for a room that the room service does not have makes it, as LiveKit does by default.
    pub auto_create: bool,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            bind: None,
            udp_port: 7882,
            tcp_port: 7881,
            tcp: true,
            announce: Vec::new(),
            announce_udp_port: None,
            auto_create: false,
        }
    }
}

/// People without an account, who come by link.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestsConfig {
    /// Whether guests are let in at all.
    pub enabled: bool,
    /// Whether they are let in without an invitation.
    pub open: bool,
    /// How long an invitation holds, h.
    pub invitation_hours: u64,
}

impl Default for GuestsConfig {
    fn default() -> Self {
        Self { enabled: true, open: false, invitation_hours: 12 }
    }
}

/// What is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// What to log, in `tracing`'s words (`info`, `beckon_server=debug,info`).
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { json: false, filter: "info".into() }
    }
}

/// The pages that the server hands out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// Whether `/crm/`, the demo, is served.
    pub demo: bool,
}

/// Everything.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Known keys, test log-ins, open guest links: never on a real server, so only the flag `--dev` says it.
    #[serde(skip)]
    pub dev: bool,
    /// Where HTTP listens.
    pub listen: SocketAddr,
    /// Where keys and the database are kept.
    pub data: PathBuf,
    /// How clients reach this server, `https://meet.example.com`; by default as each of them says they do.
    pub public_url: Option<Url>,
    /// Networks whose `X-Forwarded-…` headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Applications.
    pub apps: Vec<AppConfig>,
    /// Log-in.
    pub login: LoginConfig,
    /// Rooms.
    pub rooms: RoomsConfig,
    /// Media.
    pub media: MediaConfig,
    /// Guests.
    pub guests: GuestsConfig,
    /// Pages.
    pub web: WebConfig,
    /// Log.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dev: false,
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            data: default_data(false),
            public_url: None,
            trusted_proxies: Network::loopback(),
            apps: Vec::new(),
            login: LoginConfig::default(),
            rooms: RoomsConfig::default(),
            media: MediaConfig::default(),
            guests: GuestsConfig::default(),
            web: WebConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// What flags say; each goes before file and environment.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flags {
    /// `--dev`.
    #[serde(skip)]
    pub dev: bool,
    /// `--listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// `--data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// `--public-url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Url>,
    /// `--media-udp`.
    #[serde(skip)]
    pub media_udp: Option<u16>,
    /// `--media-tcp`.
    #[serde(skip)]
    pub media_tcp: Option<u16>,
    /// `--log-json`.
    #[serde(skip)]
    pub log_json: bool,
}

impl Config {
    /// What `--dev` means: this machine only, known keys, everything open.
    pub fn dev() -> Self {
        Self {
            dev: true,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            data: default_data(true),
            login: LoginConfig { test_logins: true, ..LoginConfig::default() },
            guests: GuestsConfig { open: true, ..GuestsConfig::default() },
            web: WebConfig { demo: true },
            media: MediaConfig { auto_create: true, ..MediaConfig::default() },
            ..Self::default()
        }
    }

    /// Puts defaults, file, environment (`BECKON_LISTEN`, `BECKON_ROOMS__ENGINE`, …; `BECKON_LOG` for `log.filter`) and
    /// flags together.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field that does not fit.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Self, ConfigError> {
        let defaults = if flags.dev { Self::dev() } else { Self::default() };
        let mut figment = Figment::from(Serialized::defaults(defaults));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError::NoFile(file.to_owned()));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        // Other programs of ours have variables of their own: only names that the configuration has are read.
        let variables = Env::prefixed("BECKON_").filter(|name| {
            let first = name.as_str().split("__").next().unwrap_or_default();
            FIELDS.iter().any(|field| field.eq_ignore_ascii_case(first)) && !name.as_str().eq_ignore_ascii_case("log")
        });
        // In all our programs this one says what is logged.
        if let Some(filter) = std::env::var("BECKON_LOG").ok().filter(|filter| !filter.is_empty()) {
            figment = figment.merge(Serialized::default("log.filter", filter));
        }
        figment = figment.merge(variables.split("__")).merge(Serialized::defaults(flags));
        let mut config: Self = figment.extract()?;
        config.dev = flags.dev;
        if let Some(port) = flags.media_udp {
            config.media.udp_port = port;
        }
        if let Some(port) = flags.media_tcp {
            config.media.tcp_port = port;
        }
        config.log.json |= flags.log_json;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, reason: &str| Err(ConfigError::Value { field, reason: reason.to_owned() });
        if let Some(url) = &self.public_url
            && (!matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || url.path() != "/")
        {
            return wrong("public_url", "it must be http(s)://HOST without a path");
        }
        if self.rooms.engine == EngineChoice::Livekit {
            match &self.rooms.url {
                None => {
                    return wrong(
                        "rooms.url",
                        "engine = \"livekit\" needs the server's address, such as \"https://livekit.example.com\"",
                    );
                }
                Some(url) if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") => {
                    return wrong("rooms.url", "it must begin with http, https, ws or wss");
                }
                Some(_) => {}
            }
            if self.rooms.key.is_empty() || self.rooms.secret.is_empty() {
                return wrong("rooms.key", "engine = \"livekit\" needs `key` and `secret` of the LiveKit server");
            }
        } else {
            let elsewhere = [("rooms.url", &self.rooms.url), ("rooms.client_url", &self.rooms.client_url)];
            if let Some((field, _)) = elsewhere.iter().find(|(_, url)| url.is_some()) {
                return wrong(
                    field,
                    "the embedded engine is this server itself: leave it out, or set engine = \"livekit\"",
                );
            }
            let (key, secret) = (&self.rooms.key, &self.rooms.secret);
            if key.is_empty() != secret.is_empty() {
                let missing = if key.is_empty() { "rooms.key" } else { "rooms.secret" };
                return wrong(missing, "`key` and `secret` belong together; without both the server makes its own");
            }
            if !self.dev && !secret.is_empty() && secret.expose().len() < SECRET_MIN {
                return wrong(
                    "rooms.secret",
                    "whoever guesses it enters every room: it must have 32 characters or more",
                );
            }
        }
        let mut ids: Vec<u64> = self.apps.iter().map(|app| app.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return wrong("apps", "two applications have the same id");
        }
        if ids.first() == Some(&0) {
            return wrong("apps", "an application lacks its id (the sdkAppID)");
        }
        Ok(())
    }

    /// The server's own keys: those of the data folder, made on the first start, or the known ones of `--dev`. API key and
    /// secret of the embedded engine are those of the configuration where it has them.
    ///
    /// # Errors
    /// [`KeyError`] when the key file cannot be read, made or understood.
    pub fn keys(&self) -> Result<Keys, KeyError> {
        let mut keys = if self.dev { Keys::dev(&self.data)? } else { Keys::load(&self.data)? };
        if self.rooms.engine == EngineChoice::Embedded && !self.rooms.key.is_empty() {
            keys.api_key.clone_from(&self.rooms.key);
            keys.api_secret = self.rooms.secret.clone();
        }
        Ok(keys)
    }

    /// The applications with their keys read; the one of `keys` when none is configured.
    ///
    /// # Errors
    /// [`ConfigError`] naming the application or file that does not fit.
    pub fn applications(&self, keys: &Keys) -> Result<Vec<App>, ConfigError> {
        if self.apps.is_empty() {
            return Ok(vec![App::new(DEFAULT_APP, None, Some(keys.hmac_key.clone()))?]);
        }
        let read = |field, path: &Path| {
            std::fs::read_to_string(path).map_err(|source| ConfigError::KeyFile {
                field,
                path: path.to_owned(),
                source,
            })
        };
        self.apps
            .iter()
            .map(|app| {
                let public_key = match (&app.public_key, &app.public_key_file) {
                    (Some(pem), _) => Some(pem.clone()),
                    (None, Some(path)) => Some(read("apps.public_key_file", path)?),
                    (None, None) => None,
                };
                let hmac_key = match (&app.hmac_key, &app.hmac_key_file) {
                    (Some(key), _) => Some(key.clone()),
                    (None, Some(path)) => Some(Secret::new(read("apps.hmac_key_file", path)?.trim())),
                    (None, None) => None,
                };
                Ok(App::new(app.id, public_key.as_deref(), hmac_key)?)
            })
            .collect()
    }
}

/// Where data go when nobody said: the state folder of systemd, or the user's own data folder.
fn default_data(dev: bool) -> PathBuf {
    let name = if dev { "beckond-dev" } else { "beckond" };
    let folder = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(state) = folder("STATE_DIRECTORY") {
        return state;
    }
    folder("XDG_DATA_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| folder("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."))
        .join(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
