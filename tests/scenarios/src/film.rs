//! A screen on which a film runs: the test card, and in the middle of it what cannot be foreseen.

use std::time::Duration;

use beckon_media::frame::FramePool;
use beckon_media::screen::ScreenChoice;
use beckon_media::source::SourceControl;
use beckon_media::testcard::TestCard;
use beckon_media::{LatestSender, MediaTime, RunningSource, SourceError, SourceInfo, VideoFrame, VideoSource};
use beckon_session::ScreenShare;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const FPS: u32 = 30;
/// Sides of the squares in the middle that change with each picture, in pixels: large enough to be seen at half the size.
const SQUARE: usize = 8;

/// The film's screen, as a person picks it.
pub fn film() -> ScreenShare {
    ScreenShare {
        choice: ScreenChoice::Monitor("film".to_owned()),
        label: "film".to_owned(),
        width: WIDTH,
        height: HEIGHT,
        motion: false,
        sound: false,
    }
}

/// The film, played on that screen.
pub(crate) struct Film;

impl VideoSource for Film {
    fn describe(&self) -> SourceInfo {
        SourceInfo { label: "film".to_owned(), synthetic: true, stands_in: false }
    }

    fn start(self: Box<Self>, out: LatestSender<VideoFrame>) -> Result<RunningSource, SourceError> {
        RunningSource::spawn("film", move |control| {
            run(&out, control);
            Ok(())
        })
    }
}

fn run(out: &LatestSender<VideoFrame>, control: &SourceControl) {
    let (card, pool) = (TestCard::new(WIDTH, HEIGHT), FramePool::new());
    let mut seed = 1u32;
    let mut capture = MediaTime::now();
    for number in 0.. {
        let mut picture = pool.get(WIDTH, HEIGHT);
        picture.copy_from(&card.draw(number, capture));
        let [(y, stride), ..] = picture.planes_mut();
        let (width, height) = (WIDTH as usize, HEIGHT as usize);
        for (top, left) in (height / 4..height * 3 / 4)
            .step_by(SQUARE)
            .flat_map(|top| (width / 4..width * 3 / 4).step_by(SQUARE).map(move |left| (top, left)))
        {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            for row in top..top + SQUARE {
                y[row * stride + left..][..SQUARE].fill((16 + (seed >> 24) % 220) as u8);
            }
        }
        if out.send(picture.freeze(capture)).is_err() {
            return;
        }
        capture = (capture + Duration::from_secs(1) / FPS).max(MediaTime::now());
        if !control.sleep_until(capture) {
            return;
        }
    }
}
