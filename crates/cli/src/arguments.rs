//! What the command line takes.

use std::path::PathBuf;
use std::time::Duration;

use beckon_media::screen::Rect;
use beckon_protocol::{beauty::BeautySettings, room::Template};
use beckon_session::{CameraChoice, MicrophoneChoice, Socks5, SpeakerChoice};
use clap::{Args, Parser, Subcommand, ValueEnum};
use percent_encoding::percent_decode_str;
use url::Url;

/// A participant without a window.
#[derive(Debug, Parser)]
#[command(name = "beckon-cli", version)]
pub(crate) struct Arguments {
    /// What to log to standard error, as in `info` or `beckon_session=debug`.
    #[arg(long, global = true, env = "BECKON_LOG", default_value = "warn")]
    pub(crate) log: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Join a room, stay for a while, report.
    Join(Box<Join>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Report {
    /// One JSON object on standard output (`SessionReport`, docs/cli.md).
    Json,
    /// Some lines for people.
    Text,
    /// Nothing.
    None,
}

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The Beckon server, `http(s)://HOST[:PORT]`.
    #[arg(long, value_name = "URL", required_unless_present = "url")]
    pub(crate) server: Option<Url>,
    /// The room; with --create it may be left out: the server assigns one.
    #[arg(long, value_name = "ID", default_value = "")]
    pub(crate) room: String,
    /// Who joins.
    #[arg(long, value_name = "ID", default_value = "")]
    pub(crate) user: String,
    /// The name others see.
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// Make the room instead of entering it.
    #[arg(long)]
    pub(crate) create: bool,
    /// A live room: who comes when its places are taken is let in as audience.
    #[arg(long)]
    pub(crate) live: bool,
    /// How many the room made is for: 1v1, 1v2, 1v3 or 1v4.
    #[arg(long, default_value = "1v4", value_parser = template)]
    pub(crate) template: Template,
    /// The userSig of the user.
    #[arg(long, env = "BECKON_USER_SIG", hide_env_values = true, conflicts_with_all = ["token", "dev"])]
    pub(crate) sig: Option<String>,
    /// The sdkAppID the userSig was made for.
    #[arg(long, default_value_t = 1_400_000_001)]
    pub(crate) app: u64,
    /// A ready LiveKit access token: go straight to the room server.
    #[arg(long, env = "BECKON_TOKEN", hide_env_values = true, conflicts_with = "dev")]
    pub(crate) token: Option<String>,
    /// The room server for --token, `ws(s)://…` [default: the --server].
    #[arg(long, value_name = "URL", requires = "token")]
    pub(crate) url: Option<Url>,
    /// Ask the server for a test log-in; only servers in development give one.
    #[arg(long)]
    pub(crate) dev: bool,
    /// testcard, none, default, file:PATH or device:ID.
    #[arg(long, default_value = "testcard", value_parser = camera)]
    pub(crate) camera: CameraChoice,
    /// tone, none, default, file:PATH or device:ID.
    #[arg(long, default_value = "tone", value_parser = microphone)]
    pub(crate) microphone: MicrophoneChoice,
    /// none (measured, not heard), default or device:ID.
    #[arg(long, default_value = "none", value_parser = speaker)]
    pub(crate) speaker: SpeakerChoice,
    /// What to share beside the camera: monitor (the one with the task bar), monitor:NAME, window:TITLE (or a part of it), or
    /// region:X,Y,WxH of the desktop.
    #[arg(long, value_name = "WHAT", value_parser = screen)]
    pub(crate) screen: Option<Screen>,
    /// Write what each of the others showed last into this folder at the end: USER-camera.y4m, USER-screen.y4m.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) pictures: Option<PathBuf>,
    /// How long to stay, as in 30s, 5m or 1500ms; 0 stays until interrupted.
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(crate) stay: Duration,
    /// What to print at the end.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) report: Report,
    /// Print every picture as it is shown, who is there, what is written and the counters of the sound, one JSON line each
    /// (docs/cli.md).
    #[arg(long)]
    pub(crate) trace: bool,
    /// Send media over TCP only.
    #[arg(long)]
    pub(crate) tcp: bool,
    /// Reach everything through a SOCKS5 proxy, `socks5://[USER:PASSWORD@]HOST:PORT`.
    #[arg(long, value_name = "URL", value_parser = proxy)]
    pub(crate) proxy: Option<Socks5>,
    /// Size of our pictures at their best.
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = size)]
    pub(crate) size: (u32, u32),
    /// Pictures a second at their best.
    #[arg(long, default_value_t = 30)]
    pub(crate) fps: u32,
    /// Greatest bitrate of our pictures in bit/s, as in 1500000, 800k or 1.5M.
    #[arg(long, default_value = "1.5M", value_parser = bitrate)]
    pub(crate) bitrate: u64,
    /// The beauty filter on our pictures, STYLE:STRENGTH,WHITENING,RUDDY: smooth, natural or hazy, and levels from 0 to 9.
    #[arg(long, value_name = "STYLE:S,W,R", default_value = "off")]
    pub(crate) beauty: BeautySettings,
    /// Send this text once we are in; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub(crate) say: Vec<String>,
}

