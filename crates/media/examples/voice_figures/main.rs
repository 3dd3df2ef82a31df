//! What the voice processing, codec and jitter buffer make of speech: tables for `tests/bench/RESULTS.md`, printed by
//! `cargo xtask bench sound`.
//!
//! `voice_figures FAR NEAR`: two recordings of speech, raw 32-bit float, 48 kHz, mono.
#![allow(clippy::unwrap_used)]

mod echo;
#[path = "../../tests/voice/echoes.rs"]
mod echoes;
#[allow(dead_code, reason = "each user of it reads other figures")]
#[path = "../../tests/voice/line.rs"]
mod line;
#[path = "../../tests/voice/run.rs"]
mod run;

use std::time::Instant;

use beckon_media::audio_io::{MixInput, Mixer};
use beckon_media::codec::OpusConfig;
use beckon_media::voice::{NoiseSuppression, VoiceControl, VoiceSettings};
use beckon_media::{AudioFrame, MediaTime};
use beckon_test_sound::{
    RATE,
    measure::{dbfs, lateness, level_of_db, rms, set_active_rms},
    noise::{fan, music},
    room::Room,
    stoi::{stoi, stoi_in_parts},
};
use line::Line;
use run::{noise_down_db, process, process_stereo, with_hush};

/// Length of the recordings used, s.
const SECONDS: usize = 15;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut speech = || recording(&arguments.next().expect("two recordings of speech as arguments"));
    let (far, near) = (speech(), speech());
    echo::room(&far, &near);
    echo::two_loudspeakers(&far, &near);
    echo::changes(&far);
    noise(&near);
    gain(&near);
    network(&near);
    cost(&far, &near);
}

/// `SECONDS` of the recording, repeated if it is shorter, speaking at −20 dBFS.
fn recording(path: &str) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let samples = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
    let mut sound: Vec<f32> = samples.collect::<Vec<_>>().into_iter().cycle().take(SECONDS * RATE).collect();
    assert_eq!(sound.len(), SECONDS * RATE, "{path} is empty");
    set_active_rms(&mut sound, 0.1);
    sound
}

fn noise(near: &[f32]) {
    println!("\n### Noise: speech 10 dB above a fan\n");
    println!("| strength | noise down, dB | STOI (before: as in the first row) | speech level, dB | later, ms |");
    println!("|---|---|---|---|---|");
    let noisy: Vec<f32> = near.iter().zip(fan(6, near.len())).map(|(s, n)| s + n * 0.316).collect();
    for strength in [NoiseSuppression::Off, NoiseSuppression::Low, NoiseSuppression::Medium, NoiseSuppression::High] {
        let control = VoiceControl::new(VoiceSettings { noise_suppression: strength, ..VoiceSettings::OFF });
        let out = process(&control, &vec![0.0; near.len()], &noisy);
        // What takes its time is not for that less intelligible.
        let late = lateness(&near[3 * RATE..8 * RATE], &out[3 * RATE..8 * RATE]);
        let out = &out[late..];
        println!(
            "| {strength:?} | {:.1} | {:.2} | {:+.1} | {:.1} |",
            noise_down_db(near, &noisy, out),
            stoi(&near[..out.len()], out).unwrap_or(0.0),
            level_of_db(&near[3 * RATE..], &out[3 * RATE..]),
            late as f64 * 1000.0 / RATE as f64
        );
    }
}

fn gain(near: &[f32]) {
    println!("\n### Automatic gain: a voice in a quiet room (-60 dBFS)\n");
    println!(
        "| voice, dBFS | comes out after 10 s, dBFS | within 3 dB of that after, s | loudest sample, dBFS | pauses, dBFS |"
    );
    println!("|---|---|---|---|---|");
    let control = VoiceControl::new(VoiceSettings { automatic_gain: true, ..VoiceSettings::OFF });
    for dbfs_in in [-46.0, -40.0, -34.0, -28.0, -20.0, -12.0] {
        let mut voice = near.to_vec();
        set_active_rms(&mut voice, 10f32.powf(dbfs_in / 20.0));
        let out = process(&control, &vec![0.0; voice.len()], &with_hush(&voice));
        let amplified = |from: usize, to: usize| level_of_db(&voice[from..to], &out[from..to]);
        let end = amplified(10 * RATE, voice.len());
        let settled = (0..10).find(|s| (amplified(s * RATE, (s + 2) * RATE) - end).abs() <= 3.0);
        let pauses: Vec<f32> = (10 * RATE..voice.len() - 960)
            .step_by(480)
            .filter(|at| rms(&voice[at - 4800..at + 960]) < 0.01 * 10f32.powf(dbfs_in / 20.0))
            .flat_map(|at| out[at..at + 480].iter().copied())
            .collect();
        println!(
            "| {dbfs_in} | {:.1} | {} | {:.1} | {:.1} |",
            dbfs_in + end,
            settled.map_or("–".to_owned(), |s| s.to_string()),
            20.0 * out.iter().fold(0.0f32, |most, s| most.max(s.abs())).log10(),
            dbfs(&pauses)
        );
    }
}

