//! What holds for every picture, whatever it shows. What the filter does to a face: `tests/beauty`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::barcode::BarCode;
use crate::clock::MediaTime;
use crate::frame::{ColorSpace, Planes, Rotation};
use crate::testcard::TestCard;

fn settings(style: BeautyStyle, strength: u8, whitening: u8, ruddy: u8) -> BeautySettings {
    BeautySettings::new(style, strength, whitening, ruddy).unwrap()
}

/// Skin with waves of several lengths.
fn picture(pool: &FramePool, width: u32, height: u32) -> VideoFrame {
    let mut frame = pool.get(width, height);
    for ((plane, stride), base) in frame.planes_mut().into_iter().zip([150, 110, 150]) {
        for (i, sample) in plane.iter_mut().enumerate() {
            let (x, y) = (i % stride, i / stride);
            *sample = (base + (x * 7 + y * 13) % 11 + (x / 9 + y / 5) % 7) as u8;
        }
    }
    frame.freeze(MediaTime(7))
}

/// The samples without what lies between the rows.
fn samples(frame: &VideoFrame) -> Vec<u8> {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let sizes = [(w, h), (w / 2, h / 2), (w / 2, h / 2)];
    frame
        .planes()
        .iter()
        .zip(sizes)
        .flat_map(|(&(plane, stride), (w, h))| (0..h).flat_map(move |y| plane[y * stride..][..w].to_vec()))
        .collect()
}

#[test]
fn with_all_levels_off_the_frame_keeps_its_planes() {
    let mut frame = picture(&FramePool::new(), 64, 48);
    let (at, before) = (frame.y().as_ptr(), samples(&frame));
    for style in BeautyStyle::ALL {
        Beauty::new().apply(&mut frame, &settings(style, 0, 0, 0));
    }
    assert_eq!(frame.y().as_ptr(), at);
    assert_eq!(samples(&frame), before);
}

#[test]
fn a_frame_keeps_all_but_its_samples() {
    let mut frame = picture(&FramePool::new(), 64, 48);
    (frame.color, frame.rotation, frame.synthetic) = (ColorSpace::Bt601Full, Rotation::Half, true);
    let before = frame.clone();
    Beauty::new().apply(&mut frame, &settings(BeautyStyle::Smooth, 9, 9, 9));
    assert_eq!(
        (frame.width(), frame.height(), frame.capture, frame.color, frame.rotation, frame.synthetic),
        (64, 48, MediaTime(7), ColorSpace::Bt601Full, Rotation::Half, true)
    );
    assert_ne!(samples(&frame), samples(&before));
}

#[test]
fn every_size_works_one_after_the_other() {
    let pool = FramePool::new();
    let mut beauty = Beauty::new();
    for (w, h) in [(16, 16), (18, 16), (16, 30), (22, 34), (258, 18), (18, 130), (320, 182), (64, 64)] {
        let before = picture(&pool, w, h);
        for style in BeautyStyle::ALL {
            let mut after = before.clone();
            beauty.apply(&mut after, &settings(style, 9, 0, 0));
            let far = samples(&before).iter().zip(samples(&after)).map(|(&a, b)| a.abs_diff(b)).max();
            assert!(far.unwrap() > 0 && far.unwrap() < 20, "{w}×{h} {style}: {far:?}");
        }
    }
    let mut tiny = picture(&pool, 14, 200);
    let before = samples(&tiny);
    beauty.apply(&mut tiny, &settings(BeautyStyle::Smooth, 9, 9, 9));
    assert_eq!(samples(&tiny), before);
}

/// Planes whose rows lie as close as they can.
struct Tight([Vec<u8>; 3], usize);

impl Planes for Tight {
    fn planes(&self) -> [(&[u8], usize); 3] {
        let Self([y, u, v], width) = self;
        [(y, *width), (u, width / 2), (v, width / 2)]
    }
}

#[test]
fn strides_do_not_matter() {
    let loose = picture(&FramePool::new(), 98, 50);
    let all = samples(&loose);
    let (y, chroma) = all.split_at(98 * 50);
    let (u, v) = chroma.split_at(49 * 25);
    let tight = Tight([y.to_vec(), u.to_vec(), v.to_vec()], 98);
    let mut tight = VideoFrame::from_planes(std::sync::Arc::new(tight), 98, 50, MediaTime(7)).unwrap();
    let mut loose = loose;
    let mut beauty = Beauty::new();
    beauty.apply(&mut loose, &settings(BeautyStyle::Hazy, 9, 9, 9));
    beauty.apply(&mut tight, &settings(BeautyStyle::Hazy, 9, 9, 9));
    assert_eq!(samples(&loose), samples(&tight));
}

