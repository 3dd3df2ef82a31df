//! What the windows' pages may call. Each command acts on the window that calls it and on no other.

use std::sync::Arc;

use beckon_interface::{
    boot::{Answer, Boot, ConsentBoot},
    devices::{DeviceKind, DeviceList},
    place::StagePlace,
    settings::SettingsChange,
};
use beckon_media::layout::TileId;
use beckon_protocol::launch::Origin;
use tauri::{State, WebviewWindow};

use super::{Shell, boot, devices, room::OpenRoom, windows};
use crate::desk::{Asker, Input, RoomKey};

type App<'a> = State<'a, Arc<Shell>>;
type Done = Result<(), String>;

/// Of what failed in a page, so many letters go to the log.
const MOST_OF_A_FAILURE: usize = 500;

const WRONG_WINDOW: &str = "this window has no such command";

fn room_of(shell: &Shell, window: &WebviewWindow) -> Result<(RoomKey, Arc<OpenRoom>), String> {
    let key = windows::room_of_label(window.label()).ok_or(WRONG_WINDOW)?;
    let room = shell.room(key).ok_or("the room is over")?;
    Ok((key, room))
}

fn only(window: &WebviewWindow, labels: &[&str]) -> Done {
    if labels.contains(&window.label()) { Ok(()) } else { Err(WRONG_WINDOW.into()) }
}

/// Every window but the question's, which shows a stranger's wishes and has no business here.
fn not_the_question(window: &WebviewWindow) -> Done {
    if window.label() == windows::CONSENT { Err(WRONG_WINDOW.into()) } else { Ok(()) }
}

/// The page's first words to hear. They wait for the room where the window was made before it.
#[tauri::command]
pub async fn boot(shell: App<'_>, window: WebviewWindow) -> Result<Boot, String> {
    if let Some(key) = windows::room_of_label(window.label()) {
        shell.spare.over(key).await;
    }
    match window.label() {
        windows::HOME => Ok(boot::home_window(&shell)),
        windows::SETTINGS => Ok(boot::settings_window(&shell)),
        windows::CONSENT => {
            let question = shell.question.lock().as_ref().map(|(number, q)| boot::question(*number, q));
            let question = question.ok_or("nothing is asked")?;
            Ok(Boot::Consent(ConsentBoot { language: shell.language(""), question }))
        }
        _ => room_of(&shell, &window).map(|(_, room)| boot::room(&shell, &room)),
    }
}

/// Turns the camera on or off.
#[tauri::command]
pub fn set_camera(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    let (key, room) = room_of(&shell, &window)?;
    room.turn(&shell, DeviceKind::Camera, on, move |session| session.set_camera(on));
    if on {
        shell.tell(Input::PersonTurnedOn { room: key, camera: true, microphone: false });
    }
    Ok(())
}

/// Turns the microphone on or off.
#[tauri::command]
pub fn set_microphone(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    let (key, room) = room_of(&shell, &window)?;
    room.turn(&shell, DeviceKind::Microphone, on, move |session| session.set_microphone(on));
    if on {
        shell.tell(Input::PersonTurnedOn { room: key, camera: false, microphone: true });
    }
    Ok(())
}

/// The push-to-talk key is down or up.
#[tauri::command]
pub fn hold_to_talk(shell: App<'_>, window: WebviewWindow, held: bool) -> Done {
    let (key, room) = room_of(&shell, &window)?;
    room.turn(&shell, DeviceKind::Microphone, held, move |session| session.hold_to_talk(held));
    if held && shell.settings.get().sound.push_to_talk {
        shell.tell(Input::PersonTurnedOn { room: key, camera: false, microphone: true });
    }
    Ok(())
}

/// Turns the others' sound on or off.
#[tauri::command]
pub fn set_speaker(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    room_of(&shell, &window)?.1.session.set_speaker(on);
    Ok(())
}

/// Sends a room text.
#[tauri::command]
pub fn send_chat(shell: App<'_>, window: WebviewWindow, text: String) -> Done {
    room_of(&shell, &window)?.1.session.send_chat(text).map_err(|e| e.to_string())
}

/// Leaves the room, or closes the window of one that is over.
#[tauri::command]
pub fn leave(shell: App<'_>, window: WebviewWindow) -> Done {
    let key = windows::room_of_label(window.label()).ok_or(WRONG_WINDOW)?;
    shell.tell(Input::PersonLeft(key));
    Ok(())
}

