//! The session as a pure state machine: what happened and when goes in, what is to be done comes out.
//!
//! ```text
//! LoggingIn ─▶ Entering ─▶ Connecting ─▶ Running ─▶ Leaving ─▶ Over
//!     ▲                                    │ lost
//!     └────────────── Waiting ◀────────────┘
//! ```
//! Nothing here reads a clock, opens a socket or sleeps; the [`shell`](crate::shell) does what the effects say.

mod audience;
mod devices;
mod elsewhere;
mod ending;
mod input;
mod joining;
mod members;
mod retry;
mod screen;
mod sizes;
mod talk;
mod telling;
#[cfg(test)]
mod tests;
mod tracks;

use std::collections::VecDeque;

use beckon_media::MediaTime;
use beckon_protocol::{
    Code,
    channel::app::{Chat, Members as MemberList, RoomState},
};
use beckon_rtc::{ChatMessage, RoomEvent};

use crate::error::SessionError;
use crate::event::SessionEvent;
use crate::rate::{Layer, announced};
use crate::request::{Entry, MicrophoneChoice, SessionRequest, SpeakerChoice};
use crate::view::RoomView;
use devices::{Change, Choice, DeviceState, Hold};
pub use input::LeaveReason;
pub(crate) use input::{Command, Device, DeviceNews, Effect, Input, Joined, ScreenNews};
use joining::MEDIA_TIMEOUT;
use members::{Members, Own};
pub(crate) use members::{SYNTHETIC, is_screen};
use screen::ScreenState;
use sizes::Sizes;
use talk::Talk;
use tracks::TrackState;

#[derive(Debug, Clone, PartialEq)]
enum Stage {
    LoggingIn,
    Entering,
    Connecting,
    Running,
    Waiting { until: MediaTime },
    Leaving { until: MediaTime, end: SessionError },
    Over,
}

/// The state machine. Feed [`handle`](Core::handle), do the effects, call again at [`deadline`](Core::deadline).
pub(crate) struct Core {
    entry: Entry,
    creates: bool,
    stage: Stage,
    /// Numbers the tries, so that a late answer to an earlier one is told apart.
    attempt: u32,
    logged_in: bool,
    /// The service counts us as a member.
    entered: bool,
    room_is_reconnecting: bool,
    lost_since: Option<MediaTime>,
    failures: u32,
    /// When to say that media does not come up.
    media_due: Option<MediaTime>,
    media_up: bool,
    /// That was said, and media has not come up since.
    media_unreachable: bool,
    members: Members,
    own: Own,
    camera: DeviceState,
    microphone: DeviceState,
    speaker: DeviceState,
    camera_track: TrackState,
    /// What the camera is to be announced with.
    layers: Vec<Layer>,
    microphone_track: TrackState,
    /// Whether the room takes tracks of ours; none until it is known, where the room may have an audience.
    may_publish: Option<bool>,
    talk: Talk,
    screen: ScreenState,
    /// This machine has too much to do: our camera's pictures are sent smaller than they could be.
    busy: bool,
    sizes: Sizes,
    chat_waiting: VecDeque<String>,
    /// Until when they wait for those who were there when the room was lost: a server that was restarted is found again by one
    /// after the other.
    chat_due: Option<MediaTime>,
    /// Texts on their way, the oldest first; the connection may be dead and nobody knows yet.
    chat_unsure: VecDeque<String>,
    view: RoomView,
    told_state: Option<RoomState>,
    told_members: Option<MemberList>,
    out: Vec<Effect>,
}

impl Core {
    /// A session about to start, and what to do first.
    pub(crate) fn start(request: &SessionRequest) -> (Self, Vec<Effect>) {
        let mut core = Self::new(request);
        core.microphone.set_stays_open(request.sound.stays_open(), &mut core.out);
        if core.may_publish.is_none() {
            core.camera.hold(Hold::Waits, &mut core.out);
            core.microphone.hold(Hold::Waits, &mut core.out);
        }
        core.begin_given_up(request);
        // Devices warm up while the server is asked: the first picture comes that much sooner.
        core.camera.start(&mut core.out);
        core.microphone.start(&mut core.out);
        core.speaker.start(&mut core.out);
        core.begin_attempt();
        core.refresh();
        let effects = std::mem::take(&mut core.out);
        (core, effects)
    }

