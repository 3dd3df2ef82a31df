//! Our media server beside LiveKit's: the same load in turn, medians, ratio.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};
use beckon_test_ports::free_port;
use serde_json::Value;

use super::{beckond, median, programs, serving};
use crate::{build, packages, run};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// How many subscribe
    #[arg(long, value_delimiter = ',', default_value = "20,50,100")]
    subscribers: Vec<usize>,
    /// Runs of each server for each number
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Measured time of a run, s
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Measure the development build, as it lies there
    #[arg(long)]
    development: bool,
}

#[derive(Default)]
struct Figures {
    packets_per_cpu_second: Vec<f64>,
    memory_kib: Vec<f64>,
    idle_kib: Vec<f64>,
}

/// Runs both servers in turn under the same load and prints a table.
pub fn run(options: &Options) -> Result<()> {
    packages::ensure(&[packages::BUILD])?;
    let livekit = build::livekit_server()?.context("the peer is LiveKit's server, which is built with Go")?;
    let programs = programs(options.development)?;
    let folder = run::target().join("bench/sfu");

    println!("\n| subscribers | ours, packets per CPU s | LiveKit | ratio | ours, KiB per subscriber | LiveKit |");
    println!("|---|---|---|---|---|---|");
    for &subscribers in &options.subscribers {
        let (mut ours, mut theirs) = (Figures::default(), Figures::default());
        for _ in 0..options.runs {
            let port = free_port()?;
            let command = beckond(&programs, &folder, port);
            one(&mut ours, command, "beckond", port, subscribers, options, &programs, &folder)?;

            let port = free_port()?;
            let config = folder.join("livekit.yaml");
            std::fs::write(&config, livekit_config(port)?)?;
            let mut command = Command::new(&livekit);
            command.arg("--config").arg(&config);
            one(&mut theirs, command, "livekit", port, subscribers, options, &programs, &folder)?;
        }
        let per = |figures: &mut Figures| {
            (median(&mut figures.memory_kib) - median(&mut figures.idle_kib)).max(0.0) / subscribers as f64
        };
        let (a, b) = (median(&mut ours.packets_per_cpu_second), median(&mut theirs.packets_per_cpu_second));
        println!(
            "| {subscribers} | {a:.0} | {b:.0} | {:.2} | {:.0} | {:.0} |",
            a / b.max(1.0),
            per(&mut ours),
            per(&mut theirs)
        );
    }
    Ok(())
}

fn livekit_config(port: u16) -> Result<String> {
    Ok(format!(
        "port: {port}\nbind_addresses: [\"127.0.0.1\"]\nkeys:\n  devkey: secret00000000000000000000000000\nrtc:\n  udp_port: {}\n  tcp_port: {}\n  \
         use_external_ip: false\n  node_ip: 127.0.0.1\n  enable_loopback_candidate: true\nlogging:\n  level: warn\n",
        free_port()?,
        free_port()?
    ))
}

#[expect(clippy::too_many_arguments, reason = "one run needs all of them, and only here")]
fn one(
    figures: &mut Figures,
    mut command: Command,
    name: &str,
    port: u16,
    subscribers: usize,
    options: &Options,
    programs: &Path,
    folder: &Path,
) -> Result<()> {
    let server = serving(name, folder, port, &mut command)?;
    let idle = beckon_test_process::resident_kib(server.id()).map_or(0.0, |kib| kib as f64);
    let secret = if name == "livekit" { "secret00000000000000000000000000" } else { "secret" };
    let report = run::output(
        Command::new(programs.join("sfu-load"))
            .args(["--url", &format!("ws://127.0.0.1:{port}"), "--secret", secret])
            .args(["--subscribers", &subscribers.to_string(), "--seconds", &options.seconds.to_string()])
            .args(["--server-pid", &server.id().to_string()]),
    )
    .with_context(|| format!("{name} with {subscribers} subscribers; the server printed:\n{}", server.tail()))?;
    let report: Value = serde_json::from_str(report.trim()).context("sfu-load printed no JSON")?;
    println!("<!-- {name}: {report} -->");
    let number = |field: &str| report.get(field).and_then(Value::as_f64).unwrap_or(0.0);
    figures.packets_per_cpu_second.push(number("packets_per_cpu_second"));
    figures.memory_kib.push(number("server_memory_kib"));
    figures.idle_kib.push(idle);
    Ok(())
}
