//! userSig: a signature of the customer's backend that a user is who they say.
//!
//! Both versions are a flat JSON object with keys `TLS.…`, zlib-compressed (RFC 1950) and base64-coded with `+`, `/`, `=`
//! written `*`, `-`, `_`. Version 1 signs its fields with ECDSA P-256 and SHA-256 (signature in DER, base64), version 2
//! (`TLS.ver` begins with `2.`) with HMAC-SHA256. What is signed is one `NAME:VALUE\n` line for each field in a fixed order.

use std::io::Read;

use base64::{Engine, alphabet, engine::DecodePaddingMode, engine::GeneralPurpose, engine::GeneralPurposeConfig};
use beckon_protocol::Code;
use flate2::read::ZlibDecoder;
use hmac::{Hmac, Mac};
use p256::ecdsa::{Signature, signature::Verifier};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::App;

/// Longest userSig that is read, bytes of text.
pub const SIG_MAX: usize = 8 * 1024;
/// Longest JSON a userSig may unpack to, bytes; what is larger is a bomb.
const UNPACKED_MAX: u64 = 32 * 1024;
/// How far a signer's clock may run ahead of ours, s.
const CLOCK_AHEAD: i64 = 600;

/// Base64 that takes texts with and without padding, as signers differ in that.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a userSig does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// It does not unpack.
    #[error("the userSig is malformed: {0}")]
    Malformed(&'static str),
    /// A field is missing or of the wrong type.
    #[error("the userSig is malformed: its field {0} is missing or has a wrong type")]
    Field(&'static str),
    /// It expired.
    #[error("the userSig expired {0} s ago; ask your own backend for a fresh one")]
    Expired(i64),
    /// It was made in the future.
    #[error("the userSig was made {0} s in the future; set the clock of the machine that signs")]
    Early(i64),
    /// The signature does not verify.
    #[error("the userSig's signature is wrong; sign with the key of this application")]
    Signature,
    /// The application has no key for this version.
    #[error("the application takes no userSig of version {0}: the server has no {1} for it")]
    NoKey(u8, &'static str),
    /// It is for another application.
    #[error("the userSig was made for sdkAppID {0}")]
    App(u64),
    /// It is for another user.
    #[error("the userSig was made for another userID")]
    User,
}

impl SigError {
    /// The code a client sees.
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::Field(_) => Code::SigMalformed,
            Self::Expired(_) | Self::Early(_) => Code::SigExpired,
            Self::Signature | Self::NoKey(..) => Code::SigWrong,
            Self::App(_) => Code::SigWrongApp,
            Self::User => Code::SigWrongUser,
        }
    }
}

/// What a userSig says, before anybody checked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The user.
    pub user: String,
    /// The application.
    pub app: u64,
    /// When it was made, UNIX time in s.
    pub made: i64,
    /// How long it holds, s.
    pub holds: i64,
}

/// An unpacked userSig.
#[derive(Clone)]
pub struct UserSig {
    claims: Claims,
    version: u8,
    signed: String,
    signature: Vec<u8>,
}

impl std::fmt::Debug for UserSig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserSig").field("claims", &self.claims).field("version", &self.version).finish()
    }
}

