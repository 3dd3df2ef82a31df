//! Frames on TCP: two bytes of length, then that many bytes of a datagram (RFC 4571).

use bytes::{Buf, BytesMut};

/// Longest frame taken from a client: no datagram of ours is longer.
pub(super) const MAX_FRAME: usize = 2_048;

/// A frame is longer than any datagram: the other end does not speak this protocol.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes is longer than any datagram")]
pub(super) struct FrameTooLong(usize);

/// Takes the next whole frame out of what was received.
pub(super) fn next_frame(received: &mut BytesMut) -> Result<Option<BytesMut>, FrameTooLong> {
    let [high, low, rest @ ..] = &received[..] else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > MAX_FRAME {
        return Err(FrameTooLong(length));
    }
    if rest.len() < length {
        return Ok(None);
    }
    received.advance(2);
    Ok(Some(received.split_to(length)))
}

/// Puts a datagram into a frame. `None` if it is too long for one.
pub(super) fn frame(datagram: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(datagram.len()).ok()?;
    let mut frame = Vec::with_capacity(2 + datagram.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(datagram);
    Some(frame)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        let bytes = [frame(b"hello").unwrap(), frame(b"").unwrap(), frame(b"you").unwrap()].concat();
        let mut received = BytesMut::new();
        let mut frames = Vec::new();
        for byte in bytes {
            received.extend_from_slice(&[byte]);
            while let Some(f) = next_frame(&mut received).unwrap() {
                frames.push(f);
            }
        }
        assert_eq!(frames, [&b"hello"[..], b"", b"you"]);
    }

    #[test]
    fn a_frame_longer_than_a_datagram_ends_the_connection() {
        let mut received = BytesMut::from(&[0xff, 0xff, 1][..]);
        assert_eq!(next_frame(&mut received), Err(FrameTooLong(0xffff)));
    }
}
