//! `cargo xtask test`: everything CI checks, in the order in which mistakes are cheapest to find.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{build, demo, packages, process::Process, run};

/// What to check.
#[derive(clap::Args)]
pub struct Options {
    /// Only these steps (see the names the run prints)
    #[arg(long)]
    only: Vec<String>,
    /// Leave out the end-to-end walks (they need a browser)
    #[arg(long)]
    no_e2e: bool,
}

/// The steps that run tests, some of which may be skipped.
const WEB_TEST: &str = "web-test";
const TESTS: &str = "unit-and-scenario";

type Step = (&'static str, fn() -> Result<()>);

const STEPS: &[Step] = &[
    ("packages", || packages::ensure(packages::ALL)),
    ("format", || run::run(run::cargo().args(["fmt", "--all", "--check"]))),
    ("web-build", build::web),
    ("web-check", || run::run(&mut run::npm(&["run", "check"]))),
    (WEB_TEST, web_test),
    ("build", build::programs),
    ("types", || build::types(true)),
    ("clippy", || run::run(run::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))),
    ("deny", deny),
    ("peers", peers),
    (TESTS, tests),
    ("walk-demo", || demo::walk(&run::target().join("demo"), "demo.mjs")),
    ("walk-guest", || demo::walk(&run::target().join("guest"), "guest.mjs")),
    ("walk-channel", || demo::walk(&run::target().join("channel"), "channel.mjs")),
    ("walk-screen", || demo::walk(&run::target().join("screen"), "screen.mjs")),
    ("walk-room", || demo::walk_room(&run::target().join("room"))),
    ("walk-devices", || demo::walk_devices(&run::target().join("devices"))),
];

/// Steps that need nothing of others but the packages. Those before them leave a processor idle at times (downloads, linkers): they begin
/// beside them.
const AHEAD: [&str; 2] = ["deny", "peers"];

/// Begins the steps of [`AHEAD`] in a process of their own. They still have their turn, and then find most of it done; what failed is
/// tried again there, and told.
fn begin_ahead() -> Result<Process> {
    let own = std::env::current_exe().context("the running program cannot be found")?;
    let mut command = if run::has("nice") { Command::new("nice") } else { Command::new(&own) };
    if run::has("nice") {
        command.args(["-n", "10"]).arg(&own);
    }
    command.arg("test").args(AHEAD.iter().flat_map(|step| ["--only", step])).current_dir(run::root());
    Process::start("ahead", &run::target(), &mut command)
}

/// Runs the steps; stops at the first that fails.
pub fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options.only.iter().find(|name| !STEPS.iter().any(|(step, _)| step == name)) {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        bail!("there is no step {unknown:?}; the steps are {}", names.join(", "));
    }
    let wanted = |name: &str| {
        (options.only.is_empty() || options.only.iter().any(|only| only == name))
            && !(options.no_e2e && name.starts_with("walk-"))
    };
    let mut passed = 0;
    let start = Instant::now();
    let mut ahead: Option<Process> = None;
    for (name, step) in STEPS.iter().filter(|(name, _)| wanted(name)) {
        println!("\n== {name}");
        let begun = Instant::now();
        if AHEAD.contains(name)
            && let Some(mut ahead) = ahead.take()
        {
            let printed = run::target().join("ahead.log");
            println!("  begun beside the steps before; waits for that to end ({})", printed.display());
            ahead.wait()?;
        }
        step().with_context(|| format!("step `{name}` failed; run it alone with: cargo xtask test --only {name}"))?;
        println!("== {name}: held, {:.0} s", begun.elapsed().as_secs_f64());
        passed += 1;
        if *name == "packages" && options.only.is_empty() {
            ahead = Some(begin_ahead()?);
        }
    }
    println!("\nAll steps held in {:.1} min", start.elapsed().as_secs_f64() / 60.0);
    let mut skipped = Vec::new();
    for step in [WEB_TEST, TESTS].into_iter().filter(|step| wanted(step)) {
        skipped.extend(beckon_test_skip::listed(&skips(step))?);
    }
    if !skipped.is_empty() {
        println!("Skipped, as something is not there:\n  {}", skipped.join("\n  "));
    }
    println!("tests skipped: {}\nsteps: {passed} passed, 0 failed", skipped.len());
    Ok(())
}

/// The pages' tests, as `npm test` runs them one after the other. Those of the shim wait most of their time, for apps that do not
/// answer: the others run beside them.
fn web_test() -> Result<()> {
    let file = run::root().join("ui/package.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let package: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
    let folders =
        package["workspaces"].as_array().with_context(|| format!("{} names no workspaces", file.display()))?;
    let others = folders.iter().filter_map(Value::as_str).filter(|folder| *folder != "starter");

    let list = no_skips(WEB_TEST)?;
    let mut shim = run::npm(&["test", "--workspace", "starter"]);
    let mut shim = Process::start("test-starter", &run::target(), shim.env(beckon_test_skip::LIST, &list))?;
    let mut rest = run::npm(&["run", "test", "--if-present"]);
    rest.args(others.flat_map(|folder| ["--workspace", folder])).env(beckon_test_skip::LIST, &list);
    run::run(&mut rest)?;
    shim.succeed()?;
    not_in_ci(&list)
}

/// Whether this is a run in which nothing may be left out: CI systems say so.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// What the tests run against.
fn peers() -> Result<()> {
    build::node_peers()?;
    let missing = build::livekit_server()?.is_none() | build::livekit_go()?.is_none();
    if missing && is_ci() {
        bail!("CI is set, and no test may be skipped there: install Go as said above");
    }
    Ok(())
}

/// How many tests of a program run at once (libtest).
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// Where a step's tests that are skipped write their names.
fn skips(step: &str) -> PathBuf {
    run::target().join(format!("skipped-{step}"))
}

/// A step's list of skipped tests, with nothing in it.
fn no_skips(step: &str) -> Result<PathBuf> {
    let list = skips(step);
    if list.exists() {
        std::fs::remove_file(&list).with_context(|| format!("{} cannot be emptied", list.display()))?;
    }
    Ok(list)
}

/// In CI no test may be skipped.
fn not_in_ci(list: &Path) -> Result<()> {
    let skipped = beckon_test_skip::listed(list)?;
    if !skipped.is_empty() && is_ci() {
        bail!("CI is set, and tests were skipped:\n  {}", skipped.join("\n  "));
    }
    Ok(())
}

fn tests() -> Result<()> {
    let list = no_skips(TESTS)?;
    let mut command = run::cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).env(beckon_test_skip::LIST, &list);
    // Those that take long wait most of their time, for sound servers and programs; scenarios take turns by themselves.
    if std::env::var_os(TEST_THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        command.env(TEST_THREADS, (2 * cores).to_string());
    }
    run::run(&mut command)?;
    not_in_ci(&list)
}

/// What reads deny.toml.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Licences, sources and banned crates. Advisories need a database from outside and have a task of their own in the
/// maintainers' hands: `cargo deny check advisories`.
fn deny() -> Result<()> {
    let tools = run::target().join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() && !run::has("cargo-deny") {
        // Unoptimised, and without what debuggers need: it runs for a second, but would compile for many minutes.
        run::run(
            run::cargo()
                .args(["install", CARGO_DENY, "--locked", "--debug", "--root"])
                .arg(&tools)
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
        )?;
    }
    let mut command = if program.is_file() { Command::new(program) } else { Command::new("cargo-deny") };
    run::run(command.args(["check", "licenses", "bans", "sources"]).current_dir(run::root()))
}
