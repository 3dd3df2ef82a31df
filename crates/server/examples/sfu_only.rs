//! The media engine and its signalling alone, without accounts, rooms or pages: for trying clients.
//!
//! `cargo run -p beckon-server --example sfu_only [LISTEN] [UDP_PORT] [TCP_PORT]` listens on 127.0.0.1:7890 (media on
//! 7892 and 7891) with the key `devkey` and the secret `secret`. Any LiveKit client can join with a token signed by them.

use anyhow::Context;
use beckon_server::media::{ApiKeys, Engine, EngineConfig};
use beckon_server::signal;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,beckon_sfu=debug,beckon_server=debug".into());
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let mut args = std::env::args().skip(1);
    let listen = args.next().unwrap_or_else(|| "127.0.0.1:7890".into());
    let udp_port = args.next().map_or(Ok(7_892), |p| p.parse()).context("UDP port")?;
    let tcp_port = args.next().map_or(Ok(7_891), |p| p.parse()).context("TCP port")?;
    let keys: ApiKeys = [("devkey", "secret")].into_iter().collect();
    let config = EngineConfig { udp_port, tcp_port: Some(tcp_port), keys, ..EngineConfig::default() };
    let engine = Engine::start(config).await?;
    let mut events = engine.events();
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            tracing::info!(?event, "event");
        }
    });
    let listener = tokio::net::TcpListener::bind(&listen).await.with_context(|| listen.clone())?;
    tracing::info!(%listen, "ready");
    axum::serve(listener, signal::router(engine.clone()))
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    engine.shutdown().await;
    Ok(())
}
