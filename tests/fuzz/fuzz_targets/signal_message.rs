//! Signalling: a sequence of length-prefixed messages from one participant: protobuf, or a session description put together from
//! what such descriptions consist of.
#![no_main]

use beckon_fuzz::{Scene, description};
use libfuzzer_sys::fuzz_target;
use livekit_protocol::{SessionDescription, SignalRequest, signal_request::Message as Request};
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let mut scene = Scene::with_publisher();
    let mut rest = bytes;
    while let [kind, length, tail @ ..] = rest {
        let (message, after) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = after;
        let described = || SessionDescription { sdp: description(message), ..SessionDescription::default() };
        let request = match kind % 4 {
            0 => Some(Request::Offer(described())),
            1 => Some(Request::Answer(described())),
            _ => SignalRequest::decode(message).ok().and_then(|r| r.message),
        };
        if let Some(request) = request {
            scene.room.signal(scene.now, scene.wall, scene.connection, request);
            scene.settle();
        }
    }
    assert!(scene.others_are_in(), "one participant's messages ended the room for another");
});
