#![allow(clippy::unwrap_used)]
use super::*;
use crate::{
    frame::{ColorSpace, Rotation, VideoFrameMut},
    layout::{Layout, LayoutRequest, Template, TileSpec, layout},
};

const OTHER: TileId = TileId(1);
const OWN: TileId = TileId(2);

fn plain(w: u32, h: u32, y: u8, at_ms: i64) -> VideoFrame {
    let mut f = FramePool::new().get(w, h);
    f.fill(y, 128, 128);
    f.freeze(MediaTime::from_millis(at_ms))
}

/// Left half dark, right half bright, full range so that values come out as they went in.
fn halves(w: u32, h: u32, edit: impl FnOnce(&mut VideoFrameMut)) -> VideoFrame {
    let mut f = FramePool::new().get(w, h);
    f.fill(20, 128, 128);
    f.color = ColorSpace::Bt709Full;
    let [(y, stride), ..] = f.planes_mut();
    for row in y.chunks_mut(stride) {
        row[w as usize / 2..w as usize].fill(230);
    }
    edit(&mut f);
    f.freeze(MediaTime(1))
}

fn live(id: TileId, name: &str, frame: VideoFrame) -> TileView {
    TileView { state: TileState::Live, frame: Some(frame), ..TileView::camera(id, name) }
}

struct Stage {
    compositor: Compositor,
    layout: Layout,
    buffer: Vec<u8>,
    tiles: Vec<TileView>,
}

impl Stage {
    fn new(template: Template, size: (u32, u32), tiles: Vec<TileView>) -> Self {
        let specs: Vec<TileSpec> = tiles.iter().map(|t| TileSpec { id: t.id, kind: t.kind, own: t.own }).collect();
        let layout = layout(&LayoutRequest { template, tiles: &specs, focus: None, size, scale: 1.0 });
        Self { compositor: Compositor::new(), layout, buffer: vec![7; (size.0 * size.1 * 4) as usize], tiles }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            layout: &self.layout,
            tiles: &self.tiles,
            theme: Theme::dark(),
            language: Language::English,
            scale: 1.0,
        }
    }

    fn render(&mut self, ms: i64) -> Painted {
        let (w, h) = self.layout.size;
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut compositor = std::mem::take(&mut self.compositor);
        let mut surface = Surface::new(&mut buffer, w, h, w as usize * 4).unwrap();
        let painted = compositor.render(&self.scene(), &mut surface, MediaTime::from_millis(ms)).unwrap();
        (self.buffer, self.compositor) = (buffer, compositor);
        painted
    }

    fn fresh(&self, ms: i64) -> Vec<u8> {
        let (w, h) = self.layout.size;
        let mut buffer = vec![99; self.buffer.len()];
        let mut surface = Surface::new(&mut buffer, w, h, w as usize * 4).unwrap();
        Compositor::new().render(&self.scene(), &mut surface, MediaTime::from_millis(ms)).unwrap();
        buffer
    }

    fn at(&self, x: i32, y: i32) -> [u8; 4] {
        let i = (y as usize * self.layout.size.0 as usize + x as usize) * 4;
        [self.buffer[i], self.buffer[i + 1], self.buffer[i + 2], self.buffer[i + 3]]
    }
}

fn one_on_one() -> Stage {
    let mut own = live(OWN, "me", plain(1280, 720, 90, 0));
    (own.own, own.mirror) = (true, true);
    Stage::new(Template::OneVsOne, (640, 360), vec![live(OTHER, "Anna", plain(640, 360, 180, 0)), own])
}

#[test]
fn nothing_changed_means_nothing_painted() {
    let mut s = one_on_one();
    assert_eq!(s.render(0).dirty, vec![Rect::new(0, 0, 640, 360)]);
    let before = s.buffer.clone();
    assert_eq!(s.render(500), Painted::default());
    assert_eq!(before, s.buffer);
}

