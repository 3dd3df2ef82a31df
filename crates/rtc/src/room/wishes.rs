//! What we want of others' tracks, and what we said of ourselves. The server hears of it by signalling alone: what may have
//! been lost with a connection, or does not hold in a new session, is said once more.

use std::collections::{BTreeMap, HashMap};

use livekit_protocol as proto;
use proto::signal_request::Message as Request;

use super::core::Core;
use crate::ids::TrackSid;
use crate::participant::ParticipantInfo;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// Others' tracks that the application chose, or chose to do without.
    chosen: BTreeMap<TrackSid, bool>,
    /// How others' tracks are shown.
    shown: BTreeMap<TrackSid, proto::UpdateTrackSettings>,
    /// What we said of ourselves and the server has not repeated.
    said: proto::UpdateParticipantMetadata,
}

impl Wishes {
    /// Tracks taken out of, or into, the default of subscribing.
    pub(super) fn exceptions(&self, by_default: bool) -> proto::UpdateSubscription {
        let exceptions = self.chosen.iter().filter(|(_, subscribed)| **subscribed != by_default);
        proto::UpdateSubscription {
            track_sids: exceptions.map(|(sid, _)| sid.to_string()).collect(),
            subscribe: !by_default,
            ..proto::UpdateSubscription::default()
        }
    }

    /// Tracks that are not shown.
    pub(super) fn disabled(&self) -> Vec<String> {
        self.shown.iter().filter(|(_, settings)| settings.disabled).map(|(sid, _)| sid.to_string()).collect()
    }

    /// A track is gone.
    pub(super) fn forget(&mut self, sid: &TrackSid) {
        self.chosen.remove(sid);
        self.shown.remove(sid);
    }

    /// The server told of us: what it repeats it has heard.
    pub(super) fn heard(&mut self, us: &ParticipantInfo) {
        let said = &mut self.said;
        if said.name == us.name {
            said.name.clear();
        }
        if said.metadata == us.metadata {
            said.metadata.clear();
        }
        // An empty value takes the attribute away.
        said.attributes.retain(|name, value| us.attributes.get(name).map_or("", String::as_str) != value.as_str());
    }
}

impl Core {
    pub(super) fn set_subscribed(&mut self, sid: TrackSid, subscribed: bool) {
        // It may have gone since it was chosen, and is nobody's then.
        if self.roster.track(&sid).is_none() {
            return;
        }
        if self.is_live() {
            let request = self.subscription(&sid, subscribed);
            self.send(request);
        }
        self.wishes.chosen.insert(sid, subscribed);
    }

    fn subscription(&self, sid: &TrackSid, subscribe: bool) -> Request {
        let track_sids = vec![sid.to_string()];
        let participant_tracks = self
            .roster
            .others()
            .find(|p| p.tracks.iter().any(|t| t.sid == *sid))
            .map(|p| proto::ParticipantTracks { participant_sid: p.sid.to_string(), track_sids: track_sids.clone() });
        let participant_tracks = participant_tracks.into_iter().collect();
        Request::Subscription(proto::UpdateSubscription { track_sids, subscribe, participant_tracks })
    }

    /// Somebody's video is shown in this size, or not at all.
    pub(super) fn set_video_preference(&mut self, sid: TrackSid, width: u32, height: u32, enabled: bool) {
        if self.roster.track(&sid).is_none() {
            return;
        }
        let mut settings = proto::UpdateTrackSettings {
            track_sids: vec![sid.to_string()],
            disabled: !enabled,
            width,
            height,
            ..proto::UpdateTrackSettings::default()
        };
        settings.set_quality(proto::VideoQuality::High);
        if self.is_live() {
            self.send(Request::TrackSetting(settings.clone()));
        }
        self.wishes.shown.insert(sid, settings);
    }

    pub(super) fn update_self(&mut self, name: String, metadata: String, attributes: HashMap<String, String>) {
        // What the token does not allow now is not to be said at some later time, when another one may.
        if self.roster.local().permissions.update_metadata {
            let said = &mut self.wishes.said;
            // An empty name or text changes nothing.
            if !name.is_empty() {
                said.name.clone_from(&name);
            }
            if !metadata.is_empty() {
                said.metadata.clone_from(&metadata);
            }
            said.attributes.extend(attributes.clone());
        }
        if self.is_live() {
            self.send(Request::UpdateMetadata(proto::UpdateParticipantMetadata {
                metadata,
                name,
                attributes,
                ..proto::UpdateParticipantMetadata::default()
            }));
        }
    }

    /// After a resume, or after joining anew: everything that the server may not know. What it knows changes nothing.
    pub(super) fn resend_wishes(&mut self) {
        let chosen = self.wishes.chosen.iter().map(|(sid, subscribed)| self.subscription(sid, *subscribed));
        let shown = self.wishes.shown.values().cloned().map(Request::TrackSetting);
        let said = Some(&self.wishes.said).filter(|said| **said != proto::UpdateParticipantMetadata::default());
        let said = said.cloned().map(Request::UpdateMetadata);
        let requests: Vec<_> = chosen.chain(shown).chain(said).collect();
        for request in requests {
            self.send(request);
        }
    }
}
