use std::collections::{HashSet, VecDeque};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use ffmpeg_next::{Dictionary, Packet, Rational, codec, encoder, ffi, format::Pixel, frame, picture};
use parking_lot::Mutex;

use super::h264_options::{h264_level_for, options_of};
use super::{CodecError, annexb, avframe, prepare_ffmpeg, sps};
use crate::clock::MediaTime;
use crate::frame::{ColorSpace, VideoFrame};
use crate::recolor::Recolor;
use crate::scale::Scaler;

/// Hardware first, then software, in the order in which they are tried.
const CANDIDATES: [&str; 7] =
    ["h264_nvenc", "h264_qsv", "h264_amf", "h264_mf", "h264_videotoolbox", "libx264", "libopenh264"];
/// The environment variable that forces one encoder by its FFmpeg name.
const FORCE: &str = "BECKON_H264_ENCODER";
/// Ticks per second of time stamps inside the encoder: RTP's own clock for video.
const CLOCK: i64 = 90_000;
/// How much an encoder may send ahead of the rate, in seconds of bitrate: small, for key frames must not stall the link.
const BUFFER_SECONDS: f64 = 0.6;
/// The same for screens: text must be legible in the first picture, and nothing moves that could stall.
const SCREEN_BUFFER_SECONDS: f64 = 1.5;
/// x264's constant quality for screens: text cannot be told from the source, and a still picture comes to cost nothing.
pub(super) const SCREEN_CRF: f64 = 20.0;
/// An encoder that cannot change its bitrate while it runs is opened anew, with a key frame: only when it pays.
const REOPEN_STEP: f64 = 0.2;
const REOPEN_PAUSE: Duration = Duration::from_secs(4);

/// Which H.264 encoder to take.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum EncoderChoice {
    /// The one named by the environment variable `BECKON_H264_ENCODER`, otherwise the first that opens, hardware before software.
    #[default]
    Auto,
    /// Only those that run on the processor.
    Software,
    /// Only the one with this FFmpeg name, such as `libx264`.
    Named(String),
}

/// What the pictures show, as far as an encoder should know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Content {
    /// People: the bitrate is kept evenly, quality gives way.
    #[default]
    Camera,
    /// Screens: still most of the time. Quality is kept, a key frame may be large, what stays still becomes sharp. Letters are
    /// looked for where they have stood before, far around: more work for each pixel that changes.
    Screen,
    /// A screen on which a film runs: as a screen, with less work for what changes.
    Film,
}

/// What to encode.
#[derive(Clone, PartialEq, Debug)]
pub struct EncoderConfig {
    /// Width in pixels; even.
    pub width: u32,
    /// Height in pixels; even.
    pub height: u32,
    /// Pictures per second to plan for.
    pub fps: u32,
    /// Bits per second.
    pub bitrate_bps: u32,
    /// A key frame comes at least this often, besides those that are asked for.
    pub keyframe_interval: Duration,
    /// Which encoder to take.
    pub encoder: EncoderChoice,
    /// What the pictures show.
    pub content: Content,
}

impl EncoderConfig {
    /// A picture of this size at 30 a second, key frames on demand and every ten seconds.
    pub fn new(width: u32, height: u32, bitrate_bps: u32) -> Self {
        Self {
            width,
            height,
            fps: 30,
            bitrate_bps,
            keyframe_interval: Duration::from_secs(10),
            encoder: EncoderChoice::Auto,
            content: Content::Camera,
        }
    }
}

/// One encoded picture.
#[derive(Clone, Debug)]
pub struct EncodedVideo {
    /// NAL units with start codes (annex B); parameter sets stand before each key frame.
    pub data: Bytes,
    /// True when decoding can start here.
    pub key: bool,
    /// When the picture was captured.
    pub capture: MediaTime,
}

