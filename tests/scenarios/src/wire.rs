//! The way to a server's TCP port, which a test may cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use url::Url;

/// Passes TCP connections on to a server: calls and signalling; media goes its own way.
pub struct Wire {
    address: SocketAddr,
    open: Arc<Mutex<Vec<AbortHandle>>>,
    accepting: AbortHandle,
}

impl Wire {
    /// A wire to this port of this machine.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn to(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let open: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let wires = open.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let pass = tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                        // Whichever side ends it, the test sees what comes of that.
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
                wires.lock().push(pass.abort_handle());
            }
        });
        Ok(Self { address, open, accepting: accepting.abort_handle() })
    }

    /// The server's address by this wire.
    ///
    /// # Panics
    /// Never: a socket's address makes a URL.
    pub fn url(&self) -> Url {
        Url::parse(&format!("http://{}", self.address)).expect("an address")
    }

    /// How many connections were made since the last cut.
    pub fn connections(&self) -> usize {
        self.open.lock().len()
    }

    /// Cuts this many connections, the oldest first; new ones can be made.
    pub fn cut(&self, count: usize) {
        for pass in self.open.lock().drain(..count) {
            pass.abort();
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut(self.connections());
    }
}
