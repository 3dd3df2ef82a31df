//! One open room: its session, its stage, its window's state.

use std::fmt::Display;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU32, Ordering},
};
use std::time::{Duration, Instant};

use beckon_interface::{
    Language,
    boot::Panels,
    devices::{DeviceKind, OwnPicture},
};
use beckon_media::layout::TileId;
use beckon_protocol::{
    Code,
    channel::{
        Event,
        app::{Closed, Notice, RoomPhase},
        page::RoomOpen,
    },
    video::VideoPreset,
};
use beckon_session::{
    NoticeView, RoomView, ScreenShare, ScreenView, Session, SessionEnv, SessionError, SessionHandle, SessionRequest,
};
use parking_lot::Mutex;
use tauri::Manager;

use super::{Shell, closing::Closing, pictures::Pictures, windows};
use crate::{
    desk::{Input, RoomKey},
    language,
    screen::Frame,
    stage::{Painter, Place, Press, SharedPixels, Veil},
};

/// So long a click on a tile waits: the member list that it opens would take the tile away from under the second half of
/// a double click. The longest that the systems take for one by themselves (Windows and macOS; GTK takes 400 ms).
const DOUBLE_CLICK: Duration = Duration::from_millis(500);

/// Within this time the session has long begun to share what it was given, or refused it.
const TAKEN_UP: Duration = Duration::from_secs(3);

/// Where a page laid its stage when its window opened.
#[derive(Debug, Clone, Copy)]
pub struct FirstPlace {
    place: Place,
    scale: f64,
    /// Whether it is a dark one.
    pub dark: bool,
}

/// A room.
pub struct OpenRoom {
    /// Its key.
    pub key: RoomKey,
    /// Its session.
    pub session: SessionHandle,
    /// What its window speaks.
    pub language: Language,
    /// Its window's panels.
    pub panels: Panels,
    /// Which pictures of others its window loads.
    pub pictures: Pictures,
    /// What the stage's surface shows.
    pub pixels: SharedPixels,
    /// Why the window shows no pictures, if it cannot.
    no_stage: OnceLock<NoticeView>,
    /// Whether the page has laid the stage.
    placed: AtomicBool,
    /// Over the page, until it has laid the stage.
    veil: Mutex<Option<Veil>>,
    /// None once the window is gone.
    painter: Mutex<Option<Arc<Painter>>>,
    /// Around a shared region, and since when.
    frame: Mutex<Option<(Instant, Frame)>>,
    /// How our pictures are taken and sent.
    preset: Mutex<VideoPreset>,
    /// How often the camera and the microphone were turned on or off: what waits is not done once it is overtaken.
    turns: (Mutex<u64>, Mutex<u64>),
    /// Counts how often its picker was closed: what was asked for before is not wanted any more.
    pub picks: AtomicU32,
    /// Counts what the pointer did on the stage: a click is none once a second one has followed.
    presses: AtomicU32,
    /// Whether the person was asked if they really close the window.
    pub closing: Mutex<Closing>,
}

impl Shell {
    /// Other rooms that have a device.
    fn others_with(&self, kind: DeviceKind, key: RoomKey) -> impl Iterator<Item = Arc<OpenRoom>> + use<> {
        let rooms: Vec<_> = self.rooms.lock().values().cloned().collect();
        rooms.into_iter().filter(move |room| room.key != key && !room.is_over() && room.has(kind))
    }
}

/// The event for a room that ended before it began.
pub fn closed_before_open(error: SessionError) -> Event {
    Event::Closed(Closed { room_id: String::new(), code: error.code, msg: error.message })
}

