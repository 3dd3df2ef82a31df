#![allow(clippy::unwrap_used)]

use super::*;
use crate::codec::{OpusConfig, OpusEncoder};
use crate::playout::Playout;

/// A voice-like sound of `packets` × 20 ms, encoded.
fn encoded(packets: usize) -> Vec<Bytes> {
    let mut encoder = OpusEncoder::new(OpusConfig { expected_loss_percent: 15, ..Default::default() }).unwrap();
    let mut out = Vec::new();
    for n in 0..packets * 2 {
        let samples: Vec<f32> = (0..480)
            .map(|i| {
                let t = (n * 480 + i) as f32 / 48_000.0;
                let wave = |hz: f32| (t * hz * std::f32::consts::TAU).sin();
                // Syllables, so that the encoder takes it for a voice: only then it sends FEC.
                wave(180.0).powi(3) * 0.3 * (1.0 + wave(4.0))
            })
            .collect();
        out.extend(encoder.encode(&AudioFrame::new(samples, 1, MediaTime(0))).unwrap().map(|p| p.data));
    }
    out
}

struct Random(u32);

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(self.0) * u64::from(n)) >> 32) as u32
    }
}

/// Sends each packet on its 20 ms, with a delay in ms or not at all, and pulls every 10 ms; returns all sound heard.
struct Line {
    buffer: JitterBuffer,
    first_rtp: u32,
    first_sequence: u16,
    /// Pulls come this many at a time.
    burst: usize,
    /// The sender's 20 ms in nanoseconds of our clock.
    period_ns: i64,
    /// Every other packet begins so many samples late.
    off: u32,
}

impl Line {
    fn new() -> Self {
        Self {
            buffer: JitterBuffer::new(1).unwrap(),
            first_rtp: 1000,
            first_sequence: 10,
            burst: 1,
            period_ns: 20_000_000,
            off: 0,
        }
    }

    fn run(&mut self, packets: &[Bytes], mut delay: impl FnMut(usize) -> Option<u32>) -> Vec<f32> {
        let start = 5_000_000_000;
        let mut arrivals: Vec<(i64, usize)> = (0..packets.len())
            .filter_map(|n| delay(n).map(|ms| (start + n as i64 * self.period_ns + i64::from(ms) * MS, n)))
            .collect();
        arrivals.sort();
        let mut arrivals = arrivals.into_iter().peekable();
        let mut heard = Vec::new();
        let end = start + packets.len() as i64 * self.period_ns;
        let mut now = start + 3 * MS;
        while now < end {
            while let Some((at, n)) = arrivals.next_if(|(at, _)| *at <= now) {
                self.buffer.insert(AudioPacket {
                    payload: packets[n].clone(),
                    sequence: self.first_sequence.wrapping_add(n as u16),
                    rtp_time: self.first_rtp.wrapping_add(n as u32 * 960 + n as u32 % 2 * self.off),
                    received: MediaTime(at),
                });
            }
            for _ in 0..self.burst {
                heard.extend_from_slice(&self.buffer.pull(MediaTime(now)).samples);
            }
            now += 10 * MS * self.burst as i64;
        }
        heard
    }
}

