//! The echo: in a room, of two loudspeakers, and when the room or the devices change.

use std::thread;

use beckon_media::voice::{VoiceControl, VoiceSettings};
use beckon_test_sound::{
    RATE,
    drift::drift,
    measure::{erle_db, lateness, level_of_db, louder_s, loudest_dbfs, set_active_rms, settled_s},
    noise::{fan, music},
    room::Room,
    stoi::stoi,
};

use crate::echoes::{Change, echo_of_both};
use crate::run::{process_drifting, process_stereo, with_hush};

/// Near speech begins here, s: the far end has been talking for some time. It is compared from a second later on.
const BOTH_FROM: usize = 6;
/// When something changes, s.
const CHANGE: usize = 7;

/// What is switched on.
struct Controls {
    /// Echo cancellation alone.
    bare: VoiceControl,
    /// With high-pass.
    only: VoiceControl,
    all: VoiceControl,
    /// All but automatic gain, whose work it is to change levels.
    level: VoiceControl,
}

impl Controls {
    fn new() -> Self {
        Self {
            bare: VoiceControl::new(VoiceSettings { echo_cancellation: true, ..VoiceSettings::OFF }),
            only: VoiceControl::new(VoiceSettings { echo_cancellation: true, high_pass: true, ..VoiceSettings::OFF }),
            all: VoiceControl::new(VoiceSettings::default()),
            level: VoiceControl::new(VoiceSettings { automatic_gain: false, ..VoiceSettings::default() }),
        }
    }
}

/// A fan at the far end, as loud as speech: it leaves the canceller no quiet moment to follow in.
fn steady_noise(length: usize) -> Vec<f32> {
    let mut noise = fan(8, length);
    set_active_rms(&mut noise, 0.1);
    noise
}

/// `microphone` with the near end's speech.
fn both_talk(microphone: &[f32], near: &[f32]) -> Vec<f32> {
    let mut both = microphone.to_vec();
    both[BOTH_FROM * RATE..].iter_mut().zip(&near[BOTH_FROM * RATE..]).for_each(|(m, n)| *m += n);
    both
}

/// Level of near speech in dB and its STOI, as two columns.
fn kept(near: &[f32], out: &[f32]) -> String {
    let (near, out) = (&near[(BOTH_FROM + 1) * RATE..], &out[(BOTH_FROM + 1) * RATE..]);
    // What takes its time is not for that less intelligible.
    let out = &out[lateness(&near[..2 * RATE], &out[..2 * RATE])..];
    let near = &near[..out.len()];
    format!("{:+.1} | {:.2}", level_of_db(near, out), stoi(near, out).unwrap_or(0.0))
}

