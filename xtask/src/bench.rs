//! `cargo xtask bench`: ours and the peer in one run; prints the figures and their ratio.

use anyhow::Result;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {}

/// Runs a bench.
pub fn run(options: &Options) -> Result<()> {
    match options.what {}
}
