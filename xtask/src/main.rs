//! `cargo xtask …`: everything this repository can do, from a machine with only git, Rust and Node on it.
#![forbid(unsafe_code)]

mod bench;
mod build;
mod demo;
mod display;
mod fuzz;
mod packages;
mod process;
mod run;
mod test;
mod windows;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set up, build, try, test and measure Beckon")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up, build, start the server and open the demo CRM page
    Demo(demo::Options),
    /// Everything CI checks: format, lints, licences, types, unit, scenario and end-to-end tests
    Test(test::Options),
    /// Measure ours beside the peers, in one run
    Bench(bench::Options),
    /// Run the fuzz targets
    Fuzz(fuzz::Options),
    /// Check, build or try out the Windows programs, from Linux
    Windows(windows::Options),
    /// Install the system packages that are missing, saying which
    Setup,
    /// Write the TypeScript types of channel and windows and the documented table of codes (or, with --check, compare them)
    Types {
        /// Compare only; fail when the written ones differ
        #[arg(long)]
        check: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Windows(options) => windows::run(&options),
        Task::Setup => packages::ensure(packages::ALL),
        Task::Types { check } => build::types(check),
    }
}
