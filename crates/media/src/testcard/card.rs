use std::time::Duration;

use super::{CLAP_US, glyphs};
use crate::barcode::BarCode;
use crate::clock::{MediaTime, media_time_of_unix, unix_time_of};
use crate::frame::{FramePool, VideoFrame, VideoFrameMut};
use crate::latest::LatestSender;
use crate::source::{RunningSource, SourceControl, SourceError, SourceInfo, VideoSource};
use crate::urgency::Urgency;

/// Y, U, V.
type Yuv = (u8, u8, u8);

const FIELD: Yuv = (38, 138, 122);
const PANEL: Yuv = (26, 134, 124);
const INK: u8 = 225;
const DIM: u8 = 120;
const FLASH_LIT: u8 = 235;

/// Draws test cards of one size.
pub struct TestCard {
    pool: FramePool,
    background: VideoFrame,
}

impl TestCard {
    /// A card of `width` × `height` pixels, rounded up to even numbers, at least 64 × 48.
    pub fn new(width: u32, height: u32) -> Self {
        let pool = FramePool::new();
        let mut frame = pool.get(width.max(64), height.max(48));
        draw_background(&mut frame);
        Self { background: frame.freeze(MediaTime(0)), pool }
    }

    /// The card numbered `number` of the moment `capture`.
    pub fn draw(&self, number: u32, capture: MediaTime) -> VideoFrame {
        let (w, h) = (self.background.width() as usize, self.background.height() as usize);
        let mut frame = self.pool.get(self.background.width(), self.background.height());
        let copied = frame.copy_from(&self.background);
        debug_assert!(copied, "same size");
        frame.synthetic = true;
        let unix_us = unix_time_of(capture);
        let in_second = unix_us.rem_euclid(1_000_000);

        draw_hand(&mut frame, in_second as f64 / 1e6);
        draw_ball(&mut frame, unix_us);
        if in_second < CLAP_US {
            let (x0, y0, x1, y1) = flash_field(w, h);
            fill(&mut frame, x0, y0, x1, y1, (FLASH_LIT, 128, 128));
        }

        let day_ms = unix_us.rem_euclid(86_400_000_000) / 1000;
        let clock = format!(
            "{:02}:{:02}:{:02}.{:03}",
            day_ms / 3_600_000,
            day_ms / 60_000 % 60,
            day_ms / 1000 % 60,
            day_ms % 1000
        );
        let dot = (h / 180).max(1);
        let top = h * 19 / 24;
        let left = w * 13 / 32;
        let [(y, stride), ..] = frame.planes_mut();
        glyphs::draw(y, stride, left, top + dot, dot, &clock, INK);
        glyphs::draw(y, stride, left, top + dot * (glyphs::ROWS + 4), dot, &format!("{number:08}"), DIM);

        BarCode::new(number, capture).draw(&mut frame);
        frame.freeze(capture)
    }
}

/// Left, top, right, bottom of the field that flashes.
pub(super) fn flash_field(w: usize, h: usize) -> (usize, usize, usize, usize) {
    (w * 27 / 32, h * 19 / 24, w * 31 / 32, h * 23 / 24)
}

fn from_rgb(r: f64, g: f64, b: f64) -> Yuv {
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let limited = |v: f64| v.round().clamp(0.0, 255.0) as u8;
    (limited(16.0 + 219.0 * y), limited(128.0 + 224.0 * (b - y) / 1.8556), limited(128.0 + 224.0 * (r - y) / 1.5748))
}

fn fill(frame: &mut VideoFrameMut, x0: usize, y0: usize, x1: usize, y1: usize, (y, u, v): Yuv) {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let (x1, y1) = (x1.min(w), y1.min(h));
    let planes = frame.planes_mut();
    for ((plane, stride), (value, half)) in planes.into_iter().zip([(y, 1), (u, 2), (v, 2)]) {
        for row in y0 / half..y1.div_ceil(half).min(h / half) {
            plane[row * stride + x0 / half..row * stride + x1.div_ceil(half).min(w / half)].fill(value);
        }
    }
}

