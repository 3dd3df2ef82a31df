//! Pictures of one colour space as pictures of another.

use crate::frame::{ColorSpace, FramePool, VideoFrame};

/// Factors are kept in units of 1/65536: products of samples with them stay within 32 bits.
const UNIT_BITS: u32 = 16;
/// What no colour is in Cb and Cr.
const NO_COLOR: i32 = 128;

/// Converts; keeps its working memory between pictures.
#[derive(Default)]
pub(crate) struct Recolor {
    pool: FramePool,
    /// What is added to luma, sample by sample of a row of colours.
    added: Vec<i32>,
}

impl Recolor {
    /// With no memory yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// `picture` in the colours `to`; the same picture when it has them.
    pub(crate) fn run(&mut self, picture: &VideoFrame, to: ColorSpace) -> VideoFrame {
        if picture.color == to {
            return picture.clone();
        }
        let rule = Rule::between(picture.color, to);
        let mut out = self.pool.get(picture.width(), picture.height());
        let (columns, rows) = (picture.width() as usize / 2, picture.height() as usize / 2);
        self.added.resize(columns, 0);
        let added = &mut self.added[..columns];
        let [(y, y_stride), (u, u_stride), (v, v_stride)] = picture.planes();
        let [(to_y, to_y_stride), (to_u, to_u_stride), (to_v, to_v_stride)] = out.planes_mut();
        for row in 0..rows {
            let (u, v) = (&u[row * u_stride..][..columns], &v[row * v_stride..][..columns]);
            let to_u = &mut to_u[row * to_u_stride..][..columns];
            let to_v = &mut to_v[row * to_v_stride..][..columns];
            for i in 0..columns {
                let colors = [i32::from(u[i]) - NO_COLOR, i32::from(v[i]) - NO_COLOR];
                to_u[i] = sample(rule.u.of(colors));
                to_v[i] = sample(rule.v.of(colors));
                added[i] = rule.added.of(colors);
            }
            // Colours come at half the resolution: four samples of luma share what theirs adds.
            for row in [row * 2, row * 2 + 1] {
                let to = &mut to_y[row * to_y_stride..][..columns * 2];
                let from = &y[row * y_stride..][..columns * 2];
                for ((to, from), added) in to.chunks_exact_mut(2).zip(from.chunks_exact(2)).zip(&*added) {
                    to[0] = sample(rule.luma * i32::from(from[0]) + added);
                    to[1] = sample(rule.luma * i32::from(from[1]) + added);
                }
            }
        }
        out.color = to;
        out.rotation = picture.rotation;
        out.synthetic = picture.synthetic;
        out.freeze(picture.capture)
    }
}

/// Half a unit is added already.
fn sample(value: i32) -> u8 {
    (value >> UNIT_BITS).clamp(0, 255) as u8
}

/// A sum of Cb and Cr (less 128 each), each times its factor, and a constant.
struct Sum {
    factors: [i32; 2],
    constant: i32,
}

impl Sum {
    fn new(factors: [f64; 2], constant: f64) -> Self {
        // Samples are cut off, not rounded.
        Self { factors: factors.map(fixed), constant: fixed(constant + 0.5) }
    }

    #[inline(always)]
    fn of(&self, colors: [i32; 2]) -> i32 {
        self.factors[0] * colors[0] + self.factors[1] * colors[1] + self.constant
    }
}

fn fixed(factor: f64) -> i32 {
    (factor * f64::from(1u32 << UNIT_BITS)).round() as i32
}

/// How the samples of one colour space come of another's.
struct Rule {
    /// What luma is multiplied with.
    luma: i32,
    /// What is added to it then.
    added: Sum,
    u: Sum,
    v: Sum,
}

impl Rule {
    fn between(from: ColorSpace, to: ColorSpace) -> Self {
        let (old, new) = (Matrix::of(from), Matrix::of(to));
        let (was, is) = (Range::of(from), Range::of(to));
        // The light of Cb and Cr, 1 at their strongest: as red, green and blue beside luma by the old matrix, weighed by the
        // new one. Grey stays what it is.
        let (red, blue) = (old.red_spread(), old.blue_spread());
        let light = [
            new.blue * blue - new.green() * old.blue * blue / old.green(),
            new.red * red - new.green() * old.red * red / old.green(),
        ];
        let stretch = is.color / was.color;
        let blues = [(blue - light[0]) / new.blue_spread(), -light[1] / new.blue_spread()];
        let reds = [-light[0] / new.red_spread(), (red - light[1]) / new.red_spread()];
        let luma = is.luma / was.luma;
        let (no_color, light) = (f64::from(NO_COLOR), light.map(|part| part * is.luma / was.color));
        Self {
            luma: fixed(luma),
            added: Sum::new(light, is.black - was.black * luma),
            u: Sum::new(blues.map(|part| part * stretch), no_color),
            v: Sum::new(reds.map(|part| part * stretch), no_color),
        }
    }
}

/// How much of light is red and blue.
struct Matrix {
    red: f64,
    blue: f64,
}

