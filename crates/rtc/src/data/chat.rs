//! Chat as livekit-client knows it, in both its forms: the `ChatMessage` packet, and a text stream on `lk.chat`.

use std::collections::{HashMap, VecDeque};

use livekit_protocol as proto;
use proto::data_packet::Value;
use proto::data_stream::{Chunk, Header, OperationType, TextHeader, Trailer, header::ContentHeader};

use super::ChatMessage;
use crate::ids::Identity;

/// The topic of chat text streams.
pub(crate) const CHAT_TOPIC: &str = "lk.chat";
/// The topic of the older chat components' data messages: JSON with `message`, `timestamp` and `id`.
const LEGACY_TOPIC: &str = "lk-chat-topic";
/// Bytes of text in one chunk.
const CHUNK: usize = 12_000;
/// The longest text taken in.
const LONGEST: usize = 256 << 10;
/// Streams in progress at one time, of all participants together.
const OPEN_STREAMS: usize = 64;
/// Messages remembered so that the same one in its other form is not shown twice.
const REMEMBERED: usize = 256;

/// The packets that carry a message: the text stream, then the older form under the same `id`.
pub(crate) fn encode(message: &ChatMessage) -> Vec<Value> {
    let text = message.text.as_bytes();
    let mut packets = vec![Value::StreamHeader(Header {
        stream_id: message.id.clone(),
        timestamp: message.time_ms,
        topic: CHAT_TOPIC.into(),
        mime_type: "text/plain".into(),
        total_length: u64::try_from(text.len()).ok(),
        content_header: Some(ContentHeader::TextHeader(TextHeader {
            operation_type: OperationType::Create.into(),
            ..TextHeader::default()
        })),
        ..Header::default()
    })];
    for (index, part) in split(&message.text).enumerate() {
        packets.push(Value::StreamChunk(Chunk {
            stream_id: message.id.clone(),
            chunk_index: index as u64,
            content: part.as_bytes().to_vec(),
            ..Chunk::default()
        }));
    }
    packets.push(Value::StreamTrailer(Trailer { stream_id: message.id.clone(), ..Trailer::default() }));
    if text.len() <= CHUNK {
        packets.push(Value::ChatMessage(proto::ChatMessage {
            id: message.id.clone(),
            timestamp: message.time_ms,
            message: message.text.clone(),
            ..proto::ChatMessage::default()
        }));
    }
    packets
}

/// Parts of at most [`CHUNK`] bytes, cut between characters.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = (1..=rest.len().min(CHUNK)).rev().find(|&n| rest.is_char_boundary(n)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

/// Puts chat messages together from packets.
#[derive(Debug, Default)]
pub(crate) struct ChatReader {
    open: HashMap<(Identity, String), Stream>,
    seen: VecDeque<(Identity, String)>,
}

#[derive(Debug)]
struct Stream {
    time_ms: i64,
    chunks: Vec<(u64, Vec<u8>)>,
    size: usize,
    edited: bool,
    expected: Option<u64>,
}

impl ChatReader {
    /// The older form.
    pub(crate) fn message(&mut self, from: Identity, message: proto::ChatMessage) -> Option<ChatMessage> {
        let edited = message.edit_timestamp.is_some();
        if message.deleted || !self.is_new(&from, &message.id, edited) {
            return None;
        }
        Some(ChatMessage { id: message.id, from, text: message.message, time_ms: message.timestamp, edited })
    }

    /// The oldest form: JSON in a data message. `None` also when the data is not a chat message at all.
    pub(crate) fn legacy(&mut self, from: &Identity, topic: Option<&str>, payload: &[u8]) -> Option<ChatMessage> {
        #[derive(serde::Deserialize)]
        struct Legacy {
            message: String,
            #[serde(default)]
            timestamp: i64,
            #[serde(default)]
            id: String,
        }
        if topic != Some(LEGACY_TOPIC) {
            return None;
        }
        let legacy: Legacy = serde_json::from_slice(payload).ok()?;
        self.is_new(from, &legacy.id, false).then(|| ChatMessage {
            id: legacy.id,
            from: from.clone(),
            text: legacy.message,
            time_ms: legacy.timestamp,
            edited: false,
        })
    }

    /// A text stream begins. Its text may all be in its header.
    pub(crate) fn header(&mut self, from: Identity, header: Header) -> Option<ChatMessage> {
        if header.topic != CHAT_TOPIC || header.compression != 0 {
            return None;
        }
        let Some(ContentHeader::TextHeader(text)) = &header.content_header else { return None };
        let edited = text.operation_type() == OperationType::Update;
        if text.operation_type() == OperationType::Delete {
            return None;
        }
        let key = (from, header.stream_id);
        let mut stream =
            Stream { time_ms: header.timestamp, chunks: Vec::new(), size: 0, edited, expected: header.total_length };
        if let Some(inline) = header.inline_content {
            stream.size = inline.len();
            stream.chunks.push((0, inline));
            return self.finish(key, stream);
        }
        if self.open.len() < OPEN_STREAMS {
            self.open.insert(key, stream);
        }
        None
    }

