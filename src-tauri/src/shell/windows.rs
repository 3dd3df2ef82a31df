//! The app's windows: home, the question, one for each room.

use std::{sync::Arc, time::Instant};

use beckon_interface::{
    boot::Answer,
    settings::{Settings, SettingsChange, Volume},
};
use beckon_media::{compositor, layout::TileId};
use beckon_session::{MemberView, RoomView};
use serde::Serialize;
use tauri::{
    Emitter, LogicalSize, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
    menu::{CheckMenuItemBuilder, MenuBuilder, MenuItemBuilder, SubmenuBuilder},
};

use super::{
    Shell, Work, boot,
    closing::{Verdict, ends_it_for_others},
    devices, placing,
    room::OpenRoom,
};
use crate::{
    desk::{Input, RoomKey},
    stage,
};

/// The home window's label.
pub const HOME: &str = "home";
/// The settings window's label.
pub const SETTINGS: &str = "settings";
/// The question's label.
pub const CONSENT: &str = "consent";
const ROOM: &str = "room-";
/// Longest title, characters.
const TITLE_MAX: usize = 80;
/// A room's page where the screen has room for it, logical pixels.
const ROOM_SIZE: LogicalSize<f64> = LogicalSize::new(1280.0, 700.0);

/// The label of a room's window.
pub fn room_label(key: RoomKey) -> String {
    format!("{ROOM}{}", key.0)
}

/// The room of a window's label.
pub fn room_of_label(label: &str) -> Option<RoomKey> {
    label.strip_prefix(ROOM)?.parse().ok().map(RoomKey)
}

/// What stands in the title bar.
pub fn room_title(view: &RoomView) -> String {
    let named = [&view.room_title, &view.room_name, &view.room_id].into_iter().find(|t| !t.trim().is_empty());
    let clean = |text: &String| text.chars().filter(|c| !c.is_control()).take(TITLE_MAX).collect::<String>();
    named.map_or_else(|| "Beckon".to_owned(), |title| format!("{} – Beckon", clean(title)))
}

/// Whether any window is open. The one that waits for the next room is not.
pub fn any_open(shell: &Shell) -> bool {
    shell.app.webview_windows().keys().any(|label| !shell.spare.has(label))
}

type Builder<'a> = WebviewWindowBuilder<'a, tauri::Wry, tauri::AppHandle>;

fn builder<'a>(shell: &'a Shell, label: &str) -> Builder<'a> {
    let own = |url: &tauri::Url| {
        // Our pages never lead anywhere else.
        matches!(url.scheme(), "tauri") || url.host_str() == Some("tauri.localhost")
    };
    WebviewWindowBuilder::new(&shell.app, label, WebviewUrl::default())
        .data_directory(shell.folder.join("webview"))
        .on_navigation(own)
        .disable_drag_drop_handler()
        .center()
        // In the middle alone would put the title bar of a window higher than the screen above its edge.
        .prevent_overflow_with_margin(placing::LEFT_FREE)
}

/// Puts a window that was made a while ago where it would be made now: since then its screen may have gone.
fn place_anew(window: &WebviewWindow, page: LogicalSize<f64>) -> tauri::Result<()> {
    let screen = window.primary_monitor().transpose().or_else(|| window.current_monitor().transpose());
    // A desktop that names no screen, as under Wayland, places windows itself.
    let Some(screen) = screen.transpose()? else { return Ok(()) };
    let scale = screen.scale_factor();
    let (place, size) =
        placing::in_the_middle(screen.work_area(), page.to_physical(scale), placing::FRAME.to_physical(scale));
    window.set_position(place)?;
    // In logical pixels: where the new screen has another scale the system turns the window's size over to it, and it
    // may do so before or after this.
    window.set_size(size.to_logical::<f64>(scale))
}

fn front(window: &WebviewWindow) {
    for done in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = done {
            tracing::debug!(%error, "the window did not come to front");
        }
    }
}

/// Opens the home window, or brings it to front.
pub fn show_home(shell: &Arc<Shell>) {
    if let Some(window) = shell.app.get_webview_window(HOME) {
        refresh_home(shell);
        return front(&window);
    }
    let made = builder(shell, HOME).title("Beckon").inner_size(560.0, 600.0).min_inner_size(380.0, 420.0).build();
    match made {
        Ok(window) => {
            let shell = shell.clone();
            window.on_window_event(move |event| {
                if matches!(event, WindowEvent::Destroyed) {
                    shell.work(Work::WindowGone);
                }
            });
        }
        Err(error) => tracing::error!(%error, "the home window could not be opened"),
    }
}

