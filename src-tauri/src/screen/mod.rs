//! Sharing the screen: what the picker of a room's window may ask for. A page cannot reach any of this: what is shared
//! is the person's own choice, made in our own window.

#[cfg(any(target_os = "linux", windows))]
mod drawing;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod region;
#[cfg(target_os = "linux")]
mod words;

#[cfg(windows)]
#[path = "windows/mod.rs"]
mod region;

#[cfg(not(any(target_os = "linux", windows)))]
#[path = "elsewhere.rs"]
mod region;

use std::sync::{Arc, atomic::Ordering};

use beckon_interface::{
    Language,
    screen::{ScreenDialog, ScreenHow, ScreenKind, ScreenOffer, ScreenOffers},
};
use beckon_media::{
    SourceError,
    screen::{self, Again, Catalog, Granted, Offer, Rect, ScreenChoice, ScreenSettings},
    system_sound,
};
use beckon_protocol::Code;
use beckon_session::{ScreenShare, SessionError};
use parking_lot::Mutex;
use tauri::{State, WebviewWindow, ipc::Response};

pub use region::Frame;

use crate::shell::{Shell, room::OpenRoom, windows};

type App<'a> = State<'a, Arc<Shell>>;
/// What a window is told of a failure: its code has words in the person's language.
type Answer<T> = Result<T, SessionError>;

/// Longest title that reaches the window, characters.
const TITLE_MAX: usize = 120;
/// Largest thumbnail, pixels.
const THUMBNAIL: (u32, u32) = (320, 200);

/// What is known of the desktop while a picker is open.
#[derive(Default)]
pub struct Picker {
    catalog: Mutex<Option<Catalog>>,
    /// Whether the computer's sound can be shared, once that was looked for.
    sound: Mutex<Option<bool>>,
    /// To have again what the person gave last in the desktop's own dialog.
    again: Mutex<Option<Again>>,
}

impl Picker {
    fn with<T>(&self, look: impl FnOnce(&mut Catalog) -> Result<T, SourceError>) -> Result<T, SourceError> {
        let mut slot = self.catalog.lock();
        let catalog = match &mut *slot {
            Some(catalog) => catalog,
            none => none.insert(Catalog::open()?),
        };
        let looked = look(catalog);
        if matches!(looked, Err(SourceError::Device { .. })) {
            // The desktop may be another one next time.
            *slot = None;
        }
        looked
    }

    /// Everything but our own windows.
    fn offers(&self) -> Result<Vec<Offer>, SourceError> {
        self.with(|catalog| catalog.offers(Some(std::process::id())))
    }

    fn has_sound(&self) -> bool {
        *self.sound.lock().get_or_insert_with(system_sound::available)
    }

    /// The desktop's own dialog, where it has one.
    fn dialog(&self) -> Option<ScreenDialog> {
        screen::desktop_asks().then(|| ScreenDialog { again: self.again.lock().is_some() })
    }

    /// Nobody chooses any more. Where somebody does all the same, in another room, it is found out anew.
    pub fn close(&self) {
        self.catalog.lock().take();
        self.sound.lock().take();
    }
}

/// What the window names by its kind and the system's name for it.
fn read(kind: ScreenKind, id: &str) -> Answer<ScreenChoice> {
    Ok(match kind {
        ScreenKind::Monitor => ScreenChoice::Monitor(id.to_owned()),
        ScreenKind::Window => ScreenChoice::Window(id.parse().map_err(|_| gone())?),
    })
}

fn gone() -> SessionError {
    SessionError::of(Code::ScreenGone)
}

/// What failed that was not the screen.
fn internal(error: impl std::fmt::Display) -> SessionError {
    SessionError::new(Code::Internal, error.to_string())
}

fn offered(offer: Offer) -> Option<ScreenOffer> {
    let (kind, id) = match offer.choice {
        ScreenChoice::Monitor(id) => (ScreenKind::Monitor, id),
        ScreenChoice::Window(id) => (ScreenKind::Window, id.to_string()),
        // Nothing else is in a list.
        _ => return None,
    };
    Some(ScreenOffer { kind, id, title: clean(&offer.title), width: offer.width, height: offer.height })
}

