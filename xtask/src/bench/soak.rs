//! A call that lasts: what the server and each participant hold of the machine after minutes, beside what they held soon after the start.
//! All looks are kept in `looks.csv`.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use beckon_test_ports::free_port;
use beckon_test_process::{handles, own_kib, proportional_kib, resident_kib, threads};
use serde_json::Value;

use super::{beckond, median, programs, serving};
use crate::{build, demo, display::Desktop, packages, process::Process, run};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// How long the call lasts, minutes
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// How many are in it
    #[arg(long, default_value_t = 5)]
    participants: usize,
    /// Size of everybody's picture
    #[arg(long, default_value = "640x360")]
    size: String,
    /// Pictures a second
    #[arg(long, default_value_t = 15)]
    fps: u32,
    /// One of them is the app with its window, on a display of its own
    #[arg(long)]
    app: bool,
    /// Measure the development build, as it lies there
    #[arg(long)]
    development: bool,
}

const ROOM: &str = "870001";
/// Until then programs fill their caches: what they hold after it is the base.
const WARM_UP: Duration = Duration::from_secs(120);
/// How often is looked.
const INTERVAL: Duration = Duration::from_secs(10);
/// Looks whose median is the base, and the end.
const WINDOW: usize = 6;

struct Watched {
    name: String,
    process: Process,
    /// What it runs, where it is not `process` that is measured but all processes of this program together.
    program: Option<PathBuf>,
    looks: Vec<Look>,
}

struct Look {
    kib: f64,
    /// Of it what stands for no file: on a machine where others run the same libraries only this is the program's own.
    own_kib: f64,
    threads: f64,
    handles: f64,
}

impl Watched {
    fn one(name: impl Into<String>, process: Process) -> Self {
        Self { name: name.into(), process, program: None, looks: Vec::new() }
    }

    fn look(&self) -> Result<Look> {
        let pids = match &self.program {
            None => vec![self.process.id()],
            Some(program) => beckon_test_process::family(program)?,
        };
        anyhow::ensure!(!pids.is_empty(), "it runs no more");
        let kib = if self.program.is_some() { proportional_kib } else { resident_kib };
        let mut sum = Look { kib: 0.0, own_kib: 0.0, threads: 0.0, handles: 0.0 };
        let mut add = |pid: u32| -> std::io::Result<()> {
            let (kib, own, threads, handles) = (kib(pid)?, own_kib(pid)?, threads(pid)?, handles(pid)?);
            sum.kib += kib as f64;
            sum.own_kib += own as f64;
            sum.threads += threads as f64;
            sum.handles += handles as f64;
            Ok(())
        };
        for pid in pids {
            let looked = add(pid);
            // Of a family, something that was there for a moment only.
            if !looked.as_ref().is_err_and(|e| self.program.is_some() && e.kind() == std::io::ErrorKind::NotFound) {
                looked?;
            }
        }
        Ok(sum)
    }
}

/// Has the call and prints two tables.
pub fn run(options: &Options) -> Result<()> {
    let whole = Duration::from_secs(options.minutes * 60);
    if whole < WARM_UP * 2 {
        bail!(
            "the base is taken after {} minutes: let the call last at least twice that (--minutes)",
            WARM_UP.as_secs() / 60
        );
    }
    anyhow::ensure!(options.participants > 1, "a call has at least two participants (--participants)");
    packages::ensure(if options.app { packages::ALL } else { &[packages::BUILD] })?;
    let programs = programs(options.development)?;
    let folder = run::target().join("bench/soak");
    demo::empty(&folder)?;
    let mut call = start(options, whole, &programs, &folder)?;
    let watched = &mut call.watched;

    let mut log = File::create(folder.join("looks.csv"))?;
    writeln!(log, "s,program,kib,own_kib,threads,handles")?;
    let begun = Instant::now();
    while begun.elapsed() < whole {
        std::thread::sleep(INTERVAL);
        let seconds = begun.elapsed().as_secs();
        for one in watched.iter_mut() {
            if !one.process.runs() {
                bail!("{} ended after {seconds} s; it printed:\n{}", one.name, one.process.tail());
            }
            let look = one.look().with_context(|| format!("{} cannot be looked at after {seconds} s", one.name))?;
            let Look { kib, own_kib, threads, handles } = look;
            writeln!(log, "{seconds},{},{kib},{own_kib},{threads},{handles}", one.name)?;
            if begun.elapsed() >= WARM_UP {
                one.looks.push(look);
            }
        }
    }
    print_held(watched);
    print_heard(watched)
}

/// Who is in the call, and what that stands on.
struct Call {
    watched: Vec<Watched>,
    _desktop: Option<Desktop>,
}

