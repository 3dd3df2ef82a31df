use std::sync::LazyLock;

use beckon_media::voice::{FarEnd, NoiseSuppression, VoiceControl, VoiceProcessor, VoiceSettings};
use beckon_media::{AudioFrame, MediaTime};
use beckon_test_sound::{
    RATE,
    drift::drift,
    measure::{active, dbfs, erle_db, lateness, level_of_db, loudest_dbfs, set_active_rms, settled_s},
    noise::{fan, music},
    room::Room,
    speech::speech,
    stoi::stoi,
};

use crate::echoes::{Change, echo_of_both};
use crate::run::{noise_down_db, process, process_drifting, process_stereo, with_hush};

const ECHO: VoiceSettings = VoiceSettings { echo_cancellation: true, ..VoiceSettings::OFF };

/// What users run, but for automatic gain, whose work it is to change levels.
const LEVEL: VoiceSettings = VoiceSettings {
    echo_cancellation: true,
    noise_suppression: NoiseSuppression::Medium,
    automatic_gain: false,
    high_pass: true,
};

/// What is played at the far end for twelve seconds, and the office's echo of it without delay, as microphones hear it whose clocks are
/// faster by so many parts per million.
struct Played {
    name: &'static str,
    sound: Vec<f32>,
    echoes: [(f64, Vec<f32>); 3],
}

static PLAYED: LazyLock<[Played; 2]> = LazyLock::new(|| {
    [("speech", speech(1, 12 * RATE)), ("music", music(2, 12 * RATE))].map(|(name, sound)| {
        let echo = Room::office().echo(&sound, 0);
        let drifted = |ppm| (ppm, drift(&echo, ppm));
        let echoes = [(0.0, echo.clone()), drifted(100.0), drifted(-100.0)];
        Played { name, sound, echoes }
    })
});

/// A far end in a room.
struct Echo {
    name: String,
    played: &'static [f32],
    echo: Vec<f32>,
    ppm: f64,
    /// Whether it is one of those at which the canceller is looked at alone too.
    alone: bool,
}

/// Both far ends with all delays and differences of the clocks.
fn echoes() -> impl Iterator<Item = Echo> {
    PLAYED.iter().flat_map(|played| {
        [40, 120, 300].into_iter().flat_map(move |delay_ms| {
            played.echoes.iter().map(move |(ppm, echo)| {
                let late = delay_ms * RATE / 1000;
                Echo {
                    name: format!("{}, {delay_ms} ms, {ppm} ppm", played.name),
                    played: &played.sound,
                    echo: [&vec![0.0; late], &echo[..echo.len() - late]].concat(),
                    ppm: *ppm,
                    alone: [(40, 0.0), (120, 100.0), (300, -100.0)].contains(&(delay_ms, *ppm)),
                }
            })
        })
    })
}

#[test]
fn the_echo_is_gone_after_three_seconds_at_every_delay_and_drift() {
    for Echo { name, played, echo, ppm, alone } in echoes() {
        for settings in [VoiceSettings::default()].into_iter().chain(alone.then_some(ECHO)) {
            let out = process_drifting(&VoiceControl::new(settings), played, &with_hush(&echo[..9 * RATE]), ppm);
            let erle = erle_db(&echo[3 * RATE..9 * RATE], &out[3 * RATE..]);
            println!("{name}, {settings:?}: {erle:.1} dB");
            assert!(erle >= 30.0, "{name}, {settings:?}: {erle:.1} dB");
        }
    }
}

