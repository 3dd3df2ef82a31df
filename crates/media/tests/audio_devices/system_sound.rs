//! What other programs play is heard, what we play is not.

use std::f32::consts::TAU;
use std::process::{Child, Command, Stdio};

use beckon_media::{RunningSource, system_sound};

use super::*;

/// Another program that plays a tone, until it is dropped.
struct Program {
    child: Child,
    /// The server's number of what it plays.
    stream: String,
}

impl Program {
    fn play(hz: f32, amplitudes: [f32; 2], sink: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tone.raw");
        let frame = |n: u32| amplitudes.map(|amplitude| (TAU * hz * (n % 48_000) as f32 / 48_000.0).sin() * amplitude);
        let samples = (0..48_000 * 60).flat_map(frame).flat_map(f32::to_le_bytes);
        std::fs::write(&file, samples.collect::<Vec<u8>>()).unwrap();
        let numbers = || -> Vec<String> {
            let list = pactl(&["list", "short", "sink-inputs"]);
            list.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
        };
        let before = numbers();
        let child = Command::new("pacat")
            .args(["--playback", "--raw", "--format=float32le", "--rate=48000", "--channels=2", "--latency-msec=40"])
            .arg(format!("--device={sink}"))
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut stream = String::new();
        wait_for("the program to play", || {
            stream = numbers().into_iter().find(|number| !before.contains(number)).unwrap_or_default();
            !stream.is_empty()
        });
        // It has opened the file.
        drop(folder);
        Self { child, stream }
    }

    /// Has it play to another sink, as a person does with a mixer. WirePlumber may overlook that while another stream is just
    /// ending; who then finds the stream where it was asks again.
    fn move_to(&self, from: &str, to: &str) {
        let column = |list: &str, of: &str, number: usize| {
            let columns = pactl(&["list", "short", list]);
            let of_line = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            columns.lines().map(of_line).find(|line| line.iter().any(|c| c == of)).map(|line| line[number].clone())
        };
        let wanted = column("sinks", to, 0);
        let moved = || column("sink-inputs", &self.stream, 1) == wanted;
        wait_for("the stream to move", || {
            pactl(&["move-sink-input", &self.stream, from]);
            pactl(&["move-sink-input", &self.stream, to]);
            let until = Instant::now() + Duration::from_secs(3);
            while !moved() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(20));
            }
            moved()
        });
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen() -> (RunningSource, mpsc::Receiver<AudioFrame>) {
    let (tx, rx) = mpsc::channel();
    let source = Box::new(system_sound::SystemSound::new());
    (source.start(Box::new(move |frame| drop(tx.send(frame)))).unwrap(), rx)
}

/// In place of a level: less than −80 dBFS.
const SILENT: f32 = -100.0;

/// The levels of some pitches in dBFS, on each channel, over a second that begins now.
fn levels_of(frames: &mpsc::Receiver<AudioFrame>, pitches: &[f32]) -> Vec<Vec<f32>> {
    while frames.try_recv().is_ok() {}
    let second: Vec<AudioFrame> = (0..100).map(|_| frames.recv_timeout(PATIENCE).unwrap()).collect();
    let level = |hz: f32, channel: usize| {
        let (mut re, mut im) = (0.0f64, 0.0f64);
        let samples = second.iter().flat_map(|f| f.samples.iter().skip(channel).step_by(f.channels.into()));
        for (n, s) in samples.enumerate() {
            let angle = std::f64::consts::TAU * f64::from(hz) * n as f64 / 48_000.0;
            re += f64::from(*s) * angle.cos();
            im += f64::from(*s) * angle.sin();
        }
        let amplitude = (re * re + im * im).sqrt() * 2.0 / 48_000.0;
        (20.0 * (amplitude / 2f64.sqrt() + 1e-9).log10()) as f32
    };
    let channels = usize::from(second[0].channels);
    pitches.iter().map(|hz| (0..channels).map(|channel| level(*hz, channel)).collect()).collect()
}

/// Waits until these pitches have these levels, on the left and on the right, within 1 dB. What has one channel brings the first.
fn expect(frames: &mpsc::Receiver<AudioFrame>, pitches: &[(f32, [f32; 2])]) {
    let hz: Vec<f32> = pitches.iter().map(|(hz, _)| *hz).collect();
    let mut last = Vec::new();
    wait_for("the expected levels", || {
        last = levels_of(frames, &hz);
        println!("{hz:?} Hz: {last:.1?} dBFS");
        last.iter().zip(pitches).all(|(levels, (_, wanted))| {
            levels.iter().zip(wanted).all(|(level, wanted)| match *wanted {
                SILENT => *level < -80.0,
                wanted => (level - wanted).abs() < 1.0,
            })
        })
    });
}

pub fn the_computers_sound_is_what_others_play_and_never_what_we_play(session: &Session) {
    const OURS: (f32, [f32; 2]) = (440.0, [SILENT; 2]);
    const FIRST: (f32, [f32; 2]) = (1000.0, [-15.05, SILENT]);
    assert!(!system_sound::available());
    let server = session.start(&["beckon_a", "beckon_b"]);
    assert!(system_sound::available());

    let speaker = Speaker::open(DeviceChoice::Default, tone(440.0, 0.5), |_| ()).unwrap();
    // What a listener to the loudspeaker itself would hear.
    let (_monitor, monitored, _) = microphone(DeviceChoice::Default, |_| ());
    let (running, frames) = listen();
    expect(&monitored, &[(440.0, [-9.0; 2])]);
    expect(&frames, &[OURS]);

    // On the left alone, which is half of it for who hears both as one.
    let first = Program::play(1000.0, [0.25, 0.0], "beckon_a");
    expect(&frames, &[OURS, FIRST]);
    expect(&monitored, &[(440.0, [-9.0; 2]), (1000.0, [-21.07; 2])]);
    // Another one, on a loudspeaker that is not the default.
    let second = Program::play(3000.0, [0.1, 0.1], "beckon_b");
    expect(&frames, &[OURS, FIRST, (3000.0, [-23.0; 2])]);

    drop(second);
    expect(&frames, &[OURS, FIRST, (3000.0, [SILENT; 2])]);
    // A stream that is moved may end for who listens to it, and is listened to anew.
    first.move_to("beckon_a", "beckon_b");
    expect(&monitored, &[(440.0, [-9.0; 2]), (1000.0, [SILENT; 2])]);
    expect(&frames, &[OURS, FIRST]);
    drop(first);
    expect(&frames, &[OURS, (1000.0, [SILENT; 2])]);
    // Nothing listens on to anything else in its place: only our microphone does.
    wait_for("one listener", || pactl(&["list", "short", "source-outputs"]).lines().count() == 1);

    drop(server);
    expect(&frames, &[OURS, (1000.0, [SILENT; 2])]);
    let _server = session.start(&["beckon_again"]);
    let _third = Program::play(1000.0, [0.25, 0.0], "beckon_again");
    expect(&frames, &[OURS, FIRST]);
    running.stop();
    speaker.close();
}
