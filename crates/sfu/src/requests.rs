//! What clients say on their signalling connections.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request::Message as Request;
use proto::signal_response::Message;
use str0m::Candidate;

use crate::event::{LeaveReason, RoomEvent};
use crate::ids::{ConnectionId, ParticipantKey, Side, TransportId, track_sid};
use crate::publisher::PendingTrack;
use crate::room::Room;
use crate::sdp::{DescriptionError, prefer_codec, sections};
use crate::uptrack::quality_index;

/// A participant may announce this many tracks that have no media section yet.
const MAX_PENDING_TRACKS: usize = 16;
/// A participant may publish this many tracks.
const MAX_TRACKS: usize = 32;
/// Longest announcement of a track, and of a change of it, in bytes: everybody is told it again with each other change.
const MAX_TRACK: usize = 8 << 10;
/// Longest name, and longest metadata, a client may give itself, in bytes.
const MAX_TEXT: usize = 64 << 10;

impl Room {
    /// A message on a signalling connection.
    pub fn signal(&mut self, now: Instant, wall: SystemTime, from: ConnectionId, request: Request) {
        let Some(&key) = self.by_connection.get(&from) else { return };
        if let Some(p) = self.get_mut(key) {
            p.last_signal = now;
        }
        self.on_request(now, wall, key, request);
        self.drive(now);
    }

    fn on_request(&mut self, now: Instant, wall: SystemTime, key: ParticipantKey, request: Request) {
        match request {
            Request::Offer(offer) => self.on_offer(now, key, &offer),
            Request::Answer(answer) => self.on_answer(now, key, &answer),
            Request::Trickle(trickle) => self.on_trickle(now, key, &trickle),
            Request::AddTrack(add) => self.on_add_track(key, add),
            Request::Mute(mute) => self.on_mute(now, key, &mute),
            Request::Subscription(update) => self.on_update_subscription(now, key, update),
            Request::TrackSetting(settings) => self.on_track_settings(now, key, &settings),
            Request::Leave(_) => self.leave(now, key, LeaveReason::ClientLeft),
            #[allow(deprecated)] // older clients send it
            Request::UpdateLayers(update) if update.encoded_len() <= MAX_TRACK => {
                self.on_update_layers(now, key, update)
            }
            Request::SubscriptionPermission(permission) => {
                let Some(p) = self.get_mut(key) else { return };
                p.allowed = Some(permission);
                if p.permissions.change(now) {
                    self.settle_permissions(now, key);
                }
            }
            Request::SyncState(state) => self.on_sync_state(now, key, state),
            Request::Simulate(scenario) => self.on_simulate(now, key, &scenario),
            Request::Ping(_) => self.send(key, Message::Pong(millis(wall))),
            Request::PingReq(ping) => {
                let pong = proto::Pong { last_ping_timestamp: ping.timestamp, timestamp: millis(wall) };
                self.send(key, Message::PongResp(pong));
            }
            Request::UpdateMetadata(update) => self.on_update_metadata(now, key, update),
            Request::UpdateAudioTrack(update) if update.encoded_len() <= MAX_TRACK => {
                self.change_track(now, key, &update.track_sid, |info| info.audio_features = update.features.clone());
            }
            Request::UpdateVideoTrack(update) => {
                self.change_track(now, key, &update.track_sid, |info| {
                    (info.width, info.height) = (update.width, update.height)
                });
            }
            other => {
                let name = format!("{other:?}");
                let name = name.split(['(', ' ']).next().unwrap_or_default();
                tracing::debug!(participant = key.0, request = name, "request not supported, or too long");
            }
        }
    }

