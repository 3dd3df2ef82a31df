//! Whom a request comes from, and how they reach this server.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use url::Url;

use crate::config::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whom to believe about clients.
#[derive(Debug, Clone)]
pub struct ClientRules {
    /// Networks whose `X-Forwarded-…` headers are believed.
    pub trusted: Vec<Network>,
    /// How clients reach this server, when it is configured.
    pub public_url: Option<Url>,
    /// Where the server listens, for requests that name no host.
    pub listen: SocketAddr,
}

/// Where a request comes from and went to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The address of the client.
    pub address: IpAddr,
    /// Whether the client came over TLS.
    pub secure: bool,
    /// Host, with the port where it is not the usual one.
    pub host: String,
}

impl ClientRules {
    /// Reads the client out of a request's headers; `peer` is the other end of the connection.
    pub fn read(&self, peer: SocketAddr, headers: &HeaderMap) -> Client {
        let trusted = |address: IpAddr| self.trusted.iter().any(|network| network.contains(address));
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let proxied = trusted(peer.ip());
        let mut address = peer.ip().to_canonical();
        if proxied {
            // Proxies append: from the end backwards, the first address that is not a trusted proxy is the client.
            let chain = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
            let hops: Vec<&str> = chain.flat_map(|value| value.split(',')).map(str::trim).collect();
            for hop in hops.into_iter().rev() {
                let Ok(hop) = hop.parse::<IpAddr>() else { break };
                address = hop.to_canonical();
                if !trusted(address) {
                    break;
                }
            }
        }
        let forwarded =
            |name: &HeaderName| text(name).filter(|_| proxied).and_then(|value| value.split(',').next()).map(str::trim);
        if let Some(url) = &self.public_url {
            return Client { address, secure: url.scheme() == "https", host: authority(url) };
        }
        let host = forwarded(&FORWARDED_HOST)
            .into_iter()
            .chain(text(&header::HOST))
            .find(|host| is_authority(host))
            .map_or_else(|| self.listen.to_string(), str::to_owned);
        let secure = forwarded(&FORWARDED_PROTO).is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        Client { address, secure, host }
    }
}

fn authority(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    }
}

/// A host with or without a port and nothing else: it is put into URLs.
fn is_authority(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !text.is_empty()
        && text.len() <= 260
        && text.chars().all(plain)
        && Url::parse(&format!("http://{text}/")).is_ok_and(|url| url.host_str().is_some() && url.path() == "/")
}

impl Client {
    /// Where pages are, `http(s)://HOST`.
    pub fn web(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.host)
    }

    /// Where WebSockets are, `ws(s)://HOST`.
    pub fn socket(&self) -> String {
        format!("{}://{}", if self.secure { "wss" } else { "ws" }, self.host)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rules(public_url: Option<&str>) -> ClientRules {
        ClientRules {
            trusted: Network::loopback(),
            public_url: public_url.map(|url| url.parse().unwrap()),
            listen: "127.0.0.1:8080".parse().unwrap(),
        }
    }

    fn read(rules: &ClientRules, peer: &str, headers: &[(&str, &str)]) -> Client {
        let headers =
            headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
        rules.read(peer.parse().unwrap(), &headers)
    }

    #[test]
    fn a_proxy_on_this_machine_is_believed_and_a_stranger_is_not() {
        let headers = [
            ("host", "127.0.0.1:8080"),
            ("x-forwarded-for", "6.6.6.6, 203.0.113.9"),
            ("x-forwarded-host", "meet.example.com"),
            ("x-forwarded-proto", "https"),
        ];
        let behind = read(&rules(None), "127.0.0.1:999", &headers);
        assert_eq!(behind.address.to_string(), "203.0.113.9");
        assert_eq!(
            (behind.socket(), behind.web()),
            ("wss://meet.example.com".into(), "https://meet.example.com".into())
        );
        let stranger = read(&rules(None), "198.51.100.1:999", &headers);
        assert_eq!(stranger.address.to_string(), "198.51.100.1");
        assert_eq!(stranger.socket(), "ws://127.0.0.1:8080");
    }

    #[test]
    fn the_configured_url_goes_before_what_the_client_says() {
        let client = read(&rules(Some("https://meet.example.com:8443")), "10.0.0.1:9", &[("host", "evil.example")]);
        assert_eq!(client.socket(), "wss://meet.example.com:8443");
    }

    #[test]
    fn a_host_that_is_none_is_not_put_into_links() {
        for host in ["a/b", "a b", "", "user@host", "a?b", "host:port:x"] {
            assert_eq!(read(&rules(None), "10.0.0.1:9", &[("host", host)]).host, "127.0.0.1:8080", "{host}");
        }
        assert_eq!(read(&rules(None), "10.0.0.1:9", &[("host", "[::1]:8080")]).host, "[::1]:8080");
    }
}
