//! `cargo xtask demo`: from a fresh checkout to a click that opens the app; with `--check`, the whole way unattended.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use beckon_test_ports::free_port;

use crate::{build, display::Desktop, packages, process::Process, run};

/// How to run the demo.
#[derive(clap::Args)]
pub struct Options {
    /// Walk the whole way without a person: own display, real browser, screenshots and timings in target/demo
    #[arg(long)]
    check: bool,
    /// Where the server listens
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// Do not build first
    #[arg(long)]
    no_build: bool,
}

/// Runs the demo, or checks it.
pub fn run(options: &Options) -> Result<()> {
    if options.check { check(options.no_build) } else { show(options) }
}

/// Sets up and builds what the demo needs.
pub fn prepare(no_build: bool) -> Result<()> {
    if no_build {
        return Ok(());
    }
    build::web()?;
    build::programs()
}

fn show(options: &Options) -> Result<()> {
    packages::ensure(&[packages::BUILD, packages::DEMO])?;
    prepare(options.no_build)?;
    let folder = run::target().join("demo");
    let mut server = start_server(&run::built("beckond"), &folder, &options.listen, &[])?;
    run::run(Command::new(run::built("beckon")).arg("--register"))?;

    let page = format!("http://{}/crm/", options.listen);
    println!("\nThe server runs (log: {}).", folder.join("beckond.log").display());
    let display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if display && Command::new("xdg-open").arg(&page).status().is_ok_and(|status| status.success()) {
        println!("Your browser opens the demo CRM page: {page}");
    } else {
        println!("Open this page in a browser on this machine: {page}");
    }
    println!("Click the call button; press Ctrl-C here to stop the server.");
    server.wait()
}

/// Starts `beckond --dev` with its data under `folder`, and waits until it answers.
pub fn start_server(program: &Path, folder: &Path, listen: &str, media_ports: &[&str]) -> Result<Process> {
    let mut server = Process::start(
        "beckond",
        folder,
        Command::new(program)
            .args(["--dev", "--listen", listen, "--data"])
            .arg(folder.join("beckond-data"))
            .args(media_ports),
    )?;
    server.wait_until("listening", Duration::from_secs(20), |_| healthy(listen))?;
    Ok(server)
}

/// True when the server answers its health check.
pub fn healthy(listen: &str) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(listen) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

fn check(no_build: bool) -> Result<()> {
    packages::ensure(packages::ALL)?;
    prepare(no_build)?;
    build::node_peers()?;
    walk(&run::target().join("demo"), "demo.mjs")
}

/// Starts desktop and server and lets a script of tests/e2e walk through them; its files land in `folder`, emptied before.
pub fn walk(folder: &Path, script: &str) -> Result<()> {
    walk_with(folder, script, "debug", &[])
}

/// Starts a desktop with simulated cameras, and lets devices.mjs walk through the app's settings; no server.
pub fn walk_devices(folder: &Path) -> Result<()> {
    empty(folder)?;
    let simulator = camera_simulator(folder)?;
    let desktop = Desktop::start(folder, 1600, 1000, &[])?;
    run::run(
        desktop
            .command("node")
            .arg("devices.mjs")
            .current_dir(run::root().join("tests/e2e"))
            .env("BECKON_V4L2SIM", &simulator)
            .env("BECKON_PROGRAMS", run::target().join("debug"))
            .env("BECKON_OUT", desktop.folder()),
    )
    .with_context(|| format!("devices do not work as they should; screenshots and logs are in {}", folder.display()))
}

