//! Reliable data on its way to the server. What the channel took is kept until it is acknowledged: where a connection
//! dies unnoticed, the next one carries it.

use std::collections::VecDeque;

/// Packets that wait for their channel, and as many that wait for the server's word that they came.
const MOST: usize = 1000;

/// One data packet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Packet {
    bytes: Vec<u8>,
    /// The ID of the text whose last packet this is.
    ends: Option<String>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Packet>,
    /// The channel has them; whether the server does is not known.
    handed: VecDeque<Packet>,
    /// Texts so far behind what the channel took since that they need not be kept; they are told with the next.
    long_gone: Vec<String>,
}

impl Outbox {
    /// Takes a packet in; `ends` is the ID of the text whose last packet it is. False where too many wait already.
    pub(super) fn push(&mut self, bytes: Vec<u8>, ends: Option<String>) -> bool {
        let room = self.waiting.len() < MOST;
        if room {
            self.waiting.push_back(Packet { bytes, ends });
        }
        room
    }

    /// What goes next.
    pub(super) fn next(&self) -> Option<&[u8]> {
        self.waiting.front().map(|packet| packet.bytes.as_slice())
    }

    /// The channel took it.
    pub(super) fn handed_over(&mut self) {
        if self.handed.len() == MOST {
            self.long_gone.extend(self.handed.pop_front().and_then(|packet| packet.ends));
        }
        self.handed.extend(self.waiting.pop_front());
    }

    /// Whether anything waits for the server's word.
    pub(super) fn is_unsure(&self) -> bool {
        !self.handed.is_empty()
    }

    /// The server has all that the channel took; the IDs of the texts among it, oldest first.
    pub(super) fn acknowledged(&mut self) -> Vec<String> {
        self.long_gone.drain(..).chain(self.handed.drain(..).filter_map(|packet| packet.ends)).collect()
    }

    /// The channel is gone, and a new one comes: what it may not have delivered goes again, in the same order. Receivers
    /// know a text that comes twice by its ID.
    pub(super) fn channel_gone(&mut self) {
        while let Some(packet) = self.handed.pop_back() {
            self.waiting.push_front(packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands everything over; what that was, in short.
    fn hand_over(outbox: &mut Outbox) -> String {
        let mut done = String::new();
        while let Some(bytes) = outbox.next() {
            done.push_str(&String::from_utf8_lossy(bytes));
            outbox.handed_over();
        }
        done
    }

    fn filled() -> Outbox {
        let mut outbox = Outbox::default();
        for (bytes, ends) in [("a", None), ("b", Some("first")), ("c", Some("second"))] {
            assert!(outbox.push(bytes.into(), ends.map(str::to_owned)));
        }
        outbox
    }

    #[test]
    fn what_was_acknowledged_is_forgotten_and_its_texts_are_named() {
        let mut outbox = filled();
        outbox.handed_over();
        assert!(outbox.acknowledged().is_empty(), "of the first text only a part is there");
        assert_eq!(hand_over(&mut outbox), "bc");
        assert!(outbox.is_unsure());
        assert_eq!(outbox.acknowledged(), ["first", "second"]);
        assert!(!outbox.is_unsure());
        outbox.channel_gone();
        assert_eq!(hand_over(&mut outbox), "");
    }

    #[test]
    fn a_new_channel_carries_what_the_old_one_may_not_have_delivered() {
        let mut outbox = filled();
        outbox.handed_over();
        outbox.handed_over();
        outbox.channel_gone();
        assert!(!outbox.is_unsure());
        assert_eq!(hand_over(&mut outbox), "abc");
        assert_eq!(outbox.acknowledged(), ["first", "second"]);
    }

    #[test]
    fn no_more_is_kept_than_that() {
        let mut outbox = filled();
        hand_over(&mut outbox);
        for _ in 0..MOST {
            assert!(outbox.push(b"x".to_vec(), None));
        }
        assert!(!outbox.push(b"y".to_vec(), None), "that many wait already");
        hand_over(&mut outbox);
        assert_eq!(outbox.handed.len(), MOST);
        assert_eq!(outbox.acknowledged(), ["first", "second"]);
        assert!(outbox.push(b"y".to_vec(), None));
    }
}
