use std::time::Duration;

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, packet};

use super::CodecError;
use crate::clock::MediaTime;
use crate::frame::{AudioFrame, SAMPLE_RATE, SAMPLES_PER_CHANNEL};

/// What a decoder gives for a packet's RTP time was captured this much earlier: libopus's encoder looks ahead by 6.5 ms (RFC 7845,
/// 4.2), and RTP leaves the pre-skip of files out.
pub const OPUS_LOOKAHEAD: Duration = Duration::from_micros(6500);
/// Samples per channel of an encoded frame: 20 ms.
pub const OPUS_FRAME_SAMPLES: usize = 960;
/// The longest an Opus packet can be, 120 ms, in samples per channel.
const LONGEST: usize = 5760;
/// More than libopus ever needs for 20 ms.
const MAX_PACKET: usize = 1275;

/// How to encode sound.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OpusConfig {
    /// 1 or 2; input with another number is mixed.
    pub channels: u16,
    /// Bits per second, 6000 … 510000.
    pub bitrate_bps: u32,
    /// Each packet also carries a coarse copy of the one before it.
    pub fec: bool,
    /// Loss to prepare for, 0 … 100 %; FEC costs nothing at 0 and does nothing either.
    pub expected_loss_percent: u8,
    /// Send next to nothing while it is quiet.
    pub dtx: bool,
    /// True for music, false for speech.
    pub music: bool,
}

impl Default for OpusConfig {
    fn default() -> Self {
        Self { channels: 1, bitrate_bps: 32_000, fec: true, expected_loss_percent: 10, dtx: false, music: false }
    }
}

/// One Opus packet.
#[derive(Clone, Debug)]
pub struct EncodedAudio {
    /// The packet.
    pub data: Bytes,
    /// When its first sample was captured.
    pub capture: MediaTime,
    /// Its length in samples per channel at 48 kHz.
    pub samples: u32,
    /// Level in −dBov, 0 … 127 (RFC 6464).
    pub level: u8,
}

fn failed(doing: &'static str) -> impl Fn(opus::Error) -> CodecError {
    move |e| CodecError::Failed { codec: "Opus", doing, reason: e.description().to_owned() }
}

fn layout(channels: u16) -> Channels {
    if channels >= 2 { Channels::Stereo } else { Channels::Mono }
}

/// Encodes 10 ms frames into 20 ms packets.
pub struct OpusEncoder {
    encoder: opus::Encoder,
    channels: usize,
    pending: Vec<f32>,
    begun: MediaTime,
    /// The last packet said that nothing is to be heard.
    quiet: bool,
    buffer: [u8; MAX_PACKET],
}

impl OpusEncoder {
    /// An encoder at 48 kHz.
    ///
    /// # Errors
    /// [`CodecError::Failed`] when libopus refuses a setting.
    pub fn new(config: OpusConfig) -> Result<Self, CodecError> {
        let mode = if config.music { Application::Audio } else { Application::Voip };
        let mut encoder =
            opus::Encoder::new(SAMPLE_RATE, layout(config.channels), mode).map_err(failed("open the encoder"))?;
        encoder.set_bitrate(Bitrate::Bits(config.bitrate_bps as i32)).map_err(failed("set the bitrate"))?;
        encoder.set_inband_fec(config.fec).map_err(failed("set FEC"))?;
        encoder
            .set_packet_loss_perc(i32::from(config.expected_loss_percent.min(100)))
            .map_err(failed("set the loss"))?;
        encoder.set_dtx(config.dtx).map_err(failed("set DTX"))?;
        // 9 is libopus's own default; 7 sounds the same for speech at a third less work.
        encoder.set_complexity(7).map_err(failed("set the complexity"))?;
        Ok(Self {
            encoder,
            channels: if config.channels >= 2 { 2 } else { 1 },
            pending: Vec::with_capacity(OPUS_FRAME_SAMPLES * 2),
            begun: MediaTime(0),
            quiet: false,
            buffer: [0; MAX_PACKET],
        })
    }

    /// Changes the bitrate.
    ///
    /// # Errors
    /// When libopus refuses it.
    pub fn set_bitrate(&mut self, bps: u32) -> Result<(), CodecError> {
        self.encoder.set_bitrate(Bitrate::Bits(bps as i32)).map_err(failed("set the bitrate"))
    }

