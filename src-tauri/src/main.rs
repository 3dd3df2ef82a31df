//! Beckon, the desktop app: a native conferencing room that web pages open.
//!
//! - [`args`]: the command line, where a launch address arrives
//! - [`starts`]: what other starts bring before there is a shell
//! - [`desk`]: who asks, who may, which room; pure
//! - [`consent`], [`profile`]: what the person and the machine's owner laid down, kept between runs
//! - [`shell`]: windows, channels and rooms around the desk
//! - [`stage`]: pictures drawn natively into a room's window
//! - `webkit`: how the web view draws on Linux; `webview2`: whether Windows has one; `console`: where Windows prints
//! - [`memory`]: what the app keeps of it between rooms
//! - [`registration`], [`self_test`], [`log`]: what an installer, an administrator and a developer need
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

#[forbid(unsafe_code)]
mod args;
#[forbid(unsafe_code)]
mod consent;
#[cfg(windows)]
mod console;
#[forbid(unsafe_code)]
mod desk;
#[forbid(unsafe_code)]
mod language;
#[forbid(unsafe_code)]
mod log;
mod memory;
#[forbid(unsafe_code)]
mod profile;
mod registration;
mod screen;
#[forbid(unsafe_code)]
mod self_test;
#[forbid(unsafe_code)]
mod shell;
mod stage;
#[forbid(unsafe_code)]
mod starts;
#[cfg(target_os = "linux")]
mod webkit;
#[cfg(windows)]
mod webview2;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use beckon_protocol::launch::IDENTIFIER;
use tauri::{Manager, RunEvent};

use args::{ArgsError, Start};
use shell::{Shell, Work, commands, windows};
use starts::Doorstep;

fn main() -> ExitCode {
    memory::prepare();
    #[cfg(target_os = "linux")]
    webkit::prepare();
    #[cfg(windows)]
    console::join();
    let start = match Start::read(std::env::args_os()) {
        Ok(start) => start,
        Err(ArgsError::Options(error)) => {
            // Help and version are "errors" of clap, too.
            let code = error.exit_code();
            if let Err(error) = error.print() {
                eprintln!("{error}");
            }
            return ExitCode::from(u8::try_from(code).unwrap_or(2));
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let options = &start.options;
    let done = if options.self_test {
        return self_test::run();
    } else if options.register {
        registration::register().context("beckon: addresses could not be registered")
    } else if options.unregister {
        registration::unregister().context("beckon: addresses could not be unregistered")
    } else {
        #[cfg(windows)]
        if !webview2::is_there() {
            return ExitCode::from(webview2::MISSING);
        }
        run(start)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The profile's folder: the one that was asked for, or this user's.
fn profile_folder(asked: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let folder = match asked {
        Some(folder) => folder.clone(),
        None => dirs::data_local_dir().context("this user has no folder for application data")?.join(IDENTIFIER),
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    // Not with the prefix `\\?\`, which the web view of Windows does not understand in the path of its own folder.
    dunce::canonicalize(&folder).with_context(|| format!("the folder {} cannot be used", folder.display()))
}

fn run(start: Start) -> anyhow::Result<()> {
    let Start { options, launch } = start;
    let folder = profile_folder(options.data.as_ref())?;
    let log = log::start(&folder, &options.log)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), folder = %folder.display(), "Beckon starts");

    let instance = beckon_opener::instance_name(options.data.as_ref().map(|_| folder.as_path()));
    let doorstep = Arc::new(Doorstep::default());
    let brought = doorstep.clone();
    let second_start = move |_: &tauri::AppHandle, args: Vec<String>, _folder: String| match Start::read_second(args) {
        Ok(launch) => brought.bring(launch),
        Err(error) => tracing::warn!(%error, "a second start was refused"),
    };
    let mut context = tauri::generate_context!();
    // Windows and macOS find the running app by the identifier, Linux by the name on the session bus.
    context.config_mut().identifier.clone_from(&instance);
    let builder = tauri::Builder::default()
        // First of all plugins: a second start ends here.
        .plugin(tauri_plugin_single_instance::Builder::new().callback(second_start).dbus_id(instance).build());
    // Only macOS hands addresses over as events; elsewhere they are arguments, and the plugin bears no bytes but UTF-8.
    #[cfg(target_os = "macos")]
    let builder = builder.plugin(tauri_plugin_deep_link::init());
    let app = builder
        .invoke_handler(tauri::generate_handler![
            commands::boot,
            commands::set_camera,
            commands::set_microphone,
            commands::hold_to_talk,
            commands::set_speaker,
            commands::send_chat,
            commands::leave,
            commands::stay,
            commands::place_stage,
            commands::focus_tile,
            commands::answer,
            commands::revoke,
            commands::show_settings,
            commands::settings_set,
            commands::devices_list,
            commands::try_camera,
            commands::try_microphone,
            commands::try_speaker,
            commands::test_call,
            commands::watch_level,
            commands::page_failed,
            screen::screen_offers,
            screen::screen_thumbnail,
            screen::screen_picked,
            screen::start_screen,
            screen::start_region,
            screen::ask_screen,
            screen::stop_screen,
        ])
        .on_menu_event(|app, event| {
            if let Some(shell) = app.try_state::<Arc<Shell>>() {
                windows::menu_chosen(&shell, event.id().as_ref());
            }
        })
        .setup(move |app| {
            // Found once and kept: the fonts of the names on the stage take a moment to load. A second start does not come here.
            std::thread::spawn(beckon_media::compositor::load_fonts);
            let handle = app.handle().clone();
            let shell = tauri::async_runtime::block_on(async { Shell::open(handle, folder, log, &options) });
            app.manage(shell.clone());
            registration::at_start(app.handle());
            shell.work(Work::Start(launch));
            doorstep.open(move |launch| shell.work(Work::Start(launch)));
            Ok(())
        })
        .build(context)
        .context("the app's windows cannot be set up; is there a display?")?;
    app.run(|app, event| match event {
        // The clerk ends the app; the last window's closing does not.
        RunEvent::ExitRequested { api, code: None, .. } => api.prevent_exit(),
        // The clerk has ended it, or the system does: at the end of a session Windows and macOS come here unasked.
        RunEvent::Exit => {
            if let Some(shell) = app.try_state::<Arc<Shell>>() {
                shell::ending::wait(&shell);
            }
        }
        _ => {}
    });
    Ok(())
}
