//! Writes every state of the stage as a picture into `target/stage/` (or the folder named as argument), as PPM and,
//! where ImageMagick's `convert` is installed, as PNG: to look at.
//!
//! `cargo run -p beckon-media --example stage_png`

use std::{error::Error, fs, path::PathBuf, process::Command};

use beckon_media::{
    FramePool, MediaTime, VideoFrame,
    compositor::{Compositor, Language, Quality, Scene, Surface, Theme, TileState, TileView},
    layout::{LayoutRequest, Template, TileId, TileKind, TileSpec, layout},
};

struct Shot {
    name: &'static str,
    template: Template,
    size: (u32, u32),
    scale: f32,
    language: Language,
    theme: Theme,
    tiles: Vec<TileView>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/stage"), PathBuf::from);
    fs::create_dir_all(&folder)?;
    for shot in shots() {
        let specs: Vec<TileSpec> = shot.tiles.iter().map(|t| TileSpec { id: t.id, kind: t.kind, own: t.own }).collect();
        let placed = layout(&LayoutRequest {
            template: shot.template,
            tiles: &specs,
            focus: None,
            size: shot.size,
            scale: shot.scale,
        });
        let scene = Scene {
            layout: &placed,
            tiles: &shot.tiles,
            theme: shot.theme,
            language: shot.language,
            scale: shot.scale,
        };
        let (w, h) = shot.size;
        let mut pixels = vec![0; w as usize * h as usize * 4];
        let mut surface = Surface::new(&mut pixels, w, h, w as usize * 4)?;
        Compositor::new().render(&scene, &mut surface, MediaTime::from_millis(300))?;

        let mut ppm = format!("P6\n{w} {h}\n255\n").into_bytes();
        ppm.extend(pixels.chunks_exact(4).flat_map(|p| [p[2], p[1], p[0]]));
        let path = folder.join(shot.name).with_extension("ppm");
        fs::write(&path, ppm)?;
        let png = path.with_extension("png");
        let converted = Command::new("convert").arg(&path).arg(&png).status().is_ok_and(|s| s.success());
        println!("{}", if converted { png.display() } else { path.display() });
    }
    Ok(())
}

fn shots() -> Vec<Shot> {
    use Template::{OneVsFour, OneVsOne, OneVsThree, OneVsTwo};
    let zh = Language::Chinese;
    let en = Language::English;
    let wide = (1280, 720);
    let shot = |name, template, size, language, tiles| Shot {
        name,
        template,
        size,
        scale: 1.0,
        language,
        theme: Theme::dark(),
        tiles,
    };
    let other = |state| TileView { state, ..person(1, "Anna Lindqvist", 2) };
    let pair = |state| vec![other(state), own("Ben")];
    let talking = TileView { speaking: true, quality: Quality::Good, ..person(1, "Anna Lindqvist", 2) };
    let muted = TileView { muted: true, quality: Quality::Fair, ..person(1, "Anna Lindqvist", 2) };
    let five = |names: [&str; 5]| -> Vec<TileView> {
        let mut tiles: Vec<TileView> = names.iter().enumerate().map(|(i, n)| person(i as u64 + 1, n, i)).collect();
        tiles[1].speaking = true;
        tiles[1].quality = Quality::Good;
        tiles[2].state = TileState::CameraOff;
        tiles[2].muted = true;
        tiles[3].state = TileState::Reconnecting;
        tiles[3].quality = Quality::Poor;
        tiles[4].own = true;
        tiles[4].mirror = true;
        tiles
    };
    let english = ["Anna Lindqvist", "Ben Okafor", "Carla Méndez", "Dmitri Volkov", "Eva"];
    let chinese = ["王小明", "李娜", "欧阳修远", "张伟（财务部）", "陈静"];
    let screen = TileView { frame: Some(slide()), state: TileState::Live, ..TileView::screen(TileId(9), "李娜") };
    let sharing = |n: usize| {
        let mut tiles = five(chinese);
        tiles.truncate(n);
        tiles.insert(0, screen.clone());
        tiles
    };
    let mut shots = vec![
        shot("1v1-talking", OneVsOne, wide, en, vec![talking.clone(), own("Ben")]),
        shot("1v1-muted", OneVsOne, wide, en, vec![muted, TileView { muted: true, ..own("Ben") }]),
        shot("1v1-camera-off", OneVsOne, wide, en, pair(TileState::CameraOff)),
        shot("1v1-connecting", OneVsOne, wide, en, vec![TileView::camera(TileId(1), "Anna Lindqvist"), own("Ben")]),
        shot("1v1-reconnecting", OneVsOne, wide, en, pair(TileState::Reconnecting)),
        shot("1v1-ended", OneVsOne, wide, en, pair(TileState::Ended)),
        shot("1v1-chinese-waiting", OneVsOne, wide, zh, vec![TileView::camera(TileId(1), "王小明"), own("陈静")]),
        shot("1v1-narrow", OneVsOne, (390, 700), zh, vec![person(1, "王小明", 0), own("陈静")]),
        shot("1v1-small", OneVsOne, (320, 180), en, vec![talking, own("Ben")]),
        shot("1v2", OneVsTwo, wide, en, five(english)[..3].to_vec()),
        shot("1v3", OneVsThree, (1000, 700), en, five(english)[..4].to_vec()),
        shot("1v4", OneVsFour, wide, en, five(english)),
        shot("1v4-two-people", OneVsFour, wide, en, vec![person(1, "Anna Lindqvist", 2), own("Ben")]),
        shot("1v4-chinese", OneVsFour, wide, zh, five(chinese)),
        shot("1v4-narrow", OneVsFour, (480, 860), zh, five(chinese)),
        shot("screen-share", OneVsFour, wide, zh, sharing(4)),
        shot("screen-share-1v1", OneVsOne, (1000, 620), zh, sharing(1)),
        shot("nobody", OneVsOne, (640, 360), zh, Vec::new()),
    ];
    shots.push(Shot { theme: Theme::light(), ..shot("1v4-light", OneVsFour, wide, en, five(english)) });
    let waiting = vec![TileView::camera(TileId(1), "Anna Lindqvist"), own("Ben")];
    shots.push(Shot { theme: Theme::light(), ..shot("1v1-light-connecting", OneVsOne, wide, en, waiting) });
    shots.push(Shot { scale: 2.0, ..shot("1v4-double-density", OneVsFour, (2560, 1440), zh, five(chinese)) });
    shots
}

