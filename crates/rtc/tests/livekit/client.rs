//! A participant for tests: a room, what happened in it, and media whose every byte is known.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use beckon_rtc::{
    ConnectOptions, EncodedAudio, EncodedVideo, LocalTrack, PublishOptions, RemoteTrack, Room, RoomEvent, RoomEvents,
    TrackKind,
};
use bytes::{BufMut, Bytes, BytesMut};

/// Nothing in these tests may take longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The clock of capture times.
pub fn clock() -> i64 {
    i64::try_from(START.elapsed().as_nanos()).unwrap() + 1_000_000_000_000
}

pub struct Client {
    pub room: Room,
    events: RoomEvents,
    seen: Vec<RoomEvent>,
}

pub fn options(url: &str, token: String) -> ConnectOptions {
    ConnectOptions::new(url.parse().unwrap(), token, clock)
}

impl Client {
    pub async fn join(options: ConnectOptions) -> Self {
        let (room, events) = Room::connect(options).await.unwrap();
        Self { room, events, seen: Vec::new() }
    }

    /// Waits for an event, also one that came before and was not [forgotten](Self::forget).
    pub async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&RoomEvent) -> Option<T>) -> T {
        if let Some(found) = self.seen.iter().find_map(&mut wanted) {
            return found;
        }
        let waiting = async {
            while let Some(event) = self.events.recv().await {
                let found = wanted(&event);
                self.seen.push(event);
                if found.is_some() {
                    return found;
                }
            }
            None
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await.ok().flatten();
        match found {
            Some(found) => found,
            None => panic!("{what}: did not come; came: {:#?}", self.seen),
        }
    }

    /// What came before is not looked at again.
    pub fn forget(&mut self) {
        while self.events.try_recv().is_some() {}
        self.seen.clear();
    }

    /// What came since the last [`forget`](Self::forget), as far as it has come.
    pub fn so_far(&mut self) -> &[RoomEvent] {
        while let Some(event) = self.events.try_recv() {
            self.seen.push(event);
        }
        &self.seen
    }

    pub async fn media(&mut self) {
        self.until("media", |e| matches!(e, RoomEvent::MediaConnected(true)).then_some(())).await;
    }

    /// Waits until the server can send to us: what others send before that does not reach us.
    pub async fn listening(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !self.room.stats().subscriber.connected {
            assert!(Instant::now() < until, "the server does not reach us");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn track(&mut self, kind: TrackKind) -> RemoteTrack {
        self.until("a track", |e| match e {
            RoomEvent::TrackSubscribed(track) if track.kind() == kind => Some(track.clone()),
            _ => None,
        })
        .await
    }
}

/// The body of a frame: its number and capture time, and filler that follows from the number. No zero bytes, so that
/// nothing in it looks like a start code.
fn body(number: u32, capture_ns: i64, size: usize) -> Bytes {
    let mut body = BytesMut::with_capacity(size + 64);
    for nibble in (0..8).rev() {
        body.put_u8(0x10 | (number >> (nibble * 4) & 0xf) as u8);
    }
    for nibble in (0..16).rev() {
        body.put_u8(0x10 | (capture_ns >> (nibble * 4) & 0xf) as u8);
    }
    for n in 0..size {
        body.put_u8(1 + ((number as usize + n) % 255) as u8);
    }
    body.freeze()
}

/// What was put in by [`body`]: number and capture time. Panics when a byte is wrong.
fn read_body(body: &[u8]) -> (u32, i64) {
    let nibbles = |part: &[u8]| part.iter().fold(0_u64, |n, b| n << 4 | u64::from(b & 0xf));
    let number = nibbles(&body[..8]) as u32;
    let capture = nibbles(&body[8..24]) as i64;
    for (n, byte) in body[24..].iter().enumerate() {
        assert_eq!(*byte, 1 + ((number as usize + n) % 255) as u8, "byte {n} of frame {number}");
    }
    (number, capture)
}

const SPS: &[u8] =
    &[0x67, 0x42, 0xe0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe9, 0x48, 0x28, 0x30, 0x30, 0x36, 0x85, 0x09, 0xa8];
const PPS: &[u8] = &[0x68, 0xce, 0x06, 0xe2];
const START_CODE: &[u8] = &[0, 0, 0, 1];

fn picture(number: u32, capture_ns: i64, key: bool) -> Bytes {
    let mut data = BytesMut::new();
    if key {
        for unit in [SPS, PPS] {
            data.put_slice(START_CODE);
            data.put_slice(unit);
        }
    }
    data.put_slice(START_CODE);
    data.put_u8(if key { 0x65 } else { 0x41 });
    data.put_slice(&body(number, capture_ns, if key { 6_000 } else { 1_800 }));
    data.freeze()
}

/// Number and capture time of a received picture, after checking all of it.
pub fn read_picture(data: &[u8]) -> (u32, i64) {
    let at = data
        .windows(5)
        .rposition(|w| &w[..4] == START_CODE && matches!(w[4] & 0x1f, 1 | 5))
        .unwrap_or_else(|| panic!("no slice in {} bytes: {:02x?}", data.len(), &data[..data.len().min(100)]));
    read_body(&data[at + 5..])
}

/// Number and capture time of a received packet of sound, after checking all of it.
pub fn read_sound(data: &[u8]) -> (u32, i64) {
    assert_eq!(data[0], 0x78);
    read_body(&data[1..])
}

/// Sends pictures or sound on a track until dropped.
pub struct Source {
    stop: Arc<AtomicBool>,
    pub key_wanted: Arc<AtomicBool>,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sends 30 pictures a second; a key frame first, every second, whenever wanted, and after every error.
pub fn send_pictures(track: LocalTrack, layers: usize) -> Source {
    let source = Source { stop: Arc::default(), key_wanted: Arc::new(AtomicBool::new(true)) };
    let (stop, wanted) = (source.stop.clone(), source.key_wanted.clone());
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(33));
        let mut number = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            tick.tick().await;
            number += 1;
            let key = wanted.swap(false, Ordering::Relaxed) || number.is_multiple_of(30);
            for layer in 0..layers {
                let capture_ns = clock();
                let data = picture(number, capture_ns, key);
                if track.write_video(EncodedVideo { data, key, capture_ns, layer }).is_err() {
                    wanted.store(true, Ordering::Relaxed);
                }
            }
        }
    });
    source
}

