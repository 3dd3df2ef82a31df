//! One participant of a room.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use livekit_protocol as proto;
use proto::participant_info::State;

use crate::admission::{Admission, Client};
use crate::ids::{ConnectionId, ParticipantKey, Side};
use crate::pace::Pace;
use crate::publisher::Publisher;
use crate::quality::Verdict;
use crate::subscriber::Subscriber;
use crate::transport::Transport;

pub(crate) struct Participant {
    pub key: ParticipantKey,
    pub sid: String,
    pub admission: Admission,
    pub client: Client,
    pub auto_subscribe: bool,
    pub state: State,
    /// Raised with every change of its information.
    pub version: u32,
    /// How often the others are told of these changes.
    pub changes: Pace,
    pub joined_at: SystemTime,
    /// The signalling connection; `None` while it is lost.
    pub connection: Option<ConnectionId>,
    pub signal_lost: Option<Instant>,
    /// When the client was last heard on its signalling connection.
    pub last_signal: Instant,
    /// When it was heard last before it could not be told something, since it came (back).
    pub missed_since: Option<Instant>,
    /// When its media was lost (or, at the start, when it began to connect).
    pub media_lost: Option<Instant>,
    pub publisher: Publisher,
    pub subscriber: Subscriber,
    /// Who may receive its tracks, if it restricted that.
    pub allowed: Option<proto::SubscriptionPermission>,
    /// How often what that means for the others is carried out.
    pub permissions: Pace,
    /// What all were told of its connection last.
    pub verdict: Option<Verdict>,
}

impl Participant {
    pub fn transport(&mut self, side: Side) -> &mut Transport {
        match side {
            Side::Publisher => &mut self.publisher.transport,
            Side::Subscriber => &mut self.subscriber.transport,
        }
    }

    pub fn identity(&self) -> &str {
        &self.admission.identity
    }

    /// Media of the transport that comes first is up.
    pub fn primary_connected(&self) -> bool {
        if self.admission.can_subscribe {
            self.subscriber.transport.connected
        } else {
            self.publisher.transport.connected
        }
    }

    /// Its connection as others are told of it, once it has been judged.
    pub fn connection_quality(&self) -> Option<proto::ConnectionQualityInfo> {
        let verdict = self.verdict.filter(|_| !self.admission.hidden)?;
        Some(proto::ConnectionQualityInfo {
            participant_sid: self.sid.clone(),
            quality: verdict.quality as i32,
            score: verdict.score,
        })
    }

    pub fn info(&self) -> proto::ParticipantInfo {
        let since_epoch = self.joined_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let tracks: Vec<_> = self.publisher.tracks.iter().map(|t| t.info.clone()).collect();
        proto::ParticipantInfo {
            sid: self.sid.clone(),
            identity: self.admission.identity.clone(),
            state: self.state as i32,
            is_publisher: !tracks.is_empty(),
            tracks,
            metadata: self.admission.metadata.clone(),
            joined_at: since_epoch.as_secs() as i64,
            joined_at_ms: since_epoch.as_millis() as i64,
            name: self.admission.name.clone(),
            version: self.version,
            permission: Some(self.admission.permission()),
            kind: self.admission.kind as i32,
            attributes: self.admission.attributes.clone(),
            client_protocol: self.client.protocol,
            capabilities: self.client.capabilities.iter().map(|&c| c as i32).collect(),
            ..Default::default()
        }
    }

    /// Whether `other` may receive a track of this participant.
    pub fn permits(&self, other_sid: &str, other_identity: &str, track_sid: &str) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        allowed.all_participants
            || allowed.track_permissions.iter().any(|p| {
                let meant = if p.participant_sid.is_empty() {
                    p.participant_identity == other_identity
                } else {
                    p.participant_sid == other_sid
                };
                meant && (p.all_tracks || p.track_sids.iter().any(|s| s == track_sid))
            })
    }
}
