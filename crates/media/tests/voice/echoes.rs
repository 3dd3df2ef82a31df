//! What the microphone hears of the loudspeakers; shared with the bench.

use beckon_test_sound::{RATE, room::Room};

/// Of two loudspeakers, the right one further away than the left.
pub fn echo_of_both([left, right]: [&[f32]; 2], delay_ms: usize) -> Vec<f32> {
    let further = Room { speaker: [2.1, 1.0, 0.9], ..Room::office() };
    let (left, right) = (Room::office().echo(left, delay_ms), further.echo(right, delay_ms));
    left.iter().zip(right).map(|(l, r)| l + r).collect()
}

/// What changes in mid-call, and nobody is told of it.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The loudspeaker becomes 12 dB louder.
    Louder,
    /// The loudspeaker becomes 12 dB quieter.
    Quieter,
    /// The loudspeaker pauses for 60 ms and goes on where it was.
    Later,
    /// The loudspeaker leaves 60 ms out.
    Earlier,
    /// The microphone is taken to another place on the table.
    Moved,
}

impl Change {
    /// What the microphone hears of `played` when this happens `at` seconds; 120 ms late.
    pub fn echo(self, played: &[f32], at: usize) -> Vec<f32> {
        let (at, jump) = (at * RATE, RATE * 60 / 1000);
        let office = Room::office();
        let (earlier, later) = played.split_at(at);
        let pause = vec![0.0; jump];
        let scaled = |by: f32| {
            let echo = office.echo(played, 120).into_iter().enumerate();
            echo.map(|(n, s)| if n < at { s } else { s * by }).collect()
        };
        match self {
            Self::Louder => scaled(4.0),
            Self::Quieter => scaled(0.25),
            Self::Later => office.echo(&[earlier, &pause, &later[..later.len() - jump]].concat(), 120),
            Self::Earlier => office.echo(&[earlier, &later[jump..], &pause].concat(), 120),
            Self::Moved => {
                let moved = Room { microphone: [1.9, 1.6, 0.95], ..Room::office() };
                [&office.echo(played, 120)[..at], &moved.echo(played, 120)[at..]].concat()
            }
        }
    }
}
