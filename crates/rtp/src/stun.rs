//! STUN as far as it is read beside the ICE agent (RFC 8489).

/// Bytes before the attributes (RFC 8489, 5).
pub const HEADER: usize = 20;
/// What a binding request begins with: its type (RFC 8489, 18.1).
pub const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
/// Tells STUN from other protocols: bytes 4 to 7 (RFC 8489, 5).
pub const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// `USERNAME` (RFC 8489, 14.3).
pub const USERNAME: u16 = 0x0006;
/// `MESSAGE-INTEGRITY` (RFC 8489, 14.5): attributes after it are anybody's.
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
/// `USE-CANDIDATE` (RFC 8445, 7.1.2).
pub const USE_CANDIDATE: u16 = 0x0025;

/// Whether a packet is STUN, by its first byte (RFC 7983).
pub fn is_stun(packet: &[u8]) -> bool {
    packet.first().is_some_and(|b| *b < 2)
}

/// Whether it is a binding request: a check of the road it came on.
pub fn is_binding_request(packet: &[u8]) -> bool {
    packet.starts_with(&BINDING_REQUEST)
}

/// Types and values of its attributes, up to one that is cut off.
pub fn attributes(packet: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = packet.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let [a, b, c, d, after @ ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        let value = after.get(..length)?;
        // Values are padded to four bytes.
        rest = after.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_be_bytes([*a, *b]), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_and_its_attributes_are_read_as_far_as_they_go() {
        let mut request = vec![0, 1, 0, 16];
        request.extend(MAGIC_COOKIE);
        request.extend([7; 12]);
        request.extend([0, 6, 0, 3, b'a', b'b', b'c', 0, 0, 0x25, 0, 0, 0, 8, 0, 20, 1]);
        assert!(is_stun(&request) && is_binding_request(&request));
        let expected: [(u16, &[u8]); 2] = [(USERNAME, b"abc"), (USE_CANDIDATE, b"")];
        assert_eq!(attributes(&request).collect::<Vec<_>>(), expected);
        for cut in 0..request.len() {
            assert!(attributes(&request[..cut]).count() <= 2);
        }
        assert!(!is_stun(&[0x80, 96]) && !is_stun(&[]));
        assert!(!is_binding_request(&[1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]), "an answer");
    }
}
