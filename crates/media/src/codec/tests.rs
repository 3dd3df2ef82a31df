#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::barcode::BarCode;
use crate::clock::MediaTime;
use crate::frame::{AudioFrame, ColorSpace, FramePool, VideoFrame};
use crate::testcard::TestCard;

const SOFTWARE: [&str; 2] = ["libx264", "libopenh264"];

fn config(name: &str, w: u32, h: u32, bps: u32) -> EncoderConfig {
    EncoderConfig { encoder: EncoderChoice::Named(name.to_owned()), ..EncoderConfig::new(w, h, bps) }
}

/// The software encoders this machine's FFmpeg has; there must be one.
fn encoders(w: u32, h: u32, bps: u32) -> Vec<VideoEncoder> {
    let found: Vec<_> = SOFTWARE.iter().filter_map(|name| VideoEncoder::new(config(name, w, h, bps)).ok()).collect();
    assert!(!found.is_empty(), "neither libx264 nor libopenh264");
    found
}

fn cards(w: u32, h: u32, count: u32) -> Vec<VideoFrame> {
    let card = TestCard::new(w, h);
    let start = MediaTime::now();
    (0..count).map(|n| card.draw(n, start + Duration::from_nanos(33_333_333) * n)).collect()
}

#[test]
fn each_picture_comes_out_at_once_with_its_time_and_can_be_read() {
    for mut encoder in encoders(640, 360, 1_000_000) {
        let mut decoder = VideoDecoder::new(VideoCodec::H264).unwrap();
        for (n, card) in cards(640, 360, 20).iter().enumerate() {
            let encoded = encoder.encode(card, false).unwrap();
            assert_eq!(encoded.len(), 1, "{} delays", encoder.name());
            assert_eq!(encoded[0].capture, card.capture);
            assert_eq!(encoded[0].key, n == 0);
            let decoded = decoder.decode(&encoded[0].data, card.capture).unwrap().unwrap();
            assert_eq!((decoded.width(), decoded.height(), decoded.capture), (640, 360, card.capture));
            assert_eq!(BarCode::read(&decoded).unwrap().frame, n as u32);
        }
    }
}

#[test]
fn the_stream_is_constrained_baseline_of_a_fitting_level() {
    for (w, h, level) in [(1280, 720, 31), (640, 360, 30), (1920, 1080, 40)] {
        for mut encoder in encoders(w, h, 1_500_000) {
            let encoded = encoder.encode(&cards(w, h, 1)[0], false).unwrap();
            let [profile, constraints, is_level] = sps_profile_level(&encoded[0].data).unwrap();
            assert_eq!((profile, constraints & 0x40), (66, 0x40), "{}", encoder.name());
            assert!(is_level <= level, "{}: level {is_level} for {w}×{h}", encoder.name());
            let kinds: Vec<_> = nal_units(&encoded[0].data).map(|unit| unit[0] & 0x1F).collect();
            let idr = kinds.iter().position(|k| *k == 5).unwrap();
            assert!(kinds[..idr].contains(&7) && kinds[..idr].contains(&8), "{kinds:?}");
        }
    }
}

#[test]
fn a_key_frame_comes_when_asked_for_and_a_new_decoder_starts_there() {
    for mut encoder in encoders(320, 180, 300_000) {
        let cards = cards(320, 180, 12);
        let mut late = VideoDecoder::new(VideoCodec::H264).unwrap();
        for (n, card) in cards.iter().enumerate() {
            let encoded = encoder.encode(card, n == 8).unwrap().remove(0);
            assert_eq!(encoded.key, n == 0 || n == 8, "{} picture {n}", encoder.name());
            if n > 0 {
                // Without its key frame the stream shows nothing; errors are fine, pictures would be wrong.
                let shown = late.decode(&encoded.data, card.capture).ok().flatten();
                assert_eq!(shown.is_some(), n >= 8, "picture {n}");
            }
        }
    }
}

