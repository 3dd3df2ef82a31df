//! Opening a TCP connection, directly or through a proxy.

use std::io;

use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;

use crate::options::Proxy;

/// Connects to `host`:`port`; through a proxy the name is resolved there.
pub(crate) async fn dial(host: &str, port: u16, proxy: Option<&Proxy>) -> io::Result<TcpStream> {
    let stream = match proxy {
        None => TcpStream::connect((host, port)).await?,
        Some(Proxy::Socks5 { host: proxy_host, port: proxy_port, auth }) => {
            let via = (proxy_host.as_str(), *proxy_port);
            let target = (host, port);
            let opened = match auth {
                Some((user, password)) => {
                    Socks5Stream::connect_with_password(via, target, user, password.expose()).await
                }
                None => Socks5Stream::connect(via, target).await,
            };
            opened.map_err(|e| io::Error::other(format!("SOCKS5 proxy {proxy_host}:{proxy_port}: {e}")))?.into_inner()
        }
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}
