//! The one clock of all media on this machine.

use std::ops::{Add, AddAssign, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: nanoseconds on this machine's monotonic clock.
///
/// The clock is `CLOCK_MONOTONIC` (the performance counter on Windows), the same in all processes of the
/// machine, so times of two processes may be compared. Its origin is arbitrary; it never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct MediaTime(
    /// Nanoseconds since the clock's origin.
    pub i64,
);

impl MediaTime {
    /// The time now.
    pub fn now() -> Self {
        Self(monotonic_ns())
    }

    /// `ms` milliseconds after the clock's origin; for tests that move the clock by hand.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms * 1_000_000)
    }

    /// Whole milliseconds since the clock's origin.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Signed distance `self - other` in nanoseconds.
    pub const fn nanos_since(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}

impl Add<Duration> for MediaTime {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(nanos(d)))
    }
}

impl AddAssign<Duration> for MediaTime {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Sub<Duration> for MediaTime {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(d)))
    }
}

/// UNIX time in microseconds at which the monotonic clock shows (or showed, or will show) `t`.
///
/// The distance between the two clocks is read anew each time, so a step of the wall clock is followed at once.
pub fn unix_time_of(t: MediaTime) -> i64 {
    (t.0 + wall_offset_ns()).div_euclid(1_000)
}

/// The monotonic time of a UNIX time in microseconds; the inverse of [`unix_time_of`].
pub fn media_time_of_unix(unix_us: i64) -> MediaTime {
    MediaTime(unix_us.saturating_mul(1_000) - wall_offset_ns())
}

/// UNIX time minus monotonic time, in nanoseconds.
fn wall_offset_ns() -> i64 {
    // A pre-emption between the two readings would show up as an error: read the monotonic clock on both
    // sides of the wall clock and keep the tightest of a few tries.
    let mut best = (i64::MAX, 0);
    for _ in 0..4 {
        let before = monotonic_ns();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos);
        let gap = monotonic_ns() - before;
        if gap < best.0 {
            best = (gap, wall - (before + gap / 2));
        }
        if gap < 2_000 {
            break;
        }
    }
    best.1
}

#[cfg(unix)]
fn monotonic_ns() -> i64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid, writable timespec; CLOCK_MONOTONIC exists on every supported system.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    #[allow(clippy::unnecessary_cast)] // 32-bit on some targets
    {
        ts.tv_sec as i64 * 1_000_000_000 + ts.tv_nsec as i64
    }
}

#[cfg(windows)]
fn monotonic_ns() -> i64 {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn QueryPerformanceCounter(count: *mut i64) -> i32;
        fn QueryPerformanceFrequency(frequency: *mut i64) -> i32;
    }
    static FREQUENCY: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    let frequency = *FREQUENCY.get_or_init(|| {
        let mut f = 0;
        // SAFETY: `f` is a valid, writable i64; the call cannot fail since Windows XP.
        unsafe { QueryPerformanceFrequency(&mut f) };
        f.max(1)
    });
    let mut count = 0;
    // SAFETY: as above.
    unsafe { QueryPerformanceCounter(&mut count) };
    (i128::from(count) * 1_000_000_000 / i128::from(frequency)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_moves_forward() {
        let a = MediaTime::now();
        let b = MediaTime::now();
        assert!(b >= a);
        assert_eq!(a.saturating_since(b + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!((a + Duration::from_millis(5)).nanos_since(a), 5_000_000);
    }

    #[test]
    fn wall_time_and_back_is_the_same_time() {
        let t = MediaTime::now();
        let back = media_time_of_unix(unix_time_of(t));
        assert!(back.nanos_since(t).abs() < 1_000_000, "{t:?} {back:?}");
    }
}
