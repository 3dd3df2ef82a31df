#![allow(clippy::unwrap_used)]
use super::*;

fn cameras(n: usize) -> Vec<TileSpec> {
    // The first is the other side, the second oneself, then more people.
    (0..n).map(|i| TileSpec { id: TileId(i as u64), kind: TileKind::Camera, own: i == 1 }).collect()
}

fn place(template: Template, tiles: &[TileSpec], size: (u32, u32)) -> Layout {
    layout(&LayoutRequest { template, tiles, focus: None, size, scale: 1.0 })
}

const TEMPLATES: [Template; 4] = [Template::OneVsOne, Template::OneVsTwo, Template::OneVsThree, Template::OneVsFour];

fn check(l: &Layout, tiles: &[TileSpec], what: &str) {
    let area = Rect::new(0, 0, l.size.0, l.size.1);
    for (i, t) in l.tiles.iter().enumerate() {
        assert!(!t.rect.is_empty(), "{what}: empty tile {t:?}");
        assert_eq!(t.rect.intersection(&area), t.rect, "{what}: {t:?} leaves {area:?}");
        for u in &l.tiles[..i] {
            let pip = t.role == TileRole::Pip && u.role == TileRole::FullStage;
            assert!(pip || !t.rect.overlaps(&u.rect), "{what}: {t:?} overlaps {u:?}");
        }
    }
    let mut seen: Vec<u64> = l.tiles.iter().map(|t| t.tile_id.0).chain(l.hidden.iter().map(|t| t.0)).collect();
    seen.sort_unstable();
    let mut all: Vec<u64> = tiles.iter().map(|t| t.id.0).collect();
    all.sort_unstable();
    assert_eq!(seen, all, "{what}: every tile is placed or hidden, once");
    let large = l.tiles.iter().filter(|t| matches!(t.role, TileRole::Stage | TileRole::FullStage)).count();
    assert_eq!(large, usize::from(!l.tiles.is_empty()), "{what}: one stage");
}

