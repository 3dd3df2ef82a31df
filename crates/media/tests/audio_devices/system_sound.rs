//! What other programs play is heard, what we play is not.

use std::f32::consts::TAU;

use beckon_media::{RunningSource, system_sound};

use super::*;

/// Another program that plays a tone, until it is dropped.
struct Program(Child);

impl Program {
    fn play(hz: f32, amplitude: f32, sink: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tone.raw");
        let sample = |n: u32| (TAU * hz * (n % 48_000) as f32 / 48_000.0).sin() * amplitude;
        std::fs::write(&file, (0..48_000 * 30).flat_map(|n| sample(n).to_le_bytes()).collect::<Vec<u8>>()).unwrap();
        let child = Command::new("pacat")
            .args(["--playback", "--raw", "--format=float32le", "--rate=48000", "--channels=1", "--latency-msec=40"])
            .arg(format!("--device={sink}"))
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the program to play", || {
            let output = Command::new("pactl").args(["list", "short", "sink-inputs"]).output().unwrap();
            !output.stdout.is_empty()
        });
        // It has opened the file.
        std::mem::forget(folder);
        Self(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listen() -> (RunningSource, mpsc::Receiver<AudioFrame>) {
    let (tx, rx) = mpsc::channel();
    let source = Box::new(system_sound::SystemSound::new());
    (source.start(Box::new(move |frame| drop(tx.send(frame)))).unwrap(), rx)
}

/// The level of one pitch in dBFS, over a second that begins now.
fn level_of(frames: &mpsc::Receiver<AudioFrame>, pitches: &[f32]) -> Vec<f32> {
    while frames.try_recv().is_ok() {}
    let second: Vec<f32> = (0..100).flat_map(|_| frames.recv_timeout(PATIENCE).unwrap().samples.to_vec()).collect();
    let level = |hz: &f32| {
        let (mut re, mut im) = (0.0f64, 0.0f64);
        for (n, s) in second.iter().enumerate() {
            let angle = std::f64::consts::TAU * f64::from(*hz) * n as f64 / 48_000.0;
            re += f64::from(*s) * angle.cos();
            im += f64::from(*s) * angle.sin();
        }
        let amplitude = (re * re + im * im).sqrt() * 2.0 / second.len() as f64;
        (20.0 * (amplitude / 2f64.sqrt() + 1e-9).log10()) as f32
    };
    pitches.iter().map(level).collect()
}

/// Waits until these pitches have these levels, within 1 dB; `None`: less than −80 dBFS.
fn expect(frames: &mpsc::Receiver<AudioFrame>, pitches: &[(f32, Option<f32>)]) {
    let hz: Vec<f32> = pitches.iter().map(|(hz, _)| *hz).collect();
    let mut last = Vec::new();
    wait_for("the expected levels", || {
        last = level_of(frames, &hz);
        println!("{hz:?} Hz: {last:.1?} dBFS");
        last.iter().zip(pitches).all(|(level, (_, wanted))| match wanted {
            Some(wanted) => (level - wanted).abs() < 1.0,
            None => *level < -80.0,
        })
    });
}

#[test]
fn the_computers_sound_is_what_others_play_and_never_what_we_play() {
    let name = "system_sound::the_computers_sound_is_what_others_play_and_never_what_we_play";
    let Some(socket) = in_child(name) else { return };
    assert!(!system_sound::available());
    let pulse = Pulse::start(&socket, &["beckon_a", "beckon_b"]);
    assert!(system_sound::available());

    let speaker = Speaker::open(DeviceChoice::Default, tone(440.0, 0.5), |_| ()).unwrap();
    // What a listener to the loudspeaker itself would hear.
    let (_monitor, monitored, _) = microphone(DeviceChoice::Default, |_| ());
    let (running, frames) = listen();
    expect(&monitored, &[(440.0, Some(-9.0))]);
    expect(&frames, &[(440.0, None)]);

    let first = Program::play(1000.0, 0.25, "beckon_a");
    expect(&frames, &[(440.0, None), (1000.0, Some(-15.05))]);
    expect(&monitored, &[(440.0, Some(-9.0)), (1000.0, Some(-15.05))]);
    // Another one, on a loudspeaker that is not the default.
    let second = Program::play(3000.0, 0.1, "beckon_b");
    expect(&frames, &[(440.0, None), (1000.0, Some(-15.05)), (3000.0, Some(-23.0))]);

    drop(second);
    expect(&frames, &[(440.0, None), (1000.0, Some(-15.05)), (3000.0, None)]);
    // A stream that is moved ends for who listens to it, and is listened to anew.
    let list = Command::new("pactl").args(["list", "short", "sink-inputs"]).output().unwrap();
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let stream = list.lines().find(|line| line.contains("float32le 1ch")).unwrap().split('\t').next().unwrap();
    let moved = Command::new("pactl").args(["move-sink-input", stream, "beckon_b"]).status().unwrap();
    assert!(moved.success());
    expect(&frames, &[(440.0, None), (1000.0, Some(-15.05))]);
    drop(first);
    expect(&frames, &[(440.0, None), (1000.0, None)]);

    drop(pulse);
    expect(&frames, &[(440.0, None), (1000.0, None)]);
    let _pulse = Pulse::start(&socket, &["beckon_again"]);
    let _third = Program::play(1000.0, 0.25, "beckon_again");
    expect(&frames, &[(440.0, None), (1000.0, Some(-15.05))]);
    running.stop();
    speaker.close();
}
