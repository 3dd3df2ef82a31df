//! Something that an echo canceller, a noise suppressor and a speech codec take for speech: a formant synthesizer
//! (Klatt 1980, much reduced) that babbles syllables with pitch, pauses and hisses.

use std::f32::consts::{PI, TAU};

use crate::RATE;
use crate::noise::Random;

/// First four formants in Hz of the vowels it knows (Peterson and Barney 1952; the fourth is the same for all).
const VOWELS: [[f32; 4]; 6] = [
    [730.0, 1090.0, 2440.0, 3500.0],
    [270.0, 2290.0, 3010.0, 3500.0],
    [300.0, 870.0, 2240.0, 3500.0],
    [530.0, 1840.0, 2480.0, 3500.0],
    [570.0, 840.0, 2410.0, 3500.0],
    [490.0, 1350.0, 1690.0, 3500.0],
];
const BANDWIDTHS: [f32; 4] = [70.0, 90.0, 130.0, 200.0];
/// How strongly each formant sounds.
const WEIGHTS: [f32; 4] = [1.0, 0.6, 0.35, 0.2];

/// Two-pole resonator.
#[derive(Default)]
struct Resonator {
    y: [f32; 2],
}

impl Resonator {
    fn run(&mut self, x: f32, hz: f32, bandwidth: f32) -> f32 {
        let r = (-PI * bandwidth / RATE as f32).exp();
        let b = 2.0 * r * (TAU * hz / RATE as f32).cos();
        let y = (1.0 - r) * x + b * self.y[0] - r * r * self.y[1];
        self.y = [y, self.y[0]];
        y
    }
}

/// `samples` of babble, a voice of its own for each seed; about −20 dBFS while it speaks.
pub fn speech(seed: u64, samples: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    let pitch = random.between(95.0, 210.0);
    let mut voice = Voice { formants: VOWELS[0], ..Voice::default() };
    let mut out = Vec::with_capacity(samples + RATE);
    while out.len() < samples {
        for _ in 0..2 + (random.unit() * 4.0) as usize {
            let word_pitch = pitch * random.between(0.85, 1.2);
            for _ in 0..1 + (random.unit() * 3.0) as usize {
                voice.syllable(&mut random, word_pitch, &mut out);
            }
            voice.silence(&mut random, (0.02, 0.08), &mut out);
        }
        voice.silence(&mut random, (0.15, 0.4), &mut out);
    }
    out.truncate(samples);
    crate::measure::set_active_rms(&mut out, 0.1);
    out
}

#[derive(Default)]
struct Voice {
    formants: [f32; 4],
    resonators: [Resonator; 4],
    phase: f32,
    hiss: f32,
}

impl Voice {
    fn syllable(&mut self, random: &mut Random, pitch: f32, out: &mut Vec<f32>) {
        // A consonant: hiss of 30 to 90 ms, or a short closure with a burst.
        let fricative = random.unit() < 0.5;
        let (length, level) = if fricative { (random.between(0.04, 0.09), 0.25) } else { (0.012, 0.5) };
        if !fricative {
            self.silence(random, (0.02, 0.04), out);
        }
        let n = (length * RATE as f32) as usize;
        for i in 0..n {
            let white = random.between(-1.0, 1.0);
            let high = white - self.hiss;
            self.hiss = white * 0.7;
            let shape = (PI * i as f32 / n as f32).sin();
            let noise = high * level * shape;
            let ring = self.ring(0.0);
            out.push(noise * 0.3 + ring);
        }
        // A vowel, gliding from the last one's formants to its own.
        let target = VOWELS[(random.unit() * 5.99) as usize];
        let n = (random.between(0.09, 0.22) * RATE as f32) as usize;
        let stress = random.between(0.5, 1.0);
        for i in 0..n {
            let t = i as f32 / n as f32;
            for (now, to) in self.formants.iter_mut().zip(target) {
                *now += (to - *now) / (0.025 * RATE as f32);
            }
            let hz = pitch * (1.08 - 0.16 * t + 0.01 * (TAU * 5.0 * t).sin());
            self.phase += hz / RATE as f32;
            let mut glottis = 0.0;
            if self.phase >= 1.0 {
                self.phase -= 1.0;
                glottis = 1.0;
            }
            // Opens slowly, shuts at once: what makes the harmonics.
            let open = self.phase / 0.6;
            let flow = if open < 1.0 { open * open * (1.0 - open) * 6.0 } else { 0.0 };
            let breath = random.between(-1.0, 1.0) * 0.02 * flow;
            let envelope = (t / 0.12).min(1.0) * ((1.0 - t) / 0.25).min(1.0) * stress;
            let source = (flow * 0.1 + glottis * 12.0 + breath) * envelope;
            let ring = self.ring(source);
            out.push(ring);
        }
    }

    fn ring(&mut self, source: f32) -> f32 {
        let mut sum = 0.0;
        for (n, resonator) in self.resonators.iter_mut().enumerate() {
            // Formants in parallel change sign from one to the next, or they would cancel in between.
            let sign = if n % 2 == 0 { 1.0 } else { -1.0 };
            sum += sign * WEIGHTS[n] * resonator.run(source, self.formants[n], BANDWIDTHS[n]) * 3.0;
        }
        sum
    }

    fn silence(&mut self, random: &mut Random, seconds: (f32, f32), out: &mut Vec<f32>) {
        let n = (random.between(seconds.0, seconds.1) * RATE as f32) as usize;
        for _ in 0..n {
            let ring = self.ring(0.0);
            out.push(ring);
        }
    }
}