/// Encodes H.264, constrained baseline, without delay. Not real-time safe to open (hardware may take 100 ms).
pub struct VideoEncoder {
    config: EncoderConfig,
    open: Open,
    scaler: Scaler,
    recolor: Recolor,
    /// An encoder whose stream does not say of its pictures' colours what it was asked to, and what it says instead.
    says: Option<(&'static str, ColorSpace)>,
    epoch: Option<MediaTime>,
    last_pts: i64,
    /// Pictures inside the encoder, oldest first.
    inside: VecDeque<(i64, MediaTime)>,
    reopened: MediaTime,
}

struct Open {
    encoder: encoder::video::Encoder,
    name: &'static str,
    /// What it was asked for, and what all pictures are that it gets.
    color: ColorSpace,
    /// What its stream says of colours is known.
    heard: bool,
    bitrate_bps: u32,
    headers: Bytes,
    to_nv12: Option<frame::Video>,
}

impl VideoEncoder {
    /// Opens the first encoder that will.
    ///
    /// # Errors
    /// [`CodecError::NoEncoder`] tells what each candidate said.
    pub fn new(mut config: EncoderConfig) -> Result<Self, CodecError> {
        prepare_ffmpeg();
        config.width = config.width.max(2).next_multiple_of(2);
        config.height = config.height.max(2).next_multiple_of(2);
        config.fps = config.fps.clamp(1, 240);
        let open = open_first(&config, ColorSpace::default())?;
        tracing::debug!(encoder = open.name, width = config.width, height = config.height, "H.264 encoder opened");
        Ok(Self {
            config,
            open,
            scaler: Scaler::new(),
            recolor: Recolor::new(),
            says: None,
            epoch: None,
            last_pts: -1,
            inside: VecDeque::new(),
            reopened: MediaTime::now(),
        })
    }

    /// FFmpeg's name of the encoder in use.
    pub fn name(&self) -> &'static str {
        self.open.name
    }

    /// What it encodes now.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Encodes one picture, scaled if it has another size; a key frame if `force_key`. Most often one picture comes back;
    /// hardware may hold one back.
    ///
    /// # Errors
    /// When every encoder fails; one that breaks in the middle is replaced by the next.
    pub fn encode(&mut self, picture: &VideoFrame, force_key: bool) -> Result<Vec<EncodedVideo>, CodecError> {
        let off_rate = (f64::from(self.open.bitrate_bps) / f64::from(self.config.bitrate_bps.max(1)) - 1.0).abs();
        let rested = MediaTime::now().saturating_since(self.reopened) >= REOPEN_PAUSE;
        let color = match self.says {
            Some((name, color)) if name == self.open.name => color,
            _ => picture.color,
        };
        if color != self.open.color || (off_rate > REOPEN_STEP && rested) {
            self.reopen(color)?;
        }
        let picture = self.scaler.scale(picture, self.config.width, self.config.height)?;
        let encoded = match self.attempt(&picture, force_key) {
            Ok(encoded) => encoded,
            Err(error) => {
                tracing::warn!(encoder = self.open.name, %error, "encoder broke; trying the next");
                shun(self.open.name);
                self.reopen(picture.color)?;
                self.attempt(&picture, true)?
            }
        };
        let Some(says) = self.misspoken(&encoded) else { return Ok(encoded) };
        let (encoder, asked) = (self.open.name, self.open.color);
        tracing::info!(encoder, ?asked, ?says, "its stream names other colours; pictures are converted to those");
        self.says = Some((self.open.name, says));
        self.reopen(says)?;
        // One that says something else each time is not asked again and again.
        self.open.heard = true;
        self.attempt(&picture, true)
    }

    /// The colours that receivers take the pictures for, where the stream's beginning does not name the right ones: not every
    /// encoder writes them, and Media Foundation's is not even told by FFmpeg.
    fn misspoken(&mut self, encoded: &[EncodedVideo]) -> Option<ColorSpace> {
        if self.open.heard {
            return None;
        }
        let told = encoded.iter().find_map(|encoded| sps::color_told(&encoded.data))?;
        self.open.heard = true;
        (told != self.open.color).then_some(told)
    }

    /// Changes the bitrate, from the next picture on where the encoder can.
    pub fn set_bitrate(&mut self, bps: u32) {
        self.config.bitrate_bps = bps.max(10_000);
        if matches!(self.open.name, "libx264" | "h264_nvenc") {
            let bps = self.config.bitrate_bps;
            // SAFETY: plain fields of an open context that these two encoders read again with each picture.
            unsafe { set_rate(self.open.encoder.as_mut_ptr(), bps, self.config.content) };
            self.open.bitrate_bps = bps;
        }
    }

