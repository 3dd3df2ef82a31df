//! Sound servers of a test's own: PulseAudio, or PipeWire in its place, with null sinks and no hardware.

use std::{
    cell::RefCell,
    collections::HashMap,
    env,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::wait_for;

/// Set in the child: the folder of its sound server.
const FOLDER: &str = "BECKON_TEST_SOUND_FOLDER";

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What gave the protocol its name.
    PulseAudio,
    /// What most desktops run today: three programs, of which `pipewire-pulse` speaks PulseAudio's protocol.
    PipeWire,
}

impl Kind {
    /// What has to be installed.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::PulseAudio => &["pulseaudio", "pactl"],
            Self::PipeWire => &["pipewire", "wireplumber", "pipewire-pulse", "pw-metadata", "pw-cat", "pactl"],
        }
    }

    fn missing(self) -> Option<&'static str> {
        let folders = env::var_os("PATH").unwrap_or_default();
        let there = |program: &str| env::split_paths(&folders).any(|folder| folder.join(program).is_file());
        self.programs().iter().copied().find(|program| !there(program))
    }
}

/// A session without a sound server yet.
pub struct Session {
    /// Whose servers it starts.
    pub kind: Kind,
    folder: PathBuf,
}

/// The test itself runs in a child that sees only a private sound server: what we ask finds its server by environment
/// variables, which a test must not change in its own process. In the child this runs `body`.
pub fn in_child(kind: Kind, test: &str, body: fn(&Session)) {
    if let Some(folder) = env::var_os(FOLDER) {
        return body(&Session { kind, folder: folder.into() });
    }
    if let Some(program) = kind.missing() {
        beckon_test_skip::skip(format!("the program `{program}` is not installed; `cargo xtask setup` brings it"));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let session = Session { kind, folder: folder.path().to_owned() };
    let output = session
        .command(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed:\n{text}");
    assert!(text.contains("1 passed"), "the child ran no test called {test}:\n{text}");
    print!("{text}");
}

impl Session {
    /// Where the server listens.
    fn socket(&self) -> PathBuf {
        self.folder.join("native")
    }

    fn bus(&self) -> PathBuf {
        self.folder.join("bus")
    }

    /// A program that sees this session and no other.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "PULSE_RUNTIME_PATH", "DISPLAY", "PIPEWIRE_REMOTE"] {
            command.env_remove(variable);
        }
        command
            .env("HOME", &self.folder)
            .env("XDG_RUNTIME_DIR", &self.folder)
            .env("PIPEWIRE_RUNTIME_DIR", &self.folder)
            .env("PULSE_SERVER", format!("unix:{}", self.socket().display()))
            // None, or one of its own: no server is to reach the desktop on which the test runs.
            .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", self.bus().display()))
            .stdin(Stdio::null());
        command
    }

    /// Starts the server with these sinks, each a name and further arguments of `module-null-sink`; the first is the default. Beside
    /// sinks there is a microphone too, in a silent room; but what the first sink plays is the default microphone.
    pub fn start(&self, sinks: &[&str]) -> Server {
        let mut server = Server { kind: self.kind, programs: Vec::new(), modules: RefCell::default() };
        match self.kind {
            Kind::PulseAudio => {
                let listen = format!("module-native-protocol-unix socket={} auth-anonymous=1", self.socket().display());
                let mut command = self.command("pulseaudio");
                command
                    .args(["--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no", "--disable-shm=yes"])
                    .args(["--high-priority=no", "--load", &listen]);
                server.run(&mut command);
            }
            Kind::PipeWire => {
                let pulse = self.folder.join("pulse.conf");
                std::fs::write(&pulse, pulse_on_pipewire(&self.socket())).unwrap();
                without_hardware(&self.folder.join(".config/wireplumber"));
                // The session manager does not run without one.
                let bus = self.folder.join("bus.conf");
                std::fs::write(&bus, bus_without_services(&self.bus())).unwrap();
                server.run(self.command("dbus-daemon").arg("--nofork").arg(format!("--config-file={}", bus.display())));
                wait_for("the bus", || UnixStream::connect(self.bus()).is_ok());
                server.run(&mut self.command("pipewire"));
                let pipewire = self.folder.join("pipewire-0");
                wait_for("PipeWire's socket", || UnixStream::connect(&pipewire).is_ok());
                server.run(&mut self.command("wireplumber"));
                wait_for("the session manager", || {
                    let list = self.command("pw-metadata").arg("0").output().unwrap();
                    String::from_utf8_lossy(&list.stdout).contains("default")
                });
                server.run(self.command("pipewire-pulse").arg("-c").arg(&pulse));
            }
        }
        wait_for("the server's socket", || UnixStream::connect(self.socket()).is_ok());
        for sink in sinks {
            server.plug(sink);
        }
        if let Some(first) = sinks.first().and_then(|first| first.split(' ').next()) {
            server.plug_microphone("beckon_microphone");
            pactl(&["set-default-sink", first]);
            // So that what is played is heard.
            pactl(&["set-default-source", &format!("{first}.monitor")]);
        }
        server
    }

    /// A program plays a file by PipeWire's own protocol, until what is returned is dropped.
    pub fn play_by_pipewire(&self, file: &Path) -> Server {
        let mut program = Server { kind: self.kind, programs: Vec::new(), modules: RefCell::default() };
        program.run(self.command("pw-cat").arg("--playback").arg(file));
        program
    }

    /// The graph runs in steps of so many frames from now on, as with a device that has no shorter ones.
    pub fn force_quantum(&self, frames: u32) {
        assert_eq!(self.kind, Kind::PipeWire);
        let mut command = self.command("pw-metadata");
        let done = command.args(["-n", "settings", "0", "clock.force-quantum", &frames.to_string()]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

/// A sound server; it ends with this.
pub struct Server {
    kind: Kind,
    /// The one that speaks with clients is the last.
    programs: Vec<Child>,
    /// From a sink's name to the server's number of what made it.
    modules: RefCell<HashMap<String, String>>,
}

impl Server {
    fn run(&mut self, command: &mut Command) {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.programs.push(child);
    }

    /// A null sink appears: its name, and further arguments of `module-null-sink`.
    pub fn plug(&self, sink: &str) {
        let (name, more) = sink.split_once(' ').unwrap_or((sink, ""));
        let mut arguments = vec!["load-module".to_owned(), "module-null-sink".to_owned(), format!("sink_name={name}")];
        arguments.push("rate=48000".to_owned());
        arguments.extend(more.split_whitespace().map(str::to_owned));
        self.load(name, "sinks", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// A microphone that hears nothing appears.
    pub fn plug_microphone(&self, name: &str) {
        let named = |what: &str| format!("{what}={name}");
        match self.kind {
            Kind::PulseAudio => {
                self.load(name, "sources", &["load-module", "module-null-source", &named("source_name")]);
            }
            Kind::PipeWire => {
                let (class, map) = ("media.class=Audio/Source/Virtual", "channel_map=mono");
                self.load(name, "sources", &["load-module", "module-null-sink", &named("sink_name"), class, map]);
            }
        }
    }

    fn load(&self, name: &str, list: &str, arguments: &[&str]) {
        let number = pactl(arguments);
        // PipeWire's answer may come before it can be seen.
        wait_for(name, || pactl(&["list", "short", list]).split_whitespace().any(|word| word == name));
        self.modules.borrow_mut().insert(name.to_owned(), number);
    }

    /// A sink is gone.
    pub fn pull(&self, sink: &str) {
        let number = self.modules.borrow_mut().remove(sink).unwrap();
        pactl(&["unload-module", &number]);
    }

    /// Sends a signal to the program that speaks with clients.
    pub fn signal(&self, name: &str) {
        let id = self.programs.last().unwrap().id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for program in self.programs.iter_mut().rev() {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// What the server's own control program prints.
pub fn pactl(arguments: &[&str]) -> String {
    let output = Command::new("pactl").args(arguments).output().unwrap();
    assert!(output.status.success(), "pactl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// As it is installed, but on a socket of ours and without a sink that stands in where there is none.
fn pulse_on_pipewire(socket: &Path) -> String {
    format!(
        "context.spa-libs = {{ audio.convert.* = audioconvert/libspa-audioconvert support.* = support/libspa-support }}
        context.modules = [
            {{ name = libpipewire-module-protocol-native }}
            {{ name = libpipewire-module-client-node }}
            {{ name = libpipewire-module-adapter }}
            {{ name = libpipewire-module-metadata }}
            {{ name = libpipewire-module-protocol-pulse }}
        ]
        pulse.properties = {{
            server.address = [ \"unix:{}\" ]
            vm.overrides = {{ pulse.min.quantum = 1024/48000 }}
        }}",
        socket.display()
    )
}

fn bus_without_services(socket: &Path) -> String {
    format!(
        "<busconfig><type>session</type><listen>unix:path={}</listen><policy context='default'>
        <allow send_destination='*'/><allow receive_sender='*'/><allow own='*'/></policy></busconfig>",
        socket.display()
    )
}

/// The session manager leaves the machine's own cards and cameras alone: in the words of its versions before 0.5, and since.
fn without_hardware(settings: &Path) {
    let write = |file: &str, text: &str| {
        let path = settings.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let off =
        |monitors: &[&str]| monitors.iter().map(|name| format!("{name}_monitor.enabled = false\n")).collect::<String>();
    write("main.lua.d/51-none.lua", &off(&["alsa", "v4l2", "libcamera"]));
    write("bluetooth.lua.d/51-none.lua", &off(&["bluez"]));
    write(
        "wireplumber.conf.d/none.conf",
        "wireplumber.profiles = { main = {
            hardware.audio = disabled, hardware.bluetooth = disabled, hardware.video-capture = disabled
        } }",
    );
}
