//! Sound and picture as they leave the loudspeaker and the screen, minute by minute: the app beside Chromium.

use anyhow::Result;

use crate::{build, demo, packages, run};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// How long, minutes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only one of them
    #[arg(long)]
    only: Option<Side>,
    /// Measure the development build, as it lies there
    #[arg(long)]
    development: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Side {
    App,
    Chromium,
}

/// Has a call of each, one after the other on one display, and prints a table.
pub fn run(options: &Options) -> Result<()> {
    packages::ensure(packages::ALL)?;
    super::programs(options.development)?;
    build::node_peers()?;
    let beeps = super::example("beeps", true)?;
    let mut variables =
        vec![("BECKON_MINUTES", options.minutes.to_string()), ("BECKON_BEEPS", beeps.display().to_string())];
    variables.extend(options.only.map(|side| match side {
        Side::App => ("BECKON_ONLY", "app".to_owned()),
        Side::Chromium => ("BECKON_ONLY", "chromium".to_owned()),
    }));
    let folder = run::target().join("bench/lips");
    demo::walk_with(&folder, "bench-lips.mjs", super::profile(options.development), &variables)
}