#[test]
fn every_size_and_number_of_people_stays_in_bounds_without_overlap() {
    let sides = [1, 2, 7, 40, 63, 97, 160, 240, 321, 480, 639, 720, 1081, 1280, 1919, 4096, 9000];
    for template in TEMPLATES {
        for n in 0..=9 {
            for screen in [None, Some(false), Some(true)] {
                let mut tiles = cameras(n);
                if let Some(own) = screen {
                    tiles.push(TileSpec { id: TileId(100), kind: TileKind::Screen, own });
                }
                for &w in &sides {
                    for &h in &sides {
                        for scale in [1.0, 1.5, 3.0] {
                            let request = LayoutRequest { template, tiles: &tiles, focus: None, size: (w, h), scale };
                            let l = layout(&request);
                            check(&l, &tiles, &format!("{template} n={n} screen={screen:?} {w}x{h} @{scale}"));
                            assert_eq!(l, layout(&request));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn senseless_sizes_and_scales_do_not_panic() {
    let tiles = cameras(3);
    for size in [(0, 0), (0, 500), (u32::MAX, u32::MAX)] {
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let l = layout(&LayoutRequest { template: Template::OneVsTwo, tiles: &tiles, focus: None, size, scale });
            check(&l, &tiles, "senseless");
        }
    }
}

#[test]
fn one_vs_one_is_the_other_side_full_and_oneself_in_the_corner() {
    let l = place(Template::OneVsOne, &cameras(2), (1280, 720));
    assert_eq!(
        l.tiles[0],
        TileRect { tile_id: TileId(0), rect: Rect::new(0, 0, 1280, 720), role: TileRole::FullStage }
    );
    assert_eq!(l.tiles[1].role, TileRole::Pip);
    assert_eq!(l.tiles[1].tile_id, TileId(1));
    let pip = l.tiles[1].rect;
    assert!(pip.x > 640 && pip.y > 360, "{pip:?}");
    assert!((pip.w as f32 / pip.h as f32 - 16.0 / 9.0).abs() < 0.05);
}

#[test]
fn alone_in_the_room_one_sees_oneself_full() {
    let own = [TileSpec { id: TileId(7), kind: TileKind::Camera, own: true }];
    for template in TEMPLATES {
        let l = place(template, &own, (1280, 720));
        assert_eq!(l.tiles.len(), 1);
        assert_eq!(l.tiles[0].rect, Rect::new(0, 0, 1280, 720));
    }
}

#[test]
fn one_vs_four_has_one_large_and_four_small_in_a_column() {
    let l = place(Template::OneVsFour, &cameras(5), (1280, 720));
    assert_eq!(l.tiles.len(), 5);
    assert!(l.tiles[0].rect.w > 900, "{l:?}");
    let column = l.tiles[1].rect.x;
    assert!(l.tiles[1..].iter().all(|t| t.role == TileRole::Side && t.rect.x == column));
    assert_eq!(l.tiles[4].tile_id, TileId(1), "oneself last");
}

#[test]
fn the_stage_keeps_its_size_while_people_come_and_go() {
    let stage: Vec<Rect> =
        (3..=5).map(|n| place(Template::OneVsFour, &cameras(n), (1280, 720)).tiles[0].rect).collect();
    assert!(stage.windows(2).all(|w| w[0] == w[1]), "{stage:?}");
}

#[test]
fn an_upright_window_has_its_small_tiles_below() {
    let l = place(Template::OneVsTwo, &cameras(3), (400, 800));
    let stage = l.tiles[0].rect;
    assert!(l.tiles[1..].iter().all(|t| t.rect.y >= stage.bottom()));
    assert!(stage.h > 500);
}

#[test]
fn a_shared_screen_takes_the_stage_and_nothing_covers_it() {
    let mut tiles = cameras(2);
    tiles.push(TileSpec { id: TileId(9), kind: TileKind::Screen, own: false });
    for template in TEMPLATES {
        let l = place(template, &tiles, (1280, 720));
        assert_eq!(l.tiles[0].tile_id, TileId(9));
        assert!(l.tiles.iter().all(|t| t.role != TileRole::Pip));
        assert!(l.tiles[0].rect.w * 100 / 1280 > 78, "{l:?}");
    }
}

#[test]
fn ones_own_screen_does_not_take_the_stage_by_itself() {
    let mut tiles = cameras(2);
    tiles.push(TileSpec { id: TileId(9), kind: TileKind::Screen, own: true });
    let l = place(Template::OneVsOne, &tiles, (1280, 720));
    assert_eq!(l.tiles[0].tile_id, TileId(0));
}

#[test]
fn a_focused_tile_takes_the_stage() {
    let tiles = cameras(4);
    let mut request = LayoutRequest {
        template: Template::OneVsThree,
        tiles: &tiles,
        focus: Some(TileId(3)),
        size: (1280, 720),
        scale: 1.0,
    };
    assert_eq!(layout(&request).tiles[0].tile_id, TileId(3));
    request.focus = Some(TileId(77));
    assert_eq!(layout(&request).tiles[0].tile_id, TileId(0), "an unknown focus changes nothing");
}

#[test]
fn a_tiny_area_belongs_to_the_stage_and_the_rest_is_named_as_hidden() {
    let l = place(Template::OneVsFour, &cameras(5), (120, 90));
    assert_eq!(l.tiles.len(), 1);
    assert_eq!(l.hidden.len(), 4);
}

#[test]
fn a_click_reaches_the_topmost_tile_and_a_gap_reaches_none() {
    let l = place(Template::OneVsOne, &cameras(2), (1280, 720));
    let pip = l.tiles[1].rect;
    assert_eq!(l.hit(pip.x, pip.y), Some(TileId(1)));
    assert_eq!(l.hit(pip.right(), pip.y), Some(TileId(0)));
    assert_eq!(l.hit(-1, 5), None);
    assert_eq!(l.hit(1280, 5), None);
    let l = place(Template::OneVsFour, &cameras(5), (1280, 720));
    assert_eq!(l.hit(0, 0), None);
    for t in &l.tiles {
        assert_eq!(l.hit(t.rect.right() - 1, t.rect.bottom() - 1), Some(t.tile_id));
    }
}

#[test]
fn high_density_screens_get_the_same_picture_in_more_pixels() {
    let tiles = cameras(5);
    let at =
        |size, scale| layout(&LayoutRequest { template: Template::OneVsFour, tiles: &tiles, focus: None, size, scale });
    let (one, two) = (at((1280, 720), 1.0), at((2560, 1440), 2.0));
    for (a, b) in one.tiles.iter().zip(&two.tiles) {
        assert!((a.rect.x * 2 - b.rect.x).abs() <= 2 && (a.rect.w as i32 * 2 - b.rect.w as i32).abs() <= 3);
    }
}

#[test]
fn template_names_go_both_ways_and_unknown_ones_say_what_was_expected() {
    for t in TEMPLATES {
        assert_eq!(t.to_string().parse::<Template>().unwrap(), t);
    }
    assert!("1v5".parse::<Template>().unwrap_err().to_string().contains("1v4"));
}