    /// A piece of a stream's text.
    pub(crate) fn chunk(&mut self, from: Identity, chunk: Chunk) {
        let key = (from, chunk.stream_id);
        let Some(stream) = self.open.get_mut(&key) else { return };
        stream.size += chunk.content.len();
        if stream.size > LONGEST {
            self.open.remove(&key);
            return;
        }
        stream.chunks.push((chunk.chunk_index, chunk.content));
    }

    /// A stream ends.
    pub(crate) fn trailer(&mut self, from: Identity, trailer: Trailer) -> Option<ChatMessage> {
        let key = (from, trailer.stream_id);
        let stream = self.open.remove(&key)?;
        if trailer.reason.is_empty() { self.finish(key, stream) } else { None }
    }

    /// Somebody left: what was in progress will not end.
    pub(crate) fn forget(&mut self, identity: &Identity) {
        self.open.retain(|(from, _), _| from != identity);
    }

    fn finish(&mut self, (from, id): (Identity, String), mut stream: Stream) -> Option<ChatMessage> {
        stream.chunks.sort_by_key(|(index, _)| *index);
        stream.chunks.dedup_by_key(|(index, _)| *index);
        let bytes: Vec<u8> = stream.chunks.into_iter().flat_map(|(_, part)| part).collect();
        let whole = stream.expected.is_none_or(|expected| expected == bytes.len() as u64);
        let text = String::from_utf8(bytes).ok().filter(|_| whole)?;
        self.is_new(&from, &id, stream.edited).then_some(ChatMessage {
            id,
            from,
            text,
            time_ms: stream.time_ms,
            edited: stream.edited,
        })
    }

    /// Whether this message was not seen in another form before.
    fn is_new(&mut self, from: &Identity, id: &str, edited: bool) -> bool {
        // An edit comes again and again under one name; a message without a name cannot be told from another.
        if id.is_empty() || edited {
            return true;
        }
        if self.seen.iter().any(|(who, what)| who == from && what == id) {
            return false;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back((from.clone(), id.to_owned()));
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(text: &str) -> ChatMessage {
        ChatMessage { id: "m1".into(), from: "ann".into(), text: text.into(), time_ms: 1234, edited: false }
    }

    fn read(reader: &mut ChatReader, packets: Vec<Value>) -> Vec<ChatMessage> {
        let ann = || Identity::from("ann");
        packets
            .into_iter()
            .filter_map(|packet| match packet {
                Value::StreamHeader(h) => reader.header(ann(), h),
                Value::StreamChunk(c) => {
                    reader.chunk(ann(), c);
                    None
                }
                Value::StreamTrailer(t) => reader.trailer(ann(), t),
                Value::ChatMessage(m) => reader.message(ann(), m),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_message_sent_in_both_forms_is_read_once() {
        let mut reader = ChatReader::default();
        assert_eq!(read(&mut reader, encode(&message("你好, room"))), [message("你好, room")]);
    }

    #[test]
    fn a_long_text_goes_through_in_parts_in_any_order() {
        let text = "会议".repeat(9_000);
        let mut packets = encode(&message(&text));
        assert!(packets.len() > 4);
        packets.swap(1, 2);
        assert_eq!(read(&mut ChatReader::default(), packets)[0].text, text);
    }

    #[test]
    fn a_text_with_a_part_missing_is_not_shown() {
        let mut packets = encode(&message(&"x".repeat(30_000)));
        packets.remove(2);
        assert!(read(&mut ChatReader::default(), packets).is_empty());
    }

    #[test]
    fn endless_streams_are_cut_off() {
        let mut reader = ChatReader::default();
        for n in 0..1000 {
            let mut packets = encode(&ChatMessage { id: n.to_string(), ..message("x") });
            packets.truncate(1);
            read(&mut reader, packets);
        }
        assert_eq!(reader.open.len(), OPEN_STREAMS);
        reader.forget(&"ann".into());
        assert!(reader.open.is_empty());
    }

    #[test]
    fn the_oldest_form_is_read_from_its_topic_only() {
        let mut reader = ChatReader::default();
        let json = br#"{"id":"a","timestamp":5,"message":"hi"}"#;
        assert!(reader.legacy(&"bob".into(), Some("other"), json).is_none());
        let got = reader.legacy(&"bob".into(), Some(LEGACY_TOPIC), json).unwrap();
        assert_eq!((got.text.as_str(), got.time_ms), ("hi", 5));
        assert!(reader.legacy(&"bob".into(), Some(LEGACY_TOPIC), b"{garbage").is_none());
    }
}
