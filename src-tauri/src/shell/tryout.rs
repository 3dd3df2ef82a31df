//! What the person tries out in the settings window: camera, microphone, loudspeaker, a call with themselves.
//!
//! Nothing here opens a device but on the person's wish. Where a room has the camera open already, its picture is shown:
//! most systems open a camera once only; so a room that opens takes the devices from here.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use beckon_interface::devices::{TestCallView, Trial, TryoutView};
use beckon_media::{LatestReceiver, VideoFrame, latest, layout::TileId};
use beckon_protocol::{
    beauty::BeautySettings,
    channel::app::RoomPhase,
    room::{Role, StyleType, Template},
};
use beckon_session::{
    DeviceView, MemberView, Quality, RoomView, ScreenView, SessionEnv, SessionError, TalkView,
    sound::VOLUME_DEFAULT,
    tryout::{CameraTryout, MicrophoneTryout, SpeakerTryout, TestCall, TestCallDevices, TestCallStage},
};
use parking_lot::Mutex;
use tauri::WebviewWindow;

use super::{Shell, room::OpenRoom, windows};
use crate::{
    language,
    stage::{self, Painter, Pictures, Place, SharedPixels, StageError},
};

/// How often a meter moves.
const METER: Duration = Duration::from_millis(80);

/// Hands each picture source to the painter once, by the tile that shows it.
#[derive(Clone, Default)]
struct Sources(Arc<Mutex<HashMap<TileId, LatestReceiver<VideoFrame>>>>);

impl Pictures for Sources {
    fn video(&self, tile: TileId) -> LatestReceiver<VideoFrame> {
        // One that is over shows nothing.
        self.0.lock().remove(&tile).unwrap_or_else(|| latest::channel().1)
    }

    fn set_tile_size(&self, _: TileId, _: u32, _: u32) {}
}

/// Whose pictures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Showing {
    #[default]
    Nothing,
    Camera,
    Call,
    Room(u32),
}

#[derive(Default)]
struct State {
    view: TryoutView,
    camera: Option<CameraTryout>,
    microphone: Option<MicrophoneTryout>,
    speaker: Option<SpeakerTryout>,
    call: Option<TestCall>,
    /// Counts what was asked for, so that a device that opens too late is seen to be late.
    asked: u64,
    painter: Option<Arc<Painter>>,
    sources: Sources,
    showing: Showing,
    /// The tile of what is shown: each source has its own, as the painter takes a tile's pictures once.
    tile: u64,
    /// Windows that show a meter.
    meters: HashSet<String>,
    metering: bool,
}

/// See the [module](self).
#[derive(Default)]
pub struct Tryouts {
    state: Mutex<State>,
}

impl Tryouts {
    /// As it stands.
    pub fn view(&self) -> TryoutView {
        self.state.lock().view.clone()
    }

    /// Gives the settings window its stage.
    ///
    /// # Errors
    /// When the window cannot have one.
    pub fn show_in(&self, shell: &Arc<Shell>, window: &WebviewWindow) -> Result<(), StageError> {
        let pixels = SharedPixels::default();
        let mut state = self.state.lock();
        let words = language::on_stage(shell.language(""));
        let painter = Painter::start(Box::new(state.sources.clone()), alone("", 0, false), pixels.clone(), words)
            .map_err(|e| StageError(e.to_string()))?;
        painter.mirror(shell.settings.get().picture.mirror);
        let painter = Arc::new(painter);
        state.painter = Some(painter.clone());
        state.showing = Showing::Nothing;
        drop(state);
        let shown = Arc::downgrade(&painter);
        stage::open(window, pixels, Box::new(|_, _, _| ()), move |surface| match surface {
            Ok(surface) => {
                if let Some(painter) = shown.upgrade() {
                    painter.show_on(surface);
                }
            }
            Err(error) => tracing::error!(%error, "the preview is not shown"),
        })?;
        self.room_changed(shell);
        Ok(())
    }

    /// Lays the stage where the page left room for it.
    pub fn place(&self, place: &Place, scale: f64, dark: bool) {
        if let Some(painter) = &self.state.lock().painter {
            painter.place(place, scale, dark);
        }
    }

    /// Shows our own picture as a mirror does, or as the others see it.
    pub fn mirror(&self, mirror: bool) {
        if let Some(painter) = &self.state.lock().painter {
            painter.mirror(mirror);
        }
    }

