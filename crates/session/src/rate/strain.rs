//! What else suffers where a machine has too much to do: the threads that carry sound do not get their turn, decoders
//! fall behind.
//!
//! Sound is a bucket for each direction: standing still fills it, time empties it. So one long stop (a sleeping
//! machine, a window that opens) says nothing, and many short ones do.

use std::time::Duration;

use beckon_media::MediaTime;

/// Most sound devices take and give up to 40 ms at a time; a thread that had no turn for longer than this, and for much
/// longer than usual, was kept waiting …
const STOOD_STILL: Duration = Duration::from_millis(60);
const UNUSUAL: f64 = 2.0;
/// … unless its device was closed meanwhile.
const CLOSED: Duration = Duration::from_secs(2);
/// How long it takes to learn a device's ways.
const LEARNING: Duration = Duration::from_secs(3);
/// What comes this soon after what came before belongs to the same turn.
const SAME_TURN: Duration = Duration::from_millis(5);
/// Weight of one turn in what is usual, while it is learnt and later.
const LEARNT: f64 = 0.1;
const USUAL: f64 = 0.02;
/// No single stop counts for more, s.
const MOST_OF_ONE: f64 = 0.15;
/// So much of standing still in each second is borne, s …
const BORNE: f64 = 0.05;
/// … and so much in all: beyond it, pictures give way. In seconds.
const TOO_MUCH: f64 = 0.3;
const FULL: f64 = 0.6;
/// It is calm again below this, s.
const CALM: f64 = 0.05;
/// Weight of one decoded picture in the average.
const SMOOTHING: f64 = 0.05;
/// Share of the pictures that find the decoder behind: too much, and calm.
const BEHIND_TOO_MUCH: f64 = 0.5;
const BEHIND_CALM: f64 = 0.1;
/// Nothing decoded for so long says nothing any more.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// Which way sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the microphone.
    Out,
    /// To the loudspeaker.
    In,
}

/// How the machine bears what it has to do, beside the encoder.
#[derive(Debug, Default)]
pub(crate) struct Strain {
    lines: [Line; 2],
    behind: f64,
    decoded: Option<MediaTime>,
}

#[derive(Debug, Default)]
struct Line {
    opened: MediaTime,
    last: Option<MediaTime>,
    /// How long after one another its turns usually come, s.
    usual: f64,
    /// How long it stood still, less what is borne, s.
    still: f64,
}

impl Line {
    fn at(&self, now: MediaTime) -> f64 {
        let since = self.last.map_or(0.0, |last| now.saturating_since(last).as_secs_f64());
        (self.still - since * BORNE).max(0.0)
    }
}

impl Strain {
    /// A thread of sound has its turn.
    pub(crate) fn sound(&mut self, now: MediaTime, direction: Direction) {
        let line = &mut self.lines[direction as usize];
        let since = line.last.replace(now).map_or(CLOSED, |last| now.saturating_since(last));
        if since >= CLOSED {
            *line = Line { opened: now, last: Some(now), usual: 0.0, still: 0.0 };
            return;
        }
        let seconds = since.as_secs_f64();
        line.still = (line.still - seconds * BORNE).max(0.0);
        let learning = now.saturating_since(line.opened) < LEARNING;
        if !learning && since > STOOD_STILL && seconds > line.usual * UNUSUAL {
            line.still = (line.still + seconds.min(MOST_OF_ONE)).min(FULL);
        }
        if since > SAME_TURN {
            let weight = if learning { LEARNT } else { USUAL };
            line.usual += (seconds - line.usual) * weight;
        }
    }

    /// A picture of somebody else was decoded; the decoder was `behind` if more were waiting than it can make up for.
    pub(crate) fn decoded(&mut self, now: MediaTime, behind: bool) {
        let before = self.behind_at(now);
        self.behind = before + (f64::from(u8::from(behind)) - before) * SMOOTHING;
        self.decoded = Some(now);
    }

