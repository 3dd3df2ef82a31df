#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::sync::mpsc;

use super::*;
use crate::barcode::BarCode;
use crate::codec::{EncoderChoice, EncoderConfig, VideoEncoder};
use crate::frame::AudioFrame;
use crate::latest;
use crate::source::{AudioSource, VideoSource};
use crate::testcard::{BeepDetector, FlashDetector, TestCard};

/// Two seconds of test card at 25 a second, 320 × 180, made with our own encoder: no other program is needed.
fn card_stream(path: &Path) {
    let mut encoder = VideoEncoder::new(EncoderConfig {
        encoder: EncoderChoice::Software,
        fps: 25,
        ..EncoderConfig::new(320, 180, 500_000)
    })
    .unwrap();
    let card = TestCard::new(320, 180);
    let mut bytes = Vec::new();
    for n in 0..50u32 {
        let frame = card.draw(n, MediaTime(1_000_000_000 + i64::from(n) * 40_000_000));
        encoder.encode(&frame, n == 0).unwrap().iter().for_each(|e| bytes.extend_from_slice(&e.data));
    }
    std::fs::write(path, bytes).unwrap();
}

/// A second and a half of 440 Hz, 16 bit stereo at 44.1 kHz.
fn wave(path: &Path) {
    let frames = 44_100 * 3 / 2;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + frames * 4u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    bytes.extend(44_100u32.to_le_bytes());
    bytes.extend((44_100u32 * 4).to_le_bytes());
    bytes.extend(b"\x04\0\x10\0data");
    bytes.extend((frames * 4).to_le_bytes());
    for i in 0..frames {
        let sample = ((i as f32 * 440.0 / 44_100.0 * std::f32::consts::TAU).sin() * 16_000.0) as i16;
        bytes.extend(sample.to_le_bytes());
        bytes.extend(sample.to_le_bytes());
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_files_pictures_come_in_order_and_begin_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.h264");
    card_stream(&path);
    let file = MediaFile::open(&path).unwrap();
    assert!(file.microphone().is_none());
    let camera = Box::new(file.camera().unwrap());
    assert_eq!(camera.describe(), SourceInfo { label: "card.h264".into(), synthetic: true, stands_in: false });
    let (tx, rx) = latest::channel();
    let running = camera.start(tx).unwrap();
    let mut numbers = Vec::new();
    let mut captures = Vec::new();
    while numbers.windows(2).filter(|w| w[1] < w[0]).count() == 0 {
        let frame = rx.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(frame.synthetic);
        numbers.push(BarCode::read(&frame).unwrap().frame);
        captures.push(frame.capture);
    }
    running.stop();
    assert!(numbers.len() > 3, "{numbers:?}");
    assert!(captures.windows(2).all(|w| w[1] > w[0]));
}

#[test]
fn a_files_sound_is_brought_to_48_khz_without_a_break() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tone.wav");
    wave(&path);
    let file = MediaFile::open(&path).unwrap();
    assert!(file.camera().is_none());
    assert_eq!(file.duration(), Duration::from_millis(1500));
    let (tx, rx) = mpsc::channel();
    let running = Box::new(file.microphone().unwrap()).start(Box::new(move |f| drop(tx.send(f)))).unwrap();
    let frames: Vec<AudioFrame> = (0..100).map(|_| rx.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
    running.stop();
    for pair in frames.windows(2) {
        assert_eq!(pair[1].capture.nanos_since(pair[0].capture), 10_000_000);
    }
    let left: Vec<f32> = frames.iter().flat_map(|f| f.samples.iter().step_by(2).copied()).collect();
    assert_eq!((frames[0].channels, left.len()), (2, 48_000));
    // 440 turns a second, each crossing zero twice; the resampler's start and the file's end are left out.
    let crossings = left[4800..43_200].windows(2).filter(|w| (w[0] < 0.0) != (w[1] < 0.0)).count();
    assert!((700..=708).contains(&crossings), "{crossings}");
    let steepest = left[4800..43_200].windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.04, "{steepest}");
}

#[test]
fn camera_and_microphone_of_one_file_stay_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clap.mkv");
    // One white picture field and one beep, both at 0.8 s of a 2 s file.
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg("color=black:s=320x180:r=50:d=2,drawbox=x=270:y=142:w=40:h=30:color=white:t=fill:enable='between(t,0.8,0.9)'")
        .args(["-f", "lavfi", "-i", "sine=f=1000:r=44100:d=2,volume=volume='between(t,0.8,0.9)':eval=frame:enable=1"])
        .args(["-c:v", "mpeg4", "-q:v", "3", "-c:a", "pcm_s16le"])
        .arg(&path)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        beckon_test_skip::skip("the program ffmpeg is not installed");
        return;
    }
    let file = MediaFile::open(&path).unwrap();
    let (heard_tx, heard) = mpsc::channel();
    let mut beeps = BeepDetector::new();
    let microphone = Box::new(file.microphone().unwrap())
        .start(Box::new(move |f| {
            if let Some(at) = beeps.listen(&f, f.capture) {
                let _ = heard_tx.send(at);
            }
        }))
        .unwrap();
    let (tx, rx) = latest::channel();
    let camera = Box::new(file.camera().unwrap()).start(tx).unwrap();
    let mut flashes = FlashDetector::new();
    // A busy machine may skip the picture with which a flash begins: then the next round counts.
    let mut offsets = Vec::new();
    while offsets.last().is_none_or(|offset: &i64| offset.abs() > 45_000_000) && offsets.len() < 5 {
        let frame = rx.recv_timeout(Duration::from_secs(20)).unwrap();
        let Some(seen) = flashes.look(&frame, frame.capture) else { continue };
        // The beep that belongs to this flash, of this round or the next.
        offsets.push(loop {
            let beep = heard.recv_timeout(Duration::from_secs(20)).unwrap();
            let offset = beep.nanos_since(seen);
            if offset > -1_000_000_000 {
                break offset;
            }
        });
    }
    camera.stop();
    microphone.stop();
    assert!(offsets.last().is_some_and(|offset| offset.abs() <= 45_000_000), "ns between flash and beep: {offsets:?}");
}

#[test]
fn what_cannot_be_played_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("a.mp4");
    std::fs::write(&text, "no film at all").unwrap();
    for path in [text.as_path(), Path::new("/no/such/file.mp4"), dir.path(), Path::new("http://localhost/x.mp4")] {
        let error = MediaFile::open(path).unwrap_err();
        assert!(
            matches!(&error, SourceError::File { path: p, reason } if !p.is_empty() && !reason.is_empty()),
            "{error}"
        );
    }
}
