//! LiveKit access tokens: JSON Web Tokens signed with an API key's secret (HMAC-SHA-256), whose
//! claims say who the bearer is, into which room it may go, and what it may do there.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use beckon_protocol::Secret;
use beckon_sfu::Admission;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use livekit_protocol as proto;
use serde::Deserialize;
use serde_json::Value;

use crate::media::ApiKeys;

/// Clocks may differ by this much, in seconds.
const LEEWAY: u64 = 30;
/// How long a token is good at least that is given to a client for coming back.
const REFRESHED_FOR: Duration = Duration::from_secs(10 * 60);
/// Longest identity and room name, in bytes.
const MAX_NAME: usize = 256;

/// A verified token.
#[derive(Clone)]
pub(super) struct Pass {
    /// Room it is for.
    pub room: String,
    /// Who the bearer is and what it may do.
    pub admission: Admission,
    claims: Value,
    secret: Secret,
}

impl Pass {
    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        Self { room: "r".into(), admission: Admission::new("nobody"), claims: Value::Null, secret: Secret::default() }
    }

    /// The same token with more time, for a client to come back with. Never with less: clients keep the newest only, and one
    /// whose computer slept for an hour comes back with it.
    pub(super) fn refreshed(&self, now: SystemTime) -> Option<String> {
        let now = now.duration_since(UNIX_EPOCH).ok()?;
        let mut claims = self.claims.clone();
        let fields = claims.as_object_mut()?;
        let until = (now + REFRESHED_FOR).as_secs();
        // It may have a fraction (RFC 7519 section 2, NumericDate).
        if fields.get("exp").and_then(Value::as_f64).is_none_or(|own| own < until as f64) {
            fields.insert("exp".into(), until.into());
        }
        fields.insert("nbf".into(), now.as_secs().saturating_sub(LEEWAY).into());
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(self.secret.expose().as_bytes()))
            .ok()
    }
}

/// What is wrong with a token, in words for its bearer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("invalid access token: it is not a signed token ({0})")]
    Malformed(&'static str),
    #[error("invalid access token: the API key {0:?} is not known here")]
    UnknownKey(String),
    #[error("invalid access token: the signature does not fit (was it signed with another secret, or changed?)")]
    Signature,
    #[error("invalid access token: it has expired")]
    Expired,
    #[error("invalid access token: it is not valid yet (is the clock right?)")]
    NotYet,
    #[error("invalid access token: {0}")]
    Claims(&'static str),
    #[error("invalid access token: a claim has the wrong type ({0})")]
    ClaimType(String),
    #[error("the access token does not allow to join a room (grant roomJoin)")]
    NoJoin,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    #[serde(default)]
    sub: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    metadata: String,
    #[serde(default)]
    attributes: Option<HashMap<String, String>>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    video: Option<VideoGrants>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct VideoGrants {
    room: String,
    room_join: bool,
    can_publish: Option<bool>,
    can_subscribe: Option<bool>,
    can_publish_data: Option<bool>,
    can_publish_sources: Option<Vec<String>>,
    can_update_own_metadata: Option<bool>,
    hidden: Option<bool>,
    recorder: Option<bool>,
    agent: Option<bool>,
}

/// Verifies a token.
pub(super) fn verify(keys: &ApiKeys, token: &str) -> Result<Pass, TokenError> {
    let issuer = issuer(token)?;
    let secret = keys.secret(&issuer).ok_or_else(|| TokenError::UnknownKey(issuer.chars().take(64).collect()))?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "iss"]);
    let key = DecodingKey::from_secret(secret.expose().as_bytes());
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenError::Expired,
            ErrorKind::ImmatureSignature => TokenError::NotYet,
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::InvalidAlgorithm => TokenError::Malformed("it must be signed with HS256"),
            ErrorKind::MissingRequiredClaim(_) => TokenError::Claims("it must carry exp and iss"),
            _ => TokenError::Malformed("its parts cannot be read"),
        })?
        .claims;
    let parsed = Claims::deserialize(&claims).map_err(|error| TokenError::ClaimType(error.to_string()))?;
    let grants = parsed.video.unwrap_or_default();
    if !grants.room_join {
        return Err(TokenError::NoJoin);
    }
    let named = |name: &str| !name.is_empty() && name.len() <= MAX_NAME;
    if !named(&grants.room) {
        return Err(TokenError::Claims("the grant must name a room (at most 256 bytes)"));
    }
    if !named(&parsed.sub) {
        return Err(TokenError::Claims("sub must be the identity (at most 256 bytes)"));
    }
    let can_publish = grants.can_publish.unwrap_or(true);
    let sources = grants.can_publish_sources.unwrap_or_default();
    let admission = Admission {
        identity: parsed.sub,
        name: parsed.name,
        metadata: parsed.metadata,
        attributes: parsed.attributes.unwrap_or_default(),
        kind: kind(&parsed.kind, grants.agent.unwrap_or(false)),
        can_publish,
        can_subscribe: grants.can_subscribe.unwrap_or(true),
        can_publish_data: grants.can_publish_data.unwrap_or(can_publish),
        can_publish_sources: sources.iter().filter_map(|s| source(s)).collect(),
        can_update_own_metadata: grants.can_update_own_metadata.unwrap_or(false),
        hidden: grants.hidden.unwrap_or(false),
        recorder: grants.recorder.unwrap_or(false),
    };
    Ok(Pass { room: grants.room, admission, claims, secret: secret.clone() })
}

