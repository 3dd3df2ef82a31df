//! The headless participant: joins a room, publishes, plays, measures and reports. For tests, load and smoke tests.
#![forbid(unsafe_code)]

mod arguments;
mod join;
mod pictures;
mod screen;
mod trace;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use beckon_protocol::log::may_be_logged;
use clap::Parser;
use tracing_subscriber::{EnvFilter, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_new(&arguments.log).unwrap_or_else(|_| EnvFilter::new("warn"));
    // The report alone goes to standard output.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).finish();
    log.with(filter_fn(may_be_logged)).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("beckon-cli: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let Command::Join(join) = arguments.command;
    match runtime.block_on(join::run(*join)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("beckon-cli: {error:#}");
            ExitCode::FAILURE
        }
    }
}
