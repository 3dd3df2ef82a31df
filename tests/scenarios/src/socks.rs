//! A SOCKS5 proxy (RFC 1928) that knows CONNECT and nothing else, and counts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy on a free port of this machine; gone when dropped.
pub struct SocksProxy {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl SocksProxy {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicU64::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let count = count.clone();
                // A connection that fails is the client's to notice.
                tokio::spawn(async move { serve(client, &count).await });
            }
        });
        Ok(Self { address, connections, task })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Connections made through it so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for SocksProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, count: &AtomicU64) -> anyhow::Result<()> {
    let greeting: [u8; 2] = read(&mut client).await?;
    let mut methods = vec![0; usize::from(greeting[1])];
    client.read_exact(&mut methods).await?;
    client.write_all(&[5, 0]).await?;
    let [version, command, _, kind] = read(&mut client).await?;
    if (version, command) != (5, 1) {
        bail!("no CONNECT");
    }
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(&mut client).await?).to_string(),
        3 => {
            let [length] = read(&mut client).await?;
            let mut name = vec![0; usize::from(length)];
            client.read_exact(&mut name).await?;
            String::from_utf8(name).context("the name is no UTF-8")?
        }
        other => bail!("address type {other}"),
    };
    let port = u16::from_be_bytes(read(&mut client).await?);
    let mut server = TcpStream::connect((host.as_str(), port)).await?;
    count.fetch_add(1, Ordering::Relaxed);
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn read<const N: usize>(stream: &mut TcpStream) -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
