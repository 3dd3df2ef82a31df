//! What the beauty filter does to a face, in figures. The portraits are drawn by code and the noise comes out of a hash: every run
//! sees the same pictures.
#![allow(clippy::unwrap_used)]

mod measure;
mod portrait;

use beckon_media::beauty::{Beauty, BeautySettings, BeautyStyle};
use beckon_media::{FramePool, VideoFrame};
use measure::{chroma_difference, difference, edges_kept, luma, mean, skin_error, skin_roughness};
use portrait::{Drawn, MONK, Part, Portrait};

fn filtered(frame: &VideoFrame, style: BeautyStyle, levels: [u8; 3]) -> VideoFrame {
    let mut frame = frame.clone();
    let [strength, whitening, ruddy] = levels;
    Beauty::new().apply(&mut frame, &BeautySettings::new(style, strength, whitening, ruddy).unwrap());
    frame
}

/// Half the size of a call's picture: as much of everything, a quarter of the time.
fn small(tone: usize) -> Portrait {
    Portrait { width: 640, height: 360, tone, ..Portrait::default() }
}

fn decibels(before: f64, after: f64) -> f64 {
    20.0 * (before / after).log10()
}

/// How much of the face's edges is left, over edges that stand out from the skin as eyes, brows and lips do.
fn edges(drawn: &Drawn, before: &[f32], after: &[f32]) -> f64 {
    let skin = mean(drawn, Part::Skin, &drawn.clean) as f32;
    edges_kept(drawn, before, after, 0.06 * skin, &[Part::Face, Part::Eye])
}

#[test]
fn skin_becomes_smooth_and_edges_stay_in_every_style() {
    let drawn = Portrait::default().draw();
    let frame = drawn.taken(&FramePool::new(), 1);
    let before = luma(&frame);
    for (style, least) in [(BeautyStyle::Smooth, 15.0), (BeautyStyle::Natural, 6.0), (BeautyStyle::Hazy, 12.0)] {
        let after = luma(&filtered(&frame, style, [9, 0, 0]));
        let noise = decibels(skin_roughness(&drawn, &before), skin_roughness(&drawn, &after));
        let kept = edges(&drawn, &before, &after);
        println!("{style}: fine detail of skin -{noise:.1} dB, edges {:.1} %", kept * 100.0);
        assert!(noise >= least, "{style}: fine detail of skin fell by {noise:.1} dB only");
        assert!((0.95..=1.05).contains(&kept), "{style}: {:.1} % of the edges are left", kept * 100.0);
    }
}

/// How much is left of the hair's strands.
fn strands(drawn: &Drawn, before: &[f32], after: &[f32]) -> f64 {
    edges_kept(drawn, before, after, 6.0, &[Part::Hair])
}

/// All styles, each with all that it may be asked for: smoothing, whitening and blush, alone and together.
fn everything() -> impl Iterator<Item = (BeautyStyle, [u8; 3])> {
    let levels = [[9, 0, 0], [0, 9, 0], [0, 0, 9], [0, 9, 9], [9, 9, 9]];
    BeautyStyle::ALL.into_iter().flat_map(move |style| levels.map(|levels| (style, levels)))
}

#[test]
fn whatever_is_asked_for_no_skin_becomes_rougher_and_no_edge_is_lost() {
    let pool = FramePool::new();
    for tone in 1..=MONK.len() {
        let drawn = small(tone).draw();
        let frame = drawn.taken(&pool, 1);
        let before = luma(&frame);
        for (style, levels) in everything() {
            let after = luma(&filtered(&frame, style, levels));
            let noise = decibels(skin_roughness(&drawn, &before), skin_roughness(&drawn, &after));
            let (kept, strands) = (edges(&drawn, &before, &after), strands(&drawn, &before, &after));
            let what = format!("Monk {tone}, {style} {levels:?}");
            println!("{what}: fine detail of skin -{noise:.1} dB, edges {kept:.3}, strands {strands:.3}");
            let least = match (levels[0], style) {
                // As it is, but for what rounding does.
                (0, _) => -0.2,
                (_, BeautyStyle::Smooth) => 12.0,
                (_, BeautyStyle::Natural) => 5.5,
                (_, BeautyStyle::Hazy) => 10.0,
            };
            assert!(noise >= least, "{what}: fine detail of skin fell by {noise:.1} dB");
            assert!((0.95..=1.05).contains(&kept), "{what}: {kept:.3} of the edges");
            assert!((0.95..=1.05).contains(&strands), "{what}: {strands:.3} of the hair's strands");
        }
    }
}

#[test]
fn each_level_smooths_more_than_the_one_before() {
    let drawn = small(5).draw();
    let frame = drawn.taken(&FramePool::new(), 1);
    let rough = |level| skin_roughness(&drawn, &luma(&filtered(&frame, BeautyStyle::Smooth, [level, 0, 0])));
    let figures: Vec<f64> = (0..=9).map(rough).collect();
    assert!(figures.windows(2).all(|pair| pair[1] < pair[0]), "{figures:?}");
}

#[test]
fn whitening_lifts_skin_and_blush_reddens_it_step_by_step() {
    let drawn = small(6).draw();
    let frame = drawn.taken(&FramePool::new(), 1);
    let skin = |level| mean(&drawn, Part::Skin, &luma(&filtered(&frame, BeautyStyle::Smooth, [0, level, 0])));
    let figures: Vec<f64> = (0..=9).map(skin).collect();
    assert!(figures.windows(2).all(|pair| pair[1] > pair[0] + 1.0), "{figures:?}");
    assert!(figures[9] - figures[0] < 24.0, "{figures:?}");

    // In the middle of the face: between the eyes and the mouth.
    let red = |level| {
        let frame = filtered(&frame, BeautyStyle::Smooth, [0, 0, level]);
        let (x, y) = (150, 85);
        (0..20).map(|i| f64::from(frame.v()[(y + i / 5) * frame.v_stride() + x + i % 5])).sum::<f64>() / 20.0
    };
    let figures: Vec<f64> = (0..=9).map(red).collect();
    assert!(figures.windows(2).all(|pair| pair[1] >= pair[0]), "{figures:?}");
    assert!((3.0..10.0).contains(&(figures[9] - figures[0])), "{figures:?}");
}

