//! The voice processing over whole recordings; shared with the bench.

use beckon_media::audio_io::Mixer;
use beckon_media::voice::{FarEnd, VoiceControl, VoiceProcessor};
use beckon_media::{AudioFrame, MediaTime};
use beckon_test_sound::{RATE, measure::rms, noise::fan};

/// How far the times of frames are off, ns: what is left of the jitter of call-backs once it is smoothed.
const JITTER_NS: i64 = 300_000;

/// Runs the processing over `microphone` while `played` goes to the loudspeaker, which asks for 20 ms at a time.
pub fn process(control: &VoiceControl, played: &[f32], microphone: &[f32]) -> Vec<f32> {
    process_drifting(control, played, microphone, 0.0)
}

/// The same with a microphone whose clock is `ppm` parts in a million faster than the loudspeaker's.
pub fn process_drifting(control: &VoiceControl, played: &[f32], microphone: &[f32], ppm: f64) -> Vec<f32> {
    run(control, [played; 2], microphone, ppm)
}

/// The same with two loudspeakers, left and right, which play different things.
pub fn process_stereo(control: &VoiceControl, played: [&[f32]; 2], microphone: &[f32]) -> Vec<f32> {
    run(control, played, microphone, 0.0)
}

fn run(control: &VoiceControl, [left, right]: [&[f32]; 2], microphone: &[f32], ppm: f64) -> Vec<f32> {
    let far = FarEnd::new();
    let mut voice = VoiceProcessor::new(control.clone(), far.clone());
    let mut out = Vec::with_capacity(microphone.len());
    let jitter = |n: usize| (n as i64 * 7919).rem_euclid(2001).wrapping_sub(1000) * JITTER_NS / 1000;
    let mut asked = left.chunks_exact(480).zip(right.chunks_exact(480)).enumerate();
    let (mut given, mut late) = (0, 0);
    for (n, near) in microphone.chunks_exact(480).enumerate() {
        let captured = n as f64 * 1e7 / (1.0 + ppm * 1e-6);
        while given as f64 * 1e7 <= captured {
            for (m, (left, right)) in asked.by_ref().take(2) {
                let mut stereo = [0.0; Mixer::FRAME_LEN];
                for (pair, (l, r)) in stereo.as_chunks_mut::<2>().0.iter_mut().zip(left.iter().zip(right)) {
                    *pair = [*l, *r];
                }
                far.push(&stereo, MediaTime(m as i64 * 10_000_000 + jitter(m)));
            }
            given += 2;
        }
        let capture = MediaTime(captured as i64 + jitter(n + 17));
        let processed = voice.process(AudioFrame::new(near, 1, capture));
        // What comes out is of an earlier time while noise is taken away, and says so.
        late = (capture.nanos_since(processed.capture) as usize * RATE).div_ceil(1_000_000_000);
        out.extend_from_slice(&processed.samples);
    }
    out.drain(..late);
    out.resize(microphone.len() / 480 * 480, 0.0);
    out
}

/// Sound with a room's own noise, 60 dB below full scale.
pub fn with_hush(sound: &[f32]) -> Vec<f32> {
    sound.iter().zip(fan(9, sound.len())).map(|(s, n)| s + n * 0.01).collect()
}

/// By how many dB the noise is less where nobody speaks, after the first three seconds.
pub fn noise_down_db(clean: &[f32], before: &[f32], after: &[f32]) -> f64 {
    let (mut was, mut is) = (0.0, 0.0);
    for at in (3 * RATE..clean.len().min(after.len()) - 960).step_by(480) {
        if rms(&clean[at - 4800..at + 960]) < 0.001 {
            was += f64::from(rms(&before[at..at + 480])).powi(2);
            is += f64::from(rms(&after[at..at + 480])).powi(2);
        }
    }
    assert!(was > 0.0, "no pause in the speech");
    10.0 * (was / is).log10()
}
