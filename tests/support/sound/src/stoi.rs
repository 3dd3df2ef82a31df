//! Short-time objective intelligibility (Taal, Hendriks, Heusdens and Jensen 2011, "An Algorithm for Intelligibility
//! Prediction of Time-Frequency Weighted Noisy Speech"): 1 is as clear as the clean speech, about 0.7 is where
//! listeners begin to miss words.

use crate::fft::fft;

const RATE: usize = 10_000;
const FRAME: usize = 256;
const HOP: usize = 128;
const FFT: usize = 512;
const BANDS: usize = 15;
/// Centre of the lowest third-octave band, Hz.
const LOWEST: f64 = 150.0;
/// Frames of one short-time segment: 384 ms.
const SEGMENT: usize = 30;
/// Signal-to-distortion floor, dB.
const BETA: f64 = -15.0;
/// Frames this far below the loudest one are silence, dB.
const SILENT: f64 = 40.0;

/// STOI of `heard` against `clean`, both at 48 kHz and in step with one another, 0 … 1; `None` where there is less
/// than a segment of speech.
pub fn stoi(clean: &[f32], heard: &[f32]) -> Option<f64> {
    let (x, y) = (to_10k(clean), to_10k(heard));
    let (x, y) = without_silence(&x, &y);
    let (x, y) = (bands(&x), bands(&y));
    if x.len() < SEGMENT {
        return None;
    }
    let clip = 1.0 + 10f64.powf(-BETA / 20.0);
    let (mut sum, mut count) = (0.0, 0usize);
    for m in SEGMENT..=x.len() {
        for band in 0..BANDS {
            let xs: Vec<f64> = x[m - SEGMENT..m].iter().map(|f| f[band]).collect();
            let ys: Vec<f64> = y[m - SEGMENT..m].iter().map(|f| f[band]).collect();
            let alpha = norm(&xs) / norm(&ys).max(1e-12);
            let limited: Vec<f64> = ys.iter().zip(&xs).map(|(y, x)| (y * alpha).min(x * clip)).collect();
            sum += correlation(&xs, &limited);
            count += 1;
        }
    }
    Some(sum / count as f64)
}

/// As [`stoi`], for sound that comes late, and not always equally late: the mean over parts of two seconds, each laid
/// where it fits best, up to half a second late.
pub fn stoi_in_parts(clean: &[f32], heard: &[f32]) -> Option<f64> {
    let (part, latest) = (2 * crate::RATE, crate::RATE / 2);
    let scores: Vec<f64> = (0..clean.len().saturating_sub(part + latest))
        .step_by(part)
        .filter(|start| start + part + latest <= heard.len())
        .filter_map(|start| {
            let spoken = &clean[start..start + part];
            let late = lateness(spoken, &heard[start..start + part + latest], latest);
            stoi(spoken, &heard[start + late..start + late + part])
        })
        .collect();
    if scores.is_empty() { None } else { Some(scores.iter().sum::<f64>() / scores.len() as f64) }
}

/// By how many samples `heard` is later than `spoken`, at most `latest`.
fn lateness(spoken: &[f32], heard: &[f32], latest: usize) -> usize {
    let match_at = |late: usize, step: usize| {
        let pairs = spoken.iter().step_by(step).zip(heard[late..].iter().step_by(step));
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let best = |places: &mut dyn Iterator<Item = usize>, step: usize| {
        places.map(|at| (match_at(at, step), at)).max_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |(_, at)| at)
    };
    let near = best(&mut (0..=latest).step_by(12), 13);
    best(&mut (near.saturating_sub(20)..=(near + 20).min(latest)), 1)
}

