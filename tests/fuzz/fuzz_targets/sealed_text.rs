//! What the server signs for itself (session tokens, invitations, guests' passes): any text, and any content.
#![no_main]

// The file that makes and reads it: it is no part of its crate's interface, and needs nothing else of it.
#[allow(dead_code)]
#[path = "../../../crates/server/src/account/seal.rs"]
mod seal;

use libfuzzer_sys::fuzz_target;
use seal::{SealError, Sealer};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Content {
    text: String,
}

fuzz_target!(|bytes: &[u8]| {
    let sealer = Sealer::new([7; 32]);
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(sealer.open::<Content>("session", &text, 0), Err(SealError::Wrong), "nobody sealed it");
    let content = Content { text: text.into_owned() };
    let sealed = sealer.seal("session", &content, 100);
    match sealer.open::<Content>("session", sealed.expose(), 99) {
        Ok(opened) => assert_eq!(opened, content),
        Err(error) => assert!(error == SealError::Wrong && sealed.expose().len() > 2_000, "what is long is not read"),
    }
    assert_eq!(sealer.open::<Content>("guest", sealed.expose(), 99), Err(SealError::Wrong));
    assert!(sealer.open::<Content>("session", sealed.expose(), 100).is_err(), "its time is over");
});
