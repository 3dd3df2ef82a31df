//! What only PipeWire does: its graph runs in steps of a length that others choose, and that changes.

use std::time::{Duration, Instant};

use beckon_media::audio_io::{DeviceChoice, Speaker};

use super::*;

/// Gaps while `frames` are taken for so long.
fn gaps(speaker: &Speaker, frames: &mpsc::Receiver<AudioFrame>, time: Duration) -> (u64, usize) {
    while frames.try_recv().is_ok() {}
    let before = speaker.stats().glitches();
    let until = Instant::now() + time;
    let mut holes = 0;
    while Instant::now() < until {
        let frame = frames.recv_timeout(PATIENCE).unwrap();
        holes += usize::from(frame.samples.windows(24).any(|s| s.iter().all(|s| *s == 0.0)));
    }
    (speaker.stats().glitches() - before, holes)
}

/// A test of what PipeWire alone does.
macro_rules! on_pipewire {
    ($($test:ident)+) => {
        mod alone {
            $(
                #[test]
                fn $test() {
                    let name = concat!("graph::alone::", stringify!($test));
                    crate::server::in_child(crate::server::Kind::PipeWire, name, super::$test);
                }
            )+
        }
    };
}

on_pipewire! {
    steps_of_any_length_carry_the_tone_and_may_change_in_mid_call
    what_is_told_of_the_way_is_true_with_long_steps
    a_program_that_speaks_pipewire_itself_is_heard
}

fn steps_of_any_length_carry_the_tone_and_may_change_in_mid_call(session: &Session) {
    let _server = session.start(&["beckon_a"]);
    let speaker = Speaker::open(DeviceChoice::Default, tone(440.0, 0.5), |_| ()).unwrap();
    let (running, frames, stats) = microphone(DeviceChoice::Default, |_| ());
    for quantum in [0, 256, 2048, 8192, 1024, 128] {
        session.force_quantum(quantum);
        hear(&frames, 440.0, -9.03);
        let gaps = gaps(&speaker, &frames, Duration::from_secs(3));
        println!("steps of {quantum} frames: {gaps:?} gaps");
        report("speaker", &speaker.stats());
        report("microphone", &stats);
    }
    running.stop();
    speaker.close();
}

fn what_is_told_of_the_way_is_true_with_long_steps(session: &Session) {
    let _server = session.start(&["beckon_a"]);
    session.force_quantum(1024);
    let off = captured_after_it_was_heard();
    assert!(off[10..].iter().all(|ms| ms.abs() < 100.0), "{off:?}");
}

/// By no server's protocol but PipeWire's own, as more and more programs do.
fn a_program_that_speaks_pipewire_itself_is_heard(session: &Session) {
    let _server = session.start(&["beckon_a"]);
    let samples: Vec<u8> = (0..48_000 * 30)
        .map(|n| ((TAU * 440.0 * (n % 48_000) as f32 / 48_000.0).sin() * 8192.0).round() as i16)
        .flat_map(i16::to_le_bytes)
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tone.wav");
    std::fs::write(&file, [wave_head(samples.len() as u32).as_slice(), &samples].concat()).unwrap();
    let (tx, frames) = mpsc::channel();
    let source = Box::new(beckon_media::system_sound::SystemSound::new());
    let running = source.start(Box::new(move |frame| drop(tx.send(frame)))).unwrap();
    let _program = session.play_by_pipewire(&file);
    hear(&frames, 440.0, -15.05);
    running.stop();
}

/// The head of a WAVE file of 16 bits, mono, 48 kHz.
fn wave_head(bytes: u32) -> Vec<u8> {
    let mut head = b"RIFF".to_vec();
    head.extend((bytes + 36).to_le_bytes());
    head.extend(b"WAVEfmt ");
    for (value, size) in [(16u32, 4), (1, 2), (1, 2), (48_000, 4), (96_000, 4), (2, 2), (16, 2)] {
        head.extend(&value.to_le_bytes()[..size]);
    }
    head.extend(b"data");
    head.extend(bytes.to_le_bytes());
    head
}
