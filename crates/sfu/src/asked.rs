//! Which layers publishers are asked to send: those that somebody gets or is about to get, so that they can save the others.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::signal_response::Message;

use crate::ids::ParticipantKey;
use crate::layers::MAX_LAYERS;
use crate::room::Room;
use crate::uptrack::UpTrack;

/// A layer asked for takes this long to come, at most; then it is not to be had.
const COMING: Duration = Duration::from_secs(2);
/// A publisher is told to stop a layer only after nobody needed it for this long.
const STOP_AFTER: Duration = Duration::from_secs(5);
/// A layer that did not come, as a browser gives one up that its machine or its network does not bear, is asked for again after this long,
/// and each time after twice as long …
const MISSED: Duration = Duration::from_secs(30);
/// … this many times.
const MOST_DOUBLED: u32 = 4;

/// Which layers a publisher was asked to send. It begins with all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AskedLayers {
    told: bool,
    off: [bool; MAX_LAYERS],
    /// When each was asked for last; `None`: from the beginning.
    since: [Option<Instant>; MAX_LAYERS],
    unneeded_since: [Option<Instant>; MAX_LAYERS],
    /// How often in a row each did not come.
    missed: [u32; MAX_LAYERS],
}

impl AskedLayers {
    /// Whether a layer that does not flow would do so if it were needed: it was told to stop, or asked to go on a moment ago and has not come
    /// yet. `newest`: when its last packet came; `others`: whether other layers flow, which do for as long as this one rests.
    pub fn may_come(&self, now: Instant, layer: usize, newest: Option<Instant>, others: bool) -> bool {
        let asked = self.since[layer];
        let since = |then: Instant| now.saturating_duration_since(then);
        if self.off[layer] {
            let rests = MISSED * (1 << self.missed[layer].saturating_sub(1).min(MOST_DOUBLED));
            return !others || self.missed[layer] == 0 || asked.is_none_or(|asked| since(asked) >= rests);
        }
        asked.is_some_and(|asked| since(asked) < COMING && newest.is_none_or(|newest| newest < asked))
    }

    /// Takes which layers somebody gets or is to get, and when the last packet of each came. Gives the whole list when the publisher must be
    /// told: more at once, less only when it stays so.
    pub fn need(
        &mut self,
        now: Instant,
        needed: [bool; MAX_LAYERS],
        newest: [Option<Instant>; MAX_LAYERS],
    ) -> Option<[bool; MAX_LAYERS]> {
        // Nobody knew what is needed before the first one subscribed.
        let first = !self.told && needed.contains(&true);
        let mut changed = first;
        for (layer, &needed) in needed.iter().enumerate() {
            if needed {
                self.unneeded_since[layer] = None;
                if std::mem::take(&mut self.off[layer]) {
                    changed = true;
                    self.since[layer] = Some(now);
                }
                if first {
                    self.since[layer] = Some(now);
                }
            } else if !self.off[layer] {
                let since = *self.unneeded_since[layer].get_or_insert(now);
                if first || now.saturating_duration_since(since) >= STOP_AFTER {
                    self.off[layer] = true;
                    changed = true;
                    let came = self.since[layer].is_none_or(|asked| newest[layer] >= Some(asked));
                    self.missed[layer] = if came { 0 } else { self.missed[layer] + 1 };
                }
            }
        }
        self.told |= changed;
        changed.then(|| self.off.map(|off| !off))
    }

    /// The publisher may not have heard what it was told: what is to be said again, if anything was. What it was asked for comes from now on.
    pub fn again(&mut self, now: Instant) -> Option<[bool; MAX_LAYERS]> {
        for (since, off) in self.since.iter_mut().zip(self.off) {
            if !off && since.is_some() {
                *since = Some(now);
            }
        }
        self.told.then(|| self.off.map(|off| !off))
    }
}

impl Room {
    /// Tells a publisher which layers anybody gets or is about to get, where that changed.
    pub(crate) fn tell_subscribed_quality(&mut self, now: Instant, key: ParticipantKey) {
        let Some(p) = self.get(key) else { return };
        let mut needs = Vec::new();
        for track in p.publisher.tracks.iter().filter(|t| t.is_video() && t.is_simulcast()) {
            let mut needed = [false; MAX_LAYERS];
            let down = track
                .subscribers
                .iter()
                .filter_map(|&(k, place)| self.get(k)?.subscriber.tracks.get(place)?.as_ref())
                .filter(|t| t.wanted());
            for t in down {
                let seen = t.current.into_iter().chain(t.target).filter(|_| !t.paused);
                let screen = if track.is_screen() { track.needs_of_screen(&t.wish, t.paused) } else { None };
                for layer in seen.chain(screen) {
                    needed[layer] = true;
                }
            }
            needs.push((track.number, needed));
        }
        let mut updates = Vec::new();
        let Some(p) = self.get_mut(key) else { return };
        for (number, needed) in needs {
            let Some(track) = p.publisher.by_number(number) else { continue };
            let newest = std::array::from_fn(|layer| track.newest(layer));
            let Some(on) = track.asked.need(now, needed, newest) else { continue };
            tracing::debug!(track = track.info.sid, ?on, "the publisher is told which layers are needed");
            updates.push(subscribed_quality(track, on));
        }
        for update in updates {
            self.send(key, update);
        }
    }