fn draw_background(frame: &mut VideoFrameMut) {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let row = |n: usize| h * n / 24;
    fill(frame, 0, 0, w, row(5), FIELD);
    // White, yellow, cyan, green, magenta, red, blue at 75 %, and under them the bars that show a wrong blue.
    let bars = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1)];
    for (i, (r, g, b)) in bars.into_iter().enumerate() {
        let bar = |(r, g, b): (i32, i32, i32)| from_rgb(f64::from(r) * 0.75, f64::from(g) * 0.75, f64::from(b) * 0.75);
        let (x0, x1) = (w * i / 7, w * (i + 1) / 7);
        fill(frame, x0, row(5), x1, row(15), bar((r, g, b)));
        let under = if i % 2 == 0 { bar(bars[6 - i]) } else { (16, 128, 128) };
        fill(frame, x0, row(15), x1, row(16), under);
    }
    fill(frame, 0, row(16), w, row(18), (16, 128, 128));
    let [(y, stride), ..] = frame.planes_mut();
    for line in row(16)..row(18) {
        for (x, p) in y[line * stride..][..w].iter_mut().enumerate() {
            *p = (16 + 219 * x / w) as u8;
        }
    }
    fill(frame, 0, row(18), w, h, PANEL);
    let (x0, y0, x1, y1) = flash_field(w, h);
    fill(frame, x0, y0, x1, y1, (48, 128, 128));

    let dot = (h / 120).max(1);
    let [(y, stride), ..] = frame.planes_mut();
    glyphs::draw(y, stride, w / 32, row(19), dot, "TEST", INK);
    glyphs::draw(y, stride, w / 32, row(19) + dot * (glyphs::ROWS + 2), dot, "CARD", INK);
    debug_assert!(w / 32 + glyphs::width("TEST") * dot < w);
    draw_dial(frame);
}

/// Centre and radius of the dial.
fn dial(w: usize, h: usize) -> (f64, f64, f64) {
    (w as f64 / 2.0, h as f64 * 10.0 / 24.0, h.min(w) as f64 * 4.0 / 24.0)
}

fn draw_dial(frame: &mut VideoFrameMut) {
    let (cx, cy, radius) = dial(frame.width() as usize, frame.height() as usize);
    for_disc(frame, cx, cy, radius, |distance, _| {
        let part = distance / radius;
        Some(if part > 0.94 { (INK, 128, 128) } else { PANEL })
    });
    for tick in 0..12 {
        let (sin, cos) = (f64::from(tick) * std::f64::consts::TAU / 12.0).sin_cos();
        for_disc(frame, cx + sin * radius * 0.84, cy - cos * radius * 0.84, radius * 0.035, |_, _| {
            Some((DIM, 128, 128))
        });
    }
}

/// One turn a second.
fn draw_hand(frame: &mut VideoFrameMut, turn: f64) {
    let (cx, cy, radius) = dial(frame.width() as usize, frame.height() as usize);
    let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
    let steps = (radius * 0.75) as usize;
    for step in (0..=steps).step_by(2) {
        let at = step as f64;
        for_disc(frame, cx + sin * at, cy - cos * at, radius * 0.03, |_, _| Some((INK, 100, 160)));
    }
    for_disc(frame, cx + sin * radius * 0.75, cy - cos * radius * 0.75, radius * 0.09, |_, _| Some((150, 70, 190)));
}

/// Rolls to and fro over the ramp, four seconds a round.
fn draw_ball(frame: &mut VideoFrameMut, unix_us: i64) {
    let (w, h) = (frame.width() as f64, frame.height() as f64);
    let radius = h * 0.8 / 24.0;
    let part = unix_us.rem_euclid(4_000_000) as f64 / 2e6;
    let across = if part < 1.0 { part } else { 2.0 - part };
    let x = radius + across * (w - 2.0 * radius);
    for_disc(frame, x, h * 17.0 / 24.0, radius, |_, _| Some((170, 60, 160)));
}

