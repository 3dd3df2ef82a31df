//! A synthetic portrait to judge a beauty filter by: skin of a chosen tone with shading, pores and blemishes, eyes, brows, lips,
//! hair, a blue shirt, a grey wall and a sheet of text. It knows what is where, and what it looked like without the camera's noise.

use beckon_media::{FramePool, MediaTime, VideoFrame};

/// The ten tones of the Monk skin tone scale (Monk, 2019; skintone.google), light to dark, sRGB.
pub const MONK: [[u8; 3]; 10] = [
    [0xf6, 0xed, 0xe4],
    [0xf3, 0xe7, 0xdb],
    [0xf7, 0xea, 0xd0],
    [0xea, 0xda, 0xba],
    [0xd7, 0xbd, 0x96],
    [0xa0, 0x7e, 0x56],
    [0x82, 0x5c, 0x43],
    [0x60, 0x41, 0x34],
    [0x3a, 0x31, 0x2a],
    [0x29, 0x24, 0x20],
];

/// What a sample shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Even skin, away from everything else.
    Skin,
    /// Skin near an edge, lips, brows: judged by its edges alone.
    Face,
    /// Sclera, iris, pupil, lids.
    Eye,
    Hair,
    Shirt,
    Wall,
    Text,
}

/// What to draw.
#[derive(Clone, Copy)]
pub struct Portrait {
    pub width: usize,
    pub height: usize,
    /// Number on the Monk scale, 1 … 10.
    pub tone: usize,
    /// Standard deviation of the camera's noise in luma; chroma has half of it.
    pub noise: f32,
    /// Pores and blemishes as a part of the skin's own brightness; 0 for porcelain.
    pub texture: f32,
    /// How much larger the person is than at arm's length; from [`CLOSE`] on there is nothing but face.
    pub nearness: f32,
}

/// The face's oval reaches beyond the corners of a picture of 16:9.
#[allow(dead_code, reason = "only the bench comes so close")]
pub const CLOSE: f32 = 4.7;

impl Default for Portrait {
    fn default() -> Self {
        Self { width: 1280, height: 720, tone: 5, noise: 3.0, texture: 1.0, nearness: 1.0 }
    }
}

/// One drawn portrait.
pub struct Drawn {
    pub width: usize,
    pub height: usize,
    /// Luma without noise.
    pub clean: Vec<f32>,
    /// Luma without noise, pores and blemishes: skin as smooth as it can be.
    pub ideal: Vec<f32>,
    pub parts: Vec<Part>,
    chroma: [Vec<f32>; 2],
    noise: f32,
}

/// A number from 0 to 1 that depends on its arguments alone.
fn hash(a: u32, b: u32, c: u32) -> f32 {
    let mut x = a.wrapping_mul(0x9E37_79B1) ^ b.wrapping_mul(0x85EB_CA77) ^ c.wrapping_mul(0xC2B2_AE3D);
    for _ in 0..2 {
        x = (x ^ (x >> 15)).wrapping_mul(0x2C1B_3C6D);
        x = (x ^ (x >> 12)).wrapping_mul(0x297A_2D39);
    }
    (x ^ (x >> 15)) as f32 / u32::MAX as f32
}

/// Nearly normal, standard deviation 1: the sum of four even ones.
fn gauss(a: u32, b: u32, c: u32) -> f32 {
    let sum: f32 = (0..4).map(|i| hash(a, b, c.wrapping_mul(4).wrapping_add(i))).sum();
    (sum - 2.0) * 3f32.sqrt()
}

/// Smooth noise with grains of `size`, −1 … 1.
fn grain(x: f32, y: f32, size: f32, seed: u32) -> f32 {
    let (x, y) = (x / size + 1000.0, y / size + 1000.0);
    let (i, j) = (x as u32, y as u32);
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (s, t) = (ease(x.fract()), ease(y.fract()));
    let at = |di, dj| hash(i + di, j + dj, seed) * 2.0 - 1.0;
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * s;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * s;
    top + (bottom - top) * t
}

fn mix(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    let t = t.clamp(0.0, 1.0);
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}

fn scaled(c: [f32; 3], by: f32) -> [f32; 3] {
    c.map(|c| (c * by).clamp(0.0, 255.0))
}

/// Signed distance to an ellipse's rim in units of `unit`, below 0 inside; exact enough near the rim.
fn ellipse(x: f32, y: f32, (cx, cy): (f32, f32), (rx, ry): (f32, f32)) -> f32 {
    let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
    let r = (dx * dx + dy * dy).sqrt();
    (r - 1.0) * rx.min(ry)
}