/// Opens the settings window at a section (empty: wherever it is, the first at first), or brings it to front.
pub fn show_settings(shell: &Arc<Shell>, section: &str) {
    if let Some(window) = shell.app.get_webview_window(SETTINGS) {
        if !section.is_empty() {
            // Where its page has not asked for its first words yet, they say it.
            section.clone_into(&mut shell.section.lock());
            emit(shell, SETTINGS, "section", &section);
        }
        return front(&window);
    }
    section.clone_into(&mut shell.section.lock());
    let title = shell.language("").pick("Beckon – 设置", "Beckon – Settings");
    let made = builder(shell, SETTINGS).title(title).inner_size(760.0, 620.0).min_inner_size(380.0, 420.0).build();
    match made {
        Ok(window) => {
            if let Err(error) = shell.tryout.show_in(shell, &window) {
                tracing::error!(%error, "the settings window shows no pictures");
            }
            let shell = shell.clone();
            window.on_window_event(move |event| {
                if matches!(event, WindowEvent::Destroyed) {
                    // Whatever was open is open no more.
                    shell.tryout.end(&shell);
                    devices::rest(&shell);
                    shell.work(Work::WindowGone);
                }
            });
        }
        Err(error) => tracing::error!(%error, "the settings window could not be opened"),
    }
}

/// Tells every window that shows them who may open rooms.
pub fn refresh_permissions(shell: &Arc<Shell>) {
    refresh_home(shell);
    emit(shell, SETTINGS, "permissions", &boot::permissions(shell));
}

/// Tells the windows of the app itself which language they speak. A room's window keeps the one it opened with.
pub fn refresh_language(shell: &Arc<Shell>) {
    refresh_home(shell);
    for label in [HOME, SETTINGS] {
        emit(shell, label, "language", &shell.language(""));
    }
}

/// Tells every window but the question's what the person set.
pub fn refresh_settings(shell: &Arc<Shell>, settings: &Settings) {
    tell_all(shell, "settings", settings);
}

/// Tells a room's window how the room has our pictures.
pub fn refresh_picture(shell: &Shell, room: &OpenRoom) {
    emit_room(shell, room.key, "picture", &room.picture(shell));
}

/// Tells every room's window something.
pub fn tell_rooms(shell: &Shell, event: &str, payload: &(impl Serialize + Clone)) {
    let rooms: Vec<_> = shell.rooms.lock().keys().copied().collect();
    for key in rooms {
        emit_room(shell, key, event, payload);
    }
}

/// Tells every window but the question's something, and but the one that waits for its room: it has heard nothing yet.
pub fn tell_all(shell: &Shell, event: &str, payload: &(impl Serialize + Clone)) {
    let told = |label: &&String| *label != CONSENT && !shell.spare.has(label);
    for label in shell.app.webview_windows().keys().filter(told) {
        emit(shell, label, event, payload);
    }
}

/// Tells the window of this label something.
pub fn tell(shell: &Shell, label: &str, event: &str, payload: &(impl Serialize + Clone)) {
    emit(shell, label, event, payload);
}

/// Tells the settings window something.
pub fn tell_settings(shell: &Shell, event: &str, payload: &(impl Serialize + Clone)) {
    emit(shell, SETTINGS, event, payload);
}

/// Whether a window is open in which devices are chosen.
pub fn shows_devices(shell: &Shell) -> bool {
    let shows = |label: &String| label == SETTINGS || room_of_label(label).is_some() && !shell.spare.has(label);
    shell.app.webview_windows().keys().any(shows)
}

/// Brings the home window, if it is open, up to date.
pub fn refresh_home(shell: &Arc<Shell>) {
    emit(shell, HOME, "home", &boot::home(shell));
}

/// Shows the question of the shell in its window.
pub fn show_question(shell: &Arc<Shell>) {
    let Some(question) = shell.question.lock().as_ref().map(|(number, q)| boot::question(*number, q)) else { return };
    if let Some(window) = shell.app.get_webview_window(CONSENT) {
        emit(shell, CONSENT, "question", &question);
        return front(&window);
    }
    let title = shell.language("").pick("Beckon – 网页请求", "Beckon – a page asks");
    let made = builder(shell, CONSENT)
        .title(title)
        .inner_size(560.0, 480.0)
        .min_inner_size(420.0, 400.0)
        .maximizable(false)
        .always_on_top(true)
        .focused(true)
        .build();
    match made {
        Ok(window) => {
            let shell = shell.clone();
            window.on_window_event(move |event| match event {
                WindowEvent::CloseRequested { api, .. } => {
                    // Closing is a no; the clerk takes the window away unless another question follows.
                    api.prevent_close();
                    shell.answer(None, Answer::No);
                }
                WindowEvent::Destroyed => shell.work(Work::WindowGone),
                _ => {}
            });
        }
        Err(error) => {
            tracing::error!(%error, "the question could not be shown, so the answer is no");
            shell.answer(None, Answer::No);
        }
    }
}

