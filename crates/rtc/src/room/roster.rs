//! Who is in the room and what they publish: updates in, events out.

use livekit_protocol as proto;

use super::convert;
use crate::event::RoomEvent;
use crate::ids::{Identity, ParticipantSid, TrackSid};
use crate::participant::{ConnectionQuality, ParticipantInfo, ParticipantState, Speaker};
use crate::publication::TrackInfo;

/// Everybody in the room, ourselves apart.
#[derive(Debug, Default)]
pub(super) struct Roster {
    local: ParticipantInfo,
    others: Vec<Member>,
    /// Who was there when we had to join anew and has not come back.
    missing: Vec<Identity>,
}

#[derive(Debug)]
struct Member {
    info: ParticipantInfo,
    version: u32,
}

impl Roster {
    pub(super) fn local(&self) -> &ParticipantInfo {
        &self.local
    }

    pub(super) fn others(&self) -> impl Iterator<Item = &ParticipantInfo> {
        self.others.iter().map(|m| &m.info)
    }

    /// Whether somebody who was there when we had to join anew has not come back.
    pub(super) fn is_anybody_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// We joined, or joined anew: what changed since.
    pub(super) fn join(&mut self, local: &proto::ParticipantInfo, others: &[proto::ParticipantInfo]) -> Vec<RoomEvent> {
        let mut events = Vec::new();
        let spoke = self.local.speaking || self.others().any(|p| p.speaking);
        self.local = convert::participant(local);
        let present: Vec<Identity> = others.iter().map(|p| p.identity.as_str().into()).collect();
        let (stay, gone) =
            std::mem::take(&mut self.others).into_iter().partition(|m: &Member| present.contains(&m.info.identity));
        self.others = stay;
        // The server names those who speak now, and nobody who stopped while we were away.
        for Member { info, .. } in &mut self.others {
            (info.speaking, info.audio_level) = (false, 0.0);
        }
        for member in gone {
            self.missing.push(member.info.identity.clone());
            leave(member, &mut events);
        }
        for p in others {
            self.update_one(p, &mut events);
        }
        if spoke {
            events.push(RoomEvent::ActiveSpeakers(Vec::new()));
        }
        events
    }

    /// The server tells of changes.
    pub(super) fn update(&mut self, participants: &[proto::ParticipantInfo]) -> Vec<RoomEvent> {
        let mut events = Vec::new();
        for p in participants {
            if p.identity == self.local.identity.as_str() {
                self.update_local(p, &mut events);
            } else {
                self.update_one(p, &mut events);
            }
        }
        events
    }

    fn update_local(&mut self, p: &proto::ParticipantInfo, events: &mut Vec<RoomEvent>) {
        // News of an earlier stay, or of the one that is putting us offline, are not about us.
        if self.local.sid != p.sid.as_str() || p.state() == proto::participant_info::State::Disconnected {
            return;
        }
        let new = keep_judgement(convert::participant(p), &self.local);
        if new != self.local {
            self.local = new;
            events.push(RoomEvent::ParticipantUpdated(self.local.clone()));
        }
    }

    fn update_one(&mut self, p: &proto::ParticipantInfo, events: &mut Vec<RoomEvent>) {
        self.missing.retain(|identity| *identity != p.identity.as_str());
        if p.identity.is_empty() {
            return;
        }
        let place = self.others.iter().position(|m| m.info.identity == p.identity.as_str());
        let new = convert::participant(p);
        let gone = new.state == ParticipantState::Disconnected;
        match place {
            Some(n) if self.others[n].info.sid == new.sid => {
                if gone {
                    leave(self.others.remove(n), events);
                } else if p.version >= self.others[n].version {
                    self.others[n].version = p.version;
                    change(&mut self.others[n].info, new, events);
                }
            }
            // The end of an earlier stay, told late.
            Some(_) if gone => {}
            // The same person again: what the earlier stay published is gone.
            Some(n) => {
                self.others[n].version = p.version;
                change(&mut self.others[n].info, new, events);
            }
            None if gone => {}
            None => {
                let tracks = new.tracks.clone();
                let identity = new.identity.clone();
                self.others.push(Member { info: new.clone(), version: p.version });
                events.push(RoomEvent::ParticipantJoined(new));
                events.extend(
                    tracks.into_iter().map(|track| RoomEvent::TrackPublished { identity: identity.clone(), track }),
                );
            }
        }
    }

    /// Who publishes this track, and what it is.
    pub(super) fn track(&self, sid: &TrackSid) -> Option<(Identity, TrackInfo)> {
        self.others().find_map(|p| p.tracks.iter().find(|t| t.sid == *sid).map(|t| (p.identity.clone(), t.clone())))
    }

    /// Who had this name for a stay; we ourselves too.
    pub(super) fn identity_of(&self, sid: &ParticipantSid) -> Option<Identity> {
        std::iter::once(&self.local).chain(self.others()).find(|p| p.sid == *sid).map(|p| p.identity.clone())
    }

