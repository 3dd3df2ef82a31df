//! What of a stream is kept so that it can be sent once more (RFC 4585, 4588).

use std::time::Duration;

use str0m::rtp::StreamTx;

/// What is kept at most, by its age.
const REPAIRABLE: Duration = Duration::from_secs(3);
/// Repairs stop when they are this share of all that is sent: then the network is not lossy but full, and what is sent has to
/// become less. Below it they must not stop, as each picture that is not repaired costs a key frame.
const MOST_REPAIRS: f32 = 0.45;

/// From now on nothing of what this stream has sent is repaired; of what it sends, at most `packets` are kept.
pub fn forget_sent(stream: &mut StreamTx, packets: usize) {
    stream.set_rtx_cache(packets, REPAIRABLE, Some(MOST_REPAIRS));
}
