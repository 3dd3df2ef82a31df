//! Our side of `cargo xtask bench beauty`: draws portraits for both filters, times ours, and tells what either did to them.
//!
//! - `beauty_cost draw FOLDER TONE` writes `in.i420`, a 1280 × 720 portrait with noise, `close FOLDER TONE` a face that fills
//!   the picture;
//! - `beauty_cost time FOLDER FRAMES STYLE:STRENGTH,WHITENING,RUDDY` filters it, writes `ours.i420` and prints the median
//!   time of a frame in ms;
//! - `beauty_cost judge FOLDER TONE FILE…` prints a row of figures for each filtered picture;
//! - `beauty_cost ppm FILE.i420 FILE.ppm` makes a picture to look at.
//!
//! All pictures are 1280 × 720, I420 without stride.

#[path = "../tests/beauty/measure.rs"]
#[allow(dead_code)]
mod measure;
#[path = "../tests/beauty/portrait.rs"]
#[allow(dead_code)]
mod portrait;

use std::{error::Error, fs, path::Path, time::Instant};

use beckon_media::{
    FramePool, MediaTime, VideoFrame,
    beauty::{Beauty, BeautySettings},
};
use portrait::{CLOSE, Part, Portrait};

const WIDTH: usize = 1280;
const HEIGHT: usize = 720;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["draw", folder, tone] => draw(Path::new(folder), &portrait(tone)?),
        ["close", folder, tone] => draw(Path::new(folder), &Portrait { nearness: CLOSE, ..portrait(tone)? }),
        ["time", folder, frames, settings] => time(Path::new(folder), frames.parse()?, &settings.parse()?),
        ["judge", folder, tone, files @ ..] => judge(Path::new(folder), portrait(tone)?, files),
        ["ppm", from, to] => ppm(&read(Path::new(from))?, Path::new(to)),
        _ => Err("see the first lines of this file".into()),
    }
}

fn draw(folder: &Path, portrait: &Portrait) -> Result<(), Box<dyn Error>> {
    write(&portrait.draw().taken(&FramePool::new(), 0), &folder.join("in.i420"))
}

fn portrait(tone: &str) -> Result<Portrait, Box<dyn Error>> {
    Ok(Portrait { width: WIDTH, height: HEIGHT, tone: tone.parse()?, ..Portrait::default() })
}

fn time(folder: &Path, frames: usize, settings: &BeautySettings) -> Result<(), Box<dyn Error>> {
    let input = read(&folder.join("in.i420"))?;
    let mut beauty = Beauty::new();
    let mut times = Vec::with_capacity(frames);
    for n in 0..frames + 20 {
        let mut frame = input.clone();
        let started = Instant::now();
        beauty.apply(&mut frame, settings);
        // The first ones warm memory and processor up.
        if n >= 20 {
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        if n == 20 {
            write(&frame, &folder.join("ours.i420"))?;
        }
    }
    times.sort_by(f64::total_cmp);
    println!("{}", times[times.len() / 2]);
    Ok(())
}

/// `name noise_dB texture_dB edges_% text hair shirt wall`: what is left of fine detail and of all unevenness on skin, in dB;
/// how much of the gradients of the face's edges; the greatest change of text, the mean change of the others, in levels.
fn judge(folder: &Path, portrait: Portrait, files: &[&str]) -> Result<(), Box<dyn Error>> {
    let drawn = portrait.draw();
    let before = measure::luma(&read(&folder.join("in.i420"))?);
    for file in files {
        let after = measure::luma(&read(&folder.join(file))?);
        let less = |figure: fn(&portrait::Drawn, &[f32]) -> f64| {
            20.0 * (figure(&drawn, &before) / figure(&drawn, &after).max(1e-6)).log10()
        };
        let edges = measure::edges_kept(&drawn, &before, &after, 8.0, &[Part::Face, Part::Eye]);
        let change = |part| measure::difference(&drawn, part, &before, &after).0;
        println!(
            "{file} {:.1} {:.1} {:.1} {:.2} {:.2} {:.2} {:.2}",
            less(measure::skin_roughness),
            less(measure::skin_error),
            edges * 100.0,
            change(Part::Text),
            change(Part::Hair),
            change(Part::Shirt),
            change(Part::Wall),
        );
    }
    Ok(())
}

fn read(path: &Path) -> Result<VideoFrame, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    if bytes.len() != WIDTH * HEIGHT * 3 / 2 {
        return Err(format!("{} is no picture of {WIDTH} × {HEIGHT}", path.display()).into());
    }
    let mut frame = FramePool::new().get(WIDTH as u32, HEIGHT as u32);
    let mut rest = bytes.as_slice();
    for ((plane, stride), (w, h)) in frame.planes_mut().into_iter().zip(sizes()) {
        for row in 0..h {
            let (first, others) = rest.split_at(w);
            plane[row * stride..][..w].copy_from_slice(first);
            rest = others;
        }
    }
    Ok(frame.freeze(MediaTime(0)))
}

fn write(frame: &VideoFrame, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::with_capacity(WIDTH * HEIGHT * 3 / 2);
    for ((plane, stride), (w, h)) in frame.planes().into_iter().zip(sizes()) {
        for row in 0..h {
            bytes.extend_from_slice(&plane[row * stride..][..w]);
        }
    }
    Ok(fs::write(path, bytes)?)
}

fn sizes() -> [(usize, usize); 3] {
    [(WIDTH, HEIGHT), (WIDTH / 2, HEIGHT / 2), (WIDTH / 2, HEIGHT / 2)]
}

fn ppm(frame: &VideoFrame, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut bytes = format!("P6\n{WIDTH} {HEIGHT}\n255\n").into_bytes();
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let chroma = (y / 2) * frame.u_stride() + x / 2;
            let luma = (f32::from(frame.y()[y * frame.y_stride() + x]) - 16.0) * 255.0 / 219.0;
            let cb = (f32::from(frame.u()[chroma]) - 128.0) * 255.0 / 224.0;
            let cr = (f32::from(frame.v()[chroma]) - 128.0) * 255.0 / 224.0;
            let rgb = [luma + 1.5748 * cr, luma - 0.1873 * cb - 0.4681 * cr, luma + 1.8556 * cb];
            bytes.extend(rgb.map(|c| c.round().clamp(0.0, 255.0) as u8));
        }
    }
    Ok(fs::write(path, bytes)?)
}