/// 1 inside, 0 outside, with a rim as soft as a lens draws it (one and a half samples).
fn cover(distance: f32) -> f32 {
    (0.5 - distance / 1.5).clamp(0.0, 1.0)
}

impl Portrait {
    /// Draws it, without the camera's noise.
    pub fn draw(&self) -> Drawn {
        let (w, h) = (self.width, self.height);
        let mut luma = [vec![0.0; w * h], vec![0.0; w * h]];
        let mut parts = vec![Part::Wall; w * h];
        let mut chroma = [vec![0.0; w * h / 4], vec![0.0; w * h / 4]];
        for y in 0..h {
            for x in 0..w {
                let (clean, part) = self.colour(x as f32, y as f32, self.texture);
                let (ideal, _) = self.colour(x as f32, y as f32, 0.0);
                let at = y * w + x;
                parts[at] = part;
                let [cy, cb, cr] = bt709(clean);
                luma[0][at] = cy;
                luma[1][at] = bt709(ideal)[0];
                let chroma_at = (y / 2) * (w / 2) + x / 2;
                chroma[0][chroma_at] += cb / 4.0;
                chroma[1][chroma_at] += cr / 4.0;
            }
        }
        let [clean, ideal] = luma;
        Drawn { width: w, height: h, clean, ideal, parts, chroma, noise: self.noise }
    }

    /// sRGB 0 … 255.
    fn colour(&self, x: f32, y: f32, texture: f32) -> ([f32; 3], Part) {
        let u = self.height as f32 / 720.0;
        let (cx, cy) = (self.width as f32 / 2.0, 330.0 * u);
        // The person's own unit.
        let near = u * self.nearness;
        let (px, py) = ((x - cx) / near, (y - cy) / near);
        let tone = MONK[self.tone - 1].map(f32::from);

        // Far to near: wall, sheet of text, shirt, neck, hair, face.
        let wall = [128.0 + (x / self.width as f32 - 0.5) * 24.0; 3];
        let (mut colour, mut part) = (wall, Part::Wall);
        let (sx, sy) = (x - 40.0 * u, y - 120.0 * u);
        if (0.0..260.0 * u).contains(&sx) && (0.0..300.0 * u).contains(&sy) {
            // Lines of made-up letters, strokes two samples wide.
            let (line, column) = ((sy / (20.0 * u)) as u32, (sx / (12.0 * u)) as u32);
            let (lx, ly) = ((sx % (12.0 * u)) as u32, (sy % (20.0 * u)) as u32);
            let inked = hash(column * 7 + lx / 2, line * 11 + ly / 3, 5) > 0.62 && lx > 1 && ly > 4;
            (colour, part) = (if inked { [30.0; 3] } else { [236.0; 3] }, Part::Text);
        }
        let shirt = ellipse(px, py, (0.0, 520.0), (330.0, 270.0));
        if shirt < 1.0 {
            let weave = 1.0 + 0.08 * ((px * 0.9).sin() * (py * 0.9).sin());
            colour = mix(colour, scaled([52.0, 84.0, 150.0], weave), cover(shirt * near));
            part = Part::Shirt;
        }
        let hair = ellipse(px, py, (0.0, -40.0), (205.0, 250.0)).max(py - 130.0);
        let face = ellipse(px, py, (0.0, 0.0), (150.0, 200.0));
        let neck = (px.abs() - 62.0).max((py - 275.0).abs() - 120.0);
        if hair < 1.0 {
            let strand =
                0.7 * grain(px * 1.4 + grain(px, py, 60.0, 3) * 14.0, py * 0.12, 2.2, 7) + 0.3 * grain(px, py, 2.0, 8);
            colour = mix(colour, scaled([58.0, 40.0, 30.0], 1.0 + 0.55 * strand), cover(hair * near));
            part = Part::Hair;
        }
        let bare = face.min(neck);
        if bare < 1.0 {
            // A light from the upper left, a cheek on either side, a shadow under the chin.
            let shade = 0.86 + 0.14 * (1.0 - (px + 60.0).hypot(py + 60.0) / 260.0)
                - 0.22 * cover((190.0 - py - 0.05 * px.abs()) / 12.0);
            let pores = 0.020 * grain(px, py, 2.6, 11) + 0.018 * gauss(x as u32, y as u32, 12);
            let blotches = 0.030 * grain(px, py, 34.0, 13);
            let spots: f32 = (0..14)
                .map(|i| {
                    let (bx, by) = (hash(i, 1, 21) * 230.0 - 115.0, hash(i, 2, 21) * 260.0 - 110.0);
                    let d2 = (px - bx).powi(2) + (py - by).powi(2);
                    -0.10 * (-d2 / (2.0 * 3.2 * 3.2)).exp()
                })
                .sum();
            let skin = scaled(tone, shade * (1.0 + texture * (pores + blotches + spots)));
            colour = mix(colour, skin, cover(bare * near));
            part = if bare < -14.0 && face < -14.0 && py < 150.0 { Part::Skin } else { Part::Face };
            // One side at a time: the face is symmetrical.
            let ex = px.abs();
            let lips = ellipse(px, py, (0.0, 108.0), (46.0, 15.0));
            let lip = mix(skin, scaled([178.0, 72.0, 78.0], 0.35 + tone[0] / 390.0), 0.75);
            colour = mix(colour, lip, cover(lips * near));
            let seam = (py - 107.0 - 0.002 * px * px).abs() - 1.2 + (px.abs() - 40.0).max(0.0);
            colour = mix(colour, scaled(lip, 0.45), cover(seam * near));
            let brow = ellipse(ex, py, (62.0, -62.0 - 0.1 * (ex - 62.0)), (38.0, 7.0));
            if brow < 1.0 {
                let strokes = 0.55 + 0.45 * grain(px * 1.2 - py, py * 0.3, 2.4, 17);
                colour = mix(colour, [36.0, 26.0, 22.0], cover(brow * near) * strokes.max(0.2));
            }
            let nostril = ellipse(ex, py, (13.0, 58.0), (6.0, 3.5));
            colour = mix(colour, scaled(tone, 0.25), cover(nostril * near));
            let eye = ellipse(ex, py, (62.0, -25.0), (30.0, 13.0));
            if eye < 3.0 {
                let rim = ellipse(ex, py, (62.0, -25.0), (33.0, 15.5));
                colour = mix(colour, [22.0, 17.0, 15.0], cover(rim * near));
                let white = mix([232.0; 3], skin, 0.12);
                colour = mix(colour, white, cover(eye * near));
                let iris = ellipse(ex, py, (62.0, -25.0), (12.0, 12.0)).max(eye);
                colour = mix(colour, [70.0, 48.0, 34.0], cover(iris * near));
                let pupil = ellipse(ex, py, (62.0, -25.0), (5.5, 5.5));
                colour = mix(colour, [8.0; 3], cover(pupil * near));
                let glint = ellipse(ex, py, (58.0, -30.0), (2.5, 2.5));
                colour = mix(colour, [250.0; 3], cover(glint * near));
                part = Part::Eye;
            } else if lips < 16.0 || brow < 16.0 || nostril < 20.0 || eye < 18.0 {
                part = Part::Face;
            }
        }
        (colour, part)
    }
}

