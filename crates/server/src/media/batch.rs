//! Datagrams on their way to a worker: handed over together, and reports not until there is company.
//!
//! Each hand-over wakes a thread. Media and what is answered are handed over at once; reports, which come from each
//! subscriber many times a second, wait a little for something that is.

use std::time::{Duration, Instant};

/// Reports wait this long at most.
const LONGEST: Duration = Duration::from_millis(10);

/// What is to be handed to one worker.
#[derive(Debug)]
pub(super) struct Batch<T> {
    datagrams: Vec<T>,
    due: Option<Instant>,
}

impl<T> Batch<T> {
    pub(super) fn new() -> Self {
        Self { datagrams: Vec::new(), due: None }
    }

    /// Takes in a datagram that came `now`; `patient`: it may wait (see [`can_wait`]).
    pub(super) fn push(&mut self, now: Instant, patient: bool, datagram: T) {
        let due = if patient { now + LONGEST } else { now };
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        self.datagrams.push(datagram);
    }

    /// When it is to be handed over, if there is anything.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// All that is there, in the order in which it came, if it is time.
    pub(super) fn take(&mut self, now: Instant) -> Option<Vec<T>> {
        self.due.take_if(|due| *due <= now)?;
        Some(std::mem::take(&mut self.datagrams))
    }
}

/// Whether a datagram may wait: receiver reports (RFC 3550 section 6.4.2) and transport-wide congestion feedback
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1). Where one of them leads a compound packet, what
/// follows it waits, too. The first eight bytes are not encrypted (RFC 3711 section 3.4).
pub(super) fn can_wait(datagram: &[u8]) -> bool {
    const RECEIVER_REPORT: u8 = 201;
    const TRANSPORT_FEEDBACK: u8 = 205;
    const CONGESTION: u8 = 15;
    match datagram {
        [0x80..=0xbf, RECEIVER_REPORT, ..] => true,
        [first @ 0x80..=0xbf, TRANSPORT_FEEDBACK, ..] => first & 0x1f == CONGESTION,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: [u8; 2] = [0x80, 0x60];
    const REPORT: [u8; 2] = [0x81, 201];
    const CONGESTION: [u8; 2] = [0x8f, 205];
    const LOSSES: [u8; 2] = [0x81, 205];
    const KEY_FRAME_REQUEST: [u8; 2] = [0x81, 206];

    #[test]
    fn reports_wait_and_nothing_else_does() {
        assert!(can_wait(&REPORT) && can_wait(&CONGESTION));
        for other in [&MEDIA[..], &LOSSES, &KEY_FRAME_REQUEST, &[0x80, 200], &[0, 1], &[22, 254], &[0x80], &[]] {
            assert!(!can_wait(other), "{other:?}");
        }
    }

    #[test]
    fn reports_wait_for_media_and_go_before_it_if_they_came_before() {
        let now = Instant::now();
        let mut batch = Batch::new();
        assert_eq!(batch.due(), None);
        batch.push(now, true, "report");
        assert_eq!(batch.due(), Some(now + LONGEST));
        assert_eq!(batch.take(now), None);
        let later = now + LONGEST / 2;
        batch.push(later, false, "media");
        assert_eq!(batch.take(later), Some(vec!["report", "media"]));
        assert_eq!((batch.due(), batch.take(later + LONGEST)), (None, None));
    }

    #[test]
    fn reports_alone_go_when_the_first_has_waited_long_enough() {
        let now = Instant::now();
        let mut batch = Batch::new();
        batch.push(now, true, 1);
        batch.push(now + LONGEST / 2, true, 2);
        assert_eq!(batch.take(now + LONGEST * 9 / 10), None);
        assert_eq!(batch.take(now + LONGEST), Some(vec![1, 2]));
    }
}
