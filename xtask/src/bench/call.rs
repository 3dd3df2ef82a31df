//! A 1v1 call in the app beside the same call in Chromium: CPU, memory, first picture, glass-to-glass delay. Or beside itself
//! with the beauty filter.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{build, demo, packages, run};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Measured time of each call, s
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Runs of each
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// With a face before the camera, the app beside itself with the beauty filter at its strongest
    #[arg(long)]
    beauty: bool,
    /// Measure the development build, as it lies there
    #[arg(long)]
    development: bool,
}

/// Runs both calls in turn on one display and prints a table.
pub fn run(options: &Options) -> Result<()> {
    packages::ensure(packages::ALL)?;
    super::programs(options.development)?;
    build::node_peers()?;
    let folder = run::target().join("bench/call");
    let mut variables = vec![
        ("BECKON_SECONDS", options.seconds.to_string()),
        ("BECKON_RUNS", options.runs.to_string()),
        // Programs on a desktop know its name. Without one the browser's scripts look for each desktop they know, thrice for
        // a launch, and that takes longer than the launch itself (`xdg-settings`, `xdg-open`).
        ("XDG_CURRENT_DESKTOP", "GNOME".to_owned()),
    ];
    if options.beauty {
        variables.push(("BECKON_FACE", face(&run::target().join("bench/face"))?.display().to_string()));
    }
    demo::walk_with(&folder, "bench-call.mjs", super::profile(options.development), &variables)
}

/// Two seconds of the portrait of `bench beauty`, as a camera would send it: Motion JPEG, 1280 × 720, 30 a second, noise that
/// is new in each picture; the head moves a little. On the test card there would be no skin.
fn face(folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let draw = super::example("beauty_cost", true)?;
    run::run(Command::new(draw).args(["draw", ".", super::beauty::TONE]).current_dir(folder))?;
    let film = folder.join("face.mkv");
    let moves = "scale=1344:756,crop=1280:720:x='32+24*sin(PI*t)':y='18+12*sin(2*PI*t)',noise=c0s=6:c0f=t";
    run::run(
        Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-y", "-stream_loop", "59"])
            .args(["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", "1280x720", "-framerate", "30"])
            .args(["-i", "in.i420", "-vf", moves, "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "3"])
            .arg(&film)
            .current_dir(folder),
    )?;
    Ok(film)
}