/// Titles come from other programs.
fn clean(title: &str) -> String {
    title.chars().filter(|c| !c.is_control()).take(TITLE_MAX).collect()
}

fn room(shell: &Shell, window: &WebviewWindow) -> Answer<Arc<OpenRoom>> {
    let key = windows::room_of_label(window.label()).ok_or_else(|| internal("this window has no such command"))?;
    let room = shell.room(key).ok_or_else(|| SessionError::of(Code::NoRoom))?;
    if room.panels.screen { Ok(room) } else { Err(internal("this room shares no screens")) }
}

/// Looks around for a room's picker. Where that was closed meanwhile, nothing of it stays behind.
fn look<T>(shell: &Shell, room: &OpenRoom, around: impl FnOnce(&Picker) -> Result<T, SourceError>) -> Answer<T> {
    let picks = room.picks.load(Ordering::Relaxed);
    let seen = around(&shell.picker);
    if room.is_over() || room.picks.load(Ordering::Relaxed) != picks {
        shell.picker.close();
    }
    seen.map_err(|e| SessionError::of_screen(&e))
}

/// Everything that can be shared now: monitors first, then windows.
#[tauri::command(async)]
pub fn screen_offers(shell: App<'_>, window: WebviewWindow) -> Answer<ScreenOffers> {
    let room = room(&shell, &window)?;
    room.session.choose_screen(true);
    look(&shell, &room, |picker| {
        let (sound, dialog) = (picker.has_sound(), picker.dialog());
        if dialog.is_some() {
            return Ok(ScreenOffers { offers: Vec::new(), region: false, sound, dialog });
        }
        let offers = picker.offers()?.into_iter().filter_map(offered).collect();
        Ok(ScreenOffers { offers, region: region::SUPPORTED, sound, dialog })
    })
}

/// A small picture of one of them: width and height as two little-endian 16-bit numbers, then red, green, blue, alpha.
/// Empty when there is none now.
#[tauri::command(async)]
pub fn screen_thumbnail(shell: App<'_>, window: WebviewWindow, kind: ScreenKind, id: String) -> Answer<Response> {
    let room = room(&shell, &window)?;
    let choice = read(kind, &id)?;
    let (width, height) = THUMBNAIL;
    let seen = look(&shell, &room, |picker| picker.with(|catalog| catalog.thumbnail(&choice, width, height)))?;
    Ok(Response::new(seen.map_or_else(Vec::new, |thumbnail| {
        let sides = [thumbnail.width, thumbnail.height].map(|side| (side as u16).to_le_bytes());
        [sides.concat(), thumbnail.rgba].concat()
    })))
}

/// The picker is closed.
#[tauri::command(async)]
pub fn screen_picked(shell: App<'_>, window: WebviewWindow) -> Answer<()> {
    // Counted before it is closed: who looks around meanwhile must see one or the other.
    let room = room(&shell, &window).inspect(|room| {
        room.picks.fetch_add(1, Ordering::Relaxed);
        room.session.choose_screen(false);
    });
    // Even where the room is gone.
    shell.picker.close();
    room.map(drop)
}

/// Shares what the person chose.
#[tauri::command(async)]
pub fn start_screen(shell: App<'_>, window: WebviewWindow, kind: ScreenKind, id: String, how: ScreenHow) -> Answer<()> {
    let room = room(&shell, &window)?;
    let choice = read(kind, &id)?;
    let offers = look(&shell, &room, Picker::offers)?;
    let offer = offers.into_iter().find(|o| o.choice == choice).ok_or_else(gone)?;
    room.share(
        ScreenShare {
            choice,
            label: clean(&offer.title),
            width: offer.width,
            height: offer.height,
            motion: how.motion,
            sound: how.sound,
        },
        None,
    );
    Ok(())
}

/// Lets the person draw a region, and shares it. False when they thought better of it.
#[tauri::command]
pub async fn start_region(shell: App<'_>, window: WebviewWindow, how: ScreenHow) -> Answer<bool> {
    let room = room(&shell, &window)?;
    let scale = window.scale_factor().unwrap_or(1.0);
    // A person takes their time: not on a thread that others wait for.
    let drawn = tauri::async_runtime::spawn_blocking(move || share_region(&room, scale, how));
    drawn.await.map_err(internal)?.map_err(|e| SessionError::new(Code::RegionRefused, e.to_string()))
}

