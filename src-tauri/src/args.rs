//! The command line. Nothing on it is trusted: a browser or another program wrote it.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use beckon_protocol::launch::{Launch, Refused, SCHEME, is_address};
use beckon_session::{CameraChoice, MicrophoneChoice, SpeakerChoice};
use clap::Parser;
use thiserror::Error;

/// Beckon: a native conferencing room that web pages open.
///
/// A web page starts it with a `beckon:` address; started without one it shows what it is and which pages may use it.
#[derive(Parser, Debug, Clone)]
#[command(name = "beckon", version, about)]
pub struct Options {
    /// Camera for every room: testcard, none, file:PATH, device:ID, or default. Without it, what was set in the app.
    #[arg(long, env = "BECKON_CAMERA", value_parser = camera)]
    pub camera: Option<CameraChoice>,
    /// Microphone for every room: tone, none, file:PATH, device:ID, or default. Without it, what was set in the app.
    #[arg(long, env = "BECKON_MICROPHONE", value_parser = microphone)]
    pub microphone: Option<MicrophoneChoice>,
    /// Loudspeaker for every room: none, device:ID, or default. Without it, what was set in the app.
    #[arg(long, env = "BECKON_SPEAKER", value_parser = speaker)]
    pub speaker: Option<SpeakerChoice>,
    /// Folder of the profile: settings, allowed pages, log. Each profile runs as an app of its own.
    #[arg(long, env = beckon_opener::PROFILE, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What goes to the log, as tracing filters, for example `info,beckon=debug`.
    #[arg(long, env = "BECKON_LOG", value_name = "FILTER", default_value = "info,pulseaudio=off")]
    pub log: String,
    /// Make this program open `beckon:` addresses for the current user, then exit.
    #[arg(long, conflicts_with = "unregister")]
    pub register: bool,
    /// Undo --register, then exit.
    #[arg(long)]
    pub unregister: bool,
    /// Check what the app needs on this machine, print it, then exit: 0 if a room could work.
    #[arg(long)]
    pub self_test: bool,
}

/// What a start asked for.
#[derive(Debug)]
pub struct Start {
    /// The options before the address.
    pub options: Options,
    /// The address, if there was one, as far as it could be read.
    pub launch: Option<Result<Launch, Refused>>,
}

/// Why a command line was refused.
#[derive(Debug, Error)]
pub enum ArgsError {
    /// Something stands behind the launch address.
    #[error("nothing may follow the {SCHEME}: address on the command line; the start was refused")]
    AfterAddress,
    /// An option is wrong, or help was asked for.
    #[error(transparent)]
    Options(#[from] clap::Error),
}

/// The launch address on a command line (program name first), and the arguments before it.
fn split(mut args: Vec<OsString>) -> Result<(Vec<OsString>, Option<OsString>), ArgsError> {
    match args.iter().position(|a| is_address(&a.to_string_lossy())) {
        // Whoever smuggles a quote into an address would put options of his own behind it.
        Some(at) if at + 1 < args.len() => Err(ArgsError::AfterAddress),
        Some(_) => {
            let address = args.pop();
            if args.last().is_some_and(|a| a == "--") {
                args.pop();
            }
            Ok((args, address))
        }
        None => Ok((args, None)),
    }
}

fn read_launch(address: &OsStr) -> Result<Launch, Refused> {
    // What is no UTF-8 turns into replacement characters, which no field takes.
    Launch::read(&address.to_string_lossy())
}

impl Start {
    /// Reads this program's own command line.
    ///
    /// # Errors
    /// An [`ArgsError`]; a bad launch address alone is not one, it is kept to be shown.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, ArgsError> {
        let (before, address) = split(args.into_iter().collect())?;
        let mut options = Options::try_parse_from(before)?;
        options.data = options.data.or_else(beckon_opener::profile_asked);
        Ok(Self { options, launch: address.as_deref().map(read_launch) })
    }

    /// The launch on the command line of a second start; its options do not count, since this app already runs.
    ///
    /// # Errors
    /// [`ArgsError::AfterAddress`] when something follows the address.
    pub fn read_second(args: Vec<String>) -> Result<Option<Result<Launch, Refused>>, ArgsError> {
        let (_, address) = split(args.into_iter().map(OsString::from).collect())?;
        Ok(address.as_deref().map(read_launch))
    }
}

