//! The one task that brings everything to the desk, one thing after the other, and does what it says.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use beckon_bridge::{Bridge, LaunchId, Reply, Request};
use beckon_interface::devices::DeviceKind;
use beckon_protocol::{
    Code,
    channel::{
        Event,
        page::{Call, MediaSet, RoomOpen, RoomOpened},
    },
    launch::{Launch, Refused},
    rpc::RpcError,
};
use beckon_session::{LeaveReason, SessionEvent};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Shell, Work, ending::Told, room::OpenRoom, windows};
use crate::{
    consent,
    desk::{Asker, CallId, Desk, Done, Effect, Input, RoomKey, Why},
    memory,
};

/// How long the app stays when nobody needs it: the next click then opens its room at once.
const LINGER: Duration = Duration::from_secs(45);

/// How long nothing has happened when the window for the next room is made: it must not be in the way of anything.
const SPARE_AFTER: Duration = Duration::from_millis(500);

/// How long leaving the rooms may take when the app ends. With the pages' goodbye it stays below what a system that shuts
/// down allows (5 s on Windows).
const LEAVE_WITHIN: Duration = Duration::from_millis(3200);

/// Where an answer goes.
enum Waiting {
    Plain(Reply<()>),
    Opened(Reply<RoomOpened>),
}

/// See the [module](self).
pub struct Clerk {
    shell: Arc<Shell>,
    bridge: Bridge,
    desk: Desk,
    replies: HashMap<CallId, Waiting>,
    next_call: u64,
    /// Questions asked so far.
    questions: u64,
    /// Launches the bridge still listens for.
    launches: HashSet<LaunchId>,
    /// Counts what happened, so that a late [`Work::Linger`] is seen to be late.
    moments: u64,
    /// The app ends; who is told once it may.
    ending: Option<Vec<Told>>,
}

impl Clerk {
    /// A clerk with an empty desk.
    pub fn new(shell: Arc<Shell>, bridge: Bridge) -> Self {
        Self {
            shell,
            bridge,
            desk: Desk::default(),
            replies: HashMap::new(),
            next_call: 0,
            questions: 0,
            launches: HashSet::new(),
            moments: 0,
            ending: None,
        }
    }

    /// Works until the app ends.
    pub async fn run(mut self, mut inbox: UnboundedReceiver<Work>, mut requests: UnboundedReceiver<Request>) {
        loop {
            tokio::select! {
                work = inbox.recv() => match work {
                    Some(Work::Linger(moment)) => {
                        if moment == self.moments && self.idle() {
                            tracing::info!("nobody needs the app any more");
                            return self.end().await;
                        }
                        continue;
                    }
                    Some(Work::Spare(moment)) => {
                        if moment == self.moments && self.wants_spare() {
                            // The window waits for the main thread.
                            tokio::task::block_in_place(|| {
                                memory::give_back();
                                windows::make_spare(&self.shell, self.desk.next_room());
                            });
                        }
                        continue;
                    }
                    Some(Work::Desk(input)) => self.bring(input),
                    Some(Work::Start(start)) => self.start(start),
                    // It was on its way out when the next question came.
                    Some(Work::WindowGone) => windows::restore_question(&self.shell),
                    Some(Work::End(done)) => self.begin_end(done),
                    Some(Work::EndNow) => return self.end().await,
                    None => return,
                },
                request = requests.recv() => match request {
                    Some(request) => self.request(request),
                    None => return,
                },
            }
            self.moments += 1;
            if self.ending.is_some() && !self.desk.in_room() {
                return self.end().await;
            }
            if self.wants_spare() {
                self.after(SPARE_AFTER, Work::Spare(self.moments));
            }
            if self.idle() {
                self.after(LINGER, Work::Linger(self.moments));
            }
        }
    }

