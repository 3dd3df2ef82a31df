//! What of the Windows programs can run under Wine: the server with all it does, and the participant without devices. The app
//! needs WebView2, which Wine has not: it must say so.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use beckon_test_ports::free_port;
use serde_json::Value;

use super::screen;
use crate::{demo, display, process::Process, run};

/// How the app ends where there is no WebView2 (`src-tauri/src/webview2.rs`).
const WITHOUT_WEB_VIEW: i32 = 3;

/// A Windows of our own.
pub struct Wine {
    /// For what is written on the way.
    pub folder: PathBuf,
    prefix: PathBuf,
    /// The display that its programs are on, if they are on one.
    display: Option<(Process, String)>,
}

impl Wine {
    /// Sets it up in `folder` where it is not there yet.
    pub fn ready(folder: &Path) -> Result<Self> {
        let wine = Self { folder: folder.join("try"), prefix: folder.join("wine"), display: None };
        fs::create_dir_all(&wine.folder)?;
        let system = wine.prefix.join("drive_c/windows/system32");
        if !system.is_dir() {
            println!("Setting Wine up in {}", wine.prefix.display());
            run::run(wine.command(Path::new("wineboot")).arg("--init"))?;
        }
        let library = system.join("bcryptprimitives.dll");
        if !library.is_file() {
            run::run(
                Command::new("x86_64-w64-mingw32-gcc-posix")
                    .args(["-shared", "-O1", "-s", "-o"])
                    .arg(&library)
                    .arg(run::root().join("xtask/src/windows/bcryptprimitives.c"))
                    .arg("-ladvapi32"),
            )?;
        }
        Ok(wine)
    }

    fn environment(&self) -> [(&'static str, std::ffi::OsString); 2] {
        [("WINEPREFIX", self.prefix.clone().into()), ("WINEDEBUG", "-all".into())]
    }

    /// A program of it.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("wine");
        command.arg(program).envs(self.environment());
        match &self.display {
            Some((_, name)) => command.env("DISPLAY", name),
            None => command.env_remove("DISPLAY"),
        };
        command
    }

    /// From now on its programs are on a display of this size. Wine decides with the first program whether there is one, for
    /// all that come after it: those that run are ended.
    fn show(&mut self, width: u32, height: u32) -> Result<()> {
        let (process, number) = display::start_display(&self.folder, width, height)?;
        for how in ["--kill", "--wait"] {
            // It fails where nothing runs.
            let _ = Command::new("wineserver").arg(how).envs(self.environment()).status()?;
        }
        self.display = Some((process, format!(":{number}")));
        Ok(())
    }

    /// Runs the programs; fails at the first that does not do what it does elsewhere.
    pub fn try_out(&mut self, programs: &Path) -> Result<()> {
        for program in ["beckond.exe", "beckon-cli.exe"] {
            let said = run::output(self.command(&programs.join(program)).arg("--version"))?;
            ensure!(said.contains(env!("CARGO_PKG_VERSION")), "{program} --version says {said:?}");
            println!("  {}", said.trim());
        }
        self.app(programs)?;
        self.show(screen::DESKTOP.0, screen::DESKTOP.1)?;
        // Wine lacks what IPv4 media ports need for many datagrams at once; of IPv6 ones it has it, as Windows has of both.
        let listen = format!("[::1]:{}", free_port()?);
        let server = self.serve(programs, &listen)?;
        self.call(&listen)?;
        drop(server);
        let listen = format!("127.0.0.1:{}", free_port()?);
        let _server = self.serve(programs, &listen)?;
        screen::try_out(self, programs, &listen)
    }

    /// The app cannot show anything without WebView2: it must say what is missing, and end.
    fn app(&self, programs: &Path) -> Result<()> {
        let mut app = self.command(&programs.join("beckon.exe"));
        let ended = app.arg("--data").arg(windows_path(&self.folder.join("profile"))).output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(said.contains("WebView2 Runtime"), "beckon.exe without WebView2 says {said:?}");
        ensure!(
            ended.status.code() == Some(WITHOUT_WEB_VIEW),
            "beckon.exe without WebView2 ends with {}",
            ended.status
        );
        println!("  beckon.exe says that WebView2 is missing");
        Ok(())
    }

    /// Starts the Windows server.
    fn serve(&self, programs: &Path, listen: &str) -> Result<Process> {
        let mut server = self.command(&programs.join("beckond.exe"));
        server.args(["--dev", "--listen", listen, "--media-udp", "0", "--media-tcp", "0", "--data"]);
        let mut server = Process::start("beckond", &self.folder, server.arg(windows_path(&self.folder.join("data"))))?;
        server.wait_until("listening", Duration::from_secs(60), |_| demo::healthy(listen))?;
        println!("  beckond.exe answers on {listen}");
        Ok(server)
    }

    /// A call of two participants of this machine over the Windows server: each must see and hear the other.
    fn call(&self, listen: &str) -> Result<()> {
        let participant = |user: &str, more: &[&str]| {
            let mut command = Command::new(run::built("beckon-cli"));
            command.args(["join", "--server", &format!("http://{listen}"), "--room", "try", "--dev", "--user", user]);
            command.args(["--camera", "testcard", "--microphone", "tone", "--size", "320x180", "--fps", "15"]);
            command.args(["--report", "json"]).args(more);
            command
        };
        let mut ann = Process::start("ann", &self.folder, &mut participant("ann", &["--create", "--for", "20s"]))?;
        ann.wait_until("in the room", Duration::from_secs(30), |ann| ann.printed().contains("in room"))?;
        let bob = run::output(&mut participant("bob", &["--for", "8s"]))?;
        ann.wait()?;
        saw_and_heard("ann", &bob, "bob")?;
        saw_and_heard("bob", &ann.printed(), "ann")
    }
}

/// How Wine names a file of this machine.
fn windows_path(path: &Path) -> String {
    format!("Z:{}", path.display().to_string().replace('/', "\\"))
}

/// The report at the end of what a participant printed.
pub fn report(printed: &str) -> Result<Value> {
    // Before it stands what is said on the way.
    let report = printed.find("\n{").map_or(printed, |at| &printed[at..]);
    serde_json::from_str(report.trim()).with_context(|| format!("there is no report in {printed}"))
}

/// Whether the report of `who` tells that they saw and heard `other`.
fn saw_and_heard(other: &str, printed: &str, who: &str) -> Result<()> {
    let report = report(printed).with_context(|| format!("{who}'s report"))?;
    let track = |kind: &str| {
        let tracks = report["received"].as_array()?;
        tracks.iter().find(|track| track["userID"] == other && track["kind"] == kind)
    };
    let (Some(video), Some(audio)) = (track("video"), track("audio")) else {
        bail!("{who} got no picture or no sound of {other}: {report:#}");
    };
    let pictures = video["framesDecoded"].as_u64().unwrap_or(0);
    let tone = audio["toneHz"].as_f64().unwrap_or(0.0);
    ensure!(pictures > 30, "{who} saw {pictures} pictures of {other}");
    ensure!((tone - 440.0).abs() < 5.0, "{who} heard {tone} Hz of {other}, not the tone");
    println!("  {who} saw {pictures} pictures of {other} and heard {tone:.1} Hz");
    Ok(())
}
