//! Signalling: a sequence of length-prefixed protobuf messages from one participant, SDP inside them included.
#![no_main]

use beckon_fuzz::Scene;
use libfuzzer_sys::fuzz_target;
use livekit_protocol::SignalRequest;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let mut scene = Scene::new();
    let mut rest = bytes;
    while let [length, tail @ ..] = rest {
        let (message, after) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = after;
        if let Ok(SignalRequest { message: Some(request) }) = SignalRequest::decode(message) {
            scene.room.signal(scene.now, scene.wall, scene.connection, request);
            scene.settle();
        }
    }
});
