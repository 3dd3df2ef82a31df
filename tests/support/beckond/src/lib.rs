//! The server's program as it is installed: started on free ports, with its log.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::ExitStatus;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Starting makes keys and certificates; on a busy machine that takes a while.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// Rooms are told before it ends.
#[cfg(unix)]
const ENDS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A `beckond` that runs; killed when dropped.
pub struct Beckond {
    /// Where it listens, as it says itself.
    pub address: String,
    /// The file it logs to, as JSON.
    pub log: PathBuf,
    child: Child,
}

impl Beckond {
    /// Starts a program with its data in this folder, where its log will lie too, and waits until it says where it listens.
    ///
    /// # Panics
    /// When it cannot be started, ends, does not say so in time, or logs what is no JSON.
    pub fn start(program: &mut Command, data: &Path) -> Self {
        let log = data.join("beckond.log");
        let file = fs::create_dir_all(data).and_then(|()| File::create(&log));
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        program
            .args(["--listen", "127.0.0.1:0", "--media-udp", "0", "--media-tcp", "0", "--log-json", "--data"])
            .arg(data)
            .stderr(file);
        let child = program
            .spawn()
            .unwrap_or_else(|error| panic!("{program:?}: {error}; `cargo build --workspace --bins` makes it"));
        let mut server = Self { address: String::new(), log, child };
        let begun = Instant::now();
        loop {
            let ended = server.child.try_wait().ok().flatten();
            if let Some(address) = server.said_address() {
                server.address = address;
                return server;
            }
            let logged = server.logged();
            assert!(ended.is_none(), "it ended at once: {ended:?}, {logged}");
            assert!(begun.elapsed() < STARTS_WITHIN, "it does not start: {logged}");
            sleep(LOOK_AGAIN);
        }
    }

    /// All it has logged so far.
    pub fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| panic!("{}: {error}", self.log.display()))
    }

    fn said_address(&self) -> Option<String> {
        let logged = self.logged();
        // The last line may not be whole yet.
        let (whole, _) = logged.rsplit_once('\n')?;
        whole.lines().find_map(|line| {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let fields = &line["fields"];
            fields["address"].as_str().filter(|_| fields["message"] == "beckond listens").map(str::to_owned)
        })
    }

    /// Sends it a signal (`-TERM`) and waits until it has ended.
    ///
    /// # Panics
    /// When it does not end in time.
    #[cfg(unix)]
    pub fn end(&mut self, signal: &str) -> ExitStatus {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.as_ref().is_ok_and(ExitStatus::success), "kill: {sent:?}");
        let begun = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status,
                Ok(None) => assert!(begun.elapsed() < ENDS_WITHIN, "it does not end"),
                Err(error) => panic!("it cannot be waited for: {error}"),
            }
            sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Beckond {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