    /// Changes the quality that a screen's pictures have where the bitrate allows it, as x264's constant rate factor: 20 cannot
    /// be told from the source, 40 is coarse. Other encoders keep to the bitrate alone.
    pub(super) fn set_quality(&mut self, crf: f64) {
        if self.open.name == "libx264" && self.config.content != Content::Camera {
            // SAFETY: an option of an open context that this encoder reads again with each picture.
            unsafe { ffi::av_opt_set_double((*self.open.encoder.as_mut_ptr()).priv_data, c"crf".as_ptr(), crf, 0) };
        }
    }

    /// Changes size, rate of pictures and bitrate at once: where the size is another one, the key frame that begins it is
    /// made for the new bitrate.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn reconfigure(&mut self, width: u32, height: u32, fps: u32, bps: u32) -> Result<(), CodecError> {
        if self.config.bitrate_bps != bps {
            self.set_bitrate(bps);
        }
        self.set_size(width, height, fps)
    }

    /// Changes size and rate of pictures; the next one is a key frame.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn set_size(&mut self, width: u32, height: u32, fps: u32) -> Result<(), CodecError> {
        let size = (width.max(2).next_multiple_of(2), height.max(2).next_multiple_of(2), fps.clamp(1, 240));
        if size == (self.config.width, self.config.height, self.config.fps) {
            return Ok(());
        }
        (self.config.width, self.config.height, self.config.fps) = size;
        self.reopen(self.open.color)
    }

    fn reopen(&mut self, color: ColorSpace) -> Result<(), CodecError> {
        self.open = open_first(&self.config, color)?;
        self.inside.clear();
        self.reopened = MediaTime::now();
        Ok(())
    }

    fn attempt(&mut self, picture: &VideoFrame, force_key: bool) -> Result<Vec<EncodedVideo>, CodecError> {
        let picture = &self.recolor.run(picture, self.open.color);
        let name = self.open.name;
        let failed = |doing, e: ffmpeg_next::Error| CodecError::Failed { codec: name, doing, reason: e.to_string() };
        let epoch = *self.epoch.get_or_insert(picture.capture);
        let ticks = picture.capture.nanos_since(epoch) as i128 * i128::from(CLOCK) / 1_000_000_000;
        let pts = (ticks as i64).max(self.last_pts + 1);
        if self.config.content != Content::Camera && name == "libx264" {
            let pause = if self.last_pts < 0 { 0.0 } else { (pts - self.last_pts) as f64 / CLOCK as f64 };
            // SAFETY: a plain field of an open context that this encoder reads again with each picture.
            unsafe { refill(self.open.encoder.as_mut_ptr(), &self.config, pause) };
        }
        self.last_pts = pts;
        self.inside.push_back((pts, picture.capture));

        let mut lent =
            avframe::lend(picture, pts).ok_or_else(|| failed("take a picture", ffmpeg_next::Error::Unknown))?;
        if let Some(nv12) = &mut self.open.to_nv12 {
            avframe::interleave(picture, nv12);
            nv12.set_pts(Some(pts));
            lent = nv12.clone();
        }
        lent.set_kind(if force_key { picture::Type::I } else { picture::Type::None });
        self.open.encoder.send_frame(&lent).map_err(|e| failed("take a picture", e))?;

        let mut out = Vec::with_capacity(1);
        let mut packet = Packet::empty();
        loop {
            match self.open.encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN } | ffmpeg_next::Error::Eof) => {
                    return Ok(out);
                }
                Err(e) => return Err(failed("encode", e)),
            }
            let data = packet.data().unwrap_or_default();
            let key = packet.is_key();
            let data = if key && annexb::sps(data).is_none() {
                [&self.open.headers[..], data].concat().into()
            } else {
                Bytes::copy_from_slice(data)
            };
            let pts = packet.pts().unwrap_or(pts);
            while self.inside.front().is_some_and(|(p, _)| *p < pts) {
                self.inside.pop_front();
            }
            let capture = self.inside.pop_front().map_or(picture.capture, |(_, capture)| capture);
            out.push(EncodedVideo { data, key, capture });
        }
    }
}