/// Starts the server and everybody, who all see and hear each other for `whole` and some seconds more.
fn start(options: &Options, whole: Duration, programs: &Path, folder: &Path) -> Result<Call> {
    let port = free_port()?;
    let address = format!("http://127.0.0.1:{port}");
    let server = serving("beckond", folder, port, &mut beckond(programs, folder, port))?;
    let mut watched = vec![Watched::one("beckond", server)];
    // Until all are there.
    let margin = Duration::from_secs(if options.app { 120 } else { 30 });
    for number in 0..options.participants - usize::from(options.app) {
        let name = format!("participant-{number}");
        let mut command = Command::new(programs.join("beckon-cli"));
        command.args(["join", "--dev", "--server", &address, "--room", ROOM, "--user", &name]);
        if number == 0 {
            command.arg("--create");
        }
        command.args(["--size", &options.size, "--fps", &options.fps.to_string(), "--report", "json"]);
        command.args(["--for", &format!("{}s", (whole + margin).as_secs())]);
        let mut process = Process::start(&name, folder, &mut command)?;
        process.wait_until("being in the room", Duration::from_secs(20), |p| p.printed().contains("in room"))?;
        watched.push(Watched::one(name, process));
    }
    if !options.app {
        return Ok(Call { watched, _desktop: None });
    }
    build::node_peers()?;
    // With a microphone of the sound server, so that all of the sound's way runs.
    let devices = [("BECKON_MICROPHONE", "default".to_owned())];
    let desktop = demo::desktop_with_app(&folder.join("desktop"), programs, &devices)?;
    let mut command = demo::script_on(&desktop, "soak.mjs", programs, &address);
    let mut visitor = Process::start("visitor", folder, command.env("BECKON_ROOM", ROOM))?;
    visitor.wait_until("the app in the room", Duration::from_secs(90), |p| p.printed().contains("in room"))?;
    let program = Some(programs.join("beckon").canonicalize()?);
    watched.push(Watched { name: "app".to_owned(), process: visitor, program, looks: Vec::new() });
    Ok(Call { watched, _desktop: Some(desktop) })
}

fn print_held(watched: &[Watched]) {
    println!(
        "\n| program | MiB after 2 min | at the end | change, % | most | of it its own, MiB | at the end | change, % | threads | at the end | handles | at the end |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for one in watched {
        let of = |looks: &[Look], what: fn(&Look) -> f64| median(&mut looks.iter().map(what).collect::<Vec<_>>());
        let base = &one.looks[..WINDOW.min(one.looks.len())];
        let end = &one.looks[one.looks.len().saturating_sub(WINDOW)..];
        let memory = |what: fn(&Look) -> f64| {
            let (before, after) = (of(base, what), of(end, what));
            let change = (after / before.max(1.0) - 1.0) * 100.0;
            format!("{:.1} | {:.1} | {change:+.1}", before / 1024.0, after / 1024.0)
        };
        println!(
            "| {} | {} | {:.1} | {} | {} | {} | {} | {} |",
            one.name,
            memory(|l| l.kib),
            one.looks.iter().map(|l| l.kib).fold(0.0, f64::max) / 1024.0,
            memory(|l| l.own_kib),
            of(base, |l| l.threads),
            of(end, |l| l.threads),
            of(base, |l| l.handles),
            of(end, |l| l.handles),
        );
    }
}

/// What the participants report when they leave.
fn print_heard(watched: &mut [Watched]) -> Result<()> {
    println!(
        "\n| from → to | sound minus picture, ms: least, p50, p95, most | in the last ten seconds: p50, p95 | freezes | longest, ms | sound made up, ms |"
    );
    println!("|---|---|---|---|---|---|");
    for one in watched[1..].iter_mut().filter(|one| one.program.is_none()) {
        one.process.wait()?;
        let printed = one.process.printed();
        let json = printed.find("\n{").map(|at| &printed[at..]).unwrap_or_default();
        let report: Value = serde_json::Deserializer::from_str(json)
            .into_iter()
            .next()
            .and_then(Result::ok)
            .with_context(|| format!("{} printed no report: {printed}", one.name))?;
        let tracks = report["received"].as_array().cloned().unwrap_or_default();
        for seen in tracks.iter().filter(|t| t["kind"] == "video" && t["avWholeMs"].is_object()) {
            let from = &seen["userID"];
            let sum = |field: &str| {
                tracks.iter().filter(|t| t["userID"] == *from).filter_map(|t| t[field].as_u64()).sum::<u64>()
            };
            let longest =
                tracks.iter().filter(|t| t["userID"] == *from).filter_map(|t| t["longestFreezeMs"].as_u64()).max();
            let value = |of: &str, field: &str| seen[of][field].as_f64().unwrap_or_default();
            let whole = |field: &str| value("avWholeMs", field);
            let last = |field: &str| value("avOffsetMs", field);
            println!(
                "| {} → {} | {:.0}, {:.0}, {:.0}, {:.0} | {:.0}, {:.0} | {} | {} | {} |",
                from.as_str().unwrap_or_default(),
                one.name,
                whole("min"),
                whole("p50"),
                whole("p95"),
                whole("max"),
                last("p50"),
                last("p95"),
                sum("freezes"),
                longest.unwrap_or_default(),
                sum("concealed") * 10,
            );
        }
    }
    Ok(())
}
