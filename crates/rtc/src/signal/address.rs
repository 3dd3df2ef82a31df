//! Where signalling is reached: the URL to open, made from the server's.

use url::Url;

use crate::error::ConnectError;
use crate::ids::ParticipantSid;

/// The protocol's version we speak: join answers with both ping forms, leave with actions, request responses.
const PROTOCOL: u32 = 15;

/// Why the connection is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// To join.
    Join,
    /// To go on with a session.
    Resume(ParticipantSid),
}

/// The server's address.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    base: Url,
    auto_subscribe: bool,
}

impl Address {
    pub(crate) fn new(url: &Url, auto_subscribe: bool) -> Result<Self, ConnectError> {
        let bad = |why: &str| {
            let mut shown = url.clone();
            // Fails only where there is no place for a user name anyway.
            let _ = shown.set_username("");
            let _ = shown.set_password(None);
            shown.set_query(None);
            ConnectError::BadUrl { url: shown.to_string(), why: why.to_owned() }
        };
        let scheme = match url.scheme() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(bad("unknown scheme")),
        };
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad("no host"));
        }
        let mut base = url.clone();
        base.set_scheme(scheme).map_err(|()| bad("unknown scheme"))?;
        base.set_query(None);
        base.set_fragment(None);
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/rtc").unwrap_or(path);
        let path = format!("{path}/rtc");
        base.set_path(&path);
        Ok(Self { base, auto_subscribe })
    }

    /// Host and port, for messages.
    pub(crate) fn host(&self) -> String {
        format!("{}:{}", self.base.host_str().unwrap_or_default(), self.port())
    }

    /// Host name or address without brackets.
    pub(crate) fn host_name(&self) -> &str {
        self.base.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> u16 {
        self.base.port_or_known_default().unwrap_or(80)
    }

    /// The URL to open. The token is not in it: it travels in a header, which proxies and servers do not write down.
    pub(crate) fn open_url(&self, opening: &Opening) -> Url {
        let mut url = self.base.clone();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("sdk", "rust")
                .append_pair("version", env!("CARGO_PKG_VERSION"))
                .append_pair("protocol", &PROTOCOL.to_string())
                .append_pair("os", std::env::consts::OS)
                .append_pair("auto_subscribe", if self.auto_subscribe { "1" } else { "0" })
                .append_pair("adaptive_stream", "0");
            if let Opening::Resume(sid) = opening {
                query.append_pair("reconnect", "1").append_pair("sid", sid.as_str());
            }
        }
        url
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn address(url: &str) -> Result<Address, ConnectError> {
        Address::new(&url.parse().unwrap(), true)
    }

    #[test]
    fn http_becomes_websocket_and_the_path_is_kept() {
        let url = address("https://example.com/media/").unwrap().open_url(&Opening::Join);
        assert!(url.as_str().starts_with("wss://example.com/media/rtc?"), "{url}");
        let url = address("ws://example.com:7880/rtc").unwrap().open_url(&Opening::Join);
        assert!(url.as_str().starts_with("ws://example.com:7880/rtc?"), "{url}");
    }

    #[test]
    fn resuming_names_the_session() {
        let url = address("ws://h").unwrap().open_url(&Opening::Resume("PA_1".into()));
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        assert!(pairs.contains(&("reconnect".into(), "1".into())));
        assert!(pairs.contains(&("sid".into(), "PA_1".into())));
    }

    #[test]
    fn a_bad_address_is_named_without_its_password() {
        let error = address("ftp://user:hunter2@example.com/").unwrap_err().to_string();
        assert!(error.contains("example.com") && !error.contains("hunter2"), "{error}");
    }
}