#[test]
fn near_speech_is_kept_while_both_talk() {
    // The near end begins once the far end has been talking for some time, and is compared from a second later on.
    let (begins, compared) = (6 * RATE, 7 * RATE);
    let near = speech(7, 12 * RATE);
    for Echo { name, played, echo, ppm, alone } in echoes() {
        let mut microphone = with_hush(&echo);
        for (m, n) in microphone[begins..].iter_mut().zip(&near[begins..]) {
            *m += n;
        }
        for settings in [LEVEL].into_iter().chain(alone.then_some(ECHO)) {
            let out = process_drifting(&VoiceControl::new(settings), played, &microphone, ppm);
            let (near, out) = (&near[compared..], &out[compared..]);
            let level = level_of_db(near, out);
            // What takes its time is not for that less intelligible.
            let out = &out[lateness(&near[..2 * RATE], &out[..2 * RATE])..];
            let clear = stoi(&near[..out.len()], out).unwrap();
            println!("{name}, {settings:?}: {level:.1} dB, STOI {clear:.3}");
            assert!(level.abs() <= 3.0, "{name}, {settings:?}: {level:.1} dB");
            assert!(clear >= 0.7, "{name}, {settings:?}: STOI {clear:.3}");
        }
    }
}

#[test]
fn two_loudspeakers_that_play_different_things_leave_no_echo() {
    let length = 8 * RATE;
    let [left, right] = [2, 12].map(|seed| music(seed, length).into_iter().map(|s| s * 0.7).collect::<Vec<f32>>());
    let echo = echo_of_both([&left, &right], 40);
    for settings in [ECHO, VoiceSettings::default()] {
        let out = process_stereo(&VoiceControl::new(settings), [&left, &right], &with_hush(&echo));
        let erle = erle_db(&echo[3 * RATE..], &out[3 * RATE..]);
        assert!(erle >= 30.0, "{settings:?}: {erle:.1} dB");
    }
}

#[test]
fn an_echo_that_changes_in_mid_call_is_no_loud_burst_and_soon_gone_again() {
    let (at, length) = (5, 9 * RATE);
    // Automatic gain raises what nobody outshouts.
    let control = VoiceControl::new(VoiceSettings { automatic_gain: false, ..VoiceSettings::default() });
    for (name, played, changes) in [
        ("speech", speech(1, length), [Change::Louder, Change::Later, Change::Moved]),
        ("music", music(2, length), [Change::Louder, Change::Quieter, Change::Earlier]),
    ] {
        for change in changes {
            let echo = change.echo(&played, at);
            let out = process(&control, &played, &with_hush(&echo));
            let (echo, out) = (&echo[at * RATE..], &out[at * RATE..]);
            let (settled, loudest) = (settled_s(echo, out, 20.0), loudest_dbfs(out));
            assert!(settled <= 3.0, "{name}, {change:?}: {settled:.1} s");
            assert!(loudest < -24.0, "{name}, {change:?}: {loudest:.1} dBFS");
        }
    }
}

#[test]
fn steady_noise_is_followed_although_the_clocks_drift_apart() {
    let length = 12 * RATE;
    let mut played = fan(8, length);
    set_active_rms(&mut played, 0.1);
    for ppm in [0.0, 100.0, -100.0] {
        let echo = drift(&Room::office().echo(&played, 120), ppm);
        let out = process_drifting(&VoiceControl::new(ECHO), &played, &with_hush(&echo), ppm);
        let erle = erle_db(&echo[3 * RATE..], &out[3 * RATE..]);
        assert!(erle >= 25.0, "{ppm} ppm: {erle:.1} dB");
    }
}

#[test]
fn noise_goes_down_by_the_chosen_strength_and_speech_stays() {
    let length = 10 * RATE;
    let clean = speech(5, length);
    let noisy: Vec<f32> = clean.iter().zip(fan(6, length)).map(|(s, n)| s + n * 0.316).collect();
    let before = stoi(&clean, &noisy).unwrap();
    let mut last = 0.0;
    for (strength, at_least) in
        [(NoiseSuppression::Low, 9.0), (NoiseSuppression::Medium, 15.0), (NoiseSuppression::High, 17.0)]
    {
        let control = VoiceControl::new(VoiceSettings { noise_suppression: strength, ..VoiceSettings::OFF });
        let out = process(&control, &vec![0.0; length], &noisy);
        let down = noise_down_db(&clean, &noisy, &out);
        assert!(down >= at_least && down > last, "{strength:?}: {down:.1} dB");
        last = down;
        let after = stoi(&clean, &out).unwrap();
        assert!(after > before - 0.17, "{strength:?}: STOI {before:.2} became {after:.2}");
        let level = level_of_db(&clean[3 * RATE..], &out[3 * RATE..]);
        assert!(level.abs() < 2.0, "{strength:?}: speech changed by {level:.1} dB");
    }
}

