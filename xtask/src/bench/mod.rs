//! `cargo xtask bench`: ours and the peer in one run; prints the figures and their ratio.

mod beauty;
mod call;
mod lips;
mod net;
mod screen;
mod screen_delay;
mod sfu;
mod soak;
mod sound;
mod wayland;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Result;

use crate::{build, process::Process, run};

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Packets forwarded per CPU second by our media server and by LiveKit's, under the same load
    Sfu(sfu::Options),
    /// Time and quality of our beauty filter and of OpenCV's usual way
    Beauty(beauty::Options),
    /// CPU and memory of a 1v1 720p30 call in the app and in Chromium
    Call(call::Options),
    /// Whether sound and picture leave loudspeaker and screen together for minutes, in the app and in Chromium
    Lips(lips::Options),
    /// What becomes of voices in a simulated room and on a bad network, and what it costs
    Sound(sound::Options),
    /// What is seen and heard through bad networks, in our client and in Chromium
    Net(net::Options),
    /// Memory, threads and handles of a call that lasts, and whether sound and picture stay together
    Soak(soak::Options),
    /// CPU of taking a 1080p desktop, beside ffmpeg's x11grab and on Wayland, how sharp its text is, and how late a viewer sees it
    Screen(screen::Options),
}

/// Runs a bench.
pub fn run(options: &Options) -> Result<()> {
    match &options.what {
        What::Sfu(options) => sfu::run(options),
        What::Beauty(options) => beauty::run(options),
        What::Call(options) => call::run(options),
        What::Lips(options) => lips::run(options),
        What::Sound(options) => sound::run(options),
        What::Net(options) => net::run(options),
        What::Soak(options) => soak::run(options),
        What::Screen(options) => screen::run(options),
    }
}

/// The folder of what was built, below cargo's.
fn profile(development: bool) -> &'static str {
    if development { "debug" } else { "release" }
}

/// Makes the optimised programs, unless the development build is to be measured, and gives their folder. All of the workspace at once:
/// every bench finds the same features built, and nothing is built twice.
fn programs(development: bool) -> Result<PathBuf> {
    if !development {
        build::web()?;
        run::run(run::cargo().args(["build", "--release", "--workspace", "--bins"]))?;
    }
    Ok(run::target().join(profile(development)))
}

/// The same for an example that measures, which it gives.
fn example(name: &str, development: bool) -> Result<PathBuf> {
    let mut build = run::cargo();
    build.args(["build", "--workspace", "--example", name]);
    if !development {
        build.arg("--release");
    }
    run::run(&mut build)?;
    Ok(run::target().join(profile(development)).join("examples").join(name))
}

/// The command of our server for a bench: on this port, media on any, its data under `folder`.
fn beckond(programs: &Path, folder: &Path, port: u16) -> Command {
    let mut command = Command::new(programs.join("beckond"));
    command.args(["--dev", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(folder.join("data"));
    command.args(["--media-udp", "0", "--media-tcp", "0"]);
    command
}

/// Starts a server and waits until it takes connections on its port.
fn serving(name: &str, folder: &Path, port: u16, command: &mut Command) -> Result<Process> {
    let mut server = Process::start(name, folder, command)?;
    server.wait_until("listening", Duration::from_secs(20), |_| {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })?;
    Ok(server)
}

/// The middle value; 0 of none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