impl Matrix {
    fn of(color: ColorSpace) -> Self {
        match color {
            ColorSpace::Bt709Limited | ColorSpace::Bt709Full => Self { red: 0.2126, blue: 0.0722 },
            ColorSpace::Bt601Limited | ColorSpace::Bt601Full => Self { red: 0.299, blue: 0.114 },
        }
    }

    fn green(&self) -> f64 {
        1.0 - self.red - self.blue
    }

    /// From the least to the most that red may differ from luma.
    fn red_spread(&self) -> f64 {
        2.0 * (1.0 - self.red)
    }

    /// The same of blue.
    fn blue_spread(&self) -> f64 {
        2.0 * (1.0 - self.blue)
    }
}

/// What samples there are.
struct Range {
    black: f64,
    /// From black to white.
    luma: f64,
    /// From the least to the most of Cb and Cr.
    color: f64,
}

impl Range {
    fn of(color: ColorSpace) -> Self {
        match color {
            ColorSpace::Bt709Limited | ColorSpace::Bt601Limited => Self { black: 16.0, luma: 219.0, color: 224.0 },
            ColorSpace::Bt709Full | ColorSpace::Bt601Full => Self { black: 0.0, luma: 255.0, color: 255.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MediaTime;
    use crate::frame::Rotation;

    const SPACES: [ColorSpace; 4] =
        [ColorSpace::Bt709Limited, ColorSpace::Bt709Full, ColorSpace::Bt601Limited, ColorSpace::Bt601Full];
    /// Red, green, blue, white and black in each of them, by the standards' formulas.
    const COLORS: [[[u8; 3]; 4]; 5] = [
        [[63, 102, 240], [54, 99, 255], [81, 90, 240], [76, 85, 255]],
        [[173, 42, 26], [182, 30, 12], [145, 54, 34], [150, 44, 21]],
        [[32, 240, 118], [18, 255, 116], [41, 240, 110], [29, 255, 107]],
        [[235, 128, 128], [255, 128, 128], [235, 128, 128], [255, 128, 128]],
        [[16, 128, 128], [0, 128, 128], [16, 128, 128], [0, 128, 128]],
    ];

    fn plain([y, u, v]: [u8; 3], color: ColorSpace) -> VideoFrame {
        let mut picture = FramePool::new().get(70, 6);
        picture.fill(y, u, v);
        picture.color = color;
        (picture.rotation, picture.synthetic) = (Rotation::Half, true);
        picture.freeze(MediaTime(7))
    }

    #[test]
    fn a_colour_stays_what_it_is_in_every_other_space() {
        let mut recolor = Recolor::new();
        for same in COLORS {
            for (from, is) in SPACES.into_iter().zip(same) {
                for (to, should) in SPACES.into_iter().zip(same) {
                    let out = recolor.run(&plain(is, from), to);
                    assert_eq!((out.color, out.capture, out.rotation), (to, MediaTime(7), Rotation::Half));
                    assert!(out.synthetic && (out.width(), out.height()) == (70, 6));
                    for ((plane, stride), (should, half)) in
                        out.planes().into_iter().zip(should.into_iter().zip([1, 2, 2]))
                    {
                        let samples = plane.chunks(stride).flat_map(|row| &row[..70 / half]);
                        let worst = samples.map(|sample| sample.abs_diff(should)).max();
                        assert!(worst <= Some(1), "{is:?} of {from:?} in {to:?}: {worst:?} levels");
                    }
                }
            }
        }
    }

    #[test]
    fn light_is_converted_sample_by_sample_and_stays_within_its_range() {
        let mut picture = FramePool::new().get(4, 2);
        let [(y, stride), (u, _), (v, _)] = picture.planes_mut();
        y[..4].copy_from_slice(&[0, 85, 170, 255]);
        y[stride..stride + 4].copy_from_slice(&[255, 255, 0, 0]);
        u[..2].copy_from_slice(&[128, 255]);
        v[..2].copy_from_slice(&[128, 255]);
        picture.color = ColorSpace::Bt709Full;
        let picture = picture.freeze(MediaTime(0));
        let mut recolor = Recolor::new();
        let limited = recolor.run(&picture, ColorSpace::Bt709Limited);
        assert_eq!(limited.y()[..4], [16, 89, 162, 235]);
        assert_eq!(limited.y()[limited.y_stride()..][..4], [235, 235, 16, 16]);
        assert_eq!((&limited.u()[..2], &limited.v()[..2]), (&[128, 240][..], &[128, 240][..]));
        // Colours that no screen has end at the edge.
        let edge = recolor.run(&plain([10, 255, 255], ColorSpace::Bt601Full), ColorSpace::Bt709Full);
        assert_eq!([edge.y()[0], edge.u()[0], edge.v()[0]], [0, 255, 255]);
    }

    #[test]
    fn a_picture_in_the_right_colours_is_left_as_it_is() {
        let picture = plain([1, 2, 3], ColorSpace::Bt601Full);
        assert_eq!(Recolor::new().run(&picture, ColorSpace::Bt601Full).y().as_ptr(), picture.y().as_ptr());
    }
}
