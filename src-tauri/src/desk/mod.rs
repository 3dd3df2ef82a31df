//! The front desk: who asks, who may, which room.
//!
//! Everything between a click on a page and a room, as a state machine without windows, sockets or clocks: what
//! happened goes in ([`Input`]), what is to be done comes out ([`Effect`]). The rules it keeps:
//!
//! - Nothing of a page is carried out before the person or a policy said yes.
//! - One question at a time; launches of one origin share their question and its answer.
//! - A page that wants to be the only one (`singleton`) is refused while another room is open, which comes to front.
//! - A page reaches only rooms that its own origin opened.

use std::collections::{BTreeMap, VecDeque};

use beckon_bridge::LaunchId;
use beckon_protocol::{
    Code,
    channel::{
        Event,
        app::Notice,
        page::{Call, MediaSet, RoomOpen, RoomOpened},
    },
    rpc::RpcError,
};

mod question;
mod room;
#[cfg(test)]
mod tests;

pub use question::{Answer, Asker, Asks, Question};
use room::Room;

/// Most launches that may wait for an answer at once; later ones are denied without a question.
const QUESTIONS_MAX: usize = 8;

/// One room and its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey(pub u32);

/// One call that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// What is known of an origin before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Never answered with "always": the person is asked.
    Unknown,
    /// The person said "always", or a policy allows it.
    Allowed,
    /// A policy forbids it.
    Forbidden,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A page proved to know the key of a launch, from the origin of that launch.
    Arrived {
        /// Which launch.
        launch: LaunchId,
        /// Whose page.
        asker: Asker,
        /// What is known of it.
        standing: Standing,
    },
    /// The person answered the question that is shown.
    Answered(Answer),
    /// A page calls.
    Called {
        /// On which launch.
        launch: LaunchId,
        /// Where the answer goes.
        id: CallId,
        /// What it wants.
        call: Call,
    },
    /// The page is away; it may come back while its room is open.
    PageGone {
        /// Which launch.
        launch: LaunchId,
        /// It wished that its room goes with it.
        close_room: bool,
    },
    /// The launch is over: nothing more comes of it.
    Ended(LaunchId),
    /// The room is joined, or could not be.
    Opened {
        /// Which room.
        room: RoomKey,
        /// Its ID, or why not.
        outcome: Result<String, RpcError>,
    },
    /// A room tells something; `Closed` is the last.
    Told {
        /// Which room.
        room: RoomKey,
        /// What.
        event: Event,
    },
    /// The person took an "always" back.
    Revoked(Asker),
    /// The app ends: the system asks for it, or the person's session is over.
    AppEnds,
    /// The person pressed "leave", or closed the room's window.
    PersonLeft(RoomKey),
    /// The person turned a device of theirs on, so the page may do so from now on.
    PersonTurnedOn {
        /// Which room.
        room: RoomKey,
        /// The camera.
        camera: bool,
        /// The microphone.
        microphone: bool,
    },
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Show this question in place of whatever is shown.
    Ask(Question),
    /// Take the question away.
    Withdraw,
    /// Keep "always" for this asker.
    Remember(Asker),
    /// Let a launch in, or not.
    Admit(LaunchId, bool),
    /// Answer a call.
    Reply(CallId, Result<Done, RpcError>),
    /// Tell the page something.
    Tell(LaunchId, Event),
    /// Open a room and its window.
    Open {
        /// Its key from now on.
        room: RoomKey,
        /// What the page asked for.
        open: Box<RoomOpen>,
    },
    /// Leave a room.
    Leave(RoomKey, Why),
    /// Send a text, and answer the call with what came of it.
    Chat(RoomKey, String, CallId),
    /// Turn devices on or off, and answer the call, where it ends with this, with what came of it.
    Media(RoomKey, MediaSet, Option<CallId>),
    /// Bring the room's window to front.
    Focus(RoomKey),
    /// Close the room's window.
    CloseWindow(RoomKey),
    /// End a launch: its page may not come back without a new one.
    End(LaunchId),
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is done.
    Plain,
    /// The room is open.
    Opened(RoomOpened),
}

/// Why a room is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The page asked for it, or went away and wanted it so.
    Page,
    /// The person left.
    Person,
    /// The app ends.
    AppEnds,
}

#[derive(Debug)]
struct Page {
    asker: Asker,
    /// The person or a policy said yes.
    admitted: bool,
    /// That holds for one room: the next one wants a launch, which asks again.
    once: bool,
    room: Option<RoomKey>,
}

