//! Chat in all its forms: packets of several participants, each after its length and whose it is.
#![no_main]

// The files that read it: they are no part of their crate's interface.
#[allow(dead_code)]
#[path = "../../../crates/rtc/src/data/chat.rs"]
mod chat;
#[allow(dead_code)]
#[path = "../../../crates/rtc/src/ids.rs"]
mod ids;

use ids::Identity;
use libfuzzer_sys::fuzz_target;
use livekit_protocol::{DataPacket, data_packet::Value};
use prost::Message;

/// What comes out: as in the crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    pub id: String,
    pub from: Identity,
    pub text: String,
    pub time_ms: i64,
    pub edited: bool,
}

fuzz_target!(|bytes: &[u8]| {
    let mut reader = chat::ChatReader::default();
    let mut rest = bytes;
    let mut size = 0;
    while let [who, length, tail @ ..] = rest {
        let (packet, after) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = after;
        size += packet.len();
        let from = Identity::from(who.to_string());
        let read = match DataPacket::decode(packet).ok().and_then(|packet| packet.value) {
            Some(Value::ChatMessage(message)) => reader.message(from, message),
            Some(Value::StreamHeader(header)) => reader.header(from, header),
            Some(Value::StreamChunk(chunk)) => {
                reader.chunk(from, chunk);
                None
            }
            Some(Value::StreamTrailer(trailer)) => reader.trailer(from, trailer),
            Some(Value::User(packet)) => reader.legacy(&from, packet.topic.as_deref(), &packet.payload),
            _ => None,
        };
        if let Some(message) = read {
            // A byte that is no text becomes a sign of three.
            assert!(message.text.len() <= 3 * size, "no text is longer than what came");
        }
        if who % 16 == 0 {
            reader.forget(&Identity::from(who.to_string()));
        }
    }
});
