//! A Wayland desktop of a test's own: sway without a screen, its portal, PipeWire, and a bus that only they are on.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tempfile::TempDir;
use zbus::blocking::{Connection, Proxy, connection::Builder, fdo::DBusProxy};

use super::pictures::PATIENCE;

/// sway refuses to run as root, as which tests run in containers.
const NOBODY: u32 = 65_534;
const BACKEND: &str = "org.freedesktop.impl.portal.desktop.wlr";
const SHIM: &str = "software.so";
const OUTPUT: &str = "HEADLESS-1";

/// What is needed, and the packages of Debian and Ubuntu that it comes in.
const NEEDED: [(&str, &str); 7] = [
    ("dbus-daemon", "dbus"),
    ("cc", "build-essential"),
    ("sway", "sway"),
    ("pipewire", "pipewire"),
    ("wireplumber", "wireplumber"),
    ("xdg-desktop-portal", "xdg-desktop-portal"),
    ("xdg-desktop-portal-wlr", "xdg-desktop-portal-wlr"),
];

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/libexec".into(), "/usr/lib".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Whether packages are missing; then the test is skipped.
fn missing(needed: &[(&str, &str)]) -> bool {
    let missing: Vec<&str> = needed.iter().filter(|(name, _)| program(name).is_none()).map(|(_, from)| *from).collect();
    if !missing.is_empty() {
        beckon_test_skip::skip(format!("not installed: {}; `cargo xtask setup` brings them", missing.join(", ")));
    }
    !missing.is_empty()
}

/// Looks until there is something to see.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What decides which screen is shared, in the person's place.
pub enum Chooser {
    /// The one screen there is.
    Allows,
    /// A program that says which, if any.
    Runs(&'static str),
}

pub struct Desktop {
    folder: TempDir,
    /// In the order of their start.
    running: Vec<(&'static str, Child)>,
    control: String,
    _turn: MutexGuard<'static, ()>,
}

impl Desktop {
    /// A bus with nobody on it. `None`, and the test is skipped, where that cannot be had.
    pub fn bare() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        if missing(&NEEDED[..1]) {
            return None;
        }
        let turn = TURN.lock();
        let folder = tempfile::Builder::new().prefix("beckon-desktop").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut this = Self { folder, running: Vec::new(), control: String::new(), _turn: turn };
        // No programs but ours are started by it.
        let bus = this.path("bus");
        let rules = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            bus.display()
        );
        fs::write(this.path("bus.conf"), rules).unwrap();
        let config = format!("--config-file={}", this.path("bus.conf").display());
        this.start("dbus-daemon", &[&config, "--nofork"], None);
        until("the bus", || bus.exists().then_some(()));
        // SAFETY: whoever holds the turn is the only one in this program who looks at these variables.
        unsafe {
            std::env::set_var("DBUS_SESSION_BUS_ADDRESS", this.bus_address());
            std::env::set_var("XDG_SESSION_TYPE", "wayland");
        }
        Some(this)
    }

    /// A whole desktop: one screen of 1280 × 720 in one colour. `None`, and the test is skipped, where that cannot be had.
    pub fn new(colour: &str, chooser: &Chooser) -> Option<Self> {
        Self::with_screen(&format!("resolution 1280x720 background {colour} solid_color"), false, chooser)
    }

