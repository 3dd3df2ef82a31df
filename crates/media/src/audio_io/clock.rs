//! The time of each sample, from what the sound system says about each call.

use std::time::Duration;

use crate::clock::MediaTime;

/// Gives samples their times: counted by the device's own pace, which is smooth, and drawn slowly towards what the
/// sound system says about each call, which jitters but does not drift.
pub(super) struct SampleClock {
    jump: Duration,
    next: Option<MediaTime>,
}

impl SampleClock {
    /// A clock that is set anew when it is off by more than `jump`.
    pub(super) fn new(jump: Duration) -> Self {
        Self { jump, next: None }
    }

    /// The time of the first of `samples` at `rate`; `measured` is the sound system's opinion.
    pub(super) fn first_sample(&mut self, measured: MediaTime, samples: usize, rate: u32) -> MediaTime {
        let at = match self.next {
            Some(next) => {
                let off = measured.nanos_since(next);
                if off.unsigned_abs() > self.jump.as_nanos() as u64 { measured } else { MediaTime(next.0 + off / 64) }
            }
            None => measured,
        };
        self.next = Some(at + span(samples, rate));
        at
    }
}

/// How long so many samples last.
pub(super) fn span(samples: usize, rate: u32) -> Duration {
    Duration::from_nanos(samples as u64 * 1_000_000_000 / u64::from(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_clock_is_followed_and_a_gap_is_jumped() {
        let mut clock = SampleClock::new(Duration::from_millis(80));
        // The device's 48 kHz are 200 ppm slow: 480 samples take 10.002 ms.
        let mut last = 0;
        for i in 0..5000i64 {
            let measured = MediaTime(i * 10_002_000);
            last = measured.nanos_since(clock.first_sample(measured, 480, 48_000));
        }
        assert!(last.abs() < 1_000_000, "{last} ns behind after 50 s");
        let later = MediaTime(5000 * 10_002_000 + 3_000_000_000);
        assert_eq!(clock.first_sample(later, 480, 48_000), later);
    }
}
