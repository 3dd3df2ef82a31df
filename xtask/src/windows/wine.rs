//! What of the Windows programs can run under Wine: the server with all it does. The app needs WebView2, and Wine 8 lacks
//! what tells app and participant of devices (`CM_Register_Notification`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{demo, process::Process, run};

/// A Windows of our own.
pub struct Wine {
    folder: PathBuf,
    prefix: PathBuf,
}

impl Wine {
    /// Sets it up in `folder` where it is not there yet.
    pub fn ready(folder: &Path) -> Result<Self> {
        let wine = Self { folder: folder.join("try"), prefix: folder.join("wine") };
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

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("wine");
        command.arg(program).envs(self.environment()).env_remove("DISPLAY");
        command
    }

    /// Runs the programs; fails at the first that does not do what it does elsewhere.
    pub fn try_out(&self, programs: &Path) -> Result<()> {
        for program in ["beckond.exe", "beckon-cli.exe"] {
            let said = run::output(self.command(&programs.join(program)).arg("--version"))?;
            ensure!(said.contains(env!("CARGO_PKG_VERSION")), "{program} --version says {said:?}");
            println!("  {}", said.trim());
        }
        self.call(programs)
    }

    /// A call of two participants of this machine over the Windows server: each must see and hear the other.
    fn call(&self, programs: &Path) -> Result<()> {
        // Wine 8 does not answer what the server asks of IPv4 media ports; of IPv6 ones it does, as Windows does of both.
        let listen = format!("[::1]:{}", demo::free_port()?);
        let mut server = self.command(&programs.join("beckond.exe"));
        server.args(["--dev", "--listen", &listen, "--media-udp", "0", "--media-tcp", "0", "--data"]);
        let mut server = Process::start("beckond", &self.folder, server.arg(windows_path(&self.folder.join("data"))))?;
        server.wait_until("listening", Duration::from_secs(60), |_| demo::healthy(&listen))?;
        println!("  beckond.exe answers on {listen}");
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

/// Whether the report of `who` tells that they saw and heard `other`.
fn saw_and_heard(other: &str, printed: &str, who: &str) -> Result<()> {
    // Before it stands what is said on the way.
    let report = printed.find("\n{").map_or(printed, |at| &printed[at..]);
    let report: Value =
        serde_json::from_str(report.trim()).with_context(|| format!("{who}'s report is none: {printed}"))?;
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
