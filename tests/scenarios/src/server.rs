//! A beckond in a process of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use beckon_impair::Relay;
use beckon_protocol::Secret;
use beckon_server::account::{App, issue_v2};
use beckon_server::config::{DEFAULT_APP, DEV_HMAC_KEY};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use url::Url;

use crate::livekit::LiveKitServer;

/// A server that starts slowly on a busy machine is given this long.
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(15);

/// The UDP port of the server's media and the one that clients are told of.
#[derive(Clone, Copy)]
struct MediaPorts {
    bound: u16,
    announced: u16,
}

/// A running beckond with a folder of its own; killed when dropped.
pub struct TestServer {
    program: String,
    address: String,
    engine: Vec<String>,
    ports: Option<MediaPorts>,
    folder: TempDir,
    child: Child,
}

impl TestServer {
    /// Starts one on free ports, rooms on its own engine. `program` is the path of `server-under-test`
    /// (`env!("CARGO_BIN_EXE_server-under-test")`).
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(program: &str) -> anyhow::Result<Self> {
        Self::with_engine(program, Vec::new(), None).await
    }

    /// Starts one whose media goes through a bad network: clients are told of the relay's UDP port. TCP goes directly.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn behind_relay(program: &str) -> anyhow::Result<(Self, Relay)> {
        // A port that was free a moment ago: the relay must know it before the server has it.
        let bound = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let relay = Relay::start((bound.ip(), 0).into(), bound, 1).await?;
        let ports = MediaPorts { bound: bound.port(), announced: relay.address().port() };
        Ok((Self::with_engine(program, Vec::new(), Some(ports)).await?, relay))
    }

    /// The same, with rooms on a LiveKit server.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn on_livekit(program: &str, livekit: &LiveKitServer) -> anyhow::Result<Self> {
        Self::on_livekit_at(program, livekit, &livekit.url()).await
    }

    /// The same, where clients are told this address of it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn on_livekit_at(program: &str, livekit: &LiveKitServer, url: &Url) -> anyhow::Result<Self> {
        let engine = vec![url.to_string(), livekit.key().to_owned(), livekit.secret().to_owned()];
        Self::with_engine(program, engine, None).await
    }

    async fn with_engine(program: &str, engine: Vec<String>, ports: Option<MediaPorts>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (child, address) = spawn(program, "127.0.0.1:0", folder.path(), &engine, ports).await?;
        Ok(Self { program: program.to_owned(), address, engine, ports, folder, child })
    }

    /// Its address for clients.
    pub fn url(&self) -> Url {
        // An address the system gave, in front of which stands a scheme.
        match format!("http://{}", self.address).parse() {
            Ok(url) => url,
            Err(error) => panic!("{} is no address: {error}", self.address),
        }
    }

    /// Kills it in mid-air, as the system's out-of-memory killer would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill the server")
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut input = self.child.stdin.take().context("the server's input is gone")?;
        input.write_all(b"stop\n").await?;
        timeout(STOP, self.child.wait()).await.context("the server does not stop")??;
        Ok(())
    }

    /// Starts it again on the same port with the same folder.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        (self.child, self.address) =
            spawn(&self.program, &self.address, self.folder.path(), &self.engine, self.ports).await?;
        Ok(())
    }
}

async fn spawn(
    program: &str,
    listen: &str,
    folder: &Path,
    engine: &[String],
    ports: Option<MediaPorts>,
) -> anyhow::Result<(Child, String)> {
    let mut command = Command::new(program);
    if let Some(MediaPorts { bound, announced }) = ports {
        command.env("MEDIA_UDP", bound.to_string()).env("ANNOUNCE_UDP", announced.to_string());
    }
    let mut child = command
        .arg(listen)
        .arg(folder)
        .args(engine)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let output = child.stdout.take().context("the server's output is gone")?;
    let mut lines = BufReader::new(output).lines();
    let line = timeout(START, lines.next_line()).await.context("the server does not start")??;
    let line = line.context("the server ended at once")?;
    let address = line.strip_prefix("listening ").with_context(|| format!("unexpected: {line}"))?.to_owned();
    Ok((child, address))
}

/// A userSig for the test application that holds from `from_now_s` seconds from now (negative: ago) for `holds_s` seconds.
///
/// # Errors
/// When it cannot be made.
pub fn sig(user: &str, from_now_s: i64, holds_s: u64) -> anyhow::Result<Secret> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().cast_signed() + from_now_s;
    let app = App::with_hmac_key(DEFAULT_APP, DEV_HMAC_KEY);
    Ok(issue_v2(&app, user, holds_s, now, None)?)
}
