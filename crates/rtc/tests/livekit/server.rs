//! A real LiveKit server as a child process, and a wire to it that can be cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use beckon_test_ports::free_port;
use livekit_api::access_token::{AccessToken, VideoGrants};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

const KEY: &str = "testkey";
const SECRET: &str = "a-secret-of-at-least-thirty-two-bytes";

/// The server's binary, or why there is none.
pub fn binary() -> Result<PathBuf, String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/livekit-server");
    if path.is_file() {
        Ok(path)
    } else {
        Err("LiveKit's server is not built (tests/peers/livekit-server/README.md)".into())
    }
}

pub struct Server {
    child: Child,
    config: String,
    pub port: u16,
}

fn spawn(config: &str) -> Child {
    let show = std::env::var_os("LIVEKIT_LOG").is_some();
    let out = || if show { Stdio::inherit() } else { Stdio::null() };
    Command::new(binary().unwrap())
        .args(["--config-body", config, "--node-ip", "127.0.0.1"])
        .stdout(out())
        .stderr(out())
        .spawn()
        .unwrap()
}

impl Server {
    pub async fn start() -> Self {
        let [port, tcp, udp] = [(); 3].map(|()| free_port().unwrap());
        let config = format!(
            "port: {port}\nbind_addresses: [127.0.0.1]\nlogging: {{level: {level}}}\nkeys: {{{KEY}: {SECRET}}}\n\
             rtc: {{tcp_port: {tcp}, udp_port: {udp}, use_external_ip: false, enable_loopback_candidate: true}}\n",
            level = std::env::var("LIVEKIT_LOG").unwrap_or("error".into())
        );
        let server = Self { child: spawn(&config), config, port };
        server.ready().await;
        server
    }

    async fn ready(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
            assert!(Instant::now() < until, "the server did not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn start_again(&mut self) {
        self.child = spawn(&self.config);
        self.ready().await;
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn token(room: &str, identity: &str) -> String {
    let grants = VideoGrants {
        room_join: true,
        room: room.into(),
        can_update_own_metadata: Some(true),
        ..VideoGrants::default()
    };
    AccessToken::with_api_key(KEY, SECRET)
        .with_identity(identity)
        .with_name(&format!("Name of {identity}"))
        .with_grants(grants)
        .to_jwt()
        .unwrap()
}

pub fn token_of_another_secret(room: &str) -> String {
    let grants = VideoGrants { room_join: true, room: room.into(), ..VideoGrants::default() };
    AccessToken::with_api_key(KEY, "another-secret-of-thirty-two-bytes!!")
        .with_identity("mallory")
        .with_grants(grants)
        .to_jwt()
        .unwrap()
}

/// Passes TCP connections on to a port until they are cut.
pub struct Wire {
    pub address: SocketAddr,
    open: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Wire {
    pub async fn to(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(Mutex::new(Vec::new()));
        let wires = open.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let pass = tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
                wires.lock().push(pass.abort_handle());
            }
        });
        Self { address, open }
    }

    /// Cuts every connection there is; new ones can be made.
    pub fn cut(&self) {
        for pass in self.open.lock().drain(..) {
            pass.abort();
        }
    }
}