/// One loudspeaker, or two that play the same: delays and clocks.
pub fn room(far: &[f32], near: &[f32]) {
    println!("\n### Echo\n");
    println!(
        "| far end | delay, ms | drift, ppm | ERLE after 3 s, dB | without high-pass, dB | all processing on, dB | near speech while both talk, dB | STOI of it | all on but gain: near speech, dB | STOI of it |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let controls = Controls::new();
    for (name, played) in [("speech", far.to_vec()), ("music", music(2, far.len())), ("noise", steady_noise(far.len()))]
    {
        for delay_ms in [40, 120, 300] {
            let row = &|ppm: f64| {
                let echo = drift(&Room::office().echo(&played, delay_ms), ppm);
                let microphone = with_hush(&echo);
                let both = both_talk(&microphone, near);
                let process = |control, microphone: &[f32]| process_drifting(control, &played, microphone, ppm);
                let erle = |control| erle_db(&echo[3 * RATE..], &process(control, &microphone)[3 * RATE..]);
                format!(
                    "| {name} | {delay_ms} | {ppm:+} | {:.1} | {:.1} | {:.1} | {} | {} |",
                    erle(&controls.only),
                    erle(&controls.bare),
                    erle(&controls.all),
                    kept(near, &process(&controls.only, &both)),
                    kept(near, &process(&controls.level, &both))
                )
            };
            // What they cost is measured elsewhere.
            let rows = thread::scope(|scope| {
                [0.0, 100.0, -100.0].map(|ppm| scope.spawn(move || row(ppm))).map(|row| row.join().unwrap())
            });
            rows.iter().for_each(|row| println!("{row}"));
        }
    }
}

/// Two loudspeakers, the right one further away: mono as voices are, and a shared screen's stereo.
pub fn two_loudspeakers(far: &[f32], near: &[f32]) {
    println!("\n### Echo of two loudspeakers\n");
    println!(
        "| left and right | delay, ms | ERLE after 3 s, dB | all processing on, dB | near speech while both talk, dB | STOI of it | all on but gain: near speech, dB | STOI of it |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let controls = Controls::new();
    let (one, other) = (music(2, far.len()), music(12, far.len()));
    let scaled = |sound: &[f32], by: f32| -> Vec<f32> { sound.iter().map(|s| s * by).collect() };
    let panned = |sound: &[f32], left, right| [scaled(sound, left), scaled(sound, right)];
    let voice_and_music = [&one, &other].map(|m| far.iter().zip(m).map(|(v, m)| v * 0.6 + m * 0.3).collect());
    for (name, [left, right]) in [
        ("speech on both", panned(far, 0.7, 0.7)),
        ("music on both", panned(&one, 0.7, 0.7)),
        ("music, left only", panned(&one, 1.0, 0.0)),
        ("music, 10 dB louder left", panned(&one, 0.95, 0.3)),
        ("other music left than right", [scaled(&one, 0.7), scaled(&other, 0.7)]),
        ("speech on both, other music left than right", voice_and_music),
    ] {
        for delay_ms in [40, 120] {
            let echo = echo_of_both([&left, &right], delay_ms);
            let microphone = with_hush(&echo);
            let both = both_talk(&microphone, near);
            let process = |control, microphone: &[f32]| process_stereo(control, [&left, &right], microphone);
            let erle = |control| erle_db(&echo[3 * RATE..], &process(control, &microphone)[3 * RATE..]);
            println!(
                "| {name} | {delay_ms} | {:.1} | {:.1} | {} | {} |",
                erle(&controls.only),
                erle(&controls.all),
                kept(near, &process(&controls.only, &both)),
                kept(near, &process(&controls.level, &both))
            );
        }
    }
}

/// What changes in mid-call without a word: how soon the echo is gone again, and how loud it is until then.
pub fn changes(far: &[f32]) {
    println!("\n### Changes in mid-call: after seven seconds, at 120 ms, the room's own noise at -75 dBFS\n");
    println!(
        "| far end | what changes | on | 20 dB again after, s | 30 dB again after, s | loudest 200 ms, dBFS | above -30 dBFS, s | above -50 dBFS, s |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let controls = Controls::new();
    let length = (CHANGE + 6) * RATE;
    for (name, played) in [("speech", far[..length].to_vec()), ("music", music(2, length))] {
        for (what, change) in [
            ("loudspeaker 12 dB louder", Change::Louder),
            ("loudspeaker 12 dB quieter", Change::Quieter),
            ("60 ms later", Change::Later),
            ("60 ms earlier", Change::Earlier),
            ("the microphone's place", Change::Moved),
        ] {
            let echo = change.echo(&played, CHANGE);
            let microphone: Vec<f32> = echo.iter().zip(fan(9, length)).map(|(s, n)| s + n * 0.0018).collect();
            for (on, control) in [("echo cancellation, high-pass", &controls.only), ("everything", &controls.all)] {
                let out = process_drifting(control, &played, &microphone, 0.0);
                let (echo, out) = (&echo[CHANGE * RATE..], &out[CHANGE * RATE..]);
                println!(
                    "| {name} | {what} | {on} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
                    settled_s(echo, out, 20.0),
                    settled_s(echo, out, 30.0),
                    loudest_dbfs(out),
                    louder_s(out, -30.0),
                    louder_s(out, -50.0)
                );
            }
        }
    }
}