/// Shows the question again where its window went with the one before.
pub fn restore_question(shell: &Arc<Shell>) {
    if shell.app.get_webview_window(CONSENT).is_none() {
        show_question(shell);
    }
}

/// Takes the question's window away.
pub fn hide_question(shell: &Shell) {
    destroy(shell, CONSENT);
}

/// A room's window, hidden.
fn room_window(shell: &Arc<Shell>, key: RoomKey) -> tauri::Result<WebviewWindow> {
    let window = builder(shell, &room_label(key))
        .title("Beckon")
        .inner_size(ROOM_SIZE.width, ROOM_SIZE.height)
        .min_inner_size(420.0, 420.0)
        .focused(true)
        .visible(false)
        .build()?;
    let told = shell.clone();
    window.on_window_event(move |event| match event {
        WindowEvent::CloseRequested { api, .. } => {
            api.prevent_close();
            wished_to_close(&told, key);
        }
        WindowEvent::Destroyed => {
            told.spare.take(key);
            devices::rest(&told);
            told.work(Work::WindowGone);
        }
        _ => {}
    });
    Ok(window)
}

/// The person closes a room's window: by its X, by the system's key.
fn wished_to_close(shell: &Shell, key: RoomKey) {
    let verdict = shell.room(key).map_or(Verdict::Close, |room| {
        let ends = ends_it_for_others(&room.session.view().borrow());
        room.closing.lock().wished(Instant::now(), ends)
    });
    match verdict {
        Verdict::Close => shell.tell(Input::PersonLeft(key)),
        Verdict::Ask => {
            // From a task bar it can be closed while it is not to be seen.
            focus_room(shell, key);
            emit_room(shell, key, "leave", &());
        }
        Verdict::Wait => {}
    }
}

/// Makes the window of the next room ahead, hidden.
pub fn make_spare(shell: &Arc<Shell>, key: RoomKey) {
    // Before the window: its page may ask for its first words at once.
    shell.spare.put(key);
    match room_window(shell, key) {
        Ok(_) => tracing::debug!("a window waits for the next room"),
        Err(error) => {
            shell.spare.take(key);
            tracing::warn!(%error, "no window waits for the next room");
        }
    }
}

/// What the page will ask the system, too.
fn is_dark(window: &WebviewWindow) -> bool {
    window.theme().is_ok_and(|theme| theme == tauri::Theme::Dark)
}

/// Opens a room's window with its stage.
///
/// # Errors
/// What the system says.
pub fn open_room(shell: &Arc<Shell>, room: &Arc<OpenRoom>) -> tauri::Result<()> {
    shell.spare.take(room.key);
    let window = match shell.app.get_webview_window(&room_label(room.key)) {
        Some(window) => {
            if let Err(error) = place_anew(&window, ROOM_SIZE) {
                tracing::debug!(%error, "the room's window stays where it was made");
            }
            window
        }
        None => room_window(shell, room.key)?,
    };
    let dark = shell.first_place.lock().map_or_else(|| is_dark(&window), |first| first.dark);
    let ground = if dark { compositor::Theme::dark() } else { compositor::Theme::light() }.ground;
    let veiled_room = Arc::downgrade(room);
    let veiled = stage::Veil::over(&window, ground, move |veil| {
        if let Some(room) = veiled_room.upgrade() {
            room.veiled(veil);
        }
    });
    if let Err(error) = veiled {
        tracing::debug!(%error, "the page is drawn while it is at work");
    }
    window.set_title(&room_title(&room.view()))?;
    window.show()?;
    window.set_focus()?;
    tracing::debug!("a room's window is open");
    let (pressed_shell, pressed_room) = (shell.clone(), Arc::downgrade(room));
    let on_press = Box::new(move |press, x, y| {
        if let Some(room) = pressed_room.upgrade() {
            room.pressed(&pressed_shell, press, x, y);
        }
    });
    let (shown_shell, shown_room) = (shell.clone(), Arc::downgrade(room));
    let shown = stage::open(&window, room.pixels.clone(), on_press, move |surface| {
        let Some(room) = shown_room.upgrade() else { return };
        match surface {
            Ok(surface) => {
                if let Some(painter) = room.painter() {
                    painter.show_on(surface);
                    tracing::debug!("its stage is there");
                }
            }
            Err(error) => room.no_stage(&shown_shell, &error),
        }
    });
    if let Err(error) = shown {
        room.no_stage(shell, &error);
    }
    Ok(())
}

