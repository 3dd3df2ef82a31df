//! What the person tries out: in the settings window camera, microphone, loudspeaker, a call with themselves; in a room's
//! window the loudspeaker.
//!
//! Nothing here opens a device but on the person's wish. Most systems open a camera once only, so an open room has the
//! first right to the devices: what it has on is shown and not opened here, and what it wants is taken from here. What we
//! play ourselves its echo canceller must know of: notes are played by the room, and there is no test call beside it.
//!
//! Devices are opened and closed on threads of their own, and never under the state's lock: closing waits for the device's
//! thread, which tells its news under that lock.

mod in_room;
mod level;
mod notes;
mod slot;
mod stage;
#[cfg(test)]
pub(crate) use stage::alone;

use std::sync::Arc;

use beckon_interface::devices::{DeviceKind, InRoom, TestCallView, Trial, TryoutView};
use beckon_protocol::{Code, beauty::BeautySettings};
use beckon_session::{
    SessionEnv, SessionError,
    tryout::{CameraTryout, MicrophoneTryout, TestCall, TestCallDevices, TestCallStage},
};
use parking_lot::Mutex;
use tauri::WebviewWindow;

use self::{
    level::Meters,
    notes::Notes,
    slot::{Ask, Slot},
    stage::{Showing, Stage},
};
use super::{Shell, room::OpenRoom, windows};
use crate::{
    language,
    stage::{Place, SharedPixels, StageError, open as open_stage},
};

#[derive(Default)]
struct State {
    camera: Slot<CameraTryout>,
    microphone: Slot<MicrophoneTryout>,
    speaker: Slot<Notes>,
    call: Option<TestCall>,
    call_view: TestCallView,
    /// Counts what was asked for, so that news of a call that is over are seen to be late.
    calls: u64,
    /// Of the settings window, while it is open.
    stage: Option<Stage>,
    meters: Meters,
    /// What the settings window was told last.
    told: TryoutView,
}

/// One after the other: a device that is opened waits for its own closing. Held by threads that may take their time,
/// never under the state's lock.
#[derive(Default)]
struct Turns {
    camera: Mutex<()>,
    microphone: Mutex<()>,
    speaker: Mutex<()>,
}

/// See the [module](self).
#[derive(Default)]
pub struct Tryouts {
    state: Mutex<State>,
    turns: Turns,
}

/// Devices that were taken from here; dropping it closes them, which may take seconds.
pub struct Taken {
    _camera: Option<CameraTryout>,
    _microphone: Option<MicrophoneTryout>,
    _call: Option<TestCall>,
}

impl State {
    fn view(&self, room: Option<InRoom>) -> TryoutView {
        TryoutView {
            camera: self.camera.view().clone(),
            microphone: self.microphone.view().clone(),
            speaker: self.speaker.view().clone(),
            call: self.call_view.clone(),
            room,
        }
    }

    fn take(&mut self) -> Taken {
        self.calls += 1;
        self.call_view = TestCallView::Idle;
        Taken { _camera: self.camera.close(), _microphone: self.microphone.close(), _call: self.call.take() }
    }
}

impl Tryouts {
    /// As it stands.
    pub fn view(&self) -> TryoutView {
        self.state.lock().told.clone()
    }

