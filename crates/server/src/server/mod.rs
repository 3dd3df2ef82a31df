//! The whole server: put together from a configuration, started, and stopped in order.

mod listener;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, Request, header},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tower_http::{set_header::SetResponseHeaderLayer, trace::TraceLayer};

use crate::account::{Accounts, LimitConfig};
use crate::api::{Api, ClientRules};
use crate::config::{Config, ConfigError, EngineChoice, KeyError, Keys};
use crate::media::{Engine, EngineConfig, EngineError, EngineHandle};
use crate::relay::{Relay, hall::HallConfig};
use crate::room::{
    EngineFailure, RoomEngine, RoomError, RoomService, RoomServiceConfig,
    engine::{Embedded, LiveKit, report},
    rules::Patience,
};
use crate::store::{Store, StoreError};
use crate::web::{self, Pages};

use listener::CountingListener;
pub use listener::Peer;

/// How long open calls may take to end when the server stops.
const STOPPING: Duration = Duration::from_secs(5);

/// Why the server does not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The server's keys.
    #[error("{0}")]
    Keys(#[from] KeyError),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The rooms.
    #[error("{0}")]
    Rooms(#[from] RoomError),
    /// What rooms run on.
    #[error("{0}")]
    Engine(#[from] EngineFailure),
    /// The embedded media engine.
    #[error("{0}")]
    Media(#[from] EngineError),
    /// The HTTP port.
    #[error("cannot listen on {address}: {source} (is another server running? choose another address with --listen)")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The HTTP server failed.
    #[error("the HTTP server stopped: {0}")]
    Serve(std::io::Error),
}

/// A server that runs.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    http: JoinHandle<std::io::Result<()>>,
    tasks: Vec<JoinHandle<()>>,
    rooms: Arc<RoomService>,
    relay: Relay,
    media: Option<EngineHandle>,
    open: watch::Receiver<usize>,
}

impl Server {
    /// Starts everything: keys, database, engine, rooms, HTTP.
    ///
    /// # Errors
    /// [`ServerError`], which says what does not fit and what to do.
    pub async fn start(config: Config) -> Result<Self, ServerError> {
        let keys = config.keys()?;
        let sealer = keys.sealer().ok_or_else(|| KeyError::Damaged {
            path: config.data.clone(),
            reason: "the seal key is of a wrong length".into(),
        })?;
        let accounts = Arc::new(Accounts::new(
            config.applications(&keys)?,
            sealer,
            hours(config.login.session_hours),
            hours(config.guests.invitation_hours),
            LimitConfig {
                address_failures: config.login.address_failures,
                user_failures: config.login.user_failures,
                ..LimitConfig::default()
            },
        ));
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| ServerError::Listen { address: config.listen, source })?;
        let address = listener.local_addr().map_err(|source| ServerError::Listen { address: config.listen, source })?;
        let store = Store::open(&config.data).await?;

        let livekit = match (config.rooms.engine, &config.rooms.url) {
            (EngineChoice::Livekit, Some(url)) => {
                let client_url = config.rooms.client_url.as_ref();
                Some(Arc::new(LiveKit::new(url, client_url, &config.rooms.key, config.rooms.secret.clone())?))
            }
            _ => None,
        };
        let media = match livekit {
            None => Some(start_media(&config, &keys, address).await?),
            Some(_) => None,
        };
        let engine: Arc<dyn RoomEngine> = match (&livekit, &media) {
            (Some(livekit), _) => livekit.clone(),
            (None, Some(media)) => {
                Arc::new(Embedded::new(media.clone(), keys.api_key.clone(), keys.api_secret.clone()))
            }
            (None, None) => return Err(EngineFailure::Closed.into()),
        };
        // Listened to before rooms open, so that nothing is missed.
        let events = media.as_ref().map(EngineHandle::events);
        let rooms = RoomService::open(
            store,
            engine,
            RoomServiceConfig {
                patience: Patience {
                    abandoned_after: Duration::from_secs(config.rooms.abandoned_after_s),
                    creator_grace: Duration::from_secs(config.rooms.creator_grace_s),
                },
                per_user: config.rooms.per_user,
                poll: Duration::from_secs(config.rooms.poll_s),
            },
        )
        .await?;
        let clients = Arc::new(ClientRules {
            trusted: config.trusted_proxies.clone(),
            public_url: config.public_url.clone(),
            listen: address,
        });
        let relay = Relay::new(HallConfig::default(), clients.clone());
        let mut tasks = vec![tokio::spawn(rooms.clone().run()), tokio::spawn(relay.clone().run())];
        if let Some(events) = events {
            tasks.push(tokio::spawn(report(events, rooms.clone())));
        }
        let pages = Pages { demo: config.web.demo, livekit: rooms.engine().client_url().cloned() };
        let missing = pages.missing();
        if !missing.is_empty() {
            tracing::warn!(
                pages = missing.join(", "),
                "built without pages, which are answered with 503: {}",
                web::BUILD
            );
        }
        let api = Api {
            accounts,
            rooms: rooms.clone(),
            livekit,
            clients,
            test_logins: config.login.test_logins,
            guests: config.guests.enabled,
            open_guests: config.guests.open,
            started: Instant::now(),
        };
        let mut router = api.router().merge(relay.clone().router()).merge(pages.router());
        if let Some(media) = &media {
            router = router.merge(crate::signal::router(media.clone()));
        }
        let router = with_layers(router);

        let (stop, stopping) = watch::channel(false);
        let listener = CountingListener::new(listener);
        let open = listener.watch();
        let http = tokio::spawn(serve(listener, router, stopping));
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "beckond listens");
        Ok(Self { address, stop, http, tasks, rooms, relay, media, open })
    }

    /// The embedded media engine, where rooms run on it.
    pub fn media(&self) -> Option<&EngineHandle> {
        self.media.as_ref()
    }

    /// Where HTTP is listened.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when the server stops by itself, which it does only when something failed.
    ///
    /// # Errors
    /// [`ServerError::Serve`].
    pub async fn failed(&mut self) -> Result<(), ServerError> {
        match (&mut self.http).await {
            Ok(done) => done.map_err(ServerError::Serve),
            Err(error) => Err(ServerError::Serve(std::io::Error::other(error))),
        }
    }

    /// Stops in order: takes nothing new, tells everybody, lets open calls end (for at most 5 s), closes the database.
    /// Rooms stay in it for the next start.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        // Nobody listens when the HTTP server has failed already.
        let _ = self.stop.send(true);
        self.relay.close();
        if let Some(media) = &self.media {
            media.shutdown().await;
        }
        for task in &self.tasks {
            task.abort();
        }
        let ended = async {
            // WebSockets outlive the HTTP server: what they have to say last must still go out.
            let _ = (&mut self.http).await;
            let _ = self.open.wait_for(|open| *open == 0).await;
        };
        if tokio::time::timeout(STOPPING, ended).await.is_err() {
            tracing::warn!(open = *self.open.borrow(), "some connections did not end in time");
            self.http.abort();
        }
        self.rooms.close().await;
        tracing::info!("stopped");
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
        keys: [(keys.api_key.clone(), keys.api_secret.expose().to_owned())].into_iter().collect(),
        auto_create: media.auto_create,
        ..EngineConfig::default()
    })
    .await
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3600))
}

async fn serve(listener: CountingListener, router: Router, mut stopping: watch::Receiver<bool>) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Peer>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            // The sender goes only with the server, which is a reason to stop too.
            let _ = stopping.wait_for(|stop| *stop).await;
        })
        .await
}

/// What every answer gets, and how calls are logged: by method and path only, since queries hold tokens.
fn with_layers(router: Router) -> Router {
    let set = |name: HeaderName, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    router
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(header::CACHE_CONTROL, "no-store"))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
            tracing::debug_span!("http", method = %request.method(), path = %request.uri().path())
        }).on_failure(()))
}