/// Brings a room's window to front.
pub fn focus_room(shell: &Shell, key: RoomKey) {
    if let Some(window) = shell.app.get_webview_window(&room_label(key)) {
        front(&window);
    }
}

/// Closes a room's window.
pub fn close_room(shell: &Shell, key: RoomKey) {
    destroy(shell, &room_label(key));
}

fn destroy(shell: &Shell, label: &str) {
    if let Some(window) = shell.app.get_webview_window(label)
        && let Err(error) = window.destroy()
    {
        tracing::warn!(%error, label, "the window could not be closed");
    }
}

fn emit(shell: &Shell, label: &str, event: &str, payload: &(impl Serialize + Clone)) {
    if shell.app.get_webview_window(label).is_some()
        && let Err(error) = shell.app.emit_to(label, event, payload.clone())
    {
        tracing::warn!(%error, label, event, "the window was not told");
    }
}

/// Tells a room's window something.
pub fn emit_room(shell: &Shell, key: RoomKey, event: &str, payload: &(impl Serialize + Clone)) {
    emit(shell, &room_label(key), event, payload);
}

/// Shows a member in the window's list.
pub fn show_member(shell: &Shell, key: RoomKey, user_id: &str) {
    emit_room(shell, key, "member", &serde_json::json!({ "userID": user_id }));
}

/// Volumes of a person in their tile's menu, percent; the member list has them all.
const TILE_VOLUMES: [u16; 6] = [0, 25, 50, 100, 150, 200];

/// The menu of a tile.
pub fn tile_menu(shell: &Arc<Shell>, room: &Arc<OpenRoom>, tile: TileId, member: &MemberView) {
    let Some(window) = shell.app.get_webview_window(&room_label(room.key)) else { return };
    let in_front = room.painter().is_some_and(|p| p.focused() == Some(tile));
    let large = match in_front {
        true => room.language.pick("恢复布局", "Back to the usual layout"),
        false => room.language.pick("放大显示", "Show large"),
    };
    let list = room.language.pick("在成员列表中显示", "Show in the member list");
    let name = if member.user_name.is_empty() { &member.user_id } else { &member.user_name };
    let act = |what: &str| format!("tile/{what}/{}/{}", room.key.0, tile.0);
    let menu = (|| {
        let title = MenuItemBuilder::new(name.replace('&', "&&")).enabled(false).build(&window)?;
        let large = MenuItemBuilder::new(large).id(act("front")).build(&window)?;
        let mut menu = MenuBuilder::new(&window).item(&title).separator().item(&large);
        if !member.is_local {
            let mut volume = SubmenuBuilder::new(&window, room.language.pick("音量", "Volume"));
            for percent in TILE_VOLUMES {
                let chosen = member.volume == percent;
                let id = act(&format!("volume{percent}"));
                let item = CheckMenuItemBuilder::new(format!("{percent} %")).id(id).checked(chosen).build(&window)?;
                volume = volume.item(&item);
            }
            menu = menu.item(&volume.build()?);
        }
        if room.panels.members {
            menu = menu.item(&MenuItemBuilder::new(list).id(act("list")).build(&window)?);
        }
        window.popup_menu(&menu.build()?)
    })();
    if let Err(error) = menu {
        tracing::warn!(%error, "the tile's menu could not be shown");
    }
}

/// Does what was chosen in a tile's menu.
pub fn menu_chosen(shell: &Arc<Shell>, id: &str) {
    let mut parts = id.split('/');
    let (Some("tile"), Some(what), Some(key), Some(tile)) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    let (Ok(key), Ok(tile)) = (key.parse().map(RoomKey), tile.parse().map(TileId)) else { return };
    let Some(room) = shell.room(key) else { return };
    let view = room.session.view();
    let member = view.borrow().member_of_tile(tile).cloned();
    match (what, what.strip_prefix("volume").and_then(|percent| percent.parse().ok()), member) {
        ("front", _, _) => room.toggle_front(shell, tile),
        (_, Some(percent), Some(member)) => {
            shell.change_settings(SettingsChange::Volume(Volume { user_id: member.user_id, percent }));
        }
        ("list", _, Some(member)) => show_member(shell, key, &member.user_id),
        _ => {}
    }
}