    /// Gives the settings window its stage.
    ///
    /// # Errors
    /// When the window cannot have one.
    pub fn show_in(&self, shell: &Arc<Shell>, window: &WebviewWindow) -> Result<(), StageError> {
        let pixels = SharedPixels::default();
        let stage = Stage::start(pixels.clone(), language::on_stage(shell.language("")))?;
        stage.painter().mirror(shell.settings.get().picture.mirror);
        let shown = Arc::downgrade(stage.painter());
        let before = self.state.lock().stage.replace(stage);
        drop(before);
        open_stage(window, pixels, Box::new(|_, _, _| ()), move |surface| match surface {
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
        if let Some(stage) = &self.state.lock().stage {
            stage.painter().place(place, scale, dark);
        }
    }

    /// Shows our own picture as a mirror does, or as the others see it.
    pub fn mirror(&self, mirror: bool) {
        if let Some(stage) = &self.state.lock().stage {
            stage.painter().mirror(mirror);
        }
    }

    /// Filters what the camera that is tried out sees.
    pub fn beauty(&self, settings: BeautySettings) {
        if let Some(camera) = self.state.lock().camera.device() {
            camera.set_beauty(settings);
        }
    }

    /// The window is gone: everything is closed.
    pub fn end(&self, shell: &Arc<Shell>) {
        let ended = self.update(shell, |state| {
            state.meters.forget(windows::SETTINGS);
            (state.take(), state.speaker.close(), state.stage.take())
        });
        // Not on the user interface's thread.
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || shell.tryout.close(ended));
    }

    /// A room opens and needs the devices.
    pub fn make_room(&self, shell: &Arc<Shell>) {
        let taken = self.update(shell, State::take);
        tokio::task::block_in_place(|| self.close(taken));
    }

    /// Closes what was taken from here, and whatever is only just being opened.
    fn close<T>(&self, taken: T) {
        let _turns = (self.turns.camera.lock(), self.turns.microphone.lock(), self.turns.speaker.lock());
        drop(taken);
    }

    /// A room's devices may have changed: its picture is shown in place of ours.
    pub fn room_changed(&self, shell: &Arc<Shell>) {
        self.update(shell, |_| ());
    }

    /// A room wants this device: whatever is open of it here is closed before `then` is done.
    pub fn let_go(&self, shell: &Arc<Shell>, kind: DeviceKind, then: impl FnOnce() + Send + 'static) {
        let view = self.view();
        // One that was closed just now may still be closing.
        let free = |turn: &Mutex<()>| turn.try_lock().is_some();
        match kind {
            DeviceKind::Camera if !view.camera.is_off() || !free(&self.turns.camera) => {
                self.set_camera(shell, false, then);
            }
            DeviceKind::Microphone if !view.microphone.is_off() || !free(&self.turns.microphone) => {
                self.set_microphone(shell, false, then);
            }
            DeviceKind::Camera | DeviceKind::Microphone | DeviceKind::Speaker => then(),
        }
    }

    /// Opens or closes the camera, unless a room has it.
    pub fn camera(&self, shell: &Arc<Shell>, on: bool) {
        if !on || in_room::live(shell).is_none_or(|room| !room.session.view().borrow().camera.on) {
            self.set_camera(shell, on, || ());
        }
    }

    fn set_camera(&self, shell: &Arc<Shell>, on: bool, then: impl FnOnce() + Send + 'static) {
        let (ask, closed) = self.update(shell, |state| state.camera.switch(on));
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || {
            let _turn = shell.tryout.turns.camera.lock();
            drop(closed);
            if let Some(ask) = ask {
                shell.tryout.open_camera(&shell, ask);
            }
            then();
        });
    }

    fn open_camera(&self, shell: &Arc<Shell>, ask: Ask) {
        let told = Arc::downgrade(shell);
        let settings = shell.settings.get();
        let (video, beauty) = (settings.picture.preset.into(), settings.beauty.wanted());
        let opened = CameraTryout::open(&SessionEnv::system(), &shell.camera(), video, beauty, move |error| {
            if let Some(shell) = told.upgrade() {
                let lost = shell.tryout.update(&shell, |state| state.camera.failed(ask, failed(&error)));
                // This is the camera's own thread, which its closing waits for.
                tauri::async_runtime::spawn_blocking(move || drop(lost));
            }
        });
        let opened = match opened {
            Ok(camera) => {
                // They may have been changed while it was being opened.
                camera.set_beauty(shell.settings.get().beauty.wanted());
                let label = camera.label().to_owned();
                Ok((camera, label))
            }
            Err(error) => Err(failed(&error)),
        };
        let late = self.update(shell, |state| state.camera.opened(ask, opened));
        drop(late);
    }

    /// Another camera was chosen: what is open is opened anew.
    pub fn camera_chosen(&self, shell: &Arc<Shell>) {
        if !self.view().camera.is_off() {
            self.camera(shell, true);
        }
    }

    /// Another size, shape or rate was chosen: a camera that is open, or is being opened, is opened anew with it. One that
    /// does not work is left alone.
    pub fn preset_chosen(&self, shell: &Arc<Shell>) {
        if matches!(self.view().camera, Trial::Opening | Trial::On { .. }) {
            self.camera(shell, true);
        }
    }

    /// Opens or closes the microphone, unless a room has it.
    pub fn microphone(&self, shell: &Arc<Shell>, on: bool) {
        if !on || in_room::live(shell).is_none_or(|room| in_room::shown(shell, &room).microphone.is_off()) {
            self.set_microphone(shell, on, || ());
        }
    }

