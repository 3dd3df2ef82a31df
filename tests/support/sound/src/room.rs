//! A rectangular room with a loudspeaker and a microphone in it, by the image-source method (Allen and Berkley 1979).

use crate::RATE;
use crate::fft::convolve;

/// Metres per second.
const SOUND: f32 = 343.0;

/// A room; lengths in metres.
#[derive(Clone, Debug)]
pub struct Room {
    /// Width, depth, height.
    pub size: [f32; 3],
    /// How much of the pressure each wall gives back, 0 … 1.
    pub reflection: f32,
    /// Where the loudspeaker stands.
    pub speaker: [f32; 3],
    /// Where the microphone stands.
    pub microphone: [f32; 3],
    /// The coupling of loudspeaker and microphone as a whole: the echo's level against what is played, in dB.
    pub coupling_db: f32,
}

impl Room {
    /// An office of 4 m × 3 m × 2.6 m, well furnished (0.13 s of reverberation), with a laptop on the table:
    /// its loudspeaker 40 cm from its microphone, the echo 10 dB below what is played.
    pub fn office() -> Self {
        Self {
            size: [4.0, 3.0, 2.6],
            reflection: 0.72,
            speaker: [1.2, 1.1, 0.8],
            microphone: [1.5, 1.36, 0.85],
            coupling_db: -10.0,
        }
    }

    /// What the microphone hears of a click, with nothing before the direct sound; 0.3 s.
    pub fn impulse_response(&self) -> Vec<f32> {
        let length = RATE * 3 / 10;
        let mut response = vec![0.0f32; length];
        let farthest = length as f32 / RATE as f32 * SOUND;
        let direct = distance(self.speaker, self.microphone);
        let orders = self.size.map(|s| (farthest / s / 2.0).ceil() as i32);
        for nx in -orders[0]..=orders[0] {
            for ny in -orders[1]..=orders[1] {
                for nz in -orders[2]..=orders[2] {
                    for mirror in 0..8u8 {
                        self.image(&mut response, [nx, ny, nz], mirror, direct);
                    }
                }
            }
        }
        let energy: f32 = response.iter().map(|v| v * v).sum();
        let wanted = 10f32.powf(self.coupling_db / 20.0) / energy.sqrt();
        response.iter_mut().for_each(|v| *v *= wanted);
        response
    }

    fn image(&self, response: &mut [f32], n: [i32; 3], mirror: u8, direct: f32) {
        let mut place = [0.0; 3];
        let mut bounces = 0;
        for axis in 0..3 {
            let mirrored = i32::from(mirror >> axis & 1);
            let own = if mirrored == 1 { -self.speaker[axis] } else { self.speaker[axis] };
            place[axis] = own + 2.0 * n[axis] as f32 * self.size[axis];
            bounces += (n[axis] - mirrored).abs() + n[axis].abs();
        }
        let far = distance(place, self.microphone);
        let at = (far - direct) / SOUND * RATE as f32;
        let first = at as usize;
        if first + 1 < response.len() {
            let level = self.reflection.powi(bounces) / far;
            let between = at - first as f32;
            response[first] += level * (1.0 - between);
            response[first + 1] += level * between;
        }
    }

    /// What the microphone hears of `played`, `delay_ms` later (sound system, air and all).
    pub fn echo(&self, played: &[f32], delay_ms: usize) -> Vec<f32> {
        let mut late = vec![0.0; delay_ms * RATE / 1000];
        late.extend_from_slice(played);
        late.truncate(played.len());
        convolve(&late, &self.impulse_response())
    }
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_office_reverberates_as_an_office_does() {
        let response = Room::office().impulse_response();
        // Schroeder's backward integration: time from −5 to −25 dB, times three.
        let total: f32 = response.iter().map(|v| v * v).sum();
        let mut left = total;
        let (mut five, mut twenty_five) = (None, None);
        for (i, v) in response.iter().enumerate() {
            left -= v * v;
            let db = 10.0 * (left.max(1e-12) / total).log10();
            if db < -5.0 && five.is_none() {
                five = Some(i);
            }
            if db < -25.0 && twenty_five.is_none() {
                twenty_five = Some(i);
            }
        }
        let decay = (twenty_five.unwrap_or(0) - five.unwrap_or(0)) as f32 / RATE as f32 * 3.0;
        assert!((0.1..0.3).contains(&decay), "{decay} s");
        assert!((10.0 * total.log10() + 10.0).abs() < 0.1);
    }
}