/// Bits per second over `count` pictures of hard-to-code noise at 30 a second.
fn rate(encoder: &mut VideoEncoder, from: usize, count: usize) -> f64 {
    let pool = FramePool::new();
    let mut seed = 1u32;
    let mut bytes = 0;
    for n in from..from + count {
        let mut frame = pool.get(640, 360);
        frame.fill(128, 128, 128);
        let [(y, _), ..] = frame.planes_mut();
        for block in y.chunks_mut(8) {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            block.fill((seed >> 24) as u8 / 2 + 64);
        }
        let frame = frame.freeze(MediaTime::from_millis(n as i64 * 1000 / 30));
        bytes += encoder.encode(&frame, false).unwrap().iter().map(|e| e.data.len()).sum::<usize>();
    }
    bytes as f64 * 8.0 * 30.0 / count as f64
}

#[test]
fn the_bitrate_follows_while_it_runs() {
    let Ok(mut encoder) = VideoEncoder::new(config("libx264", 640, 360, 2_000_000)) else { return };
    rate(&mut encoder, 0, 30);
    let high = rate(&mut encoder, 30, 60);
    encoder.set_bitrate(600_000);
    rate(&mut encoder, 90, 30);
    let low = rate(&mut encoder, 120, 60);
    assert!((1_600_000.0..2_400_000.0).contains(&high), "{high}");
    assert!((450_000.0..800_000.0).contains(&low), "{low}");
}

#[test]
fn a_still_screen_that_is_sent_again_now_and_then_fills_the_link_while_it_becomes_sharp() {
    const BPS: u32 = 500_000;
    let config = EncoderConfig { content: Content::Screen, ..config("libx264", 640, 360, BPS) };
    let Ok(mut encoder) = VideoEncoder::new(config) else { return };
    let pool = FramePool::new();
    let mut seed = 1u32;
    let mut frame = pool.get(640, 360);
    frame.fill(128, 128, 128);
    let [(y, _), ..] = frame.planes_mut();
    for pixel in y {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *pixel = (seed >> 24) as u8 / 2 + 64;
    }
    let mut frame = frame.freeze(MediaTime::from_millis(0));
    let mut size = |ms| {
        frame.capture = MediaTime::from_millis(ms);
        encoder.encode(&frame, false).unwrap().iter().map(|e| e.data.len()).sum::<usize>()
    };
    size(0);
    // Five a second, though the encoder plans for thirty.
    let sent: usize = (1..=10).map(|n| size(n * 200)).sum();
    let share = sent as f64 * 8.0 / (2.0 * f64::from(BPS));
    assert!((0.6..1.2).contains(&share), "{share:.2} of the link");
}

#[test]
fn size_changes_in_mid_stream_reach_the_decoder() {
    for mut encoder in encoders(640, 360, 600_000) {
        let mut decoder = VideoDecoder::new(VideoCodec::H264).unwrap();
        for (n, card) in cards(640, 360, 6).iter().enumerate() {
            if n == 3 {
                encoder.set_size(320, 180, 15).unwrap();
            }
            let encoded = encoder.encode(card, false).unwrap().remove(0);
            let decoded = decoder.decode(&encoded.data, card.capture).unwrap().unwrap();
            assert_eq!(decoded.width(), if n < 3 { 640 } else { 320 });
            assert_eq!(encoded.key, n == 0 || n == 3);
            assert_eq!(BarCode::read(&decoded).unwrap().frame, n as u32);
        }
    }
}

/// A picture of one colour.
fn plain([y, u, v]: [u8; 3], color: ColorSpace) -> VideoFrame {
    let mut picture = FramePool::new().get(320, 180);
    picture.fill(y, u, v);
    picture.color = color;
    picture.freeze(MediaTime(0))
}

