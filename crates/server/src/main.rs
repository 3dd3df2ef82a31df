//! The program: flags, log, start, signals, stop.
#![forbid(unsafe_code)]

mod stop;
mod usersig;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use beckon_protocol::log::may_be_logged;
use beckon_server::{
    Server,
    config::{Config, DEV_KEY, DEV_SECRET, Flags},
};
use clap::{Parser, Subcommand};
use tracing_subscriber::{EnvFilter, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};
use url::Url;

/// The Beckon server: accounts, rooms, signalling, media and pages in one program. Nothing has to be configured.
#[derive(Parser)]
#[command(name = "beckond", version)]
struct Arguments {
    /// For trying out on this machine: known keys, test log-ins, open guest links, the demo page.
    #[arg(long)]
    dev: bool,
    /// A TOML file (docs/server.md has its fields).
    #[arg(long, env = "BECKON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where HTTP listens [default: 0.0.0.0:8080, with --dev 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where keys and the database are kept.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How clients reach this server, as in https://meet.example.com [default: as each client says].
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// UDP port for media; 0 takes a free one [default: 7882].
    #[arg(long, value_name = "PORT")]
    media_udp: Option<u16>,
    /// TCP port for media; 0 takes a free one [default: 7881].
    #[arg(long, value_name = "PORT")]
    media_tcp: Option<u16>,
    /// Log one JSON object a line.
    #[arg(long)]
    log_json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Make a userSig, for tests: in production your own backend does.
    Usersig(usersig::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Command::Usersig(ref wish)) => usersig::run(wish),
        None => serve(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("beckond: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// What went wrong, with its reasons; most errors of ours tell their reason in their own words, and then it is not told twice.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |mut told, reason| {
        if !told.contains(&reason) {
            told.push_str(if told.is_empty() { "" } else { ": " });
            told.push_str(&reason);
        }
        told
    })
}

fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let flags = Flags {
        dev: arguments.dev,
        listen: arguments.listen,
        data: arguments.data,
        public_url: arguments.public_url,
        media_udp: arguments.media_udp,
        media_tcp: arguments.media_tcp,
        log_json: arguments.log_json,
    };
    let config = Config::load(arguments.config.as_deref(), &flags)?;
    start_log(&config)?;
    if config.dev {
        let known = if config.rooms.key.is_empty() {
            format!("API key {DEV_KEY:?} with secret {DEV_SECRET:?}, ")
        } else {
            String::new()
        };
        tracing::warn!(
            "DEVELOPMENT MODE: {known}test log-ins and open guest links. \
             Everybody who reaches {} may do everything. Never use --dev on a real server.",
            config.listen
        );
        if !config.listen.ip().is_loopback() {
            tracing::warn!("and {} can be reached from other machines!", config.listen);
        }
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(run(config))
}

async fn run(config: Config) -> anyhow::Result<()> {
    // Before anything else, so that a stop in the middle of the start is heard.
    let stop = stop::asked()?;
    let mut server = Server::start(config).await?;
    let ended = tokio::select! {
        failed = server.failed() => failed,
        () = stop => Ok(()),
    };
    // After a failure too: whoever is in a room is told, and comes back once there is a server again.
    server.stop().await;
    Ok(ended?)
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .with_context(|| format!("the configuration's field `log.filter` does not fit: {:?}", config.log.filter))?;
    // Complaining about a log that cannot be written, on the same closed stderr, would end the server.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    if config.log.json {
        log.json().finish().with(filter_fn(may_be_logged)).init();
    } else {
        let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
        log.with_ansi(ansi).finish().with(filter_fn(may_be_logged)).init();
    }
    Ok(())
}
