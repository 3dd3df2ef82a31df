//! The second road: a client of the server's relay.

use std::{sync::Arc, time::Duration};

use beckon_protocol::relay::Note;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_tungstenite::{Connector, connect_async_tls_with_config};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    core::{ConnectionId, LaunchId, Road},
    listener::Door,
    shell::SocketEvent,
    wire::{self, End, Incoming, Outgoing},
};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Waits between attempts; the last one repeats.
const WAITS: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5)];

/// TLS with the system's trust store, made once: reading the store takes a while.
///
/// # Errors
/// [`rustls::Error`] when the system's trust store cannot be read.
pub fn tls() -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = builder.with_safe_default_protocol_versions()?.with_platform_verifier()?.with_no_client_auth();
    Ok(Arc::new(config))
}

/// Stays at the relay until it is cancelled or the core closes the page's connection from our side.
pub async fn stay(launch: LaunchId, url: Url, tls: Option<Arc<ClientConfig>>, door: Door, token: CancellationToken) {
    let mut waits = WAITS.iter().copied().chain(std::iter::repeat(WAITS[WAITS.len() - 1]));
    loop {
        let end = tokio::select! {
            end = attend(launch, &url, tls.clone(), &door) => end,
            () = token.cancelled() => return,
        };
        if end == Some(End::Ours) {
            return;
        }
        if end.is_some() {
            // It had worked: begin with short waits again.
            waits = WAITS.iter().copied().chain(std::iter::repeat(WAITS[WAITS.len() - 1]));
        }
        tokio::select! {
            () = sleep(waits.next().unwrap_or(CONNECT)) => {}
            () = token.cancelled() => return,
        }
    }
}

/// Tells the core that a page is gone, however the task that carried it ends.
struct Page {
    connection: ConnectionId,
    events: mpsc::Sender<SocketEvent>,
}

impl Drop for Page {
    fn drop(&mut self) {
        let lost = SocketEvent::Lost { connection: self.connection, finished: false };
        let events = self.events.clone();
        if let Err(mpsc::error::TrySendError::Full(lost)) = events.try_send(lost) {
            tokio::spawn(async move { events.send(lost).await });
        }
    }
}

async fn attend(launch: LaunchId, url: &Url, tls: Option<Arc<ClientConfig>>, door: &Door) -> Option<End> {
    let connector = tls.map_or(Connector::Plain, Connector::Rustls);
    let connector = if url.scheme() == "wss" { connector } else { Connector::Plain };
    let connecting = connect_async_tls_with_config(url.as_str(), Some(wire::limits()), true, Some(connector));
    let socket = match timeout(CONNECT, connecting).await {
        Ok(Ok((socket, _))) => socket,
        Ok(Err(error)) => {
            tracing::debug!(?launch, host = url.host_str(), %error, "the relay does not answer");
            return None;
        }
        Err(_) => return None,
    };
    let (out, mut outgoing) = mpsc::unbounded_channel::<Outgoing>();
    let mut page: Option<Page> = None;
    let end = wire::carry(socket, &mut outgoing, |incoming| {
        let event = match incoming {
            Incoming::Text(text) => match Note::read(&text) {
                Some(Note::Peer { origin: Some(origin) }) => {
                    let connection = door.ids.connection();
                    // Drops an earlier page first: there is one at a time.
                    page = None;
                    page = Some(Page { connection, events: door.events.clone() });
                    Some(SocketEvent::Opened { connection, road: Road::Relay(launch), origin, out: out.clone() })
                }
                Some(Note::Peer { origin: None }) => None,
                Some(Note::Gone) => {
                    page = None;
                    None
                }
                None => page.as_ref().map(|page| SocketEvent::Text { connection: page.connection, text }),
            },
            Incoming::SignOfLife => page.as_ref().map(|page| SocketEvent::Heard { connection: page.connection }),
        };
        async move {
            if let Some(event) = event {
                // A bridge that is gone needs no news.
                let _ = door.events.send(event).await;
            }
        }
    })
    .await;
    Some(end)
}
