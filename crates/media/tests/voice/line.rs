//! Microphone to ear without devices and sockets: encoder, a network that loses and delays, jitter buffer. Shared with
//! the bench; time is computed.

use beckon_media::codec::{OpusConfig, OpusEncoder};
use beckon_media::jitter::{AudioPacket, JitterBuffer, JitterStats};
use beckon_media::{AudioFrame, MediaTime};
use beckon_test_sound::noise::Random;
use bytes::Bytes;

/// What lies between the two ends.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Share of packets lost, 0 … 1, each by itself.
    pub loss: f32,
    /// Of so many packets one is lost, for certain; 0 for none.
    pub lost_of: usize,
    /// Packets are late by up to this, each by itself, in ms.
    pub jitter_ms: f32,
    /// How much faster than ours the sender's clock runs, parts per million.
    pub ppm: f64,
    /// How it is encoded.
    pub opus: OpusConfig,
    /// Which packets are lost and late: another network of the same kind for each.
    pub seed: u64,
}

/// What came out.
pub struct Heard {
    /// 48 kHz mono.
    pub sound: Vec<f32>,
    /// The buffer's figures after each second.
    pub stats: Vec<JitterStats>,
    /// Packets sent, those that were lost included.
    pub packets: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Line {
    /// Sends `sound` through and listens until it is over.
    pub fn carry(&self, sound: impl Iterator<Item = [f32; 480]>) -> Heard {
        self.deliver(encode(self.opus, sound))
    }

    /// Sends one packet each 20 ms, or none, and listens until they are over.
    pub fn deliver(&self, packets: impl Iterator<Item = Option<Bytes>>) -> Heard {
        let mut buffer = JitterBuffer::new(1).unwrap();
        let mut random = Random::new(self.seed);
        let mut heard = Heard { sound: Vec::new(), stats: Vec::new(), packets: 0, bytes: 0 };
        let mut under_way: Vec<(i64, AudioPacket)> = Vec::new();
        let begun = 1_000_000_000i64;
        let mut now = begun;
        for (slot, packet) in packets.enumerate() {
            // Our clock at the end of what the sender's calls 20 ms.
            let sent_at = begun + ((slot + 1) as f64 * 20_000_000.0 / (1.0 + self.ppm * 1e-6)) as i64;
            if let Some(payload) = packet {
                let sequence = heard.packets as u16;
                heard.packets += 1;
                heard.bytes += payload.len();
                let late = random.between(0.0, self.jitter_ms.max(0.001));
                let lost = random.unit() < self.loss
                    || (self.lost_of > 0 && (heard.packets + self.lost_of / 2).is_multiple_of(self.lost_of));
                if !lost {
                    let at = sent_at + 30_000_000 + (late * 1e6) as i64;
                    let received = MediaTime(at);
                    under_way.push((at, AudioPacket { payload, sequence, rtp_time: slot as u32 * 960, received }));
                    under_way.sort_by_key(|(at, _)| -at);
                }
            }
            while now + 10_000_000 <= sent_at {
                now += 10_000_000;
                while let Some((_, packet)) = under_way.pop_if(|(at, _)| *at <= now) {
                    buffer.insert(packet);
                }
                heard.sound.extend_from_slice(&buffer.pull(MediaTime(now)).samples);
                if heard.sound.len().is_multiple_of(48_000) {
                    heard.stats.push(buffer.stats());
                }
            }
        }
        heard
    }
}

/// One packet for each 20 ms; none where the encoder has nothing to say.
pub fn encode(opus: OpusConfig, sound: impl Iterator<Item = [f32; 480]>) -> impl Iterator<Item = Option<Bytes>> {
    let mut encoder = OpusEncoder::new(opus).unwrap();
    let mut encoded = sound.map(move |frame| encoder.encode(&AudioFrame::new(frame, 1, MediaTime(0))).unwrap());
    std::iter::from_fn(move || {
        // Two times 10 ms make a packet: the first never gives one.
        encoded.next()?;
        Some(encoded.next()?.map(|packet| packet.data))
    })
}
