//! Device clocks that do not agree.

/// `sound` as a device records or plays it whose clock is `ppm` parts per million fast: a fast recorder takes more
/// samples of the same second. Windowed-sinc interpolation; same length, with the last sample held at the end.
pub fn drift(sound: &[f32], ppm: f64) -> Vec<f32> {
    const HALF: isize = 16;
    let step = 1.0 / (1.0 + ppm * 1e-6);
    (0..sound.len())
        .map(|n| {
            let at = n as f64 * step;
            let first = at.floor() as isize;
            let between = at - first as f64;
            let mut sum = 0.0;
            for k in -HALF + 1..=HALF {
                let x = between - k as f64;
                let sinc =
                    if x.abs() < 1e-9 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
                let window = 0.5 + 0.5 * (std::f64::consts::PI * x / HALF as f64).cos();
                let place = (first + k).clamp(0, sound.len() as isize - 1) as usize;
                sum += f64::from(sound[place]) * sinc * window;
            }
            sum as f32
        })
        .collect()
}
