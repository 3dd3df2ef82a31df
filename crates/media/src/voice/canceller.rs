//! Takes the loudspeaker's echo out of the microphone's sound.

use sonora::high_pass_filter::HighPassFilter;
use sonora::three_band_filter_bank::{NUM_BANDS, SPLIT_BAND_SIZE, ThreeBandFilterBank};
use sonora_aec3::block::Block;
use sonora_aec3::block_framer::BlockFramer;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::common::BLOCK_SIZE;
use sonora_aec3::config::EchoCanceller3Config;
use sonora_aec3::frame_blocker::FrameBlocker;

use super::far_end::{Mono, Stereo};
use super::misfit::Misfit;
use crate::frame::{SAMPLE_RATE, SAMPLES_PER_CHANNEL};

/// The canceller counts in 16-bit samples.
const FULL_SCALE: f32 = 32_768.0;
/// Samples beyond this were cut off by the microphone.
const CUT_OFF: f32 = 32_700.0;
/// What is handed to the canceller at a time, in samples of a band: half of 10 ms.
const SUB_FRAME: usize = SPLIT_BAND_SIZE / 2;
/// What reverberation keeps of its power from one block of 4 ms to the next, and while somebody speaks here.
const DECAY: f32 = 0.5;
const DECAY_NEAR: f32 = 0.3;

/// By which factor of power what was suppressed may come back from one block to the next, and while somebody speaks here.
const RETURN: f32 = 4.0;
const RETURN_NEAR: f32 = 8.0;
/// The filter's length in blocks.
const LENGTH: usize = 20;
/// By so much more the filter is taken to be off with each block in which the quick second one is better.
const LEAKAGE_DIVERGED: f32 = 0.2;
/// While the filter does not fit, what comes out is turned down to this amplitude, by 25 dB: an echo of −20 dBFS is no louder
/// than a distant voice then.
const DOUBTED: f32 = 0.056;
/// And for so many blocks of 4 ms after it.
const HELD: u32 = 10;

/// One end's sound on its way into the canceller: each channel split into bands, cut into its blocks.
struct Intake {
    split: Vec<ThreeBandFilterBank>,
    blocks: FrameBlocker,
    block: Block,
}

impl Intake {
    fn new(channels: usize) -> Self {
        Self {
            split: (0..channels).map(|_| ThreeBandFilterBank::new()).collect(),
            blocks: FrameBlocker::new(NUM_BANDS, channels),
            block: Block::new(NUM_BANDS, channels),
        }
    }

    /// Hands 10 ms of sound, one for each channel, to `take`, block by block, each with the number of the sub-frame that it
    /// completes.
    fn put(&mut self, sound: &[&Mono], mut take: impl FnMut(&mut Block, Option<usize>)) {
        let mut bands = [[[0.0; SPLIT_BAND_SIZE]; NUM_BANDS]; 2];
        for ((split, bands), sound) in self.split.iter_mut().zip(&mut bands).zip(sound) {
            split.analysis(&sound.map(|s| s * FULL_SCALE), bands);
        }
        let bands = &bands[..sound.len()];
        for half in 0..2 {
            let part: [_; NUM_BANDS] = std::array::from_fn(|band| {
                bands.iter().map(|channel| &channel[band][half * SUB_FRAME..][..SUB_FRAME]).collect()
            });
            self.blocks.insert_sub_frame_and_extract_block(&part, &mut self.block);
            take(&mut self.block, Some(half));
        }
        if self.blocks.is_block_available() {
            self.blocks.extract_block(&mut self.block);
            take(&mut self.block, None);
        }
    }
}

/// WebRTC's echo canceller 3 with a configuration of ours, for one microphone and one or two sounds that are played.
pub(super) struct EchoCanceller {
    wide: bool,
    high_pass: HighPassFilter,
    near: Intake,
    far: Intake,
    processor: BlockProcessor,
    framer: BlockFramer,
    part: Vec<Vec<Vec<f32>>>,
    join: ThreeBandFilterBank,
    /// What the filter alone leaves of a block, below 8 kHz.
    linear: Block,
    misfit: Misfit,
    /// Whether anything was played so far: the filter does nothing before.
    played: bool,
    /// Blocks in which what comes out is turned down, and how far it is at the moment.
    doubted: u32,
    gain: f32,
}