#[test]
fn what_is_not_skin_stays_as_it_is() {
    let drawn = Portrait::default().draw();
    let frame = drawn.taken(&FramePool::new(), 1);
    let before = luma(&frame);
    let after = luma(&filtered(&frame, BeautyStyle::Smooth, [9, 9, 9]));
    // (mean, greatest) difference in levels.
    for (part, bounds) in [(Part::Text, (0.05, 3.0)), (Part::Shirt, (0.3, 30.0)), (Part::Wall, (0.3, 30.0))] {
        let (mean, most) = difference(&drawn, part, &before, &after);
        println!("{part:?}: {mean:.3} in the mean, {most:.0} at most");
        assert!(mean <= bounds.0 && most <= bounds.1, "{part:?}: {mean:.3} in the mean, {most} at most");
    }
    // Brown hair has the colour of dark skin; it is not lifted as skin is, and its strands stay.
    let (hair, _) = difference(&drawn, Part::Hair, &before, &after);
    println!("hair: {hair:.2} in the mean");
    assert!(hair <= 4.0, "hair changes by {hair:.2} levels in the mean");
    for (style, levels) in everything() {
        let kept = strands(&drawn, &before, &luma(&filtered(&frame, style, levels)));
        println!("{style} {levels:?}: {:.1} % of the hair's strands", kept * 100.0);
        assert!((0.95..=1.05).contains(&kept), "{style} {levels:?}: {:.1} % of the hair's strands", kept * 100.0);
    }
}

#[test]
fn skin_of_every_tone_is_treated_alike() {
    let pool = FramePool::new();
    // Without the camera's noise, which is the same for all: what counts is the skin's own texture.
    let figures: Vec<(f64, f64)> = (1..=MONK.len())
        .map(|tone| {
            let drawn = Portrait { noise: 0.0, ..Portrait { tone, ..Portrait::default() } }.draw();
            let frame = drawn.taken(&pool, 1);
            let (before, after) = (luma(&frame), luma(&filtered(&frame, BeautyStyle::Smooth, [9, 0, 0])));
            let smooth = decibels(skin_error(&drawn, &before), skin_error(&drawn, &after));
            (smooth, edges(&drawn, &before, &after))
        })
        .collect();
    for (tone, (smooth, kept)) in figures.iter().enumerate() {
        println!("Monk {}: unevenness -{smooth:.1} dB, edges {:.1} %", tone + 1, kept * 100.0);
    }
    let least = figures.iter().map(|f| f.0).fold(f64::MAX, f64::min);
    let most = figures.iter().map(|f| f.0).fold(f64::MIN, f64::max);
    assert!(least >= 3.0, "{figures:.2?}");
    assert!(most - least <= 3.0, "{figures:.2?}");
    assert!(figures.iter().all(|f| (0.95..=1.05).contains(&f.1)), "{figures:.3?}");
}

#[test]
fn a_still_scene_does_not_flicker() {
    let pool = FramePool::new();
    for tone in [2, 6, 9, 10] {
        let drawn = small(tone).draw();
        let taken: Vec<VideoFrame> = (0..4).map(|n| drawn.taken(&pool, n)).collect();
        // Mean change from picture to picture: luma, Cb, Cr.
        let change = |series: &[VideoFrame], part: Part| -> [f64; 3] {
            let mut sums = [0.0; 3];
            for pair in series.windows(2) {
                let [cb, cr] = chroma_difference(&drawn, part, &pair[0], &pair[1]);
                let of_luma = difference(&drawn, part, &luma(&pair[0]), &luma(&pair[1])).0;
                sums.iter_mut().zip([of_luma, cb, cr]).for_each(|(sum, change)| *sum += change / 3.0);
            }
            sums
        };
        for (style, levels) in everything() {
            let after: Vec<VideoFrame> = taken.iter().map(|frame| filtered(frame, style, levels)).collect();
            for part in [Part::Skin, Part::Face, Part::Eye, Part::Hair, Part::Shirt, Part::Wall, Part::Text] {
                // What is lifted or blushed has the camera's noise as before, and a little of the measure of what is skin, which that
                // noise moves too: most on the darkest skin, whose colour is faint.
                let most = if part == Part::Skin && levels[0] > 0 { 0.7 } else { 1.06 };
                for (plane, (was, is)) in change(&taken, part).into_iter().zip(change(&after, part)).enumerate() {
                    assert!(
                        is <= was * most,
                        "Monk {tone}, {style} {levels:?}: {part:?} changes by {was:.3} levels of plane {plane} from picture to \
                         picture, by {is:.3} after the filter"
                    );
                }
            }
        }
    }
    // Without noise nothing changes at all.
    let still = Portrait { noise: 0.0, ..small(4) }.draw().taken(&pool, 0);
    for style in BeautyStyle::ALL {
        let mut beauty = Beauty::new();
        let settings = BeautySettings::new(style, 9, 9, 9).unwrap();
        let mut next = || {
            let mut frame = still.clone();
            beauty.apply(&mut frame, &settings);
            luma(&frame)
        };
        assert!(next() == next(), "{style}");
    }
}