/// The person thought better of leaving: the next wish to close the window is a first one again.
#[tauri::command]
pub fn stay(shell: App<'_>, window: WebviewWindow) -> Done {
    room_of(&shell, &window)?.1.closing.lock().stays();
    Ok(())
}

/// Lays the stage there.
#[tauri::command]
pub fn place_stage(shell: App<'_>, window: WebviewWindow, place: StagePlace) -> Done {
    let scale = window.scale_factor().map_err(|e| e.to_string())?;
    if window.label() == windows::SETTINGS {
        shell.tryout.place(&place.into(), scale, place.dark);
        return Ok(());
    }
    let (_, room) = room_of(&shell, &window)?;
    room.place(&shell, place.into(), scale, place.dark);
    Ok(())
}

/// Brings a tile to the front; none lets the layout choose.
#[tauri::command]
pub fn focus_tile(shell: App<'_>, window: WebviewWindow, tile: Option<u64>) -> Done {
    room_of(&shell, &window)?.1.show_in_front(&shell, tile.map(TileId));
    Ok(())
}

/// The person's answer to the question of this number.
#[tauri::command]
pub fn answer(shell: App<'_>, window: WebviewWindow, number: u64, answer: Answer) -> Done {
    only(&window, &[windows::CONSENT])?;
    shell.answer(Some(number), answer);
    Ok(())
}

/// Takes an "always" back.
#[tauri::command]
pub fn revoke(shell: App<'_>, window: WebviewWindow, origin: String, relay: Option<String>) -> Done {
    only(&window, &[windows::HOME, windows::SETTINGS])?;
    let asker = Asker { origin: Origin::parse(&origin).map_err(|e| e.to_string())?, relay };
    shell.consents.lock().revoke(&asker).map_err(|e| e.to_string())?;
    shell.tell(Input::Revoked(asker));
    windows::refresh_permissions(&shell);
    Ok(())
}

/// Opens the settings window at a section, or brings it to front.
#[tauri::command]
pub fn show_settings(shell: App<'_>, window: WebviewWindow, section: String) -> Done {
    not_the_question(&window)?;
    windows::show_settings(&shell, &section);
    Ok(())
}

/// Sets one section of the settings anew; every window and every room that runs hears of it.
#[tauri::command]
pub fn settings_set(shell: App<'_>, window: WebviewWindow, change: SettingsChange) -> Done {
    not_the_question(&window)?;
    shell.change_settings(change);
    Ok(())
}

/// The devices that are plugged in. Opens none of them. From now on changes are told by an event.
#[tauri::command]
pub async fn devices_list(shell: App<'_>, window: WebviewWindow) -> Result<DeviceList, String> {
    not_the_question(&window)?;
    devices::follow(&shell);
    // The drivers may take their time.
    tauri::async_runtime::spawn_blocking(devices::list).await.map_err(|e| e.to_string())
}

/// Opens the camera for the person alone, or closes it.
#[tauri::command]
pub fn try_camera(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    only(&window, &[windows::SETTINGS])?;
    shell.tryout.camera(&shell, on);
    Ok(())
}

/// Opens the microphone to show its level, or closes it.
#[tauri::command]
pub fn try_microphone(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    only(&window, &[windows::SETTINGS])?;
    shell.tryout.microphone(&shell, on);
    Ok(())
}

/// Plays some notes on the loudspeaker; from a room's window by that room.
#[tauri::command]
pub fn try_speaker(shell: App<'_>, window: WebviewWindow) -> Done {
    let room = match window.label() {
        windows::SETTINGS => None,
        _ => Some(room_of(&shell, &window)?.1),
    };
    shell.tryout.speaker(&shell, room);
    Ok(())
}

/// Begins a call with oneself, or ends it.
#[tauri::command]
pub fn test_call(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    only(&window, &[windows::SETTINGS])?;
    shell.tryout.call(&shell, on);
    Ok(())
}

/// Tells this window the microphone's level from now on, or no more.
#[tauri::command]
pub fn watch_level(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    not_the_question(&window)?;
    shell.tryout.watch_level(&shell, window.label(), on);
    Ok(())
}

/// Something failed in a window's page: for the log.
#[tauri::command]
pub fn page_failed(window: WebviewWindow, what: String) {
    let what: String = what.chars().take(MOST_OF_A_FAILURE).collect();
    tracing::warn!(window = window.label(), ?what, "something failed in a window's page");
}
