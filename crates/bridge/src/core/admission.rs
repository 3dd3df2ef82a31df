//! Whose handshakes are answered at all.

use std::collections::HashSet;

use beckon_protocol::launch::Origin;

/// Why a handshake is refused. The page is told nothing of it but "403".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The `Host` header names something else than this machine's loopback: a name that was rebound to 127.0.0.1.
    #[error("the Host header is not loopback with the listener's port")]
    Host,
    /// There is no `Origin` header, or none that a page can have: no browser sent this.
    #[error("the Origin header is missing or is no http or https origin")]
    NoOrigin,
    /// No live launch was made for this origin.
    #[error("no live launch was made for this origin")]
    ForeignOrigin,
}

/// The origins of the live launches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    origins: HashSet<Origin>,
}

impl Admission {
    /// Admits these origins.
    pub fn new(origins: impl IntoIterator<Item = Origin>) -> Self {
        Self { origins: origins.into_iter().collect() }
    }

    /// Decides over a handshake from its headers and the port it came to.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, host: Option<&str>, origin: Option<&str>, port: u16) -> Result<Origin, Refusal> {
        let loopback = host.is_some_and(|host| {
            ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
                let (head, tail) = host.split_at_checked(name.len()).unwrap_or((host, ""));
                head.eq_ignore_ascii_case(name) && tail.strip_prefix(':').is_some_and(|text| text.parse() == Ok(port))
            })
        });
        if !loopback {
            return Err(Refusal::Host);
        }
        let origin = origin.and_then(|text| Origin::parse(text).ok()).ok_or(Refusal::NoOrigin)?;
        if self.origins.contains(&origin) { Ok(origin) } else { Err(Refusal::ForeignOrigin) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_live_launchs_origin_on_loopback_is_admitted() {
        let crm = "https://crm.example.com";
        let admission = Admission::new([Origin::parse(crm).unwrap()]);
        let check = |host, origin| admission.check(host, origin, 47610);
        assert!(check(Some("127.0.0.1:47610"), Some(crm)).is_ok());
        assert!(check(Some("LOCALHOST:47610"), Some(crm)).is_ok());
        for host in [
            None,
            Some("127.0.0.1"),
            Some("127.0.0.1:80"),
            Some("evil.example:47610"),
            Some("127.0.0.1.evil:47610"),
            Some("é"),
        ] {
            assert_eq!(check(host, Some(crm)), Err(Refusal::Host), "{host:?}");
        }
        for origin in [None, Some("null"), Some("file://"), Some("chrome-extension://abc")] {
            assert_eq!(check(Some("127.0.0.1:47610"), origin), Err(Refusal::NoOrigin), "{origin:?}");
        }
        for origin in ["http://crm.example.com", "https://crm.example.com:8443", "https://evil.example"] {
            assert_eq!(check(Some("127.0.0.1:47610"), Some(origin)), Err(Refusal::ForeignOrigin), "{origin}");
        }
    }
}