/// Encoders that broke on this machine; not tried again while the program runs.
fn shunned() -> &'static Mutex<HashSet<&'static str>> {
    static SHUNNED: OnceLock<Mutex<HashSet<&'static str>>> = OnceLock::new();
    SHUNNED.get_or_init(Mutex::default)
}

fn shun(name: &'static str) {
    // Software always gets another chance: there is nothing behind it.
    if !name.starts_with("lib") {
        shunned().lock().insert(name);
    }
}

fn open_first(config: &EncoderConfig, color: ColorSpace) -> Result<Open, CodecError> {
    let forced = match &config.encoder {
        EncoderChoice::Named(name) => Some(name.clone()),
        EncoderChoice::Software => None,
        EncoderChoice::Auto => std::env::var(FORCE).ok().filter(|name| !name.is_empty()),
    };
    let mut tried = Vec::new();
    for name in CANDIDATES {
        let wanted = match &forced {
            Some(forced) => forced == name,
            None => {
                (config.encoder != EncoderChoice::Software || name.starts_with("lib"))
                    && !shunned().lock().contains(name)
            }
        };
        if !wanted {
            continue;
        }
        match open_one(name, config, color) {
            Ok(open) => return Ok(open),
            Err(reason) => {
                // Small pictures are below some hardware's minimum; that says nothing about larger ones.
                if config.width >= 320 && config.height >= 180 {
                    shun(name);
                }
                tried.push(format!("{name}: {reason}"));
            }
        }
    }
    if let Some(forced) = forced
        && tried.is_empty()
    {
        tried.push(format!("{forced}: unknown here; known are {}", CANDIDATES.join(", ")));
    }
    Err(CodecError::NoEncoder { width: config.width, height: config.height, tried: tried.join("; ") })
}

fn open_one(name: &'static str, config: &EncoderConfig, color: ColorSpace) -> Result<Open, String> {
    let codec = encoder::find_by_name(name).ok_or("not in this build of FFmpeg")?;
    let format = codec
        .video()
        .ok()
        .and_then(|v| v.formats())
        .map(|formats| formats.collect::<Vec<_>>())
        .and_then(|formats| [Pixel::YUV420P, Pixel::NV12].into_iter().find(|f| formats.contains(f)))
        .unwrap_or(Pixel::YUV420P);
    let mut video = codec::Context::new_with_codec(codec).encoder().video().map_err(|e| e.to_string())?;
    let fps = i32::try_from(config.fps).unwrap_or(30);
    video.set_width(config.width);
    video.set_height(config.height);
    video.set_format(format);
    video.set_time_base(Rational(1, CLOCK as i32));
    video.set_frame_rate(Some(Rational(fps, 1)));
    video.set_gop((config.keyframe_interval.as_secs_f64() * f64::from(fps)).round().clamp(1.0, 1e6) as u32);
    video.set_max_b_frames(0);
    let (space, range) = avframe::tags(color);
    video.set_colorspace(space);
    video.set_color_range(range);
    let large = config.width * config.height > 1280 * 720;
    video.set_threading(codec::threading::Config {
        count: if large { 2 } else { 1 },
        ..codec::threading::Config::kind(codec::threading::Type::Slice)
    });
    // SAFETY: plain fields of a context that is not open yet.
    unsafe {
        set_rate(video.as_mut_ptr(), config.bitrate_bps, config.content);
        (*video.as_mut_ptr()).refs = 1;
    }
    let level = h264_level_for(config.width, config.height, config.fps);
    let mut options = Dictionary::new();
    for (key, value) in options_of(name) {
        options.set(key, value);
    }
    // The others choose the level by themselves, and refuse ours if their rate control disagrees.
    if name == "libx264" {
        options.set("level", level);
        if config.content != Content::Camera {
            // The bitrate is still the most that is sent, by the buffer's rule.
            options.set("crf", &SCREEN_CRF.to_string());
            // Text gets better by it, by a tenth more work.
            options.set("subq", "2");
        }
        if config.content == Content::Screen {
            // Text that has scrolled, or letters that stand elsewhere already, cost next to nothing where they are found.
            options.set("motion-est", "umh");
            options.set("me_range", "128");
            options.set("partitions", "p8x8,i4x4");
            // The quality that is asked for, whatever the share of the picture that changes.
            options.set("qcomp", "1");
            // Letters are sharp edges all of them: spending less on them than on what is flat is for films.
            options.set("aq-mode", "0");
        }
    }
    let encoder = video.open_as_with(codec, options).map_err(|e| e.to_string())?;
    // SAFETY: extradata, if any, is extradata_size bytes long and lives as long as the context.
    let headers = unsafe {
        let context = encoder.as_ptr();
        match usize::try_from((*context).extradata_size) {
            Ok(size) if size > 0 && !(*context).extradata.is_null() => {
                Bytes::copy_from_slice(std::slice::from_raw_parts((*context).extradata, size))
            }
            _ => Bytes::new(),
        }
    };
    let to_nv12 = (format == Pixel::NV12).then(|| frame::Video::new(format, config.width, config.height));
    Ok(Open { encoder, name, color, heard: false, bitrate_bps: config.bitrate_bps, headers, to_nv12 })
}

