//! Sharing a screen beside `ffmpeg -f x11grab`: the same moving desktop taken in I420 by both in turn, the X server's share
//! counted for each; how sharp text is; and a desktop of Wayland.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{median, screen_delay, wayland};
use crate::{display, packages, process::Process, run};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Measured time of a run, s
    #[arg(long, default_value_t = 8)]
    pub(super) seconds: u64,
    /// Runs of each
    #[arg(long, default_value_t = 3)]
    pub(super) runs: usize,
    /// Only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Bitrates for the still text, kbit/s
    #[arg(long, value_delimiter = ',', default_value = "1500,3500")]
    bitrates: Vec<u32>,
    /// Measure the development build
    #[arg(long)]
    pub(super) development: bool,
}

/// One part of the bench.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// A desktop of X11 that scrolls, beside x11grab, and its text
    Moving,
    /// A desktop of X11 that stands still, and its text
    Still,
    /// A desktop of Wayland that scrolls, and that stands still
    Wayland,
    /// How old a shared desktop of X11 is when a viewer sees it, beside Chromium
    Delay,
}

/// What `screen_cost take` said of itself.
pub(super) struct Taken {
    /// Time measured, s.
    pub(super) seconds: f64,
    pub(super) cores: f64,
    /// Pictures a second.
    pub(super) rate: f64,
}

/// Has `screen_cost take` take pictures of that size.
pub(super) fn taken(command: &mut Command, size: (u32, u32), seconds: u64) -> Result<Taken> {
    command.arg("take").args([size.0.to_string(), size.1.to_string(), seconds.to_string()]);
    let printed = run::output(command)?;
    let report: Value = serde_json::from_str(printed.trim()).context("screen_cost printed no JSON")?;
    let number = |name: &str| report.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let seconds = number("seconds").max(0.1);
    Ok(Taken { seconds, cores: number("cpu") / seconds, rate: number("frames") / seconds })
}

/// A desktop and what moves on it.
struct Scene {
    _painter: Process,
    server: u32,
    display: String,
    _display: Process,
}

impl Scene {
    fn start(folder: &Path, tool: &Path, how: &str) -> Result<Self> {
        let (process, number) = display::start_display(folder, 1920, 1080)?;
        let display = format!(":{number}");
        let mut command = Command::new(tool);
        command.args(["paint", how, "600"]).env("DISPLAY", &display);
        let mut painter = Process::start("painter", folder, &mut command)?;
        painter.wait_until("its text", Duration::from_secs(20), |p| p.printed().contains("painted"))?;
        Ok(Self { _painter: painter, server: process.id(), display, _display: process })
    }

    /// Cores that the X server uses by itself over some seconds.
    fn alone(&self, seconds: u64) -> Result<f64> {
        let before = cpu(self.server)?;
        std::thread::sleep(Duration::from_secs(seconds));
        Ok((cpu(self.server)? - before) / seconds as f64)
    }

    /// Cores that we use, those of the X server included, and pictures a second.
    fn ours(&self, tool: &Path, size: (u32, u32), seconds: u64) -> Result<(f64, f64)> {
        let before = cpu(self.server)?;
        let mut command = Command::new(tool);
        command.env("DISPLAY", &self.display).env("XDG_SESSION_TYPE", "x11");
        let taken = taken(&mut command, size, seconds)?;
        let server = cpu(self.server)? - before;
        Ok((taken.cores + server / taken.seconds, taken.rate))
    }

    /// The same of FFmpeg.
    fn peer(&self, folder: &Path, size: (u32, u32), seconds: u64) -> Result<f64> {
        let mut command = Command::new("ffmpeg");
        command.args(["-loglevel", "error", "-f", "x11grab", "-framerate", "30", "-video_size", "1920x1080", "-i"]);
        command.arg(&self.display);
        if size != (1920, 1080) {
            command.args(["-vf", &format!("scale={}:{}:flags=area", size.0, size.1)]);
        }
        command.args(["-pix_fmt", "yuv420p", "-f", "null", "-"]);
        let process = Process::start("ffmpeg", folder, &mut command)?;
        // Past its start.
        std::thread::sleep(Duration::from_secs(1));
        let before = (cpu(self.server)?, cpu(process.id())?);
        std::thread::sleep(Duration::from_secs(seconds));
        let used = cpu(self.server)? - before.0 + cpu(process.id())? - before.1;
        Ok(used / seconds as f64)
    }
}

/// Takes the same desktop with both and prints the tables.
pub fn run(options: &Options) -> Result<()> {
    packages::ensure(packages::ALL)?;
    let tool = super::example("screen_cost", options.development)?;
    let folder = run::target().join("bench/screen");
    std::fs::create_dir_all(&folder)?;

    let part = |part| options.only.is_none_or(|only| only == part);
    if part(Part::Moving) {
        moving(options, &folder, &tool)?;
    }
    if part(Part::Still) {
        still(options, &folder, &tool)?;
    }
    if part(Part::Wayland) {
        wayland::run(options, &tool)?;
    }
    if part(Part::Delay) {
        screen_delay::run(options, &tool)?;
    }
    Ok(())
}

fn moving(options: &Options, folder: &Path, tool: &Path) -> Result<()> {
    let scene = Scene::start(folder, tool, "scroll")?;
    println!(
        "\n| 1920×1080 that scrolls, 30 a second, as I420 of | ours, cores | pictures a second | x11grab, cores | ratio |"
    );
    println!("|---|---|---|---|---|");
    for size in [(1920, 1080), (1280, 720)] {
        let (mut ours, mut rate, mut peer) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.runs {
            // What the scrolling itself costs the server is nobody's.
            let alone = scene.alone(3)?;
            let (cores, fps) = scene.ours(tool, size, options.seconds)?;
            ours.push(cores - alone);
            rate.push(fps);
            peer.push(scene.peer(folder, size, options.seconds)? - alone);
        }
        let (a, b) = (median(&mut ours), median(&mut peer));
        let (w, h) = size;
        println!("| {w}×{h} | {a:.3} | {:.1} | {b:.3} | {:.2} |", median(&mut rate), a / b.max(1e-6));
    }
    for (kbps, fps) in [(1500, 15), (3500, 30)] {
        let mut command = Command::new(tool);
        command.args(["moves", &(kbps * 1000).to_string(), &fps.to_string()]).env("DISPLAY", &scene.display);
        println!("\n1920×1080 text that scrolls, {kbps} kbit/s, {fps} a second:\n\n{}", run::output(&mut command)?);
    }
    Ok(())
}

fn still(options: &Options, folder: &Path, tool: &Path) -> Result<()> {
    let scene = Scene::start(folder, tool, "still")?;
    let alone = scene.alone(3)?;
    let mut still = Vec::new();
    for _ in 0..options.runs {
        still.push(scene.ours(tool, (1920, 1080), options.seconds)?.0 - alone);
    }
    println!("\nA desktop that stands still: {:.4} cores, the X server's included.", median(&mut still));
    for kbps in &options.bitrates {
        let mut command = Command::new(tool);
        command.args(["sharp", &(kbps * 1000).to_string()]).env("DISPLAY", &scene.display);
        println!("\nStill 1920×1080 text over a link of {kbps} kbit/s:\n\n{}", run::output(&mut command)?);
    }
    Ok(())
}

/// CPU time of a process so far, s.
pub(super) fn cpu(pid: u32) -> Result<f64> {
    beckon_test_process::cpu_s(pid).context("the measured process has ended")
}