    /// Tells how much loss to prepare for, in percent.
    ///
    /// # Errors
    /// When libopus refuses it.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), CodecError> {
        self.encoder.set_packet_loss_perc(i32::from(percent.min(100))).map_err(failed("set the loss"))
    }

    /// Forgets sound that was taken and not encoded yet: what comes next does not follow it.
    pub fn restart(&mut self) {
        self.pending.clear();
    }

    /// Takes 10 ms; every second call returns a packet. While DTX is on and it is quiet, the first packet of two bytes
    /// tells the other end so and then none comes (RFC 7587, 3.1.3), but for libopus's own every 400 ms.
    ///
    /// # Errors
    /// When libopus fails; the sound taken so far is let go.
    pub fn encode(&mut self, frame: &AudioFrame) -> Result<Option<EncodedAudio>, CodecError> {
        if self.pending.is_empty() {
            self.begun = frame.capture;
        }
        mix_into(&mut self.pending, frame, self.channels);
        let whole = OPUS_FRAME_SAMPLES * self.channels;
        if self.pending.len() < whole {
            return Ok(None);
        }
        let level = AudioFrame::new(&self.pending[..whole], self.channels as u16, self.begun).level_dbov();
        let encoded = self.encoder.encode_float(&self.pending[..whole], &mut self.buffer);
        self.pending.drain(..whole);
        let size = encoded.map_err(failed("encode"))?;
        let quiet = size <= 2;
        if std::mem::replace(&mut self.quiet, quiet) && quiet {
            return Ok(None);
        }
        Ok(Some(EncodedAudio {
            data: Bytes::copy_from_slice(&self.buffer[..size]),
            capture: self.begun,
            samples: OPUS_FRAME_SAMPLES as u32,
            level,
        }))
    }
}

/// Appends `frame` with `channels` (1 or 2) channels.
fn mix_into(out: &mut Vec<f32>, frame: &AudioFrame, channels: usize) {
    let from = usize::from(frame.channels.max(1));
    let whole = frame.samples.chunks_exact(from).take(SAMPLES_PER_CHANNEL);
    match (from, channels) {
        (a, b) if a == b => {
            out.extend_from_slice(&frame.samples[..SAMPLES_PER_CHANNEL.min(frame.samples.len() / a) * a])
        }
        (_, 1) => out.extend(whole.map(|s| s.iter().sum::<f32>() / from as f32)),
        (1, _) => out.extend(whole.flat_map(|s| [s[0], s[0]])),
        _ => out.extend(whole.flat_map(|s| [s[0], s[1]])),
    }
}

/// Decodes Opus packets to 48 kHz, whatever they were encoded with.
pub struct OpusDecoder {
    decoder: opus::Decoder,
    channels: usize,
}

impl OpusDecoder {
    /// A decoder that gives `channels` (1 or 2) channels.
    ///
    /// # Errors
    /// When libopus refuses.
    pub fn new(channels: u16) -> Result<Self, CodecError> {
        let decoder = opus::Decoder::new(SAMPLE_RATE, layout(channels)).map_err(failed("open the decoder"))?;
        Ok(Self { decoder, channels: if channels >= 2 { 2 } else { 1 } })
    }

    /// Channels it gives.
    pub fn channels(&self) -> u16 {
        self.channels as u16
    }

    /// Appends the sound of a packet to `out`; returns its length in samples per channel.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when it is no Opus packet.
    pub fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        if packet.is_empty() {
            return Err(CodecError::Damaged { codec: "Opus", reason: "empty packet".to_owned() });
        }
        self.run(packet, LONGEST, false, out)
    }

    /// Appends `samples` (per channel, the length of the lost packet) of the sound lost just before `next`, from the copy that it carries.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when it is no Opus packet.
    pub fn decode_fec(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> Result<usize, CodecError> {
        self.run(next, samples, true, out)
    }

    /// Appends `samples` (per channel, a multiple of 10 ms, at most 120 ms) of what the sound might have been.
    ///
    /// # Errors
    /// When libopus fails.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) -> Result<usize, CodecError> {
        self.run(&[], samples, false, out)
    }

    fn run(&mut self, packet: &[u8], samples: usize, fec: bool, out: &mut Vec<f32>) -> Result<usize, CodecError> {
        let at = out.len();
        out.resize(at + samples.min(LONGEST) * self.channels, 0.0);
        match self.decoder.decode_float(packet, &mut out[at..], fec) {
            Ok(got) => {
                out.truncate(at + got * self.channels);
                Ok(got)
            }
            Err(e) => {
                out.truncate(at);
                Err(CodecError::Damaged { codec: "Opus", reason: e.description().to_owned() })
            }
        }
    }
}

/// Length of a packet in samples per channel at 48 kHz; `None` when it is no Opus packet.
pub(crate) fn packet_samples(packet: &[u8]) -> Option<usize> {
    packet::get_nb_samples(packet, SAMPLE_RATE).ok().filter(|n| (1..=LONGEST).contains(n))
}

/// True when a packet carries a copy of the one before it (RFC 6716, 4.2.4: the LBRR flags lead the first SILK frame).
pub fn has_fec(packet: &[u8]) -> bool {
    let Some(&toc) = packet.first() else { return false };
    if toc & 0x80 != 0 {
        return false; // CELT only
    }
    let Ok(parsed) = packet::parse(packet) else { return false };
    let (Some(frame), Ok(samples)) = (parsed.frames.first(), packet::get_samples_per_frame(packet, SAMPLE_RATE)) else {
        return false;
    };
    let Some(&lead) = frame.first() else { return false };
    let silk_frames = (samples / OPUS_FRAME_SAMPLES).max(1);
    let mid = lead >> (7 - silk_frames.min(7)) & 1;
    let side = if toc & 0x04 != 0 && silk_frames < 4 { lead >> (6 - 2 * silk_frames.min(3)) & 1 } else { 0 };
    mid | side != 0
}
