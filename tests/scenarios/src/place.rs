use url::Url;

use beckon_server::config::{DEV_KEY, DEV_SECRET};

use super::{LiveKitServer, TestServer};

/// A server of ours, and what carries the media of its rooms: itself, or a LiveKit server beside it. For what must hold on both.
pub struct Place {
    server: TestServer,
    livekit: Option<LiveKitServer>,
}

/// Where a foreign participant connects, and with what it signs its token.
pub struct Engine<'a> {
    /// The media server.
    pub url: Url,
    /// Its API key.
    pub key: &'a str,
    /// Its API secret.
    pub secret: &'a str,
}

impl Place {
    /// Our server alone; `program` is its binary.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn ours(program: &str) -> anyhow::Result<Self> {
        Ok(Self { server: TestServer::start(program).await?, livekit: None })
    }

    /// Our server on LiveKit's; `None`, and the test is skipped, where that was not built.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn on_livekit(program: &str) -> anyhow::Result<Option<Self>> {
        let Some(livekit) = LiveKitServer::start().await? else { return Ok(None) };
        let server = TestServer::on_livekit(program, &livekit).await?;
        Ok(Some(Self { server, livekit: Some(livekit) }))
    }

    /// Where our clients join.
    pub fn server(&self) -> Url {
        self.server.url()
    }

    /// Where others do.
    pub fn engine(&self) -> Engine<'_> {
        match &self.livekit {
            Some(livekit) => Engine { url: livekit.url(), key: livekit.key(), secret: livekit.secret() },
            None => Engine { url: self.server.url(), key: DEV_KEY, secret: DEV_SECRET },
        }
    }
}
