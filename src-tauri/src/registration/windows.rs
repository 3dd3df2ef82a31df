//! On Windows: the user's own part of the registry. An installed app is registered for all users by its installer.

use anyhow::Context;
use beckon_protocol::launch::SCHEME;
use windows_registry::{CLASSES_ROOT, CURRENT_USER};

use super::{Handler, command, needs_registration};

/// Registers this program.
///
/// # Errors
/// When the registry cannot be written.
pub fn register() -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let program = program.to_string_lossy();
    let base = format!(r"Software\Classes\{SCHEME}");
    let key = CURRENT_USER.create(&base)?;
    key.set_string("", "URL:Beckon")?;
    key.set_string("URL Protocol", "")?;
    CURRENT_USER.create(format!(r"{base}\DefaultIcon"))?.set_string("", format!("{program},0"))?;
    CURRENT_USER.create(format!(r"{base}\shell\open\command"))?.set_string("", command::line(&program))?;
    Ok(())
}

/// Undoes [`register`].
///
/// # Errors
/// When the registry cannot be written.
pub fn unregister() -> anyhow::Result<()> {
    CURRENT_USER.remove_tree(format!(r"Software\Classes\{SCHEME}")).context("the registry key cannot be removed")
}

/// Who opens addresses for this user; what is registered for all users counts where they have nothing of their own.
fn handler() -> Handler {
    let Ok(key) = CLASSES_ROOT.open(format!(r"{SCHEME}\shell\open\command")) else { return Handler::Nobody };
    // Without a line, apps of the store are started by other means.
    key.get_string("").map_or(Handler::Another, |line| command::handler(&line))
}

/// Registers at a start where nobody opens `beckon:` addresses, or what was registered is gone.
pub fn at_start(_app: &tauri::AppHandle) {
    if needs_registration(&handler())
        && let Err(error) = register()
    {
        tracing::warn!("beckon: addresses are not registered: {error:#}");
    }
}
