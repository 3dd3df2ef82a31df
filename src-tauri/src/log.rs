//! The log: to stderr, and to a file in the profile's folder.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use beckon_protocol::log::may_be_logged;
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, fmt::writer::BoxMakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

/// A log that has grown past this is put aside at the next start, bytes. One older is kept.
const LARGE: u64 = 5 * 1024 * 1024;

/// The log's file, for whoever looks for it.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// Where it lies, or would.
    pub path: PathBuf,
    /// Why it cannot be written, in the system's words; the log goes to stderr alone then.
    pub fault: Option<String>,
}

/// Starts logging; to stderr alone where the file cannot be written.
///
/// # Errors
/// When the filter does not parse.
pub fn start(folder: &Path, filter: &str) -> anyhow::Result<LogFile> {
    let parse = || EnvFilter::try_new(filter).with_context(|| format!("the log filter {filter:?} does not parse"));
    let (writer, file) = open(folder);
    let to_file = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer).with_filter(parse()?);
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_filter(parse()?);
    let log = tracing_subscriber::registry().with(to_file).with(to_stderr).with(filter_fn(may_be_logged));
    log.try_init().context("logging was started twice")?;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        usual(panic);
    }));
    if let Some(fault) = &file.fault {
        tracing::warn!(path = %file.path.display(), %fault, "the log cannot be written; going on with stderr alone");
    }
    Ok(file)
}

/// The file in this folder. Where it cannot be written: what leads nowhere, and why. An app without a log is better than a
/// click that nothing answers.
fn open(folder: &Path) -> (BoxMakeWriter, LogFile) {
    let path = folder.join("beckon.log");
    if fs::metadata(&path).is_ok_and(|m| m.len() > LARGE) {
        // Where it cannot be put aside it goes on growing; no reason not to start.
        let _ = fs::rename(&path, folder.join("beckon.old.log"));
    }
    match OpenOptions::new().create(true).append(true).open(&path) {
        Ok(file) => (BoxMakeWriter::new(file), LogFile { path, fault: None }),
        Err(error) => (BoxMakeWriter::new(io::sink), LogFile { path, fault: Some(error.to_string()) }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;
    use tracing_subscriber::fmt::MakeWriter;

    #[test]
    fn a_log_is_written_behind_what_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        for line in ["one\n", "two\n"] {
            let (writer, file) = open(folder.path());
            assert!(file.fault.is_none(), "{file:?}");
            writer.make_writer().write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(folder.path().join("beckon.log")).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_log_that_cannot_be_written_is_told_and_done_without() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("beckon.log")).unwrap();
        let (nowhere, file) = open(folder.path());
        assert!(file.path.ends_with("beckon.log") && !file.fault.unwrap().is_empty());
        nowhere.make_writer().write_all(b"lost").unwrap();
    }
}