fn close(picture: &VideoFrame, samples: [u8; 3]) -> bool {
    [picture.y(), picture.u(), picture.v()].iter().zip(samples).all(|(plane, should)| plane[0].abs_diff(should) <= 3)
}

#[test]
fn the_stream_names_the_colours_of_its_pictures() {
    for mut encoder in encoders(320, 180, 300_000) {
        let mut decoder = VideoDecoder::new(VideoCodec::H264).unwrap();
        for color in [ColorSpace::Bt709Limited, ColorSpace::Bt709Full, ColorSpace::Bt601Limited, ColorSpace::Bt601Full]
        {
            let picture = plain([120, 110, 140], color);
            let encoded = encoder.encode(&picture, false).unwrap().remove(0);
            let shown = decoder.decode(&encoded.data, picture.capture).unwrap().unwrap();
            let named = sps::color_told(&encoded.data);
            assert_eq!(named, Some(shown.color), "{} asked for {color:?}", encoder.name());
            // One that cannot name them gets pictures in others.
            assert!(named == Some(color) || encoder.name() != "libx264", "{named:?} for {color:?}");
        }
    }
}

#[test]
fn full_range_arrives_as_full_range_with_its_matrix_and_limited_range_after_it() {
    let Ok(mut encoder) = VideoEncoder::new(config("libx264", 320, 180, 300_000)) else { return };
    // The decoder's first picture decides about the format that FFmpeg decodes to.
    let mut decoder = VideoDecoder::new(VideoCodec::H264).unwrap();
    for color in [ColorSpace::Bt709Full, ColorSpace::Bt709Limited, ColorSpace::Bt709Full, ColorSpace::Bt601Full] {
        let picture = plain([250, 110, 140], color);
        let encoded = encoder.encode(&picture, false).unwrap().remove(0);
        let shown = decoder.decode(&encoded.data, picture.capture).unwrap().unwrap();
        assert_eq!(shown.color, color);
        assert!(close(&shown, [250, 110, 140]), "{color:?}: {} {} {}", shown.y()[0], shown.u()[0], shown.v()[0]);
    }
}

/// A JPEG of one colour; `None` where FFmpeg makes none.
fn jpeg([y, u, v]: [u8; 3]) -> Option<Vec<u8>> {
    use ffmpeg_next::{Packet, Rational, codec, encoder, format::Pixel, frame};
    prepare_ffmpeg();
    let found = encoder::find(codec::Id::MJPEG)?;
    let mut video = codec::Context::new_with_codec(found).encoder().video().ok()?;
    video.set_width(64);
    video.set_height(32);
    video.set_format(Pixel::YUVJ420P);
    video.set_time_base(Rational(1, 30));
    let mut encoder = video.open_as(found).ok()?;
    let mut picture = frame::Video::new(Pixel::YUVJ420P, 64, 32);
    [y, u, v].into_iter().enumerate().for_each(|(plane, value)| picture.data_mut(plane).fill(value));
    picture.set_pts(Some(0));
    encoder.send_frame(&picture).ok()?;
    encoder.send_eof().ok()?;
    let mut packet = Packet::empty();
    encoder.receive_packet(&mut packet).ok()?;
    packet.data().map(<[u8]>::to_vec)
}

#[test]
fn a_jpeg_arrives_in_limited_range_with_its_own_matrix() {
    let Some(red) = jpeg([76, 85, 255]) else { return };
    let mut decoder = VideoDecoder::new(VideoCodec::Mjpeg).unwrap();
    let shown = decoder.decode(&red, MediaTime(5)).unwrap().unwrap();
    assert_eq!((shown.color, shown.capture), (ColorSpace::Bt601Limited, MediaTime(5)));
    assert!(close(&shown, [81, 90, 240]), "{} {} {}", shown.y()[0], shown.u()[0], shown.v()[0]);
}