    /// Filters what the camera that is tried out sees.
    pub fn beauty(&self, settings: BeautySettings) {
        if let Some(camera) = &self.state.lock().camera {
            camera.set_beauty(settings);
        }
    }

    /// The window is gone: everything is closed.
    pub fn end(&self) {
        let mut state = self.state.lock();
        let asked = state.asked + 1;
        let meters = state.meters.iter().filter(|label| *label != windows::SETTINGS).cloned().collect();
        let metering = state.metering;
        let tile = state.tile;
        let ended = std::mem::replace(&mut *state, State { asked, meters, metering, tile, ..State::default() });
        drop(state);
        // Outside the lock: devices may take their time, and call back.
        drop(ended);
    }

    /// A room opens and needs the devices.
    pub fn make_room(&self, shell: &Arc<Shell>) {
        let mut devices = None;
        self.update(shell, |state| {
            state.asked += 1;
            devices = Some((state.camera.take(), state.microphone.take(), state.call.take()));
            (state.view.camera, state.view.microphone) = (Trial::Off, Trial::Off);
            state.view.call = TestCallView::Idle;
        });
        drop(devices);
    }

    /// A room's devices may have changed: its picture is shown in place of ours.
    pub fn room_changed(&self, shell: &Arc<Shell>) {
        self.update(shell, |_| ());
    }

