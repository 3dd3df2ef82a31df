//! Joins a room and tells what happens in it; sends made-up pictures and sound if asked to.
//!
//! `cargo run -p beckon-rtc --example peer -- URL TOKEN [--send] [--tcp] [--for SECONDS]`
//!
//! The pictures carry the right framing but nothing a decoder could show: this is for poking at signalling and
//! transport, and for measuring what they cost.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use beckon_rtc::{ConnectOptions, EncodedAudio, EncodedVideo, LocalTrack, PublishOptions, Room, RoomEvent};
use bytes::Bytes;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn clock() -> i64 {
    i64::try_from(START.elapsed().as_nanos()).unwrap_or(i64::MAX)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| args.iter().any(|a| a == name);
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|n| args.get(n + 1));
    let [url, token, ..] = &args[..] else { anyhow::bail!("usage: peer URL TOKEN [--send] [--tcp] [--for SECONDS]") };
    let seconds = value("--for").map_or(Ok(3600), |s| s.parse())?;

    let mut options = ConnectOptions::new(url.parse()?, token.clone(), clock);
    options.force_tcp = flag("--tcp");
    let (room, mut events) = Room::connect(options).await?;
    println!("in {} as {}", room.info().name, room.local().identity);
    if flag("--send") {
        let camera = room.publish(PublishOptions::camera(1280, 720, 1_500_000)).await?;
        let microphone = room.publish(PublishOptions::microphone()).await?;
        tokio::spawn(pictures(camera));
        tokio::spawn(sound(microphone));
    }
    let told = async {
        while let Some(event) = events.recv().await {
            match event {
                RoomEvent::TrackSubscribed(track) => {
                    println!("{} sends {:?} {}", track.identity(), track.kind(), track.sid());
                    tokio::spawn(async move {
                        if let Some(pictures) = track.video() {
                            while pictures.recv().await.is_some() {}
                        }
                        if let Some(packets) = track.audio() {
                            while packets.recv().await.is_some() {}
                        }
                    });
                }
                RoomEvent::TargetBitrate { .. } | RoomEvent::ActiveSpeakers(_) => {}
                event => println!("{event:?}"),
            }
        }
    };
    // The time is over, or the room is: both are the end.
    let _ = tokio::time::timeout(Duration::from_secs(seconds), told).await;
    println!("{:#?}", room.stats());
    room.close().await;
    Ok(())
}

/// 1.5 Mbit/s at 30 pictures a second, a key frame every two seconds and whenever one was dropped.
async fn pictures(camera: LocalTrack) {
    let mut tick = tokio::time::interval(Duration::from_micros(33_333));
    let picture = |head: &[u8], size: usize| {
        let mut data = head.to_vec();
        data.resize(size, 0xaa);
        Bytes::from(data)
    };
    let key = picture(&[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 6, 0xe2, 0, 0, 0, 1, 0x65], 30_000);
    let delta = picture(&[0, 0, 0, 1, 0x41], 5_800);
    for n in 0_u64.. {
        tick.tick().await;
        let (data, is_key) = if n.is_multiple_of(60) { (&key, true) } else { (&delta, false) };
        let frame = EncodedVideo { data: data.clone(), key: is_key, capture_ns: clock(), layer: 0 };
        if camera.write_video(frame).is_err() {
            let again = EncodedVideo { data: key.clone(), key: true, capture_ns: clock(), layer: 0 };
            // Not connected yet: the next picture tries again.
            let _ = camera.write_video(again);
        }
    }
}

/// 32 kbit/s in packets of 20 ms.
async fn sound(microphone: LocalTrack) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let data = Bytes::from(vec![0x78; 80]);
    loop {
        tick.tick().await;
        let packet = EncodedAudio { data: data.clone(), capture_ns: clock(), level_dbov: Some(-30) };
        let _ = microphone.write_audio(packet);
    }
}