/// The steepest step from sample to sample; this sound's own is about 0.02.
fn steepest(sound: &[f32]) -> f32 {
    sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

/// How many packets carry FEC; the tests of it make no sense without.
fn carrying(packets: &[Bytes]) -> usize {
    packets.iter().filter(|p| has_fec(p)).count()
}

fn ms(samples: u64) -> u64 {
    samples / 48
}

#[test]
fn a_steady_network_gives_unbroken_sound_with_little_delay() {
    for burst in [1, 2] {
        let mut line = Line { burst, ..Line::new() };
        let heard = line.run(&encoded(500), |_| Some(30));
        let stats = line.buffer.stats();
        println!("steady network, pulled {burst} at a time: {stats:?}");
        assert_eq!((stats.concealed, stats.discarded, stats.fec), (0, 0, 0), "{stats:?}");
        assert!(stats.delay <= Duration::from_millis(35), "{stats:?}");
        assert!(steepest(&heard) < 0.05, "{}", steepest(&heard));
    }
}

#[test]
fn a_sender_that_is_a_sample_off_is_played_as_any_other() {
    let packets = encoded(500);
    let stretched = |off| {
        let mut line = Line { burst: 2, off, ..Line::new() };
        let mut random = Random(3);
        line.run(&packets, |_| Some(30 + random.below(15)));
        let stats = line.buffer.stats();
        assert_eq!(stats.concealed, 0, "{stats:?}");
        stats.accelerated + stats.expanded
    };
    let (exact, off) = (stretched(0), stretched(1));
    assert!(off <= exact + 480, "{} ms, {} ms otherwise", ms(off), ms(exact));
}

#[test]
fn an_unsteady_network_is_waited_for() {
    let mut random = Random(1);
    let mut line = Line::new();
    let packets = encoded(2000);
    let heard = line.run(&packets, |_| Some(30 + random.below(60)));
    let stats = line.buffer.stats();
    assert!((55..=90).contains(&stats.target.as_millis()), "{stats:?}");
    assert!((50..=110).contains(&stats.delay.as_millis()), "{stats:?}");
    assert!(stats.concealed * 50 < stats.played, "more than 2 % made up: {stats:?}");
    assert!(steepest(&heard) < 0.15, "{}", steepest(&heard));
}

#[test]
fn jitter_of_200_ms_leaves_no_gaps_once_it_is_known() {
    let packets = encoded(500);
    for seed in 1..=20 {
        let mut random = Random(seed * 77);
        let late: Vec<u32> = packets.iter().map(|_| 30 + random.below(200)).collect();
        let of = |packets: &[Bytes]| {
            let mut line = Line::new();
            line.run(packets, |n| Some(late[n]));
            line.buffer.stats().concealed
        };
        let (first, all) = (of(&packets[..100]), of(&packets));
        println!("{seed}: {} ms made up in the first two seconds, {} ms in eight more", ms(first), ms(all - first));
        assert!(ms(first) <= 200, "{seed}: {} ms made up in the first two seconds", ms(first));
        assert_eq!(all, first, "{seed}: {} ms made up after the first two seconds", ms(all - first));
    }
}

#[test]
fn the_delay_shrinks_again_when_the_network_calms_down() {
    let mut random = Random(2);
    let mut line = Line::new();
    let packets = encoded(4000);
    line.run(&packets, |n| Some(30 + if n < 1000 { random.below(100) } else { 0 }));
    let stats = line.buffer.stats();
    assert!(stats.delay <= Duration::from_millis(60), "{stats:?}");
    assert!(stats.accelerated > 0);
}

#[test]
fn lost_packets_come_back_by_fec_or_are_concealed() {
    let mut random = Random(3);
    let mut line = Line::new();
    let packets = encoded(2000);
    assert!(carrying(&packets) > 1500, "{}", carrying(&packets));
    let kept: Vec<bool> = packets.iter().map(|_| random.below(100) >= 8).collect();
    let lost = kept.iter().filter(|kept| !**kept).count() as u64;
    let heard = line.run(&packets, |n| kept[n].then_some(30));
    let stats = line.buffer.stats();
    let made_good = ms(stats.fec) + ms(stats.concealed);
    assert!((lost * 18..=lost * 24).contains(&made_good), "{lost} lost, {stats:?}");
    assert!(stats.fec > stats.concealed * 2, "{stats:?}");
    assert!(stats.delay <= Duration::from_millis(80), "{stats:?}");
    // No rougher than libopus itself makes it with the same packets lost and all others at hand.
    let mut decoder = OpusDecoder::new(1).unwrap();
    let mut plain = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        let next = packets.get(n + 1).filter(|next| kept[n + 1] && has_fec(next));
        match (kept[n], next) {
            (true, _) => decoder.decode(packet, &mut plain),
            (false, Some(next)) => decoder.decode_fec(next, 960, &mut plain),
            (false, None) => decoder.conceal(960, &mut plain),
        }
        .unwrap();
    }
    assert!(steepest(&heard) <= steepest(&plain) * 1.1, "{} {}", steepest(&heard), steepest(&plain));
}

#[test]
fn after_a_first_loss_the_next_ones_come_back_by_fec() {
    let packets = encoded(1000);
    // One packet in a hundred, each where the next one carries a copy of it.
    let lost: Vec<usize> = (1..10).filter_map(|n| (n * 100..n * 100 + 50).find(|n| has_fec(&packets[n + 1]))).collect();
    assert_eq!(lost.len(), 9);
    let mut line = Line::new();
    line.run(&packets, |n| (!lost.contains(&n)).then_some(30));
    let stats = line.buffer.stats();
    println!("{} ms made up, {} ms brought back", ms(stats.concealed), ms(stats.fec));
    assert!(ms(stats.concealed) <= 20, "{stats:?}");
    assert_eq!(ms(stats.concealed + stats.fec), 180, "{stats:?}");
    assert!(stats.delay <= Duration::from_millis(60), "{stats:?}");
}

