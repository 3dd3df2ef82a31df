//! Packet indices: sequence numbers with the count of their turns.

/// They have 48 bits (RFC 3711, 3.3.1).
const END: u64 = 1 << 48;

/// Whether a stream can have a packet of this index. A number from before the first of all, which `str0m` extends to far
/// beyond the last, is none that can be counted with.
pub fn exists(index: u64) -> bool {
    index < END
}