    fn set_microphone(&self, shell: &Arc<Shell>, on: bool, then: impl FnOnce() + Send + 'static) {
        let (ask, closed) = self.update(shell, |state| state.microphone.switch(on));
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || {
            let _turn = shell.tryout.turns.microphone.lock();
            drop(closed);
            if let Some(ask) = ask {
                shell.tryout.open_microphone(&shell, ask);
            }
            then();
        });
    }

    fn open_microphone(&self, shell: &Arc<Shell>, ask: Ask) {
        let told = Arc::downgrade(shell);
        let news = move |news: Result<String, SessionError>| {
            if let Some(shell) = told.upgrade() {
                let news = news.map_err(|error| failed(&error));
                shell.tryout.update(&shell, |state| state.microphone.news(ask, news));
            }
        };
        let opened = MicrophoneTryout::open(&SessionEnv::system(), &shell.microphone(), news);
        // A tone or a file tells no news of itself, and has no name.
        let opened = opened.map(|microphone| (microphone, String::new())).map_err(|error| failed(&error));
        let late = self.update(shell, |state| state.microphone.opened(ask, opened));
        drop(late);
    }

    /// Another microphone was chosen: what is open is opened anew.
    pub fn microphone_chosen(&self, shell: &Arc<Shell>) {
        if !self.view().microphone.is_off() {
            self.microphone(shell, true);
        }
    }

    /// Begins a call with oneself, or ends it. Beside an open room there is none.
    pub fn call(&self, shell: &Arc<Shell>, on: bool) {
        if on && in_room::live(shell).is_some() {
            return;
        }
        let (taken, number) = self.update(shell, |state| (state.take(), state.calls));
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || {
            shell.tryout.close(taken);
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
                sound: settings.sound,
            };
            let told = Arc::downgrade(&shell);
            let call = TestCall::start(SessionEnv::system(), devices, move |stage| {
                if let Some(shell) = told.upgrade() {
                    shell.tryout.update(&shell, |state| {
                        if state.calls == number {
                            state.call_view = call_view(stage);
                        }
                    });
                }
            });
            let late = shell.tryout.update(&shell, |state| match call {
                Ok(call) if state.calls == number => state.call.replace(call),
                Ok(call) => Some(call),
                Err(error) => {
                    // One that nobody waits for any more has nothing to tell.
                    if state.calls == number {
                        state.call_view = TestCallView::Over { problems: vec![error.code] };
                    }
                    None
                }
            });
            drop(late);
        });
    }

    /// Changes something, shows the pictures that are to be shown now, and tells the window. What the change takes out
    /// of the state it returns, and so it is dropped after the lock.
    fn update<T>(&self, shell: &Arc<Shell>, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let room = in_room::live(shell);
        let shown = room.as_ref().map(|room| in_room::shown(shell, room));
        let changed = change(&mut state);
        show(shell, &mut state, room.as_deref());
        let view = state.view(shown);
        let news = view != state.told;
        let notes = view.speaker != state.told.speaker;
        if news {
            state.told = view.clone();
        }
        drop(state);
        if news {
            windows::tell_settings(shell, "tryout", &view);
        }
        if notes {
            windows::tell_rooms(shell, "notes", &view.speaker);
        }
        changed
    }
}

/// Brings to the stage what is to be seen now.
fn show(shell: &Shell, state: &mut State, room: Option<&OpenRoom>) {
    let State { stage: Some(stage), call, call_view, calls, camera, .. } = state else { return };
    let room = room.and_then(|room| {
        let tile = in_room::own_tile(&room.session.view().borrow())?;
        Some((room, tile))
    });
    match (call, room, camera.device()) {
        (Some(call), ..) if matches!(call_view, TestCallView::Recording | TestCallView::Playing) => {
            let name = || shell.language("").pick("测试通话", "Test call").to_owned();
            stage.show(Showing::Call(*calls), || Some((call.pictures(), name())));
        }
        (_, Some((room, tile)), _) => stage.show(Showing::Room(room.key.0), || {
            let label = room.session.view().borrow().camera.label.clone();
            Some((room.session.video(tile), label))
        }),
        (.., Some(open)) => {
            stage.show(Showing::Camera(camera.number()), || Some((open.pictures(), open.label().to_owned())))
        }
        _ => stage.show(Showing::Nothing, || None),
    }
}

fn failed(error: &SessionError) -> Code {
    tracing::info!(%error, "a device that was tried out does not work");
    error.code
}

fn call_view(stage: TestCallStage) -> TestCallView {
    match stage {
        TestCallStage::Recording => TestCallView::Recording,
        TestCallStage::Playing => TestCallView::Playing,
        TestCallStage::Over(problems) => TestCallView::Over { problems: problems.iter().map(|e| e.code).collect() },
    }
}