/// What differs from WebRTC's own configuration, each by what it measured in the simulated room
/// (`cargo xtask bench sound`).
fn config() -> EchoCanceller3Config {
    let mut config = EchoCanceller3Config::default();
    // The search for what comes before the loudest echo finds too much in music: the filter begins in the wrong place, and
    // takes away 8 dB instead of 20. The rest is left to the suppressor, which takes the near voice with it.
    config.delay.detect_pre_echo = false;
    // The quick second filter follows the near voice; what it makes of it is worse than what the first one does.
    config.filter.enable_coarse_filter_output_usage = false;
    // How quickly what was suppressed may come back. With WebRTC's factor of two a block, a near voice that falls into the far
    // end's music is heard some 50 ms after it began, and every syllable again: that was the most of what it lost.
    config.suppressor.normal_tuning.max_inc_factor = RETURN;
    config.suppressor.nearend_tuning.max_inc_factor = RETURN_NEAR;
    // A filter of 80 ms instead of 52: a furnished room is some 35 dB down by then instead of 24. What it does not reach
    // is heard of steady noise, which leaves the suppressor no pause to tell it from the room's own.
    config.filter.refined.length_blocks = LENGTH;
    config.filter.coarse.length_blocks = LENGTH;
    // It learns anew more quickly when the quick one turns out the better.
    config.filter.refined.leakage_diverged = LEAKAGE_DIVERGED;
    // Reverberation as of a furnished room. Of a hall, music's would cover the near voice all the time.
    config.ep_strength.default_len = DECAY;
    config.ep_strength.nearend_len = DECAY_NEAR;
    config
}

impl EchoCanceller {
    /// For what is played in the middle; with `wide`, for the side too.
    pub(super) fn new(wide: bool) -> Self {
        let played = if wide { 2 } else { 1 };
        Self {
            wide,
            high_pass: HighPassFilter::new(SAMPLE_RATE as i32, 1),
            near: Intake::new(1),
            far: Intake::new(played),
            processor: BlockProcessor::new(&config(), SAMPLE_RATE as usize, played, 1),
            framer: BlockFramer::new(NUM_BANDS, 1),
            part: vec![vec![vec![0.0; SUB_FRAME]]; NUM_BANDS],
            join: ThreeBandFilterBank::new(),
            linear: Block::new(1, 1),
            misfit: Misfit::default(),
            played: false,
            doubted: 0,
            gain: 1.0,
        }
    }

    pub(super) fn is_wide(&self) -> bool {
        self.wide
    }

    /// Takes 10 ms of what the loudspeakers play.
    pub(super) fn play(&mut self, played: &Stereo) {
        let Self { wide, far, processor, played: begun, .. } = self;
        *begun = true;
        let channels = [&played.middle, &played.side];
        far.put(if *wide { &channels } else { &channels[..1] }, |block, _| processor.buffer_render(block));
    }

    /// Takes the echo out of 10 ms of the microphone's sound; with `high_pass`, what is below 80 Hz too.
    pub(super) fn cancel(&mut self, near: &mut Mono, high_pass: bool) {
        let cut_off = near.iter().any(|s| (s * FULL_SCALE).abs() >= CUT_OFF);
        if high_pass {
            let mut filtered = [near.to_vec()];
            self.high_pass.process_channels(&mut filtered);
            near.copy_from_slice(&filtered[0]);
        }
        let mut bands = [[0.0; SPLIT_BAND_SIZE]; NUM_BANDS];
        let Self { processor, framer, part, linear, misfit, played, doubted, .. } = self;
        self.near.put(&[&*near], |block, half| {
            let mut heard = [0.0; BLOCK_SIZE];
            heard.copy_from_slice(block.view(0, 0));
            processor.process_capture(false, cut_off, Some(linear), block);
            let doubt = *played && misfit.hear(&heard, linear.view(0, 0));
            *doubted = if doubt { HELD } else { doubted.saturating_sub(1) };
            let Some(half) = half else { return framer.insert_block(block) };
            framer.insert_block_and_extract_sub_frame(block, part);
            for (band, part) in bands.iter_mut().zip(part.iter()) {
                band[half * SUB_FRAME..][..SUB_FRAME].copy_from_slice(&part[0]);
            }
        });
        self.join.synthesis(&bands, near);
        let (from, to) = (self.gain, if self.doubted > 0 { DOUBTED } else { 1.0 });
        self.gain = to;
        for (n, s) in near.iter_mut().enumerate() {
            *s *= (from + (to - from) * n as f32 / SAMPLES_PER_CHANNEL as f32) / FULL_SCALE;
        }
    }
}