fn person(id: u64, name: &str, look: usize) -> TileView {
    TileView {
        state: TileState::Live,
        frame: Some(portrait(look)),
        kind: TileKind::Camera,
        ..TileView::camera(TileId(id), name)
    }
}

fn own(name: &str) -> TileView {
    TileView { own: true, mirror: true, synthetic: true, ..person(100, name, 4) }
}

/// Somebody before a wall: enough of a picture to judge signs on it.
fn portrait(look: usize) -> VideoFrame {
    let walls = [(92, 120, 134), (150, 122, 126), (190, 126, 130), (120, 132, 122), (70, 134, 124)];
    let (wall, u, v) = walls[look % walls.len()];
    draw(1280, 720, |x, y| {
        let (dx, dy) = (x - 0.5, (y - 0.42) * 0.5625);
        let head = (dx / 0.075).hypot(dy / 0.098);
        let shoulders = (dx / 0.23).hypot((y - 1.08) / 0.42);
        let hair = (dx / 0.085).hypot((dy + 0.03) / 0.088);
        if head < 1.0 && dy > -0.045 {
            (168.0 - head * 18.0, 112, 148)
        } else if hair < 1.0 {
            (42.0, 124, 132)
        } else if shoulders < 1.0 {
            (70.0 + 40.0 * (1.0 - shoulders), 150 - 8 * (look as u8 % 4), 110 + 10 * (look as u8 % 3))
        } else {
            (wall as f32 * (1.08 - 0.35 * (dx * dx + (y - 0.4) * (y - 0.4)).sqrt()), u, v)
        }
    })
}

/// A shared slide, 16:10.
fn slide() -> VideoFrame {
    draw(1440, 900, |x, y| {
        let bar = |i: f32, h: f32| (x - 0.2 - i * 0.15).abs() < 0.045 && y > 0.85 - h && y < 0.85;
        if y < 0.12 {
            (70.0, 160, 110)
        } else if bar(0.0, 0.3) || bar(1.0, 0.42) || bar(2.0, 0.36) || bar(3.0, 0.6) || bar(4.0, 0.52) {
            (120.0, 150, 100)
        } else if (0.2..0.22).contains(&y) && x > 0.1 && x < 0.6 {
            (90.0, 128, 128)
        } else {
            (228.0, 128, 128)
        }
    })
}

fn draw(w: u32, h: u32, at: impl Fn(f32, f32) -> (f32, u8, u8)) -> VideoFrame {
    let mut frame = FramePool::new().get(w, h);
    let [(luma, ls), (u, us), (v, vs)] = frame.planes_mut();
    for y in 0..h as usize {
        for x in 0..w as usize {
            let p = at((x as f32 + 0.5) / w as f32, (y as f32 + 0.5) / h as f32);
            luma[y * ls + x] = p.0.clamp(16.0, 235.0) as u8;
            u[y / 2 * us + x / 2] = p.1;
            v[y / 2 * vs + x / 2] = p.2;
        }
    }
    frame.freeze(MediaTime(1))
}
