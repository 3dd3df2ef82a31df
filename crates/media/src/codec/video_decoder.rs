use ffmpeg_next::{Dictionary, Packet, codec, decoder, format::Pixel, frame};

use super::{CodecError, avframe, prepare_ffmpeg};
use crate::clock::MediaTime;
use crate::frame::VideoFrame;
use crate::scale::Scaler;

/// Pictures with more pixels than this are refused: four times 4K.
const MAX_PIXELS: &str = "33177600";
/// Decoded pictures whose times are remembered; a decoder without delay holds none.
const DEPTH: usize = 16;

/// What to decode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VideoCodec {
    /// H.264 with start codes (annex B).
    H264,
    /// One JPEG per picture, as cameras send.
    Mjpeg,
}

impl VideoCodec {
    fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Mjpeg => "MJPEG",
        }
    }
}

/// Decodes one stream of pictures, each as soon as it is complete.
pub struct VideoDecoder {
    decoder: decoder::Video,
    codec: VideoCodec,
    scaler: Scaler,
    next_pts: i64,
    captures: [(i64, MediaTime); DEPTH],
}

impl VideoDecoder {
    /// A decoder at its beginning: the first data must be a key frame.
    ///
    /// # Errors
    /// [`CodecError::NoDecoder`] when FFmpeg lacks it.
    pub fn new(codec: VideoCodec) -> Result<Self, CodecError> {
        prepare_ffmpeg();
        let id = match codec {
            VideoCodec::H264 => codec::Id::H264,
            VideoCodec::Mjpeg => codec::Id::MJPEG,
        };
        let found = decoder::find(id).ok_or(CodecError::NoDecoder { codec: codec.name() })?;
        let mut context = codec::Context::new_with_codec(found);
        context.set_flags(codec::Flags::LOW_DELAY);
        context.set_threading(codec::threading::Config {
            count: 1,
            ..codec::threading::Config::kind(codec::threading::Type::Slice)
        });
        let mut options = Dictionary::new();
        options.set("max_pixels", MAX_PIXELS);
        let decoder =
            context.decoder().open_as_with(found, options).and_then(|opened| opened.video()).map_err(|e| {
                CodecError::Failed { codec: codec.name(), doing: "open the decoder", reason: e.to_string() }
            })?;
        Ok(Self { decoder, codec, scaler: Scaler::new(), next_pts: 0, captures: [(-1, MediaTime(0)); DEPTH] })
    }

    /// Decodes the data of one picture; `capture` becomes the frame's time. `None` while nothing can be shown yet,
    /// for example before the first key frame.
    ///
    /// # Errors
    /// [`CodecError::Damaged`]: ask for a key frame and go on; the decoder stays usable.
    pub fn decode(&mut self, data: &[u8], capture: MediaTime) -> Result<Option<VideoFrame>, CodecError> {
        let damaged = |e: ffmpeg_next::Error| CodecError::Damaged { codec: self.codec.name(), reason: e.to_string() };
        if data.is_empty() || data.len() > 64 << 20 {
            return Err(damaged(ffmpeg_next::Error::InvalidData));
        }
        let mut packet = Packet::copy(data);
        packet.set_pts(Some(self.next_pts));
        self.captures[self.next_pts as usize % DEPTH] = (self.next_pts, capture);
        self.next_pts += 1;
        let sent = self.decoder.send_packet(&packet);
        let mut newest = None;
        loop {
            let mut picture = frame::Video::empty();
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => newest = Some(picture),
                Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN } | ffmpeg_next::Error::Eof) => break,
                Err(e) => return Err(damaged(e)),
            }
        }
        let Some(picture) = newest else {
            return sent.map(|()| None).map_err(damaged);
        };
        let pts = picture.pts().unwrap_or(-1);
        let capture =
            self.captures.iter().find(|(p, _)| *p == pts && pts >= 0).map_or(capture, |(_, captured)| *captured);
        let (width, height) = (picture.width(), picture.height());
        if width < 2 || height < 2 {
            return Ok(None);
        }
        let ours = match picture.format() {
            Pixel::YUV420P => true,
            // H.264 in full range. JPEGs are made limited: they are sent on, and not all receivers know full range.
            Pixel::YUVJ420P => self.codec == VideoCodec::H264,
            _ => false,
        };
        if ours && width % 2 == 0 && height % 2 == 0 {
            return Ok(avframe::wrap_planar(picture, capture));
        }
        self.scaler.convert(&picture, width & !1, height & !1, capture).map(Some)
    }
}
