//! Card and tone through encoders, an unsteady network, jitter buffer, decoder and playout, with the clock moved by hand:
//! flash and beep must come out together.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use beckon_media::clock::media_time_of_unix;
use beckon_media::codec::{
    EncoderChoice, EncoderConfig, OPUS_LOOKAHEAD, OpusConfig, OpusEncoder, VideoCodec, VideoDecoder, VideoEncoder,
};
use beckon_media::jitter::{AudioPacket, JitterBuffer};
use beckon_media::playout::{Playout, RtpMap, SoundWait};
use beckon_media::testcard::{BeepDetector, FlashDetector, TestCard, tone_frame};

/// What waits in the sound card.
const CARD: Duration = Duration::from_millis(20);
/// How long a picture waits for a screen of 60 Hz, on average.
const SCREEN: Duration = Duration::from_millis(8);

struct Random(u32);

impl Random {
    fn ms_below(&mut self, n: u32) -> Duration {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Duration::from_millis((u64::from(self.0) * u64::from(n)) >> 32)
    }
}

/// Offsets of beep against flash in milliseconds, second for second: positive when sound is late.
/// Sound takes 20 ms and up to `audio` more, pictures `video` ms.
fn offsets(audio: u32, video: u64, seconds: i64) -> Vec<i64> {
    // Any whole second will do; a fixed one makes the run repeatable.
    let start = media_time_of_unix(1_790_000_000_000_000);
    let mut random = Random(5);
    let mut encoder = OpusEncoder::new(OpusConfig::default()).unwrap();
    let mut arrivals = Vec::new();
    for n in 0..seconds * 100 {
        let frame = tone_frame(start + Duration::from_millis(10) * n as u32);
        if let Some(packet) = encoder.encode(&frame).unwrap() {
            let received = packet.capture + Duration::from_millis(40) + random.ms_below(audio);
            let rtp_time = (n as u32 - 1) * 480;
            arrivals.push(AudioPacket { payload: packet.data, sequence: (n / 2) as u16, rtp_time, received });
        }
    }
    arrivals.sort_by_key(|packet| packet.received);
    let mut arrivals = arrivals.into_iter().peekable();

    let config = EncoderConfig { encoder: EncoderChoice::Software, ..EncoderConfig::new(320, 180, 400_000) };
    let (mut encoder, mut decoder) = (VideoEncoder::new(config).unwrap(), VideoDecoder::new(VideoCodec::H264).unwrap());
    let card = TestCard::new(320, 180);
    let (mut flashes, mut beeps) = (FlashDetector::new(), BeepDetector::new());
    let (mut seen, mut heard) = (Vec::new(), Vec::new());
    let (mut buffer, mut playout, mut map) = (JitterBuffer::new(1).unwrap(), Playout::new(), RtpMap::new(48_000));
    // The sender's clock is a day behind ours.
    let day = Duration::from_secs(86_400);
    map.anchor(0, start - day);

    let mut pictures = 0u32;
    let mut wait = SoundWait::default();
    for tick in 0..seconds * 100 {
        let now = start + Duration::from_millis(10) * tick as u32 + Duration::from_millis(3);
        while let Some(packet) = arrivals.next_if(|packet| packet.received <= now) {
            buffer.insert(packet);
        }
        let sound = buffer.pull(now);
        if let Some(position) = buffer.position() {
            playout.sound_heard(map.capture_of(position.rtp_time).unwrap(), position.at + CARD + OPUS_LOOKAHEAD);
        }
        heard.extend(beeps.listen(&sound, now + CARD));
        loop {
            let capture = start + Duration::from_nanos(33_333_334) * pictures;
            let ready = capture + Duration::from_millis(video);
            if ready > now {
                break;
            }
            let encoded = encoder.encode(&card.draw(pictures, capture), false).unwrap().remove(0);
            let picture = decoder.decode(&encoded.data, capture).unwrap().unwrap();
            let shown = playout.picture_ready(Some(capture - day), ready);
            seen.extend(flashes.look(&picture, shown + SCREEN));
            pictures += 1;
        }
        playout.sound_waits(buffer.stats().for_packets);
        if tick % 20 == 0
            && let Some(waits) = wait.look(playout.sound_should_wait_ns(now), buffer.stats().delay)
        {
            buffer.set_minimum_delay(waits);
        }
    }
    seen.iter()
        .filter_map(|flash| {
            let nearest = heard.iter().map(|beep| beep.nanos_since(*flash)).min_by_key(|offset| offset.abs())?;
            Some(nearest / 1_000_000)
        })
        .collect()
}

#[test]
fn flash_and_beep_come_out_together() {
    // A steady network, unsteady sound, slow pictures.
    for (audio, video) in [(1, 30), (60, 40), (1, 200)] {
        let offsets = offsets(audio, video, 14);
        println!("sound up to {audio} ms unsteady, pictures {video} ms: offsets {offsets:?} ms");
        assert!(offsets.len() >= 11, "{offsets:?}");
        // The buffer needs some seconds to learn the network and to reach the pace of slow pictures.
        let settled = &offsets[6..];
        assert!(
            settled.iter().all(|offset| (-40..=40).contains(offset)),
            "sound up to {audio} ms unsteady, pictures {video} ms: {offsets:?}"
        );
    }
}
