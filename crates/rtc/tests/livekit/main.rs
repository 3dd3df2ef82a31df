//! The room client against a real LiveKit server. Where the server is not built each test is skipped.
#![allow(clippy::unwrap_used)]

mod client;
mod server;

mod losses;
mod talk;
mod trouble;

/// Starts a server, or leaves the test, skipped, where there is none.
#[macro_export]
macro_rules! server_or_skip {
    () => {{
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        match $crate::server::binary() {
            Ok(_) => $crate::server::Server::start().await,
            Err(why) => {
                beckon_test_skip::skip(why);
                return;
            }
        }
    }};
}
