//! A Fourier transform and the convolution made of it; small, for tests.

use std::f64::consts::TAU;

/// Transforms in place; the length must be a power of two. `inverse` divides by the length.
pub fn fft(re: &mut [f64], im: &mut [f64], inverse: bool) {
    let n = re.len();
    assert!(n.is_power_of_two() && im.len() == n, "{n} is no power of two");
    let mut j = 0;
    for i in 1..n {
        let mut bit = n >> 1;
        while j & bit != 0 {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
        if i < j {
            re.swap(i, j);
            im.swap(i, j);
        }
    }
    let mut len = 2;
    while len <= n {
        let angle = TAU / len as f64 * if inverse { 1.0 } else { -1.0 };
        let turns: Vec<(f64, f64)> = (0..len / 2).map(|k| (angle * k as f64).sin_cos()).collect();
        for start in (0..n).step_by(len) {
            for (k, (sin, cos)) in turns.iter().enumerate() {
                let (a, b) = (start + k, start + k + len / 2);
                let (x, y) = (re[b] * cos - im[b] * sin, re[b] * sin + im[b] * cos);
                (re[b], im[b]) = (re[a] - x, im[a] - y);
                re[a] += x;
                im[a] += y;
            }
        }
        len *= 2;
    }
    if inverse {
        for value in re.iter_mut().chain(im.iter_mut()) {
            *value /= n as f64;
        }
    }
}

/// `x` through a filter of the impulse response `h`, as long as `x`.
pub fn convolve(x: &[f32], h: &[f32]) -> Vec<f32> {
    let size = (h.len().max(1) * 4).next_power_of_two();
    let step = size - h.len().max(1) + 1;
    let (mut hr, mut hi) = (vec![0.0; size], vec![0.0; size]);
    hr.iter_mut().zip(h).for_each(|(r, &v)| *r = f64::from(v));
    fft(&mut hr, &mut hi, false);
    let mut out = vec![0.0f32; x.len()];
    for start in (0..x.len()).step_by(step) {
        let (mut re, mut im) = (vec![0.0; size], vec![0.0; size]);
        let end = (start + step).min(x.len());
        re.iter_mut().zip(&x[start..end]).for_each(|(r, &v)| *r = f64::from(v));
        fft(&mut re, &mut im, false);
        for k in 0..size {
            (re[k], im[k]) = (re[k] * hr[k] - im[k] * hi[k], re[k] * hi[k] + im[k] * hr[k]);
        }
        fft(&mut re, &mut im, true);
        for (o, r) in out[start..].iter_mut().zip(&re) {
            *o += *r as f32;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolution_is_the_sum_it_stands_for() {
        let x: Vec<f32> = (0..900).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let h: Vec<f32> = (0..70).map(|i| 1.0 / (1.0 + i as f32)).collect();
        let fast = convolve(&x, &h);
        for n in [0, 1, 69, 70, 500, 899] {
            let slow: f32 = (0..h.len().min(n + 1)).map(|k| h[k] * x[n - k]).sum();
            assert!((fast[n] - slow).abs() < 1e-4, "{n}: {} {slow}", fast[n]);
        }
    }
}
