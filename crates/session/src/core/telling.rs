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
        self.own.camera = self.camera.is_running() && self.camera_track.is_sent();
        self.own.microphone = self.microphone.is_running() && self.microphone_track.is_sent();
        self.own.synthetic = self.camera.is_synthetic();
        self.own.screen = self.screen.is_running();
        self.view.members = self.members.views(&self.own, self.own_role());
        self.view.may_publish = !self.is_barred();
        self.view.camera = self.camera.view();
        self.view.microphone = self.microphone.view();
        let unsent = [(&self.camera, &self.camera_track), (&self.microphone, &self.microphone_track)]
            .map(|(device, track)| track.problem().filter(|_| device.is_running()));
        for (view, unsent) in [&mut self.view.camera, &mut self.view.microphone].into_iter().zip(unsent) {
            view.problem = view.problem.or(unsent.map(|e| e.code));
        }
        self.view.speaker = self.speaker.view();
        self.view.talk = self.talk_view();
        self.view.screen = self.screen.view();
        let problems = [&self.camera, &self.microphone, &self.speaker].into_iter().filter_map(|d| d.problem());
        let problems = problems.chain(unsent.into_iter().flatten()).chain(self.screen.problems());
        let mut notices: Vec<NoticeView> = problems.map(NoticeView::from).collect();
        let devices = [&self.camera, &self.microphone, &self.speaker];
        let replaced = devices.into_iter().filter_map(|d| d.stands_in());
        let given_up = devices.into_iter().filter_map(|d| d.given_up());
        notices.extend(replaced.chain(given_up).map(NoticeView::from));
        if self.media_unreachable {
            notices.push(Code::MediaUnreachable.into());
        }
        if self.is_too_much() {
            notices.push(Code::MachineBusy.into());
        }
        // Camera and microphone may want for the same thing; it is said once.
        let mut said = Vec::new();
        notices.retain(|n| {
            !said.contains(&n.code) && {
                said.push(n.code);
                true
            }
        });
        self.view.notices = notices;

        let state = RoomState {
            room_id: self.view.room_id.clone(),
            phase: self.view.phase,
            camera: self.own.camera,
            microphone: self.own.microphone,
            speaker: self.speaker.is_running(),
            screen: self.screen.is_sent(),
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
