//! Cameras against a simulated V4L2 device: a preloaded library answers the system calls of a helper process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use beckon_media::barcode::BarCode;
use beckon_media::camera::{CameraSource, list_cameras};
use beckon_media::testcard::TestCard;
use beckon_media::{MediaTime, SourceStatus, VideoFrame, VideoSource, latest};
use ffmpeg_next as ffmpeg;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;

/// Not a test by itself: what the helper process does. It prints what it saw, a line for each thing.
#[test]
#[ignore = "runs in a process with a simulated camera, started by the other tests"]
fn helper() {
    for camera in list_cameras().unwrap() {
        println!("SAW camera {} {}", camera.id, camera.label);
    }
    let (tx, rx) = latest::channel();
    let wanted: Vec<u32> = std::env::var("CAMERA_WANTED").unwrap_or_default().split('x').flat_map(str::parse).collect();
    let (width, height) = (*wanted.first().unwrap_or(&WIDTH), *wanted.last().unwrap_or(&HEIGHT));
    let source = CameraSource::new(std::env::var("CAMERA_ID").ok(), width, height, 30);
    println!("SAW label {}", source.describe().label);
    let running = match Box::new(source).start(tx) {
        Ok(running) => running,
        Err(error) => {
            println!("SAW error {error:?}");
            return;
        }
    };
    let (ended, end) = mpsc::channel();
    running.on_end(move |status| drop(ended.send(status)));
    let fails = ["V4L2SIM_UNPLUG_AFTER", "V4L2SIM_HANG_AFTER"].iter().any(|name| std::env::var_os(name).is_some());
    for _ in 0..if fails { 3 } else { 12 } {
        match rx.recv_timeout(Duration::from_secs(20)) {
            Ok(frame) => {
                let age = MediaTime::now().saturating_since(frame.capture);
                let number = BarCode::read(&frame).map(|code| code.frame as i64).unwrap_or(-1);
                println!(
                    "SAW frame {number} {}x{} {:?} synthetic {}",
                    frame.width(),
                    frame.height(),
                    frame.color,
                    frame.synthetic
                );
                assert!(age < Duration::from_secs(1), "captured {age:?} ago");
            }
            Err(latest::RecvError::Closed) => break,
            Err(error) => panic!("{error}"),
        }
    }
    if fails {
        if let SourceStatus::Failed(error) = end.recv_timeout(Duration::from_secs(20)).unwrap() {
            println!("SAW failure {error:?}");
        }
    } else {
        running.stop();
        println!("SAW stop");
    }
}

