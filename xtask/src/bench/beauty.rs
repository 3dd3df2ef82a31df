//! Our beauty filter beside OpenCV's usual way, each on one thread, on the same synthetic portrait: time and quality.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{example, median};
use crate::run;

/// The peer, from PyPI.
const OPENCV: &str = "opencv-contrib-python-headless==5.0.0.93";
const STYLES: [&str; 3] = ["smooth", "natural", "hazy"];
/// The portrait's skin, of the ten tones of the Monk scale.
pub(super) const TONE: &str = "5";

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Pictures for each median
    #[arg(long, default_value_t = 200)]
    frames: usize,
    /// Turns of both, one after the other
    #[arg(long, default_value_t = 3)]
    turns: usize,
}

/// Times both in turn and prints three tables.
pub fn run(options: &Options) -> Result<()> {
    let python = peer()?;
    let ours = example("beauty_cost", true)?;
    let folder = run::target().join("bench/beauty");
    std::fs::create_dir_all(&folder)?;
    let call = |words: &[&str]| run::output(Command::new(&ours).args(words).current_dir(&folder));
    call(&["draw", ".", TONE])?;

    let frames = options.frames.to_string();
    close(options, &ours, &python)?;
    let (mut full, mut whole) = (Vec::new(), Vec::new());
    let mut parts = Value::Null;
    for _ in 0..options.turns.max(1) {
        full.push(call(&["time", ".", &frames, "smooth:9,9,9"])?.trim().parse::<f64>()?);
        parts = opencv(&python, &folder, &frames)?;
        whole.push(parts.get("whole").and_then(Value::as_f64).context("OpenCV's side printed no time")?);
    }
    let (full, whole) = (median(&mut full), median(&mut whole));
    println!("\n| 1280 × 720, one thread, ms a frame | time | against ours |\n|---|---|---|");
    println!("| ours, whole: smooth 9, whitening 9, ruddy 9 | {full:.2} | 1 |");
    let others = [
        ("whole", "bilateral d = 9, YCrCb mask, table, I420 both ways"),
        ("bilateral_9", "bilateral d = 9 alone"),
        ("bilateral_15", "bilateral d = 15 alone"),
        ("guided", "guided filter alone, luma"),
        ("guided_fast", "fast guided filter alone, luma, scale 1/4"),
    ];
    for (name, what) in others {
        let time = if name == "whole" { whole } else { parts.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN) };
        println!("| OpenCV: {what} | {time:.2} | {:.1} |", time / full);
    }
    for style in STYLES {
        call(&["time", ".", "1", &format!("{style}:9,0,0")])?;
        std::fs::rename(folder.join("ours.i420"), folder.join(format!("{style}.i420")))?;
    }
    println!(
        "\n| what smoothing does | fine detail of skin, dB less | all unevenness of skin, dB less | edges kept, % | text | hair | shirt | wall |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for row in call(&["judge", ".", TONE, "smooth.i420", "natural.i420", "hazy.i420", "opencv.i420"])?.lines() {
        println!("| {} |", row.replace(".i420", "").split(' ').collect::<Vec<_>>().join(" | "));
    }
    Ok(())
}

/// The worst case: a face so close that there is nothing else in the picture.
fn close(options: &Options, ours: &Path, python: &Path) -> Result<()> {
    let folder = run::target().join("bench/beauty-close");
    std::fs::create_dir_all(&folder)?;
    let call = |words: &[&str]| run::output(Command::new(ours).args(words).current_dir(&folder));
    call(&["close", ".", TONE])?;
    let frames = options.frames.to_string();
    let (mut times, mut whole) = (STYLES.map(|_| Vec::new()), Vec::new());
    for _ in 0..options.turns.max(1) {
        for (style, times) in STYLES.iter().zip(&mut times) {
            times.push(call(&["time", ".", &frames, &format!("{style}:9,9,9")])?.trim().parse::<f64>()?);
        }
        let parts = opencv(python, &folder, &frames)?;
        whole.push(parts.get("whole").and_then(Value::as_f64).context("OpenCV's side printed no time")?);
    }
    let whole = median(&mut whole);
    println!("\n| a face that fills 1280 × 720, one thread | ms a frame | OpenCV against it |\n|---|---|---|");
    for (style, times) in STYLES.iter().zip(&mut times) {
        let time = median(times);
        println!("| ours, whole: {style} 9, whitening 9, ruddy 9 | {time:.2} | {:.1} |", whole / time);
    }
    println!("| OpenCV: bilateral d = 9, YCrCb mask, table, I420 both ways | {whole:.2} | 1 |");
    Ok(())
}

fn opencv(python: &Path, folder: &Path, frames: &str) -> Result<Value> {
    let script = run::root().join("tests/bench/opencv_beauty.py");
    let report = run::output(Command::new(python).arg(script).arg(folder).arg(frames))?;
    serde_json::from_str(report.trim()).context("OpenCV's side printed no JSON")
}

/// A Python with OpenCV in it, set up once in a folder of its own.
fn peer() -> Result<std::path::PathBuf> {
    let folder = run::target().join("tools/opencv");
    let python = folder.join("bin/python");
    let has_it = |python: &Path| run::output(Command::new(python).args(["-c", "import cv2; cv2.ximgproc"])).is_ok();
    if !python.is_file() || !has_it(&python) {
        run::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("a Python with its venv module is needed (Debian: python3-venv)")?;
        run::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", OPENCV]))?;
    }
    Ok(python)
}