/// # Safety
/// `context` is a live encoder context that no other thread uses.
unsafe fn set_rate(context: *mut ffi::AVCodecContext, bps: u32, content: Content) {
    let seconds = match content {
        Content::Camera => BUFFER_SECONDS,
        Content::Screen | Content::Film => SCREEN_BUFFER_SECONDS,
    };
    // SAFETY: by this function's contract.
    unsafe {
        (*context).bit_rate = i64::from(bps) as _;
        (*context).rc_max_rate = i64::from(bps) as _;
        (*context).rc_buffer_size = (f64::from(bps) * seconds) as i32;
    }
}

/// x264 without delay takes all pictures to be as far apart as planned, and refills its buffer by that much after each. Screens
/// are sent when they change, and five times a second while they become sharp: the rate for this one picture is set so that
/// it refills by as much as the link has carried in the pause before it, in seconds.
///
/// # Safety
/// As [`set_rate`].
unsafe fn refill(context: *mut ffi::AVCodecContext, config: &EncoderConfig, pause: f64) {
    let planned = pause * f64::from(config.fps);
    let rate = f64::from(config.bitrate_bps) * planned.clamp(0.3, SCREEN_BUFFER_SECONDS * f64::from(config.fps));
    // SAFETY: by this function's contract.
    unsafe { (*context).rc_max_rate = rate as _ };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::codec::{VideoCodec, VideoDecoder};
    use crate::frame::FramePool;

    #[test]
    fn an_encoder_whose_stream_names_other_colours_than_asked_for_gets_those() {
        let encoder = EncoderChoice::Named("libx264".to_owned());
        let config = EncoderConfig { encoder, ..EncoderConfig::new(320, 192, 500_000) };
        let Ok(mut encoder) = VideoEncoder::new(config) else { return };
        // As if it had been asked for BT.601, and its stream named BT.709 all the same.
        encoder.open.color = ColorSpace::Bt601Limited;
        let mut decoder = VideoDecoder::new(VideoCodec::H264).unwrap();
        for n in 0..6 {
            if n == 3 {
                encoder.set_size(160, 96, 30).unwrap();
            }
            let mut red = FramePool::new().get(320, 192);
            red.fill(81, 90, 240);
            red.color = ColorSpace::Bt601Limited;
            let red = red.freeze(MediaTime::from_millis(n * 33));
            let encoded = encoder.encode(&red, false).unwrap();
            assert_eq!((encoded.len(), encoded[0].key, encoded[0].capture), (1, n % 3 == 0, red.capture));
            let shown = decoder.decode(&encoded[0].data, red.capture).unwrap().unwrap();
            assert_eq!(shown.color, ColorSpace::Bt709Limited);
            let shown = [shown.y()[0], shown.u()[0], shown.v()[0]];
            assert!(shown.iter().zip([63, 102, 240]).all(|(is, should)| is.abs_diff(should) <= 3), "{shown:?}");
        }
        assert_eq!(encoder.says, Some(("libx264", ColorSpace::Bt709Limited)));
    }
}
