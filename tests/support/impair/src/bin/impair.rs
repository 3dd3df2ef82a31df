//! The relay for scripts. Prints `listening ADDRESS:PORT`; then each line on standard input is a command, and each answer
//! one line of JSON:
//!
//! - `next GROUP`: clients that appear from now on belong to this group
//! - `set GROUP PROFILE`, `up GROUP PROFILE`, `down GROUP PROFILE`: the group's network in both directions or one
//!   (`loss=0.1 burst=4 delay=50 jitter=10 reorder=0.01 duplicate=0.01 rate=300000 queue=300 blackout`; nothing: perfect)
//! - `rebind GROUP`: the group's clients have another address
//! - `counts GROUP`: what passed so far
//!
//! It ends with its standard input.
#![forbid(unsafe_code)]

use std::net::SocketAddr;

use beckon_impair::{Profile, Relay};
use clap::Parser;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[derive(Parser)]
#[command(name = "impair", about = "A bad network for tests: a UDP relay")]
struct Arguments {
    /// Where clients reach the relay
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The server behind it
    #[arg(long)]
    to: SocketAddr,
    /// What chance follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let relay = Relay::start(arguments.listen, arguments.to, arguments.seed).await?;
    println!("listening {}", relay.address());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if !line.trim().is_empty() {
            println!("{}", answer(&relay, &line).await.unwrap_or_else(|why| json!({ "error": why })));
        }
    }
    Ok(())
}

/// Does what a line says.
async fn answer(relay: &Relay, line: &str) -> Result<Value, String> {
    let mut words = line.trim().splitn(3, ' ');
    let command = words.next().unwrap_or_default();
    let group = words.next().ok_or("a command needs a group")?;
    let profile = || words.clone().next().unwrap_or_default().parse::<Profile>().map_err(|e| e.to_string());
    match command {
        "next" => relay.next_clients_are(group),
        "set" => relay.set(group, profile()?),
        "up" => relay.set_up(group, profile()?),
        "down" => relay.set_down(group, profile()?),
        "rebind" => relay.rebind(group).await.map_err(|e| e.to_string())?,
        "counts" => return serde_json::to_value(relay.counts(group).await).map_err(|e| e.to_string()),
        other => {
            return Err(format!("there is no command {other:?}; known are next, set, up, down, rebind and counts"));
        }
    }
    Ok(json!({ "ok": true }))
}