impl OpenRoom {
    /// Opens the session. The window comes after it.
    ///
    /// # Errors
    /// The first field of the request that does not fit.
    pub fn open(shell: &Arc<Shell>, key: RoomKey, open: RoomOpen) -> Result<Self, SessionError> {
        let language = shell.language(&open.custom.language);
        let panels =
            Panels { members: open.custom.user_list, chat: open.custom.im_list, screen: open.custom.screen_share };
        let pictures = Pictures::of(open.roomdata.server().ok().as_ref());
        let wished = (open.custom.video, open.custom.beauty);
        let mut request = SessionRequest::from_open(open)?;
        request.camera = shell.camera();
        request.microphone = shell.microphone();
        request.speaker = shell.speaker();
        let settings = shell.settings.get();
        (request.sound, request.volumes) = (settings.sound, settings.volumes.all().clone());
        let picture = settings.picture;
        let preset = wished.0.unwrap_or(picture.preset);
        request.video = preset.into();
        request.beauty = wished.1.unwrap_or_else(|| settings.beauty.wanted());
        // Most systems open a camera once only, and who talks in one room does not mean to be heard in another.
        shell.tryout.make_room(shell);
        let elsewhere = |kind| shell.others_with(kind, key).next().is_some();
        request.camera_elsewhere = elsewhere(DeviceKind::Camera);
        request.microphone_elsewhere = elsewhere(DeviceKind::Microphone);
        let session = Session::open(request, SessionEnv::system())?;
        let pixels = SharedPixels::default();
        let mut no_stage = OnceLock::new();
        let painter = match Painter::start(
            Box::new(session.clone()),
            session.view().borrow().clone(),
            pixels.clone(),
            language::on_stage(language),
        ) {
            Ok(painter) => {
                painter.mirror(picture.mirror);
                // Windows open alike, and pictures are there some tenths of a second before the page, which then says
                // where the stage really lies.
                if let Some(FirstPlace { place, scale, dark }) = *shell.first_place.lock() {
                    painter.place(&place, scale, dark);
                }
                Some(Arc::new(painter))
            }
            Err(error) => {
                tracing::error!(%error, "the stage's thread could not be started; pictures are not shown");
                no_stage = OnceLock::from(no_pictures(&error));
                None
            }
        };
        Ok(Self {
            key,
            session,
            language,
            panels,
            pictures,
            pixels,
            no_stage,
            placed: AtomicBool::new(false),
            veil: Mutex::default(),
            painter: Mutex::new(painter),
            frame: Mutex::new(None),
            preset: Mutex::new(preset),
            turns: Default::default(),
            picks: AtomicU32::new(0),
            presses: AtomicU32::new(0),
            closing: Mutex::default(),
        })
    }

    /// Does what may open camera or microphone, or turns it off. The room has the first right to its devices: what is
    /// tried out in the settings window is closed before it `wants` them, and another room that has them gives them up.
    pub fn turn(
        self: &Arc<Self>,
        shell: &Arc<Shell>,
        kind: DeviceKind,
        wants: bool,
        act: impl FnOnce(&SessionHandle) + Send + 'static,
    ) {
        let mut turns = self.turns_of(kind).lock();
        *turns += 1;
        if !wants {
            return act(&self.session);
        }
        let turn = *turns;
        drop(turns);
        let room = self.clone();
        let take = move || {
            let turns = room.turns_of(kind).lock();
            if *turns == turn {
                act(&room.session);
            }
        };
        let (key, app) = (self.key, shell.clone());
        shell.tryout.let_go(shell, kind, move || {
            let others: Vec<_> = app.others_with(kind, key).collect();
            if others.is_empty() {
                return take();
            }
            tauri::async_runtime::spawn(async move {
                for other in others {
                    other.give_up(kind).await;
                }
                take();
                app.tryout.room_changed(&app);
            });
        });
    }

    /// Whether this room has the device, or opens it.
    fn has(&self, kind: DeviceKind) -> bool {
        let view = self.session.view();
        let view = view.borrow();
        match kind {
            DeviceKind::Camera => view.camera.on,
            // One that is muted and listens for the hint disturbs nobody.
            DeviceKind::Microphone => view.microphone.on,
            // Several rooms may be heard at once.
            DeviceKind::Speaker => false,
        }
    }

    /// Another room takes the device: it is off here from now on. Waits until it is closed.
    async fn give_up(&self, kind: DeviceKind) {
        *self.turns_of(kind).lock() += 1;
        match kind {
            DeviceKind::Camera => self.session.give_up_camera().await,
            DeviceKind::Microphone => self.session.give_up_microphone().await,
            DeviceKind::Speaker => {}
        }
    }

    fn turns_of(&self, kind: DeviceKind) -> &Mutex<u64> {
        match kind {
            DeviceKind::Camera => &self.turns.0,
            DeviceKind::Microphone | DeviceKind::Speaker => &self.turns.1,
        }
    }

    /// How our pictures are taken and sent.
    pub fn preset(&self) -> VideoPreset {
        *self.preset.lock()
    }

    /// How it has our pictures.
    pub fn picture(&self, shell: &Shell) -> OwnPicture {
        let beauty = shell.settings.get().beauty.seen_in(self.session.beauty());
        OwnPicture { preset: self.preset(), beauty }
    }

