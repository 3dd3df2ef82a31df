//! A real LiveKit server, where one was built.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use beckon_impair::Relay;
use beckon_test_ports::free_port;
use beckon_test_skip::skip;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use url::Url;

const KEY: &str = "devkey";
const SECRET: &str = "a-secret-for-scenarios-of-32-bytes-and-more";
const START: Duration = Duration::from_secs(30);
/// Where a relay listens before it.
const RELAY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const CONFIG: &str = "livekit.yaml";
const LOG: &str = "log";

/// A running LiveKit server; killed when dropped.
pub struct LiveKitServer {
    address: SocketAddr,
    /// Its configuration and log.
    folder: TempDir,
    child: Child,
}

impl LiveKitServer {
    /// Where `tests/peers/livekit-server` is built to.
    pub fn program() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/livekit-server")
    }

    /// Starts one on free ports. `None`, and the test is skipped, when it was not built.
    ///
    /// # Errors
    /// When it is there but does not start.
    pub async fn start() -> anyhow::Result<Option<Self>> {
        Self::on(free_port()?, Ipv4Addr::LOCALHOST).await
    }

    /// Starts one whose media goes through a bad network: it tells clients another address of this machine than it listens on, where
    /// the relay is. TCP goes directly.
    ///
    /// # Errors
    /// When it is there but does not start.
    pub async fn behind_relay() -> anyhow::Result<Option<(Self, Relay)>> {
        let udp = free_port()?;
        let Some(server) = Self::on(udp, RELAY).await? else { return Ok(None) };
        let relay = Relay::start((RELAY, udp).into(), (Ipv4Addr::LOCALHOST, udp).into(), 1).await?;
        Ok(Some((server, relay)))
    }

    /// Starts one with this port for media over UDP, which tells clients that media is at `announced`.
    async fn on(udp: u16, announced: Ipv4Addr) -> anyhow::Result<Option<Self>> {
        let program = Self::program();
        if !program.exists() {
            skip("LiveKit's server is not built (tests/peers/livekit-server/README.md)");
            return Ok(None);
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let tcp = free_port()?;
        // By checks of its own it would find a way around the relay.
        let lite = announced == RELAY;
        let folder = tempfile::tempdir()?;
        let text = format!(
            "port: {}\nbind_addresses: [127.0.0.1]\nlog_level: warn\nkeys:\n  {KEY}: {SECRET}\nrtc:\n  udp_port: {udp}\n  \
             tcp_port: {tcp}\n  use_external_ip: false\n  node_ip: {announced}\n  ips:\n    includes: [127.0.0.1/32]\n  \
             enable_loopback_candidate: true\n  use_ice_lite: {lite}\n",
            address.port()
        );
        std::fs::write(folder.path().join(CONFIG), text)?;
        let child = spawn(folder.path())?;
        let server = Self { address, folder, child };
        server.answers().await?;
        Ok(Some(server))
    }

    /// Kills it in mid-air.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("cannot kill the LiveKit server")
    }

    /// Starts it again on the same ports; it remembers nothing.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.folder.path())?;
        self.answers().await
    }

    async fn answers(&self) -> anyhow::Result<()> {
        let up = async {
            while TcpStream::connect(self.address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(START, up).await.is_err() {
            let log = std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
            anyhow::bail!("the LiveKit server does not start:\n{log}");
        }
        Ok(())
    }

    /// Its address for clients and for beckond.
    pub fn url(&self) -> Url {
        // An address the system gave, in front of which stands a scheme.
        match format!("http://{}", self.address).parse() {
            Ok(url) => url,
            Err(error) => panic!("{} is no address: {error}", self.address),
        }
    }

    /// Its API key.
    pub fn key(&self) -> &str {
        KEY
    }

    /// Its API secret.
    pub fn secret(&self) -> &str {
        SECRET
    }
}

/// Starts one with the configuration in `folder`.
fn spawn(folder: &Path) -> anyhow::Result<Child> {
    let program = LiveKitServer::program();
    let log = std::fs::File::options().create(true).append(true).open(folder.join(LOG))?;
    Command::new(&program)
        .arg("--config")
        .arg(folder.join(CONFIG))
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}