/// Builds the simulator once.
fn simulator(dir: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/support/v4l2sim/v4l2sim.c");
    let library = dir.join("libv4l2sim.so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .status()
        .expect("a C compiler called cc");
    assert!(status.success(), "{} does not compile", source.display());
    library
}

/// What the helper saw with these settings.
fn seen(settings: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper", "--ignored", "--nocapture"])
        .env("LD_PRELOAD", simulator(dir.path()))
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter_map(|line| line.split_once("SAW ").map(|(_, what)| what.to_owned())).collect()
}

/// Ten numbered test cards, each after its length, made by `encode`.
fn cards(path: &Path, mut encode: impl FnMut(&VideoFrame) -> Vec<u8>) {
    let card = TestCard::new(WIDTH, HEIGHT);
    let mut bytes = Vec::new();
    for number in 100..110 {
        let data = encode(&card.draw(number, MediaTime::now()));
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
    }
    std::fs::write(path, bytes).unwrap();
}

fn yuyv(frame: &VideoFrame) -> Vec<u8> {
    let mut out = Vec::new();
    for row in 0..HEIGHT as usize {
        for x in 0..WIDTH as usize {
            out.push(frame.y()[row * frame.y_stride() + x]);
            let (chroma, stride) =
                if x % 2 == 0 { (frame.u(), frame.u_stride()) } else { (frame.v(), frame.v_stride()) };
            out.push(chroma[row / 2 * stride + x / 2]);
        }
    }
    out
}

fn nv12(frame: &VideoFrame) -> Vec<u8> {
    let mut out = Vec::new();
    for row in 0..HEIGHT as usize {
        out.extend_from_slice(&frame.y()[row * frame.y_stride()..][..WIDTH as usize]);
    }
    for row in 0..HEIGHT as usize / 2 {
        for x in 0..WIDTH as usize / 2 {
            out.extend([frame.u()[row * frame.u_stride() + x], frame.v()[row * frame.v_stride() + x]]);
        }
    }
    out
}

/// 4:2:2 in full range, as cameras make it.
fn jpeg(frame: &VideoFrame) -> Vec<u8> {
    ffmpeg::init().unwrap();
    let mut picture = ffmpeg::frame::Video::new(ffmpeg::format::Pixel::YUVJ422P, WIDTH, HEIGHT);
    for row in 0..HEIGHT as usize {
        let stride = picture.stride(0);
        picture.data_mut(0)[row * stride..][..WIDTH as usize]
            .copy_from_slice(&frame.y()[row * frame.y_stride()..][..WIDTH as usize]);
        for (plane, from, from_stride) in [(1, frame.u(), frame.u_stride()), (2, frame.v(), frame.v_stride())] {
            let stride = picture.stride(plane);
            picture.data_mut(plane)[row * stride..][..WIDTH as usize / 2]
                .copy_from_slice(&from[row / 2 * from_stride..][..WIDTH as usize / 2]);
        }
    }
    let codec = ffmpeg::encoder::find(ffmpeg::codec::Id::MJPEG).unwrap();
    let mut encoder = ffmpeg::codec::Context::new_with_codec(codec).encoder().video().unwrap();
    encoder.set_width(WIDTH);
    encoder.set_height(HEIGHT);
    encoder.set_format(ffmpeg::format::Pixel::YUVJ422P);
    encoder.set_time_base((1, 30));
    let mut encoder = encoder.open_as(codec).unwrap();
    picture.set_pts(Some(0));
    encoder.send_frame(&picture).unwrap();
    encoder.send_eof().unwrap();
    let mut packet = ffmpeg::Packet::empty();
    encoder.receive_packet(&mut packet).unwrap();
    packet.data().unwrap().to_vec()
}

#[test]
fn pictures_of_each_format_arrive_whole_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    for (format, encode) in [("YUYV", yuyv as fn(&VideoFrame) -> Vec<u8>), ("NV12", nv12), ("MJPG", jpeg)] {
        let path = dir.path().join(format);
        cards(&path, encode);
        let saw = seen(&[("V4L2SIM_FORMAT", format), ("V4L2SIM_FRAMES", path.to_str().unwrap())]);
        assert_eq!(saw[..2], ["camera name:Simulated camera Simulated camera", "label Simulated camera"], "{format}");
        assert_eq!(saw.last().unwrap(), "stop");
        let frames: Vec<_> = saw.iter().filter_map(|line| line.strip_prefix("frame ")).collect();
        assert_eq!(frames.len(), 12, "{saw:?}");
        let numbers: Vec<i64> = frames
            .iter()
            .map(|line| {
                let (number, rest) = line.split_once(' ').unwrap();
                assert_eq!(rest, "640x360 Bt601Limited synthetic false", "{format}");
                number.parse().unwrap()
            })
            .collect();
        assert!(numbers.iter().all(|n| (100..110).contains(n)), "{format}: {numbers:?}");
        assert!(numbers.windows(2).all(|w| w[0] != w[1]), "{format}: the picture stands still: {numbers:?}");
    }
}

#[test]
fn what_a_wide_camera_gives_is_cut_to_the_shape_that_was_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cards");
    cards(&path, yuyv);
    for wanted in ["480x360", "640x480"] {
        let frames = path.to_str().unwrap();
        let saw = seen(&[("V4L2SIM_FORMAT", "YUYV"), ("V4L2SIM_FRAMES", frames), ("CAMERA_WANTED", wanted)]);
        let sizes: Vec<_> = saw.iter().filter_map(|line| line.strip_prefix("frame ")).collect();
        assert!(sizes.len() == 12 && sizes.iter().all(|line| line.contains(" 480x360 ")), "{wanted}: {saw:?}");
    }
}