impl UserSig {
    /// Unpacks a userSig of either version.
    ///
    /// # Errors
    /// [`SigError::Malformed`] and [`SigError::Field`]. Never panics, whatever the text, and never unpacks more than 32 KiB.
    pub fn parse(text: &str) -> Result<Self, SigError> {
        let fields = unpack(text)?;
        let version = match fields.get("TLS.ver") {
            None => 1,
            Some(Value::String(version)) if version.starts_with("2.") => 2,
            Some(_) => return Err(SigError::Field("TLS.ver")),
        };
        let (app_name, expire_name) =
            if version == 2 { ("TLS.sdkappid", "TLS.expire") } else { ("TLS.sdk_appid", "TLS.expire_after") };
        let claims = Claims {
            user: text_of(&fields, "TLS.identifier")?,
            app: number_of(&fields, app_name)?,
            made: number_of(&fields, "TLS.time")?,
            holds: number_of(&fields, expire_name)?,
        };

        let mut signed = String::with_capacity(256);
        let mut line = |name: &'static str| -> Result<(), SigError> {
            let value = text_of(&fields, name)?;
            // Otherwise one field could pretend to be two.
            if value.contains('\n') {
                return Err(SigError::Field(name));
            }
            signed.extend([name, ":", &value, "\n"]);
            Ok(())
        };
        if version == 2 {
            for name in ["TLS.identifier", "TLS.sdkappid", "TLS.time", "TLS.expire"] {
                line(name)?;
            }
        } else {
            if fields.contains_key("TLS.appid_at_3rd") {
                line("TLS.appid_at_3rd")?;
            }
            for name in ["TLS.account_type", "TLS.identifier", "TLS.sdk_appid", "TLS.time", "TLS.expire_after"] {
                line(name)?;
            }
        }
        if fields.contains_key("TLS.userbuf") {
            line("TLS.userbuf")?;
        }
        let signature =
            BASE64.decode(text_of(&fields, "TLS.sig")?).map_err(|_| SigError::Malformed("TLS.sig is not base64"))?;
        Ok(Self { claims, version, signed, signature })
    }

    /// What it says. Nobody vouches for it before [`UserSig::verify`].
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// 1 or 2.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Checks that it was made for this application and user, by a key of the application, and holds at `now` (UNIX time in s).
    ///
    /// # Errors
    /// In this order: wrong application, wrong user, wrong signature, expired.
    pub fn verify(&self, app: &App, user: &str, now: i64) -> Result<(), SigError> {
        if self.claims.app != app.id {
            return Err(SigError::App(self.claims.app));
        }
        if self.claims.user != user {
            return Err(SigError::User);
        }
        if self.version == 2 {
            let key = app.hmac_key.as_ref().ok_or(SigError::NoKey(2, "hmac_key"))?;
            let mut mac =
                Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).map_err(|_| SigError::NoKey(2, "hmac_key"))?;
            mac.update(self.signed.as_bytes());
            mac.verify_slice(&self.signature).map_err(|_| SigError::Signature)?;
        } else {
            let key = app.public_key.as_ref().ok_or(SigError::NoKey(1, "public_key"))?;
            let signature = Signature::from_der(&self.signature).map_err(|_| SigError::Signature)?;
            key.verify(self.signed.as_bytes(), &signature).map_err(|_| SigError::Signature)?;
        }
        if self.claims.made > now.saturating_add(CLOCK_AHEAD) {
            return Err(SigError::Early(self.claims.made.saturating_sub(now)));
        }
        let until = self.claims.made.saturating_add(self.claims.holds);
        if until <= now { Err(SigError::Expired(now.saturating_sub(until))) } else { Ok(()) }
    }
}

fn unpack(text: &str) -> Result<Map<String, Value>, SigError> {
    if text.is_empty() {
        return Err(SigError::Malformed("it is empty"));
    }
    if text.len() > SIG_MAX {
        return Err(SigError::Malformed("it is longer than 8 KiB"));
    }
    let plain: String = text
        .chars()
        .map(|c| match c {
            '*' => '+',
            '-' => '/',
            '_' => '=',
            other => other,
        })
        .collect();
    let packed = BASE64.decode(plain).map_err(|_| SigError::Malformed("it is not base64 with * - _ for + / ="))?;
    let mut json = Vec::new();
    ZlibDecoder::new(packed.as_slice())
        .take(UNPACKED_MAX + 1)
        .read_to_end(&mut json)
        .map_err(|_| SigError::Malformed("it is not zlib data"))?;
    if json.len() as u64 > UNPACKED_MAX {
        return Err(SigError::Malformed("it unpacks to more than 32 KiB"));
    }
    match serde_json::from_slice(&json) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(SigError::Malformed("it does not hold a JSON object")),
    }
}

/// The field as the signer wrote it into the signed text: signers write numbers as numbers or as strings.
fn text_of(fields: &Map<String, Value>, name: &'static str) -> Result<String, SigError> {
    match fields.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(SigError::Field(name)),
    }
}

