//! Datagrams on a TCP connection: each behind its length in two bytes, big-endian (RFC 4571).

use bytes::{Buf, BytesMut};

/// A frame is longer than it may be: a datagram does not fit, or the other end does not speak this protocol.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes is longer than any datagram")]
pub struct FrameTooLong(usize);

/// Takes the next whole frame out of what was received; `None` until all of it is there.
///
/// # Errors
/// [`FrameTooLong`] as soon as its length says more than `longest`: what follows cannot be told apart any more.
pub fn next_frame(received: &mut BytesMut, longest: usize) -> Result<Option<BytesMut>, FrameTooLong> {
    let [high, low, rest @ ..] = &received[..] else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > longest {
        return Err(FrameTooLong(length));
    }
    if rest.len() < length {
        return Ok(None);
    }
    received.advance(2);
    Ok(Some(received.split_to(length)))
}

/// Appends a datagram as a frame.
///
/// # Errors
/// [`FrameTooLong`], with nothing appended, where its length does not fit into two bytes.
pub fn put_frame(out: &mut Vec<u8>, datagram: &[u8]) -> Result<(), FrameTooLong> {
    let length = u16::try_from(datagram.len()).map_err(|_| FrameTooLong(datagram.len()))?;
    out.reserve(2 + datagram.len());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(datagram);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        let mut wire = Vec::new();
        for datagram in [&b"hello"[..], b"", b"you"] {
            put_frame(&mut wire, datagram).unwrap();
        }
        let mut received = BytesMut::new();
        let mut frames = Vec::new();
        for byte in wire {
            received.extend_from_slice(&[byte]);
            while let Some(frame) = next_frame(&mut received, 5).unwrap() {
                frames.push(frame);
            }
        }
        assert_eq!(frames, [&b"hello"[..], b"", b"you"]);
    }

    #[test]
    fn a_frame_longer_than_it_may_be_is_known_by_its_length_alone() {
        let mut received = BytesMut::from(&[0xff, 0xff][..]);
        assert_eq!(next_frame(&mut received, 2_048), Err(FrameTooLong(0xffff)));
        assert_eq!(next_frame(&mut received, 0xffff), Ok(None));
    }

    #[test]
    fn a_datagram_too_long_for_its_length_is_refused_and_leaves_nothing_behind() {
        let mut out = Vec::new();
        assert_eq!(put_frame(&mut out, &vec![0; 70_000]), Err(FrameTooLong(70_000)));
        assert!(out.is_empty());
    }
}
