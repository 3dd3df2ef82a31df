//! Hands what the session tells to everybody who listens.

use std::collections::VecDeque;

use beckon_protocol::channel::app::{Chat, Closed, Members, Notice, RoomState};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::event::SessionEvent;

/// Texts kept for a window that is opened or reloaded later.
const HISTORY: usize = 500;
/// Notices kept for the first who listens: what goes wrong while a room opens would be told to nobody.
const UNHEARD: usize = 16;

#[derive(Default)]
struct Told {
    listeners: Vec<mpsc::UnboundedSender<SessionEvent>>,
    state: Option<RoomState>,
    members: Option<Members>,
    chat: VecDeque<Chat>,
    unheard: Vec<Notice>,
    closed: Option<Closed>,
}

/// The listeners, and what a late one must be told first.
#[derive(Default)]
pub(crate) struct Hub {
    told: Mutex<Told>,
}

impl Hub {
    pub(crate) fn tell(&self, event: SessionEvent) {
        let mut told = self.told.lock();
        match &event {
            SessionEvent::State(state) => told.state = Some(state.clone()),
            SessionEvent::Members(members) => told.members = Some(members.clone()),
            SessionEvent::Chat(chat) => {
                if told.chat.len() == HISTORY {
                    told.chat.pop_front();
                }
                told.chat.push_back(chat.clone());
            }
            SessionEvent::Notice(notice) => {
                if told.listeners.is_empty() && told.unheard.len() < UNHEARD {
                    told.unheard.push(notice.clone());
                }
            }
            SessionEvent::Closed(closed) => told.closed = Some(closed.clone()),
        }
        told.listeners.retain(|l| l.send(event.clone()).is_ok());
        if told.closed.is_some() {
            told.listeners.clear();
        }
    }

    pub(crate) fn subscribe(&self) -> mpsc::UnboundedReceiver<SessionEvent> {
        let (tx, rx) = mpsc::unbounded_channel();
        let mut told = self.told.lock();
        let first = [
            told.state.clone().map(SessionEvent::State),
            told.members.clone().map(SessionEvent::Members),
            told.closed.clone().map(SessionEvent::Closed),
        ];
        let unheard = std::mem::take(&mut told.unheard).into_iter().map(SessionEvent::Notice);
        let [state, members, closed] = first;
        for event in [state, members].into_iter().flatten().chain(unheard).chain(closed) {
            // `rx` is alive: it is returned below.
            let _ = tx.send(event);
        }
        if told.closed.is_none() {
            told.listeners.push(tx);
        }
        rx
    }

    pub(crate) fn chat(&self) -> Vec<Chat> {
        self.told.lock().chat.iter().cloned().collect()
    }

    pub(crate) fn closed(&self) -> Option<Closed> {
        self.told.lock().closed.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_protocol::{Code, channel::app::RoomPhase};

    #[test]
    fn what_went_wrong_before_anybody_listened_is_told_to_the_first_who_does() {
        let hub = Hub::default();
        let notice = |code: Code| Notice { room_id: "r".into(), code, message: code.text().into() };
        hub.tell(SessionEvent::Notice(notice(Code::CameraElsewhere)));
        let mut first = hub.subscribe();
        hub.tell(SessionEvent::Notice(notice(Code::CameraLost)));
        let mut second = hub.subscribe();
        assert_eq!(first.try_recv().unwrap(), SessionEvent::Notice(notice(Code::CameraElsewhere)));
        assert_eq!(first.try_recv().unwrap(), SessionEvent::Notice(notice(Code::CameraLost)));
        assert!(second.try_recv().is_err());
    }

    #[test]
    fn a_late_listener_learns_the_state_and_the_end() {
        let hub = Hub::default();
        let state = RoomState {
            room_id: "r".into(),
            phase: RoomPhase::Connected,
            camera: true,
            microphone: true,
            speaker: true,
            screen: false,
            guest_link: String::new(),
        };
        hub.tell(SessionEvent::State(state.clone()));
        let mut early = hub.subscribe();
        assert_eq!(early.try_recv().unwrap(), SessionEvent::State(state));
        let closed = Closed { room_id: "r".into(), code: Code::RoomDestroyed, msg: "over".into() };
        hub.tell(SessionEvent::Closed(closed.clone()));
        assert_eq!(early.try_recv().unwrap(), SessionEvent::Closed(closed.clone()));
        assert!(matches!(early.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
        let mut late = hub.subscribe();
        assert!(matches!(late.try_recv().unwrap(), SessionEvent::State(_)));
        assert_eq!(late.try_recv().unwrap(), SessionEvent::Closed(closed));
    }
}
