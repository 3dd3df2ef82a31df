//! A display, session bus and sound server of one's own, for tests that need to see and hear.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, bail};

use crate::{process::Process, run};

/// Xvfb with a window manager, a D-Bus session bus and PulseAudio with null sinks, in a home folder of its own.
pub struct Desktop {
    /// Variables that put a program onto this desktop.
    pub environment: BTreeMap<String, String>,
    folder: PathBuf,
    // Ended in this order: programs before what they stand on.
    _sound: Process,
    _windows: Process,
    _bus: Process,
    _display: Process,
}

impl Desktop {
    /// Starts a desktop of this size in pixels, with its files under `folder`.
    /// Programs that the desktop itself starts, as an app for a URL, find `more` in their environment too.
    pub fn start(folder: &Path, width: u32, height: u32, more: &[(&str, String)]) -> Result<Self> {
        let home = folder.join("home");
        let runtime = folder.join("run");
        for part in [&home, &runtime] {
            std::fs::create_dir_all(part)?;
        }
        #[cfg(unix)]
        std::fs::set_permissions(&runtime, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;

        let (display, number) = start_display(folder, width, height)?;
        let mut environment = BTreeMap::from([
            ("DISPLAY".to_owned(), format!(":{number}")),
            ("HOME".to_owned(), home.display().to_string()),
            ("XDG_RUNTIME_DIR".to_owned(), runtime.display().to_string()),
            ("XDG_DATA_HOME".to_owned(), home.join(".local/share").display().to_string()),
            ("XDG_CONFIG_HOME".to_owned(), home.join(".config").display().to_string()),
            ("XDG_CACHE_HOME".to_owned(), home.join(".cache").display().to_string()),
            ("XDG_SESSION_TYPE".to_owned(), "x11".to_owned()),
            ("PULSE_SERVER".to_owned(), format!("unix:{}", runtime.join("pulse.sock").display())),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ]);
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));

        let mut bus = Process::start(
            "session-bus",
            folder,
            Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--print-address"])
                .arg(format!("--address=unix:path={}", runtime.join("bus").display()))
                .envs(&environment),
        )?;
        bus.wait_until("its address", Duration::from_secs(10), |bus| bus.printed().contains("unix:"))?;
        environment.insert("DBUS_SESSION_BUS_ADDRESS".into(), format!("unix:path={}", runtime.join("bus").display()));

        let mut windows = Process::start("window-manager", folder, Command::new("openbox").envs(&environment))?;
        windows.wait_until("managing windows", Duration::from_secs(10), |_| {
            run::output(Command::new("xprop").args(["-root", "_NET_SUPPORTING_WM_CHECK"]).envs(&environment))
                .is_ok_and(|text| text.contains("window id"))
        })?;

        let mut sound = Process::start(
            "sound",
            folder,
            Command::new("pulseaudio")
                .args(["--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "-n"])
                .arg("--load=module-null-sink sink_name=speaker sink_properties=device.description=Speaker")
                .arg("--load=module-null-sink sink_name=voice sink_properties=device.description=Voice")
                .arg("--load=module-remap-source master=voice.monitor source_name=microphone source_properties=device.description=Microphone")
                .arg(format!("--load=module-native-protocol-unix auth-anonymous=1 socket={}", runtime.join("pulse.sock").display()))
                .envs(&environment),
        )?;
        sound.wait_until("answering", Duration::from_secs(10), |_| {
            run::output(Command::new("pactl").arg("info").envs(&environment)).is_ok()
        })?;
        run::output(Command::new("pactl").args(["set-default-sink", "speaker"]).envs(&environment))?;
        run::output(Command::new("pactl").args(["set-default-source", "microphone"]).envs(&environment))?;

        Ok(Self {
            environment,
            folder: folder.to_owned(),
            _sound: sound,
            _windows: windows,
            _bus: bus,
            _display: display,
        })
    }

    /// A command on this desktop.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(&self.environment);
        command
    }

    /// The folder with this desktop's files and logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Starts Xvfb on a free display number, which it finds itself and prints.
pub fn start_display(folder: &Path, width: u32, height: u32) -> Result<(Process, u32)> {
    let mut display = Process::start(
        "display",
        folder,
        Command::new("Xvfb").args(["-displayfd", "1", "-screen", "0"]).arg(format!("{width}x{height}x24")).args([
            "-nolisten",
            "tcp",
            "-noreset",
        ]),
    )?;
    let number = |printed: &str| printed.lines().find_map(|line| line.trim().parse::<u32>().ok());
    display.wait_until("its number", Duration::from_secs(15), |display| number(&display.printed()).is_some())?;
    match number(&display.printed()) {
        Some(found) => Ok((display, found)),
        None => bail!("Xvfb printed no display number: {}", display.tail()),
    }
}
