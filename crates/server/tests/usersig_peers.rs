//! userSigs of third-party signers (npm `tls-sig-api` and `tls-sig-api-v2`) hold here, and what is done to them does not.
//!
//! `npm ci` in `tests/peers/usersig` brings the signers; without node or the packages the tests are skipped.
#![allow(clippy::unwrap_used)]

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use beckon_protocol::Code;
use beckon_server::account::{App, SigError, UserSig};
use beckon_test_skip::skip;
use flate2::read::ZlibDecoder;
use p256::{
    ecdsa::SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey},
};

const HMAC_KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";

fn peers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/usersig")
}

/// Runs JavaScript beside the signers and returns what it prints; none, and the test is skipped, where that cannot be.
fn node(script: &str) -> Option<String> {
    if !peers().join("node_modules/tls-sig-api-v2").is_dir() {
        skip("the signers are not installed; run `npm ci` in tests/peers/usersig");
        return None;
    }
    let output = match Command::new("node").arg("-e").arg(script).current_dir(peers()).output() {
        Ok(output) => output,
        Err(error) => {
            skip(format!("node does not start: {error}"));
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn app() -> (App, String) {
    let key = SigningKey::from_slice(&[42; 32]).unwrap();
    let public = key.verifying_key().to_public_key_pem(Default::default()).unwrap();
    let private = key.to_pkcs8_pem(Default::default()).unwrap().to_string();
    (App::new(1_400_001_052, Some(&public), Some(HMAC_KEY.into())).unwrap(), private)
}

fn holds(sig: &str, version: u8) {
    let (app, _) = app();
    let parsed = UserSig::parse(sig).unwrap();
    assert_eq!(parsed.version(), version);
    assert_eq!(parsed.verify(&app, "xiaojun", now()), Ok(()));
    assert_eq!(parsed.verify(&app, "xiaoming", now()).unwrap_err().code(), Code::SigWrongUser);
    assert!(matches!(parsed.verify(&app, "xiaojun", now() + 4000), Err(SigError::Expired(_))));
    let other = App { id: 1, ..app.clone() };
    assert_eq!(parsed.verify(&other, "xiaojun", now()).unwrap_err().code(), Code::SigWrongApp);
    let strange = App { public_key: app.public_key, ..App::with_hmac_key(app.id, "another key entirely, long") };
    if version == 2 {
        assert_eq!(parsed.verify(&strange, "xiaojun", now()), Err(SigError::Signature));
    }
    // Any character changed anywhere: it does not unpack any more, or does not verify. A few bits say nothing, those that fill
    // up the last byte of the compressed data (RFC 1951 section 3.2.3): with one of them changed it is the same userSig.
    for at in (0..sig.len()).step_by(7) {
        let mut bytes = sig.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        let outcome = UserSig::parse(&changed).and_then(|parsed| parsed.verify(&app_of(), "xiaojun", now()));
        assert!(outcome.is_err() || unpacked(&changed) == unpacked(sig), "changed at {at}");
    }
}

/// The JSON in a userSig.
fn unpacked(sig: &str) -> Vec<u8> {
    let base64 = sig.replace('*', "+").replace('-', "/").replace('_', "=");
    let compressed = BASE64_STANDARD.decode(base64).unwrap();
    let mut json = Vec::new();
    ZlibDecoder::new(compressed.as_slice()).read_to_end(&mut json).unwrap();
    json
}

fn app_of() -> App {
    app().0
}

#[test]
fn version_1_of_tls_sig_api_holds() {
    let (_, private) = app();
    let config = format!("sdk_appid: 1400001052, expire_after: 3600, private_key_string: {private:?}");
    let script = |call: &str| format!("const s = new (require('tls-sig-api').Sig)({{{config}}}); console.log({call})");
    let Some(plain) = node(&script("s.genSig('xiaojun')")) else { return };
    holds(&plain, 1);
    let Some(with_userbuf) = node(&script("s.genSigWithUserbuf('xiaojun', 'room 7')")) else {
        return;
    };
    holds(&with_userbuf, 1);
}

#[test]
fn version_2_of_tls_sig_api_v2_holds() {
    let script = |call: &str| {
        format!("const s = new (require('tls-sig-api-v2').Api)(1400001052, '{HMAC_KEY}'); console.log({call})")
    };
    let Some(plain) = node(&script("s.genUserSig('xiaojun', 3600)")) else { return };
    holds(&plain, 2);
    let Some(with_userbuf) = node(&script("s.genPrivateMapKeyWithStringRoomID('xiaojun', 3600, 'r7', 255)")) else {
        return;
    };
    holds(&with_userbuf, 2);
}

#[test]
fn the_signers_verify_what_we_issue() {
    let (app, private) = app();
    let key = {
        use p256::pkcs8::DecodePrivateKey;
        SigningKey::from_pkcs8_pem(&private).unwrap()
    };
    let sig = beckon_server::account::issue_v1(app.id, &key, "xiaojun", 3600, now(), None).unwrap();
    let public = key.verifying_key().to_public_key_pem(Default::default()).unwrap();
    let script = format!(
        "const s = new (require('tls-sig-api').Sig)({{sdk_appid: 1400001052, public_key_string: {public:?}}}); console.log(s.verifySig({:?}, 'xiaojun'))",
        sig.expose()
    );
    let Some(answer) = node(&script) else { return };
    assert_eq!(answer, "true");
}
