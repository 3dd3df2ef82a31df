//! On Linux: a desktop file, and the desktop's list of default handlers.
//!
//! Not by the deep-link plugin: the quoted `Exec` line it writes is one that `xdg-open` 1.1.3 (Debian 12) cannot start
//! outside GNOME.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use beckon_protocol::launch::SCHEME;

use super::{Handler, needs_registration};

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
    let program = env::current_exe().context("this program's own path is not known")?;
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

/// Our desktop file as desktops find it: the user's own, or else the system's.
fn entry() -> Option<PathBuf> {
    let system = env::var_os("XDG_DATA_DIRS").filter(|folders| !folders.is_empty());
    let system = system.unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    let folders = dirs::data_dir().into_iter().chain(env::split_paths(&system));
    folders.map(|folder| folder.join("applications").join(FILE)).find(|path| path.exists())
}

/// Who opens addresses, where `default` is the name of the desktop file that `xdg-mime` says and `entry` is ours.
fn handler(default: &str, entry: Option<&Path>) -> Handler {
    match (default.trim(), entry.map(fs::read_to_string)) {
        ("", _) | (FILE, None) => Handler::Nobody,
        (FILE, Some(Ok(entry))) => program(&entry).map_or(Handler::Another, Handler::Ours),
        _ => Handler::Another,
    }
}

/// The program of a desktop file as [`desktop_file`] writes it. One that is looked for in the path is none of ours.
fn program(entry: &str) -> Option<PathBuf> {
    let line = entry.lines().find_map(|line| line.strip_prefix("Exec="))?;
    line.strip_suffix(" %u").map(PathBuf::from).filter(|program| program.is_absolute())
}

/// Registers at a start where nobody opens `beckon:` addresses, or what was registered is gone.
pub fn at_start(_app: &tauri::AppHandle) {
    std::thread::spawn(|| {
        let query = Command::new("xdg-mime").args(["query", "default", &format!("x-scheme-handler/{SCHEME}")]).output();
        let default = query.map_or_else(|_| String::new(), |out| String::from_utf8_lossy(&out.stdout).into_owned());
        if needs_registration(&handler(&default, entry().as_deref()))
            && let Err(error) = register()
        {
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
    fn what_is_gone_is_registered_anew_and_other_programs_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (app, entry) = (folder.path().join("beckon"), folder.path().join(FILE));
        let needed = |default: &str, entry: Option<&Path>| needs_registration(&handler(default, entry));
        assert!(needed("", None), "nobody opens addresses");
        assert!(needed(FILE, None), "the desktop still names our file, which is gone");

        fs::write(&entry, desktop_file(app.to_str().unwrap()).unwrap()).unwrap();
        let (ours, there) = (format!("{FILE}\n"), Some(entry.as_path()));
        assert!(needed(&ours, there), "the program is not there");
        assert!(!needed("other.desktop\n", there), "another program is the default");
        fs::write(&app, "").unwrap();
        assert!(!needed(&ours, there), "the program is there");

        fs::write(&entry, "[Desktop Entry]\nExec=beckon-open %u\n").unwrap();
        assert!(!needed(&ours, there), "somebody else wrote it");
    }

    #[test]
    fn the_exec_line_needs_no_quotes_or_is_refused() {
        assert!(desktop_file("/usr/bin/beckon").unwrap().contains("\nExec=/usr/bin/beckon %u\n"));
        for path in ["/home/a b/beckon", "/x\"y", "/x%y", "/x\ny", "/x$y"] {
            assert!(desktop_file(path).is_err(), "{path}");
        }
    }
}
