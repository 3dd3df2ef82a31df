//! The whole server: put together from a configuration, started, and stopped in order.

mod listener;
mod parts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, Request, header},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tower_http::{set_header::SetResponseHeaderLayer, trace::TraceLayer};

use crate::api::{Api, ClientRules};
use crate::config::{Config, ConfigError, KeyError};
use crate::media::{EngineError, EngineHandle};
use crate::relay::{Relay, hall::HallConfig};
use crate::room::{EngineFailure, RoomError, RoomService, engine::report};
use crate::store::{Store, StoreError};

use listener::CountingListener;
pub use listener::Peer;
use parts::Ground;

/// How long open calls may take to end when the server stops.
const STOPPING: Duration = Duration::from_secs(5);

/// Why the server does not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server's keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rooms.
    #[error(transparent)]
    Rooms(#[from] RoomError),
    /// What rooms run on.
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    /// The embedded media engine.
    #[error(transparent)]
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
        let accounts = Arc::new(parts::accounts(&config, &keys)?);
        let not_listening = |source| ServerError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(not_listening)?;
        let address = listener.local_addr().map_err(not_listening)?;
        let store = Store::open(&config.data).await?;
        let Ground { engine, livekit, media } = Ground::prepare(&config, &keys, address).await?;
        // Listened to before rooms open, so that nothing is missed.
        let events = media.as_ref().map(EngineHandle::events);
        let rooms = RoomService::open(store, engine, parts::rooms(&config)).await?;
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
        let pages = parts::pages(&config, rooms.engine());
        let api = Api {
            accounts,
            rooms: rooms.clone(),
            livekit,
            media: media.clone(),
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

        let (stop, stopping) = watch::channel(false);
        let listener = CountingListener::new(listener);
        let open = listener.watch();
        let http = tokio::spawn(serve(listener, with_layers(router), stopping));
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "beckond listens");
        Ok(Self { address, stop, http, tasks, rooms, relay, media, open })
    }

    /// Where HTTP is listened.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when the server stops by itself, which it does only when something failed.
    ///
    /// # Errors
    /// [`ServerError::Serve`], and [`ServerError::Media`] when a media port is read no longer or a thread that ran rooms failed. It is
    /// still to be stopped then: those who are in a room have not been told.
    pub async fn failed(&mut self) -> Result<(), ServerError> {
        let Self { http, media, .. } = self;
        let media_failed = async {
            match media {
                Some(media) => media.failed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = http => match done {
                Ok(done) => done.map_err(ServerError::Serve),
                Err(error) => Err(ServerError::Serve(std::io::Error::other(error))),
            },
            error = media_failed => Err(error.into()),
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
            // One that failed has been waited for already, and nothing can be waited for twice.
            if !self.http.is_finished() {
                let _ = (&mut self.http).await;
            }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// How a server ends whose media engine breaks like this, with what it says of its health then. It is stopped in the end.
    async fn broken(how: impl FnOnce(&EngineHandle)) -> (Option<ServerError>, String) {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::dev();
        config.listen = "127.0.0.1:0".parse().unwrap();
        config.data = data.path().to_owned();
        (config.media.udp_port, config.media.tcp_port) = (0, 0);
        let mut server = Server::start(config).await.unwrap();
        let address = format!("http://{}/healthz", server.address());
        let health = async || {
            let answer = reqwest::get(&address).await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        let (status, well) = health().await;
        assert_eq!((status, well["status"].as_str()), (200, Some("ok")));
        assert!(well["media"]["packets_in"].is_u64() && well.get("failure").is_none(), "{well}");

        how(server.media.as_ref().unwrap());
        let failed = server.failed().await.err();
        let (status, ill) = health().await;
        assert_eq!((status, ill["status"].as_str()), (503, Some("failed")));
        server.stop().await;
        (failed, ill["failure"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_server_whose_media_port_is_dead_says_so_and_can_be_stopped() {
        let (failed, said) = broken(|media| media.lose_udp(std::io::Error::other("unplugged"))).await;
        assert!(matches!(failed, Some(ServerError::Media(EngineError::Lost { .. }))), "{failed:?}");
        assert!(said.contains("unplugged"), "{said}");
    }

    #[tokio::test]
    async fn so_does_one_in_which_a_thread_that_runs_rooms_failed() {
        let (failed, said) = broken(EngineHandle::fail_rooms).await;
        assert!(matches!(failed, Some(ServerError::Media(EngineError::Failed { .. }))), "{failed:?}");
        assert!(said.contains("rooms-0"), "{said}");
    }
}
