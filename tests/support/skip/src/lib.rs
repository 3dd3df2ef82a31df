//! Tests that cannot run on this machine, as a program they need is not there.
//!
//! The test harness knows only tests that pass and tests that fail: one that leaves early has passed, and what it prints is not
//! shown. So it also writes itself into a list, which `cargo xtask test` shows at its end.
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::{env, fs, io, thread};

/// The variable that names the file of the list; without it there is none.
pub const LIST: &str = "BECKON_TEST_SKIPS";

/// Says that the test on this thread is skipped: what is missing, and what brings it. To be called before it returns.
///
/// # Panics
/// When the list cannot be written: a skip that nobody sees is what it is there to prevent.
pub fn skip(reason: impl Display) {
    let program = env::current_exe().ok();
    let program = program.as_deref().and_then(Path::file_stem).unwrap_or_default().to_string_lossy();
    let line = line(&program, thread::current().name(), &reason.to_string());
    eprintln!("SKIPPED {line}");
    if let Some(list) = env::var_os(LIST)
        && let Err(error) = add(Path::new(&list), &line)
    {
        panic!("{}, named by {LIST}, cannot be written: {error}", Path::new(&list).display());
    }
}

/// Everything in a list; nothing where there is no file.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn listed(list: &Path) -> io::Result<Vec<String>> {
    match fs::read_to_string(list) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map(|text| text.lines().map(str::to_owned).collect()),
    }
}

/// Cargo puts a hash behind a test program's name. A harness with a single thread runs tests on the main one.
fn line(program: &str, test: Option<&str>, reason: &str) -> String {
    let program = match program.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => program,
    };
    let test = test.filter(|name| *name != "main").unwrap_or("a test");
    format!("{program} {test}: {}", reason.replace('\n', " "))
}

/// One write, so that lines of several programs do not mix.
fn add(list: &Path, line: &str) -> io::Result<()> {
    fs::File::options().create(true).append(true).open(list)?.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_program_test_and_reason() {
        assert_eq!(line("http-0123456789abcdef", Some("a::b"), "no\nGo"), "http a::b: no Go");
        assert_eq!(line("usersig-peers", Some("main"), "no node"), "usersig-peers a test: no node");
    }

    #[test]
    fn what_is_added_is_listed() {
        let list = env::temp_dir().join(format!("beckon-skips-{}", std::process::id()));
        assert_eq!(listed(&list).unwrap(), Vec::<String>::new());
        add(&list, "one").unwrap();
        add(&list, "two").unwrap();
        let got = listed(&list);
        fs::remove_file(&list).unwrap();
        assert_eq!(got.unwrap(), ["one", "two"]);
    }
}
