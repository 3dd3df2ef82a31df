//! Chat as livekit-client knows it, in both its forms: the `ChatMessage` packet, and a text stream on `lk.chat`.

use std::collections::VecDeque;

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
/// The most chunks of one text: somebody may write it word by word, but chunks cost memory also where nothing is in them.
const MOST_CHUNKS: usize = 4_096;
/// Streams in progress at one time, of one participant: clients send one text after the other.
const STREAMS_EACH: usize = 8;
/// The same of all participants together.
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
    /// Streams in progress, the oldest first.
    open: VecDeque<Stream>,
    seen: VecDeque<(Identity, String)>,
}

#[derive(Debug)]
struct Stream {
    from: Identity,
    id: String,
    time_ms: i64,
    chunks: Vec<(u64, Vec<u8>)>,
    size: usize,
    edited: bool,
    expected: Option<u64>,
}

impl Stream {
    fn is(&self, from: &Identity, id: &str) -> bool {
        self.from == *from && self.id == id
    }
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
        let mut stream = Stream {
            from,
            id: header.stream_id,
            time_ms: header.timestamp,
            chunks: Vec::new(),
            size: 0,
            edited,
            expected: header.total_length,
        };
        if let Some(inline) = header.inline_content {
            stream.chunks.push((0, inline));
            return self.finish(stream);
        }
        self.begin(stream);
        None
    }

    /// Room is made for a stream at the cost of its own sender's oldest. Only where many people together have too many is it the oldest
    /// of all: that one had the most time, and texts that are really sent take little.
    fn begin(&mut self, stream: Stream) {
        // One that begins again is another one.
        self.take(&stream.from, &stream.id);
        let mut theirs = self.open.iter().enumerate().filter(|(_, open)| open.from == stream.from).map(|(n, _)| n);
        // Counted from the newest: there is one only where there are as many as there may be.
        let oldest = theirs.nth_back(STREAMS_EACH - 1).or((self.open.len() >= OPEN_STREAMS).then_some(0));
        if let Some(n) = oldest {
            self.open.remove(n);
        }
        self.open.push_back(stream);
    }

    /// A piece of a stream's text.
    pub(crate) fn chunk(&mut self, from: Identity, chunk: Chunk) {
        let Some(stream) = self.open.iter_mut().find(|s| s.is(&from, &chunk.stream_id)) else { return };
        stream.size += chunk.content.len();
        if stream.size > LONGEST || stream.chunks.len() == MOST_CHUNKS {
            self.take(&from, &chunk.stream_id);
            return;
        }
        stream.chunks.push((chunk.chunk_index, chunk.content));
    }

    /// A stream ends.
    pub(crate) fn trailer(&mut self, from: Identity, trailer: Trailer) -> Option<ChatMessage> {
        let stream = self.take(&from, &trailer.stream_id)?;
        if trailer.reason.is_empty() { self.finish(stream) } else { None }
    }

    fn take(&mut self, from: &Identity, id: &str) -> Option<Stream> {
        let n = self.open.iter().position(|stream| stream.is(from, id))?;
        self.open.remove(n)
    }

    /// Somebody left: what was in progress will not end.
    pub(crate) fn forget(&mut self, identity: &Identity) {
        self.open.retain(|stream| stream.from != *identity);
    }

    fn finish(&mut self, stream: Stream) -> Option<ChatMessage> {
        let Stream { from, id, time_ms, mut chunks, edited, expected, .. } = stream;
        chunks.sort_by_key(|(index, _)| *index);
        chunks.dedup_by_key(|(index, _)| *index);
        let bytes: Vec<u8> = chunks.into_iter().flat_map(|(_, part)| part).collect();
        let whole = expected.is_none_or(|expected| expected == bytes.len() as u64);
        let text = String::from_utf8(bytes).ok().filter(|_| whole)?;
        self.is_new(&from, &id, edited).then_some(ChatMessage { id, from, text, time_ms, edited })
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
        read_from("ann", reader, packets)
    }

    fn read_from(who: &str, reader: &mut ChatReader, packets: Vec<Value>) -> Vec<ChatMessage> {
        let from = || Identity::from(who);
        packets
            .into_iter()
            .filter_map(|packet| match packet {
                Value::StreamHeader(h) => reader.header(from(), h),
                Value::StreamChunk(c) => {
                    reader.chunk(from(), c);
                    None
                }
                Value::StreamTrailer(t) => reader.trailer(from(), t),
                Value::ChatMessage(m) => reader.message(from(), m),
                _ => None,
            })
            .collect()
    }

    /// The beginning of a text and the rest of it, without its older form.
    fn halves(id: &str, text: &str) -> (Vec<Value>, Vec<Value>) {
        let mut packets = encode(&ChatMessage { id: id.into(), ..message(text) });
        packets.retain(|packet| !matches!(packet, Value::ChatMessage(_)));
        let rest = packets.split_off(1);
        (packets, rest)
    }

    fn texts(messages: &[ChatMessage]) -> Vec<String> {
        messages.iter().map(|m| format!("{}: {}", m.from, m.text)).collect()
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
    fn endless_streams_of_one_cost_them_their_own_oldest_and_nobody_else_a_text() {
        let mut reader = ChatReader::default();
        let (begin, end) = halves("early", "of bob, begun before");
        read_from("bob", &mut reader, begin);
        for n in 0..1000 {
            read_from("ann", &mut reader, halves(&n.to_string(), "x").0);
        }
        assert_eq!(reader.open.len(), 1 + STREAMS_EACH);
        assert_eq!(texts(&read_from("bob", &mut reader, end)), ["bob: of bob, begun before"]);
        let (begin, end) = halves("late", "of bob, begun after");
        read_from("bob", &mut reader, begin);
        assert_eq!(texts(&read_from("bob", &mut reader, end)), ["bob: of bob, begun after"]);
        assert!(read_from("ann", &mut reader, halves("0", "x").1).is_empty(), "long gone");
        assert_eq!(texts(&read_from("ann", &mut reader, halves("999", "x").1)), ["ann: x"]);
    }

    #[test]
    fn endless_streams_of_many_are_cut_off_and_a_text_that_begins_then_is_read() {
        let mut reader = ChatReader::default();
        for n in 0..1000 {
            read_from(&format!("guest {n}"), &mut reader, halves("m", "x").0);
        }
        assert_eq!(reader.open.len(), OPEN_STREAMS);
        let (begin, end) = halves("m", "still here");
        read_from("bob", &mut reader, begin);
        assert_eq!(texts(&read_from("bob", &mut reader, end)), ["bob: still here"]);
    }

    #[test]
    fn endless_chunks_end_their_own_stream_also_where_nothing_is_in_them() {
        let mut reader = ChatReader::default();
        for who in ["ann", "bob"] {
            read_from(who, &mut reader, halves("m", "x").0);
        }
        for index in 0..=MOST_CHUNKS as u64 {
            reader.chunk("ann".into(), Chunk { stream_id: "m".into(), chunk_index: index, ..Chunk::default() });
        }
        assert_eq!(reader.open.iter().map(|stream| stream.from.as_str()).collect::<Vec<_>>(), ["bob"]);
        assert!(read_from("ann", &mut reader, halves("m", "x").1).is_empty());
        assert_eq!(texts(&read_from("bob", &mut reader, halves("m", "x").1)), ["bob: x"]);
    }

    #[test]
    fn a_text_that_begins_again_is_read_from_its_new_beginning() {
        let mut reader = ChatReader::default();
        let mut packets = encode(&message("x"));
        packets.insert(0, packets[0].clone());
        assert_eq!(read(&mut reader, packets), [message("x")]);
        assert!(reader.open.is_empty());
    }

    #[test]
    fn what_a_leaver_began_is_forgotten_and_of_nobody_else() {
        let mut reader = ChatReader::default();
        for who in ["ann", "bob"] {
            read_from(who, &mut reader, halves("m", "x").0);
        }
        reader.forget(&"ann".into());
        assert!(read_from("ann", &mut reader, halves("m", "x").1).is_empty());
        assert_eq!(texts(&read_from("bob", &mut reader, halves("m", "x").1)), ["bob: x"]);
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