    /// Takes and sends our pictures like this from now on.
    ///
    /// # Errors
    /// As [`SessionHandle::set_video`].
    pub fn set_preset(&self, preset: VideoPreset) -> Result<(), SessionError> {
        let mut now = self.preset.lock();
        if *now != preset {
            self.session.set_video(preset.into())?;
            *now = preset;
        }
        Ok(())
    }

    /// Shares what the person chose, with its frame if it is a region.
    pub fn share(self: &Arc<Self>, share: ScreenShare, frame: Option<Frame>) {
        let framed = frame.is_some();
        *self.frame.lock() = frame.map(|frame| (Instant::now(), frame));
        self.session.start_screen(share);
        if self.is_over() {
            // Nobody would take it away any more.
            self.frame.lock().take();
        } else if framed {
            let room = self.clone();
            tauri::async_runtime::spawn(async move {
                tokio::time::sleep(TAKEN_UP).await;
                // What failed at once, and as the share before it did, has left no change to be seen.
                let now = room.session.view().borrow().screen.clone();
                room.mind_frame(None, &now);
            });
        }
    }

    /// Takes the frame away where it stands around nothing.
    fn mind_frame(&self, before: Option<&ScreenView>, now: &ScreenView) {
        // Kept to the end: it is not dropped under the lock, as that waits for the frame's thread.
        let _stale = self.frame.lock().take_if(|(since, _)| frame_is_stale(before, now, since.elapsed()));
    }

    /// Leaves the page under its veil until it lays the stage.
    pub fn veiled(&self, veil: Veil) {
        *self.veil.lock() = Some(veil);
    }

    /// The stage's painter, while the window is open.
    pub fn painter(&self) -> Option<Arc<Painter>> {
        self.painter.lock().clone()
    }

    /// The window is gone: nothing is drawn any more.
    pub fn put_down(&self) {
        self.painter.lock().take();
    }

    /// Whether the window is gone.
    pub fn is_put_down(&self) -> bool {
        self.painter.lock().is_none()
    }

    /// Whether it takes what we share: it is not over, and we are not its audience.
    pub fn may_share(&self) -> bool {
        let view = self.session.view();
        let view = view.borrow();
        view.phase != RoomPhase::Ended && view.may_publish
    }

    /// Whether the session is over.
    pub fn is_over(&self) -> bool {
        self.session.view().borrow().phase == RoomPhase::Ended
    }

    /// The room for the window: with pictures that it may load, and without loudness, which changes all the time and is
    /// not shown as a number.
    pub fn view(&self) -> RoomView {
        self.shown(self.session.view().borrow().clone())
    }

    fn shown(&self, view: RoomView) -> RoomView {
        let mut view = self.pictures.view(calm(view));
        view.notices.extend(self.no_stage.get().cloned());
        view
    }

    /// The window can show no pictures: the person and the page are told.
    pub fn no_stage(&self, shell: &Shell, error: &impl Display) {
        tracing::error!(%error, "pictures are not shown");
        if self.no_stage.set(no_pictures(error)).is_ok() {
            windows::emit_room(shell, self.key, "room", &self.view());
            self.tell_no_stage(shell);
        }
    }

    /// Tells the page where the window can show no pictures.
    pub fn tell_no_stage(&self, shell: &Shell) {
        if let Some(NoticeView { code, message }) = self.no_stage.get().cloned() {
            let room_id = self.session.view().borrow().room_id.clone();
            let event = Event::Notice(Notice { room_id, code, message });
            shell.tell(Input::Told { room: self.key, event });
        }
    }

    /// Lays the stage where the page left room for it.
    pub fn place(&self, shell: &Shell, place: Place, scale: f64, dark: bool) {
        if place.whole().is_some() && !self.placed.swap(true, Ordering::Relaxed) {
            tracing::debug!("a room's page lays its stage");
            *shell.first_place.lock() = Some(FirstPlace { place, scale, dark });
            self.veil.lock().take();
        }
        if let Some(painter) = self.painter() {
            painter.place(&place, scale, dark);
        }
    }