fn to_10k(sound: &[f32]) -> Vec<f64> {
    // 48 kHz to 10 kHz: 5 samples for each 24, through a windowed sinc with its edge at 4.8 kHz.
    const HALF: isize = 120;
    let edge = 2.0 * 4800.0 / crate::RATE as f64;
    (0..sound.len() * 5 / 24)
        .map(|n| {
            let at = n as f64 * 4.8;
            let centre = at.floor() as isize;
            let mut sum = 0.0;
            for k in -HALF..=HALF {
                let place = centre + k;
                if place < 0 || place as usize >= sound.len() {
                    continue;
                }
                let t = place as f64 - at;
                let arg = std::f64::consts::PI * t * edge;
                let sinc = if arg.abs() < 1e-9 { edge } else { arg.sin() / arg * edge };
                let window = 0.5 + 0.5 * (std::f64::consts::PI * t / (HALF as f64 + 1.0)).cos();
                sum += f64::from(sound[place as usize]) * sinc * window;
            }
            sum
        })
        .collect()
}

fn window() -> Vec<f64> {
    (1..=FRAME).map(|i| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / (FRAME + 1) as f64).cos()).collect()
}

/// Takes the frames where the clean speech is silent out of both.
fn without_silence(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let w = window();
    let n = x.len().min(y.len());
    let starts: Vec<usize> = (0..n.saturating_sub(FRAME)).step_by(HOP).collect();
    let level = |s: usize| {
        let energy: f64 = x[s..s + FRAME].iter().zip(&w).map(|(v, w)| (v * w).powi(2)).sum();
        10.0 * (energy + 1e-20).log10()
    };
    let loudest = starts.iter().map(|&s| level(s)).fold(f64::MIN, f64::max);
    let kept: Vec<usize> = starts.into_iter().filter(|&s| level(s) > loudest - SILENT).collect();
    let join = |v: &[f64]| {
        let mut out = vec![0.0; (kept.len() + 1) * HOP];
        for (i, &s) in kept.iter().enumerate() {
            for k in 0..FRAME {
                out[i * HOP + k] += v[s + k] * w[k];
            }
        }
        out
    };
    if kept.is_empty() { (Vec::new(), Vec::new()) } else { (join(x), join(y)) }
}

fn bands(v: &[f64]) -> Vec<[f64; BANDS]> {
    let w = window();
    let edges: Vec<(usize, usize)> = (0..BANDS)
        .map(|k| {
            let bin = |hz: f64| (hz * FFT as f64 / RATE as f64).round() as usize;
            let centre = LOWEST * 2f64.powf(k as f64 / 3.0);
            (bin(centre * 2f64.powf(-1.0 / 6.0)), bin(centre * 2f64.powf(1.0 / 6.0)))
        })
        .collect();
    (0..v.len().saturating_sub(FRAME - 1))
        .step_by(HOP)
        .map(|s| {
            let (mut re, mut im) = (vec![0.0; FFT], vec![0.0; FFT]);
            for k in 0..FRAME {
                re[k] = v[s + k] * w[k];
            }
            fft(&mut re, &mut im, false);
            let mut out = [0.0; BANDS];
            for (o, &(low, high)) in out.iter_mut().zip(&edges) {
                *o = (low..high).map(|i| re[i] * re[i] + im[i] * im[i]).sum::<f64>().sqrt();
            }
            out
        })
        .collect()
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (a, b): (Vec<f64>, Vec<f64>) = (a.iter().map(|v| v - ma).collect(), b.iter().map(|v| v - mb).collect());
    let dot: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    dot / (norm(&a) * norm(&b)).max(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{noise::fan, speech::speech};

    #[test]
    fn clean_speech_is_clear_and_noise_takes_from_it() {
        let clean = speech(1, 4 * crate::RATE);
        let noise = fan(2, clean.len());
        let at = |snr_db: f32| {
            let gain = 10f32.powf(-snr_db / 20.0);
            let heard: Vec<f32> = clean.iter().zip(&noise).map(|(s, n)| s + n * gain).collect();
            stoi(&clean, &heard).unwrap_or(0.0)
        };
        let (same, some, much) = (stoi(&clean, &clean).unwrap_or(0.0), at(10.0), at(-10.0));
        assert!(same > 0.999, "{same}");
        assert!(some < 0.99 && some > much + 0.1, "{some} {much}");
        assert_eq!(stoi(&clean, &vec![0.0; clean.len()]).map(|v| v < 0.01), Some(true));
        assert_eq!(stoi(&clean[..4800], &clean[..4800]), None);
    }
}
