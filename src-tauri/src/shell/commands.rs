//! What the windows' pages may call. Each command acts on the window that calls it and on no other.

use std::sync::Arc;

use beckon_media::layout::TileId;
use beckon_protocol::launch::Origin;
use serde::Deserialize;
use tauri::{Emitter, State, WebviewWindow};

use super::{Shell, boot, boot::Boot, room::OpenRoom, windows};
use crate::{
    desk::{Answer, Asker, Input, RoomKey},
    profile::LanguageChoice,
    stage::Place,
};

type App<'a> = State<'a, Arc<Shell>>;
type Done = Result<(), String>;

const WRONG_WINDOW: &str = "this window has no such command";

fn room_of(shell: &Shell, window: &WebviewWindow) -> Result<(RoomKey, Arc<OpenRoom>), String> {
    let key = windows::room_of_label(window.label()).ok_or(WRONG_WINDOW)?;
    let room = shell.room(key).ok_or("the room is over")?;
    Ok((key, room))
}

fn only(window: &WebviewWindow, label: &str) -> Done {
    if window.label() == label { Ok(()) } else { Err(WRONG_WINDOW.into()) }
}

/// The page's first words to hear.
#[tauri::command]
pub fn boot(shell: App<'_>, window: WebviewWindow) -> Result<Boot, String> {
    match window.label() {
        windows::HOME => Ok(Boot::Home { language: shell.language(""), home: boot::home(&shell) }),
        windows::CONSENT => {
            let question = shell.question.lock().as_ref().map(|(number, q)| boot::question(*number, q));
            let question = question.ok_or("nothing is asked")?;
            Ok(Boot::Consent { language: shell.language(""), question })
        }
        _ => room_of(&shell, &window).map(|(_, room)| boot::room(&room)),
    }
}

/// Turns the camera on or off.
#[tauri::command]
pub fn set_camera(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    let (key, room) = room_of(&shell, &window)?;
    room.session.set_camera(on);
    if on {
        shell.tell(Input::PersonTurnedOn { room: key, camera: true, microphone: false });
    }
    Ok(())
}

/// Turns the microphone on or off.
#[tauri::command]
pub fn set_microphone(shell: App<'_>, window: WebviewWindow, on: bool) -> Done {
    let (key, room) = room_of(&shell, &window)?;
    room.session.set_microphone(on);
    if on {
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

/// Where the page leaves room for the pictures.
#[derive(Debug, Deserialize)]
pub struct StagePlace {
    #[serde(flatten)]
    place: Place,
    dark: bool,
}

/// Lays the stage there.
#[tauri::command]
pub fn place_stage(shell: App<'_>, window: WebviewWindow, place: StagePlace) -> Done {
    let (_, room) = room_of(&shell, &window)?;
    let scale = window.scale_factor().map_err(|e| e.to_string())?;
    room.place(&place.place, scale, place.dark);
    Ok(())
}

/// Brings a tile to the front; none lets the layout choose.
#[tauri::command]
pub fn focus_tile(shell: App<'_>, window: WebviewWindow, tile: Option<u64>) -> Done {
    if let Some(painter) = room_of(&shell, &window)?.1.painter() {
        painter.focus(tile.map(TileId));
    }
    Ok(())
}

/// The person's answer to the question of this number.
#[tauri::command]
pub fn answer(shell: App<'_>, window: WebviewWindow, number: u64, answer: Answer) -> Done {
    only(&window, windows::CONSENT)?;
    shell.answer(Some(number), answer);
    Ok(())
}

/// Takes an "always" back.
#[tauri::command]
pub fn revoke(shell: App<'_>, window: WebviewWindow, origin: String, relay: Option<String>) -> Done {
    only(&window, windows::HOME)?;
    let asker = Asker { origin: Origin::parse(&origin).map_err(|e| e.to_string())?, relay };
    shell.consents.lock().revoke(&asker).map_err(|e| e.to_string())?;
    windows::refresh_home(&shell);
    Ok(())
}

/// Chooses the windows' language.
#[tauri::command]
pub fn set_language(shell: App<'_>, window: WebviewWindow, language: LanguageChoice) -> Done {
    only(&window, windows::HOME)?;
    shell.settings.lock().language = language;
    shell.save_settings();
    windows::refresh_home(&shell);
    window.emit_to(windows::HOME, "language", shell.language("")).map_err(|e| e.to_string())
}