#[test]
fn quiet_and_loud_voices_come_out_nearly_alike() {
    let length = 20 * RATE;
    let level = |wanted: f32| {
        let mut voice = speech(4, length);
        set_active_rms(&mut voice, wanted);
        let control = VoiceControl::new(VoiceSettings { automatic_gain: true, ..VoiceSettings::OFF });
        let out = process(&control, &vec![0.0; length], &with_hush(&voice));
        assert!(out.iter().all(|s| s.abs() <= 1.0));
        dbfs(&active(&out[15 * RATE..]))
    };
    let (quiet, loud) = (level(0.01), level(0.2));
    assert!((loud - quiet).abs() < 18.0, "26 dB apart before, now {quiet:.1} and {loud:.1} dBFS");
    assert!((-32.0..-10.0).contains(&quiet), "{quiet:.1}");
}

#[test]
fn rumble_goes_and_the_voice_stays() {
    let length = 4 * RATE;
    let tone = |hz: f32| -> Vec<f32> {
        (0..length).map(|i| (std::f32::consts::TAU * hz * i as f32 / RATE as f32).sin() * 0.2).collect()
    };
    let control = VoiceControl::new(VoiceSettings { high_pass: true, ..VoiceSettings::OFF });
    let change = |hz: f32| {
        let sound = tone(hz);
        dbfs(&process(&control, &vec![0.0; length], &sound)[RATE..]) - dbfs(&sound[RATE..])
    };
    assert!(change(25.0) < -15.0, "{}", change(25.0));
    assert!(change(300.0).abs() < 1.0, "{}", change(300.0));
}

#[test]
fn each_part_can_be_switched_while_it_runs() {
    let length = 4 * RATE;
    let sound = fan(3, length);
    let control = VoiceControl::new(VoiceSettings::OFF);
    let mut voice = VoiceProcessor::new(control.clone(), FarEnd::new());
    let mut frames = sound.chunks_exact(480).map(|c| AudioFrame::new(c, 1, MediaTime(0)));
    for frame in frames.by_ref().take(50) {
        assert_eq!(voice.process(frame.clone()).samples, frame.samples, "off, it passes bit for bit");
    }
    control.set(VoiceSettings { noise_suppression: NoiseSuppression::High, ..VoiceSettings::OFF });
    let (mut before, mut after) = (0.0, 0.0);
    for frame in frames.by_ref().skip(150).take(100) {
        before += frame.rms();
        after += voice.process(frame).rms();
    }
    assert!(after < before * 0.5, "{after} of {before}");
    control.set(VoiceSettings::OFF);
    for frame in frames.take(50) {
        assert_eq!(voice.process(frame.clone()).samples, frame.samples);
    }
}

#[test]
fn broken_samples_do_not_stay() {
    let mut voice = VoiceProcessor::new(VoiceControl::new(VoiceSettings::default()), FarEnd::new());
    let mut bad = vec![0.1; 480];
    bad[3] = f32::NAN;
    bad[4] = f32::INFINITY;
    voice.process(AudioFrame::new(bad, 1, MediaTime(0)));
    for chunk in speech(2, RATE).chunks_exact(480) {
        let out = voice.process(AudioFrame::new(chunk, 1, MediaTime(0)));
        assert!(out.samples.iter().all(|s| s.is_finite()));
    }
    let odd = AudioFrame::new(vec![0.5; 20], 2, MediaTime(0));
    assert_eq!(voice.process(odd.clone()).samples, odd.samples);
}
