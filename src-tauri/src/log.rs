//! The log: to stderr, and to a file in the profile's folder.

use std::{
    fs::{self, OpenOptions},
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use beckon_protocol::log::may_be_logged;
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

/// A log that has grown past this is put aside at the next start, bytes. One older is kept.
const LARGE: u64 = 5 * 1024 * 1024;

/// Starts logging.
///
/// # Errors
/// When the filter does not parse, or the file cannot be written.
pub fn start(folder: &Path, filter: &str) -> anyhow::Result<()> {
    let parse = || EnvFilter::try_new(filter).with_context(|| format!("the log filter {filter:?} does not parse"));
    let path = folder.join("beckon.log");
    if fs::metadata(&path).is_ok_and(|m| m.len() > LARGE) {
        // Where it cannot be put aside it goes on growing; no reason not to start.
        let _ = fs::rename(&path, folder.join("beckon.old.log"));
    }
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("the log {} cannot be written", path.display()))?;
    let to_file = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Arc::new(file)).with_filter(parse()?);
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(parse()?);
    let log = tracing_subscriber::registry().with(to_file).with(to_stderr).with(filter_fn(may_be_logged));
    log.try_init().context("logging was started twice")?;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        usual(panic);
    }));
    Ok(())
}