fn camera(text: &str) -> Result<CameraChoice, String> {
    Ok(match text.split_once(':') {
        None if text == "default" => CameraChoice::Default,
        None if text == "none" => CameraChoice::None,
        None if text == "testcard" => CameraChoice::TestCard,
        Some(("file", path)) if !path.is_empty() => CameraChoice::File(path.into()),
        Some(("device", id)) if !id.is_empty() => CameraChoice::Device(id.into()),
        _ => return Err("expected testcard, none, file:PATH, device:ID or default".into()),
    })
}

fn microphone(text: &str) -> Result<MicrophoneChoice, String> {
    Ok(match text.split_once(':') {
        None if text == "default" => MicrophoneChoice::Default,
        None if text == "none" => MicrophoneChoice::None,
        None if text == "tone" => MicrophoneChoice::Tone,
        Some(("file", path)) if !path.is_empty() => MicrophoneChoice::File(path.into()),
        Some(("device", id)) if !id.is_empty() => MicrophoneChoice::Device(id.into()),
        _ => return Err("expected tone, none, file:PATH, device:ID or default".into()),
    })
}

fn speaker(text: &str) -> Result<SpeakerChoice, String> {
    Ok(match text.split_once(':') {
        None if text == "default" => SpeakerChoice::Default,
        None if text == "none" => SpeakerChoice::None,
        Some(("device", id)) if !id.is_empty() => SpeakerChoice::Device(id.into()),
        _ => return Err("expected none, device:ID or default".into()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_protocol::launch::{DEFAULT_PORTS, LaunchKey, Origin};

    fn address() -> String {
        let origin = Origin::parse("https://crm.example.com").unwrap();
        Launch { key: LaunchKey::random(), ports: DEFAULT_PORTS.to_vec(), origin, relay: None }.to_url()
    }

    fn read(args: &[&str]) -> Result<Start, ArgsError> {
        Start::read(std::iter::once("beckon").chain(args.iter().copied()).map(OsString::from))
    }

    #[test]
    fn an_address_is_read_with_the_options_before_it() {
        let start = read(&["--camera", "testcard", "--microphone=file:/a b.ogg", "--", &address()]).unwrap();
        assert_eq!(start.options.camera, Some(CameraChoice::TestCard));
        assert_eq!(start.options.microphone, Some(MicrophoneChoice::File("/a b.ogg".into())));
        assert!(start.launch.unwrap().is_ok());
        assert!(read(&[]).unwrap().launch.is_none());
    }

    #[test]
    fn nothing_may_follow_the_address() {
        let smuggled = ["--camera", "file:/etc/passwd"];
        assert!(matches!(read(&[&address(), smuggled[0], smuggled[1]]), Err(ArgsError::AfterAddress)));
        assert!(matches!(read(&["--", &address(), "x"]), Err(ArgsError::AfterAddress)));
        let second = vec!["beckon".into(), address(), "--data".into(), "/tmp".into()];
        assert!(matches!(Start::read_second(second), Err(ArgsError::AfterAddress)));
    }

    #[test]
    fn a_bad_address_is_kept_to_be_shown() {
        let start = read(&["BECKON:launch?v=9"]).unwrap();
        assert!(start.launch.unwrap().is_err());
        let second = Start::read_second(vec!["beckon".into(), "beckon:\u{fffd}".into()]).unwrap();
        assert!(second.unwrap().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_refused_like_any_bad_address() {
        use std::os::unix::ffi::OsStringExt;

        let raw = OsString::from_vec([address().as_bytes(), b"&r=wss%3A%2F%2Fa\xff"].concat());
        let start = Start::read(["beckon".into(), raw.clone()]).unwrap();
        assert_eq!(start.launch.unwrap().unwrap_err().error.code(), beckon_protocol::Code::LaunchInvalid);
        // Behind an address they are smuggled like everything else, before it they are no option.
        assert!(matches!(Start::read(["beckon".into(), address().into(), raw.clone()]), Err(ArgsError::AfterAddress)));
        let word = OsString::from_vec(b"\xff\xfe".to_vec());
        assert!(matches!(Start::read(["beckon".into(), word, address().into()]), Err(ArgsError::Options(_))));
    }

    #[test]
    fn other_words_are_no_options() {
        assert!(matches!(read(&["https://evil.example"]), Err(ArgsError::Options(_))));
        assert!(matches!(read(&["--camera", "screen"]), Err(ArgsError::Options(_))));
    }
}
