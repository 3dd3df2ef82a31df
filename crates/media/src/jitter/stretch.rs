//! Sound a little shorter or longer without changing its pitch: one period is faded into the next, or repeated.

const PER_MS: usize = 48;
/// What is looked at, at most.
const LOOK: usize = 30 * PER_MS;
const SHORTEST_LAG: usize = PER_MS * 5 / 2;
const LONGEST_LAG: usize = 15 * PER_MS;
/// The search runs at a quarter of the rate and is then refined.
const COARSE: usize = 4;
/// Mean square below which sound counts as silence, in which any cut will do: −50 dB.
const QUIET: f32 = 1e-5;

/// The least sound, in samples per channel, that can be lengthened.
pub(super) const ENOUGH_TO_EXPAND: usize = 20 * PER_MS;
/// The least sound, in samples per channel, that can be shortened.
pub(super) const ENOUGH_TO_SHORTEN: usize = LOOK;

/// Takes one period, of at most `most` samples, out of the beginning of `pcm` (interleaved) if two periods are alike by at
/// least `likeness` (0 … 1). Returns how many samples per channel went.
pub(super) fn shorten(pcm: &mut Vec<f32>, channels: usize, likeness: f32, most: usize) -> usize {
    let Some(lag) = find_period(pcm, channels, likeness, ENOUGH_TO_SHORTEN, most) else { return 0 };
    for i in 0..lag {
        let later = (i as f32 + 0.5) / lag as f32;
        for c in 0..channels {
            let (a, b) = (pcm[i * channels + c], pcm[(i + lag) * channels + c]);
            pcm[(i + lag) * channels + c] = a * (1.0 - later) + b * later;
        }
    }
    pcm.drain(..lag * channels);
    lag
}

/// Puts one more period into the beginning of `pcm` (interleaved) if two periods are alike by at least `likeness`.
/// Returns how many samples per channel were added.
pub(super) fn lengthen(pcm: &mut Vec<f32>, channels: usize, likeness: f32) -> usize {
    let Some(lag) = find_period(pcm, channels, likeness, ENOUGH_TO_EXPAND, LONGEST_LAG) else { return 0 };
    let mut bridge = Vec::with_capacity(lag * channels);
    for i in 0..lag {
        let back = (i as f32 + 0.5) / lag as f32;
        for c in 0..channels {
            let (on, again) = (pcm[(i + lag) * channels + c], pcm[i * channels + c]);
            bridge.push(on * (1.0 - back) + again * back);
        }
    }
    let at = lag * channels;
    pcm.splice(at..at, bridge);
    lag
}

/// The lag, at most `most`, at which the beginning of the sound repeats itself best.
fn find_period(pcm: &[f32], channels: usize, likeness: f32, enough: usize, most: usize) -> Option<usize> {
    let frames = (pcm.len() / channels).min(LOOK);
    if frames < enough {
        return None;
    }
    let mono: Vec<f32> =
        pcm.chunks_exact(channels).take(frames).map(|s| s.iter().sum::<f32>() / channels as f32).collect();
    let longest = (frames / 2).min(LONGEST_LAG).min(most);
    if longest < SHORTEST_LAG {
        return None;
    }
    if mono.iter().map(|s| s * s).sum::<f32>() < QUIET * frames as f32 {
        return Some(longest);
    }
    let coarse: Vec<f32> = mono.chunks_exact(COARSE).map(|s| s.iter().sum::<f32>() / COARSE as f32).collect();
    let best = |x: &[f32], lags: std::ops::RangeInclusive<usize>, window: usize| {
        lags.map(|lag| (alike(x, lag, window), lag)).max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let (_, rough) = best(&coarse, SHORTEST_LAG / COARSE..=longest / COARSE, (frames - longest) / COARSE)?;
    let fine =
        (rough * COARSE).saturating_sub(COARSE - 1).max(SHORTEST_LAG)..=(rough * COARSE + COARSE - 1).min(longest);
    let (found, lag) = best(&mono, fine, frames - longest)?;
    (found >= likeness).then_some(lag)
}

/// Normalised correlation of a window at the beginning with the one `lag` later.
fn alike(x: &[f32], lag: usize, window: usize) -> f32 {
    let (mut dot, mut first, mut second) = (0.0, 1e-9, 1e-9);
    for (a, b) in x[..window].iter().zip(&x[lag..lag + window]) {
        dot += a * b;
        first += a * a;
        second += b * b;
    }
    dot / f32::sqrt(first * second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frames: usize, channels: usize) -> Vec<f32> {
        (0..frames * channels)
            .map(|i| ((i / channels) as f32 * 440.0 / 48_000.0 * std::f32::consts::TAU).sin())
            .collect()
    }

    /// The steepest step of a 440 Hz tone of full scale is 0.058.
    fn steepest(pcm: &[f32], channels: usize) -> f32 {
        pcm.iter().zip(&pcm[channels..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_gets_shorter_and_longer_without_a_click() {
        for channels in [1, 2] {
            let mut pcm = tone(1440, channels);
            let gone = shorten(&mut pcm, channels, 0.9, LONGEST_LAG);
            assert!((SHORTEST_LAG..=LONGEST_LAG).contains(&gone));
            assert_eq!(pcm.len(), (1440 - gone) * channels);
            assert!(steepest(&pcm, channels) < 0.065);

            let mut pcm = tone(960, channels);
            let added = lengthen(&mut pcm, channels, 0.9);
            assert!((SHORTEST_LAG..=480).contains(&added));
            assert_eq!(pcm.len(), (960 + added) * channels);
            assert!(steepest(&pcm, channels) < 0.065);
        }
    }

    #[test]
    fn noise_is_left_alone_and_silence_is_not() {
        let mut seed = 1u32;
        let mut noise: Vec<f32> = (0..1440)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        assert_eq!(shorten(&mut noise, 1, 0.9, LONGEST_LAG), 0);
        assert_eq!(shorten(&mut vec![0.0; 1440], 1, 0.9, LONGEST_LAG), LONGEST_LAG);
        assert_eq!(shorten(&mut tone(100, 1), 1, 0.9, LONGEST_LAG), 0);
    }
}
