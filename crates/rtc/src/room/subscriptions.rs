//! Others' tracks: from media sections and descriptions, whichever comes first, to tracks.

use super::core::{Core, Effect, Subscribed};
use crate::engine::RemoteSinkKey;
use crate::event::RoomEvent;
use crate::ids::TrackSid;
use crate::publication::TrackKind;
use crate::track::RemoteTrack;

impl Core {
    /// A media section carries this track from now on.
    pub(super) fn track_added(&mut self, sid: TrackSid, kind: TrackKind, key: RemoteSinkKey) {
        self.unexplained.insert(sid, (kind, key));
        self.explain();
    }

    /// Makes tracks of media sections whose description has come.
    pub(super) fn explain(&mut self) {
        let known: Vec<_> =
            self.unexplained.keys().filter_map(|sid| Some((sid.clone(), self.roster.track(sid)?))).collect();
        for (sid, (identity, mut info)) in known {
            let Some((kind, key)) = self.unexplained.remove(&sid) else { continue };
            info.kind = kind;
            let Some(commands) = self.lines.commands.upgrade() else { return };
            let (track, sink, shared) = RemoteTrack::new(identity.clone(), info, commands);
            self.subscribed.insert(sid, Subscribed { identity, shared: shared.clone() });
            self.effects.push_back(Effect::Attach { key, sink, shared });
            self.emit(RoomEvent::TrackSubscribed(track));
        }
    }

    /// A media section carries this track no more.
    pub(super) fn track_removed(&mut self, sid: &TrackSid) {
        self.unexplained.remove(sid);
        self.unsubscribe(sid);
    }

    pub(super) fn unsubscribe(&mut self, sid: &TrackSid) {
        if let Some(track) = self.subscribed.remove(sid) {
            self.emit(RoomEvent::TrackUnsubscribed { identity: track.identity, sid: sid.clone() });
        }
    }

    pub(super) fn drop_remote(&mut self) {
        self.unexplained.clear();
        let sids: Vec<_> = self.subscribed.keys().cloned().collect();
        for sid in sids {
            self.unsubscribe(&sid);
        }
    }
}