    fn by_sid(&mut self, sid: &str) -> Option<&mut ParticipantInfo> {
        std::iter::once(&mut self.local).chain(self.others.iter_mut().map(|m| &mut m.info)).find(|p| p.sid == sid)
    }

    /// Some began, went on or stopped speaking: everybody who speaks now, loudest first.
    pub(super) fn speakers(&mut self, changes: &[proto::SpeakerInfo]) -> RoomEvent {
        for change in changes {
            if let Some(p) = self.by_sid(&change.sid) {
                p.speaking = change.active;
                p.audio_level = if change.active { change.level.clamp(0.0, 1.0) } else { 0.0 };
            }
        }
        let mut speaking: Vec<Speaker> = std::iter::once(&self.local)
            .chain(self.others())
            .filter(|p| p.speaking)
            .map(|p| Speaker { identity: p.identity.clone(), level: p.audio_level })
            .collect();
        speaking.sort_by(|a, b| b.level.total_cmp(&a.level));
        RoomEvent::ActiveSpeakers(speaking)
    }

    /// The server judged a connection: an event if that is news.
    pub(super) fn quality(&mut self, sid: &str, quality: ConnectionQuality) -> Option<RoomEvent> {
        let p = self.by_sid(sid)?;
        if p.quality == quality {
            return None;
        }
        p.quality = quality;
        Some(RoomEvent::ConnectionQuality { identity: p.identity.clone(), quality })
    }
}

/// Judgements come in messages of their own and outlive updates.
fn keep_judgement(new: ParticipantInfo, old: &ParticipantInfo) -> ParticipantInfo {
    ParticipantInfo { quality: old.quality, speaking: old.speaking, audio_level: old.audio_level, ..new }
}

fn leave(member: Member, events: &mut Vec<RoomEvent>) {
    let mut info = member.info;
    info.state = ParticipantState::Disconnected;
    for track in &info.tracks {
        events.push(RoomEvent::TrackUnpublished { identity: info.identity.clone(), track: track.clone() });
    }
    events.push(RoomEvent::ParticipantLeft(info));
}

