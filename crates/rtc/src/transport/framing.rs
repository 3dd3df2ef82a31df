//! Packets on a stream: each behind its length in 16 bits, big-endian (RFC 4571).

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// The framing of ICE-TCP.
#[derive(Debug, Default)]
pub(crate) struct PacketFraming;

impl Decoder for PacketFraming {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let Some(&[high, low]) = src.first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if src.len() < 2 + length {
            src.reserve(2 + length - src.len());
            return Ok(None);
        }
        src.advance(2);
        Ok(Some(src.split_to(length).freeze()))
    }
}

impl Encoder<&[u8]> for PacketFraming {
    type Error = io::Error;

    fn encode(&mut self, packet: &[u8], dst: &mut BytesMut) -> io::Result<()> {
        let length = u16::try_from(packet.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a packet of more than 65535 bytes"))?;
        dst.reserve(2 + packet.len());
        dst.put_u16(length);
        dst.put_slice(packet);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_back_whole_however_the_stream_is_cut() {
        let mut wire = BytesMut::new();
        for packet in [&b"one"[..], b"", b"three"] {
            PacketFraming.encode(packet, &mut wire).unwrap();
        }
        let mut got = Vec::new();
        let mut buffer = BytesMut::new();
        for byte in wire {
            buffer.put_u8(byte);
            while let Some(packet) = PacketFraming.decode(&mut buffer).unwrap() {
                got.push(packet);
            }
        }
        assert_eq!(got, [&b"one"[..], b"", b"three"]);
    }

    #[test]
    fn a_packet_too_long_for_its_length_is_refused() {
        assert!(PacketFraming.encode(&vec![0; 70_000], &mut BytesMut::new()).is_err());
    }
}