/// Sets each pixel of a disc to what `paint` says for its distance from the centre.
fn for_disc(
    frame: &mut VideoFrameMut,
    cx: f64,
    cy: f64,
    radius: f64,
    paint: impl Fn(f64, (usize, usize)) -> Option<Yuv>,
) {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let clamp = |v: f64, max: usize| v.max(0.0).min(max as f64) as usize;
    let (x0, x1) = (clamp(cx - radius, w), clamp(cx + radius + 1.0, w));
    let (y0, y1) = (clamp(cy - radius, h), clamp(cy + radius + 1.0, h));
    let [(yp, ys), (up, us), (vp, vs)] = frame.planes_mut();
    for y in y0..y1 {
        for x in x0..x1 {
            let distance = (x as f64 + 0.5 - cx).hypot(y as f64 + 0.5 - cy);
            if distance > radius {
                continue;
            }
            if let Some((luma, u, v)) = paint(distance, (x, y)) {
                yp[y * ys + x] = luma;
                up[y / 2 * us + x / 2] = u;
                vp[y / 2 * vs + x / 2] = v;
            }
        }
    }
}

/// The test card as a camera.
pub struct TestCardSource {
    width: u32,
    height: u32,
    fps: u32,
}

impl TestCardSource {
    /// A card of `width` × `height` pixels, `fps` (1 … 120) pictures a second.
    pub fn new(width: u32, height: u32, fps: u32) -> Self {
        Self { width, height, fps: fps.clamp(1, 120) }
    }
}

impl VideoSource for TestCardSource {
    fn describe(&self) -> SourceInfo {
        SourceInfo { label: "Test card".to_owned(), synthetic: true, stands_in: false }
    }

    fn start(self: Box<Self>, out: LatestSender<VideoFrame>) -> Result<RunningSource, SourceError> {
        RunningSource::spawn("test-card", move |control| {
            Urgency::Pictures.claim();
            run(&self, &out, control);
            Ok(())
        })
    }
}

fn run(source: &TestCardSource, out: &LatestSender<VideoFrame>, control: &SourceControl) {
    let card = TestCard::new(source.width, source.height);
    let fps = i64::from(source.fps);
    // Pictures lie on a grid of 1/fps that begins with each UNIX second, so that the flash begins on the second.
    let slot_of = |unix_us: i64| (unix_us * fps).div_euclid(1_000_000);
    let mut slot = slot_of(unix_time_of(MediaTime::now()));
    let mut number = 0u32;
    loop {
        let now = slot_of(unix_time_of(MediaTime::now()));
        // What was missed is skipped, and its numbers with it; a stepped wall clock starts the grid anew.
        let next = now + 1;
        let missed = if (0..fps * 60).contains(&(next - slot - 1)) { next - slot } else { 1 };
        slot = next;
        number = number.wrapping_add(u32::try_from(missed).unwrap_or(1));
        let capture = media_time_of_unix((slot * 1_000_000 + fps - 1).div_euclid(fps));
        if !control.sleep_until(capture.min(MediaTime::now() + Duration::from_secs(1))) {
            return;
        }
        if out.send(card.draw(number, capture)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::latest;

    #[test]
    fn the_card_is_synthetic_and_says_when_it_was_drawn() {
        let capture = MediaTime::now();
        for (w, h) in [(1280, 720), (640, 360), (320, 240), (64, 48), (1, 1)] {
            let frame = TestCard::new(w, h).draw(4711, capture);
            assert!(frame.synthetic);
            let code = BarCode::read(&frame).unwrap();
            assert_eq!(code.frame, 4711, "{w}×{h}");
            assert!(code.capture().nanos_since(capture).abs() < 300_000);
        }
    }

    #[test]
    fn pictures_come_at_the_asked_rate_and_move() {
        let (tx, rx) = latest::channel();
        let running = Box::new(TestCardSource::new(320, 180, 100)).start(tx).unwrap();
        let codes: Vec<_> =
            (0..10).map(|_| BarCode::read(&rx.recv_timeout(Duration::from_secs(20)).unwrap()).unwrap()).collect();
        running.stop();
        for pair in codes.windows(2) {
            let numbers = u64::from(pair[1].frame - pair[0].frame);
            assert!(numbers >= 1);
            // The time grid and the numbers agree, even if this machine skipped some.
            let off = (pair[1].time - pair[0].time).abs_diff(numbers * 100);
            assert!(off <= 1, "{codes:?}");
        }
        assert!(matches!(
            std::iter::repeat_with(|| rx.try_recv()).take(3).last().unwrap(),
            Err(latest::RecvError::Closed)
        ));
    }
}
