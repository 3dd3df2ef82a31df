//! The app around the desk: windows, channels, rooms. It decides nothing; it brings what happens to the
//! [`Desk`](crate::desk::Desk) and does what the desk says.

pub mod boot;
pub mod clerk;
mod closing;
pub mod commands;
pub mod devices;
pub mod ending;
mod pictures;
mod placing;
pub mod room;
mod settings;
mod spare;
pub(crate) mod tryout;
pub mod windows;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use beckon_bridge::{Bridge, BridgeConfig};
use beckon_interface::Language;
use beckon_media::devices::DeviceWatch;
use beckon_protocol::launch::{Launch, LaunchError, Refused};
use parking_lot::Mutex;
use tauri::AppHandle;
use tokio::sync::mpsc;

use crate::{
    args::Options,
    consent::{self, Consents, Policy},
    desk::{Answer, Input, Question, RoomKey},
    language,
    log::LogFile,
    profile::SettingsStore,
    screen::Picker,
};
use room::{FirstPlace, OpenRoom};
use settings::ForcedDevices;
use spare::Spare;
use tryout::Tryouts;

/// What the clerk's thread is given to do.
#[derive(Debug)]
pub enum Work {
    /// For the desk.
    Desk(Input),
    /// The app was started, by hand or with an address, for the first time or again.
    Start(Option<Result<Launch, Refused>>),
    /// A window is gone; perhaps it was the last.
    WindowGone,
    /// The app shall end: rooms are left with a goodbye first. Who asked is told when it may.
    End(Option<ending::Told>),
    /// Leaving the rooms took too long.
    EndNow,
    /// Nobody needed the app when this was sent, a while ago.
    Linger(u64),
    /// Nothing happened since this was sent, a moment ago: time to make a window for the next room.
    Spare(u64),
}

/// What all parts of the shell share.
pub struct Shell {
    /// Tauri's handle.
    pub app: AppHandle,
    /// The profile's folder.
    pub folder: PathBuf,
    /// Where the log is.
    pub log: LogFile,
    /// Devices for every room, as the command line chose them; each until the person chooses another.
    pub forced: Mutex<ForcedDevices>,
    /// What the machine's owner laid down.
    pub policy: Policy,
    /// Pages that may.
    pub consents: Mutex<Consents>,
    /// The person's settings.
    pub settings: SettingsStore,
    /// What is tried out in the settings window.
    pub tryout: Tryouts,
    /// Tells the windows what is plugged in, while one of them wants to know.
    pub plugged: Mutex<Option<DeviceWatch>>,
    /// The section the settings window was last asked for.
    pub section: Mutex<String>,
    /// What can be shared, while somebody chooses.
    pub picker: Picker,
    /// Rooms that are open, and those over whose window still stands.
    pub rooms: Mutex<HashMap<RoomKey, Arc<OpenRoom>>>,
    /// Where the page of the room opened last laid its stage at first.
    pub first_place: Mutex<Option<FirstPlace>>,
    /// The window that waits for the next room.
    pub spare: Spare,
    /// The question that is shown and not answered yet, with its number: an answer to another question does not count.
    pub question: Mutex<Option<(u64, Question)>>,
    /// Why the last start did not work.
    pub trouble: Mutex<Option<LaunchError>>,
    work: mpsc::UnboundedSender<Work>,
}

impl Shell {
    /// Sets everything up; must be called within the runtime.
    pub fn open(app: AppHandle, folder: PathBuf, log: LogFile, options: &Options) -> Arc<Self> {
        let (work, inbox) = mpsc::unbounded_channel();
        let version = app.package_info().version.to_string();
        let (bridge, requests) = Bridge::start(BridgeConfig::new(version));
        let shell = Arc::new(Self {
            policy: consent::load_policy(),
            consents: Mutex::new(Consents::load(&folder)),
            settings: SettingsStore::load(&folder),
            section: Mutex::default(),
            tryout: Tryouts::default(),
            plugged: Mutex::default(),
            forced: Mutex::new(ForcedDevices::of(options)),
            app,
            folder,
            log,
            picker: Picker::default(),
            rooms: Mutex::default(),
            first_place: Mutex::default(),
            spare: Spare::default(),
            question: Mutex::default(),
            trouble: Mutex::default(),
            work,
        });
        tauri::async_runtime::spawn(clerk::Clerk::new(shell.clone(), bridge).run(inbox, requests));
        tauri::async_runtime::spawn(ending::on_request(shell.clone()));
        shell
    }

    /// Gives the clerk something to do.
    pub fn work(&self, work: Work) {
        // The clerk goes home only when the app ends.
        let _ = self.work.send(work);
    }

    /// Tells the desk what happened.
    pub fn tell(&self, input: Input) {
        self.work(Work::Desk(input));
    }

    /// The language of a window, after the page's wish.
    pub fn language(&self, wish: &str) -> Language {
        language::here(wish, self.settings.get().language)
    }

    /// The person's answer to the question of this number; to whichever is shown where it is `None`.
    pub fn answer(&self, number: Option<u64>, answer: Answer) {
        let answered = self.question.lock().take_if(|(shown, _)| number.is_none_or(|n| n == *shown));
        if answered.is_some() {
            self.tell(Input::Answered(answer));
        }
    }

    /// A room by its key.
    pub fn room(&self, key: RoomKey) -> Option<Arc<OpenRoom>> {
        self.rooms.lock().get(&key).cloned()
    }
}
