//! The first road: WebSockets on 127.0.0.1.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderMap, StatusCode, header},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    core::{Admission, ConnectionId, LaunchId, Road},
    shell::{Ids, SocketEvent},
    wire::{self, End, Incoming},
};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Sockets that may be open at once; more wait in the system's queue.
const SOCKETS_MAX: usize = 128;

/// What every accepted socket needs.
#[derive(Clone)]
pub struct Door {
    /// Who may connect now.
    pub admission: Arc<RwLock<Admission>>,
    /// Where news of sockets goes.
    pub events: mpsc::Sender<SocketEvent>,
    /// Numbers for connections.
    pub ids: Arc<Ids>,
}

/// The listeners of one app, each with the launches that need it.
pub struct Listeners {
    door: Door,
    open: HashMap<u16, (CancellationToken, HashSet<LaunchId>)>,
}

impl Listeners {
    /// None yet.
    pub fn new(door: Door) -> Self {
        Self { door, open: HashMap::new() }
    }

    /// Listens for a launch on the first free of its ports; false when none is.
    pub fn open(&mut self, launch: LaunchId, ports: &[u16]) -> bool {
        if let Some((_, (_, launches))) = self.open.iter_mut().find(|(port, _)| ports.contains(port)) {
            launches.insert(launch);
            return true;
        }
        for port in ports {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port))
                .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
                .and_then(TcpListener::from_std);
            match listener {
                Ok(listener) => {
                    tracing::info!(port, "channel listens on loopback");
                    let token = CancellationToken::new();
                    tokio::spawn(accept(listener, *port, self.door.clone(), token.clone()));
                    self.open.insert(*port, (token, HashSet::from([launch])));
                    return true;
                }
                Err(error) => tracing::debug!(port, %error, "cannot listen"),
            }
        }
        tracing::warn!(?ports, "no port of the launch is free");
        false
    }

    /// The launch needs no listener any more.
    pub fn close(&mut self, launch: LaunchId) {
        self.open.retain(|_, (token, launches)| {
            launches.remove(&launch);
            if launches.is_empty() {
                token.cancel();
            }
            !launches.is_empty()
        });
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for (token, _) in self.open.values() {
            token.cancel();
        }
    }
}

async fn accept(listener: TcpListener, port: u16, door: Door, token: CancellationToken) {
    let places = Arc::new(Semaphore::new(SOCKETS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = token.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let door = door.clone();
                tokio::spawn(async move {
                    serve(stream, port, door).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file handles, most likely: the next attempt would fail at once too.
                tracing::warn!(%error, "cannot accept a channel socket");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The one value of a header; none where it is missing, repeated or not text.
fn single(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

async fn serve(stream: TcpStream, port: u16, door: Door) {
    // Small messages that somebody waits for.
    let _ = stream.set_nodelay(true);
    let admission = door.admission.clone();
    let mut admitted = None;
    // The refusal's type is the WebSocket crate's own.
    #[allow(clippy::result_large_err)]
    let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let headers = request.headers();
        let (host, origin) = (single(headers, header::HOST), single(headers, header::ORIGIN));
        match admission.read().check(host, origin, port) {
            Ok(origin) => {
                admitted = Some(origin);
                Ok(response)
            }
            Err(refusal) => {
                tracing::warn!(%refusal, "channel handshake refused");
                let mut refused = ErrorResponse::new(None);
                *refused.status_mut() = StatusCode::FORBIDDEN;
                Err(refused)
            }
        }
    };
    let accepted = timeout(HANDSHAKE, accept_hdr_async_with_config(stream, check, Some(wire::limits()))).await;
    let Ok(Ok(socket)) = accepted else { return };
    let Some(origin) = admitted else { return };

    let connection: ConnectionId = door.ids.connection();
    let (out, mut outgoing) = mpsc::unbounded_channel();
    let opened = SocketEvent::Opened { connection, road: Road::Loopback(port), origin, out };
    if door.events.send(opened).await.is_err() {
        return;
    }
    let events = door.events.clone();
    let end = wire::carry(socket, &mut outgoing, |incoming| {
        let events = events.clone();
        async move {
            // A bridge that is gone needs no news.
            let _ = events
                .send(match incoming {
                    Incoming::Text(text) => SocketEvent::Text { connection, text },
                    Incoming::SignOfLife => SocketEvent::Heard { connection },
                })
                .await;
        }
    })
    .await;
    let _ = door.events.send(SocketEvent::Lost { connection, finished: end == End::Finished }).await;
}
