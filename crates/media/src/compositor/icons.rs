//! The few signs of the stage, as signed distances: sharp at any size, no image files.

use std::{collections::HashMap, f32::consts::TAU, sync::Arc};

use super::canvas::Stencil;

/// A sign.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Icon {
    /// Microphone with a stroke through it.
    MicOff,
    /// A screen on its stand.
    Screen,
    /// One of the three bars of the connection mark: 0 short … 2 tall.
    Bar(u8),
    /// A full disc.
    Disc,
}

/// Signs drawn so far, by size in physical pixels.
#[derive(Default)]
pub(super) struct Icons {
    made: HashMap<(Icon, u32), Arc<Stencil>>,
}

impl Icons {
    pub fn get(&mut self, icon: Icon, size: u32) -> Arc<Stencil> {
        if self.made.len() > 64 {
            self.made.clear();
        }
        self.made.entry((icon, size)).or_insert_with(|| Arc::new(draw(icon, size))).clone()
    }
}

fn draw(icon: Icon, size: u32) -> Stencil {
    let s = size as f32;
    // Distances are made in a unit square and scaled to pixels.
    Stencil::from_distance(size, size, |px, py| {
        let (x, y) = (px / s, py / s);
        let d = match icon {
            Icon::MicOff => {
                let stroke = segment(x, y, (0.17, 0.14), (0.83, 0.88));
                let mic = mic(x, y);
                // A gap around the stroke keeps both legible at small sizes.
                (stroke - 0.045).min(mic.max(0.125 - stroke))
            }
            Icon::Screen => {
                let frame = (rounded_box(x - 0.5, y - 0.42, 0.40, 0.27, 0.07)).abs() - 0.045;
                let stand = segment(x, y, (0.34, 0.88), (0.66, 0.88)) - 0.045;
                let neck = segment(x, y, (0.5, 0.72), (0.5, 0.88)) - 0.045;
                frame.min(stand).min(neck)
            }
            Icon::Bar(n) => {
                let h = 0.34 + 0.28 * f32::from(n.min(2));
                let left = 0.08 + 0.30 * f32::from(n.min(2));
                rounded_box(x - left - 0.11, y - (0.92 - h / 2.0), 0.10, h / 2.0, 0.06)
            }
            Icon::Disc => ((x - 0.5).powi(2) + (y - 0.5).powi(2)).sqrt() - 0.5 + 0.5 / s,
        };
        d * s
    })
}

fn mic(x: f32, y: f32) -> f32 {
    let head = segment(x, y, (0.5, 0.24), (0.5, 0.46)) - 0.145;
    // The holder: the lower half of a ring around the head.
    let ring = (((x - 0.5).powi(2) + (y - 0.46).powi(2)).sqrt() - 0.27).abs() - 0.042;
    let holder = ring.max(0.46 - y);
    let stem = segment(x, y, (0.5, 0.75), (0.5, 0.88)) - 0.042;
    let foot = segment(x, y, (0.36, 0.9), (0.64, 0.9)) - 0.042;
    head.min(holder).min(stem).min(foot)
}

/// Distance to the segment `a`–`b`.
fn segment(x: f32, y: f32, a: (f32, f32), b: (f32, f32)) -> f32 {
    let (px, py) = (x - a.0, y - a.1);
    let (bx, by) = (b.0 - a.0, b.1 - a.1);
    let t = ((px * bx + py * by) / (bx * bx + by * by)).clamp(0.0, 1.0);
    ((px - bx * t).powi(2) + (py - by * t).powi(2)).sqrt()
}

fn rounded_box(x: f32, y: f32, half_w: f32, half_h: f32, r: f32) -> f32 {
    let (qx, qy) = (x.abs() - half_w + r, y.abs() - half_h + r);
    (qx.max(0.0).powi(2) + qy.max(0.0).powi(2)).sqrt() + qx.max(qy).min(0.0) - r
}

/// The spinner at one of `steps` positions: an open ring that fades along its length.
pub(super) fn spinner(size: u32, phase: u32, steps: u32) -> Stencil {
    let s = size as f32;
    let thick = (s * 0.13).max(1.5);
    let radius = s / 2.0 - thick / 2.0 - 0.5;
    let head = TAU * (phase % steps) as f32 / steps as f32;
    let mut ring = Stencil::from_distance(size, size, |x, y| {
        (((x - s / 2.0).powi(2) + (y - s / 2.0).powi(2)).sqrt() - radius).abs() - thick / 2.0
    });
    for y in 0..size {
        for x in 0..size {
            let angle = (y as f32 + 0.5 - s / 2.0).atan2(x as f32 + 0.5 - s / 2.0);
            let behind = (head - angle).rem_euclid(TAU) / TAU;
            let c = &mut ring.cover[(y * size + x) as usize];
            *c = (f32::from(*c) * (1.0 - behind * 0.88)) as u8;
        }
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_has_ink_and_space_at_every_size() {
        let mut icons = Icons::default();
        for icon in [Icon::MicOff, Icon::Screen, Icon::Bar(0), Icon::Bar(2), Icon::Disc] {
            for size in [10, 14, 20, 40] {
                let m = icons.get(icon, size);
                let ink: u32 = m.cover.iter().map(|&c| u32::from(c)).sum::<u32>() / 255;
                assert!(ink * 25 > size * size, "{icon:?} {size}: {ink}");
                assert!(m.cover.iter().filter(|&&c| c == 0).count() > 3, "{icon:?} {size}");
            }
        }
    }

    #[test]
    fn the_spinner_turns() {
        assert_ne!(spinner(28, 0, 12).cover, spinner(28, 1, 12).cover);
        assert_eq!(spinner(28, 0, 12).cover, spinner(28, 12, 12).cover);
    }
}