#[test]
fn a_single_loss_is_forgotten_after_three_seconds() {
    let packets = encoded(500);
    let target = |seconds: usize| {
        let mut line = Line::new();
        line.run(&packets[..100 + seconds * 50], |n| (n != 100).then_some(30));
        line.buffer.stats().target
    };
    assert_eq!(target(1), Duration::from_millis(40));
    assert_eq!(target(4), Duration::from_millis(20));
}

#[test]
fn what_is_late_is_no_loss() {
    let packets = encoded(500);
    let mut line = Line::new();
    // Every two seconds one packet comes after its turn.
    line.run(&packets, |n| Some(if n % 100 == 50 { 130 } else { 30 }));
    let stats = line.buffer.stats();
    assert!(stats.discarded > 0, "{stats:?}");
    assert_eq!(stats.target, Duration::from_millis(20), "{stats:?}");
}

#[test]
fn a_sender_with_another_clock_is_followed() {
    for (period_ns, faster) in [(19_990_000, true), (20_010_000, false)] {
        let mut line = Line { period_ns, ..Line::new() };
        line.run(&encoded(6000), |_| Some(30));
        let stats = line.buffer.stats();
        assert!(stats.delay <= Duration::from_millis(60), "{stats:?}");
        // 500 ppm in two minutes: 60 ms.
        let moved = if faster { stats.accelerated } else { stats.expanded + stats.concealed };
        assert!((30..=120).contains(&ms(moved)), "{stats:?}");
    }
}

#[test]
fn after_an_outage_what_was_late_is_heard_and_the_delay_is_caught_up() {
    let mut line = Line::new();
    // Everything sent between 4.0 and 4.4 s arrives at once at 4.4 s.
    line.run(&encoded(1000), |n| Some(30 + if (200..220).contains(&n) { (220 - n as u32) * 20 } else { 0 }));
    let stats = line.buffer.stats();
    assert_eq!(stats.discarded, 0, "{stats:?}");
    assert!((300..=420).contains(&ms(stats.concealed)), "{stats:?}");
    assert!(ms(stats.accelerated) > 250, "{stats:?}");
    assert!(stats.delay <= Duration::from_millis(80), "{stats:?}");
}

#[test]
fn packets_out_of_order_and_twice_do_no_harm() {
    let mut line = Line::new();
    let packets = encoded(300);
    let heard = line.run(&packets, |n| Some(30 + if n % 5 == 0 { 21 } else { 0 }));
    let stats = line.buffer.stats();
    assert!(ms(stats.concealed) <= 20, "{stats:?}");
    assert!(steepest(&heard) < 0.15);
    let before = line.buffer.stats().discarded;
    for _ in 0..2 {
        line.buffer.insert(AudioPacket {
            payload: packets[0].clone(),
            sequence: 9000,
            rtp_time: 1000 + 302 * 960,
            received: MediaTime(12_000_000_000),
        });
    }
    assert_eq!(line.buffer.stats().discarded, before + 1);
}

#[test]
fn a_pause_of_the_sender_is_no_loss() {
    let mut line = Line::new();
    let packets = encoded(600);
    // Nothing is sent for six seconds; the numbers go on where they were (the clock goes on too).
    line.run(&packets[..250], |_| Some(30));
    let before = line.buffer.stats();
    let mut now = MediaTime(5_000_000_000 + 250 * 20 * MS);
    for _ in 0..600 {
        line.buffer.pull(now);
        now += Duration::from_millis(10);
    }
    let silent = line.buffer.pull(now);
    assert_eq!(silent.rms(), 0.0);
    assert_eq!(line.buffer.position(), None);
    for (n, payload) in packets[250..].iter().enumerate() {
        line.buffer.insert(AudioPacket {
            payload: payload.clone(),
            sequence: 10 + 250 + n as u16,
            rtp_time: 1000 + (250 + 300 + n as u32) * 960,
            received: now,
        });
        line.buffer.pull(now);
        line.buffer.pull(now + Duration::from_millis(10));
        now += Duration::from_millis(20);
    }
    let stats = line.buffer.stats();
    // The first second of the pause cannot be told from an outage.
    assert!(ms(stats.concealed - before.concealed) <= 1020, "{stats:?}");
    assert!(stats.delay <= Duration::from_millis(60), "{stats:?}");
    assert!(line.buffer.position().is_some());
}

