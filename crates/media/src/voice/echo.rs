//! The echo canceller at work, and its successor when what is played becomes wide or narrow.

use super::canceller::EchoCanceller;
use super::far_end::{Mono, Stereo};
use crate::frame::SAMPLES_PER_CHANNEL;

/// So many frames a successor listens before it takes over: 1.5 s, in which it finds the delay and the room.
const LEARNING: u32 = 150;

/// Takes away the echo of one sound or, where the two loudspeakers play different things, of two. The second filter costs
/// a third more, so there is one only while it has something to do; and as a canceller cannot be widened at work, another
/// one learns beside it first.
pub(super) struct Echo {
    at_work: EchoCanceller,
    /// The successor and the frames that it still learns.
    successor: Option<(EchoCanceller, u32)>,
}

impl Echo {
    pub(super) fn new(wide: bool) -> Self {
        Self { at_work: EchoCanceller::new(wide), successor: None }
    }

    /// Whether the reference's side is listened to.
    pub(super) fn is_wide(&self) -> bool {
        self.at_work.is_wide() || self.successor.as_ref().is_some_and(|(next, _)| next.is_wide())
    }

    /// What is played is wide from now on, or narrow.
    pub(super) fn expect(&mut self, wide: bool) {
        if self.at_work.is_wide() == wide {
            self.successor = None;
        } else if self.successor.is_none() {
            self.successor = Some((EchoCanceller::new(wide), LEARNING));
        }
    }

    /// Takes 10 ms of what the loudspeakers play.
    pub(super) fn play(&mut self, played: &Stereo) {
        self.at_work.play(played);
        if let Some((next, _)) = &mut self.successor {
            next.play(played);
        }
    }

    /// Takes the echo out of 10 ms of the microphone's sound; with `high_pass`, what is below 80 Hz too.
    pub(super) fn cancel(&mut self, near: &mut Mono, high_pass: bool) {
        let Some((mut next, left)) = self.successor.take() else {
            return self.at_work.cancel(near, high_pass);
        };
        let mut learnt = *near;
        next.cancel(&mut learnt, high_pass);
        self.at_work.cancel(near, high_pass);
        if left > 1 {
            self.successor = Some((next, left - 1));
            return;
        }
        // From the one to the other without a click.
        for (n, (near, learnt)) in near.iter_mut().zip(learnt).enumerate() {
            *near += (learnt - *near) * n as f32 / SAMPLES_PER_CHANNEL as f32;
        }
        self.at_work = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_takes_over_once_it_has_learnt_and_is_dropped_when_it_is_not_needed() {
        let mut echo = Echo::new(false);
        let run = |echo: &mut Echo, frames: u32| {
            for _ in 0..frames {
                echo.play(&Stereo { middle: [0.1; SAMPLES_PER_CHANNEL], side: [0.0; SAMPLES_PER_CHANNEL] });
                echo.cancel(&mut [0.0; SAMPLES_PER_CHANNEL], true);
            }
        };
        assert!(!echo.is_wide());
        echo.expect(true);
        assert!(echo.is_wide(), "it listens to the side at once");
        run(&mut echo, LEARNING - 1);
        assert!(!echo.at_work.is_wide());
        echo.expect(false);
        assert!(!echo.is_wide());
        echo.expect(true);
        for _ in 0..LEARNING {
            echo.expect(true);
            run(&mut echo, 1);
        }
        assert!(echo.at_work.is_wide() && echo.successor.is_none());
    }
}