fn share_region(room: &Arc<OpenRoom>, scale: f64, how: ScreenHow) -> Result<bool, RegionError> {
    let hint = room.language.pick(
        "拖动鼠标框选区域 · 方向键和 Enter · Esc 取消",
        "Drag over the part to share · or arrow keys and Enter · Esc",
    );
    let over = || !room.may_share() || room.is_put_down();
    let Some(part) = region::pick(&Ask { hint, scale, over: &over })? else { return Ok(false) };
    if over() {
        return Ok(false);
    }
    // Without its frame a region is shared all the same: the banner says so too.
    let frame = Frame::show(part).map_err(|error| tracing::warn!(%error, "the region has no frame")).ok();
    let Rect { w: width, h: height, .. } = part;
    let label = match room.language {
        Language::Chinese => format!("屏幕区域（{width} × {height}）"),
        Language::English => format!("part of the screen ({width} × {height})"),
    };
    let choice = ScreenChoice::Region(part);
    let ScreenHow { motion, sound } = how;
    room.share(ScreenShare { choice, label, width, height, motion, sound }, frame);
    Ok(true)
}

/// Has the desktop ask the person what to share, and shares it; `again` for what was shared last. False when they want to
/// share nothing.
#[tauri::command]
pub async fn ask_screen(shell: App<'_>, window: WebviewWindow, again: bool, how: ScreenHow) -> Answer<bool> {
    let room = room(&shell, &window)?;
    let shell = Arc::clone(&shell);
    // A person takes their time: not on a thread that others wait for.
    let asked = tauri::async_runtime::spawn_blocking(move || share_given(&shell, &room, again, how));
    asked.await.map_err(internal)?.map_err(|e| SessionError::of_screen(&e))
}

fn share_given(shell: &Shell, room: &Arc<OpenRoom>, again: bool, how: ScreenHow) -> Result<bool, SourceError> {
    let picks = room.picks.load(Ordering::Relaxed);
    let over = || !room.may_share() || room.is_put_down() || room.picks.load(Ordering::Relaxed) != picks;
    let last = if again { shell.picker.again.lock().clone() } else { None };
    let ask = screen::Ask { settings: ScreenSettings::default(), again: last.as_ref(), over: &over };
    let Some(given) = screen::ask(&ask)? else { return Ok(false) };
    if over() {
        return Ok(false);
    }
    let choice = given.choice();
    let Granted { window, width, height, again, .. } = given;
    *shell.picker.again.lock() = again;
    let label = match (room.language, window) {
        (Language::Chinese, true) => "一个窗口",
        (Language::Chinese, false) => "整个屏幕",
        (Language::English, true) => "a window",
        (Language::English, false) => "the whole screen",
    };
    let ScreenHow { motion, sound } = how;
    room.share(ScreenShare { choice, label: label.to_owned(), width, height, motion, sound }, None);
    Ok(true)
}

/// What somebody who draws a region is told, and when to stop asking them.
#[cfg_attr(not(any(target_os = "linux", windows)), expect(dead_code, reason = "asked on Linux and Windows"))]
pub struct Ask<'a> {
    /// What to do, beside the pointer.
    hint: &'a str,
    /// Pixels for each point of text.
    scale: f64,
    /// Nobody waits for the region any more.
    over: &'a dyn Fn() -> bool,
}

/// Shares nothing any more.
#[tauri::command]
pub fn stop_screen(shell: App<'_>, window: WebviewWindow) -> Answer<()> {
    room(&shell, &window)?.session.stop_screen();
    Ok(())
}

/// Why a region cannot be drawn or framed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// Not on this system.
    #[error("drawing a region does not work on this system; share a window or a whole screen")]
    #[cfg_attr(any(target_os = "linux", windows), expect(dead_code, reason = "said elsewhere"))]
    NotSupported,
    /// The desktop said no.
    #[error("the desktop does not let a region be drawn: {0}")]
    #[cfg_attr(not(any(target_os = "linux", windows)), expect(dead_code, reason = "said on Linux and Windows"))]
    Refused(String),
}
