//! A page's first words to hear, by the window it stands in.

use beckon_protocol::{Code, channel::app::Chat};
use beckon_session::RoomView;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    Language, LanguageChoice,
    devices::{OwnPicture, TryoutView},
    settings::Settings,
};

/// The first words to a page.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(tag = "view", rename_all = "camelCase")]
pub enum Boot {
    /// To a room's.
    Room(RoomBoot),
    /// To the question's.
    Consent(ConsentBoot),
    /// To the home window's.
    Home(HomeBoot),
    /// To the settings window's.
    Settings(Box<SettingsBoot>),
}

/// A room as its window first shows it.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomBoot {
    /// What the window speaks.
    pub language: Language,
    /// The room as it stands.
    pub room: Box<RoomView>,
    /// The texts so far.
    pub chat: Vec<Chat>,
    /// Which panels there are.
    pub panels: Panels,
    /// What the person set.
    pub settings: Settings,
    /// How it has our pictures.
    pub picture: OwnPicture,
}

/// Which panels the page that opened the room wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct Panels {
    /// The member list.
    pub members: bool,
    /// The chat.
    pub chat: bool,
    /// Sharing the screen.
    pub screen: bool,
}

/// The question's window.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ConsentBoot {
    /// What the window speaks.
    pub language: Language,
    /// The question.
    pub question: Question,
}

/// A question to the person, made ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Goes back with the answer: a late click must not answer the next question.
    #[ts(type = "number")]
    pub number: u64,
    /// Scheme, host and port, as ASCII: what cannot be imitated.
    pub origin: String,
    /// The host in its own script, where that differs from `origin`.
    pub unicode_host: Option<String>,
    /// The page came over https, or from this machine.
    pub secure: bool,
    /// The relay that vouches for the origin, if the page did not come directly.
    pub relay: Option<String>,
    /// What it wants.
    pub asks: QuestionAsks,
}

/// What a page wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum QuestionAsks {
    /// To open rooms.
    Room,
    /// To turn the camera on.
    Camera,
    /// To turn the microphone on.
    Microphone,
    /// To turn both on.
    CameraAndMicrophone,
}

/// What the person said. Closing the window or pressing Escape is a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// For this page, now.
    Once,
    /// For this origin from now on.
    Always,
    /// No.
    No,
}

/// The home window.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HomeBoot {
    /// What the window speaks.
    pub language: Language,
    /// What it shows.
    pub home: Home,
}

/// What the home window shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    /// The app's version.
    pub version: String,
    /// The language that was set.
    pub language: LanguageChoice,
    /// Who may.
    pub permissions: Permissions,
    /// Why the last start did not work.
    pub trouble: Option<Trouble>,
}

/// Pages that may open rooms without a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// Those the person said "always" to, in that order.
    pub allowed: Vec<AllowedPage>,
    /// Those the owner of the machine allows; they cannot be taken back here.
    pub policy: Vec<String>,
    /// What of the owner's rules is not understood and left out, in English words.
    pub faults: Vec<String>,
    /// Nothing of the owner's rules can be read, and no page may open a room.
    pub blocked: bool,
}

/// A page the person said "always" to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct AllowedPage {
    /// Scheme, host and port.
    pub origin: String,
    /// The relay that vouched for it, if the page did not come directly.
    pub relay: Option<String>,
    /// Since when, UNIX time in s.
    #[ts(type = "number")]
    pub since: u64,
}

/// Why a start did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Trouble {
    /// Its code.
    #[ts(type = "number")]
    pub code: Code,
    /// In English words.
    pub message: String,
}

/// The app's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Log {
    /// Its file.
    pub path: String,
    /// Why nothing can be written there, in the system's words.
    pub fault: Option<String>,
}

/// The settings window.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SettingsBoot {
    /// What the window speaks.
    pub language: Language,
    /// What the person set.
    pub settings: Settings,
    /// What is tried out.
    pub tryout: TryoutView,
    /// Who may.
    pub permissions: Permissions,
    /// The app's version.
    pub version: String,
    /// Where the log is.
    pub log: Log,
    /// The section to show first; empty for the first.
    pub section: String,
}