    /// Opens or closes the camera.
    pub fn camera(&self, shell: &Arc<Shell>, on: bool) {
        let mut asked = 0;
        let mut closed = None;
        self.update(shell, |state| {
            state.asked += 1;
            asked = state.asked;
            closed = state.camera.take();
            state.view.camera = if on { Trial::Opening } else { Trial::Off };
        });
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || {
            drop(closed);
            if !on {
                return;
            }
            let told = Arc::downgrade(&shell);
            let settings = shell.settings.get();
            let (video, beauty) = (settings.picture.preset.into(), settings.beauty.wanted());
            let opened = CameraTryout::open(&SessionEnv::system(), &shell.camera(), video, beauty, move |error| {
                if let Some(shell) = told.upgrade() {
                    shell.tryout.camera_failed(&shell, asked, &error);
                }
            });
            shell.tryout.update(&shell, |state| {
                if state.asked == asked {
                    match opened {
                        Ok(camera) => {
                            state.view.camera = Trial::On { label: camera.label().to_owned() };
                            // They may have been changed while it was being opened.
                            camera.set_beauty(shell.settings.get().beauty.wanted());
                            state.camera = Some(camera);
                        }
                        Err(error) => state.view.camera = failed(&error),
                    }
                }
            });
        });
    }

    fn camera_failed(&self, shell: &Arc<Shell>, asked: u64, error: &SessionError) {
        // Not dropped here: this runs on the camera's own thread.
        let mut lost = None;
        self.update(shell, |state| {
            if state.asked == asked {
                lost = state.camera.take();
                state.view.camera = failed(error);
            }
        });
        tauri::async_runtime::spawn_blocking(move || drop(lost));
    }

    /// Another camera was chosen: what is open is opened anew.
    pub fn camera_chosen(&self, shell: &Arc<Shell>) {
        if !matches!(self.view().camera, Trial::Off) {
            self.camera(shell, true);
        }
    }

    /// Opens or closes the microphone.
    pub fn microphone(&self, shell: &Arc<Shell>, on: bool) {
        let mut closed = None;
        self.update(shell, |state| {
            closed = state.microphone.take();
            state.view.microphone = if on { Trial::Opening } else { Trial::Off };
        });
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || {
            drop(closed);
            if !on {
                return;
            }
            let told = Arc::downgrade(&shell);
            let news = move |news: Result<String, SessionError>| {
                let Some(shell) = told.upgrade() else { return };
                shell.tryout.update(&shell, |state| {
                    if !matches!(state.view.microphone, Trial::Off) {
                        state.view.microphone = match &news {
                            Ok(label) => Trial::On { label: label.clone() },
                            Err(error) => failed(error),
                        };
                    }
                });
            };
            let opened = MicrophoneTryout::open(&SessionEnv::system(), &shell.microphone(), news);
            let mut late = None;
            shell.tryout.update(&shell, |state| match opened {
                Ok(microphone) if matches!(state.view.microphone, Trial::Off) => late = Some(microphone),
                Ok(microphone) => {
                    // A tone or a file tells no news of itself.
                    if state.view.microphone == Trial::Opening {
                        state.view.microphone = Trial::On { label: String::new() };
                    }
                    state.microphone = Some(microphone);
                }
                Err(error) => state.view.microphone = failed(&error),
            });
            drop(late);
        });
    }

    /// Another microphone was chosen: what is open is opened anew.
    pub fn microphone_chosen(&self, shell: &Arc<Shell>) {
        if !matches!(self.view().microphone, Trial::Off) {
            self.microphone(shell, true);
        }
    }

    /// Plays some notes.
    pub fn speaker(&self, shell: &Arc<Shell>) {
        let mut before = None;
        self.update(shell, |state| {
            before = state.speaker.take();
            state.view.speaker = Trial::Opening;
        });
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || {
            drop(before);
            let told = Arc::downgrade(&shell);
            let not_heard = move |error: SessionError| {
                if let Some(shell) = told.upgrade() {
                    shell.tryout.update(&shell, |state| state.view.speaker = failed(&error));
                }
            };
            match SpeakerTryout::play(&SessionEnv::system(), &shell.speaker(), not_heard) {
                Ok(speaker) => {
                    shell.tryout.update(&shell, |state| {
                        if state.view.speaker == Trial::Opening {
                            state.view.speaker = Trial::On { label: String::new() };
                        }
                        state.speaker = Some(speaker);
                    });
                    tauri::async_runtime::spawn(notes_end(shell));
                }
                Err(error) => shell.tryout.update(&shell, |state| state.view.speaker = failed(&error)),
            }
        });
    }

    /// Begins a call with oneself, or ends it.
    pub fn call(&self, shell: &Arc<Shell>, on: bool) {
        let mut closed = None;
        let mut asked = 0;
        self.update(shell, |state| {
            state.asked += 1;
            asked = state.asked;
            closed = Some((state.call.take(), state.camera.take(), state.microphone.take()));
            (state.view.camera, state.view.microphone) = (Trial::Off, Trial::Off);
            state.view.call = TestCallView::Idle;
        });
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || {
            drop(closed);
            if !on {
                return;
            }
            let settings = shell.settings.get();
            let devices = TestCallDevices {
                camera: shell.camera(),
                microphone: shell.microphone(),
                speaker: shell.speaker(),
                video: settings.picture.preset.into(),
                beauty: settings.beauty.wanted(),
            };
            let told = Arc::downgrade(&shell);
            let call = TestCall::start(SessionEnv::system(), devices, move |stage| {
                if let Some(shell) = told.upgrade() {
                    shell.tryout.update(&shell, |state| {
                        if state.asked == asked {
                            state.view.call = call_view(stage);
                        }
                    });
                }
            });
            let mut late = None;
            shell.tryout.update(&shell, |state| match call {
                Ok(call) if state.asked == asked => state.call = Some(call),
                Ok(call) => late = Some(call),
                Err(error) => state.view.call = TestCallView::Over { problems: vec![error.code] },
            });
            drop(late);
        });
    }

    /// Tells a window the microphone's level, or no more.
    pub fn watch_level(&self, shell: &Arc<Shell>, label: &str, on: bool) {
        let mut state = self.state.lock();
        if on {
            state.meters.insert(label.to_owned());
        } else {
            state.meters.remove(label);
        }
        if on && !std::mem::replace(&mut state.metering, true) {
            tauri::async_runtime::spawn(meter(shell.clone()));
        }
    }

    /// The microphone's level now, and who wants to know; `None` when nobody does any more.
    fn level(&self, shell: &Shell) -> Option<(f32, Vec<String>)> {
        let rooms: Vec<_> = shell.rooms.lock().values().cloned().collect();
        let mut state = self.state.lock();
        let open = |label: &String| tauri::Manager::get_webview_window(&shell.app, label).is_some();
        state.meters.retain(open);
        if state.meters.is_empty() {
            state.metering = false;
            return None;
        }
        let own = state.microphone.as_ref().map(MicrophoneTryout::level);
        let call = state.call.as_ref().map(TestCall::level);
        let in_rooms = rooms.iter().map(|room| room.session.microphone_level());
        let level = own.into_iter().chain(call).chain(in_rooms).fold(0.0, f32::max);
        Some((level, state.meters.iter().cloned().collect()))
    }

    /// Changes something, shows the pictures that are to be shown now, and tells the window.
    fn update(&self, shell: &Arc<Shell>, change: impl FnOnce(&mut State)) {
        let in_room = room_with_camera(shell);
        let mut state = self.state.lock();
        let before = state.view.clone();
        change(&mut state);
        state.view.in_room = in_room.is_some();
        let (showing, pictures, name) = match (&state.call, &in_room, &state.camera) {
            (Some(call), ..) if matches!(state.view.call, TestCallView::Recording | TestCallView::Playing) => {
                (Showing::Call, Some(call.pictures()), shell.language("").pick("测试通话", "Test call").to_owned())
            }
            (_, Some((room, tile)), _) => {
                let label = room.session.view().borrow().camera.label.clone();
                (Showing::Room(room.key.0), Some(room.session.video(*tile)), label)
            }
            (.., Some(camera)) => (Showing::Camera, Some(camera.pictures()), camera.label().to_owned()),
            _ => (Showing::Nothing, None, String::new()),
        };
        let other = showing != state.showing || (showing == Showing::Camera && before.camera != state.view.camera);
        if other && let Some(painter) = state.painter.clone() {
            state.showing = showing;
            state.tile += 1;
            let on = pictures.is_some();
            if let Some(pictures) = pictures {
                state.sources.0.lock().insert(TileId(state.tile), pictures);
            }
            painter.update(alone(&name, state.tile, on));
        }
        let view = state.view.clone();
        drop(state);
        if view != before {
            windows::tell_settings(shell, "tryout", &view);
        }
    }
}