    /// What the pointer did on the stage reaches the member whose tile it is.
    pub fn pressed(self: &Arc<Self>, shell: &Arc<Shell>, press: Press, x: i32, y: i32) {
        let number = self.presses.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let Some(painter) = self.painter() else { return };
        let Some(tile) = painter.hit(x, y) else { return };
        let view = self.session.view();
        let Some(member) = view.borrow().member_of_tile(tile).cloned() else { return };
        match press {
            Press::Click => {
                let (shell, room) = (shell.clone(), self.clone());
                tauri::async_runtime::spawn(async move {
                    tokio::time::sleep(DOUBLE_CLICK).await;
                    if room.presses.load(Ordering::Relaxed) == number {
                        windows::show_member(&shell, room.key, &member.user_id);
                    }
                });
            }
            Press::Double => self.toggle_front(shell, tile),
            Press::Menu => {
                // Not from within the event: the menu runs a loop of its own, which the event's grab would block.
                let (shell, room) = (shell.clone(), self.clone());
                tauri::async_runtime::spawn(async move { windows::tile_menu(&shell, &room, tile, &member) });
            }
        }
    }

    /// Brings a tile to the front, or lets the layout choose again where it is there already.
    pub fn toggle_front(&self, shell: &Shell, tile: TileId) {
        if let Some(painter) = self.painter() {
            self.show_in_front(shell, (painter.focused() != Some(tile)).then_some(tile));
        }
    }

    /// Brings a tile to the front, or lets the layout choose. The window is told, whose list marks who is in front.
    pub fn show_in_front(&self, shell: &Shell, tile: Option<TileId>) {
        if let Some(painter) = self.painter() {
            painter.focus(tile);
            windows::emit_room(shell, self.key, "front", &tile.map(|tile| tile.0));
        }
    }
}

fn no_pictures(error: &impl Display) -> NoticeView {
    let code = Code::StageUnavailable;
    NoticeView { code, message: format!("{}: {error}", code.text()) }
}

fn calm(mut view: RoomView) -> RoomView {
    for member in &mut view.members {
        member.level = 0.0;
    }
    view
}

/// Whether a frame that has been there for `age` stands around nothing: what was shared is not any more, or what was to be
/// shared is not after all. That nothing is shared is not enough: the session may not have heard of it yet.
fn frame_is_stale(before: Option<&ScreenView>, now: &ScreenView, age: Duration) -> bool {
    let ended = |before: &ScreenView| before.on || (now.ended.is_some() && now.ended != before.ended);
    !now.on && (age >= TAKEN_UP || before.is_some_and(ended))
}

/// Brings each change of the room to its stage and its window, until the room is over.
pub async fn show_changes(shell: Arc<Shell>, room: Arc<OpenRoom>) {
    let mut changes = room.session.view();
    let mut shown: Option<RoomView> = None;
    loop {
        let view = room.shown(changes.borrow_and_update().clone());
        if shown.as_ref() != Some(&view) {
            if let Some(painter) = room.painter() {
                painter.update(view.clone());
            }
            windows::emit_room(&shell, room.key, "room", &view);
            shell.tryout.room_changed(&shell);
            if let Some(window) = shell.app.get_webview_window(&windows::room_label(room.key)) {
                let title = windows::room_title(&view);
                if window.title().is_ok_and(|t| t != title)
                    && let Err(error) = window.set_title(&title)
                {
                    tracing::debug!(%error, "the title stays as it was");
                }
            }
            room.mind_frame(shown.as_ref().map(|v| &v.screen), &view.screen);
            shown = Some(view);
        }
        if changes.changed().await.is_err() {
            room.frame.lock().take();
            // A window that was closed with its picker open has not said that nobody chooses any more.
            shell.picker.close();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_goes_when_its_share_ends_and_when_it_does_not_begin() {
        let off = |ended| ScreenView { ended, ..ScreenView::default() };
        let on = ScreenView { on: true, ..ScreenView::default() };
        let (none, gone, refused) = (off(None), off(Some(Code::ScreenGone)), off(Some(Code::Forbidden)));
        let stale = |before, now| frame_is_stale(Some(before), now, Duration::ZERO);
        assert!(!stale(&none, &on) && !stale(&gone, &on) && !stale(&on, &on));
        assert!(stale(&on, &none) && stale(&on, &gone), "it was shared");
        assert!(stale(&none, &refused) && stale(&gone, &refused), "it never was");
        assert!(!stale(&none, &none) && !stale(&gone, &gone), "the session has not heard of it yet");
        assert!(!stale(&gone, &none), "the person has taken note of the share before");
        assert!(!frame_is_stale(None, &gone, Duration::ZERO));
        assert!(frame_is_stale(None, &gone, TAKEN_UP), "it has long heard of it");
        assert!(!frame_is_stale(None, &on, TAKEN_UP));
    }
}
