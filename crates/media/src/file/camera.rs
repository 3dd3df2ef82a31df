use ffmpeg_next::decoder;

use super::MediaFile;
use super::reader::Reader;
use crate::clock::MediaTime;
use crate::codec::wrap_planar;
use crate::frame::VideoFrame;
use crate::latest::LatestSender;
use crate::scale::Scaler;
use crate::source::{RunningSource, SourceControl, SourceError, SourceInfo, VideoSource};
use crate::urgency::Urgency;

/// Larger pictures are scaled down: no camera sends more.
const MOST_PIXELS: u32 = 1920 * 1080;
/// A picture that is later than this is skipped, without being converted.
const TOO_LATE_NS: i64 = 100_000_000;
/// Pictures without times come at this distance.
const DEFAULT_STEP_NS: i64 = 40_000_000;

/// The pictures of a [`MediaFile`].
pub struct FileCamera {
    pub(super) file: MediaFile,
}

impl VideoSource for FileCamera {
    fn describe(&self) -> SourceInfo {
        self.file.describe()
    }

    fn start(self: Box<Self>, out: LatestSender<VideoFrame>) -> Result<RunningSource, SourceError> {
        let (begun, into) = self.file.round_at(MediaTime::now());
        let reader = Reader::<decoder::Video>::open(&self.file, into)?;
        RunningSource::spawn("file-camera", move |control| {
            Urgency::Pictures.claim();
            run(&self.file, begun, reader, &out, control)
        })
    }
}

fn run(
    file: &MediaFile,
    mut begun: MediaTime,
    mut reader: Reader<decoder::Video>,
    out: &LatestSender<VideoFrame>,
    control: &SourceControl,
) -> Result<(), SourceError> {
    let mut scaler = Scaler::new();
    loop {
        let mut shown = 0u64;
        let mut place = -DEFAULT_STEP_NS;
        while let Some((picture, at)) = reader.next() {
            if control.stopping() || out.is_closed() {
                return Ok(());
            }
            place = at.unwrap_or(place + DEFAULT_STEP_NS);
            let due = MediaTime(begun.0 + place);
            shown += 1;
            if MediaTime::now().nanos_since(due) > TOO_LATE_NS && shown > 1 {
                continue;
            }
            if place >= file.round_ns || !control.sleep_until(due) {
                break;
            }
            let (width, height) = fit(picture.width(), picture.height());
            let same = (width, height) == (picture.width(), picture.height());
            let mut frame = if same && picture.format() == ffmpeg_next::format::Pixel::YUV420P {
                wrap_planar(picture, due).ok_or_else(|| file.error("pictures of an impossible shape"))?
            } else {
                scaler.convert(&picture, width, height, due).map_err(|e| file.error(e))?
            };
            frame.synthetic = true;
            if out.send(frame).is_err() {
                return Ok(());
            }
        }
        if shown == 0 {
            return Err(file.error("no picture in it can be decoded"));
        }
        begun = MediaTime(begun.0 + file.round_ns);
        if !control.sleep_until(begun) {
            return Ok(());
        }
        // A machine that slept goes on in the round that is on now.
        let (now_begun, into) = file.round_at(MediaTime::now());
        begun = now_begun;
        reader = Reader::open(file, into)?;
    }
}

/// Even, and no larger than a camera's picture.
fn fit(width: u32, height: u32) -> (u32, u32) {
    let (width, height) = (width.max(2), height.max(2));
    let pixels = u64::from(width) * u64::from(height);
    if pixels <= u64::from(MOST_PIXELS) {
        return (width & !1, height & !1);
    }
    let scale = (f64::from(MOST_PIXELS) / pixels as f64).sqrt();
    let part = |side: u32| ((f64::from(side) * scale) as u32 & !1).max(2);
    (part(width), part(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_get_even_and_not_too_large() {
        assert_eq!(fit(1280, 720), (1280, 720));
        assert_eq!(fit(321, 181), (320, 180));
        assert_eq!(fit(3840, 2160), (1920, 1080));
        assert_eq!(fit(1, 1), (2, 2));
    }
}
