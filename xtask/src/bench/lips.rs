//! Sound and picture as they leave the loudspeaker and the screen, minute by minute: the app beside Chromium.

use anyhow::Result;

use crate::{demo, packages, run};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// How long, minutes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Measure the development build, as it lies there
    #[arg(long)]
    development: bool,
}

/// Has both calls at the same time on one display and prints a table.
pub fn run(options: &Options) -> Result<()> {
    packages::ensure(packages::ALL)?;
    let profile = super::programs_of_a_call(options.development)?;
    run::run(run::cargo().args(["build", "--workspace", "--example", "beeps"]))?;
    let variables = [
        ("BECKON_MINUTES", options.minutes.to_string()),
        ("BECKON_BEEPS", run::target().join("debug/examples/beeps").display().to_string()),
    ];
    demo::walk_with(&run::target().join("bench/lips"), "bench-lips.mjs", profile, &variables)
}
