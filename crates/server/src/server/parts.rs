//! The parts of a server, each made from its share of the configuration.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::ServerError;
use crate::account::{Accounts, LimitConfig};
use crate::config::{Config, EngineChoice, KeyError, Keys};
use crate::media::{Engine, EngineConfig, EngineError, EngineHandle};
use crate::room::{
    RoomEngine, RoomServiceConfig,
    engine::{Embedded, LiveKit},
    rules::Patience,
};
use crate::web::{self, Pages};

/// Who may come in.
pub(super) fn accounts(config: &Config, keys: &Keys) -> Result<Accounts, ServerError> {
    let sealer = keys.sealer().ok_or_else(|| KeyError::Damaged {
        path: config.data.clone(),
        reason: "the seal key is of a wrong length".into(),
    })?;
    Ok(Accounts::new(
        config.applications(keys)?,
        sealer,
        hours(config.login.session_hours),
        hours(config.guests.invitation_hours),
        LimitConfig {
            address_failures: config.login.address_failures,
            user_failures: config.login.user_failures,
            ..LimitConfig::default()
        },
    ))
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3600))
}

/// What rooms run on: a LiveKit server, or the media engine of this one.
pub(super) struct Ground {
    pub engine: Arc<dyn RoomEngine>,
    pub livekit: Option<Arc<LiveKit>>,
    pub media: Option<EngineHandle>,
}

impl Ground {
    /// `http`: where HTTP is listened.
    pub(super) async fn prepare(config: &Config, keys: &Keys, http: SocketAddr) -> Result<Self, ServerError> {
        let rooms = &config.rooms;
        if let (EngineChoice::Livekit, Some(url)) = (rooms.engine, &rooms.url) {
            let livekit = LiveKit::new(url, rooms.client_url.as_ref(), &rooms.key, rooms.secret.clone())?;
            let livekit = Arc::new(livekit);
            return Ok(Self { engine: livekit.clone(), livekit: Some(livekit), media: None });
        }
        let media = start_media(config, keys, http).await?;
        let engine = Embedded::new(media.clone(), keys.api_key.clone(), keys.api_secret.clone());
        Ok(Self { engine: Arc::new(engine), livekit: None, media: Some(media) })
    }
}

async fn start_media(config: &Config, keys: &Keys, http: SocketAddr) -> Result<EngineHandle, EngineError> {
    let media = &config.media;
    Engine::start(EngineConfig {
        // Who hides HTTP on one address does not want media on all of them.
        bind: media.bind.unwrap_or(http.ip()),
        udp_port: media.udp_port,
        tcp_port: media.tcp.then_some(media.tcp_port),
        announce: media.announce.clone(),
        announce_udp_port: media.announce_udp_port,
        keys: [(keys.api_key.clone(), keys.api_secret.clone())].into_iter().collect(),
        auto_create: media.auto_create,
        ..EngineConfig::default()
    })
    .await
}

/// How rooms are run.
pub(super) fn rooms(config: &Config) -> RoomServiceConfig {
    RoomServiceConfig {
        patience: Patience {
            abandoned_after: Duration::from_secs(config.rooms.abandoned_after_s),
            creator_grace: Duration::from_secs(config.rooms.creator_grace_s),
        },
        per_user: config.rooms.per_user,
        poll: Duration::from_secs(config.rooms.poll_s),
    }
}

/// The pages, with a warning where some were not built.
pub(super) fn pages(config: &Config, engine: &dyn RoomEngine) -> Pages {
    let pages = Pages { demo: config.web.demo, livekit: engine.client_url().cloned() };
    let missing = pages.missing();
    if !missing.is_empty() {
        tracing::warn!(pages = missing.join(", "), "built without pages, which are answered with 503: {}", web::BUILD);
    }
    pages
}
