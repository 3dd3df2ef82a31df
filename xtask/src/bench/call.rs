//! A 1v1 call in the app beside the same call in Chromium: CPU, memory, first picture, glass-to-glass delay.

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
    /// Measure the development build, as it lies there
    #[arg(long)]
    development: bool,
}

/// Runs both calls in turn on one display and prints a table.
pub fn run(options: &Options) -> Result<()> {
    packages::ensure(packages::ALL)?;
    if !options.development {
        build::web()?;
        let programs = ["-p", "beckon-server", "-p", "beckon-cli", "-p", "beckon", "-p", "beckon-opener"];
        run::run(run::cargo().args(["build", "--release"]).args(programs))?;
    }
    build::node_peers()?;
    let folder = run::target().join("bench/call");
    demo::walk_with(
        &folder,
        "bench-call.mjs",
        if options.development { "debug" } else { "release" },
        &[("BECKON_SECONDS", options.seconds.to_string()), ("BECKON_RUNS", options.runs.to_string())],
    )
}