#[test]
fn extreme_samples_neither_overflow_nor_leave_their_range() {
    let pool = FramePool::new();
    for (y, u, v) in [(0, 0, 0), (255, 255, 255), (255, 0, 255), (0, 255, 0), (235, 100, 160), (16, 110, 150)] {
        let mut frame = pool.get(32, 32);
        frame.fill(y, u, v);
        for color in [ColorSpace::Bt709Limited, ColorSpace::Bt601Full] {
            let mut copy = pool.get(32, 32);
            copy.fill(y, u, v);
            copy.color = color;
            let mut after = copy.freeze(MediaTime(0));
            Beauty::new().apply(&mut after, &settings(BeautyStyle::Hazy, 9, 9, 9));
            let lifted = after.y().iter().take(32).copied().max().unwrap();
            assert!(lifted >= y && lifted - y <= 24, "{y} became {lifted}");
        }
    }
}

/// A grey wall, and skin in squares of 40 samples with their upper left corner there.
fn patches(corners: &[(usize, usize)]) -> VideoFrame {
    let skin = picture(&FramePool::new(), 640, 360);
    let mut wall = FramePool::new().get(640, 360);
    wall.fill(120, 128, 128);
    for ((half, (to, to_stride)), (from, stride)) in [1, 2, 2].into_iter().zip(wall.planes_mut()).zip(skin.planes()) {
        for &(x, y) in corners {
            for row in y / half..(y + 40) / half {
                let columns = x / half..(x + 40) / half;
                to[row * to_stride..][columns.clone()].copy_from_slice(&from[row * stride..][columns]);
            }
        }
    }
    wall.freeze(MediaTime(0))
}

#[test]
fn a_face_comes_out_the_same_whatever_else_has_to_be_treated() {
    let places = [(0, 0), (600, 0), (0, 320), (600, 320), (301, 163), (318, 160)];
    let everywhere = [(0, 0), (600, 0), (0, 320), (600, 320)];
    let mut beauty = Beauty::new();
    for style in BeautyStyle::ALL {
        let mut filtered = |corners: &[(usize, usize)]| {
            let mut frame = patches(corners);
            beauty.apply(&mut frame, &settings(style, 9, 9, 9));
            samples(&frame)
        };
        for place in places {
            let alone = filtered(&[place]);
            let among: Vec<_> = everywhere.into_iter().filter(|at| *at != place).chain([place]).collect();
            let among = filtered(&among);
            let before = samples(&patches(&[place]));
            let around = |at: usize| {
                let (x, y) = (at % 640, at / 640);
                at < 640 * 360 && x.abs_diff(place.0 + 20) < 100 && y.abs_diff(place.1 + 20) < 80
            };
            assert!((0..before.len()).all(|at| !around(at) || alone[at] == among[at]), "{style} {place:?}");
            assert!((0..before.len()).any(|at| around(at) && alone[at] != before[at]), "{style} {place:?}");
        }
        assert_eq!(filtered(&[]), samples(&patches(&[])), "{style}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn wider_registers_change_no_bit() {
    let from = picture(&FramePool::new(), 322, 182);
    let recipe = Recipe::new(&settings(BeautyStyle::Hazy, 9, 9, 9), &from);
    let pool = FramePool::new();
    let (mut plain, mut wide) = (pool.get(322, 182), pool.get(322, 182));
    Work::default().filter(&from, &mut plain, &recipe);
    Work::default().run(&from, &mut wide, &recipe);
    assert_eq!(samples(&plain.freeze(MediaTime(0))), samples(&wide.freeze(MediaTime(0))));
}

#[test]
fn the_test_cards_bar_code_can_still_be_read() {
    let mut card = TestCard::new(640, 360).draw(77, MediaTime::now());
    Beauty::new().apply(&mut card, &settings(BeautyStyle::Hazy, 9, 9, 9));
    assert_eq!(BarCode::read(&card).unwrap().frame, 77);
}
