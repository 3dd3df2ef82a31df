//! What a client says of itself in the address it connects to.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use beckon_sfu::{Admission, Client, JoinRequest};
use livekit_protocol::client_info::Capability;
use serde::Deserialize;

/// Query of `/rtc`. Clients send more; it is not needed.
#[derive(Default, Deserialize)]
pub(super) struct JoinParams {
    pub access_token: Option<String>,
    auto_subscribe: Option<String>,
    reconnect: Option<String>,
    sid: Option<String>,
    protocol: Option<String>,
    client_protocol: Option<String>,
    capabilities: Option<String>,
    /// Sent by clients that want one connection for both directions.
    pub join_request: Option<String>,
}

impl JoinParams {
    /// The wish to join that follows.
    pub(super) fn request(&self, admission: Admission) -> JoinRequest {
        let resume = is_yes(self.reconnect.as_deref()).then(|| self.sid.clone()).flatten();
        JoinRequest {
            admission,
            protocol: self.protocol.as_deref().and_then(|p| p.parse().ok()).unwrap_or(0),
            client: self.client(),
            auto_subscribe: self.auto_subscribe.as_deref().is_none_or(|v| is_yes(Some(v))),
            resume: resume.filter(|sid| !sid.is_empty()),
        }
    }

    /// What its program can do. A capability whose name is not known here is one that nobody can be told of.
    fn client(&self) -> Client {
        let names = self.capabilities.iter().flat_map(|names| names.split(','));
        let mut capabilities: Vec<_> = names.filter_map(|name| Capability::from_str_name(name.trim())).collect();
        capabilities.sort_unstable();
        capabilities.dedup();
        Client { protocol: self.client_protocol.as_deref().and_then(|p| p.parse().ok()).unwrap_or(0), capabilities }
    }
}

fn is_yes(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "true"))
}

/// The token in an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clients_program_can_do_is_read_and_the_rest_left_out() {
        let client = |protocol: Option<&str>, capabilities: Option<&str>| {
            let (client_protocol, capabilities) = (protocol.map(str::to_owned), capabilities.map(str::to_owned));
            JoinParams { client_protocol, capabilities, ..JoinParams::default() }.request(Admission::new("a")).client
        };
        assert_eq!(client(None, None), Client::default());
        let one = client(Some("2"), Some("CAP_COMPRESSION_DEFLATE_RAW, CAP_OF_TOMORROW,CAP_PACKET_TRAILER"));
        let capabilities = vec![Capability::CapPacketTrailer, Capability::CapCompressionDeflateRaw];
        assert_eq!(one, Client { protocol: 2, capabilities });
        let twice = client(Some("two"), Some("CAP_PACKET_TRAILER,CAP_PACKET_TRAILER,,"));
        assert_eq!(twice, Client { protocol: 0, capabilities: vec![Capability::CapPacketTrailer] });
    }

    #[test]
    fn a_client_subscribes_to_everything_unless_it_says_otherwise() {
        let request = |auto: Option<&str>| {
            let params = JoinParams { auto_subscribe: auto.map(str::to_owned), ..JoinParams::default() };
            params.request(Admission::new("a")).auto_subscribe
        };
        assert!(request(None) && request(Some("1")) && request(Some("true")));
        assert!(!request(Some("0")) && !request(Some("false")));
    }

    #[test]
    fn a_session_is_resumed_only_when_both_are_said() {
        let request = |reconnect: &str, sid: &str| {
            let params = JoinParams {
                reconnect: Some(reconnect.to_owned()),
                sid: Some(sid.to_owned()),
                ..JoinParams::default()
            };
            params.request(Admission::new("a")).resume
        };
        assert_eq!(request("1", "PA_x").as_deref(), Some("PA_x"));
        assert_eq!(request("0", "PA_x"), None);
        assert_eq!(request("1", ""), None);
    }
}