#[test]
fn a_camera_in_use_says_so() {
    let saw = seen(&[("V4L2SIM_MODE", "busy")]);
    assert_eq!(saw.last().unwrap(), r#"error InUse { device: "Simulated camera" }"#, "{saw:?}");
}

#[test]
fn a_camera_that_may_not_be_opened_says_so() {
    let saw = seen(&[("V4L2SIM_MODE", "denied")]);
    assert_eq!(saw.last().unwrap(), r#"error Denied { device: "Simulated camera" }"#, "{saw:?}");
}

#[test]
fn a_camera_of_unknown_format_says_so() {
    let saw = seen(&[("V4L2SIM_FORMAT", "H264")]);
    assert!(saw.last().unwrap().starts_with(r#"error Unsupported { device: "Simulated camera""#), "{saw:?}");
}

#[test]
fn a_camera_that_hangs_in_mid_call_says_so_and_stops() {
    let saw = seen(&[("V4L2SIM_HANG_AFTER", "5")]);
    assert!(saw.iter().any(|line| line.starts_with("frame ")), "{saw:?}");
    assert!(
        saw.last().unwrap().starts_with(r#"failure Device { device: "Simulated camera", reason: "no picture for"#),
        "{saw:?}"
    );
}

#[test]
fn a_camera_that_is_not_there_says_so() {
    let saw = seen(&[("V4L2SIM_MODE", "gone")]);
    assert_eq!(saw.last().unwrap(), r#"error Absent { device: "Simulated camera" }"#, "{saw:?}");
    let saw = seen(&[("V4L2SIM_CONTROL", "/nonexistent"), ("CAMERA_ID", "7")]);
    assert_eq!(saw.last().unwrap(), r#"error Absent { device: "7" }"#, "{saw:?}");
}

#[test]
fn another_camera_stands_in_for_the_chosen_one_that_is_away() {
    for (chosen, label) in [("name:Second camera", "Second camera"), ("usb:1234:5678", "Simulated camera")] {
        let saw = seen(&[("V4L2SIM_CAMERAS", "2"), ("CAMERA_ID", chosen)]);
        assert!(saw.contains(&format!("label {label}")), "{saw:?}");
        assert_eq!(saw.last().unwrap(), "stop", "{saw:?}");
    }
}

/// Not a test by itself: prints the cameras there are whenever that changes, until its input ends.
#[test]
#[ignore = "runs in a process with a simulated camera, started by another test"]
fn watcher() {
    let _watch = beckon_media::devices::watch(|list| {
        let labels: Vec<_> = list.cameras.iter().map(|camera| camera.label.as_str()).collect();
        println!("SAW cameras {}", labels.join("+"));
    })
    .unwrap();
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

#[test]
fn a_camera_that_is_plugged_in_or_out_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (control, node) = (dir.path().join("control"), dir.path().join("control/video42"));
    std::fs::create_dir(&control).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "watcher", "--ignored", "--nocapture"])
        .env("LD_PRELOAD", simulator(dir.path()))
        .env("V4L2SIM_CONTROL", &control)
        .env("V4L2SIM_CAMERAS", "2")
        // No sound server: it is about cameras.
        .env("PULSE_SERVER", "unix:/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = lines.filter_map(|line| line.split_once("SAW ").map(|(_, what)| what.to_owned()));
    assert_eq!(told.next().unwrap(), "cameras Second camera");
    std::fs::write(&node, "").unwrap();
    assert_eq!(told.next().unwrap(), "cameras Simulated camera+Second camera");
    std::fs::remove_file(&node).unwrap();
    assert_eq!(told.next().unwrap(), "cameras Second camera");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_camera_pulled_out_in_mid_call_says_so() {
    let saw = seen(&[("V4L2SIM_UNPLUG_AFTER", "5")]);
    assert!(saw.iter().any(|line| line.starts_with("frame ")), "{saw:?}");
    assert_eq!(saw.last().unwrap(), r#"failure Unplugged { device: "Simulated camera" }"#, "{saw:?}");
}
