//! What one direction of a network does to packets, and how that is written in a script.

use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::loss::{Burst, Loss};

/// What one direction of a network does to packets. The default is a perfect network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Profile {
    /// Which packets are lost.
    pub loss: Loss,
    /// Each packet travels this long …
    pub delay: Duration,
    /// … give or take up to this, evenly spread. Packets keep their order all the same.
    pub jitter: Duration,
    /// Share of packets, 0 … 1, that travel ahead of the jitter's order, up to `jitter` or 10 ms earlier or later than
    /// those around them.
    pub reorder: f64,
    /// Share of packets, 0 … 1, that arrive twice.
    pub duplicate: f64,
    /// Bit/s that pass, headers of UDP and IPv4 counted; 0: no limit.
    pub rate_bps: u64,
    /// Packets that would wait longer than this for the limit are lost (a drop-tail queue).
    pub queue: Duration,
    /// Nothing passes.
    pub blackout: bool,
}

/// How long the queue before a bandwidth limit is where nothing else is said: about that of an ordinary router.
pub(crate) const DEFAULT_QUEUE: Duration = Duration::from_millis(300);

/// A profile that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
pub enum ProfileError {
    /// No such word.
    #[error("there is no {0:?}; known are loss, burst, delay, jitter, reorder, duplicate, rate, queue and blackout")]
    Unknown(String),
    /// The value is none for this word.
    #[error("{value:?} is no value for {word}")]
    Value {
        /// The word.
        word: String,
        /// What stood behind it.
        value: String,
    },
}

impl Profile {
    /// A link that loses this share of packets, each by itself.
    pub fn lossy(share: f64) -> Self {
        Self { loss: Loss::Random(share), ..Self::default() }
    }

    /// A link that lets this much through, with a queue of 300 ms.
    pub fn limited(rate_bps: u64) -> Self {
        Self { rate_bps, queue: DEFAULT_QUEUE, ..Self::default() }
    }

    /// A link that takes this long.
    pub fn delayed(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// A link through which nothing passes.
    pub fn dead() -> Self {
        Self { blackout: true, ..Self::default() }
    }
}

/// Words separated by spaces: `loss=0.1 burst=4 delay=50 jitter=10 reorder=0.01 duplicate=0.01 rate=300000 queue=300
/// blackout`. Shares are 0 … 1, times in ms, the rate in bit/s; `burst` is the mean number of packets lost in a row. No
/// words at all are a perfect network.
impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let mut profile = Self { queue: DEFAULT_QUEUE, ..Self::default() };
        let (mut share, mut length) = (0.0, 1.0);
        for item in text.split_ascii_whitespace() {
            let (word, value) = item.split_once('=').unwrap_or((item, ""));
            let wrong = || ProfileError::Value { word: word.to_owned(), value: value.to_owned() };
            let number = || value.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).ok_or_else(wrong);
            let part = || number().and_then(|n| if n <= 1.0 { Ok(n) } else { Err(wrong()) });
            let ms = || number().map(|n| Duration::from_secs_f64(n.min(3_600_000.0) / 1000.0));
            match word {
                "loss" => share = part()?,
                "burst" => length = number().and_then(|n| if n >= 1.0 { Ok(n) } else { Err(wrong()) })?,
                "delay" => profile.delay = ms()?,
                "jitter" => profile.jitter = ms()?,
                "reorder" => profile.reorder = part()?,
                "duplicate" => profile.duplicate = part()?,
                "rate" => profile.rate_bps = value.parse().map_err(|_| wrong())?,
                "queue" => profile.queue = ms()?,
                "blackout" if value.is_empty() => profile.blackout = true,
                "blackout" => return Err(wrong()),
                _ => return Err(ProfileError::Unknown(word.to_owned())),
            }
        }
        if share > 0.0 {
            profile.loss = if length > 1.0 { Loss::Burst(Burst { share, length }) } else { Loss::Random(share) };
        }
        Ok(profile)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_reads_as_it_is_written() {
        let profile: Profile = "loss=0.1 burst=4 delay=50 jitter=10 rate=300000 queue=200 blackout".parse().unwrap();
        assert_eq!(profile.loss, Loss::Burst(Burst { share: 0.1, length: 4.0 }));
        assert_eq!((profile.delay, profile.jitter), (Duration::from_millis(50), Duration::from_millis(10)));
        assert_eq!((profile.rate_bps, profile.queue), (300_000, Duration::from_millis(200)));
        assert!(profile.blackout);
        assert_eq!("".parse::<Profile>().unwrap(), Profile { queue: DEFAULT_QUEUE, ..Profile::default() });
        assert_eq!("loss=0.2".parse::<Profile>().unwrap().loss, Loss::Random(0.2));
    }

    #[test]
    fn what_is_no_profile_says_why() {
        assert_eq!("los=1".parse::<Profile>(), Err(ProfileError::Unknown("los".into())));
        for text in ["loss=2", "loss", "delay=-1", "rate=fast", "blackout=1", "burst=0", "jitter=NaN", "delay=inf"] {
            assert!(matches!(text.parse::<Profile>(), Err(ProfileError::Value { .. })), "{text}");
        }
    }
}
