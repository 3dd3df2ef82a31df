//! `cargo xtask demo`: from a fresh checkout to a click that opens the app; with `--check`, the whole way unattended.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

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
    let mut server = start_server(&run::built("beckond"), &folder, &options.listen)?;
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .context("neither XDG_DATA_HOME nor HOME is set; cannot register beckon: for this user")?;
    register(&data, &run::built("beckon"), &[], |program| Command::new(program))?;

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
fn start_server(program: &Path, folder: &Path, listen: &str) -> Result<Process> {
    let mut server = Process::start(
        "beckond",
        folder,
        Command::new(program).args(["--dev", "--listen", listen, "--data"]).arg(folder.join("beckond-data")),
    )?;
    server.wait_until("listening", Duration::from_secs(20), |_| healthy(listen))?;
    Ok(server)
}

/// True when the server answers its health check.
fn healthy(listen: &str) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(listen) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// Registers `beckon:` for the user whose data folder this is, for this build of the app.
///
/// The `Exec` line has no quotes: xdg-open 1.1.3 outside of GNOME does not read them.
fn register(data: &Path, program: &Path, arguments: &[String], on_desktop: impl Fn(&str) -> Command) -> Result<()> {
    let program = program.display().to_string();
    if program.contains(char::is_whitespace) {
        bail!("the checkout's path has a space in it ({program}), which desktop files cannot hold; move the checkout");
    }
    let applications = data.join("applications");
    std::fs::create_dir_all(&applications)?;
    let entry = format!(
        "[Desktop Entry]\nType=Application\nName=Beckon\nComment=Conferencing that web pages open\nExec={program} {}%u\n\
         Terminal=false\nNoDisplay=true\nStartupWMClass=beckon\nCategories=Network;VideoConference;\nMimeType=x-scheme-handler/beckon;\n",
        arguments.iter().map(|argument| format!("{argument} ")).collect::<String>()
    );
    let file = applications.join("org.beckon.app.desktop");
    std::fs::write(&file, entry).with_context(|| format!("cannot write {}", file.display()))?;
    run::run(on_desktop("update-desktop-database").arg(&applications))?;
    if let Some(config) = std::env::var_os("XDG_CONFIG_HOME") {
        std::fs::create_dir_all(config)?;
    }
    run::run(on_desktop("xdg-mime").args(["default", "org.beckon.app.desktop", "x-scheme-handler/beckon"]))
}

/// A TCP port nobody listens on.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn check(no_build: bool) -> Result<()> {
    packages::ensure(packages::ALL)?;
    prepare(no_build)?;
    build::node_peers()?;
    let folder = run::target().join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("cannot empty target/demo")?;
    }
    std::fs::create_dir_all(&folder)?;
    walk(&folder, "demo.mjs")
}

/// Starts desktop and server and lets a script of tests/e2e walk through them; its files land in `folder`.
pub fn walk(folder: &Path, script: &str) -> Result<()> {
    walk_with(folder, script, "debug", &[])
}

/// The same with the optimised programs, for figures.
pub fn walk_release(folder: &Path, script: &str, variables: &[(&str, String)]) -> Result<()> {
    walk_with(folder, script, "release", variables)
}

fn walk_with(folder: &Path, script: &str, profile: &str, variables: &[(&str, String)]) -> Result<()> {
    let programs = run::target().join(profile);
    let desktop = Desktop::start(folder, 1600, 1000)?;
    let listen = format!("127.0.0.1:{}", free_port()?);
    let _server = start_server(&programs.join("beckond"), folder, &listen)?;
    let home = PathBuf::from(&desktop.environment["HOME"]);
    std::fs::create_dir_all(home.join(".config"))?;
    let app = programs.join("beckon");
    let data = folder.join("app-data").display().to_string();
    let arguments = ["--camera", "testcard", "--microphone", "tone", "--data", &data].map(str::to_owned);
    register(&home.join(".local/share"), &app, &arguments, |program| desktop.command(program))?;
    run::run(
        desktop
            .command("node")
            .arg(script)
            .current_dir(run::root().join("tests/e2e"))
            .env("BECKON_SERVER", format!("http://{listen}"))
            .env("BECKON_PROGRAMS", &programs)
            .env("BECKON_OUT", desktop.folder())
            .envs(variables.iter().map(|(name, value)| (name, value))),
    )
    .with_context(|| format!("the way through was not whole; screenshots and logs are in {}", folder.display()))
}
