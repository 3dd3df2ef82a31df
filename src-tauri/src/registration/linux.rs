//! On Linux: a desktop file, and the desktop's list of default handlers.
//!
//! Not by the deep-link plugin: the quoted `Exec` line it writes is one that `xdg-open` 1.1.3 (Debian 12) cannot start
//! outside GNOME.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use beckon_protocol::launch::SCHEME;

const FILE: &str = "org.beckon.app.desktop";
/// Lies beside the app, and gives an address to the one that runs without loading what the app needs.
const OPENER: &str = "beckon-open";

fn folder() -> anyhow::Result<PathBuf> {
    Ok(dirs::data_dir().context("this user has no folder for application data")?.join("applications"))
}

/// The desktop file for a program at this path.
fn desktop_file(program: &str) -> anyhow::Result<String> {
    // These would have to be quoted, which not every launcher understands.
    if let Some(odd) = program.chars().find(|c| !(c.is_alphanumeric() || "/._-+@:,".contains(*c))) {
        bail!("the program lies at {program:?}; launchers cannot start a path with {odd:?}, so move it elsewhere");
    }
    Ok(format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Name=Beckon\n\
         Comment=Conferencing rooms opened by web pages\n\
         Comment[zh_CN]=由网页打开的会议房间\n\
         Exec={program} %u\n\
         Icon=org.beckon.app\n\
         Terminal=false\n\
         Categories=Network;VideoConference;\n\
         StartupWMClass=beckon\n\
         MimeType=x-scheme-handler/{SCHEME};\n"
    ))
}

/// What opens addresses where this is the app: its opener, if that lies beside it.
fn opener(app: &Path) -> PathBuf {
    let opener = app.with_file_name(OPENER);
    if opener.is_file() { opener } else { app.to_owned() }
}

/// Registers this program.
///
/// # Errors
/// What could not be written or run, and where.
pub fn register() -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let folder = folder()?;
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let path = folder.join(FILE);
    let content = desktop_file(&opener(&program).to_string_lossy())?;
    fs::write(&path, content).with_context(|| format!("{} cannot be written", path.display()))?;
    let icon = dirs::data_dir().unwrap_or_default().join("icons/hicolor/256x256/apps");
    if fs::create_dir_all(&icon).is_ok() {
        // An icon more or less is no reason to fail.
        let _ = fs::write(icon.join("org.beckon.app.png"), include_bytes!("../../icons/256x256.png"));
    }
    refresh(&folder);
    let mime = format!("x-scheme-handler/{SCHEME}");
    let done = Command::new("xdg-mime").args(["default", FILE, &mime]).status();
    match done.context("xdg-mime cannot be run; install the package xdg-utils")? {
        status if status.success() => Ok(()),
        status => bail!("xdg-mime failed ({status})"),
    }
}

/// Undoes [`register`].
///
/// # Errors
/// When the desktop file cannot be removed.
pub fn unregister() -> anyhow::Result<()> {
    let folder = folder()?;
    let path = folder.join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} cannot be removed", path.display()));
        }
        _ => {}
    }
    refresh(&folder);
    Ok(())
}

/// The cache of which program opens what; desktops without the tool read the files themselves.
fn refresh(folder: &Path) {
    let _ = Command::new("update-desktop-database").arg("-q").arg(folder).status();
}

/// Registers at a start where nobody opens `beckon:` addresses yet.
pub fn at_start(_app: &tauri::AppHandle) {
    std::thread::spawn(|| {
        let query = Command::new("xdg-mime").args(["query", "default", &format!("x-scheme-handler/{SCHEME}")]).output();
        let taken = query.is_ok_and(|out| !out.stdout.trim_ascii().is_empty());
        if !taken && let Err(error) = register() {
            tracing::warn!("beckon: addresses are not registered: {error:#}");
        }
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_opener_is_registered_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let (app, opener_path) = (folder.path().join("beckon"), folder.path().join(OPENER));
        assert_eq!(opener(&app), app);
        fs::write(&opener_path, "").unwrap();
        assert_eq!(opener(&app), opener_path);
    }

    #[test]
    fn the_exec_line_needs_no_quotes_or_is_refused() {
        assert!(desktop_file("/usr/bin/beckon").unwrap().contains("\nExec=/usr/bin/beckon %u\n"));
        for path in ["/home/a b/beckon", "/x\"y", "/x%y", "/x\ny", "/x$y"] {
            assert!(desktop_file(path).is_err(), "{path}");
        }
    }
}