#[test]
fn repainting_what_changed_gives_the_same_pixels_as_painting_all() {
    let mut s = one_on_one();
    s.render(0);
    type Step = (&'static str, fn(&mut Stage));
    let steps: [Step; 12] = [
        ("new picture", |s| s.tiles[0].frame = Some(plain(640, 360, 60, 1))),
        ("new preview", |s| s.tiles[1].frame = Some(plain(1280, 720, 200, 1))),
        ("muted", |s| s.tiles[0].muted = true),
        ("own muted", |s| s.tiles[1].muted = true),
        ("unmuted, speaking", |s| (s.tiles[1].muted, s.tiles[1].speaking) = (false, true)),
        ("preview while speaking", |s| s.tiles[1].frame = Some(plain(1280, 720, 30, 2))),
        ("quiet again", |s| s.tiles[1].speaking = false),
        ("reconnecting", |s| s.tiles[0].state = TileState::Reconnecting),
        ("camera off", |s| s.tiles[0].state = TileState::CameraOff),
        ("own camera off", |s| s.tiles[1].state = TileState::CameraOff),
        ("renamed", |s| s.tiles[0].name = "王小明".into()),
        ("ended", |s| s.tiles[0].state = TileState::Ended),
    ];
    for (i, (what, step)) in steps.into_iter().enumerate() {
        step(&mut s);
        let ms = i as i64 * 83;
        let painted = s.render(ms);
        assert!(!painted.dirty.is_empty(), "{what}");
        assert!(s.buffer == s.fresh(ms), "after {what}");
    }
}

#[test]
fn a_change_beside_touches_only_its_own_tile() {
    let tiles = (0..5).map(|i| live(TileId(i), "Zoë", plain(320, 180, 40 + i as u8 * 40, 0))).collect();
    let mut s = Stage::new(Template::OneVsFour, (1280, 720), tiles);
    s.render(0);
    let before = s.buffer.clone();
    s.tiles[3].frame = Some(plain(320, 180, 250, 1));
    let painted = s.render(0);
    let rect = s.layout.rect_of(TileId(3)).unwrap();
    assert_eq!(painted.dirty, vec![rect]);
    for y in 0..720 {
        for x in 0..1280 {
            if !rect.contains(x, y) {
                let i = (y as usize * 1280 + x as usize) * 4;
                assert_eq!(before[i..i + 4], s.buffer[i..i + 4], "{x},{y}");
            }
        }
    }
}

#[test]
fn a_spinner_turns_alone_and_only_while_something_is_awaited() {
    let mut s = Stage::new(Template::OneVsOne, (640, 360), vec![TileView::camera(OTHER, "Anna")]);
    assert!(s.render(0).animating);
    assert!(s.render(40).dirty.is_empty(), "the same step");
    let painted = s.render(90);
    assert!(painted.animating);
    assert_eq!(painted.dirty.len(), 1);
    assert!(painted.dirty[0].w < 40 && painted.dirty[0].h < 40, "{painted:?}");
    assert!(s.buffer == s.fresh(90));
    s.tiles[0].state = TileState::CameraOff;
    assert!(!s.render(200).animating);
}

#[test]
fn a_live_tile_spins_until_its_first_picture() {
    let mut s = Stage::new(Template::OneVsOne, (640, 360), vec![TileView::camera(OTHER, "Anna")]);
    s.tiles[0].state = TileState::Live;
    assert!(s.render(0).animating);
    s.tiles[0].frame = Some(plain(640, 360, 180, 5));
    assert!(!s.render(10).animating);
}

#[test]
fn a_picture_is_converted_by_its_own_colour_space() {
    // Limited white is 235, full white is 255.
    for (color, y, expected) in [
        (ColorSpace::Bt709Limited, 235, 255),
        (ColorSpace::Bt601Limited, 16, 0),
        (ColorSpace::Bt709Full, 235, 235),
        (ColorSpace::Bt601Full, 16, 16),
    ] {
        let mut f = FramePool::new().get(64, 64);
        f.fill(y, 128, 128);
        f.color = color;
        let mut s = Stage::new(Template::OneVsOne, (64, 64), vec![live(OTHER, "", f.freeze(MediaTime(0)))]);
        s.render(0);
        let p = s.at(32, 20);
        assert!(p[..3].iter().all(|&c| c.abs_diff(expected) <= 1) && p[3] == 255, "{color:?}: {p:?}");
    }
    // Red differs between the matrices: BT.601 Cr=240 is full red, read as BT.709 it is not.
    let red = |color| {
        let mut f = FramePool::new().get(64, 64);
        f.fill(81, 90, 240);
        f.color = color;
        let mut s = Stage::new(Template::OneVsOne, (64, 64), vec![live(OTHER, "", f.freeze(MediaTime(0)))]);
        s.render(0);
        s.at(32, 20)
    };
    let p = red(ColorSpace::Bt601Limited);
    assert!(p[2] > 250 && p[1] < 5 && p[0] < 5, "{p:?}");
    assert_ne!(red(ColorSpace::Bt709Limited), p);
}

#[test]
fn ones_own_preview_is_mirrored_and_others_are_not() {
    for mirror in [false, true] {
        // Twice the size, so that scaling is in the way too.
        let mut view = live(OTHER, "", halves(1280, 720, |_| ()));
        view.mirror = mirror;
        let mut s = Stage::new(Template::OneVsOne, (640, 360), vec![view]);
        s.render(0);
        let (left, right) = (s.at(100, 100)[1], s.at(540, 100)[1]);
        assert_eq!(left < right, !mirror, "{left} {right}");
    }
}

#[test]
fn a_turned_picture_is_set_upright() {
    // Bright right half; turned a quarter clockwise the bright half is at the bottom.
    for (rotation, bright_at) in
        [(Rotation::Quarter, (50, 190)), (Rotation::Half, (10, 100)), (Rotation::ThreeQuarters, (50, 10))]
    {
        let view = live(OTHER, "", halves(200, 200, |f| f.rotation = rotation));
        let mut s = Stage::new(Template::OneVsOne, (200, 200), vec![view]);
        s.render(0);
        assert!(s.at(bright_at.0, bright_at.1)[1] > 200, "{rotation:?}");
        assert!(s.at(199 - bright_at.0, 199 - bright_at.1)[1] < 60, "{rotation:?}");
    }
}

#[test]
fn a_screen_is_shown_whole_and_a_camera_fills_its_tile() {
    let wide = halves(400, 100, |_| ());
    let mut screen = live(OTHER, "", wide.clone());
    screen.kind = TileKind::Screen;
    let mut s = Stage::new(Template::OneVsOne, (400, 300), vec![screen]);
    s.render(0);
    let bar = Theme::dark().letterbox.bgra();
    assert_eq!(s.at(200, 20), bar);
    assert!(s.at(5, 150)[1] < 40 && s.at(395, 150)[1] > 200, "both edges are there");

    let mut s = Stage::new(Template::OneVsOne, (400, 250), vec![live(OTHER, "", halves(400, 200, |_| ()))]);
    s.render(0);
    assert!(s.at(5, 2)[1] < 40 && s.at(395, 2)[1] > 200, "no bars");
}

#[test]
fn cropping_keeps_to_the_middle_even_coordinates_and_the_tile() {
    for src in [(2, 2), (640, 360), (1280, 720), (360, 640), (1920, 1080), (4000, 10)] {
        for dst in [(1, 1), (3, 7), (277, 348), (640, 361), (1264, 704), (1281, 721), (50, 1000)] {
            for how in [picture::Fit::Cover, picture::Fit::Contain] {
                let (crop, at) = picture::fit(src, dst, how);
                let what = format!("{src:?} → {dst:?} {how:?}: {crop:?} {at:?}");
                assert!(crop.x % 2 == 0 && crop.y % 2 == 0, "{what}");
                assert!(!crop.is_empty() && !at.is_empty(), "{what}");
                assert!(crop.right() <= src.0 as i32 && crop.bottom() <= src.1 as i32, "{what}");
                assert!(at.right() <= dst.0 as i32 && at.bottom() <= dst.1 as i32, "{what}");
                if how == picture::Fit::Contain {
                    assert_eq!((crop.w, crop.h), src, "{what}");
                }
            }
        }
    }
    assert_eq!(picture::fit((1280, 720), (1280, 720), picture::Fit::Cover).0, Rect::new(0, 0, 1280, 720));
}

#[test]
fn every_state_at_every_size_stays_inside_its_tile() {
    let states =
        [TileState::Connecting, TileState::Live, TileState::CameraOff, TileState::Reconnecting, TileState::Ended];
    for state in states {
        for kind in [TileKind::Camera, TileKind::Screen] {
            for size in [(1, 1), (3, 40), (57, 49), (90, 60), (150, 100), (301, 203), (800, 450)] {
                let tiles: Vec<TileView> = (0..3)
                    .map(|i| TileView {
                        state,
                        kind,
                        muted: true,
                        speaking: i == 1,
                        synthetic: true,
                        own: i == 2,
                        quality: Quality::Poor,
                        frame: (i != 1).then(|| plain(160, 90, 200, 0)),
                        ..TileView::camera(TileId(i), "一个很长的名字 with a tail 🙂")
                    })
                    .collect();
                let mut s = Stage::new(Template::OneVsTwo, size, tiles);
                s.render(0);
                for y in 0..size.1 as i32 {
                    for x in 0..size.0 as i32 {
                        assert_eq!(s.at(x, y)[3], 255);
                        if s.layout.hit(x, y).is_none() {
                            assert_eq!(s.at(x, y), Theme::dark().ground.bgra(), "{state:?} {size:?} {x},{y}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_stride_of_the_surface_is_respected() {
    let s = one_on_one();
    let stride = 640 * 4 + 52;
    let mut padded = vec![0x5a; stride * 360];
    let mut surface = Surface::new(&mut padded, 640, 360, stride).unwrap();
    Compositor::new().render(&s.scene(), &mut surface, MediaTime(0)).unwrap();
    let tight = s.fresh(0);
    for y in 0..360 {
        assert_eq!(padded[y * stride..][..2560], tight[y * 2560..][..2560]);
        assert!(padded[y * stride + 2560..(y + 1) * stride].iter().all(|&b| b == 0x5a), "row {y}");
    }
}

#[test]
fn a_surface_that_does_not_fit_is_refused() {
    assert!(Surface::new(&mut [0; 15], 2, 2, 8).is_err());
    assert!(Surface::new(&mut [0; 16], 2, 2, 7).is_err());
    assert!(Surface::new(&mut [0; 16], u32::MAX, u32::MAX, usize::MAX).is_err());
    assert!(Surface::new(&mut [0; 16], 2, 2, 8).is_ok());
    let s = one_on_one();
    let mut small = vec![0; 100 * 100 * 4];
    let mut surface = Surface::new(&mut small, 100, 100, 400).unwrap();
    let error = Compositor::new().render(&s.scene(), &mut surface, MediaTime(0)).unwrap_err();
    assert_eq!(error, ComposeError::SizeMismatch { layout: (640, 360), surface: (100, 100) });
}

#[test]
fn the_frame_for_the_recording_shows_what_the_stage_shows() {
    let s = one_on_one();
    let pool = FramePool::new();
    let mut compositor = Compositor::new();
    let frame = compositor.render_frame(&s.scene(), &pool, MediaTime(77)).unwrap();
    assert_eq!((frame.width(), frame.height(), frame.capture), (640, 360, MediaTime(77)));
    assert!(frame.y()[100 * frame.y_stride() + 100].abs_diff(180) <= 2, "the picture's luma comes out as it went in");
    let again = compositor.render_frame(&s.scene(), &pool, MediaTime(78)).unwrap();
    assert_eq!(frame.y()[..640], again.y()[..640]);
    let odd = Stage::new(Template::OneVsOne, (321, 181), vec![TileView::camera(OTHER, "Anna")]);
    let frame = compositor.render_frame(&odd.scene(), &pool, MediaTime(0)).unwrap();
    assert_eq!((frame.width(), frame.height()), (322, 182));
}

#[test]
fn words_are_shaped_once_for_many_frames() {
    let mut s = one_on_one();
    s.render(0);
    let shaped = s.compositor.labels.shaped;
    for i in 1..50 {
        s.tiles[0].frame = Some(plain(640, 360, i as u8 * 4, i));
        s.render(i * 33);
    }
    assert_eq!(s.compositor.labels.shaped, shaped);
}

#[test]
fn a_compositor_may_live_on_any_thread() {
    fn sendable<T: Send>() {}
    sendable::<Compositor>();
}