    fn after(&self, time: Duration, work: Work) {
        let shell = self.shell.clone();
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep(time).await;
            shell.work(work);
        });
    }

    /// Leaves every room; the app ends when that is done, or takes too long.
    fn begin_end(&mut self, done: Option<Told>) {
        let first = self.ending.is_none();
        self.ending.get_or_insert_default().extend(done);
        if first {
            tracing::info!("the app ends");
            self.after(LEAVE_WITHIN, Work::EndNow);
            self.bring(Input::AppEnds);
        }
    }

    /// Says goodbye to the pages and ends the app.
    async fn end(self) {
        self.bridge.shutdown().await;
        for done in self.ending.into_iter().flatten() {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
        self.shell.app.exit(0);
    }

    fn idle(&self) -> bool {
        !self.desk.busy() && self.launches.is_empty() && !windows::any_open(&self.shell)
    }

    /// Whether the last room is over and the next one has no window yet.
    fn wants_spare(&self) -> bool {
        self.ending.is_none() && !self.shell.spare.is_there() && self.shell.rooms.lock().is_empty()
    }

    fn start(&mut self, start: Option<Result<Launch, Refused>>) {
        match start {
            Some(Ok(launch)) => {
                tracing::info!(origin = %launch.origin, relay = launch.relay.is_some(), "launched by a page");
                let id = self.bridge.launch(launch);
                self.launches.insert(id);
                // What was wrong with the start before it is over.
                if self.shell.trouble.lock().take().is_some() {
                    windows::refresh_home(&self.shell);
                }
            }
            Some(Err(Refused { error, page })) => {
                let code = error.code();
                tracing::warn!(%error, code = code.value(), told = page.is_some(), "a launch address was refused");
                if let Some(page) = page {
                    let id = self.bridge.refuse(*page, RpcError::new(code, error.to_string()));
                    self.launches.insert(id);
                }
                *self.shell.trouble.lock() = Some(error);
                windows::show_home(&self.shell);
            }
            None => {
                *self.shell.trouble.lock() = None;
                windows::show_home(&self.shell);
            }
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Consent { launch, origin, relay } => {
                let asker = Asker { origin, relay };
                let standing = consent::standing(&asker, &self.shell.policy, &self.shell.consents.lock());
                self.bring(Input::Arrived { launch, asker, standing });
            }
            Request::RoomOpen { launch, open, reply, .. } => {
                self.call(launch, Call::RoomOpen(open), Waiting::Opened(reply));
            }
            Request::RoomClose { launch, close, reply } => {
                self.call(launch, Call::RoomClose(close), Waiting::Plain(reply));
            }
            Request::ChatSend { launch, chat, reply } => {
                self.call(launch, Call::ChatSend(chat), Waiting::Plain(reply));
            }
            Request::MediaSet { launch, set, reply } => self.call(launch, Call::MediaSet(set), Waiting::Plain(reply)),
            Request::WindowFocus { launch, reply } => self.call(launch, Call::WindowFocus, Waiting::Plain(reply)),
            Request::PageGone { launch, close_room } => self.bring(Input::PageGone { launch, close_room }),
            Request::Ended { launch, reason } => {
                tracing::info!(launch = launch.0, ?reason, "the launch is over");
                self.launches.remove(&launch);
                self.bring(Input::Ended(launch));
            }
        }
    }

    fn call(&mut self, launch: LaunchId, call: Call, reply: Waiting) {
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.replies.insert(id, reply);
        self.bring(Input::Called { launch, id, call });
    }

    fn bring(&mut self, input: Input) {
        let closed = match &input {
            Input::Told { room, event: Event::Closed(_) } => Some(*room),
            _ => None,
        };
        for effect in self.desk.on(input) {
            self.act(effect);
        }
        // Its window may have gone before it was left.
        closed.into_iter().for_each(|room| self.tidy(room));
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(question) => {
                tracing::info!(origin = %question.asker.origin, asks = ?question.asks, "asking the person");
                self.questions += 1;
                *self.shell.question.lock() = Some((self.questions, question));
                windows::show_question(&self.shell);
            }
            Effect::Withdraw => {
                *self.shell.question.lock() = None;
                windows::hide_question(&self.shell);
            }
            Effect::Remember(asker) => {
                if let Err(error) = self.shell.consents.lock().allow(asker) {
                    tracing::warn!(%error, "the consent holds for this run only");
                }
                windows::refresh_permissions(&self.shell);
            }
            Effect::Admit(launch, allowed) => {
                tracing::info!(launch = launch.0, allowed, "the launch has its answer");
                self.bridge.answer_consent(launch, allowed);
            }
            Effect::End(launch) => self.bridge.end(launch),
            Effect::Reply(id, outcome) => self.reply(id, outcome),
            Effect::Tell(launch, event) => self.bridge.notify(launch, event),
            Effect::Open { room, open } => self.open(room, *open),
            Effect::Leave(key, why) => {
                if let Some(room) = self.shell.room(key) {
                    room.session.leave(match why {
                        Why::Page => LeaveReason::Page,
                        Why::Person => LeaveReason::User,
                        Why::AppEnds => LeaveReason::Shutdown,
                    });
                }
            }
            Effect::Chat(key, text, call) => {
                let sent = self.room(key).and_then(|room| Ok(room.session.send_chat(text)?));
                self.reply(call, sent.map(|()| Done::Plain));
            }
            Effect::Media(key, set, call) => {
                let done = self.media(key, set);
                if let Err(error) = &done {
                    tracing::warn!(code = error.code.value(), error.message, "what a page set is not so");
                }
                if let Some(call) = call {
                    self.reply(call, done.map(|()| Done::Plain));
                }
            }
            Effect::Focus(key) => windows::focus_room(&self.shell, key),
            Effect::CloseWindow(key) => {
                windows::close_room(&self.shell, key);
                if let Some(room) = self.shell.room(key) {
                    room.put_down();
                }
                self.tidy(key);
            }
        }
    }

    /// Forgets a room that is over and has no window any more.
    fn tidy(&self, key: RoomKey) {
        let mut rooms = self.shell.rooms.lock();
        if !self.desk.has(key) && rooms.get(&key).is_some_and(|room| room.is_over()) {
            rooms.remove(&key);
        }
    }

    /// The room of this key.
    fn room(&self, key: RoomKey) -> Result<Arc<OpenRoom>, RpcError> {
        self.shell.room(key).ok_or_else(|| RpcError::of(Code::NoRoom))
    }

    fn media(&self, key: RoomKey, set: MediaSet) -> Result<(), RpcError> {
        let room = self.room(key)?;
        let may_publish = room.session.view().borrow().may_publish;
        if let Some(video) = set.video {
            room.set_preset(video)?;
        }
        if let Some(on) = set.camera {
            room.turn(&self.shell, DeviceKind::Camera, on, move |session| session.set_camera(on));
        }
        if let Some(on) = set.microphone {
            room.turn(&self.shell, DeviceKind::Microphone, on, move |session| session.set_microphone(on));
        }
        if let Some(on) = set.speaker {
            room.session.set_speaker(on);
        }
        if let Some(beauty) = set.beauty {
            room.session.set_beauty(beauty);
        }
        if set.video.is_some() || set.beauty.is_some() {
            windows::refresh_picture(&self.shell, &room);
        }
        self.shell.tryout.room_changed(&self.shell);
        if !may_publish && (set.camera == Some(true) || set.microphone == Some(true)) {
            let why = "the audience of a live room sends neither pictures nor sound";
            return Err(RpcError::new(Code::Forbidden, why.to_owned()));
        }
        Ok(())
    }

    fn reply(&mut self, id: CallId, outcome: Result<Done, RpcError>) {
        match (self.replies.remove(&id), outcome) {
            (Some(Waiting::Plain(reply)), outcome) => reply.result(outcome.map(|_| ())),
            (Some(Waiting::Opened(reply)), Ok(Done::Opened(opened))) => reply.ok(opened),
            (Some(Waiting::Opened(reply)), Ok(Done::Plain)) => reply.fail(RpcError::of(Code::Internal)),
            (Some(Waiting::Opened(reply)), Err(error)) => reply.fail(error),
            (None, _) => {}
        }
    }

    fn open(&mut self, key: RoomKey, open: RoomOpen) {
        let room = match OpenRoom::open(&self.shell, key, open) {
            Ok(room) => Arc::new(room),
            Err(error) => {
                tracing::warn!(%error, "the room could not be opened");
                self.bring(Input::Opened { room: key, outcome: Err(error.clone().into()) });
                let closed = super::room::closed_before_open(error);
                self.bring(Input::Told { room: key, event: closed });
                return self.bring(Input::PersonLeft(key));
            }
        };
        self.shell.rooms.lock().insert(key, room.clone());
        room.tell_no_stage(&self.shell);
        // The window waits for the main thread; what was begun for the session meanwhile goes on on another one.
        let window = tokio::task::block_in_place(|| windows::open_room(&self.shell, &room));
        if let Err(error) = window {
            // Without a window nobody sees that the camera is on: the room must not be.
            tracing::error!(%error, "the room's window could not be opened");
            room.session.leave(LeaveReason::User);
        }
        self.follow(&room);
    }

    /// Brings everything the room tells to the desk and to its window.
    fn follow(&self, room: &Arc<OpenRoom>) {
        let (shell, key) = (self.shell.clone(), room.key);
        let session = room.session.clone();
        tauri::async_runtime::spawn(async move {
            if let Ok(opened) = session.opened().await {
                shell.tell(Input::Opened { room: key, outcome: Ok(opened.room_id) });
            }
            // Where it did not come up, the `Closed` that follows answers the page.
        });
        let (shell, pictures, mut events) = (self.shell.clone(), room.pictures, room.session.events());
        tauri::async_runtime::spawn(async move {
            while let Some(event) = events.recv().await {
                if let SessionEvent::Chat(chat) = &event {
                    windows::emit_room(&shell, key, "chat", &pictures.chat(chat.clone()));
                }
                let over = matches!(event, SessionEvent::Closed(_));
                shell.tell(Input::Told { room: key, event: event.to_channel() });
                if over {
                    break;
                }
            }
        });
        tauri::async_runtime::spawn(super::room::show_changes(self.shell.clone(), room.clone()));
    }
}
