//! Making userSigs, for tests: in production the customer's own backend does it.

use std::io::Write;

use base64::Engine;
use beckon_protocol::Secret;
use flate2::{Compression, write::ZlibEncoder};
use hmac::{Hmac, Mac};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{App, sig::BASE64};

/// Why no userSig can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The application has no HMAC key.
    #[error("the application {0} has no hmac_key, without which the server cannot make a userSig")]
    NoKey(u64),
    /// Packing failed.
    #[error("the userSig could not be packed")]
    Pack,
}

/// Makes a userSig of version 1 (ECDSA) that holds for `holds` s from `now` (UNIX time in s).
///
/// `userbuf` is base64 text that travels along, signed.
///
/// # Errors
/// [`IssueError::Pack`].
pub fn issue_v1(
    app: u64,
    key: &SigningKey,
    user: &str,
    holds: u64,
    now: i64,
    userbuf: Option<&str>,
) -> Result<Secret, IssueError> {
    let mut signed = format!(
        "TLS.appid_at_3rd:0\nTLS.account_type:0\nTLS.identifier:{user}\nTLS.sdk_appid:{app}\nTLS.time:{now}\nTLS.expire_after:{holds}\n"
    );
    let mut fields = json!({
        "TLS.account_type": "0",
        "TLS.identifier": user,
        "TLS.appid_at_3rd": "0",
        "TLS.sdk_appid": app.to_string(),
        "TLS.expire_after": holds.to_string(),
        "TLS.version": "201610110000",
        "TLS.time": now.to_string(),
    });
    if let Some(userbuf) = userbuf {
        signed.extend(["TLS.userbuf:", userbuf, "\n"]);
        fields["TLS.userbuf"] = Value::from(userbuf);
    }
    let signature: Signature = key.sign(signed.as_bytes());
    fields["TLS.sig"] = Value::from(BASE64.encode(signature.to_der()));
    pack(&fields)
}

/// Makes a userSig of version 2 (HMAC) that holds for `holds` s from `now` (UNIX time in s).
///
/// `userbuf` is base64 text that travels along, signed.
///
/// # Errors
/// [`IssueError::NoKey`] when the application has no HMAC key, and [`IssueError::Pack`].
pub fn issue_v2(app: &App, user: &str, holds: u64, now: i64, userbuf: Option<&str>) -> Result<Secret, IssueError> {
    let key = app.hmac_key.as_ref().ok_or(IssueError::NoKey(app.id))?;
    let mut signed = format!("TLS.identifier:{user}\nTLS.sdkappid:{}\nTLS.time:{now}\nTLS.expire:{holds}\n", app.id);
    let mut fields = json!({
        "TLS.ver": "2.0",
        "TLS.identifier": user,
        "TLS.sdkappid": app.id,
        "TLS.time": now,
        "TLS.expire": holds,
    });
    if let Some(userbuf) = userbuf {
        signed.extend(["TLS.userbuf:", userbuf, "\n"]);
        fields["TLS.userbuf"] = Value::from(userbuf);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).map_err(|_| IssueError::NoKey(app.id))?;
    mac.update(signed.as_bytes());
    fields["TLS.sig"] = Value::from(BASE64.encode(mac.finalize().into_bytes()));
    pack(&fields)
}

pub(super) fn pack(fields: &Value) -> Result<Secret, IssueError> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(fields.to_string().as_bytes()).map_err(|_| IssueError::Pack)?;
    let packed = zlib.finish().map_err(|_| IssueError::Pack)?;
    let text: String = BASE64
        .encode(packed)
        .chars()
        .map(|c| match c {
            '+' => '*',
            '/' => '-',
            '=' => '_',
            other => other,
        })
        .collect();
    Ok(Secret::new(text))
}