/// What of this machine's screen to share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Screen {
    /// The monitor of this name, or the one with the task bar.
    Monitor(Option<String>),
    /// The first window with this in its title.
    Window(String),
    /// A part of the desktop.
    Region(Rect),
}

fn screen(text: &str) -> Result<Screen, String> {
    let bad = || "must be monitor, monitor:NAME, window:TITLE or region:X,Y,WxH".to_owned();
    match text.split_once(':') {
        None if text == "monitor" => Ok(Screen::Monitor(None)),
        Some(("monitor", name)) => Ok(Screen::Monitor(Some(name.to_owned()))),
        Some(("window", title)) if !title.is_empty() => Ok(Screen::Window(title.to_owned())),
        Some(("region", place)) => {
            let mut parts = place.splitn(3, ',');
            let mut next = || parts.next().ok_or_else(bad);
            let [x, y] = [next()?, next()?].map(|number| number.parse());
            let (w, h) = size(next()?)?;
            Ok(Screen::Region(Rect::new(x.map_err(|_| bad())?, y.map_err(|_| bad())?, w, h)))
        }
        _ => Err(bad()),
    }
}

fn template(text: &str) -> Result<Template, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| "must be 1v1, 1v2, 1v3 or 1v4".to_owned())
}

fn camera(text: &str) -> Result<CameraChoice, String> {
    Ok(match text.split_once(':') {
        Some(("file", path)) => CameraChoice::File(PathBuf::from(path)),
        Some(("device", id)) => CameraChoice::Device(id.to_owned()),
        _ => match text {
            "testcard" => CameraChoice::TestCard,
            "none" => CameraChoice::None,
            "default" => CameraChoice::Default,
            _ => return Err("must be testcard, none, default, file:PATH or device:ID".to_owned()),
        },
    })
}

fn microphone(text: &str) -> Result<MicrophoneChoice, String> {
    Ok(match text.split_once(':') {
        Some(("file", path)) => MicrophoneChoice::File(PathBuf::from(path)),
        Some(("device", id)) => MicrophoneChoice::Device(id.to_owned()),
        _ => match text {
            "tone" => MicrophoneChoice::Tone,
            "none" => MicrophoneChoice::None,
            "default" => MicrophoneChoice::Default,
            _ => return Err("must be tone, none, default, file:PATH or device:ID".to_owned()),
        },
    })
}

fn speaker(text: &str) -> Result<SpeakerChoice, String> {
    Ok(match text.split_once(':') {
        Some(("device", id)) => SpeakerChoice::Device(id.to_owned()),
        _ => match text {
            "none" => SpeakerChoice::None,
            "default" => SpeakerChoice::Default,
            _ => return Err("must be none, default or device:ID".to_owned()),
        },
    })
}

fn time(text: &str) -> Result<Duration, String> {
    let bad = || "must be a time as in 30s, 5m or 1500ms".to_owned();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number: f64 = text[..digits].parse().map_err(|_| bad())?;
    let seconds = match &text[digits..] {
        "" | "s" => number,
        "ms" => number / 1000.0,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(bad()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| bad())
}

fn proxy(text: &str) -> Result<Socks5, String> {
    let bad = || "must be socks5://[USER:PASSWORD@]HOST:PORT".to_owned();
    let url = Url::parse(text).map_err(|_| bad())?;
    if !matches!(url.scheme(), "socks5" | "socks5h") {
        return Err(bad());
    }
    let decoded = |part: &str| match percent_decode_str(part).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err("user name and password must be percent-encoded UTF-8".to_owned()),
    };
    let auth = match url.password() {
        Some(password) => Some((decoded(url.username())?, decoded(password)?.into())),
        None => None,
    };
    let host = url.host_str().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
    Ok(Socks5 { host, port: url.port().ok_or_else(bad)?, auth })
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let bad = || "must be WIDTHxHEIGHT, as in 1280x720".to_owned();
    let (width, height) = text.split_once('x').ok_or_else(bad)?;
    Ok((width.parse().map_err(|_| bad())?, height.parse().map_err(|_| bad())?))
}

