//! `beckon-open`: what a browser starts when a page opens a `beckon:` address.
//!
//! On Linux the app loads more than two hundred libraries before its first line runs; a second start of it only hands the
//! address to the app that runs already. This program does that without them. Whatever else there is to do (no app runs,
//! options) the app does: it is started in this program's place with the same arguments.
#![forbid(unsafe_code)]

use std::{
    env,
    ffi::OsString,
    path::PathBuf,
    process::{Command, ExitCode},
};

use beckon_opener::{become_app, hand_over, instance_name, profile_asked};
use beckon_protocol::launch::is_address;

/// The app's program, which lies beside this one.
const APP: &str = "beckon";

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    if let (Some(address), Some(instance)) = (address(&args), instance()) {
        match hand_over(&instance, APP, address) {
            Ok(true) => return ExitCode::SUCCESS,
            Ok(false) => {}
            Err(error) => {
                // Another start of the app would get no answer either.
                eprintln!("beckon-open: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    start(&args)
}

/// The launch address, where that is all there is: options are the app's to read.
fn address(args: &[OsString]) -> Option<&str> {
    let [only] = args else { return None };
    only.to_str().filter(|text| is_address(text))
}

/// The name of the app that is looked for; `None` where its profile is not there yet.
fn instance() -> Option<String> {
    match profile_asked() {
        None => Some(instance_name(None)),
        Some(folder) => Some(instance_name(Some(&folder.canonicalize().ok()?))),
    }
}

/// Starts the app in this program's place.
fn start(args: &[OsString]) -> ExitCode {
    let app = env::current_exe().map_or_else(|_| PathBuf::from(APP), |own| own.with_file_name(APP));
    let error = become_app(Command::new(&app).args(args));
    eprintln!("beckon-open: {} cannot be started: {error}; install Beckon anew", app.display());
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed_over(args: &[&str]) -> bool {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        address(&args).is_some()
    }

    #[test]
    fn an_address_alone_is_handed_over() {
        assert!(handed_over(&["beckon:launch?v=1"]));
        assert!(handed_over(&["BECKON:launch?v=1"]));
    }

    #[test]
    fn the_app_sees_to_everything_else() {
        for args in
            [&[][..], &["--help"], &["--data", "beckon:x"], &["beckon:x", "--register"], &["https://a"], &["beckon"]]
        {
            assert!(!handed_over(args), "{args:?}");
        }
    }
}
