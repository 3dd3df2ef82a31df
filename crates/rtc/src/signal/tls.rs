//! TLS for signalling.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_tungstenite::Connector;

/// Made at the first encrypted connection and kept: reading the system's trust store takes a while.
static CONFIG: Mutex<Option<Arc<ClientConfig>>> = Mutex::new(None);

/// TLS with the system's trust store. The cryptography is named here: where a program's dependencies bring in two,
/// rustls does not choose between them, it panics.
///
/// # Errors
/// The trust store cannot be read.
pub(super) fn connector() -> Result<Connector, rustls::Error> {
    let mut kept = CONFIG.lock();
    let config = match &*kept {
        Some(config) => config.clone(),
        None => {
            let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
            let config = builder.with_safe_default_protocol_versions()?.with_platform_verifier()?;
            kept.insert(Arc::new(config.with_no_client_auth())).clone()
        }
    };
    Ok(Connector::Rustls(config))
}