/// The key that a token says it was signed with. Not believed, only looked up.
fn issuer(token: &str) -> Result<String, TokenError> {
    #[derive(Deserialize)]
    struct Issuer {
        #[serde(default)]
        iss: String,
    }
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(TokenError::Malformed("it must have three parts"));
    };
    let payload = BASE64_URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .map_err(|_| TokenError::Malformed("its claims are not base64url"))?;
    let issuer: Issuer =
        serde_json::from_slice(&payload).map_err(|_| TokenError::Malformed("its claims are not JSON"))?;
    Ok(issuer.iss)
}

fn kind(name: &str, agent: bool) -> proto::participant_info::Kind {
    use proto::participant_info::Kind;
    match name {
        "ingress" => Kind::Ingress,
        "egress" => Kind::Egress,
        "sip" => Kind::Sip,
        "agent" => Kind::Agent,
        _ if agent => Kind::Agent,
        _ => Kind::Standard,
    }
}

fn source(name: &str) -> Option<proto::TrackSource> {
    use proto::TrackSource;
    match name.to_ascii_lowercase().as_str() {
        "camera" => Some(TrackSource::Camera),
        "microphone" => Some(TrackSource::Microphone),
        "screen_share" => Some(TrackSource::ScreenShare),
        "screen_share_audio" => Some(TrackSource::ScreenShareAudio),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys() -> ApiKeys {
        [("devkey", "secret")].into_iter().collect()
    }

    fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    fn sign(claims: &Value, secret: &str) -> String {
        jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn claims() -> Value {
        json!({
            "iss": "devkey", "sub": "ann", "name": "Ann", "exp": now() + 60, "nbf": now(),
            "video": {"room": "r", "roomJoin": true}
        })
    }

    fn verified(claims: &Value) -> Result<Pass, TokenError> {
        verify(&keys(), &sign(claims, "secret"))
    }

    #[test]
    fn a_good_token_lets_in_with_everything_allowed_by_default() {
        let pass = verified(&claims()).unwrap();
        assert_eq!((pass.room.as_str(), pass.admission.identity.as_str()), ("r", "ann"));
        let a = pass.admission;
        assert!(a.can_publish && a.can_subscribe && a.can_publish_data && !a.hidden && !a.can_update_own_metadata);
    }

    #[test]
    fn a_token_made_by_livekits_own_library_is_understood() {
        let token = livekit_api::access_token::AccessToken::with_api_key("devkey", "secret")
            .with_identity("bob")
            .with_name("Bob")
            .with_grants(livekit_api::access_token::VideoGrants {
                room_join: true,
                room: "r".into(),
                can_publish: Some(false),
                ..Default::default()
            })
            .to_jwt()
            .unwrap();
        let pass = verify(&keys(), &token).unwrap();
        assert_eq!(pass.admission.name, "Bob");
        assert!(!pass.admission.can_publish);
    }

    #[test]
    fn grants_are_kept() {
        let mut c = claims();
        c["video"]["canPublish"] = false.into();
        c["video"]["hidden"] = true.into();
        c["video"]["canPublishSources"] = json!(["camera", "SCREEN_SHARE", "nonsense"]);
        let a = verified(&c).unwrap().admission;
        assert!(!a.can_publish && !a.can_publish_data && a.hidden);
        assert_eq!(a.can_publish_sources, [proto::TrackSource::Camera, proto::TrackSource::ScreenShare]);
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        let good = sign(&claims(), "secret");
        let fault = |token: &str| verify(&keys(), token).err().unwrap();
        assert_eq!(fault(&sign(&claims(), "other")), TokenError::Signature);
        let mut parts: Vec<&str> = good.split('.').collect();
        let mut other = claims();
        other["sub"] = "mallory".into();
        let other = sign(&other, "x");
        parts[1] = other.split('.').nth(1).unwrap();
        assert_eq!(fault(&parts.join(".")), TokenError::Signature, "claims changed after signing");
        let mut c = claims();
        c["exp"] = (now() - 3_600).into();
        assert_eq!(fault(&sign(&c, "secret")), TokenError::Expired);
        let mut c = claims();
        c["nbf"] = (now() + 3_600).into();
        assert_eq!(fault(&sign(&c, "secret")), TokenError::NotYet);
        let mut c = claims();
        c["iss"] = "nobody".into();
        assert_eq!(fault(&sign(&c, "secret")), TokenError::UnknownKey("nobody".into()));
        let mut c = claims();
        c["video"]["roomJoin"] = false.into();
        assert_eq!(fault(&sign(&c, "secret")), TokenError::NoJoin);
        for nonsense in ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", "\u{0}.\u{0}.\u{0}"] {
            assert!(matches!(fault(nonsense), TokenError::Malformed(_)), "{nonsense:?}");
        }
    }

    #[test]
    fn a_token_without_an_end_or_a_name_is_refused() {
        for missing in ["exp", "sub"] {
            let mut c = claims();
            c.as_object_mut().unwrap().remove(missing);
            assert!(matches!(verified(&c), Err(TokenError::Claims(_))), "{missing}");
        }
        let mut c = claims();
        c["video"]["room"] = "".into();
        assert!(matches!(verified(&c), Err(TokenError::Claims(_))));
    }

    #[test]
    fn what_a_claim_should_have_been_is_told() {
        let mut c = claims();
        c["video"]["roomJoin"] = "yes".into();
        let fault = verified(&c).err().unwrap().to_string();
        assert!(fault.contains("\"yes\", expected a boolean"), "{fault}");
    }

    #[test]
    fn a_refreshed_token_is_the_same_with_more_time() {
        let pass = verified(&claims()).unwrap();
        let again = verify(&keys(), &pass.refreshed(SystemTime::now()).unwrap()).unwrap();
        assert_eq!(again.admission, pass.admission);
        assert!(again.claims["exp"].as_u64() > pass.claims["exp"].as_u64());
    }

    #[test]
    fn a_token_that_holds_for_long_is_not_shortened() {
        for exp in [json!(now() + 12 * 3_600), json!((now() + 12 * 3_600) as f64 + 0.5)] {
            let mut c = claims();
            c["exp"] = exp.clone();
            let pass = verified(&c).unwrap();
            let again = verify(&keys(), &pass.refreshed(SystemTime::now()).unwrap()).unwrap();
            assert_eq!(again.claims["exp"], exp);
        }
    }
}