#[test]
fn garbage_gives_errors_and_the_decoder_recovers() {
    let mut encoder = encoders(320, 180, 300_000).remove(0);
    let mut decoder = VideoDecoder::new(VideoCodec::H264).unwrap();
    let mut seed = 7u32;
    let mut noise = |len: usize| -> Vec<u8> {
        (0..len)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect()
    };
    let t = MediaTime(0);
    assert!(decoder.decode(&[], t).is_err());
    for n in 0..200 {
        let mut data = vec![0, 0, 0, 1, [0x67, 0x68, 0x65, 0x41, 0x06][n % 5]];
        data.extend(noise(n * 3));
        let _ = decoder.decode(&data, t);
    }
    let cards = cards(320, 180, 3);
    for (n, card) in cards.iter().enumerate() {
        let mut data = encoder.encode(card, n == 2).unwrap().remove(0).data.to_vec();
        if n == 1 {
            let len = data.len();
            data[len / 2..].copy_from_slice(&noise(len - len / 2));
        }
        let shown = decoder.decode(&data, card.capture).ok().flatten();
        if n == 2 {
            assert_eq!(BarCode::read(&shown.unwrap()).unwrap().frame, 2);
        }
    }
}

#[test]
fn an_unknown_encoder_is_refused_by_name() {
    let error = VideoEncoder::new(config("h264_wishful", 640, 360, 1)).err().unwrap().to_string();
    assert!(error.contains("h264_wishful") && error.contains("libx264"), "{error}");
}

#[test]
fn levels_follow_the_standards_table() {
    for (w, h, fps, level) in [
        (1280, 720, 30, "3.1"),
        (1920, 1080, 30, "4.0"),
        (640, 360, 30, "3.0"),
        (320, 180, 15, "1.2"),
        (3840, 2160, 30, "5.1"),
    ] {
        assert_eq!(h264_level_for(w, h, fps), level, "{w}×{h}@{fps}");
    }
}

fn tone(n: usize, channels: u16) -> AudioFrame {
    let samples: Vec<f32> = (0..480)
        .flat_map(|i| {
            let t = (n * 480 + i) as f32 / 48_000.0;
            // Something voice-like, so that the speech coder is used and FEC has something to say.
            let s = (t * 180.0 * std::f32::consts::TAU).sin().powi(3) * 0.4 * (1.0 + (t * 9.0).sin());
            std::iter::repeat_n(s, usize::from(channels))
        })
        .collect();
    AudioFrame::new(samples, channels, MediaTime::from_millis(n as i64 * 10))
}

#[test]
fn opus_takes_ten_milliseconds_and_gives_twenty() {
    for channels in [1, 2] {
        let mut encoder = OpusEncoder::new(OpusConfig { channels, ..Default::default() }).unwrap();
        let mut decoder = OpusDecoder::new(channels).unwrap();
        let mut out = Vec::new();
        for n in 0..20 {
            let packet = encoder.encode(&tone(n, 3 - channels)).unwrap();
            assert_eq!(packet.is_some(), n % 2 == 1);
            if let Some(packet) = packet {
                assert_eq!(packet.capture, MediaTime::from_millis(n as i64 * 10 - 10));
                assert_eq!(packet.samples, 960);
                assert_eq!(decoder.decode(&packet.data, &mut out).unwrap(), 960);
            }
        }
        assert_eq!(out.len(), 9600 * usize::from(channels));
        let energy = out.iter().map(|s| s * s).sum::<f32>() / out.len() as f32;
        assert!(energy > 0.005, "{energy}");
    }
}

