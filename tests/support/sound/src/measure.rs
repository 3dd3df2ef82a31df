//! Levels.

use crate::RATE;

/// Root mean square.
pub fn rms(sound: &[f32]) -> f32 {
    if sound.is_empty() {
        return 0.0;
    }
    (sound.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>() / sound.len() as f64).sqrt() as f32
}

/// Root mean square in dB below full scale, at least −120.
pub fn dbfs(sound: &[f32]) -> f32 {
    20.0 * rms(sound).max(1e-6).log10()
}

/// Scales to a root mean square.
pub fn set_rms(sound: &mut [f32], wanted: f32) {
    let now = rms(sound);
    if now > 0.0 {
        sound.iter_mut().for_each(|v| *v *= wanted / now);
    }
}

/// Scales speech so that what is not pause has this root mean square.
pub fn set_active_rms(sound: &mut [f32], wanted: f32) {
    let now = rms(&active(sound));
    if now > 0.0 {
        sound.iter_mut().for_each(|v| *v *= wanted / now);
    }
}

/// Parts of 20 ms that are within 30 dB of the loudest one, joined.
pub fn active(sound: &[f32]) -> Vec<f32> {
    let part = RATE / 50;
    let loudest = sound.chunks(part).map(rms).fold(0.0, f32::max);
    sound.chunks(part).filter(|c| rms(c) > loudest * 0.0316).flatten().copied().collect()
}

/// Level of `sound` in dB against `reference`, over the parts where the reference speaks.
pub fn level_of_db(reference: &[f32], sound: &[f32]) -> f32 {
    let part = RATE / 50;
    let loudest = reference.chunks(part).map(rms).fold(0.0, f32::max);
    let (mut own, mut heard) = (Vec::new(), Vec::new());
    for (a, b) in reference.chunks(part).zip(sound.chunks(part)) {
        if rms(a) > loudest * 0.0316 {
            own.extend_from_slice(a);
            heard.extend_from_slice(b);
        }
    }
    dbfs(&heard) - dbfs(&own)
}

/// By how many samples `sound` comes after `reference`, up to 60 ms: where the two are most alike.
pub fn lateness(reference: &[f32], sound: &[f32]) -> usize {
    let alike = |late: usize| -> f64 {
        reference.iter().zip(sound.get(late..).unwrap_or_default()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    (0..RATE * 60 / 1000).max_by(|a, b| alike(*a).total_cmp(&alike(*b))).unwrap_or(0)
}

/// Echo return loss enhancement: the echo's level before against what is left of it, in dB.
pub fn erle_db(echo: &[f32], left: &[f32]) -> f32 {
    dbfs(echo) - dbfs(left)
}

/// Parts of 200 ms, each 100 ms after the one before.
fn parts(sound: &[f32]) -> impl ExactSizeIterator<Item = &[f32]> {
    sound.windows(RATE / 5).step_by(RATE / 10)
}

/// Seconds after which the echo return loss enhancement is `db` and more for good, over parts of 200 ms in which the echo is
/// louder than −45 dBFS.
pub fn settled_s(echo: &[f32], left: &[f32], db: f32) -> f32 {
    let short = |(echo, left): (&[f32], &[f32])| dbfs(echo) > -45.0 && erle_db(echo, left) < db;
    let last = parts(echo).zip(parts(left)).enumerate().filter(|(_, pair)| short(*pair)).last();
    last.map_or(0.0, |(at, _)| at as f32 * 0.1 + 0.2)
}

/// The loudest 200 ms, in dB below full scale.
pub fn loudest_dbfs(sound: &[f32]) -> f32 {
    parts(sound).map(dbfs).fold(-120.0, f32::max)
}

/// For how many seconds `sound` is louder than this.
pub fn louder_s(sound: &[f32], than_dbfs: f32) -> f32 {
    parts(sound).filter(|part| dbfs(part) > than_dbfs).count() as f32 * 0.1
}

/// Total harmonic distortion and noise: what is left of a tone of `hz` when the tone is taken away, against the tone.
pub fn thd_n(sound: &[f32], hz: f64) -> f64 {
    let w = std::f64::consts::TAU * hz / RATE as f64;
    let n = sound.len() as f64;
    let (mut sin, mut cos) = (0.0, 0.0);
    for (i, v) in sound.iter().enumerate() {
        sin += f64::from(*v) * (w * i as f64).sin() * 2.0 / n;
        cos += f64::from(*v) * (w * i as f64).cos() * 2.0 / n;
    }
    let rest: f64 = sound
        .iter()
        .enumerate()
        .map(|(i, v)| (f64::from(*v) - sin * (w * i as f64).sin() - cos * (w * i as f64).cos()).powi(2))
        .sum::<f64>()
        / n;
    (rest / ((sin * sin + cos * cos) / 2.0)).sqrt()
}