/// Replaces `old` by `new` and tells what is different.
fn change(old: &mut ParticipantInfo, new: ParticipantInfo, events: &mut Vec<RoomEvent>) {
    let new = keep_judgement(new, old);
    let identity = new.identity.clone();
    for track in &old.tracks {
        if !new.tracks.iter().any(|t| t.sid == track.sid) {
            events.push(RoomEvent::TrackUnpublished { identity: identity.clone(), track: track.clone() });
        }
    }
    for track in &new.tracks {
        match old.tracks.iter().find(|t| t.sid == track.sid) {
            None => events.push(RoomEvent::TrackPublished { identity: identity.clone(), track: track.clone() }),
            Some(before) if before.muted != track.muted => events.push(RoomEvent::TrackMuted {
                identity: identity.clone(),
                sid: track.sid.clone(),
                muted: track.muted,
            }),
            Some(_) => {}
        }
    }
    let before = std::mem::replace(old, new);
    let same = ParticipantInfo { tracks: old.tracks.clone(), ..before } == *old;
    if !same {
        events.push(RoomEvent::ParticipantUpdated(old.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::participant_info::State;

    fn somebody(identity: &str, sid: &str, tracks: &[(&str, bool)]) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            sid: sid.into(),
            identity: identity.into(),
            state: State::Active.into(),
            tracks: tracks
                .iter()
                .map(|(sid, muted)| proto::TrackInfo {
                    sid: (*sid).into(),
                    muted: *muted,
                    r#type: proto::TrackType::Video.into(),
                    ..proto::TrackInfo::default()
                })
                .collect(),
            ..proto::ParticipantInfo::default()
        }
    }

    fn joined(others: &[proto::ParticipantInfo]) -> Roster {
        let mut roster = Roster::default();
        roster.join(&somebody("me", "PA_me", &[]), others);
        roster
    }

    fn short(events: &[RoomEvent]) -> Vec<String> {
        events
            .iter()
            .map(|e| match e {
                RoomEvent::ParticipantJoined(p) => format!("joined {}", p.identity),
                RoomEvent::ParticipantLeft(p) => format!("left {}", p.identity),
                RoomEvent::ParticipantUpdated(p) => format!("updated {}", p.identity),
                RoomEvent::TrackPublished { track, .. } => format!("published {}", track.sid),
                RoomEvent::TrackUnpublished { track, .. } => format!("unpublished {}", track.sid),
                RoomEvent::TrackMuted { sid, muted, .. } => format!("muted {sid} {muted}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn those_present_are_announced_with_their_tracks() {
        let mut roster = Roster::default();
        let events = roster.join(&somebody("me", "PA_me", &[]), &[somebody("ann", "PA_1", &[("TR_1", false)])]);
        assert_eq!(short(&events), ["joined ann", "published TR_1"]);
    }

    #[test]
    fn who_is_not_back_after_joining_anew_is_missing() {
        let mut roster = joined(&[somebody("ann", "PA_1", &[]), somebody("bob", "PA_2", &[])]);
        assert!(!roster.is_anybody_missing());
        roster.join(&somebody("me", "PA_me2", &[]), &[somebody("ann", "PA_3", &[])]);
        assert!(roster.is_anybody_missing());
        roster.update(&[somebody("bob", "PA_4", &[])]);
        assert!(!roster.is_anybody_missing());
    }

    #[test]
    fn tracks_come_go_and_mute() {
        let mut roster = joined(&[somebody("ann", "PA_1", &[("TR_1", false), ("TR_2", false)])]);
        let events = roster.update(&[somebody("ann", "PA_1", &[("TR_2", true), ("TR_3", false)])]);
        assert_eq!(short(&events), ["unpublished TR_1", "muted TR_2 true", "published TR_3"]);
    }

    #[test]
    fn leaving_takes_the_tracks_along() {
        let mut roster = joined(&[somebody("ann", "PA_1", &[("TR_1", false)])]);
        let mut gone = somebody("ann", "PA_1", &[]);
        gone.state = State::Disconnected.into();
        assert_eq!(short(&roster.update(std::slice::from_ref(&gone))), ["unpublished TR_1", "left ann"]);
        assert_eq!(short(&roster.update(&[gone])), [""; 0]);
    }

    /// Also by the first update after a resume: that it names everybody is nobody's promise.
    #[test]
    fn who_is_not_named_stays() {
        let mut roster = joined(&[somebody("ann", "PA_1", &[]), somebody("bob", "PA_2", &[])]);
        let mut gone = somebody("bob", "PA_2", &[]);
        gone.state = State::Disconnected.into();
        assert_eq!(short(&roster.update(&[gone, somebody("me", "PA_me", &[])])), ["left bob"]);
        assert_eq!(roster.others().count(), 1);
    }

    #[test]
    fn the_late_end_of_an_earlier_stay_does_not_remove_the_later_one() {
        let mut roster = joined(&[somebody("ann", "PA_1", &[("TR_1", false)])]);
        let events = roster.update(&[somebody("ann", "PA_2", &[("TR_9", false)])]);
        assert_eq!(short(&events), ["unpublished TR_1", "published TR_9", "updated ann"]);
        let mut gone = somebody("ann", "PA_1", &[]);
        gone.state = State::Disconnected.into();
        assert!(roster.update(&[gone]).is_empty());
        assert_eq!(roster.others().count(), 1);
    }

    #[test]
    fn joining_anew_tells_only_what_changed() {
        let mut roster = joined(&[somebody("ann", "PA_1", &[("TR_1", false)]), somebody("bob", "PA_2", &[])]);
        let events = roster.join(&somebody("me", "PA_me2", &[]), &[somebody("ann", "PA_5", &[("TR_5", false)])]);
        assert_eq!(short(&events), ["left bob", "unpublished TR_1", "published TR_5", "updated ann"]);
        assert_eq!(roster.local().sid, "PA_me2");
    }

    #[test]
    fn who_stopped_speaking_while_we_joined_anew_does_not_speak() {
        let mut roster = joined(&[somebody("ann", "PA_1", &[]), somebody("bob", "PA_2", &[])]);
        roster.speakers(&[proto::SpeakerInfo { sid: "PA_1".into(), level: 0.5, active: true }]);
        let others = [somebody("ann", "PA_1", &[]), somebody("bob", "PA_2", &[])];
        let events = roster.join(&somebody("me", "PA_me2", &[]), &others);
        assert!(matches!(&events[..], [RoomEvent::ActiveSpeakers(nobody)] if nobody.is_empty()), "{events:?}");
        assert!(roster.others().all(|p| !p.speaking && p.audio_level == 0.0));
    }

    #[test]
    fn an_update_older_than_what_is_known_changes_nothing() {
        let mut newer = somebody("ann", "PA_1", &[("TR_1", true)]);
        newer.version = 5;
        let mut roster = joined(&[newer]);
        let mut older = somebody("ann", "PA_1", &[("TR_1", false)]);
        older.version = 4;
        assert!(roster.update(&[older]).is_empty());
    }

    #[test]
    fn speakers_are_listed_loudest_first_until_they_stop() {
        let mut roster = joined(&[somebody("ann", "PA_1", &[]), somebody("bob", "PA_2", &[])]);
        let speaks = |sid: &str, level, active| proto::SpeakerInfo { sid: sid.into(), level, active };
        roster.speakers(&[speaks("PA_1", 0.2, true)]);
        let RoomEvent::ActiveSpeakers(list) = roster.speakers(&[speaks("PA_2", 0.7, true), speaks("PA_x", 1.0, true)])
        else {
            return assert_eq!(1, 0);
        };
        assert_eq!(list.iter().map(|s| s.identity.as_str()).collect::<Vec<_>>(), ["bob", "ann"]);
        let RoomEvent::ActiveSpeakers(list) = roster.speakers(&[speaks("PA_2", 0.0, false)]) else {
            return assert_eq!(1, 0);
        };
        assert_eq!(list.len(), 1);
    }
}
