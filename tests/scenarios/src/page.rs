//! A page of small print on a screen of 1920 × 1080, which stands still.

use beckon_media::frame::FramePool;
use beckon_media::screen::ScreenChoice;
use beckon_media::source::SourceControl;
use beckon_media::{LatestSender, MediaTime, RunningSource, SourceError, SourceInfo, VideoFrame, VideoSource};
use beckon_session::ScreenShare;

/// The name of its monitor.
pub(crate) const PAGE: &str = "page";
const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;
/// A letter's place, with the space around it, pixels: that of the usual font of consoles.
const CELL: (usize, usize) = (6, 13);
/// Dark blue ink on white paper, as Y, U and V.
const PAPER: [u8; 3] = [235, 128, 128];
const INK: [u8; 3] = [45, 144, 119];
/// The letters a to z, each in seven rows of five pixels; the leftmost pixel is the highest of five bits.
const LETTERS: [[u8; 7]; 26] = [
    [14, 17, 17, 31, 17, 17, 17],
    [30, 17, 17, 30, 17, 17, 30],
    [14, 17, 16, 16, 16, 17, 14],
    [30, 17, 17, 17, 17, 17, 30],
    [31, 16, 16, 30, 16, 16, 31],
    [31, 16, 16, 30, 16, 16, 16],
    [14, 17, 16, 23, 17, 17, 15],
    [17, 17, 17, 31, 17, 17, 17],
    [14, 4, 4, 4, 4, 4, 14],
    [7, 2, 2, 2, 2, 18, 12],
    [17, 18, 20, 24, 20, 18, 17],
    [16, 16, 16, 16, 16, 16, 31],
    [17, 27, 21, 21, 17, 17, 17],
    [17, 25, 21, 19, 17, 17, 17],
    [14, 17, 17, 17, 17, 17, 14],
    [30, 17, 17, 30, 16, 16, 16],
    [14, 17, 17, 17, 21, 18, 13],
    [30, 17, 17, 30, 20, 18, 17],
    [15, 16, 16, 14, 1, 1, 30],
    [31, 4, 4, 4, 4, 4, 4],
    [17, 17, 17, 17, 17, 17, 14],
    [17, 17, 17, 17, 17, 10, 4],
    [17, 17, 17, 21, 21, 27, 17],
    [17, 17, 10, 4, 10, 17, 17],
    [17, 17, 10, 4, 4, 4, 4],
    [31, 1, 2, 4, 8, 16, 31],
];

const WORDS: [&str; 24] = [
    "the", "of", "room", "picture", "and", "layer", "is", "sent", "to", "server", "while", "network", "a", "viewer",
    "sees", "sound", "before", "they", "have", "screen", "in", "small", "once", "what",
];

/// The page's screen, as a person picks it.
pub fn page() -> ScreenShare {
    ScreenShare {
        choice: ScreenChoice::Monitor(PAGE.to_owned()),
        label: PAGE.to_owned(),
        width: WIDTH,
        height: HEIGHT,
        motion: false,
        sound: false,
    }
}

/// The page itself.
pub fn page_picture(capture: MediaTime) -> VideoFrame {
    let mut picture = FramePool::new().get(WIDTH, HEIGHT);
    let [y, u, v] = PAPER;
    picture.fill(y, u, v);
    let mut planes = picture.planes_mut();
    for (line, column, letter) in letters() {
        let Some(rows) = LETTERS.get(usize::from(letter - b'a')) else { continue };
        for (row, bits) in rows.iter().enumerate() {
            for pixel in (0..5).filter(|pixel| bits >> (4 - pixel) & 1 == 1) {
                let (x, y) = (column * CELL.0 + pixel, line * CELL.1 + row + 3);
                for (n, (plane, stride)) in planes.iter_mut().enumerate() {
                    let by = if n == 0 { 1 } else { 2 };
                    plane[y / by * *stride + x / by] = INK[n];
                }
            }
        }
    }
    picture.freeze(capture)
}

/// The letters of the page with their places, line and column: lines of different length in two columns of text, and some that are empty.
fn letters() -> Vec<(usize, usize, u8)> {
    const LINES: usize = HEIGHT as usize / CELL.1 - 2;
    const HALF: usize = WIDTH as usize / CELL.0 / 2 - 3;
    let mut seed = 1u32;
    let mut next = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as usize % below
    };
    let mut all = Vec::new();
    for (line, begin) in (1..=LINES).flat_map(|line| [(line, 2), (line, HALF + 4)]) {
        let length = if next(6) == 0 { 0 } else { HALF / 4 + next(HALF * 3 / 4) };
        let mut column = next(4) * 4;
        while column < length {
            let word = WORDS[next(WORDS.len())];
            let fits = word.bytes().enumerate().map(|(n, letter)| (line, begin + column + n, letter));
            all.extend(fits.take_while(|(_, at, _)| *at < begin + HALF));
            column += word.len() + 1;
        }
    }
    all
}

pub(crate) struct Page;

impl VideoSource for Page {
    fn describe(&self) -> SourceInfo {
        SourceInfo { label: PAGE.to_owned(), synthetic: true, stands_in: false }
    }

    fn start(self: Box<Self>, out: LatestSender<VideoFrame>) -> Result<RunningSource, SourceError> {
        RunningSource::spawn(PAGE, move |control| {
            run(&out, control);
            Ok(())
        })
    }
}

/// One picture: what does not change is not taken again.
fn run(out: &LatestSender<VideoFrame>, control: &SourceControl) {
    const LOOK: std::time::Duration = std::time::Duration::from_millis(100);
    if out.send(page_picture(MediaTime::now())).is_err() {
        return;
    }
    while control.sleep_until(MediaTime::now() + LOOK) {}
}