    /// The same with a screen as sway's words for an output have it, and with or without windows of X11.
    pub fn with_screen(screen: &str, x11: bool, chooser: &Chooser) -> Option<Self> {
        if missing(&NEEDED) {
            return None;
        }
        let mut this = Self::bare()?;
        let x11 = if x11 { "enable" } else { "disable" };
        let look = format!("output {OUTPUT} {screen}\nxwayland {x11}\n");
        fs::write(this.path("sway.conf"), look).unwrap();
        let config = this.path("xdg-desktop-portal-wlr");
        fs::create_dir(&config).unwrap();
        let choice = match chooser {
            Chooser::Allows => "chooser_type=none".to_owned(),
            Chooser::Runs(command) => format!("chooser_type=simple\nchooser_cmd={command}"),
        };
        fs::write(config.join("config"), format!("[screencast]\noutput_name={OUTPUT}\nmax_fps=60\n{choice}\n"))
            .unwrap();

        this.start("pipewire", &[], None);
        let pipewire = this.path("pipewire-0");
        until("PipeWire", || pipewire.exists().then_some(()));
        this.start("wireplumber", &[], None);

        // SAFETY: no pointers are involved.
        let nobody = (unsafe { libc::geteuid() } == 0).then_some(NOBODY);
        if nobody.is_some() {
            chown(this.folder.path(), nobody, nobody).unwrap();
        }
        let look = this.path("sway.conf");
        this.start("sway", &["--config", &look.to_string_lossy()], nobody);
        let folder = this.folder.path().to_owned();
        let named = |begin: &str, end: &str| {
            let names = fs::read_dir(&folder).unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.into_iter().find(|name| name.starts_with(begin) && name.ends_with(end))
        };
        this.control = until("sway's control", || named("sway-ipc.", ".sock"));
        let display = until("sway's display", || named("wayland-", ".lock")).replace(".lock", "");
        until("sway's screen", || this.try_command(&["-t", "get_outputs"]).filter(|said| said.contains(OUTPUT)));
        // SAFETY: as above.
        unsafe { std::env::set_var("WAYLAND_DISPLAY", &display) };

        this.build_shim();
        this.start("xdg-desktop-portal-wlr", &["-l", "DEBUG"], None);
        this.wait_for(BACKEND);
        this.start("xdg-desktop-portal", &["--verbose"], None);
        this.wait_for("org.freedesktop.portal.Desktop");
        Some(this)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where its bus is.
    pub fn bus_address(&self) -> String {
        format!("unix:path={}", self.path("bus").display())
    }

    /// What lets sway's portal share a screen that is drawn without a graphics card: see `software.c`.
    fn build_shim(&self) {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screen_portal/software.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(self.path(SHIM)).args([source, "-ldl"]).status();
        assert!(built.unwrap().success(), "{source} does not compile");
    }

    fn start(&mut self, name: &'static str, arguments: &[&str], user: Option<u32>) {
        let log = fs::File::create(self.path(&format!("{name}.log"))).unwrap();
        let mut command = Command::new(program(name).unwrap());
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command.env_remove("DISPLAY").env("DBUS_SESSION_BUS_ADDRESS", self.bus_address());
        for folder in ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
            command.env(folder, self.folder.path());
        }
        command.env("XDG_CURRENT_DESKTOP", "sway").env("XDG_SESSION_TYPE", "wayland");
        command.env("WLR_BACKENDS", "headless").env("WLR_RENDERER", "pixman").env("WLR_LIBINPUT_NO_DEVICES", "1");
        if name == "xdg-desktop-portal-wlr" {
            command.env("LD_PRELOAD", self.path(SHIM));
        }
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        // It ends with its test, however that ends.
        // SAFETY: one system call between fork and exec.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let process = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        self.running.push((name, process));
    }

    fn bus(&self) -> Connection {
        Builder::address(self.bus_address().as_str()).unwrap().method_timeout(PATIENCE).build().unwrap()
    }

    /// Ends the one share there is, as a desktop's own "stop sharing" does.
    pub fn end_share(&self) {
        let (bus, mut path) = (self.bus(), "/org/freedesktop/portal/desktop/session".to_owned());
        // The session's path ends in the asker's name and the session's own.
        for _ in 0..2 {
            let said = Proxy::new(&bus, BACKEND, path.clone(), "org.freedesktop.DBus.Introspectable").unwrap();
            let said = said.introspect().unwrap();
            let name = said.split("<node name=\"").nth(1).and_then(|rest| rest.split('"').next());
            path = format!("{path}/{}", name.unwrap_or_else(|| panic!("no share at {path}: {said}")));
        }
        let session = Proxy::new(&bus, BACKEND, path, "org.freedesktop.impl.portal.Session").unwrap();
        session.call_method("Close", &()).unwrap();
    }

    fn wait_for(&self, name: &str) {
        let bus = self.bus();
        let names = DBusProxy::new(&bus).unwrap();
        until(name, || names.name_has_owner(name.try_into().unwrap()).ok().filter(|there| *there));
    }

    /// Ends one of the desktop's programs.
    pub fn kill(&mut self, name: &str) {
        let at = self.running.iter().position(|(running, _)| *running == name).unwrap();
        end(&mut self.running.remove(at).1);
    }

    fn try_command(&self, words: &[&str]) -> Option<String> {
        let mut command = Command::new("swaymsg");
        let said = command.arg("--socket").arg(self.path(&self.control)).args(words).output().unwrap();
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    }

    /// The number of one of the desktop's programs.
    pub fn process(&self, name: &str) -> u32 {
        self.running.iter().find(|(running, _)| *running == name).unwrap().1.id()
    }

    /// Has sway start a program, as whoever sway runs as.
    pub fn run(&self, command: &str) {
        assert!(self.try_command(&["exec", command]).is_some(), "sway refuses: {command}");
    }

    /// Changes the screen.
    pub fn output(&self, words: &str) {
        assert!(self.try_command(&[&format!("output {OUTPUT} {words}")]).is_some(), "sway refuses: {words}");
    }

    /// Where a test may put its own files; sway can read them.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (name, _) in &self.running {
                let said = fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default();
                let lines: Vec<&str> = said.lines().collect();
                eprintln!("--- {name}\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
            }
        }
        // What stands on others goes first.
        for (_, process) in self.running.iter_mut().rev() {
            end(process);
        }
    }
}

/// Asks it to end, so that it ends what it has started itself; makes it end where it does not.
fn end(process: &mut Child) {
    // SAFETY: no pointers are involved; the process was not waited for, so the number is still its own.
    unsafe { libc::kill(process.id() as i32, libc::SIGTERM) };
    let patience = Instant::now() + Duration::from_secs(5);
    while matches!(process.try_wait(), Ok(None)) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
}
