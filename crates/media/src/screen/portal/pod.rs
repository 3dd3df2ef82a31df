//! Values as PipeWire writes them in memory: each has its size, its kind and its bytes, padded to eight bytes, in the
//! machine's own byte order. Only what the formats of pictures need.

/// Kinds of values.
mod kind {
    pub(super) const ID: u32 = 3;
    pub(super) const INT: u32 = 4;
    pub(super) const RECTANGLE: u32 = 10;
    pub(super) const FRACTION: u32 = 11;
    pub(super) const OBJECT: u32 = 15;
    pub(super) const CHOICE: u32 = 19;
}

/// How the values of a choice are meant.
mod choice {
    /// The one wanted most, the least, the most.
    pub(super) const RANGE: u32 = 1;
    /// The one wanted most, then all that are possible.
    pub(super) const ENUM: u32 = 3;
    /// Bits that may be set.
    pub(super) const FLAGS: u32 = 4;
}

/// The size and the kind before each value.
const HEADER: usize = 8;
/// Values begin on multiples of this.
const ALIGNED: usize = 8;

/// What a property of an object may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// One of an enumeration.
    Id(u32),
    /// One of these, the first one best.
    AnyId(&'a [u32]),
    Int(i32),
    /// The best, the least and the most.
    IntRange([i32; 3]),
    /// Any of these bits.
    IntFlags(i32),
    Rectangle(u32, u32),
    RectangleRange([(u32, u32); 3]),
    Fraction(u32, u32),
    FractionRange([(u32, u32); 3]),
}

/// An object with its properties, as PipeWire takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod(Vec<u64>);

impl Pod {
    /// An object of a kind, about a parameter, with properties by their keys.
    pub(super) fn object(kind: u32, parameter: u32, properties: &[(u32, Value<'_>)]) -> Self {
        let mut body = Vec::new();
        words(&mut body, &[kind, parameter]);
        for (key, value) in properties {
            words(&mut body, &[*key, 0]);
            value.write(&mut body);
        }
        let mut bytes = Vec::new();
        put(&mut bytes, kind::OBJECT, &body);
        Self(
            bytes.chunks_exact(ALIGNED).map(|eight| u64::from_ne_bytes(eight.try_into().unwrap_or_default())).collect(),
        )
    }

    /// Where it begins; it lies on a multiple of eight bytes and says its own length.
    pub(super) fn as_ptr(&self) -> *const u64 {
        self.0.as_ptr()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }
}

impl Value<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let pair = |(a, b): (u32, u32)| [a, b];
        match *self {
            Self::Id(id) => put(out, kind::ID, &id.to_ne_bytes()),
            Self::Int(n) => put(out, kind::INT, &n.to_ne_bytes()),
            Self::Rectangle(w, h) => put(out, kind::RECTANGLE, &in_memory(&[w, h])),
            Self::Fraction(n, d) => put(out, kind::FRACTION, &in_memory(&[n, d])),
            Self::AnyId(ids) => {
                // The first one is named twice: as the best, and among those that are possible.
                let all: Vec<u32> = ids.first().into_iter().chain(ids).copied().collect();
                put_choice(out, choice::ENUM, kind::ID, 4, &all);
            }
            Self::IntRange(values) => put_choice(out, choice::RANGE, kind::INT, 4, &values.map(|n| n as u32)),
            Self::IntFlags(bits) => put_choice(out, choice::FLAGS, kind::INT, 4, &[bits as u32]),
            Self::RectangleRange(values) => {
                put_choice(out, choice::RANGE, kind::RECTANGLE, 8, values.map(pair).as_flattened());
            }
            Self::FractionRange(values) => {
                put_choice(out, choice::RANGE, kind::FRACTION, 8, values.map(pair).as_flattened());
            }
        }
    }
}

fn in_memory(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|n| n.to_ne_bytes()).collect()
}

fn words(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(in_memory(values));
}

fn put(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    words(out, &[body.len() as u32, kind]);
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(ALIGNED), 0);
}

fn put_choice(out: &mut Vec<u8>, how: u32, kind: u32, size: u32, values: &[u32]) {
    let mut body = in_memory(&[how, 0, size, kind]);
    words(&mut body, values);
    put(out, kind::CHOICE, &body);
}

/// An object that came from PipeWire.
pub(super) struct Object<'a> {
    /// Its kind.
    pub(super) kind: u32,
    properties: &'a [u8],
}

