//! A call that lasts: what the server and each participant hold of the machine after minutes, beside what they held soon after the start.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{beckond, median, serving};
use crate::{build, demo, packages, process::Process, run};

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
    /// Measure the development build, as it lies there
    #[arg(long)]
    development: bool,
}

/// Until then programs fill their caches: what they hold after it is the base.
const WARM_UP: Duration = Duration::from_secs(120);
/// How often is looked.
const INTERVAL: Duration = Duration::from_secs(10);
/// Looks whose median is the base, and the end.
const WINDOW: usize = 6;

struct Watched {
    name: String,
    process: Process,
    looks: Vec<Look>,
}

struct Look {
    kib: f64,
    threads: f64,
    handles: f64,
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
    packages::ensure(&[packages::BUILD])?;
    if !options.development {
        build::web()?;
        run::run(run::cargo().args(["build", "--release", "-p", "beckon-server", "-p", "beckon-cli"]))?;
    }
    let programs = run::target().join(if options.development { "debug" } else { "release" });
    let folder = run::target().join("bench/soak");
    let mut watched = start(options, whole, &programs, &folder)?;

    let begun = Instant::now();
    while begun.elapsed() < whole {
        std::thread::sleep(INTERVAL);
        if begun.elapsed() < WARM_UP {
            continue;
        }
        for one in &mut watched {
            if !one.process.runs() {
                bail!("{} ended after {} s; it printed:\n{}", one.name, begun.elapsed().as_secs(), one.process.tail());
            }
            let id = one.process.id();
            let gone = || format!("{} cannot be looked at", one.name);
            one.looks.push(Look {
                kib: beckon_test_process::resident_kib(id).with_context(gone)? as f64,
                threads: beckon_test_process::threads(id).with_context(gone)? as f64,
                handles: beckon_test_process::handles(id).with_context(gone)? as f64,
            });
        }
    }
    print_held(&watched);
    print_heard(&mut watched)
}

/// Starts the server and everybody, who all see and hear each other for `whole` and some seconds more.
fn start(options: &Options, whole: Duration, programs: &Path, folder: &Path) -> Result<Vec<Watched>> {
    let port = demo::free_port()?;
    let server = serving("beckond", folder, port, &mut beckond(programs, folder, port))?;
    let mut watched = vec![Watched { name: "beckond".into(), process: server, looks: Vec::new() }];
    for number in 0..options.participants {
        let name = format!("participant-{number}");
        let mut command = Command::new(programs.join("beckon-cli"));
        command.args([
            "join",
            "--dev",
            "--server",
            &format!("http://127.0.0.1:{port}"),
            "--room",
            "870001",
            "--user",
            &name,
        ]);
        if number == 0 {
            command.arg("--create");
        }
        command.args(["--size", &options.size, "--fps", &options.fps.to_string(), "--report", "json"]);
        command.args(["--for", &format!("{}s", whole.as_secs() + 30)]);
        let mut process = Process::start(&name, folder, &mut command)?;
        process.wait_until("being in the room", Duration::from_secs(20), |p| p.printed().contains("in room"))?;
        watched.push(Watched { name, process, looks: Vec::new() });
    }
    Ok(watched)
}

fn print_held(watched: &[Watched]) {
    println!(
        "\n| program | MiB after 2 min | at the end | change, % | most | threads | at the end | handles | at the end |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for one in watched {
        let of = |looks: &[Look], what: fn(&Look) -> f64| median(&mut looks.iter().map(what).collect::<Vec<_>>());
        let base = &one.looks[..WINDOW.min(one.looks.len())];
        let end = &one.looks[one.looks.len().saturating_sub(WINDOW)..];
        let (before, after) = (of(base, |l| l.kib), of(end, |l| l.kib));
        println!(
            "| {} | {:.1} | {:.1} | {:+.1} | {:.1} | {} | {} | {} | {} |",
            one.name,
            before / 1024.0,
            after / 1024.0,
            (after / before.max(1.0) - 1.0) * 100.0,
            one.looks.iter().map(|l| l.kib).fold(0.0, f64::max) / 1024.0,
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
        "\n| from → to | sound minus picture at the end: p50, p95, ms | most | freezes | longest, ms | sound made up, ms |"
    );
    println!("|---|---|---|---|---|---|");
    for one in &mut watched[1..] {
        one.process.wait()?;
        let printed = one.process.printed();
        let json = printed.find("\n{").map(|at| &printed[at..]).unwrap_or_default();
        let report: Value = serde_json::Deserializer::from_str(json)
            .into_iter()
            .next()
            .and_then(Result::ok)
            .with_context(|| format!("{} printed no report: {printed}", one.name))?;
        let tracks = report["received"].as_array().cloned().unwrap_or_default();
        for offset in tracks.iter().filter(|t| t["kind"] == "video" && t["avOffsetMs"].is_object()) {
            let from = &offset["userID"];
            let sum = |field: &str| {
                tracks.iter().filter(|t| t["userID"] == *from).filter_map(|t| t[field].as_u64()).sum::<u64>()
            };
            let longest =
                tracks.iter().filter(|t| t["userID"] == *from).filter_map(|t| t["longestFreezeMs"].as_u64()).max();
            let value = |field: &str| offset["avOffsetMs"][field].as_f64().unwrap_or_default();
            println!(
                "| {} → {} | {:.0}, {:.0} | {:.0} | {} | {} | {} |",
                from.as_str().unwrap_or_default(),
                one.name,
                value("p50"),
                value("p95"),
                value("max"),
                sum("freezes"),
                longest.unwrap_or_default(),
                sum("concealed") * 10,
            );
        }
    }
    Ok(())
}
