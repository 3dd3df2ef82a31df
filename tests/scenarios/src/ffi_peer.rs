//! A participant on LiveKit's SDK with the Rust core, where it was installed (`tests/peers/livekit-ffi`).
//!
//! The program encodes, decodes and counts by itself; the test card it sends is drawn here beforehand.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use beckon_media::clock::{media_time_of_unix, unix_time_of};
use beckon_media::testcard::TestCard;
use beckon_media::{MediaTime, VideoFrame};
use beckon_test_skip::skip;
use livekit_api::access_token::{AccessToken, VideoGrants};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Engine;

/// Large enough for two layers.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
const FPS: u32 = 15;
/// Pictures before it begins anew.
const PICTURES: u32 = 2 * FPS;
const START: Duration = Duration::from_secs(30);
const LEAVE: Duration = Duration::from_secs(15);

/// What the program says of itself; see `tests/peers/livekit-ffi/main.mjs`.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FfiReport {
    /// Others in the room.
    pub participants: Vec<String>,
    /// Tracks published, by the server's names.
    pub published: Vec<String>,
    /// How many of them the server says somebody gets.
    pub awaited: u64,
    /// How many the server says are in the room.
    pub count: u64,
    /// Pictures of each of the others.
    pub seen: HashMap<String, Seen>,
    /// Sound of each of the others.
    pub heard: HashMap<String, Heard>,
    /// Texts received, as `sender: text`.
    pub texts: Vec<String>,
    /// The same in the form that came before text streams.
    pub older_texts: Vec<String>,
    /// Data messages received, as `sender: reliable|lossy: data`.
    pub data: Vec<String>,
    /// What calls of others' methods returned, or why they failed.
    pub answers: Vec<String>,
    /// Tracks that were muted, as `sender: name`.
    pub muted: Vec<String>,
    /// How often it came back after it had lost the server.
    pub rejoins: u64,
}

/// Decoded pictures.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Seen {
    /// How many.
    pub pictures: u64,
    /// How many with a bar code that could be read.
    pub codes: u64,
    /// Width of the last one, pixels.
    pub width: u32,
    /// Height of the last one, pixels.
    pub height: u32,
}

/// Decoded sound.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Heard {
    /// Samples at 48 kHz, one channel; silence too.
    pub samples: u64,
    /// Rising zero crossings in them, none in silence.
    pub crossings: u64,
}

impl FfiReport {
    /// Codes read off the pictures of somebody.
    pub fn codes(&self, user: &str) -> u64 {
        self.seen.get(user).map_or(0, |seen| seen.codes)
    }

    /// Periods of tone heard of somebody.
    pub fn periods(&self, user: &str) -> u64 {
        self.heard.get(user).map_or(0, |heard| heard.crossings)
    }
}

/// What comes on standard output.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    /// The SDK is there.
    Ready,
    /// It is not: why.
    Missing(String),
    Report(Box<FfiReport>),
}