    fn behind_at(&self, now: MediaTime) -> f64 {
        if self.decoded.is_some_and(|at| now.saturating_since(at) < FORGOTTEN) { self.behind } else { 0.0 }
    }

    fn stands_still(&self, now: MediaTime) -> f64 {
        self.lines.iter().map(|line| line.at(now)).fold(0.0, f64::max)
    }

    /// Somebody hears or sees that the machine has too much to do.
    pub(crate) fn is_too_much(&self, now: MediaTime) -> bool {
        self.stands_still(now) > TOO_MUCH || self.behind_at(now) > BEHIND_TOO_MUCH
    }

    /// Nobody does.
    pub(crate) fn is_calm(&self, now: MediaTime) -> bool {
        self.stands_still(now) < CALM && self.behind_at(now) < BEHIND_CALM
    }

    /// What was done about it is given time to help.
    pub(crate) fn answered(&mut self) {
        self.lines.iter_mut().for_each(|line| line.still = 0.0);
        self.behind = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    /// Turns of a thread of sound at these distances, ms, over and over.
    fn turns(strain: &mut Strain, from_ms: i64, until_ms: i64, every: &[i64]) {
        let mut now = from_ms;
        for wait in every.iter().cycle() {
            if now >= until_ms {
                break;
            }
            strain.sound(at(now), Direction::Out);
            now += wait;
        }
    }

    #[test]
    fn devices_that_take_much_at_a_time_and_single_long_stops_are_no_strain() {
        let mut strain = Strain::default();
        turns(&mut strain, 0, 10_000, &[40, 45, 35]);
        assert!(strain.is_calm(at(10_000)));
        turns(&mut strain, 11_500, 12_000, &[10]);
        assert!(!strain.is_too_much(at(12_000)), "1.5 s once");
        turns(&mut strain, 100_000, 101_000, &[10]);
        assert!(strain.is_calm(at(101_000)), "the microphone was closed");
        // A headset that hands out 100 ms at a time, ten pieces at once.
        turns(&mut strain, 200_000, 230_000, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 100]);
        assert!(strain.is_calm(at(230_000)));
    }

    #[test]
    fn sound_that_stops_again_and_again_is_a_strain_until_it_flows() {
        let mut strain = Strain::default();
        turns(&mut strain, 0, 4_000, &[10]);
        turns(&mut strain, 4_000, 7_000, &[10, 10, 10, 120]);
        assert!(strain.is_too_much(at(7_000)));
        turns(&mut strain, 7_000, 14_000, &[10]);
        assert!(!strain.is_too_much(at(14_000)) && !strain.is_calm(at(14_000)), "it takes a while to be calm again");
        turns(&mut strain, 14_000, 26_000, &[10]);
        assert!(strain.is_calm(at(26_000)));
    }

    #[test]
    fn either_direction_counts_and_both_do_not_add_up() {
        let mut strain = Strain::default();
        for direction in [Direction::In, Direction::Out] {
            for ms in (0..=4_000).step_by(10).chain([4_150, 4_300]) {
                strain.sound(at(ms), direction);
            }
        }
        assert!(!strain.is_too_much(at(4_300)), "two stops of the whole machine");
        strain.sound(at(4_450), Direction::In);
        assert!(strain.is_too_much(at(4_450)));
        strain.answered();
        assert!(strain.is_calm(at(4_450)));
    }

    #[test]
    fn decoders_that_stay_behind_are_a_strain_and_a_burst_is_not() {
        let mut strain = Strain::default();
        for n in 0..10 {
            strain.decoded(at(n * 5), true);
        }
        assert!(!strain.is_too_much(at(50)), "what a network held up comes at once");
        for n in 0..30 {
            strain.decoded(at(50 + n * 33), true);
        }
        assert!(strain.is_too_much(at(1_040)));
        assert!(strain.is_calm(at(2_040)), "nothing comes any more");
    }
}
