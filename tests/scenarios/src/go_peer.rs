//! A participant on LiveKit's Go SDK, where it was built (`tests/peers/livekit-go`).
//!
//! The program only carries encoded media: the test card and the tone it sends are encoded here beforehand, and what it
//! received is decoded here.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use beckon_media::MediaTime;
use beckon_media::barcode::BarCode;
use beckon_media::clock::{media_time_of_unix, unix_time_of};
use beckon_media::codec::{
    EncoderConfig, OpusConfig, OpusDecoder, OpusEncoder, VideoCodec, VideoDecoder, VideoEncoder,
};
use beckon_media::testcard::{TestCard, tone_frame};
use beckon_test_skip::skip;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use url::Url;

use crate::webrtc_peer::Received;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
const FPS: u32 = 15;
/// Pictures before it begins anew.
const PICTURES: u32 = 4 * FPS;
/// A late subscriber waits at most this many pictures: the program cannot make a key frame when asked.
const KEY_EVERY: u32 = 15;
/// Frames of 10 ms before the tone begins anew; whole seconds, so that it goes on without a click.
const FRAMES: i64 = 400;
const FRAME_US: i64 = 10_000;
const LEAVE: Duration = Duration::from_secs(15);

/// What the program says of itself; see `tests/peers/livekit-go/main.go`.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default)]
pub struct GoReport {
    /// Others in the room.
    pub participants: Vec<String>,
    /// Tracks published, by the server's names.
    pub published: Vec<String>,
    /// Whole pictures received.
    pub pictures: u64,
    /// Packets of sound received.
    pub sounds: u64,
    /// Key frames it was asked for.
    pub key_frame_requests: u64,
    /// Texts received, as `sender: text`.
    pub texts: Vec<String>,
    /// The same in the form that came before text streams.
    pub older_texts: Vec<String>,
    /// Data messages received, as `sender: data`.
    pub data: Vec<String>,
}

/// The participant. It is killed when dropped.
pub struct GoPeer {
    folder: TempDir,
    report: watch::Receiver<GoReport>,
    input: ChildStdin,
    child: Child,
}

impl GoPeer {
    /// Where `tests/peers/livekit-go` is built to.
    pub fn program() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/livekit-go")
    }

    /// Lets it join a room of a server with this API key and secret, publish, and subscribe to all. `None`, and the test
    /// is skipped, when it was not built.
    ///
    /// # Errors
    /// When it is there but does not start.
    pub async fn join(server: &Url, key: &str, secret: &str, room: &str, user: &str) -> anyhow::Result<Option<Self>> {
        let program = Self::program();
        if !program.exists() {
            skip("the participant on LiveKit's Go SDK is not built (tests/peers/livekit-go/README.md)");
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        write_samples(&folder.path().join("camera.samples"), &card()?)?;
        write_samples(&folder.path().join("microphone.samples"), &tone()?)?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut child = Command::new(&program)
            .args(["-url", server.as_str(), "-key", key, "-secret", secret, "-room", room, "-user", user, "-folder"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let input = child.stdin.take().context("the peer's input is gone")?;
        let mut lines = BufReader::new(child.stdout.take().context("the peer's output is gone")?).lines();
        let (says, report) = watch::channel(GoReport::default());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // Nobody listens any more, or the peer says something else: its end is found by those who wait.
                let Ok(report) = serde_json::from_str(&line) else { return };
                if says.send(report).is_err() {
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
    pub async fn until(&mut self, what: &str, within: Duration, holds: impl Fn(&GoReport) -> bool) -> GoReport {
        let waited = tokio::time::timeout(within, self.report.wait_for(|r| holds(r))).await;
        if let Some(report) = waited.ok().and_then(Result::ok).map(|r| r.clone()) {
            return report;
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("the Go peer: {what} did not come within {within:?}; {:#?}\n{log}", self.report.borrow());
    }

    /// Sends a text: as a text stream for the chat, and as a data message.
    ///
    /// # Errors
    /// When the peer has ended.
    pub async fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.input.write_all(format!("{text}\n").as_bytes()).await.context("the peer has ended")
    }

    /// Leaves with a goodbye.
    ///
    /// # Errors
    /// When it does not end, or says that something went wrong.
    pub async fn leave(self) -> anyhow::Result<()> {
        let Self { folder, input, mut child, .. } = self;
        drop(input);
        let ended = tokio::time::timeout(LEAVE, child.wait()).await.context("the peer does not leave")??;
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        anyhow::ensure!(ended.success(), "the peer ended with {ended}:\n{}", log());
        Ok(())
    }

    /// What it has received of somebody so far, decoded.
    ///
    /// # Errors
    /// When that cannot be read or decoded at all.
    pub fn received(&self, user: &str) -> anyhow::Result<Received> {
        let mut received = Received::default();
        let mut pictures = VideoDecoder::new(VideoCodec::H264)?;
        for sample in self.samples(user, "video")? {
            if let Ok(Some(frame)) = pictures.decode(&sample, MediaTime::now()) {
                received.pictures += 1;
                received.codes += u64::from(BarCode::read(&frame).is_some());
            }
        }
        let mut sounds = OpusDecoder::new(1)?;
        let (mut sound, mut last) = (Vec::new(), 0.0);
        for sample in self.samples(user, "audio")? {
            sound.clear();
            sounds.decode(&sample, &mut sound).context("the sound")?;
            received.sound_packets += 1;
            received.hear(&sound, &mut last);
        }
        Ok(received)
    }

    fn samples(&self, user: &str, kind: &str) -> anyhow::Result<Vec<Vec<u8>>> {
        let path = self.folder.path().join(format!("{user}.{kind}.samples"));
        let bytes = std::fs::read(&path).with_context(|| format!("nothing in {}", path.display()))?;
        let (mut samples, mut rest) = (Vec::new(), bytes.as_slice());
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            // The last one may be being written.
            let Some((sample, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
            samples.push(sample.to_vec());
            rest = after;
        }
        Ok(samples)
    }
}

fn write_samples(path: &Path, samples: &[Vec<u8>]) -> anyhow::Result<()> {
    let mut out = Vec::new();
    for sample in samples {
        out.extend_from_slice(&u32::try_from(sample.len())?.to_be_bytes());
        out.extend_from_slice(sample);
    }
    std::fs::write(path, out)?;
    Ok(())
}

/// The test card, encoded.
fn card() -> anyhow::Result<Vec<Vec<u8>>> {
    let card = TestCard::new(WIDTH, HEIGHT);
    let mut encoder = VideoEncoder::new(EncoderConfig { fps: FPS, ..EncoderConfig::new(WIDTH, HEIGHT, 300_000) })?;
    let mut samples = Vec::new();
    let begin = unix_time_of(MediaTime::now());
    for number in 0..PICTURES {
        let capture = media_time_of_unix(begin + i64::from(number) * 1_000_000 / i64::from(FPS));
        let picture = card.draw(number, capture);
        samples
            .extend(encoder.encode(&picture, number.is_multiple_of(KEY_EVERY))?.into_iter().map(|e| e.data.to_vec()));
    }
    Ok(samples)
}

/// The tone, encoded.
fn tone() -> anyhow::Result<Vec<Vec<u8>>> {
    let mut encoder = OpusEncoder::new(OpusConfig::default())?;
    let begin = unix_time_of(MediaTime::now()) / 1_000_000 * 1_000_000;
    let mut samples = Vec::new();
    for number in 0..FRAMES {
        let frame = tone_frame(media_time_of_unix(begin + number * FRAME_US));
        samples.extend(encoder.encode(&frame)?.map(|e| e.data.to_vec()));
    }
    Ok(samples)
}
