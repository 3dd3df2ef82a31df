//! Noise and music.

use std::f32::consts::TAU;

use crate::RATE;

/// Evenly distributed numbers, the same for the same seed (PCG-XSH-RR, O'Neill 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        random.bits();
        random
    }

    fn bits(&mut self) -> u32 {
        let old = self.0;
        self.0 = old.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let shifted = (((old >> 18) ^ old) >> 27) as u32;
        shifted.rotate_right((old >> 59) as u32)
    }

    /// The next number in 0 … 1.
    pub fn unit(&mut self) -> f32 {
        self.bits() as f32 / u32::MAX as f32
    }

    /// The next number between two.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }
}

/// The noise of a room with a fan: even, falling towards high frequencies. About −20 dBFS.
pub fn fan(seed: u64, samples: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    let (mut low, mut lower) = (0.0f32, 0.0f32);
    let mut out: Vec<f32> = (0..samples)
        .map(|_| {
            let white = random.between(-1.0, 1.0);
            low += 0.2 * (white - low);
            lower += 0.01 * (white - lower);
            0.2 * white + 0.6 * low + 2.0 * lower
        })
        .collect();
    crate::measure::set_rms(&mut out, 0.1);
    out
}

/// Chords with plucked attacks, changing every half second. About −20 dBFS.
pub fn music(seed: u64, samples: usize) -> Vec<f32> {
    const CHORDS: [[f32; 4]; 4] = [
        [130.8, 261.6, 329.6, 392.0],
        [110.0, 220.0, 261.6, 329.6],
        [87.3, 174.6, 220.0, 349.2],
        [98.0, 196.0, 246.9, 293.7],
    ];
    let mut random = Random::new(seed);
    let length = RATE / 2;
    let mut out = Vec::with_capacity(samples + length);
    while out.len() < samples {
        let chord = CHORDS[(random.unit() * 3.99) as usize];
        let bright = random.between(0.5, 0.8);
        let hits: Vec<f32> = (0..RATE / 40).map(|_| random.between(-1.0, 1.0)).collect();
        for i in 0..length {
            let t = i as f32 / RATE as f32;
            let mut sample = 0.0;
            for (n, hz) in chord.iter().enumerate() {
                // Each string is struck a little after the one before.
                let since = t - 0.03 * n as f32;
                if since < 0.0 {
                    continue;
                }
                for overtone in 1..=8u8 {
                    let k = f32::from(overtone);
                    let decay = (-since * (2.0 + 1.5 * k)).exp() * bright.powf(k);
                    sample += (TAU * hz * k * since).sin() * decay;
                }
            }
            // A brush on the drum, so that the high bands have something too.
            sample += hits.get(i).copied().unwrap_or(0.0) * (1.0 - i as f32 / hits.len() as f32).max(0.0);
            out.push(sample);
        }
    }
    out.truncate(samples);
    crate::measure::set_rms(&mut out, 0.1);
    out
}