/// A room whose camera runs, and the tile that shows it.
fn room_with_camera(shell: &Shell) -> Option<(Arc<OpenRoom>, TileId)> {
    let rooms: Vec<_> = shell.rooms.lock().values().cloned().collect();
    rooms.into_iter().find_map(|room| {
        let view = room.session.view();
        let tile = { view.borrow().local().filter(|me| me.camera).map(MemberView::tile_id) };
        tile.map(|tile| (room, tile))
    })
}

fn failed(error: &SessionError) -> Trial {
    tracing::info!(%error, "a device that was tried out does not work");
    Trial::Failed { code: error.code }
}

fn call_view(stage: TestCallStage) -> TestCallView {
    match stage {
        TestCallStage::Recording => TestCallView::Recording,
        TestCallStage::Playing => TestCallView::Playing,
        TestCallStage::Over(problems) => TestCallView::Over { problems: problems.iter().map(|e| e.code).collect() },
    }
}

/// A room with nobody but ourselves, for the painter. `name` is what the picture is called.
fn alone(name: &str, tile: u64, on: bool) -> RoomView {
    let me = MemberView {
        sid: String::new(),
        user_id: "me".to_owned(),
        user_name: name.to_owned(),
        user_avatar: String::new(),
        role: Role::Member,
        is_local: true,
        tile,
        screen_tile: None,
        camera: on,
        camera_connecting: false,
        microphone: true,
        speaking: false,
        level: 0.0,
        quality: Quality::Unknown,
        synthetic: false,
        volume: VOLUME_DEFAULT,
    };
    let device = |on| DeviceView { on, running: on, ..DeviceView::default() };
    RoomView {
        phase: RoomPhase::Connected,
        joined: true,
        end: None,
        room_id: String::new(),
        room_name: String::new(),
        room_title: String::new(),
        room_logo: String::new(),
        style: StyleType::default(),
        template: Template::default(),
        guest_link: String::new(),
        members: vec![me],
        camera: device(on),
        microphone: device(true),
        speaker: device(true),
        talk: TalkView::default(),
        screen: ScreenView::default(),
        notices: Vec::new(),
    }
}

/// Closes the loudspeaker when its notes are over.
async fn notes_end(shell: Arc<Shell>) {
    loop {
        tokio::time::sleep(METER).await;
        let mut over = None;
        let going = {
            let mut state = shell.tryout.state.lock();
            match &state.speaker {
                Some(speaker) if speaker.is_over() => {
                    over = state.speaker.take();
                    false
                }
                Some(_) => true,
                None => false,
            }
        };
        if let Some(speaker) = over {
            let closing = tauri::async_runtime::spawn_blocking(move || drop(speaker));
            shell.tryout.update(&shell, |state| {
                if matches!(state.view.speaker, Trial::On { .. }) {
                    state.view.speaker = Trial::Off;
                }
            });
            let _ = closing.await;
        }
        if !going {
            return;
        }
    }
}

/// Tells the windows that want to know how loud the microphone is.
async fn meter(shell: Arc<Shell>) {
    while let Some((level, labels)) = shell.tryout.level(&shell) {
        for label in labels {
            windows::tell(&shell, &label, "level", &level);
        }
        tokio::time::sleep(METER).await;
    }
}
