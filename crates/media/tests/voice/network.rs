use beckon_media::codec::OpusConfig;
use beckon_test_sound::{RATE, noise::fan, speech::speech, stoi::stoi_in_parts};

use crate::line::{Heard, Line, encode};

const CLEAN: Line = Line {
    loss: 0.0,
    lost_of: 0,
    jitter_ms: 0.0,
    ppm: 0.0,
    seed: 42,
    opus: OpusConfig {
        channels: 1,
        bitrate_bps: 32_000,
        fec: true,
        expected_loss_percent: 10,
        dtx: false,
        music: false,
    },
};

fn frames(sound: &[f32]) -> impl Iterator<Item = [f32; 480]> {
    sound.as_chunks::<480>().0.iter().copied()
}

fn clarity(spoken: &[f32], heard: &Heard) -> f64 {
    stoi_in_parts(spoken, &heard.sound).unwrap()
}

#[test]
fn at_ten_percent_loss_speech_stays_nearly_as_clear() {
    let spoken = speech(11, 20 * RATE);
    let clean = CLEAN.carry(frames(&spoken));
    let opus = OpusConfig { expected_loss_percent: 15, ..CLEAN.opus };
    let lossy = Line { loss: 0.1, opus, ..CLEAN }.carry(frames(&spoken));
    let without = Line { loss: 0.1, opus: OpusConfig { fec: false, ..opus }, ..CLEAN }.carry(frames(&spoken));
    let (best, got, bare) = (clarity(&spoken, &clean), clarity(&spoken, &lossy), clarity(&spoken, &without));
    assert!(best > 0.9, "clean: STOI {best:.3}");
    assert!(got > best - 0.04, "STOI {best:.3} became {got:.3}");
    assert!(got > bare, "FEC gains nothing: {got:.3}, without {bare:.3}");
    assert!(lossy.stats.last().unwrap().fec > 0);
}

#[test]
fn two_hundred_milliseconds_of_jitter_leave_no_gap_after_the_first_two_seconds() {
    let spoken = speech(12, 30 * RATE);
    let packets: Vec<_> = encode(CLEAN.opus, frames(&spoken)).collect();
    for seed in 1..=6 {
        let heard = Line { jitter_ms: 200.0, seed, ..CLEAN }.deliver(packets.iter().cloned());
        let made_up: Vec<u64> = heard.stats.iter().map(|stats| stats.concealed / 48).collect();
        // The first packets teach the buffer what the network is like.
        assert!(made_up[1] <= 150, "network {seed}: {} ms of the first two seconds made up", made_up[1]);
        assert_eq!(made_up[1..], [made_up[1]; 29], "network {seed}: ms made up, second by second");
        if seed == 1 {
            let clarity = clarity(&spoken, &heard);
            assert!(clarity > 0.9, "STOI {clarity:.3}");
        }
    }
}

#[test]
fn where_few_packets_are_lost_most_come_back_by_fec_and_a_loss_a_minute_costs_no_delay() {
    let packets: Vec<_> = encode(CLEAN.opus, frames(&speech(11, 60 * RATE))).collect();
    let of = |line: Line| {
        let heard = line.deliver(packets.iter().cloned());
        let waits =
            heard.stats.iter().map(|stats| stats.delay.as_secs_f64() * 1e3).sum::<f64>() / heard.stats.len() as f64;
        let end = heard.stats.last().unwrap();
        (end.concealed / 48, end.fec / 48, waits)
    };
    for loss in [0.01, 0.02] {
        for seed in 1..=2 {
            let (made_up, back, waits) = of(Line { loss, seed, ..CLEAN });
            println!("{loss} lost, network {seed}: {made_up} ms made up, {back} ms brought back, waits {waits:.1} ms");
            assert!(back > made_up, "{loss} lost, network {seed}: {made_up} ms made up, {back} ms brought back");
            assert!(waits < 45.0, "{loss} lost, network {seed}: waits {waits:.1} ms");
        }
    }
    let (_, _, steady) = of(CLEAN);
    let (_, _, once) = of(Line { lost_of: 3000, ..CLEAN });
    println!("a loss a minute: waits {once:.1} ms, without {steady:.1} ms");
    assert!(once < steady + 2.0, "a loss a minute: waits {once:.1} ms, without {steady:.1} ms");
}

#[test]
fn silence_costs_next_to_nothing_and_sounds_like_silence() {
    let mut spoken = speech(13, 4 * RATE);
    spoken.extend(fan(1, 6 * RATE).iter().map(|v| v * 0.002));
    spoken.extend(speech(14, 4 * RATE));
    let opus = OpusConfig { dtx: true, ..CLEAN.opus };
    let (with, without) = (Line { opus, ..CLEAN }.carry(frames(&spoken)), CLEAN.carry(frames(&spoken)));
    assert!(with.packets + 200 < without.packets, "{} packets, {} without DTX", with.packets, without.packets);
    assert!(with.bytes < without.bytes);
    assert_eq!(with.stats.last().unwrap().concealed, 0, "a sender that is silent loses nothing");
    let second = |heard: &Heard| {
        clarity(&spoken[10 * RATE..], &Heard { sound: heard.sound[10 * RATE..].to_vec(), stats: Vec::new(), ..*heard })
    };
    assert!((second(&with) - second(&without)).abs() < 0.05, "{} {}", second(&with), second(&without));
}

#[test]
fn device_clocks_that_drift_neither_empty_nor_fill_the_buffer_in_ten_minutes() {
    let packets: Vec<_> = encode(CLEAN.opus, frames(&speech(15, 20 * RATE))).collect();
    for ppm in [100.0, -100.0] {
        let ten_minutes = packets.iter().cloned().cycle().take(30_000);
        let heard = Line { ppm, ..CLEAN }.deliver(ten_minutes);
        assert_eq!(heard.stats.last().unwrap().discarded, 0);
        for (second, stats) in heard.stats.iter().enumerate().skip(5) {
            let delay = stats.delay.as_millis();
            assert!((10..=70).contains(&delay), "{ppm} ppm: {delay} ms after {second} s");
            assert_eq!(stats.concealed, 0, "{ppm} ppm: a gap after {second} s");
        }
        // 100 ppm of ten minutes are 60 ms: that much is left out or put in, no more.
        let end = heard.stats.last().unwrap();
        let moved = (end.accelerated + end.expanded) / 48;
        assert!((20..=150).contains(&moved), "{ppm} ppm: {moved} ms");
    }
}