    /// Before the first step.
    fn new(request: &SessionRequest) -> Self {
        Self {
            entry: request.entry.clone(),
            creates: request.creates(),
            stage: Stage::LoggingIn,
            attempt: 0,
            logged_in: false,
            entered: false,
            room_is_reconnecting: false,
            lost_since: None,
            failures: 0,
            media_due: None,
            media_up: false,
            media_unreachable: false,
            members: Members::with_volumes(request.volumes.clone()),
            own: Own::asked(&request.entry),
            camera: DeviceState::new(Device::Camera, (&request.camera).into(), request.camera_on),
            microphone: DeviceState::new(Device::Microphone, (&request.microphone).into(), request.microphone_on),
            // A choice of none still mixes and measures: there is always something to open.
            speaker: DeviceState::new(Device::Speaker, Choice { some: true, wanted: None }, true),
            camera_track: TrackState::new(Device::Camera),
            layers: announced(request.video),
            microphone_track: TrackState::new(Device::Microphone),
            may_publish: (!request.may_be_audience()).then_some(true),
            talk: Talk::new(request.sound, request.microphone_on && request.microphone != MicrophoneChoice::None),
            screen: ScreenState::new(),
            busy: false,
            sizes: Sizes::new(),
            chat_waiting: VecDeque::new(),
            chat_due: None,
            chat_unsure: VecDeque::new(),
            view: RoomView::asked(request),
            told_state: None,
            told_members: None,
            out: Vec::new(),
        }
    }

    /// The room as it stands.
    pub(crate) fn view(&self) -> &RoomView {
        &self.view
    }

    /// When [`Input::Timeout`] is due.
    pub(crate) fn deadline(&self) -> Option<MediaTime> {
        let stage = match &self.stage {
            Stage::Waiting { until } | Stage::Leaving { until, .. } => Some(*until),
            Stage::Over => return None,
            _ => None,
        };
        let devices = [self.camera.deadline(), self.microphone.deadline(), self.speaker.deadline()];
        devices.into_iter().chain([stage, self.media_due, self.chat_due, self.tracks_due()]).flatten().min()
    }

    /// The tile of somebody's camera or screen.
    pub(crate) fn tile(&mut self, identity: &str, screen: bool) -> beckon_media::layout::TileId {
        self.members.tile(identity, screen)
    }

    /// Our own camera's tile, once we know who we are.
    pub(crate) fn own_tile(&self) -> Option<beckon_media::layout::TileId> {
        self.view.local().map(|m| m.tile_id())
    }

    /// Something happened.
    pub(crate) fn handle(&mut self, now: MediaTime, input: Input) -> Vec<Effect> {
        if self.stage != Stage::Over {
            self.step(now, input);
            // Whatever made a device run: one that was muted while we came in has no track yet.
            self.publish();
            self.sync_sound();
            self.sync_sizes();
            self.refresh();
        }
        std::mem::take(&mut self.out)
    }

    fn step(&mut self, now: MediaTime, input: Input) {
        match input {
            Input::Command(command) => self.command(now, command),
            Input::Device { device, generation, news } => self.device_news(now, device, generation, news),
            Input::Plugged { cameras } => {
                let Self { camera, microphone, speaker, out, .. } = self;
                camera.plugged(&cameras, out);
                // They know themselves which one is theirs; one that could not be opened is tried again.
                microphone.plugged(&[], out);
                speaker.plugged(&[], out);
                self.sync_mute();
            }
            Input::Screen { generation, news } => {
                let mut told = None;
                self.too_much(|core| told = core.screen.news(generation, news, &mut core.out));
                if let Some(error) = told {
                    self.notice(error.code, &error.message);
                }
                self.publish_screen();
            }
            Input::FirstPicture(tile) => self.members.saw(tile),
            Input::Published(device) => self.track_taken(device),
            Input::PublishFailed { device, error } => self.track_refused(now, device, error),
            Input::Coded { device, failed } => self.track_coded(device, failed),
            Input::TalksMuted(talks) => self.talk.talks_muted(talks),
            Input::Busy(busy) => self.too_much(|core| core.busy = busy),
            Input::Relief(divisor) => self.too_much(|core| core.sizes.divide_by(divisor)),
            Input::Timeout => self.timeout(now),
            Input::Left => {
                if let Stage::Leaving { end, .. } = &self.stage {
                    let end = end.clone();
                    self.over(end);
                }
            }
            Input::LoggedIn { attempt, outcome } if attempt == self.attempt && self.stage == Stage::LoggingIn => {
                match outcome {
                    Ok(()) => {
                        self.logged_in = true;
                        self.enter();
                    }
                    Err(error) => self.failed(now, error),
                }
            }
            Input::Entered { attempt, outcome } if attempt == self.attempt && self.stage == Stage::Entering => {
                match outcome {
                    Ok(entrance) => self.entered(*entrance),
                    Err(error) => self.failed(now, error),
                }
            }
            Input::Joined { attempt, outcome } if attempt == self.attempt && self.stage == Stage::Connecting => {
                match outcome {
                    Ok(joined) => self.joined(now, *joined),
                    Err(error) => self.failed(now, error),
                }
            }
            Input::Room { attempt, event } if attempt == self.attempt && self.stage == Stage::Running => {
                self.room_event(now, event);
            }
            // Answers to attempts that are over.
            Input::LoggedIn { .. } | Input::Entered { .. } | Input::Joined { .. } | Input::Room { .. } => {}
        }
    }