#[test]
fn a_sender_that_says_it_pauses_is_played_to_its_end_and_loses_nothing() {
    let mut line = Line::new();
    let packets = encoded(200);
    let heard = line.run(&packets[..100], |_| Some(30));
    line.buffer.set_paused(true);
    let mut now = MediaTime(5_000_000_000 + 100 * 20 * MS);
    let mut end = heard[heard.len() - 480..].to_vec();
    for _ in 0..50 {
        end.extend_from_slice(&line.buffer.pull(now).samples);
        now += Duration::from_millis(10);
    }
    assert!(steepest(&end) < 0.05, "no click: {}", steepest(&end));
    assert!(end.iter().skip(480 * 10).all(|sample| *sample == 0.0));
    line.buffer.set_paused(false);
    let mut loudest = 0.0f32;
    for (n, payload) in packets[100..].iter().enumerate() {
        line.buffer.insert(AudioPacket {
            payload: payload.clone(),
            sequence: 110 + n as u16,
            rtp_time: 1000 + (125 + n as u32) * 960,
            received: now,
        });
        for _ in 0..2 {
            loudest = loudest.max(line.buffer.pull(now).rms());
            now += Duration::from_millis(10);
        }
    }
    assert_eq!(line.buffer.stats().concealed, 0);
    assert!(loudest > 0.05);
}

#[test]
fn numbers_may_wrap_around() {
    let mut line = Line { first_rtp: u32::MAX - 100 * 960 - 5, first_sequence: u16::MAX - 50, ..Line::new() };
    let heard = line.run(&encoded(300), |_| Some(30));
    let stats = line.buffer.stats();
    assert_eq!((stats.concealed, stats.discarded), (0, 0), "{stats:?}");
    assert!(steepest(&heard) < 0.05);
}

#[test]
fn the_play_position_follows_rtp_time() {
    let mut line = Line::new();
    line.run(&encoded(300), |_| Some(30));
    let position = line.buffer.position().unwrap();
    let behind = (position.at.0 - 5_000_000_000) - i64::from(position.rtp_time - 1000) * 1_000_000 / 48;
    let delay = line.buffer.stats().delay.as_nanos() as i64 + 30 * MS;
    assert!((behind - delay).abs() < 3 * MS, "{behind} {delay}");
}

/// What somebody says for two seconds, followed by four of near silence, of which next to nothing is sent: number and packet.
fn said_and_quiet() -> Vec<(u32, Bytes)> {
    let mut encoder = OpusEncoder::new(OpusConfig { dtx: true, ..Default::default() }).unwrap();
    let mut noise = Random(7);
    let mut out = Vec::new();
    for n in 0..600 {
        let loudness = if n < 200 { 0.3 } else { 0.0002 };
        let samples = (0..480).map(|i| {
            let t = (n * 480 + i) as f32 / 48_000.0;
            let wave = |hz: f32| (t * hz * std::f32::consts::TAU).sin();
            loudness * wave(180.0).powi(3) * (1.0 + wave(4.0)) / 2.0 + (noise.below(2_000) as f32 - 1_000.0) * 1e-7
        });
        let frame = AudioFrame::new(samples.collect::<Vec<f32>>(), 1, MediaTime(0));
        out.extend(encoder.encode(&frame).unwrap().map(|packet| (n as u32 / 2, packet.data)));
    }
    out
}

#[test]
fn pictures_of_somebody_quiet_keep_their_pace() {
    let (mut buffer, mut playout) = (JitterBuffer::new(1).unwrap(), Playout::new());
    let packets = said_and_quiet();
    assert!(packets.len() < 150, "{} packets: it never fell silent", packets.len());
    let (start, mut shown) = (5_000_000_000, Vec::new());
    let mut packets = packets.into_iter().zip(10u16..).peekable();
    for tick in 0..600 {
        let now = MediaTime(start + tick * 10 * MS);
        while let Some(((n, payload), sequence)) =
            packets.next_if(|((n, _), _)| start + (i64::from(*n) * 20 + 50) * MS <= now.0)
        {
            buffer.insert(AudioPacket { payload, sequence, rtp_time: n * 960, received: now });
        }
        buffer.pull(now);
        if let Some(position) = buffer.position().filter(|_| !buffer.stands_still()) {
            playout.sound_heard(MediaTime(start + i64::from(position.rtp_time) * 1_000_000 / 48), now);
        }
        // A picture every 30 ms, which takes 40 to come.
        if tick % 3 == 0 && tick > 100 {
            let captured = MediaTime(now.0 - 40 * MS);
            shown.push(playout.picture_ready(Some(captured), now).nanos_since(captured) / MS);
        }
    }
    let (least, most) = (shown.iter().min().unwrap(), shown.iter().max().unwrap());
    assert!(most - least <= 20, "shown {least} to {most} ms after they were taken: {shown:?}");
}

#[test]
fn sound_waits_for_pictures_when_asked_to() {
    let mut line = Line::new();
    line.buffer.set_minimum_delay(Duration::from_millis(150));
    let heard = line.run(&encoded(500), |_| Some(30));
    let stats = line.buffer.stats();
    assert!((140..=170).contains(&stats.delay.as_millis()), "{stats:?}");
    assert_eq!(stats.concealed, 0);
    assert!(steepest(&heard) < 0.05);
}