    fn on_offer(&mut self, now: Instant, key: ParticipantKey, offer: &proto::SessionDescription) {
        let Some(p) = self.get_mut(key) else { return };
        let answer = match p.publisher.transport.accept_offer(&offer.sdp) {
            Ok(answer) => answer,
            Err(error) => return self.refuse(now, key, "offer", &error),
        };
        self.bind_tracks(now, key, offer);
        let Some(p) = self.get(key) else { return };
        let mut sdp = answer.to_sdp_string();
        for track in p.publisher.tracks.iter().filter(|t| t.is_video()) {
            if let Some((_, codec)) = track.info.mime_type.split_once('/') {
                sdp = prefer_codec(&sdp, &track.mid, codec);
            }
        }
        for track in p.publisher.tracks.iter().filter(|t| t.is_stereo()) {
            sdp = beckon_sdp::with_stereo(&sdp, &track.mid);
        }
        let answer = proto::SessionDescription { r#type: "answer".into(), sdp, id: offer.id, ..Default::default() };
        self.send(key, Message::Answer(answer));
        self.after_description(now, TransportId { participant: key, side: Side::Publisher });
    }

    /// Sends somebody away whose description cannot be taken, and says why.
    pub(crate) fn refuse(&mut self, now: Instant, key: ParticipantKey, what: &str, error: &DescriptionError) {
        let Some(p) = self.get(key) else { return };
        tracing::warn!(identity = p.identity(), %error, "{what} refused");
        let response = proto::RequestResponse {
            reason: proto::request_response::Reason::InvalidRequest as i32,
            message: format!("{what} refused: {error}"),
            ..Default::default()
        };
        self.send(key, Message::RequestResponse(response));
        self.leave(now, key, LeaveReason::JoinFailure);
    }

    /// Brings the sections of a publisher's offer and its tracks together.
    fn bind_tracks(&mut self, now: Instant, key: ParticipantKey, offer: &proto::SessionDescription) {
        let sections = sections(&offer.sdp);
        let Some(p) = self.get_mut(key) else { return };
        // A section that sends no more, or sends something else, ended its track.
        let ended: Vec<u32> = p
            .publisher
            .tracks
            .iter()
            .filter(|t| {
                let section = sections.iter().find(|s| *s.mid == *t.mid.to_string());
                !section.is_some_and(|s| {
                    s.sends
                        && s.track_id
                            .as_ref()
                            .is_none_or(|id| *id == t.cid || !p.publisher.pending.iter().any(|n| n.cid == *id))
                })
            })
            .map(|t| t.number)
            .collect();
        for number in ended {
            self.unpublish(now, key, number);
        }
        let mut published = Vec::new();
        let Some(p) = self.get_mut(key) else { return };
        for section in sections.iter().filter(|s| s.sends && s.kind != "application") {
            let mid = section.mid.as_str().into();
            if p.publisher.tracks.iter().any(|t| t.mid == mid) {
                continue;
            }
            let named = |t: &PendingTrack| {
                Some(&t.cid) == section.track_id.as_ref() || offer.mid_to_track_id.get(&section.mid) == Some(&t.cid)
            };
            let is_video = section.kind == "video";
            let of_kind = |t: &PendingTrack| (t.info.r#type() == proto::TrackType::Video) == is_video;
            let pending = &p.publisher.pending;
            // Some clients' media engines give the section's track another name than the one that was announced.
            let Some(at) = pending.iter().position(named).or_else(|| pending.iter().position(of_kind)) else {
                continue;
            };
            let pending = p.publisher.pending.remove(at);
            published.push(p.publisher.bind(pending, mid).info.clone());
        }
        if published.is_empty() {
            return;
        }
        self.announce(now, key);
        let identity = self.get(key).map(|p| p.identity().to_owned()).unwrap_or_default();
        for track in published {
            let sid = track.sid.clone();
            self.event(RoomEvent::TrackPublished { identity: identity.clone(), track });
            self.settle_track(now, key, &sid);
        }
    }

    fn on_trickle(&mut self, now: Instant, key: ParticipantKey, trickle: &proto::TrickleRequest) {
        let side = match trickle.target() {
            proto::SignalTarget::Publisher => Side::Publisher,
            proto::SignalTarget::Subscriber => Side::Subscriber,
        };
        // An ICE-lite server learns addresses from checks; the candidates only help it a little.
        // Names that hide addresses (mDNS) and empty end marks do not parse, and need not.
        let Some(candidate) = candidate_of(&trickle.candidate_init) else { return };
        let Some(p) = self.get_mut(key) else { return };
        p.transport(side).add_candidate(candidate);
        let transport = TransportId { participant: key, side };
        self.pump(now, transport);
        self.mark_dirty(transport);
    }

    fn on_add_track(&mut self, key: ParticipantKey, add: proto::AddTrackRequest) {
        let Some(p) = self.get_mut(key) else { return };
        use proto::request_response::Reason;
        let refusal = if !p.admission.may_publish(add.source()) {
            Some((Reason::NotAllowed, "the token does not allow to publish this source"))
        } else if p.publisher.pending.len() >= MAX_PENDING_TRACKS || p.publisher.tracks.len() >= MAX_TRACKS {
            Some((Reason::LimitExceeded, "too many tracks"))
        } else if add.encoded_len() > MAX_TRACK {
            Some((Reason::LimitExceeded, "the track's name or list of layers is too long"))
        } else if !add.sid.is_empty() {
            // The same pictures once more in another codec: everybody can take the first one.
            Some((Reason::UnsupportedType, "a track has one codec here"))
        } else {
            None
        };
        if let Some((reason, message)) = refusal {
            let response = proto::RequestResponse {
                reason: reason as i32,
                message: message.to_owned(),
                request: Some(proto::request_response::Request::AddTrack(add)),
                ..Default::default()
            };
            self.send(key, Message::RequestResponse(response));
            return;
        }
        // The same track again (the client did not hear us the first time).
        let known = p
            .publisher
            .pending
            .iter()
            .map(|t| (&t.cid, &t.info))
            .chain(p.publisher.tracks.iter().map(|t| (&t.cid, &t.info)))
            .find(|(cid, _)| **cid == add.cid)
            .map(|(_, info)| info.clone());
        let cid = add.cid.clone();
        let info = known.unwrap_or_else(|| {
            let info = track_info(add);
            p.publisher.pending.push(PendingTrack { cid: cid.clone(), info: info.clone() });
            info
        });
        self.send(key, Message::TrackPublished(proto::TrackPublishedResponse { cid, track: Some(info) }));
    }

    fn on_mute(&mut self, now: Instant, key: ParticipantKey, mute: &proto::MuteTrackRequest) {
        let Some(p) = self.get_mut(key) else { return };
        if let Some(pending) = p.publisher.pending.iter_mut().find(|t| t.info.sid == mute.sid) {
            pending.info.muted = mute.muted;
            return;
        }
        let Some(track) = p.publisher.track_mut(&mute.sid) else { return };
        if track.info.muted == mute.muted {
            return;
        }
        track.info.muted = mute.muted;
        let subscribers = track.subscribers.clone();
        self.announce(now, key);
        for (subscriber, place) in subscribers {
            if let Some(Some(track)) = self.get_mut(subscriber).and_then(|p| p.subscriber.tracks.get_mut(place)) {
                track.muted = mute.muted;
                // What comes after a pause starts with a new picture.
                if mute.muted && track.video {
                    track.pause();
                }
            }
            if !mute.muted {
                self.ask_for_key_frames(now, subscriber);
            }
        }
    }

    #[allow(deprecated)]
    fn on_update_layers(&mut self, now: Instant, key: ParticipantKey, update: proto::UpdateVideoLayers) {
        self.change_track(now, key, &update.track_sid, |info| info.layers = update.layers.clone());
    }

    fn change_track(&mut self, now: Instant, key: ParticipantKey, sid: &str, change: impl Fn(&mut proto::TrackInfo)) {
        let Some(track) = self.get_mut(key).and_then(|p| p.publisher.track_mut(sid)) else { return };
        change(&mut track.info);
        self.announce(now, key);
    }

    /// A client that resumes says what it believes.
    fn on_sync_state(&mut self, now: Instant, key: ParticipantKey, state: proto::SyncState) {
        // Its last answer may be the one we still wait for.
        if let Some(answer) = state.answer.filter(|a| a.id != 0) {
            self.on_answer(now, key, &answer);
        }
        if let Some(subscription) = state.subscription {
            self.on_update_subscription(now, key, subscription);
        }
        for sid in state.track_sids_disabled {
            let settings = proto::UpdateTrackSettings { track_sids: vec![sid], disabled: true, ..Default::default() };
            self.on_track_settings(now, key, &settings);
        }
        // A track that the client holds for published and we do not know cannot be mended.
        let Some(p) = self.get(key) else { return };
        let unknown =
            state.publish_tracks.iter().filter_map(|t| t.track.as_ref()).any(|t| {
                p.publisher.track(&t.sid).is_none() && !p.publisher.pending.iter().any(|n| n.info.sid == t.sid)
            });
        if unknown {
            self.leave(now, key, LeaveReason::StateMismatch);
        }
    }

    fn on_simulate(&mut self, now: Instant, key: ParticipantKey, scenario: &proto::SimulateScenario) {
        use proto::simulate_scenario::Scenario;
        match scenario.scenario {
            Some(Scenario::NodeFailure(true)) => self.leave(now, key, LeaveReason::StateMismatch),
            Some(Scenario::ServerLeave(true)) => self.leave(now, key, LeaveReason::Removed),
            Some(Scenario::SubscriberBandwidth(bits)) => {
                if let Some(p) = self.get_mut(key) {
                    p.subscriber.estimate.pretend(u64::try_from(bits).ok().filter(|b| *b > 0));
                }
                self.allocate(now, key);
            }
            _ => tracing::debug!(?scenario, "scenario not supported"),
        }
    }

    fn on_update_metadata(&mut self, now: Instant, key: ParticipantKey, update: proto::UpdateParticipantMetadata) {
        let Some(p) = self.get_mut(key) else { return };
        // With those it keeps.
        let kept = p.admission.attributes.iter().filter(|(name, _)| !update.attributes.contains_key(*name));
        let attributes = update.attributes.iter().filter(|(_, value)| !value.is_empty()).chain(kept);
        let size =
            update.name.len() + update.metadata.len() + attributes.map(|(k, v)| k.len() + v.len()).sum::<usize>();
        use proto::request_response::Reason;
        let (reason, message) = if !p.admission.can_update_own_metadata {
            (Reason::NotAllowed, "the token does not allow to change one's own metadata")
        } else if size > MAX_TEXT {
            (Reason::LimitExceeded, "name, metadata and attributes are too long")
        } else {
            (Reason::Ok, "")
        };
        if reason == Reason::Ok {
            if !update.name.is_empty() {
                p.admission.name = update.name;
            }
            if !update.metadata.is_empty() {
                p.admission.metadata = update.metadata;
            }
            for (name, value) in update.attributes {
                if value.is_empty() {
                    p.admission.attributes.remove(&name);
                } else {
                    p.admission.attributes.insert(name, value);
                }
            }
            let info = p.info();
            self.event(RoomEvent::ParticipantUpdated(info));
            self.announce(now, key);
        }
        if update.request_id != 0 {
            let response = proto::RequestResponse {
                request_id: update.request_id,
                reason: reason as i32,
                message: message.to_owned(),
                request: None,
            };
            self.send(key, Message::RequestResponse(response));
        }
    }
}

fn millis(wall: SystemTime) -> i64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// Reads the candidate out of a browser's `RTCIceCandidateInit` in JSON.
fn candidate_of(init: &str) -> Option<Candidate> {
    #[derive(serde::Deserialize)]
    struct Init {
        candidate: String,
    }
    let init: Init = serde_json::from_str(init).ok()?;
    Candidate::from_sdp_string(init.candidate.trim()).ok()
}

/// The server's account of an announced track.
fn track_info(add: proto::AddTrackRequest) -> proto::TrackInfo {
    let video = add.r#type() == proto::TrackType::Video;
    let codec = add.simulcast_codecs.first().map(|c| c.codec.as_str()).filter(|c| !c.is_empty());
    let mime = match (video, codec) {
        (_, Some(codec)) if codec.contains('/') => codec.to_ascii_lowercase(),
        (true, codec) => format!("video/{}", codec.unwrap_or("vp8").to_ascii_lowercase()),
        (false, _) => "audio/opus".to_owned(),
    };
    let mut layers = add.layers;
    layers.sort_by_key(|l| quality_index(l.quality()));
    let codecs = vec![proto::SimulcastCodecInfo {
        mime_type: mime.clone(),
        cid: add.cid,
        layers: layers.clone(),
        ..Default::default()
    }];
    #[allow(deprecated)] // older clients read the old fields
    proto::TrackInfo {
        sid: track_sid(),
        r#type: add.r#type,
        name: add.name,
        muted: add.muted,
        width: add.width,
        height: add.height,
        simulcast: video && layers.len() > 1,
        disable_dtx: add.disable_dtx,
        source: add.source,
        layers,
        mime_type: mime,
        codecs,
        stereo: add.stereo,
        disable_red: true,
        encryption: add.encryption,
        stream: add.stream,
        audio_features: add.audio_features,
        ..Default::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn browsers_candidates_are_read_and_hidden_ones_skipped() {
        let init =
            r#"{"candidate":"candidate:1 1 udp 2122260223 192.168.1.5 50000 typ host","sdpMid":"0","sdpMLineIndex":0}"#;
        assert_eq!(candidate_of(init).unwrap().addr(), "192.168.1.5:50000".parse().unwrap());
        assert!(candidate_of(r#"{"candidate":"candidate:1 1 udp 2122260223 a-b-c.local 5 typ host"}"#).is_none());
        assert!(candidate_of(r#"{"candidate":""}"#).is_none());
        assert!(candidate_of("nonsense").is_none());
    }

    #[test]
    fn an_announced_track_gets_a_sid_and_sorted_layers() {
        let layer =
            |q: proto::VideoQuality, width| proto::VideoLayer { quality: q as i32, width, ..Default::default() };
        let info = track_info(proto::AddTrackRequest {
            cid: "c".into(),
            r#type: proto::TrackType::Video as i32,
            layers: vec![layer(proto::VideoQuality::High, 1280), layer(proto::VideoQuality::Low, 320)],
            ..Default::default()
        });
        assert!(info.sid.starts_with("TR_"));
        #[allow(deprecated)]
        let layers = info.layers;
        assert_eq!(layers.iter().map(|l| l.width).collect::<Vec<_>>(), [320, 1280]);
        assert_eq!(info.mime_type, "video/vp8");
    }
}