impl<'a> Object<'a> {
    /// `None` for what is no object. What is cut short has fewer properties.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (kind, body, _) = split(bytes)?;
        if kind != kind::OBJECT {
            return None;
        }
        Some(Self { kind: word(body, 0)?, properties: body.get(8..)? })
    }

    /// The property of this key. Of a choice, the value that is wanted most. `None` also for kinds that pictures do not need.
    pub(super) fn get(&self, key: u32) -> Option<Value<'static>> {
        let mut rest = self.properties;
        loop {
            let found = word(rest, 0)?;
            let (kind, body, after) = split(rest.get(8..)?)?;
            if found == key {
                return one(kind, body);
            }
            rest = after;
        }
    }
}

fn one(kind: u32, body: &[u8]) -> Option<Value<'static>> {
    Some(match kind {
        kind::ID => Value::Id(word(body, 0)?),
        kind::INT => Value::Int(word(body, 0)? as i32),
        kind::RECTANGLE => Value::Rectangle(word(body, 0)?, word(body, 1)?),
        kind::FRACTION => Value::Fraction(word(body, 0)?, word(body, 1)?),
        // A choice of choices is none.
        kind::CHOICE if word(body, 3)? != kind::CHOICE => return one(word(body, 3)?, body.get(16..)?),
        _ => return None,
    })
}

/// The first value's kind and bytes, and what comes behind it.
fn split(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (size, kind) = (word(bytes, 0)? as usize, word(bytes, 1)?);
    let body = bytes.get(HEADER..HEADER.checked_add(size)?)?;
    let end = (HEADER + size).next_multiple_of(ALIGNED).min(bytes.len());
    Some((kind, body, &bytes[end..]))
}

fn word(bytes: &[u8], n: usize) -> Option<u32> {
    let four = bytes.get(n * 4..n * 4 + 4)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all_kinds() -> Pod {
        Pod::object(
            0x40003,
            4,
            &[
                (1, Value::Id(2)),
                (2, Value::AnyId(&[8, 12])),
                (3, Value::Int(-7)),
                (4, Value::IntRange([4, 2, 8])),
                (5, Value::IntFlags(6)),
                (6, Value::Rectangle(1920, 1080)),
                (7, Value::RectangleRange([(1, 2), (3, 4), (5, 6)])),
                (8, Value::Fraction(30, 1)),
                (9, Value::FractionRange([(30, 1), (0, 1), (60, 1)])),
            ],
        )
    }

    #[test]
    fn an_object_lies_in_memory_as_pipewire_lays_it() {
        let pod = Pod::object(0x40003, 3, &[(1, Value::Id(2)), (0x20001, Value::AnyId(&[8, 12]))]);
        let expected: [u32; 19] = [
            68, 15, 0x40003, 3, // object: size, kind; kind of object, parameter
            1, 0, 4, 3, 2, 0, // key, flags; size, kind, value, padding
            0x20001, 0, 28, 19, // key, flags; size, kind
            3, 0, 4, 3, 8, // of an enumeration, flags; size and kind of each; the best
        ];
        let bytes = pod.bytes();
        for (n, value) in expected.iter().enumerate().skip(1) {
            assert_eq!(word(&bytes, n), Some(*value), "word {n}");
        }
        assert_eq!((word(&bytes, 19), word(&bytes, 20)), (Some(8), Some(12)), "what is possible");
        assert_eq!(word(&bytes, 0), Some(bytes.len() as u32 - 8));
        assert_eq!(bytes.len() % 8, 0);
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = all_kinds().bytes();
        let object = Object::read(&bytes).unwrap();
        assert_eq!(object.kind, 0x40003);
        let best = [
            Value::Id(2),
            Value::Id(8),
            Value::Int(-7),
            Value::Int(4),
            Value::Int(6),
            Value::Rectangle(1920, 1080),
            Value::Rectangle(1, 2),
            Value::Fraction(30, 1),
            Value::Fraction(30, 1),
        ];
        for (key, value) in (1..).zip(best) {
            assert_eq!(object.get(key), Some(value), "key {key}");
        }
        assert_eq!(object.get(10), None);
    }

    #[test]
    fn bytes_that_are_cut_or_bent_are_read_without_harm() {
        let whole = all_kinds().bytes();
        let look = |bytes: &[u8]| {
            if let Some(object) = Object::read(bytes) {
                for key in 0..12 {
                    object.get(key);
                }
            }
        };
        for end in 0..whole.len() {
            look(&whole[..end]);
        }
        for at in 0..whole.len() {
            for bent in [0, 1, 19, 0x7F, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] = bent;
                look(&bytes);
            }
        }
    }
}
