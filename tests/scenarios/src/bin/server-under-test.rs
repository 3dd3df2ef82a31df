//! A beckond for scenario tests: free media ports, everything in one folder, and it dies with the test that started it.
//!
//! Arguments: `ADDRESS:PORT FOLDER [LIVEKIT_URL KEY SECRET]`. The environment's `MEDIA_UDP` and `ANNOUNCE_UDP` name the UDP port
//! to take and the one to tell clients of. Prints `listening ADDRESS:PORT` once it listens. A line `stop` on
//! standard input stops it in order; the end of standard input kills it.
#![forbid(unsafe_code)]

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::Context;
use beckon_server::{
    Server,
    config::{Config, EngineChoice},
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = std::env::var("SERVER_LOG").unwrap_or_else(|_| "warn".to_owned());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let mut config = Config::dev();
    config.listen = arguments.next().context("where to listen?")?.parse()?;
    config.data = PathBuf::from(arguments.next().context("which folder?")?);
    (config.media.udp_port, config.media.tcp_port) = (port("MEDIA_UDP")?.unwrap_or(0), 0);
    config.media.announce_udp_port = port("ANNOUNCE_UDP")?;
    if let Some(url) = arguments.next() {
        config.rooms.engine = EngineChoice::Livekit;
        config.rooms.url = Some(url.parse()?);
        config.rooms.key = arguments.next().context("which key?")?;
        config.rooms.secret = arguments.next().context("which secret?")?.into();
        config.rooms.poll_s = 1;
    }
    let server = Server::start(config).await?;
    println!("listening {}", server.address());
    std::io::stdout().flush()?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_ok_and(|line| line == "stop") {
                let _ = stop.send(());
                return;
            }
        }
        // The test is gone, whichever way.
        std::process::exit(1);
    });
    stopped.await?;
    server.stop().await;
    Ok(())
}

fn port(name: &str) -> anyhow::Result<Option<u16>> {
    std::env::var(name).ok().map(|port| port.parse().with_context(|| format!("{name} is no port"))).transpose()
}