/// Sends 50 packets of sound a second.
pub fn send_sound(track: LocalTrack) -> Source {
    let source = Source { stop: Arc::default(), key_wanted: Arc::default() };
    let stop = source.stop.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            tick.tick().await;
            number += 1;
            let capture_ns = clock();
            let mut data = BytesMut::from(&[0x78_u8][..]);
            data.put_slice(&body(number, capture_ns, 60));
            let _ = track.write_audio(EncodedAudio { data: data.freeze(), capture_ns, level_dbov: Some(-20) });
        }
    });
    source
}

/// Publishes a camera and a microphone and sends on both.
pub async fn on_air(client: &Client) -> (LocalTrack, LocalTrack, Source, Source) {
    let camera = client.room.publish(PublishOptions::camera(1280, 720, 1_500_000)).await.unwrap();
    let microphone = client.room.publish(PublishOptions::microphone()).await.unwrap();
    let pictures = send_pictures(camera.clone(), 1);
    let sound = send_sound(microphone.clone());
    (camera, microphone, pictures, sound)
}

/// Takes in `count` pictures, the first of them a key frame and none missing after it.
pub async fn watch(track: &RemoteTrack, count: usize) -> Vec<(u32, beckon_rtc::RemoteVideoFrame)> {
    let frames = track.video().unwrap();
    let mut got: Vec<(u32, beckon_rtc::RemoteVideoFrame)> = Vec::new();
    let watching = async {
        while got.len() < count {
            let frame = frames.recv().await.expect("the track goes on");
            let (number, _) = read_picture(&frame.data);
            if let Some((last, _)) = got.last() {
                assert_eq!(number, last + 1, "a picture is missing");
            } else if !frame.key {
                continue;
            }
            got.push((number, frame));
        }
    };
    let all = tokio::time::timeout(PATIENCE, watching).await.is_ok();
    assert!(all, "only {} of {count} pictures came", got.len());
    got
}

/// Takes in `count` packets of sound in order.
pub async fn listen(track: &RemoteTrack, count: usize) -> Vec<beckon_rtc::RemoteAudioPacket> {
    let packets = track.audio().unwrap();
    let mut got = HashMap::new();
    let mut list = Vec::new();
    let listening = async {
        while list.len() < count {
            let packet = packets.recv().await.expect("the track goes on");
            let (number, _) = read_sound(&packet.payload);
            assert!(got.insert(number, ()).is_none(), "packet {number} came twice");
            list.push(packet);
        }
    };
    let all = tokio::time::timeout(PATIENCE, listening).await.is_ok();
    assert!(all, "only {} of {count} packets came", list.len());
    list
}
