//! LiveKit access tokens: any text, and any claims under a good signature.
#![no_main]

// The files that read them: they are no part of their crate's interface, and need nothing else of it.
#[allow(dead_code)]
#[path = "../../../crates/server/src/media/config.rs"]
mod config;
#[allow(dead_code)]
#[path = "../../../crates/server/src/signal/token.rs"]
mod token;
/// Where the reader looks for the keys.
mod media {
    pub(crate) use crate::config::ApiKeys;
}

use std::time::SystemTime;

use jsonwebtoken::{EncodingKey, Header};
use libfuzzer_sys::fuzz_target;
use media::ApiKeys;
use serde_json::Value;

const KEY: &str = "devkey";
const SECRET: &str = "a secret that no input has";

fuzz_target!(|bytes: &[u8]| {
    let keys: ApiKeys = [(KEY, SECRET)].into_iter().collect();
    let text = String::from_utf8_lossy(bytes);
    assert!(token::verify(&keys, &text).is_err(), "nobody signed it");

    // A backend may sign what it likes.
    let Ok(Value::Object(mut claims)) = serde_json::from_slice(bytes) else { return };
    claims.insert("iss".into(), KEY.into());
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signed = jsonwebtoken::encode(&Header::default(), &Value::Object(claims), &key).expect("it can be signed");
    let Ok(pass) = token::verify(&keys, &signed) else { return };
    assert!(!pass.room.is_empty() && !pass.admission.identity.is_empty());
    let refreshed = pass.refreshed(SystemTime::now()).expect("it can be signed again");
    let again = token::verify(&keys, &refreshed).map(|pass| (pass.room, pass.admission));
    assert_eq!(again, Ok((pass.room, pass.admission)), "the same with more time");
});
