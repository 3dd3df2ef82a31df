//! Prints what drawing costs: CPU milliseconds per frame and the cores that 30 of them a second take.
//!
//! `cargo run -p beckon-media --example stage_cost`

use std::{error::Error, time::Instant};

use beckon_media::{
    FramePool, MediaTime, VideoFrame,
    compositor::{Compositor, Language, Scene, Surface, Theme, TileState, TileView, load_fonts},
    layout::{Layout, LayoutRequest, Template, TileId, TileSpec, layout},
};

const FRAMES: u32 = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    load_fonts();
    println!("fonts loaded in {:.1} ms", started.elapsed().as_secs_f64() * 1000.0);
    println!("{:<58} {:>9} {:>14}", "scene", "ms/frame", "cores at 30/s");
    let own = |tiles: &mut Vec<TileView>| {
        if let Some(t) = tiles.last_mut() {
            (t.own, t.mirror) = (true, true);
        }
    };
    for (name, template, size, pictures) in [
        ("1280x720 alone, 1:1", Template::OneVsOne, (1280, 720), vec![(1280, 720)]),
        ("1v1: 1280x720 1:1 and a preview from 1280x720", Template::OneVsOne, (1280, 720), vec![(1280, 720); 2]),
        (
            "1v1: 1280x720 1:1 and a preview from 640x360",
            Template::OneVsOne,
            (1280, 720),
            vec![(1280, 720), (640, 360)],
        ),
        ("1v1 in 1000x600, both 1280x720", Template::OneVsOne, (1000, 600), vec![(1280, 720); 2]),
        ("1v1 in 1600x900, both 1280x720", Template::OneVsOne, (1600, 900), vec![(1280, 720); 2]),
        ("1v4 in 1280x720, five of 640x360", Template::OneVsFour, (1280, 720), vec![(640, 360); 5]),
    ] {
        let mut tiles: Vec<TileView> = pictures
            .iter()
            .enumerate()
            .map(|(i, _)| TileView {
                state: TileState::Live,
                muted: true,
                ..TileView::camera(TileId(i as u64), "王 Anna")
            })
            .collect();
        if tiles.len() > 1 {
            own(&mut tiles);
        }
        let specs: Vec<TileSpec> = tiles.iter().map(|t| TileSpec { id: t.id, kind: t.kind, own: t.own }).collect();
        let placed = layout(&LayoutRequest { template, tiles: &specs, focus: None, size, scale: 1.0 });
        // Two pictures each, shown in turn, so that none is "unchanged".
        let films: Vec<[VideoFrame; 2]> = pictures.iter().map(|&(w, h)| [noise(w, h, 1), noise(w, h, 2)]).collect();
        let to_screen = measure(&placed, &mut tiles, &films, false)?;
        println!("{name:<58} {:>9.3} {:>14.4}", to_screen, to_screen * 0.03);
        if tiles.len() == 2 && size == (1280, 720) {
            let to_frame = measure(&placed, &mut tiles, &films, true)?;
            println!("{:<58} {:>9.3} {:>14.4}", format!("{name}, into I420"), to_frame, to_frame * 0.03);
        }
    }
    Ok(())
}

/// Milliseconds for one frame in which every picture is new.
fn measure(
    placed: &Layout,
    tiles: &mut [TileView],
    films: &[[VideoFrame; 2]],
    into_frame: bool,
) -> Result<f64, Box<dyn Error>> {
    let (w, h) = placed.size;
    let mut pixels = vec![0; w as usize * h as usize * 4];
    let mut compositor = Compositor::new();
    let pool = FramePool::new();
    let mut started = Instant::now();
    for i in 0..FRAMES + 10 {
        // The first ones load fonts and make tables.
        if i == 10 {
            started = Instant::now();
        }
        for (tile, film) in tiles.iter_mut().zip(films) {
            tile.frame = Some(film[i as usize % 2].clone());
        }
        let scene = Scene { layout: placed, tiles, theme: Theme::dark(), language: Language::Chinese, scale: 1.0 };
        let now = MediaTime::from_millis(i64::from(i) * 33);
        if into_frame {
            compositor.render_frame(&scene, &pool, now)?;
        } else {
            compositor.render(&scene, &mut Surface::new(&mut pixels, w, h, w as usize * 4)?, now)?;
        }
    }
    Ok(started.elapsed().as_secs_f64() * 1000.0 / f64::from(FRAMES))
}

fn noise(w: u32, h: u32, seed: i64) -> VideoFrame {
    let mut frame = FramePool::new().get(w, h);
    let mut state = seed as u32 * 747_796_405 + 1;
    for (plane, _) in frame.planes_mut() {
        for byte in plane {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
    }
    frame.freeze(MediaTime(seed))
}