    /// Tells a publisher who was away which layers are needed, as it was told before.
    pub(crate) fn repeat_subscribed_quality(&mut self, now: Instant, key: ParticipantKey) {
        let Some(p) = self.get_mut(key) else { return };
        let again = |track: &mut UpTrack| track.asked.again(now).map(|on| subscribed_quality(track, on));
        let updates: Vec<_> = p.publisher.tracks.iter_mut().filter_map(again).collect();
        for update in updates {
            self.send(key, update);
        }
    }
}

fn subscribed_quality(track: &UpTrack, on: [bool; MAX_LAYERS]) -> Message {
    let qualities = [proto::VideoQuality::Low, proto::VideoQuality::Medium, proto::VideoQuality::High];
    let subscribed: Vec<_> =
        qualities.iter().zip(on).map(|(&q, enabled)| proto::SubscribedQuality { quality: q as i32, enabled }).collect();
    let codec = track.info.mime_type.split('/').nth(1).unwrap_or_default().to_owned();
    #[allow(deprecated)] // older clients read the old field
    Message::SubscribedQualityUpdate(proto::SubscribedQualityUpdate {
        track_sid: track.info.sid.clone(),
        subscribed_qualities: subscribed.clone(),
        subscribed_codecs: vec![proto::SubscribedCodec { codec, qualities: subscribed }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_subscriber_shows_which_layers_are_of_use() {
        let t = Instant::now();
        let mut asked = AskedLayers::default();
        assert_eq!(asked.need(t, [false; 3], [None; 3]), None, "everything, until somebody subscribes");
        assert_eq!(asked.need(t + S, [false, false, true], [None; 3]), Some([false, false, true]));
        assert_eq!(asked.need(t + 2 * S, [false, false, true], [None; 3]), None);
    }

    #[test]
    fn nobody_at_all_for_a_while_stops_everything() {
        let t = Instant::now();
        let mut asked = AskedLayers::default();
        asked.need(t, [false; 3], [None; 3]);
        assert_eq!(asked.need(t + 5 * S, [false; 3], [None; 3]), Some([false; 3]));
    }

    #[test]
    fn more_is_asked_for_at_once_and_less_after_a_while() {
        let t = Instant::now();
        let mut asked = AskedLayers::default();
        asked.need(t, [false, false, true], [None; 3]);
        assert!(asked.may_come(t + 3 * S, 0, None, false), "what was stopped can be had");
        assert!(!asked.may_come(t + 3 * S, 2, None, false), "what was asked for should be here by now");
        assert_eq!(asked.need(t + S, [true, false, true], [None; 3]), Some([true, false, true]));
        assert!(asked.may_come(t + 2 * S, 0, Some(t), false), "on its way");
        assert!(!asked.may_come(t + 2 * S, 0, Some(t + 2 * S), false), "it came, and stopped again");
        assert!(!asked.may_come(t + 4 * S, 0, Some(t), false), "it should be here by now");
        assert_eq!(asked.need(t + 2 * S, [true, false, false], [None; 3]), None);
        assert_eq!(asked.need(t + 6 * S, [true, false, false], [None; 3]), None);
        assert_eq!(asked.need(t + 7 * S, [true, false, false], [None; 3]), Some([true, false, false]));
    }

    #[test]
    fn a_short_need_does_not_count_the_pause_before_it() {
        let t = Instant::now();
        let mut asked = AskedLayers::default();
        asked.need(t, [true, false, false], [None; 3]);
        asked.need(t + S, [true, true, false], [None; 3]);
        asked.need(t + 3 * S, [true, false, false], [None; 3]);
        asked.need(t + 7 * S, [true, true, false], [None; 3]);
        assert_eq!(asked.need(t + 9 * S, [true, false, false], [None; 3]), None);
    }

    #[test]
    fn what_did_not_come_rests_while_others_flow_and_longer_each_time() {
        let t = Instant::now();
        let mut asked = AskedLayers::default();
        let mut at = t;
        asked.need(at, [true, false, true], [None; 3]);
        for rest in [30, 60, 120] {
            let again = at;
            asked.need(at + S, [true, false, false], [Some(t), None, None]);
            asked.need(at + 6 * S, [true, false, false], [Some(at), None, None]);
            assert!(!asked.may_come(again + (rest - 1) * S, 2, None, true), "after {rest} s");
            assert!(asked.may_come(again + (rest - 1) * S, 2, None, false), "better than nothing");
            at = again + rest * S;
            assert!(asked.may_come(at, 2, None, true), "after {rest} s");
            asked.need(at, [true, false, true], [Some(at), None, None]);
        }
        // It comes.
        asked.need(at + S, [true, false, false], [Some(at), None, Some(at + S)]);
        asked.need(at + 6 * S, [true, false, false], [Some(at), None, Some(at + S)]);
        assert!(asked.may_come(at + 7 * S, 2, Some(at + S), true));
    }

    #[test]
    fn what_may_not_have_been_heard_is_said_again_and_waited_for_from_then_on() {
        let t = Instant::now();
        let mut asked = AskedLayers::default();
        assert_eq!(asked.again(t), None, "nothing was said");
        asked.need(t, [true, false, false], [None; 3]);
        assert!(!asked.may_come(t + 9 * S, 0, None, false));
        assert_eq!(asked.again(t + 9 * S), Some([true, false, false]));
        assert!(asked.may_come(t + 10 * S, 0, None, false));
    }
}