fn network(near: &[f32]) {
    println!("\n### Network: Opus and jitter buffer\n");
    println!(
        "| bitrate, kbit/s | sent, kbit/s | loss, % | jitter, ms | FEC | STOI | made up, ms | brought back, ms | waits, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (kbit, loss, jitter_ms, fec) in [
        (24, 0.0, 0.0, true),
        (32, 0.0, 0.0, true),
        (64, 0.0, 0.0, true),
        (24, 0.1, 0.0, true),
        (32, 0.05, 0.0, true),
        (32, 0.1, 0.0, true),
        (32, 0.1, 0.0, false),
        (32, 0.2, 0.0, true),
        (64, 0.1, 0.0, true),
        (32, 0.0, 60.0, true),
        (32, 0.0, 200.0, true),
    ] {
        let expected_loss_percent = ((loss * 150.0) as u8).max(10);
        let opus = OpusConfig { bitrate_bps: kbit * 1000, fec, expected_loss_percent, ..OpusConfig::default() };
        let line = Line { loss, lost_of: 0, jitter_ms, ppm: 0.0, opus, seed: 42 };
        let heard = line.carry(near.as_chunks::<480>().0.iter().copied());
        let stats = heard.stats.last().unwrap();
        println!(
            "| {kbit} | {:.0} | {:.0} | {jitter_ms} | {} | {:.3} | {} | {} | {} |",
            heard.bytes as f64 * 8.0 / 1000.0 / SECONDS as f64,
            loss * 100.0,
            if fec { "on" } else { "off" },
            stoi_in_parts(near, &heard.sound).unwrap_or(0.0),
            stats.concealed / 48,
            stats.fec / 48,
            stats.delay.as_millis()
        );
    }
}

/// Processor time of 10 ms of sound.
fn cost(far: &[f32], near: &[f32]) {
    println!("\n### Cost of 10 ms, µs (median of 5 runs)\n");
    println!("| what | µs |\n|---|---|");
    let echo = Room::office().echo(far, 120);
    let microphone: Vec<f32> = near.iter().zip(echo).map(|(n, e)| n + e).collect();
    let row = |name: &str, work: &mut dyn FnMut()| {
        let mut runs: Vec<f64> = (0..5)
            .map(|_| {
                let begun = Instant::now();
                work();
                begun.elapsed().as_secs_f64() * 1e6 / (SECONDS * 100) as f64
            })
            .collect();
        runs.sort_by(f64::total_cmp);
        println!("| {name} | {:.0} |", runs[2]);
    };
    let off = VoiceSettings::OFF;
    for (name, settings) in [
        ("echo cancellation", VoiceSettings { echo_cancellation: true, ..off }),
        ("noise suppression", VoiceSettings { noise_suppression: NoiseSuppression::Medium, ..off }),
        ("automatic gain", VoiceSettings { automatic_gain: true, ..off }),
        ("high-pass", VoiceSettings { high_pass: true, ..off }),
        ("everything", VoiceSettings::default()),
    ] {
        row(name, &mut || drop(process(&VoiceControl::new(settings), far, &microphone)));
    }
    let (all, other) = (VoiceControl::new(VoiceSettings::default()), music(3, far.len()));
    row("everything, two loudspeakers that play different things", &mut || {
        drop(process_stereo(&all, [far, &other], &microphone));
    });
    let frames: Vec<Vec<AudioFrame>> = near
        .as_chunks::<480>()
        .0
        .iter()
        .map(|c| (0..5).map(|_| AudioFrame::new(c.to_vec(), 1, MediaTime(0))).collect())
        .collect();
    row("mixing five voices", &mut || {
        let (mut mixer, mut out, mut levels) = (Mixer::new(), [0.0; Mixer::FRAME_LEN], Vec::new());
        for voices in &frames {
            let inputs: Vec<MixInput<'_>> = voices.iter().map(|frame| MixInput { frame, gain: 1.0 }).collect();
            mixer.mix(&inputs, &mut out, &mut levels);
        }
    });
}
