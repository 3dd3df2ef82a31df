//! The test card and the tone out; pictures and sound in, decoded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use beckon_media::barcode::BarCode;
use beckon_media::codec::{
    EncoderConfig, OpusConfig, OpusDecoder, OpusEncoder, VideoCodec, VideoDecoder, VideoEncoder,
};
use beckon_media::testcard::{TestCard, ToneSource};
use beckon_media::{AudioSource, MediaTime};
use bytes::Bytes;
use parking_lot::Mutex;
use rtc::media::Sample;
use rtc::rtp::codec::h264::H264Packet;
use rtc::rtp::packetizer::Depacketizer;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::mpsc;
use webrtc::media_stream::Track;
use webrtc::media_stream::track_local::static_sample::TrackLocalStaticSample;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

pub(super) const WIDTH: u32 = 320;
pub(super) const HEIGHT: u32 = 180;
const PERIOD: Duration = Duration::from_millis(66);
/// A late subscriber waits at most this many pictures: this peer hears no requests for key frames.
const KEY_EVERY: u32 = 15;
const OPUS_PERIOD: Duration = Duration::from_millis(20);

/// What a peer has received.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Pictures decoded.
    pub pictures: u64,
    /// Bar codes read off them.
    pub codes: u64,
    /// RTP packets of sound.
    pub sound_packets: u64,
    /// Samples of sound decoded (48 kHz, one channel).
    pub samples: u64,
    /// Rising zero crossings in them: the tone's frequency is `crossings / samples × 48 kHz`.
    pub crossings: u64,
}

impl Received {
    /// Mean frequency of the sound, Hz; 0 before there is some.
    pub fn hz(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { self.crossings as f64 * 48_000.0 / self.samples as f64 }
    }

    /// Counts samples that follow on those before, of which `last` was the last one.
    pub(crate) fn hear(&mut self, sound: &[f32], last: &mut f32) {
        self.samples += sound.len() as u64;
        for sample in sound {
            self.crossings += u64::from(*last < 0.0 && *sample >= 0.0);
            *last = *sample;
        }
    }
}

pub(super) async fn send_card(track: Arc<TrackLocalStaticSample>, payload: u8) -> anyhow::Result<()> {
    let ssrc = *track.ssrcs().await.first().context("the track has no SSRC")?;
    let card = TestCard::new(WIDTH, HEIGHT);
    let config = EncoderConfig { fps: 15, ..EncoderConfig::new(WIDTH, HEIGHT, 300_000) };
    let mut encoder = VideoEncoder::new(config)?;
    let mut ticks = tokio::time::interval(PERIOD);
    for number in 0u32.. {
        ticks.tick().await;
        let picture = card.draw(number, MediaTime::now());
        for encoded in encoder.encode(&picture, number.is_multiple_of(KEY_EVERY))? {
            let sample = Sample { data: encoded.data, duration: PERIOD, ..Sample::new(Instant::now()) };
            track.sample_writer(ssrc, payload).write_sample(&sample).await?;
        }
    }
    Ok(())
}

pub(super) async fn send_tone(track: Arc<TrackLocalStaticSample>, payload: u8) -> anyhow::Result<()> {
    let ssrc = *track.ssrcs().await.first().context("the track has no SSRC")?;
    let mut encoder = OpusEncoder::new(OpusConfig::default())?;
    let (frames, mut recorded) = mpsc::unbounded_channel();
    let _running = Box::new(ToneSource).start(Box::new(move |frame| drop(frames.send(frame))))?;
    while let Some(frame) = recorded.recv().await {
        if let Some(encoded) = encoder.encode(&frame)? {
            let sample = Sample { data: encoded.data, duration: OPUS_PERIOD, ..Sample::new(Instant::now()) };
            track.sample_writer(ssrc, payload).write_sample(&sample).await?;
        }
    }
    Ok(())
}

/// Decodes a track until it ends.
pub(super) async fn receive(track: Arc<dyn TrackRemote>, received: Arc<Mutex<Received>>) -> anyhow::Result<()> {
    if track.kind().await == RtpCodecKind::Video {
        receive_pictures(track, received).await
    } else {
        receive_sound(track, received).await
    }
}

async fn receive_pictures(track: Arc<dyn TrackRemote>, received: Arc<Mutex<Received>>) -> anyhow::Result<()> {
    let mut decoder = VideoDecoder::new(VideoCodec::H264)?;
    let mut units = H264Packet::default();
    let mut picture = Vec::new();
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        // Padding has no payload, and a picture with a hole in it is none.
        if let Ok(unit) = units.depacketize(&packet.payload) {
            picture.extend_from_slice(&unit);
        }
        if !packet.header.marker {
            continue;
        }
        let whole = Bytes::from(std::mem::take(&mut picture));
        if let Ok(Some(frame)) = decoder.decode(&whole, MediaTime::now()) {
            let mut received = received.lock();
            received.pictures += 1;
            received.codes += u64::from(BarCode::read(&frame).is_some());
        }
    }
    Ok(())
}

async fn receive_sound(track: Arc<dyn TrackRemote>, received: Arc<Mutex<Received>>) -> anyhow::Result<()> {
    let mut decoder = OpusDecoder::new(1)?;
    let mut sound = Vec::new();
    let mut last = 0.0f32;
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        sound.clear();
        if decoder.decode(&packet.payload, &mut sound).is_err() {
            continue;
        }
        let mut received = received.lock();
        received.sound_packets += 1;
        received.hear(&sound, &mut last);
    }
    Ok(())
}
