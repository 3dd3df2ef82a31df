//! DTLS sessions that share one configuration.
//!
//! str0m's own provider makes a configuration for each session, and making one tries every primitive of the
//! cryptography library, key exchanges included: about a millisecond, more than all else that a join costs.
//! Once is enough.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use dimpl::{Config, Dtls};
use str0m::config::CryptoProvider;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};

/// The cryptography of all transports.
pub(crate) fn crypto() -> Arc<CryptoProvider> {
    static CRYPTO: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make = || Arc::new(CryptoProvider { dtls_provider: &SharedConfig, ..str0m::crypto::from_feature_flags() });
    CRYPTO.get_or_init(make).clone()
}

/// Makes a certificate for DTLS, with a key of its own. `None` when the system's cryptography cannot.
///
/// Clients learn its fingerprint through signalling, so nobody has to have signed it (RFC 8827 section 6.5).
pub fn new_certificate() -> Option<DtlsCert> {
    SharedConfig.generate_certificate()
}

#[derive(Debug)]
struct SharedConfig;

impl SharedConfig {
    fn config(mtu: Option<usize>) -> Result<Arc<Config>, CryptoError> {
        static FIRST: OnceLock<(Option<usize>, Arc<Config>)> = OnceLock::new();
        if let Some((_, config)) = FIRST.get().filter(|(size, _)| *size == mtu) {
            return Ok(config.clone());
        }
        // ICE has proven that the client is where it says it is; a cookie would prove it again.
        let mut builder = Config::builder().use_server_cookie(false);
        if let Some(mtu) = mtu {
            builder = builder.mtu(mtu);
        }
        let config = builder.build().map_err(|error| CryptoError::Other(format!("DTLS configuration: {error}")))?;
        let config = Arc::new(config);
        let _ = FIRST.set((mtu, config.clone()));
        Ok(config)
    }
}

impl DtlsProvider for SharedConfig {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate().ok()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let (config, cert) = (Self::config(mtu)?, cert.clone());
        let dtls = match version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, cert, now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, cert, now),
            DtlsVersion::Auto => Dtls::new_auto(config, cert, now),
            other => return Err(CryptoError::Other(format!("{other} is not supported"))),
        };
        Ok(Box::new(Session(dtls)))
    }
}

struct Session(Dtls);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl DtlsInstance for Session {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
