//! Closing a room's window: whoever would end the room for others by it is asked first, in the window's page.

use std::time::{Duration, Instant};

use beckon_protocol::room::Role;
use beckon_session::RoomView;

/// Two wishes this close together are one: a double click on the window's X.
const ONE_WISH: Duration = Duration::from_secs(1);

/// What to do with a window that is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It closes.
    Close,
    /// Its page asks.
    Ask,
    /// Its page is asking.
    Wait,
}

/// What became of the wishes to close a window.
#[derive(Debug, Default)]
pub struct Closing {
    /// When the page was told to ask; none once the person has said that they stay.
    asked: Option<Instant>,
}

impl Closing {
    /// The person wants to close the window. A second wish goes through, whether the page asked or does not answer.
    pub fn wished(&mut self, now: Instant, ends_it_for_others: bool) -> Verdict {
        if !ends_it_for_others {
            return Verdict::Close;
        }
        match self.asked {
            None => {
                self.asked = Some(now);
                Verdict::Ask
            }
            Some(asked) if now.saturating_duration_since(asked) < ONE_WISH => Verdict::Wait,
            Some(_) => Verdict::Close,
        }
    }

    /// The person stays after all.
    pub fn stays(&mut self) {
        self.asked = None;
    }
}

/// Whether our leaving is everybody's end, and somebody else is there. As the page's toolbar decides it.
pub fn ends_it_for_others(view: &RoomView) -> bool {
    view.end.is_none() && view.members.len() > 1 && view.members.iter().any(|m| m.is_local && m.role == Role::Creator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ends_nobodys_room_just_closes() {
        assert_eq!(Closing::default().wished(Instant::now(), false), Verdict::Close);
    }

    #[test]
    fn who_ends_it_for_others_is_asked_and_a_second_wish_goes_through() {
        let (mut closing, start) = (Closing::default(), Instant::now());
        assert_eq!(closing.wished(start, true), Verdict::Ask);
        assert_eq!(closing.wished(start + ONE_WISH / 2, true), Verdict::Wait, "a double click is one wish");
        assert_eq!(closing.wished(start + ONE_WISH, true), Verdict::Close, "also where no page answers");
    }

    #[test]
    fn who_stays_is_asked_again() {
        let (mut closing, start) = (Closing::default(), Instant::now());
        assert_eq!(closing.wished(start, true), Verdict::Ask);
        closing.stays();
        assert_eq!(closing.wished(start + 10 * ONE_WISH, true), Verdict::Ask);
    }
}
