//! What the microphone hears of the loudspeakers; shared with the bench.

use beckon_test_sound::room::Room;

/// Of two loudspeakers, the right one further away than the left.
pub fn echo_of_both([left, right]: [&[f32]; 2], delay_ms: usize) -> Vec<f32> {
    let further = Room { speaker: [2.1, 1.0, 0.9], ..Room::office() };
    let (left, right) = (Room::office().echo(left, delay_ms), further.echo(right, delay_ms));
    left.iter().zip(right).map(|(l, r)| l + r).collect()
}