#[test]
fn arbitrary_packets_do_no_harm() {
    let mut random = Random(4);
    let real = encoded(20);
    let mut buffer = JitterBuffer::new(2).unwrap();
    let mut now = MediaTime(0);
    for n in 0..20_000u32 {
        let payload = if random.below(2) == 0 {
            real[random.below(20) as usize].clone()
        } else {
            (0..random.below(60)).map(|_| random.below(256) as u8).collect::<Vec<_>>().into()
        };
        let rtp_time = match random.below(20) {
            0 => random.below(u32::MAX),
            1 => n.wrapping_mul(960).wrapping_sub(random.below(200_000)),
            _ => n.wrapping_mul(960).wrapping_add(random.below(3) * 321),
        };
        let received = MediaTime(now.0 - i64::from(random.below(1_000_000_000)));
        buffer.insert(AudioPacket { payload, sequence: random.below(65536) as u16, rtp_time, received });
        for _ in 0..random.below(4) {
            assert_eq!(buffer.pull(now).samples.len(), 960);
        }
        now += Duration::from_millis(u64::from(random.below(40)));
    }
    assert!(buffer.stats().refused > 0);
}

#[test]
fn a_buffer_nobody_empties_does_not_grow() {
    let mut buffer = JitterBuffer::new(1).unwrap();
    for (n, payload) in encoded(300).into_iter().enumerate() {
        buffer.insert(AudioPacket {
            payload,
            sequence: n as u16,
            rtp_time: n as u32 * 960,
            received: MediaTime::from_millis(n as i64 * 20),
        });
    }
    assert!(buffer.packets.len() <= 102);
    buffer.pull(MediaTime::from_millis(6000));
    let first = buffer.position().unwrap().rtp_time;
    assert!(first > 290 * 960, "starts with what is old: {first}");
}

#[test]
fn who_turns_the_sound_on_again_hears_what_is_said_now() {
    let packets = encoded(450);
    let mut line = Line::new();
    line.run(&packets[..250], |_| Some(30));
    let sent = |n: usize| 5_000_000_000 + n as i64 * 20 * MS;
    for (n, payload) in packets.iter().enumerate().skip(250) {
        line.buffer.insert(AudioPacket {
            payload: payload.clone(),
            sequence: 10 + n as u16,
            rtp_time: 1000 + n as u32 * 960,
            received: MediaTime(sent(n) + 30 * MS),
        });
    }
    let now = MediaTime(sent(449) + 35 * MS);
    line.buffer.pull(now);
    let first = line.buffer.position().unwrap().rtp_time;
    assert!(first > 1000 + 440 * 960, "starts with what is old: {}", (first - 1000) / 960);
}

#[test]
fn a_longer_way_is_no_unsteadiness() {
    let packets = encoded(1000);
    let mut line = Line::new();
    line.run(&packets, |n| Some(if n < 500 { 20 } else { 120 }));
    let stats = line.buffer.stats();
    assert!(stats.target <= Duration::from_millis(30), "ten seconds after the change: {stats:?}");
    assert!(stats.delay <= Duration::from_millis(40), "{stats:?}");
}

#[test]
fn what_was_played_on_the_left_is_heard_on_the_left() {
    let music = OpusConfig { channels: 2, bitrate_bps: 96_000, dtx: true, music: true, ..OpusConfig::default() };
    let mut encoder = OpusEncoder::new(music).unwrap();
    let mut line = Line { buffer: JitterBuffer::new(2).unwrap(), ..Line::new() };
    let mut packets = Vec::new();
    for n in 0..200 {
        let samples: Vec<f32> = (0..480)
            .flat_map(|i| [((n * 480 + i) as f32 * 440.0 / 48_000.0 * std::f32::consts::TAU).sin() * 0.5, 0.0])
            .collect();
        packets.extend(encoder.encode(&AudioFrame::new(samples, 2, MediaTime(0))).unwrap().map(|p| p.data));
    }
    let heard = line.run(&packets, |n| Some(n as u32 % 7));
    let (pairs, _) = heard.as_chunks::<2>();
    let level = |side: usize| {
        let later = &pairs[24_000..72_000];
        (later.iter().map(|pair| pair[side] * pair[side]).sum::<f32>() / later.len() as f32).sqrt()
    };
    assert!((level(0) - 0.354).abs() < 0.03, "{}", level(0));
    assert!(level(1) < 0.01, "{}", level(1));
}