fn bitrate(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |number| (number, 1e6)),
    };
    let bps: f64 = number.parse().map_err(|_| "must be bit/s, as in 1500000, 800k or 1.5M".to_owned())?;
    if bps.is_finite() && bps >= 0.0 { Ok((bps * unit) as u64) } else { Err("must not be negative".to_owned()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_sizes_and_rates_read_as_people_write_them() {
        assert_eq!(time("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(time("1500ms").unwrap(), Duration::from_millis(1500));
        assert_eq!(time("2m").unwrap(), Duration::from_secs(120));
        assert!(time("soon").is_err() && time("1d").is_err() && time("").is_err());
        assert_eq!(size("640x360").unwrap(), (640, 360));
        assert!(size("640").is_err());
        assert_eq!(
            (bitrate("1.5M").unwrap(), bitrate("800k").unwrap(), bitrate("9").unwrap()),
            (1_500_000, 800_000, 9)
        );
        assert!(bitrate("-1").is_err() && bitrate("fast").is_err());
    }

    #[test]
    fn a_proxy_may_carry_a_password_that_never_shows() {
        let socks = proxy("socks5://me:p%40ss@proxy.local:1080").unwrap();
        assert_eq!((socks.host.as_str(), socks.port), ("proxy.local", 1080));
        assert_eq!(socks.auth.as_ref().unwrap().1.expose(), "p@ss");
        assert!(!format!("{socks:?}").contains("p@ss"));
        assert_eq!(proxy("socks5://[::1]:9").unwrap().host, "::1");
        assert!(proxy("http://x:1").is_err() && proxy("socks5://x").is_err());
    }

    #[test]
    fn sources_are_named_or_files_or_devices() {
        assert_eq!(camera("file:/a b.mp4").unwrap(), CameraChoice::File("/a b.mp4".into()));
        assert_eq!(microphone("tone").unwrap(), MicrophoneChoice::Tone);
        assert!(camera("tone").is_err() && microphone("x:y").is_err() && speaker("file:x").is_err());
    }

    #[test]
    fn a_screen_is_a_monitor_a_window_or_a_part_of_the_desktop() {
        assert_eq!(screen("monitor").unwrap(), Screen::Monitor(None));
        let name = r"\\.\DISPLAY2";
        assert_eq!(screen(&format!("monitor:{name}")).unwrap(), Screen::Monitor(Some(name.to_owned())));
        assert_eq!(screen("window:a: b").unwrap(), Screen::Window("a: b".to_owned()));
        assert_eq!(screen("region:-1280,40,640x360").unwrap(), Screen::Region(Rect::new(-1280, 40, 640, 360)));
        for bad in ["", "window", "window:", "region:1,2", "region:a,2,3x4", "region:1,2,3", "region:0,0,640", "screen"]
        {
            assert!(screen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_beauty_filter_is_off_unless_its_style_and_levels_are_given() {
        let parse = |more: &str| {
            let line = format!("beckon-cli join --url ws://x --token t{more}");
            match Arguments::try_parse_from(line.split(' ')).map(|all| all.command) {
                Ok(Command::Join(join)) => Ok(join.beauty.to_string()),
                Err(error) => Err(error.to_string()),
            }
        };
        assert_eq!(parse("").unwrap(), "smooth:0,0,0");
        assert_eq!(parse(" --beauty natural:9,4,0").unwrap(), "natural:9,4,0");
        assert!(parse(" --beauty natural:9,10,0").unwrap_err().contains("between 0 and 9, not 10"));
        assert!(parse(" --beauty natural").unwrap_err().contains("STYLE:STRENGTH,WHITENING,RUDDY"));
    }

    #[test]
    fn a_user_sig_and_a_token_do_not_go_together() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("beckon-cli join --server http://x --room r --user u --sig s").is_ok());
        assert!(parse("beckon-cli join --server http://x --room r --user u --sig s --token t").is_err());
        assert!(parse("beckon-cli join --room r --user u --sig s").is_err());
        assert!(parse("beckon-cli join --url ws://x --token t").is_ok());
    }
}
