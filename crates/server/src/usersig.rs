//! `beckond usersig`: makes a userSig for tests, with a key at hand.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use beckon_protocol::room::UserId;
use beckon_server::account::{App, issue_v1, issue_v2};
use clap::Args;
use p256::{
    SecretKey,
    ecdsa::SigningKey,
    pkcs8::{DecodePrivateKey, EncodePublicKey},
};

/// What to sign, and with what.
#[derive(Args)]
pub struct Arguments {
    /// The application (sdkAppID).
    #[arg(long, value_name = "ID")]
    app: u64,
    /// The user.
    #[arg(long, value_name = "USER")]
    user: UserId,
    /// How long it holds, s.
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600)]
    expire: u64,
    /// File with the application's HMAC key: makes version 2.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "private_key_file",
        conflicts_with = "private_key_file"
    )]
    hmac_key_file: Option<PathBuf>,
    /// File with the application's ECDSA P-256 private key in PEM: makes version 1.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
}

/// Prints the userSig.
///
/// # Errors
/// When a key file cannot be read or does not fit.
pub fn run(wish: &Arguments) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
    let now = now.cast_signed();
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read the key file {}", path.display()))
    };
    let user = wish.user.as_str();
    let sig = match (&wish.private_key_file, &wish.hmac_key_file) {
        (Some(path), _) => {
            let key = private_key(&read(path)?)
                .with_context(|| format!("{} holds no ECDSA P-256 private key in PEM", path.display()))?;
            let public =
                key.verifying_key().to_public_key_pem(Default::default()).context("the key has no public part")?;
            // The same check as for a configured application, so that what is issued here verifies there.
            App::new(wish.app, Some(&public), None)?;
            issue_v1(wish.app, &key, user, wish.expire, now, None)?
        }
        (None, Some(path)) => {
            let app = App::new(wish.app, None, Some(read(path)?.trim().into()))?;
            issue_v2(&app, user, wish.expire, now, None)?
        }
        (None, None) => anyhow::bail!("give --hmac-key-file or --private-key-file"),
    };
    println!("{}", sig.expose());
    Ok(())
}

/// PKCS#8, as `openssl genpkey` writes it, or SEC 1, as `openssl ecparam -genkey` does (with its parameters before it).
fn private_key(pem: &str) -> Option<SigningKey> {
    if let Ok(key) = SigningKey::from_pkcs8_pem(pem.trim()) {
        return Some(key);
    }
    let begin = pem.find("-----BEGIN EC PRIVATE KEY-----")?;
    SecretKey::from_sec1_pem(pem.get(begin..)?.trim()).ok().map(SigningKey::from)
}