/// Starts a desktop with simulated cameras and lets room.mjs walk through the room's window; it starts server and app by
/// itself, more than once.
pub fn walk_room(folder: &Path) -> Result<()> {
    empty(folder)?;
    let programs = run::target().join("debug");
    let simulator = camera_simulator(folder)?;
    // A browser that starts the app, or finds it, does so for this profile.
    let data = ("BECKON_PROFILE", folder.join("app-data").display().to_string());
    let desktop = Desktop::start(folder, 1600, 1000, &[data])?;
    std::fs::create_dir_all(&desktop.environment["XDG_CONFIG_HOME"])?;
    run::run(desktop.command(programs.join("beckon")).arg("--register"))?;
    run::run(
        desktop
            .command("node")
            .arg("room.mjs")
            .current_dir(run::root().join("tests/e2e"))
            .env("BECKON_V4L2SIM", &simulator)
            .env("BECKON_PROGRAMS", &programs)
            .env("BECKON_OUT", desktop.folder()),
    )
    .with_context(|| format!("the room's window does not do as it should; screenshots are in {}", folder.display()))
}

/// Builds the simulated cameras, to be loaded before a program.
fn camera_simulator(folder: &Path) -> Result<PathBuf> {
    let simulator = folder.join("libv4l2sim.so");
    let source = run::root().join("tests/support/v4l2sim/v4l2sim.c");
    run::run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&simulator).arg(source).arg("-ldl"))?;
    Ok(simulator)
}

/// Makes a folder, or an existing one empty.
pub fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}

/// The same as [`walk`] with the programs of another profile, and more variables for the script.
pub fn walk_with(folder: &Path, script: &str, profile: &str, variables: &[(&str, String)]) -> Result<()> {
    empty(folder)?;
    let programs = run::target().join(profile);
    let desktop = desktop_with_app(folder, &programs, &[])?;
    let listen = format!("127.0.0.1:{}", free_port()?);
    let _server = start_server(&programs.join("beckond"), folder, &listen, &["--media-udp", "0", "--media-tcp", "0"])?;
    run::run(
        script_on(&desktop, script, &programs, &format!("http://{listen}"))
            .envs(variables.iter().map(|(name, value)| (name, value))),
    )
    .with_context(|| format!("the way through was not whole; screenshots and logs are in {}", folder.display()))
}

/// A desktop on which `beckon:` addresses open the app of this folder; the app's data and the logs are under `folder`.
/// The app finds `more` in its environment too, before what it finds there otherwise.
pub fn desktop_with_app(folder: &Path, programs: &Path, more: &[(&str, String)]) -> Result<Desktop> {
    // No camera or microphone is here; the app finds these in its environment, whoever starts it.
    let mut app = vec![
        ("BECKON_CAMERA", "testcard".to_owned()),
        ("BECKON_MICROPHONE", "tone".to_owned()),
        ("BECKON_PROFILE", folder.join("app-data").display().to_string()),
    ];
    app.extend(more.iter().cloned());
    let desktop = Desktop::start(folder, 1600, 1000, &app)?;
    std::fs::create_dir_all(&desktop.environment["XDG_CONFIG_HOME"])?;
    run::run(desktop.command(programs.join("beckon")).arg("--register"))?;
    Ok(desktop)
}

/// The command that runs a script of tests/e2e on a desktop, with the server at this address.
pub fn script_on(desktop: &Desktop, script: &str, programs: &Path, server: &str) -> Command {
    let mut command = desktop.command("node");
    command
        .arg(script)
        .current_dir(run::root().join("tests/e2e"))
        .env("BECKON_SERVER", server)
        .env("BECKON_PROGRAMS", programs)
        .env("BECKON_OUT", desktop.folder());
    command
}

/// Runs a script of tests/e2e that starts what it needs by itself and has no display; its files land in `folder`, emptied
/// before.
pub fn script(folder: &Path, script: &str, profile: &str, variables: &[(&str, String)]) -> Result<()> {
    empty(folder)?;
    run::run(
        Command::new("node")
            .arg(script)
            .current_dir(run::root().join("tests/e2e"))
            .env("BECKON_PROGRAMS", run::target().join(profile))
            .env("BECKON_OUT", folder)
            .envs(variables.iter().map(|(name, value)| (name, value))),
    )
    .with_context(|| format!("logs are in {}", folder.display()))
}