    fn room_event(&mut self, now: MediaTime, event: RoomEvent) {
        match event {
            RoomEvent::Reconnecting { .. } => self.room_is_reconnecting = true,
            RoomEvent::Reconnected { .. } => {
                self.room_is_reconnecting = false;
                self.sizes.forget_asked();
            }
            RoomEvent::MediaConnected(up) => {
                self.media_up = up;
                self.media_due = (!up).then_some(now + MEDIA_TIMEOUT);
                self.media_unreachable &= !up;
            }
            RoomEvent::Chat(message) => self.chat(message),
            // They reach the server in the order in which they were sent.
            RoomEvent::ChatDelivered { .. } => {
                if self.chat_unsure.pop_front().is_some() {
                    self.out.push(Effect::ChatDelivered);
                }
            }
            RoomEvent::Disconnected { reason } => match retry::final_reason(&reason) {
                Some(code) => self.end(now, SessionError::of(code)),
                None => self.lost(now, retry::loss(&reason)),
            },
            event => {
                self.own_track_event(now, &event);
                self.members.take(&event);
                self.permit(self.members.may_publish());
                if self.chat_due.is_some() && !self.members.is_anybody_missing() {
                    self.chat_due = None;
                    self.send_waiting_chat();
                }
            }
        }
    }

    fn chat(&mut self, message: ChatMessage) {
        let (user_name, user_avatar) = self.members.name_of(&message.from);
        let room_id = self.view.room_id.clone();
        let user_id = message.from.to_string();
        let (message, time) = (message.text, message.time_ms);
        self.tell(SessionEvent::Chat(Chat { room_id, user_id, user_name, user_avatar, message, time }));
    }

    fn command(&mut self, now: MediaTime, command: Command) {
        if matches!(self.stage, Stage::Leaving { .. }) {
            return;
        }
        match command {
            // A window may be behind by a moment.
            Command::SetCamera(_) | Command::SetMicrophone(_) | Command::HoldToTalk(_) if self.is_barred() => {}
            Command::SetCamera(on) => {
                self.camera.set_on(on, &mut self.out);
                self.wished(Device::Camera);
            }
            Command::SetMicrophone(on) => {
                self.talk.set_wanted(on);
                self.apply_talk();
                self.wished(Device::Microphone);
            }
            Command::HoldToTalk(held) => {
                self.talk.hold(held);
                self.apply_talk();
            }
            Command::GiveUp(device) => self.give_up(device),
            Command::SetSound(settings) => {
                self.talk.set_settings(settings);
                self.apply_talk();
            }
            Command::SetVolume { user_id, percent } => self.members.set_volume(user_id, percent),
            Command::SetSpeaker(on) => self.speaker.set_on(on, &mut self.out),
            Command::ChooseCamera(choice) => {
                self.camera.choose((&choice).into(), &mut self.out);
                self.wished(Device::Camera);
            }
            Command::ChooseMicrophone(choice) => {
                self.microphone.choose((&choice).into(), &mut self.out);
                self.talk.chosen(self.microphone.is_on());
                self.wished(Device::Microphone);
            }
            Command::ChooseSpeaker(SpeakerChoice::None | SpeakerChoice::Device(_) | SpeakerChoice::Default) => {
                self.speaker.choose(Choice { some: true, wanted: None }, &mut self.out);
            }
            // The camera takes pictures of the new size; its track is announced with them once it does.
            Command::SetVideo(video) => {
                self.layers = announced(video);
                self.camera.reopen(&mut self.out);
            }
            Command::ChooseScreen(chooses) => self.screen.choose(chooses),
            Command::StartScreen(_) if self.is_barred() => self.screen.refuse(Code::Forbidden, &mut self.out),
            Command::StartScreen(share) => self.screen.start(share, &mut self.out),
            Command::StopScreen => self.screen.stop(&mut self.out),
            Command::SendChat { text, time_ms } => self.send_chat(text, time_ms),
            Command::TileSize { tile, width, height } => {
                self.sizes.show(tile, (width, height));
            }
            Command::Leave(reason) => self.leave(now, SessionError::of(reason.code())),
        }
        self.sync_mute();
        self.publish_screen();
    }

