//! What echo cancellation, noise suppression, codec and jitter buffer make of real voices, and what that costs.

use std::process::Command;

use anyhow::Result;

use super::example;
use crate::{packages, run};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Measure the development build
    #[arg(long)]
    development: bool,
}

/// The voices: eSpeak's name, pitch, and what they say (Harvard sentences, IEEE 1969).
const VOICES: [(&str, &str, &str); 2] = [
    (
        "en-us",
        "45",
        "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the \
         depth of a well. These days a chicken leg is a rare dish. Rice is often served in round bowls. The juice of \
         lemons makes fine punch.",
    ),
    (
        "en-gb",
        "70",
        "The boy was there when the sun rose. A rod is used to catch pink salmon. The source of the huge river is the \
         clear spring. Kick the ball straight and follow through. Help the woman get back to her feet. A pot of tea \
         helps to pass the evening.",
    ),
];

/// Makes the voices, measures and prints the tables.
pub fn run(options: &Options) -> Result<()> {
    packages::ensure(&[packages::BUILD, packages::TEST])?;
    let folder = run::target().join("bench/sound");
    std::fs::create_dir_all(&folder)?;
    let mut recordings = Vec::new();
    for (voice, pitch, text) in VOICES {
        let (spoken, raw) = (folder.join(format!("{voice}.wav")), folder.join(format!("{voice}.f32")));
        run::run(Command::new("espeak-ng").args(["-v", voice, "-p", pitch, "-s", "155", "-w"]).arg(&spoken).arg(text))?;
        run::run(
            Command::new("ffmpeg")
                .args(["-loglevel", "error", "-y", "-i"])
                .arg(&spoken)
                .args(["-f", "f32le", "-ac", "1", "-ar", "48000"])
                .arg(&raw),
        )?;
        recordings.push(raw);
    }
    run::run(Command::new(example("voice_figures", options.development)?).args(&recordings))
}
