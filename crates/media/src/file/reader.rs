use std::path::Path;

use ffmpeg_next::{Packet, codec, decoder, format, frame, media};

use super::MediaFile;
use crate::codec::prepare_ffmpeg;
use crate::source::SourceError;

/// Seeks go this much before the place wanted, and what is too early is skipped.
const SEEK_AHEAD_NS: i64 = 1_000_000_000;

/// Opens a file, and nothing but a file: FFmpeg would take a web address as well.
pub(super) fn open(path: &Path) -> Result<format::context::Input, SourceError> {
    prepare_ffmpeg();
    let error = |reason: String| SourceError::File { path: path.display().to_string(), reason };
    let absolute = path.canonicalize().map_err(|e| error(e.to_string()))?;
    if !absolute.is_file() {
        return Err(error("not a file".to_owned()));
    }
    let mut address = std::ffi::OsString::from("file:");
    address.push(absolute);
    format::input(Path::new(&address)).map_err(|e| error(e.to_string()))
}

/// Takes the packets of one stream through their decoder, from some place to the end.
pub(super) struct Reader<D> {
    input: format::context::Input,
    decoder: D,
    stream: usize,
    /// Nanoseconds = (pts − start) × this.
    tick_ns: f64,
    start: i64,
    drained: bool,
}

/// What the two kinds of decoders have in common.
pub(super) trait Decode: Sized {
    const KIND: media::Type;
    type Frame;
    fn open(context: codec::Context) -> Result<Self, ffmpeg_next::Error>;
    fn opened(&mut self) -> &mut decoder::Opened;
    fn receive(&mut self) -> Result<Self::Frame, ffmpeg_next::Error>;
    fn pts(frame: &Self::Frame) -> Option<i64>;
}

impl Decode for decoder::Video {
    const KIND: media::Type = media::Type::Video;
    type Frame = frame::Video;

    fn open(mut context: codec::Context) -> Result<Self, ffmpeg_next::Error> {
        context.set_threading(codec::threading::Config {
            count: 2,
            ..codec::threading::Config::kind(codec::threading::Type::Frame)
        });
        context.decoder().video()
    }

    fn opened(&mut self) -> &mut decoder::Opened {
        &mut self.0
    }

    fn receive(&mut self) -> Result<frame::Video, ffmpeg_next::Error> {
        let mut frame = frame::Video::empty();
        self.receive_frame(&mut frame).map(|()| frame)
    }

    fn pts(frame: &frame::Video) -> Option<i64> {
        frame.timestamp().or(frame.pts())
    }
}

impl Decode for decoder::Audio {
    const KIND: media::Type = media::Type::Audio;
    type Frame = frame::Audio;

    fn open(context: codec::Context) -> Result<Self, ffmpeg_next::Error> {
        context.decoder().audio()
    }

    fn opened(&mut self) -> &mut decoder::Opened {
        &mut self.0
    }

    fn receive(&mut self) -> Result<frame::Audio, ffmpeg_next::Error> {
        let mut frame = frame::Audio::empty();
        self.receive_frame(&mut frame).map(|()| frame)
    }

    fn pts(frame: &frame::Audio) -> Option<i64> {
        frame.timestamp().or(frame.pts())
    }
}

impl<D: Decode> Reader<D> {
    /// Opens the file's best stream of the kind, at or some way before `from_ns`.
    pub(super) fn open(file: &MediaFile, from_ns: i64) -> Result<Self, SourceError> {
        let mut input = open(&file.path)?;
        let file_start = match input.start_time_us() {
            Some(us) => us * 1000,
            None => 0,
        };
        let stream = input.streams().best(D::KIND).ok_or_else(|| file.error("the stream is gone"))?;
        let base = stream.time_base();
        let tick_ns = f64::from(base.numerator()) * 1e9 / f64::from(base.denominator().max(1));
        let index = stream.index();
        let decoder =
            codec::Context::from_parameters(stream.parameters()).and_then(D::open).map_err(|e| file.error(e))?;
        if from_ns > 2 * SEEK_AHEAD_NS {
            let to_us = (file_start + from_ns - SEEK_AHEAD_NS) / 1000;
            // A file that cannot seek is read from its beginning; what is too early is skipped anyway.
            let _ = input.seek(to_us, ..to_us);
        }
        let start = if tick_ns > 0.0 { (file_start as f64 / tick_ns) as i64 } else { 0 };
        Ok(Self { input, decoder, stream: index, tick_ns, start, drained: false })
    }

    /// The next frame and its place in the file; `None` at the end. Damaged packets are skipped.
    pub(super) fn next(&mut self) -> Option<(D::Frame, Option<i64>)> {
        loop {
            match self.decoder.receive() {
                Ok(frame) => {
                    let at = D::pts(&frame).map(|pts| ((pts - self.start) as f64 * self.tick_ns) as i64);
                    return Some((frame, at));
                }
                Err(ffmpeg_next::Error::Eof) => return None,
                Err(_) if self.drained => return None,
                Err(_) => {}
            }
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream => {
                    let _ = self.decoder.opened().send_packet(&packet);
                }
                Ok(()) => {}
                Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => {}
                Err(_) => {
                    self.drained = true;
                    if self.decoder.opened().send_eof().is_err() {
                        return None;
                    }
                }
            }
        }
    }
}

/// What [`format::context::Input`] knows but does not tell.
trait StartTime {
    fn start_time_us(&self) -> Option<i64>;
}

impl StartTime for format::context::Input {
    fn start_time_us(&self) -> Option<i64> {
        // SAFETY: reading a plain field of a live context.
        let start = unsafe { (*self.as_ptr()).start_time };
        (start != ffmpeg_next::ffi::AV_NOPTS_VALUE).then_some(start)
    }
}
