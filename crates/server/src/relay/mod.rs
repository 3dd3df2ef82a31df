//! `/relay`: where page and app meet when the browser does not let the page reach the app on its own machine.
//!
//! What it does is said in [`beckon_protocol::relay`]; the server forwards frames it cannot read into, between two sides
//! that name the same meeting point. [`hall`] is pure: who stands where; [`Relay`] has the sockets.

pub mod hall;
mod socket;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::{
    Router,
    extract::{ConnectInfo, Query, State, WebSocketUpgrade, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use beckon_protocol::{
    Code,
    launch::Origin,
    relay::{self, Side},
};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::api::{ApiFailure, ClientRules};
use crate::server::Peer;
use hall::{Effect, Hall, HallConfig, Refusal, SocketId};

/// Largest frame, bytes: a snapshot fits.
pub const FRAME_MAX: usize = 4 * 1024 * 1024;
/// Most bytes on their way to one socket; a sender waits until there is room.
const UNDER_WAY_MAX: usize = 2 * FRAME_MAX;

/// What a socket's own task is told.
enum Order {
    /// Send this text, which holds room until it is on its way.
    Text(axum::extract::ws::Utf8Bytes, Option<OwnedSemaphorePermit>),
    /// Close with this status and reason.
    Close(u16, &'static str),
}

struct Line {
    orders: mpsc::UnboundedSender<Order>,
    room: Arc<Semaphore>,
}

struct Inner {
    hall: Hall,
    lines: HashMap<SocketId, Line>,
}

/// The relay.
#[derive(Clone)]
pub struct Relay {
    inner: Arc<Mutex<Inner>>,
    clients: Arc<ClientRules>,
}

#[derive(Deserialize)]
struct Meeting {
    side: Side,
    id: String,
}

impl Relay {
    /// A relay with nobody on it.
    pub fn new(config: HallConfig, clients: Arc<ClientRules>) -> Self {
        let inner = Inner { hall: Hall::new(config), lines: HashMap::new() };
        Self { inner: Arc::new(Mutex::new(inner)), clients }
    }

    /// The route.
    pub fn router(self) -> Router {
        Router::new().route(relay::PATH, get(upgrade)).with_state(self)
    }

    /// Closes sockets that wait in vain, until it is dropped.
    pub async fn run(self) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tick.tick().await;
            let mut inner = self.inner.lock();
            let effects = inner.hall.sweep(Instant::now());
            inner.carry_out(effects);
        }
    }

    /// Closes every socket, as the server stops.
    pub fn close(&self) {
        let inner = self.inner.lock();
        for line in inner.lines.values() {
            // A socket that has gone needs no closing.
            let _ = line.orders.send(Order::Close(1001, "the server is stopping"));
        }
    }

    /// How many sockets are on it.
    pub fn count(&self) -> usize {
        self.inner.lock().lines.len()
    }

    fn arrive(
        &self,
        meeting: Meeting,
        origin: Option<Origin>,
        from: IpAddr,
    ) -> Result<(SocketId, mpsc::UnboundedReceiver<Order>), Refusal> {
        let mut inner = self.inner.lock();
        let (socket, effects) = inner.hall.arrive(&meeting.id, meeting.side, origin, from, Instant::now())?;
        let (orders, receiver) = mpsc::unbounded_channel();
        inner.lines.insert(socket, Line { orders, room: Arc::new(Semaphore::new(UNDER_WAY_MAX)) });
        inner.carry_out(effects);
        Ok((socket, receiver))
    }

    fn dismiss(&self, socket: SocketId, status: u16, reason: &'static str) {
        self.inner.lock().carry_out(vec![Effect::Close(socket, status, reason)]);
    }

    fn gone(&self, socket: SocketId, status: Option<u16>) {
        let mut inner = self.inner.lock();
        inner.lines.remove(&socket);
        let effects = inner.hall.gone(socket, status);
        inner.carry_out(effects);
    }

    /// Forwards a text frame; how long the sender must wait before its next. A frame with nobody to take it is dropped.
    async fn forward(&self, socket: SocketId, text: axum::extract::ws::Utf8Bytes) -> Duration {
        let (peer, room) = {
            let inner = self.inner.lock();
            let Some(peer) = inner.hall.peer(socket) else { return Duration::ZERO };
            let Some(line) = inner.lines.get(&peer) else { return Duration::ZERO };
            (peer, line.room.clone())
        };
        let size = u32::try_from(text.len()).unwrap_or(u32::MAX).min(UNDER_WAY_MAX as u32);
        let Ok(permit) = room.acquire_many_owned(size).await else { return Duration::ZERO };
        let mut inner = self.inner.lock();
        // While it waited, another page may have come: a frame never reaches one who was not its peer when it arrived.
        if inner.hall.peer(socket) == Some(peer)
            && let Some(line) = inner.lines.get(&peer)
        {
            let _ = line.orders.send(Order::Text(text, Some(permit)));
        }
        inner.hall.charge(socket, size as usize, Instant::now())
    }
}

impl Inner {
    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let (socket, order) = match effect {
                Effect::Tell(socket, note) => (socket, Order::Text(note.to_message().to_text().into(), None)),
                Effect::Close(socket, status, reason) => (socket, Order::Close(status, reason)),
            };
            if let Some(line) = self.lines.get(&socket) {
                // A socket that has gone is about to say so.
                let _ = line.orders.send(order);
            }
        }
    }
}

async fn upgrade(
    State(relay): State<Relay>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    meeting: Result<Query<Meeting>, QueryRejection>,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Result<Response, ApiFailure> {
    let Query(meeting) = meeting.map_err(|error| ApiFailure::new(Code::WrongParameter, error.body_text()))?;
    let named = headers.get(header::ORIGIN).map(|value| value.to_str().map(Origin::parse));
    let origin = match (meeting.side, named) {
        // Browsers always say whose page it is; and nothing but a browser has the say about origins.
        (Side::Page, Some(Ok(Ok(origin)))) => Some(origin),
        (Side::Page, _) => {
            return Err(ApiFailure::new(Code::ForeignOrigin, "a page must come with an http or https Origin")
                .with_status(StatusCode::FORBIDDEN));
        }
        (Side::App, None) => None,
        (Side::App, Some(_)) => {
            return Err(ApiFailure::new(Code::ForeignOrigin, "a page cannot take the app's side")
                .with_status(StatusCode::FORBIDDEN));
        }
    };
    let from = relay.clients.read(peer, &headers).address;
    let (id, orders) = relay.arrive(meeting, origin, from).map_err(|refusal| match refusal {
        Refusal::Id => ApiFailure::new(Code::WrongParameter, refusal.to_string()).with_field("id"),
        Refusal::Busy | Refusal::TooMany => ApiFailure::new(Code::TooManyAttempts, refusal.to_string()),
    })?;
    let failed = relay.clone();
    let response = socket
        .max_message_size(FRAME_MAX)
        .max_frame_size(FRAME_MAX)
        .on_failed_upgrade(move |_| failed.gone(id, None))
        .on_upgrade(move |socket| socket::serve(relay, id, orders, socket));
    Ok(response.into_response())
}