/// BT.709, limited range.
fn bt709([r, g, b]: [f32; 3]) -> [f32; 3] {
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    [16.0 + y * 219.0 / 255.0, 128.0 + (b - y) / 1.8556 * 224.0 / 255.0, 128.0 + (r - y) / 1.5748 * 224.0 / 255.0]
}

impl Drawn {
    /// The picture as the camera takes it at time `n`: the same, with other noise.
    pub fn taken(&self, pool: &FramePool, n: u32) -> VideoFrame {
        let w = self.width;
        let mut frame = pool.get(w as u32, self.height as u32);
        let [(y, ys), (u, us), (v, vs)] = frame.planes_mut();
        let fill = |plane: &mut [u8], stride: usize, from: &[f32], w: usize, sigma: f32, seed: u32| {
            for (row, from) in from.chunks_exact(w).enumerate() {
                for (x, (out, &value)) in plane[row * stride..][..w].iter_mut().zip(from).enumerate() {
                    let noise = if sigma > 0.0 { sigma * gauss(x as u32, row as u32, seed) } else { 0.0 };
                    *out = (value + noise).round().clamp(0.0, 255.0) as u8;
                }
            }
        };
        fill(y, ys, &self.clean, w, self.noise, n * 3 + 100);
        fill(u, us, &self.chroma[0], w / 2, self.noise / 2.0, n * 3 + 101);
        fill(v, vs, &self.chroma[1], w / 2, self.noise / 2.0, n * 3 + 102);
        frame.freeze(MediaTime(i64::from(n)))
    }
}
