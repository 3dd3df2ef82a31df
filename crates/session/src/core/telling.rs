//! What the state machine shows and tells: the view, brought up to date after each step, and what changed in it.

use beckon_protocol::{
    Code,
    channel::app::{Members as MemberList, Notice, RoomPhase, RoomState},
};

use super::{Core, Effect, Stage};
use crate::event::SessionEvent;
use crate::view::NoticeView;

impl Core {
    pub(super) fn notice(&mut self, code: Code, message: &str) {
        let room_id = self.view.room_id.clone();
        self.tell(SessionEvent::Notice(Notice { room_id, code, message: message.to_owned() }));
    }

    pub(super) fn tell(&mut self, event: SessionEvent) {
        self.out.push(Effect::Tell(event));
    }

    fn phase(&self) -> RoomPhase {
        match &self.stage {
            Stage::Over => RoomPhase::Ended,
            Stage::Running if !self.room_is_reconnecting => RoomPhase::Connected,
            Stage::Leaving { .. } => self.view.phase,
            _ if self.view.joined => RoomPhase::Reconnecting,
            _ => RoomPhase::Connecting,
        }
    }

    /// Brings the view up to date and tells what changed in it.
    pub(super) fn refresh(&mut self) {
        self.view.phase = self.phase();
        self.own.camera = self.camera.is_running();
        self.own.microphone = self.microphone.is_running();
        self.own.synthetic = self.camera.is_synthetic();
        self.own.screen = self.screen.is_running();
        self.view.members = self.members.views(&self.own);
        self.view.camera = self.camera.view();
        self.view.microphone = self.microphone.view();
        self.view.speaker = self.speaker.view();
        self.view.talk = self.talk_view();
        self.view.screen = self.screen.view();
        let problems = [&self.camera, &self.microphone, &self.speaker].into_iter().filter_map(|d| d.problem());
        let mut notices: Vec<NoticeView> =
            problems.map(|e| NoticeView { code: e.code, message: e.message.clone() }).collect();
        let replaced = [&self.camera, &self.microphone, &self.speaker].into_iter().filter_map(|d| d.stands_in());
        notices.extend(replaced.map(NoticeView::from));
        notices.extend(self.view.notices.iter().filter(|n| n.code == Code::MediaUnreachable).cloned());
        if self.is_too_much() {
            notices.push(Code::MachineBusy.into());
        }
        self.view.notices = notices;

        let state = RoomState {
            room_id: self.view.room_id.clone(),
            phase: self.view.phase,
            camera: self.own.camera,
            microphone: self.own.microphone,
            speaker: self.speaker.is_running(),
            screen: self.own.screen,
            guest_link: self.view.guest_link.clone(),
        };
        if self.told_state.as_ref() != Some(&state) {
            self.told_state = Some(state.clone());
            self.tell(SessionEvent::State(state));
        }
        let members = MemberList {
            room_id: self.view.room_id.clone(),
            members: self.view.members.iter().map(|m| m.to_member()).collect(),
        };
        if self.view.joined && self.told_members.as_ref() != Some(&members) {
            self.told_members = Some(members.clone());
            self.tell(SessionEvent::Members(members));
        }
    }
}