fn number_of<N: std::str::FromStr>(fields: &Map<String, Value>, name: &'static str) -> Result<N, SigError> {
    text_of(fields, name)?.parse().map_err(|_| SigError::Field(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{issue_v1, issue_v2};
    use super::*;
    use p256::{ecdsa::SigningKey, pkcs8::EncodePublicKey};

    const NOW: i64 = 1_790_000_000;

    fn app() -> (App, SigningKey) {
        let key = SigningKey::from_slice(&[9; 32]).unwrap();
        let pem = key.verifying_key().to_public_key_pem(Default::default()).unwrap();
        (App::new(1400, Some(&pem), Some("an hmac key that is long".into())).unwrap(), key)
    }

    fn both(user: &str) -> (App, [String; 2]) {
        let (app, key) = app();
        let one = issue_v1(app.id, &key, user, 100, NOW, None).unwrap();
        let two = issue_v2(&app, user, 100, NOW, Some("cmVzdA==")).unwrap();
        (app, [one.expose().to_owned(), two.expose().to_owned()])
    }

    /// Unpacks, lets `change` edit the JSON, packs again: what a forger without the key can do.
    fn forge(sig: &str, change: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut fields = unpack(sig).unwrap();
        change(&mut fields);
        super::super::issue::pack(&Value::Object(fields)).unwrap().expose().to_owned()
    }

    #[test]
    fn both_versions_hold_until_they_expire() {
        let (app, sigs) = both("张三");
        for (version, sig) in [1, 2].into_iter().zip(&sigs) {
            let sig = UserSig::parse(sig).unwrap();
            assert_eq!(sig.version(), version);
            assert_eq!(sig.verify(&app, "张三", NOW + 99), Ok(()));
            assert_eq!(sig.verify(&app, "张三", NOW + 103), Err(SigError::Expired(3)));
            assert_eq!(sig.verify(&app, "张三", NOW - 3600), Err(SigError::Early(3600)));
            assert_eq!(sig.verify(&app, "李四", NOW), Err(SigError::User));
            let other = App { id: 1401, ..app.clone() };
            assert_eq!(sig.verify(&other, "张三", NOW), Err(SigError::App(1400)));
        }
    }

    #[test]
    fn a_forged_field_breaks_the_signature() {
        let (app, [one, two]) = both("alice");
        for (sig, name, value) in [
            (&one, "TLS.expire_after", Value::from("99999999")),
            (&one, "TLS.time", Value::from((NOW + 50).to_string())),
            (&one, "TLS.account_type", Value::from("5")),
            (&one, "TLS.userbuf", Value::from("eA==")),
            (&two, "TLS.expire", Value::from(99_999_999)),
            (&two, "TLS.time", Value::from(NOW + 50)),
            (&two, "TLS.userbuf", Value::from("eA==")),
        ] {
            let forged = forge(sig, |fields| {
                fields.insert(name.to_owned(), value);
            });
            assert_eq!(UserSig::parse(&forged).unwrap().verify(&app, "alice", NOW), Err(SigError::Signature), "{name}");
        }
        // A foreign user's sig relabelled is caught by the signature, a kept label by the user check.
        let relabelled = forge(&two, |fields| {
            fields.insert("TLS.identifier".into(), "root".into());
        });
        assert_eq!(UserSig::parse(&relabelled).unwrap().verify(&app, "root", NOW), Err(SigError::Signature));
    }

    #[test]
    fn a_key_of_another_kind_is_not_mistaken_for_the_right_one() {
        let (app, [one, two]) = both("alice");
        let no_hmac = App { hmac_key: None, ..app.clone() };
        let no_ecdsa = App { public_key: None, ..app };
        assert_eq!(UserSig::parse(&two).unwrap().verify(&no_hmac, "alice", NOW).unwrap_err().code(), Code::SigWrong);
        assert_eq!(UserSig::parse(&one).unwrap().verify(&no_ecdsa, "alice", NOW).unwrap_err().code(), Code::SigWrong);
    }

    #[test]
    fn what_does_not_unpack_is_malformed() {
        let (_, [one, _]) = both("alice");
        let bomb = {
            let zeros = Value::from("0".repeat(1_000_000));
            super::super::issue::pack(&zeros).unwrap().expose().to_owned()
        };
        let array = super::super::issue::pack(&Value::from(vec![1])).unwrap().expose().to_owned();
        let lineful = forge(&one, |fields| {
            fields.insert("TLS.account_type".into(), "0\nTLS.identifier:root".into());
        });
        let fieldless = forge(&one, |fields| {
            fields.remove("TLS.time");
        });
        for text in
            ["", "eJx", "不是", "AAAA", &one[..one.len() / 2], &bomb, &array, &lineful, &fieldless, &"A".repeat(9000)]
        {
            let error = UserSig::parse(text).unwrap_err();
            assert_eq!(error.code(), Code::SigMalformed, "{text:.20}: {error}");
        }
    }

    #[test]
    fn absurd_numbers_neither_overflow_nor_hold() {
        let (app, _) = app();
        let forever = issue_v2(&app, "a", i64::MAX as u64, NOW, None).unwrap();
        assert_eq!(UserSig::parse(forever.expose()).unwrap().verify(&app, "a", NOW), Ok(()));
        let (_, [_, two]) = both("a");
        let past = forge(&two, |fields| {
            fields.insert("TLS.time".into(), i64::MIN.into());
        });
        assert!(UserSig::parse(&past).unwrap().verify(&app, "a", NOW).is_err());
    }
}
