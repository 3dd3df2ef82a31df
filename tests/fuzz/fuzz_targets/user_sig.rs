//! userSigs: any text, what a forger without a key can pack into one, and any user's name in one that was signed.
#![no_main]

// The files that make and read them: they are no part of their crate's interface, and need nothing else of it.
#[allow(dead_code)]
#[path = "../../../crates/server/src/account/app.rs"]
mod app;
#[allow(dead_code)]
#[path = "../../../crates/server/src/account/issue.rs"]
mod issue;
#[allow(dead_code)]
#[path = "../../../crates/server/src/account/sig.rs"]
mod sig;

use std::sync::OnceLock;

use app::App;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sig::{SigError, UserSig};

/// UNIX time, s.
const NOW: i64 = 1_790_000_000;
/// Nobody has the other half.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErqEPKv/vhOlluCePbqJimfXEoRXo
yqNzaamtHxATDqrK1foeWXGOmex/yO9IWuH2+2qbs4/6d/Ip/WHC3o4Epw==
-----END PUBLIC KEY-----";

/// An application that takes both versions.
fn app() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    let make = || App::new(1_400_000_001, Some(PUBLIC_KEY), Some("a key that no input has".into()));
    APP.get_or_init(|| make().expect("its keys fit"))
}

/// What nobody signed may say what it likes: it does not hold.
fn holds_for_nobody(text: &str) {
    let Ok(sig) = UserSig::parse(text) else { return };
    let claims = sig.claims().clone();
    let app = App { id: claims.app, ..app().clone() };
    assert_eq!(sig.verify(&app, &claims.user, claims.made), Err(SigError::Signature));
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    holds_for_nobody(&text);
    if let Ok(fields) = serde_json::from_slice::<Value>(bytes) {
        holds_for_nobody(issue::pack(&fields).expect("JSON can be packed").expose());
    }
    let signed = issue::issue_v2(app(), &text, 60, NOW, None).expect("the application has a key");
    // A name of several lines, or a long one, is refused.
    if let Ok(sig) = UserSig::parse(signed.expose()) {
        assert_eq!(sig.verify(app(), &text, NOW), Ok(()));
        assert_eq!(sig.verify(app(), &format!("{text}."), NOW), Err(SigError::User));
    }
});
