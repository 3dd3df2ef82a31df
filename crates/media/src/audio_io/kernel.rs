//! The windowed-sinc filter that gives the value of sampled sound between its samples.

use std::f64::consts::PI;

/// Filter shapes stored per input sample; between two of them one is interpolated.
const PHASES: usize = 256;
/// Shape of the Kaiser window: some 80 dB down outside the band.
const BETA: f64 = 8.0;

/// `PHASES + 1` filters for as many places between two samples.
pub(crate) struct Kernel {
    half: usize,
    filters: Vec<f32>,
}

impl Kernel {
    /// A filter that reaches `half` samples to each side and passes what is below `edge`, as a share of half the rate.
    pub(crate) fn new(half: usize, edge: f64) -> Self {
        let taps = 2 * half;
        let mut filters = Vec::with_capacity((PHASES + 1) * taps);
        for phase in 0..=PHASES {
            let frac = phase as f64 / PHASES as f64;
            let row: Vec<f64> = (0..taps)
                .map(|i| {
                    let x = i as f64 - (half as f64 - 1.0) - frac;
                    let sinc = if x == 0.0 { edge } else { (PI * x * edge).sin() / (PI * x) };
                    sinc * kaiser(x / half as f64)
                })
                .collect();
            // Every phase passes a constant unchanged, or it would hum.
            let sum: f64 = row.iter().sum();
            filters.extend(row.iter().map(|t| (t / sum) as f32));
        }
        Self { half, filters }
    }

    /// How far it reaches to each side, in samples.
    pub(crate) fn half(&self) -> usize {
        self.half
    }

    /// The filter for a place `frac` (0 … 1) of the way from the sample at `half - 1` of its reach to the next: two
    /// neighbouring shapes and the share of the second.
    pub(crate) fn between(&self, frac: f64) -> (&[f32], &[f32], f32) {
        let taps = 2 * self.half;
        let place = frac * PHASES as f64;
        let (phase, blend) = ((place as usize).min(PHASES - 1), place.fract() as f32);
        (&self.filters[phase * taps..][..taps], &self.filters[(phase + 1) * taps..][..taps], blend)
    }
}

fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel(BETA * (1.0 - x * x).sqrt()) / bessel(BETA) }
}

/// Modified Bessel function of the first kind, order 0, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}
