//! The part of `bench screen` for what viewers see: how old a shared screen is when it is seen, shared by ours and by Chromium.

use std::path::Path;

use anyhow::{Context, Result};
use beckon_test_ports::free_port;

use super::screen::Options;
use crate::{build, demo, display::Desktop, run};

/// Shares the same display with both in turn and prints the tables. `painter` draws on it.
pub(super) fn run(options: &Options, painter: &Path) -> Result<()> {
    let programs = super::programs(options.development)?;
    build::node_peers()?;
    let folder = run::target().join("bench/screen-delay");
    demo::empty(&folder)?;
    let desktop = Desktop::start(&folder, 1920, 1080, &[])?;
    let listen = format!("127.0.0.1:{}", free_port()?);
    let ports = ["--media-udp", "0", "--media-tcp", "0"];
    let _server = demo::start_server(&programs.join("beckond"), &folder, &listen, &ports)?;
    run::run(
        demo::script_on(&desktop, "bench-screen.mjs", &programs, &format!("http://{listen}"))
            .env("BECKON_PAINTER", painter)
            .env("BECKON_SECONDS", options.seconds.to_string())
            .env("BECKON_RUNS", options.runs.to_string()),
    )
    .with_context(|| format!("logs and screenshots are in {}", folder.display()))
}
