//! `sfu-load`: one publisher and many subscribers on a media server; counts what the server forwards.
//!
//! The load is the same whatever the server: pictures of H.264's form at a fixed rate and size, and a sound packet
//! every 20 ms. Receivers count packets and throw them away. With `--server-pid` it reads the server's CPU time
//! before and after the measured window (Linux), so that both are taken at the same moments.
#![forbid(unsafe_code)]

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use beckon_rtc::{ConnectOptions, EncodedAudio, EncodedVideo, LocalTrack, PublishOptions, Room, RoomEvent, RoomEvents};
use bytes::{BufMut, Bytes, BytesMut};
use clap::Parser;
use livekit_api::access_token::{AccessToken, VideoGrants};

#[derive(Parser)]
struct Options {
    /// The server, ws://HOST:PORT
    #[arg(long)]
    url: url::Url,
    /// API key
    #[arg(long, default_value = "devkey")]
    key: String,
    /// API secret
    #[arg(long, default_value = "secret")]
    secret: String,
    /// How many subscribe
    #[arg(long, default_value_t = 20)]
    subscribers: usize,
    /// Video bitrate, bit/s
    #[arg(long, default_value_t = 1_500_000)]
    bitrate: u64,
    /// Measured time, s
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The server's process, to read its CPU time and memory
    #[arg(long)]
    server_pid: Option<u32>,
}

const FPS: u64 = 30;

fn clock() -> i64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as i64
}

fn main() -> Result<()> {
    let options = Options::parse();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(load(&options))
}

fn token(options: &Options, identity: &str, publish: bool) -> Result<String> {
    let grants = VideoGrants {
        room_join: true,
        room: "bench".into(),
        can_publish: Some(publish),
        can_subscribe: Some(!publish),
        can_publish_data: Some(false),
        ..Default::default()
    };
    Ok(AccessToken::with_api_key(&options.key, &options.secret).with_identity(identity).with_grants(grants).to_jwt()?)
}

async fn join(options: &Options, identity: &str, publish: bool) -> Result<(Room, RoomEvents)> {
    let connect = ConnectOptions::new(options.url.clone(), token(options, identity, publish)?, clock);
    Room::connect(connect).await.with_context(|| format!("{identity} cannot join"))
}

async fn load(options: &Options) -> Result<()> {
    let (publisher, events) = join(options, "publisher", true).await?;
    let mut camera = PublishOptions::camera(1280, 720, options.bitrate.max(1));
    camera.name = "load".into();
    let video = publisher.publish(camera).await.context("the server takes no video track")?;
    let audio = publisher.publish(PublishOptions::microphone()).await.context("the server takes no audio track")?;
    tokio::spawn(send_video(video, events, options.bitrate));
    tokio::spawn(send_audio(audio));

    let mut rooms = Vec::with_capacity(options.subscribers);
    for number in 0..options.subscribers {
        let (room, mut events) = join(options, &format!("subscriber-{number}"), false).await?;
        tokio::spawn(async move {
            let mut tracks = Vec::new();
            while let Some(event) = events.recv().await {
                if let RoomEvent::TrackSubscribed(track) = event {
                    tracks.push(track);
                }
            }
        });
        rooms.push(room);
    }

    let deadline = Instant::now() + Duration::from_secs(60);
    while rooms.iter().any(|room| streams(room) < 2) {
        if Instant::now() > deadline {
            let up = rooms.iter().filter(|room| streams(room) == 2).count();
            bail!("only {up} of {} subscribers receive sound and pictures after 60 s", rooms.len());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Let start-up (key frames, probes, handshakes) pass before the window opens.
    tokio::time::sleep(Duration::from_secs(3)).await;

    let (packets_before, cpu_before, begun) = (packets(&rooms), cpu(options)?, Instant::now());
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let (packets_after, cpu_after, seconds) = (packets(&rooms), cpu(options)?, begun.elapsed().as_secs_f64());

    let forwarded = packets_after - packets_before;
    let used = cpu_after - cpu_before;
    println!(
        "{}",
        serde_json::json!({
            "subscribers": options.subscribers,
            "seconds": seconds,
            "packets": forwarded,
            "packets_per_second": forwarded as f64 / seconds,
            "server_cpu_seconds": used,
            "packets_per_cpu_second": if used > 0.0 { forwarded as f64 / used } else { 0.0 },
            "lost": rooms.iter().flat_map(|room| room.stats().remote).map(|track| track.packets_lost).sum::<u64>(),
            "server_memory_kib": memory(options),
        })
    );
    for room in rooms {
        room.close().await;
    }
    publisher.close().await;
    Ok(())
}

fn streams(room: &Room) -> usize {
    room.stats().remote.iter().filter(|track| track.packets > 0).count()
}

fn packets(rooms: &[Room]) -> u64 {
    rooms.iter().flat_map(|room| room.stats().remote).map(|track| track.packets).sum()
}

/// Sends pictures whose bytes have H.264's form, a key frame when asked and every ten seconds.
async fn send_video(track: LocalTrack, mut events: RoomEvents, bitrate: u64) {
    let size = usize::try_from(bitrate / 8 / FPS).unwrap_or(1000);
    let mut tick = tokio::time::interval(Duration::from_nanos(1_000_000_000 / FPS));
    let mut number = 0u64;
    loop {
        tick.tick().await;
        let mut key = number.is_multiple_of(FPS * 10);
        while let Some(event) = events.try_recv() {
            key |= matches!(event, RoomEvent::KeyFrameRequested { .. });
        }
        let frame = EncodedVideo { data: picture(key, size, number), key, capture_ns: clock(), layer: 0 };
        // A refusal (not connected yet) is what the next frame is for.
        let _ = track.write_video(frame);
        number += 1;
    }
}

/// Sends what stands for sound at 32 kbit/s.
async fn send_audio(track: LocalTrack) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let data = Bytes::from(vec![0x78; 80]);
    loop {
        tick.tick().await;
        let _ = track.write_audio(EncodedAudio { data: data.clone(), capture_ns: clock(), level_dbov: Some(-30) });
    }
}

/// A picture in Annex B form: parameter sets of a 1280×720 baseline stream before a key frame, then one slice of `size`
/// bytes without start codes in it.
fn picture(key: bool, size: usize, number: u64) -> Bytes {
    const START: [u8; 4] = [0, 0, 0, 1];
    const SPS: [u8; 14] = [0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x6a, 0x02, 0x02, 0x02];
    const PPS: [u8; 4] = [0x68, 0xcb, 0x8c, 0xb2];
    let mut data = BytesMut::with_capacity(size + 40);
    if key {
        for set in [&SPS[..], &PPS[..]] {
            data.put_slice(&START);
            data.put_slice(set);
        }
    }
    data.put_slice(&START);
    data.put_u8(if key { 0x65 } else { 0x41 });
    data.put_slice(&[0x9a, (number % 251) as u8 | 1]);
    data.extend((0..size).map(|at| (at % 253) as u8 | 1));
    data.freeze()
}

/// CPU time of the server so far, s.
fn cpu(options: &Options) -> Result<f64> {
    let Some(pid) = options.server_pid else { return Ok(0.0) };
    beckon_test_process::cpu_s(pid).context("the server's process is gone")
}

/// The server's resident memory now, KiB.
fn memory(options: &Options) -> u64 {
    options.server_pid.and_then(|pid| beckon_test_process::resident_kib(pid).ok()).unwrap_or(0)
}
