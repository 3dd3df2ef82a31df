//! What a session tells, one to one with the channel's notifications.

use beckon_protocol::channel::{
    Event,
    app::{Chat, Closed, Members, Notice, RoomState},
};

/// Something a page or a script wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The room's phase, ID or our own devices changed.
    State(RoomState),
    /// The member list changed.
    Members(Members),
    /// A text came, or one of ours was sent.
    Chat(Chat),
    /// Something went wrong that does not end the room, or something is well again.
    Notice(Notice),
    /// The room is over. Always the last event.
    Closed(Closed),
}

impl SessionEvent {
    /// The channel's notification for it.
    pub fn to_channel(&self) -> Event {
        match self.clone() {
            Self::State(state) => Event::RoomState(state),
            Self::Members(members) => Event::Members(members),
            Self::Chat(chat) => Event::Chat(chat),
            Self::Notice(notice) => Event::Notice(notice),
            Self::Closed(closed) => Event::Closed(closed),
        }
    }
}