    /// Pictures give way, ours or those of others, or no more. Told when the first does.
    fn too_much(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.is_too_much();
        change(self);
        if self.is_too_much() && !before {
            self.notice(Code::MachineBusy, Code::MachineBusy.text());
        }
    }

    fn is_too_much(&self) -> bool {
        self.busy || self.screen.is_busy() || self.sizes.are_divided()
    }

    /// Asks for the pictures of others in the size they are shown at.
    fn sync_sizes(&mut self) {
        if self.stage == Stage::Running {
            for (track, (width, height)) in self.sizes.ask(|tile| self.members.shown_in(tile)) {
                self.out.push(Effect::Prefer { track, width, height });
            }
        }
    }

    fn send_chat(&mut self, text: String, time: i64) {
        self.chat_waiting.push_back(text.clone());
        self.send_waiting_chat();
        let room_id = self.view.room_id.clone();
        let (user_id, user_name, user_avatar) = match self.view.local() {
            Some(m) => (m.user_id.clone(), m.user_name.clone(), m.user_avatar.clone()),
            None => (self.own.user_id.clone(), self.own.name.clone(), self.own.avatar.clone()),
        };
        self.tell(SessionEvent::Chat(Chat { room_id, user_id, user_name, user_avatar, message: text, time }));
    }

    fn send_waiting_chat(&mut self) {
        if self.stage == Stage::Running && self.chat_due.is_none() {
            for text in self.chat_waiting.drain(..) {
                self.out.push(Effect::SendChat(text.clone()));
                self.chat_unsure.push_back(text);
            }
        }
    }

    fn device_news(&mut self, now: MediaTime, device: Device, generation: u32, news: DeviceNews) {
        let change = self.device(device).news(now, generation, news);
        match change {
            Some(Change::Started { recovered, replaced }) => {
                if replaced && let Some(code) = self.device(device).stands_in() {
                    self.notice(code, code.text());
                } else if recovered {
                    let what = match device {
                        Device::Camera => "the camera is back",
                        Device::Microphone => "the microphone is back",
                        Device::Speaker => "the loudspeaker is back",
                    };
                    self.notice(Code::Ok, what);
                }
            }
            Some(Change::Failed { error, first: true }) => self.notice(error.code, &error.message),
            Some(Change::Failed { first: false, .. }) | None => {}
        }
        self.sync_mute();
    }

    fn timeout(&mut self, now: MediaTime) {
        match &self.stage {
            Stage::Waiting { until } if *until <= now => self.begin_attempt(),
            Stage::Leaving { until, end } if *until <= now => {
                let end = end.clone();
                return self.over(end);
            }
            _ => {}
        }
        if self.chat_due.is_some_and(|due| due <= now) {
            self.chat_due = None;
            self.members.forget_missing();
            self.send_waiting_chat();
        }
        if self.media_due.is_some_and(|due| due <= now) {
            self.media_due = None;
            if !self.media_up && self.stage == Stage::Running {
                self.notice(
                    Code::MediaUnreachable,
                    "media cannot reach the server yet: a firewall may block UDP and TCP",
                );
                self.media_unreachable = true;
            }
        }
        self.tracks_timeout(now);
        let Self { camera, microphone, speaker, out, .. } = self;
        for device in [camera, microphone, speaker] {
            device.timeout(now, out);
        }
    }

    fn close_devices(&mut self) {
        let Self { camera, microphone, speaker, out, .. } = self;
        for device in [camera, microphone, speaker] {
            device.close(out);
        }
        self.screen.stop(&mut self.out);
    }

    /// Shows the room what we share.
    fn publish_screen(&mut self) {
        if self.stage == Stage::Running {
            self.screen.publish(!self.is_barred(), &mut self.out);
        }
    }

    fn device(&mut self, device: Device) -> &mut DeviceState {
        match device {
            Device::Camera => &mut self.camera,
            Device::Microphone => &mut self.microphone,
            Device::Speaker => &mut self.speaker,
        }
    }
}
