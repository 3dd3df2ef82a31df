//! Who left a moment ago, for those who could not be told then.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use livekit_protocol as proto;

/// So many are remembered at most.
const MOST: usize = 256;

/// Those who left, oldest first, each with when.
#[derive(Debug, Default)]
pub(crate) struct Departed(VecDeque<(Instant, proto::ParticipantInfo)>);

impl Departed {
    /// Somebody left; `info` is the last that is told of it. What it said of itself is of no more use to anybody.
    pub fn left(&mut self, now: Instant, info: proto::ParticipantInfo) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((
            now,
            proto::ParticipantInfo { metadata: String::new(), attributes: Default::default(), ..info },
        ));
    }

    /// Forgets who left longer ago than this.
    pub fn forget(&mut self, now: Instant, after: Duration) {
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > after) {
            self.0.pop_front();
        }
    }

    /// Those who left since then.
    pub fn since(&self, then: Instant) -> impl Iterator<Item = &proto::ParticipantInfo> {
        self.0.iter().filter(move |(at, _)| *at >= then).map(|(_, info)| info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn info(identity: String) -> proto::ParticipantInfo {
        proto::ParticipantInfo { identity, metadata: "long".to_owned(), ..Default::default() }
    }

    #[test]
    fn those_who_left_are_remembered_for_a_while() {
        let (t, mut departed) = (Instant::now(), Departed::default());
        let names = |departed: &Departed, then| departed.since(then).map(|p| p.identity.clone()).collect::<Vec<_>>();
        departed.left(t, info("ann".to_owned()));
        departed.left(t + 5 * S, info("bob".to_owned()));
        assert_eq!(names(&departed, t), ["ann", "bob"]);
        assert_eq!(names(&departed, t + S), ["bob"]);
        departed.forget(t + 30 * S, 29 * S);
        assert_eq!(names(&departed, t), ["bob"]);
        assert!(departed.since(t).all(|p| p.metadata.is_empty()));
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let (t, mut departed) = (Instant::now(), Departed::default());
        for n in 0..2 * MOST {
            departed.left(t, info(n.to_string()));
        }
        assert_eq!(departed.since(t).count(), MOST);
        assert!(departed.since(t).all(|p| p.identity != "0"));
    }
}
