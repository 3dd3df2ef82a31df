//! Bad networks: our client beside Chromium with livekit-client, behind the same relay, at the same time.

use anyhow::Result;

use crate::{build, demo, packages, run};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Only the cases whose names, such as `down 100 ms`, contain one of these
    #[arg(long)]
    only: Vec<String>,
    /// Run each case so often, and take the median of each figure
    #[arg(long, default_value_t = 1)]
    turns: u32,
    /// Measure the development build, as it lies there
    #[arg(long)]
    development: bool,
}

/// Runs all cases and prints a table.
pub fn run(options: &Options) -> Result<()> {
    packages::ensure(packages::ALL)?;
    super::programs(options.development)?;
    build::node_peers()?;
    demo::script(
        &run::target().join("bench/net"),
        "bench-net.mjs",
        super::profile(options.development),
        &[("BECKON_ONLY", options.only.join(",")), ("BECKON_TURNS", options.turns.to_string())],
    )
}
