//! On macOS the bundle's Info.plist registers the scheme, and addresses arrive as events of the running app.

use std::sync::Arc;

use anyhow::bail;
use beckon_protocol::launch::Launch;
use tauri::Manager;
use tauri_plugin_deep_link::DeepLinkExt;

use crate::shell::{Shell, Work};

/// Cannot be done at run time.
///
/// # Errors
/// Always.
pub fn register() -> anyhow::Result<()> {
    bail!("on macOS the app bundle itself registers the scheme: move Beckon.app to /Applications and open it once")
}

/// Cannot be done at run time.
///
/// # Errors
/// Always.
pub fn unregister() -> anyhow::Result<()> {
    bail!("on macOS the scheme goes with the app bundle: remove Beckon.app")
}

/// Listens for addresses.
pub fn at_start(app: &tauri::AppHandle) {
    let handle = app.clone();
    app.deep_link().on_open_url(move |event| {
        let Some(shell) = handle.try_state::<Arc<Shell>>() else { return };
        for url in event.urls() {
            shell.work(Work::Start(Some(Launch::read(url.as_str()))));
        }
    });
}