/// The desk; see the [module](self).
#[derive(Debug, Default)]
pub struct Desk {
    pages: BTreeMap<LaunchId, Page>,
    rooms: BTreeMap<RoomKey, Room>,
    questions: VecDeque<Question>,
    last_room: u32,
    /// The app ends: nothing new begins.
    ending: bool,
}

impl Desk {
    /// Takes in what happened and says what is to be done.
    pub fn on(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        match input {
            Input::Arrived { launch, asker, standing } => self.arrived(launch, asker, standing, &mut out),
            Input::Answered(answer) => self.answered(answer, &mut out),
            Input::Called { launch, id, call } => self.called(launch, id, call, &mut out),
            Input::PageGone { launch, close_room } => self.page_gone(launch, close_room, &mut out),
            Input::Ended(launch) => self.ended(launch, &mut out),
            Input::Opened { room, outcome } => self.opened(room, outcome, &mut out),
            Input::Told { room, event } => self.told(room, event, &mut out),
            Input::Revoked(asker) => self.revoked(&asker, &mut out),
            Input::AppEnds => self.app_ends(&mut out),
            Input::PersonLeft(room) => self.leave_at_once(room, Why::Person, &mut out),
            Input::PersonTurnedOn { room, camera, microphone } => {
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.may_camera |= camera;
                    room.may_microphone |= microphone;
                }
            }
        }
        out
    }

    /// Whether anybody still needs the app: a page on its channel, or a room that is not over.
    pub fn busy(&self) -> bool {
        !self.pages.is_empty() || self.in_room()
    }

    /// Whether a room is not over yet.
    pub fn in_room(&self) -> bool {
        self.rooms.values().any(|r| r.active)
    }

    /// Whether this room, or its window, is still there.
    pub fn has(&self, room: RoomKey) -> bool {
        self.rooms.contains_key(&room)
    }

    /// The key of the room that opens next.
    pub fn next_room(&self) -> RoomKey {
        RoomKey(self.last_room + 1)
    }

    fn app_ends(&mut self, out: &mut Vec<Effect>) {
        self.ending = true;
        for key in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.leave_at_once(key, Why::AppEnds, out);
        }
        if !self.questions.is_empty() {
            self.questions.clear();
            out.push(Effect::Withdraw);
        }
    }

    fn arrived(&mut self, launch: LaunchId, asker: Asker, standing: Standing, out: &mut Vec<Effect>) {
        if self.pages.contains_key(&launch) {
            return;
        }
        let asked = self.questions.iter().any(|q| q.asker == asker && q.asks == Asks::Room);
        let crowded = !asked && (self.ending || self.questions.len() >= QUESTIONS_MAX);
        let admitted = standing == Standing::Allowed;
        if standing == Standing::Forbidden || (!admitted && crowded) {
            return out.push(Effect::Admit(launch, false));
        }
        self.pages.insert(launch, Page { asker: asker.clone(), admitted, once: false, room: None });
        if admitted {
            out.push(Effect::Admit(launch, true));
        } else if !asked {
            self.ask(Question { asker, asks: Asks::Room }, out);
        }
    }

    fn ask(&mut self, question: Question, out: &mut Vec<Effect>) {
        self.questions.push_back(question.clone());
        if self.questions.len() == 1 {
            out.push(Effect::Ask(question));
        }
    }

    /// Takes the front question away and shows the next.
    fn next_question(&mut self, out: &mut Vec<Effect>) {
        out.push(match self.questions.front() {
            Some(next) => Effect::Ask(next.clone()),
            None => Effect::Withdraw,
        });
    }

    fn answered(&mut self, answer: Answer, out: &mut Vec<Effect>) {
        let Some(question) = self.questions.pop_front() else { return };
        match question.asks {
            Asks::Room => self.answered_room(&question.asker, answer, out),
            Asks::Devices { room, camera, microphone, call } => {
                let yes = answer != Answer::No;
                match self.rooms.get_mut(&room) {
                    Some(known) if yes => {
                        known.may_camera |= camera;
                        known.may_microphone |= microphone;
                        let set = MediaSet {
                            camera: camera.then_some(true),
                            microphone: microphone.then_some(true),
                            ..MediaSet::default()
                        };
                        out.push(Effect::Media(room, set, Some(call)));
                    }
                    Some(_) => out.push(reply(call, Err(Code::ConsentDenied))),
                    None => out.push(reply(call, Err(Code::NoRoom))),
                }
            }
        }
        self.next_question(out);
    }

    fn answered_room(&mut self, asker: &Asker, answer: Answer, out: &mut Vec<Effect>) {
        if answer == Answer::Always {
            out.push(Effect::Remember(asker.clone()));
        }
        let yes = answer != Answer::No;
        for (launch, page) in self.pages.iter_mut().filter(|(_, p)| p.asker == *asker && !p.admitted) {
            page.admitted = yes;
            page.once = answer == Answer::Once;
            out.push(Effect::Admit(*launch, yes));
        }
        self.pages.retain(|_, p| p.admitted || p.asker != *asker);
    }

    /// A room that is open stays open; for the next one these pages have to be launched, and ask.
    fn revoked(&mut self, asker: &Asker, out: &mut Vec<Effect>) {
        for (launch, page) in self.pages.iter_mut().filter(|(_, p)| p.asker == *asker && p.admitted) {
            page.once = true;
            if !page.room.is_some_and(|key| self.rooms.get(&key).is_some_and(|r| r.active)) {
                out.push(Effect::End(*launch));
            }
        }
    }

    fn called(&mut self, launch: LaunchId, id: CallId, call: Call, out: &mut Vec<Effect>) {
        if !self.pages.get(&launch).is_some_and(|p| p.admitted) {
            return out.push(reply(id, Err(Code::ConsentDenied)));
        }
        match call {
            Call::Hello(_) | Call::Prove(_) => out.push(reply(id, Err(Code::BadMessage))),
            Call::RoomOpen(open) => self.open(launch, id, open, out),
            Call::RoomClose(close) => match self.room_for(launch, &close.room_id) {
                Some(room) => self.close(room, id, out),
                None => out.push(reply(id, Err(Code::NoRoom))),
            },
            Call::ChatSend(chat) => match self.room_for(launch, "") {
                Some(room) => out.push(Effect::Chat(room, chat.message, id)),
                None => out.push(reply(id, Err(Code::NoRoom))),
            },
            Call::MediaSet(set) => self.set_media(launch, id, set, out),
            Call::WindowFocus => match self.room_for(launch, "") {
                Some(room) => out.extend([Effect::Focus(room), reply(id, Ok(()))]),
                None => out.push(reply(id, Err(Code::NoRoom))),
            },
        }
    }

    /// The active room a page means: its own, or one of this ID that a page of the same origin opened.
    fn room_for(&self, launch: LaunchId, room_id: &str) -> Option<RoomKey> {
        let page = self.pages.get(&launch)?;
        let own = page.room.filter(|key| self.rooms.get(key).is_some_and(|r| r.active));
        if room_id.is_empty() {
            return own;
        }
        let fits = |r: &Room| r.active && r.asker == page.asker && r.room_id == room_id;
        self.rooms.iter().find(|(_, r)| fits(r)).map(|(key, _)| *key)
    }

    fn open(&mut self, launch: LaunchId, id: CallId, open: Box<RoomOpen>, out: &mut Vec<Effect>) {
        if self.ending {
            return out.push(reply(id, Err(Code::NotInstalled)));
        }
        let stays = |key: &RoomKey| self.rooms.get(key).is_some_and(|r| r.active && !r.leaving);
        let own = self.pages.get(&launch).and_then(|p| p.room).filter(stays);
        let any = self.rooms.keys().copied().find(stays);
        if let Some(there) = own.or(any.filter(|_| open.custom.singleton)) {
            out.extend([Effect::Focus(there), reply(id, Err(Code::AlreadyOpen))]);
            return;
        }
        let key = self.next_room();
        let Some(page) = self.pages.get_mut(&launch) else { return };
        // What is left of this page's last room makes place.
        if let Some(over) = page.room.take()
            && self.rooms.get(&over).is_some_and(|r| !r.active)
            && self.rooms.remove(&over).is_some_and(|r| r.window)
        {
            out.push(Effect::CloseWindow(over));
        }
        self.last_room = key.0;
        page.room = Some(key);
        self.rooms.insert(key, Room::new(page.asker.clone(), launch, id, &open));
        out.push(Effect::Open { room: key, open });
    }

    fn close(&mut self, key: RoomKey, id: CallId, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&key) else { return };
        room.closing.push(id);
        room.keep_window = false;
        room.leaving = true;
        out.push(Effect::Leave(key, Why::Page));
    }

    fn set_media(&mut self, launch: LaunchId, id: CallId, set: MediaSet, out: &mut Vec<Effect>) {
        let room = self.room_for(launch, "").and_then(|key| Some((key, self.rooms.get(&key)?)));
        let Some((key, room)) = room else { return out.push(reply(id, Err(Code::NoRoom))) };
        let camera = set.camera == Some(true) && !room.may_camera;
        let microphone = set.microphone == Some(true) && !room.may_microphone;
        // Turning off needs nobody's leave, so that part is done at once.
        let now = MediaSet {
            camera: set.camera.filter(|_| !camera),
            microphone: set.microphone.filter(|_| !microphone),
            ..set
        };
        if !camera && !microphone {
            return out.push(Effect::Media(key, now, Some(id)));
        }
        if now != MediaSet::default() {
            out.push(Effect::Media(key, now, None));
        }
        if self.questions.len() >= QUESTIONS_MAX {
            return out.push(reply(id, Err(Code::ConsentDenied)));
        }
        let asks = Asks::Devices { room: key, camera, microphone, call: id };
        let asker = room.asker.clone();
        self.ask(Question { asker, asks }, out);
    }

    fn page_gone(&mut self, launch: LaunchId, close_room: bool, out: &mut Vec<Effect>) {
        let Some(key) = self.pages.get(&launch).and_then(|p| p.room) else { return };
        if let Some(room) = self.rooms.get_mut(&key).filter(|r| close_room && r.active) {
            room.keep_window = false;
            room.leaving = true;
            out.push(Effect::Leave(key, Why::Page));
        }
    }

    fn ended(&mut self, launch: LaunchId, out: &mut Vec<Effect>) {
        let Some(page) = self.pages.remove(&launch) else { return };
        if let Some(room) = page.room.and_then(|key| self.rooms.get_mut(&key)) {
            room.launch = None;
        }
        if !self.pages.values().any(|p| p.asker == page.asker && !p.admitted) {
            self.drop_questions(|q| q.asks == Asks::Room && q.asker == page.asker, out);
        }
    }

    fn drop_questions(&mut self, moot: impl Fn(&Question) -> bool, out: &mut Vec<Effect>) {
        let shown_is_moot = self.questions.front().is_some_and(&moot);
        for question in self.questions.iter().filter(|q| moot(q)) {
            if let Asks::Devices { call, .. } = question.asks {
                out.push(reply(call, Err(Code::NoRoom)));
            }
        }
        self.questions.retain(|q| !moot(q));
        if shown_is_moot {
            self.next_question(out);
        }
    }

    fn opened(&mut self, key: RoomKey, outcome: Result<String, RpcError>, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&key) else { return };
        if let Ok(id) = &outcome {
            room.room_id.clone_from(id);
        }
        let open = outcome.is_ok();
        if let Some(call) = room.opening.take() {
            out.push(Effect::Reply(call, outcome.map(|room_id| Done::Opened(RoomOpened { room_id }))));
        }
        if let (true, Some(launch), Some(field)) = (open, room.launch, room.unmet.take()) {
            let code = Code::RecordingAbsent;
            let message = format!("{}: `{field}` has no effect", code.text());
            out.push(Effect::Tell(launch, Event::Notice(Notice { room_id: room.room_id.clone(), code, message })));
        }
    }

    fn told(&mut self, key: RoomKey, event: Event, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&key) else { return };
        if !room.active {
            return;
        }
        if let Event::RoomState(state) = &event {
            room.room_id.clone_from(&state.room_id);
        }
        // A page that hears `closed` while its `room.open` hangs could not tell which came first.
        if let Event::Closed(closed) = &event
            && let Some(call) = room.opening.take()
        {
            let code = if closed.code == Code::Ok { Code::LeftByUser } else { closed.code };
            out.push(Effect::Reply(call, Err(RpcError::new(code, closed.msg.clone()))));
        }
        if let Some(launch) = room.launch {
            out.push(Effect::Tell(launch, event.clone()));
        }
        if matches!(event, Event::Closed(_)) {
            room.active = false;
            out.extend(room.closing.drain(..).map(|id| reply(id, Ok(()))));
            let once = |launch: &LaunchId| self.pages.get(launch).is_some_and(|p| p.once);
            out.extend(room.launch.filter(once).map(Effect::End));
            if room.window && !room.keep_window {
                room.window = false;
                out.push(Effect::CloseWindow(key));
            }
            if !room.window {
                self.rooms.remove(&key);
            }
            self.drop_questions(|q| matches!(q.asks, Asks::Devices { room, .. } if room == key), out);
        }
    }

    /// The room is left and its window goes at once.
    fn leave_at_once(&mut self, key: RoomKey, why: Why, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&key) else { return };
        room.keep_window = false;
        room.leaving = true;
        if room.active {
            out.push(Effect::Leave(key, why));
        }
        // Leaving takes a moment on the network; the person need not watch it.
        if room.window {
            room.window = false;
            out.push(Effect::CloseWindow(key));
        }
        if !room.active {
            self.rooms.remove(&key);
        }
    }
}

fn reply(id: CallId, outcome: Result<(), Code>) -> Effect {
    Effect::Reply(id, outcome.map(|()| Done::Plain).map_err(RpcError::of))
}