#[test]
fn forward_error_correction_brings_a_lost_packet_back() {
    let mut encoder = OpusEncoder::new(OpusConfig { expected_loss_percent: 20, ..Default::default() }).unwrap();
    let packets: Vec<_> = (0..100).filter_map(|n| encoder.encode(&tone(n, 1)).unwrap()).collect();
    assert!(packets.iter().skip(5).filter(|p| has_fec(&p.data)).count() > 30, "no packet carries FEC");
    // Decode with every third packet lost, by FEC and by concealment; FEC must be closer to the original.
    let mut whole = Vec::new();
    let mut reference = OpusDecoder::new(1).unwrap();
    packets.iter().for_each(|p| drop(reference.decode(&p.data, &mut whole)));
    let distance = |fec: bool| {
        let mut decoder = OpusDecoder::new(1).unwrap();
        let mut out = Vec::new();
        for (n, p) in packets.iter().enumerate() {
            match packets.get(n + 1) {
                Some(next) if n % 3 == 2 && fec => decoder.decode_fec(&next.data, 960, &mut out),
                Some(_) if n % 3 == 2 => decoder.conceal(960, &mut out),
                _ => decoder.decode(&p.data, &mut out),
            }
            .unwrap();
        }
        whole.iter().zip(&out).map(|(a, b)| (a - b).powi(2)).sum::<f32>()
    };
    let (with, without) = (distance(true), distance(false));
    assert!(with < without * 0.7, "with FEC {with}, without {without}");
}

#[test]
fn opus_refuses_garbage() {
    let mut decoder = OpusDecoder::new(1).unwrap();
    let mut out = Vec::new();
    assert!(decoder.decode(&[], &mut out).is_err());
    assert!(decoder.decode(&[0xFF; 3], &mut out).is_err());
    assert!(out.is_empty());
    assert!(!has_fec(&[]) && !has_fec(&[0x08]) && !has_fec(&[0xFF, 0xFF]));
    for n in 0..=255u8 {
        has_fec(&[n, 0x81, n, 7]);
    }
}

#[test]
fn whatever_works_on_media_may_move_to_another_thread() {
    fn movable<T: Send>() {}
    movable::<VideoEncoder>();
    movable::<VideoDecoder>();
    movable::<OpusEncoder>();
    movable::<OpusDecoder>();
    movable::<crate::scale::Scaler>();
    movable::<crate::jitter::JitterBuffer>();
}

/// Not an assertion but a figure: cores needed at 30 pictures a second.
#[test]
#[ignore = "measures; run with --ignored --nocapture"]
fn cost_of_720p30() {
    let cards = cards(1280, 720, 300);
    for mut encoder in encoders(1280, 720, 1_500_000) {
        let mut decoder = VideoDecoder::new(VideoCodec::H264).unwrap();
        let begun = cpu_ns();
        let encoded: Vec<_> = cards.iter().flat_map(|c| encoder.encode(c, false).unwrap()).collect();
        let half = cpu_ns();
        for e in &encoded {
            decoder.decode(&e.data, e.capture).unwrap().unwrap();
        }
        let cores = |ns: i64| ns as f64 / 1e9 / 10.0;
        let bits = encoded.iter().map(|e| e.data.len()).sum::<usize>() as f64 * 8.0 / 10.0;
        println!(
            "{}: encode {:.3} cores, decode {:.3} cores, {:.0} bit/s",
            encoder.name(),
            cores(half - begun),
            cores(cpu_ns() - half),
            bits
        );
    }
}

/// Processor time of this thread.
fn cpu_ns() -> i64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|s| s.parse().ok()).unwrap_or_else(|| MediaTime::now().0)
}

#[test]
fn the_first_picture_of_another_size_fits_the_bitrate_that_came_with_it() {
    for mut encoder in encoders(1280, 720, 1_400_000) {
        for (n, card) in cards(1280, 720, 61).iter().enumerate() {
            if n == 60 {
                encoder.reconfigure(640, 360, 30, 400_000).unwrap();
            }
            let encoded = encoder.encode(card, false).unwrap().remove(0);
            let on_the_way = encoded.data.len() as f64 * 8.0 / 400_000.0;
            assert!(n < 60 || encoded.key && on_the_way < 0.15, "{}: {on_the_way:.3} s", encoder.name());
        }
    }
}