impl Line {
    /// `None`: the SDK writes to standard output too.
    fn of(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

type Lines = tokio::io::Lines<BufReader<ChildStdout>>;

/// Why the SDK is missing; `None` when it is there.
async fn missing(lines: &mut Lines) -> anyhow::Result<Option<String>> {
    loop {
        let line = lines.next_line().await?.context("the peer ended at once")?;
        match Line::of(&line) {
            Some(Line::Missing(reason)) => return Ok(Some(reason)),
            Some(Line::Ready) => return Ok(None),
            _ => {}
        }
    }
}

/// The participant. It is killed when dropped.
pub struct FfiPeer {
    folder: TempDir,
    report: watch::Receiver<FfiReport>,
    input: ChildStdin,
    child: Child,
}

impl FfiPeer {
    /// Where the program is.
    pub fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers/livekit-ffi")
    }

    /// Lets it join a room, publish its pictures in this codec (`None`: as the SDK does by itself), and subscribe to all. `None`,
    /// and the test is skipped, where the SDK or Node.js is not there.
    ///
    /// # Errors
    /// When it is there but does not start.
    pub async fn join(
        engine: &Engine<'_>,
        room: &str,
        user: &str,
        codec: Option<&str>,
    ) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let pictures = folder.path().join("pictures");
        std::fs::write(&pictures, card())?;
        let grants = VideoGrants { room_join: true, room: room.to_owned(), ..VideoGrants::default() };
        let token = AccessToken::with_api_key(engine.key, engine.secret).with_identity(user).with_grants(grants);
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut command = Command::new("node");
        command
            .args(["main.mjs", "--url", engine.url.as_str(), "--token", &token.to_jwt()?])
            .args(["--width", &WIDTH.to_string(), "--height", &HEIGHT.to_string(), "--fps", &FPS.to_string()])
            .arg("--pictures")
            .arg(&pictures)
            .args(codec.map(|codec| format!("--codec={codec}")))
            .current_dir(Self::folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            .kill_on_drop(true);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                skip(format!("node does not start: {error}"));
                return Ok(None);
            }
        };
        let input = child.stdin.take().context("the peer's input is gone")?;
        let mut lines = BufReader::new(child.stdout.take().context("the peer's output is gone")?).lines();
        if let Some(reason) = timeout(START, missing(&mut lines)).await.context("the peer does not start")?? {
            skip(format!("LiveKit's SDK is not there ({reason}); see tests/peers/livekit-ffi/README.md"));
            return Ok(None);
        }
        let (says, report) = watch::channel(FfiReport::default());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let Some(Line::Report(report)) = Line::of(&line) else { continue };
                if says.send(*report).is_err() {
                    return;
                }
            }
        });
        Ok(Some(Self { folder, report, input, child }))
    }

    /// Waits until its report says so, and returns it.
    ///
    /// # Panics
    /// When it does not within `within`, or the peer has ended; shows its log.
    pub async fn until(&mut self, what: &str, within: Duration, holds: impl Fn(&FfiReport) -> bool) -> FfiReport {
        let waited = timeout(within, self.report.wait_for(|r| holds(r))).await;
        if let Some(report) = waited.ok().and_then(Result::ok).map(|r| r.clone()) {
            return report;
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("the peer: {what} did not come within {within:?}; {:#?}\n{log}", self.report.borrow());
    }

    /// What it says now.
    pub fn report(&self) -> FfiReport {
        self.report.borrow().clone()
    }

    /// Writes a text into the chat, as a text stream.
    ///
    /// # Errors
    /// When the peer has ended.
    pub async fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.order(&json!({ "say": text })).await
    }

    /// Sends a data message.
    ///
    /// # Errors
    /// When the peer has ended.
    pub async fn send(&mut self, text: &str, reliable: bool) -> anyhow::Result<()> {
        self.order(&json!({ "send": { "text": text, "reliable": reliable } })).await
    }

    /// Calls another peer's method `length`, which answers how many letters it was sent.
    ///
    /// # Errors
    /// When the peer has ended.
    pub async fn call(&mut self, user: &str, letters: usize) -> anyhow::Result<()> {
        self.order(&json!({ "call": { "of": user, "letters": letters } })).await
    }

    async fn order(&mut self, order: &serde_json::Value) -> anyhow::Result<()> {
        self.input.write_all(format!("{order}\n").as_bytes()).await.context("the peer has ended")
    }

    /// Leaves with a goodbye.
    ///
    /// # Errors
    /// When it does not end, or says that something went wrong.
    pub async fn leave(self) -> anyhow::Result<()> {
        let Self { folder, input, mut child, .. } = self;
        drop(input);
        let ended = timeout(LEAVE, child.wait()).await.context("the peer does not leave")??;
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        anyhow::ensure!(ended.success(), "the peer ended with {ended}:\n{}", log());
        Ok(())
    }
}

/// The test card as I420, one picture after the other.
fn card() -> Vec<u8> {
    let card = TestCard::new(WIDTH, HEIGHT);
    let begin = unix_time_of(MediaTime::now());
    let mut bytes = Vec::new();
    for number in 0..PICTURES {
        let capture = media_time_of_unix(begin + i64::from(number) * 1_000_000 / i64::from(FPS));
        append(&mut bytes, &card.draw(number, capture));
    }
    bytes
}

fn append(bytes: &mut Vec<u8>, picture: &VideoFrame) {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    for (plane, (data, stride)) in picture.planes().into_iter().enumerate() {
        let (width, height) = if plane == 0 { (width, height) } else { (width / 2, height / 2) };
        for row in data.chunks(stride).take(height) {
            bytes.extend_from_slice(&row[..width]);
        }
    }
}
