//! From the protocol's messages to our types.

use livekit_protocol as proto;
use proto::{leave_request::Action, participant_info};

use super::handle::RoomInfo;
use crate::event::DisconnectReason;
use crate::participant::{ConnectionQuality, ParticipantInfo, ParticipantKind, ParticipantState, Permissions};
use crate::publication::{PublishMedia, PublishOptions, TrackInfo, TrackKind, TrackSource};

pub(super) fn room(room: &proto::Room) -> RoomInfo {
    RoomInfo {
        sid: room.sid.clone(),
        name: room.name.clone(),
        metadata: room.metadata.clone(),
        participants: room.num_participants,
        recording: room.active_recording,
    }
}

pub(super) fn participant(p: &proto::ParticipantInfo) -> ParticipantInfo {
    let permissions = p.permission.as_ref().map_or_else(Permissions::default, |p| Permissions {
        subscribe: p.can_subscribe,
        publish: p.can_publish,
        publish_data: p.can_publish_data,
        update_metadata: p.can_update_metadata,
    });
    ParticipantInfo {
        sid: p.sid.as_str().into(),
        identity: p.identity.as_str().into(),
        name: p.name.clone(),
        metadata: p.metadata.clone(),
        attributes: p.attributes.clone(),
        state: match p.state() {
            participant_info::State::Joining => ParticipantState::Joining,
            participant_info::State::Joined => ParticipantState::Joined,
            participant_info::State::Active => ParticipantState::Active,
            participant_info::State::Disconnected => ParticipantState::Disconnected,
        },
        kind: match p.kind() {
            participant_info::Kind::Standard => ParticipantKind::Standard,
            participant_info::Kind::Ingress => ParticipantKind::Ingress,
            participant_info::Kind::Egress => ParticipantKind::Egress,
            _ => ParticipantKind::Other,
        },
        // Tracks of neither audio nor video are not for us.
        tracks: p.tracks.iter().filter_map(track).collect(),
        joined_at_ms: if p.joined_at_ms != 0 { p.joined_at_ms } else { p.joined_at.saturating_mul(1000) },
        permissions,
        ..ParticipantInfo::default()
    }
}

// Older servers describe layers only in the track itself.
#[allow(deprecated)]
pub(super) fn track(t: &proto::TrackInfo) -> Option<TrackInfo> {
    let kind = match t.r#type() {
        proto::TrackType::Audio => TrackKind::Audio,
        proto::TrackType::Video => TrackKind::Video,
        proto::TrackType::Data => return None,
    };
    Some(TrackInfo {
        sid: t.sid.as_str().into(),
        name: t.name.clone(),
        kind,
        source: match t.source() {
            proto::TrackSource::Unknown => TrackSource::Unknown,
            proto::TrackSource::Camera => TrackSource::Camera,
            proto::TrackSource::Microphone => TrackSource::Microphone,
            proto::TrackSource::ScreenShare => TrackSource::ScreenShare,
            proto::TrackSource::ScreenShareAudio => TrackSource::ScreenShareAudio,
        },
        muted: t.muted,
        width: t.width,
        height: t.height,
        simulcast: t.layers.len() > 1 || t.codecs.iter().any(|c| c.layers.len() > 1),
        mime: if t.mime_type.is_empty() {
            t.codecs.first().map(|c| c.mime_type.clone()).unwrap_or_default()
        } else {
            t.mime_type.clone()
        },
        stream: t.stream.clone(),
        stereo: stereo(t),
    })
}

pub(super) fn quality(q: proto::ConnectionQuality) -> ConnectionQuality {
    match q {
        proto::ConnectionQuality::Excellent => ConnectionQuality::Excellent,
        proto::ConnectionQuality::Good => ConnectionQuality::Good,
        proto::ConnectionQuality::Poor => ConnectionQuality::Poor,
        proto::ConnectionQuality::Lost => ConnectionQuality::Lost,
    }
}

pub(super) fn reason(n: i32) -> DisconnectReason {
    use proto::DisconnectReason as R;
    match R::try_from(n) {
        Ok(R::ClientInitiated) => DisconnectReason::ClientInitiated,
        Ok(R::DuplicateIdentity) => DisconnectReason::DuplicateIdentity,
        Ok(R::ServerShutdown) => DisconnectReason::ServerShutdown,
        Ok(R::ParticipantRemoved) => DisconnectReason::ParticipantRemoved,
        Ok(R::RoomDeleted) => DisconnectReason::RoomDeleted,
        Ok(R::RoomClosed) => DisconnectReason::RoomClosed,
        Ok(R::StateMismatch) => DisconnectReason::StateMismatch,
        Ok(R::JoinFailure) => DisconnectReason::JoinFailure,
        Ok(R::Migration) => DisconnectReason::Migration,
        Ok(R::SignalClose) => DisconnectReason::SignalClose,
        Ok(R::ConnectionTimeout) => DisconnectReason::ConnectionTimeout,
        _ => DisconnectReason::Other(n),
    }
}

/// What the server wants after a leave message; old servers only say whether coming back is allowed.
pub(super) fn action(leave: &proto::LeaveRequest) -> Action {
    match leave.action() {
        Action::Disconnect if leave.can_reconnect => Action::Reconnect,
        action => action,
    }
}

/// By its older name or its newer one.
#[allow(deprecated)]
fn stereo(t: &proto::TrackInfo) -> bool {
    t.stereo || t.audio_features().any(|feature| feature == proto::AudioTrackFeature::TfStereo)
}

/// The wish to publish, in the protocol's words: also in the older ones, for servers that read only those.
#[allow(deprecated)]
pub(super) fn add_track(options: &PublishOptions, cid: &str, muted: bool) -> proto::AddTrackRequest {
    let source = match options.source {
        TrackSource::Unknown => proto::TrackSource::Unknown,
        TrackSource::Camera => proto::TrackSource::Camera,
        TrackSource::Microphone => proto::TrackSource::Microphone,
        TrackSource::ScreenShare => proto::TrackSource::ScreenShare,
        TrackSource::ScreenShareAudio => proto::TrackSource::ScreenShareAudio,
    };
    let mut request = proto::AddTrackRequest {
        cid: cid.to_owned(),
        name: options.name.clone(),
        source: source.into(),
        muted,
        stream: options.stream.clone(),
        ..proto::AddTrackRequest::default()
    };
    match &options.media {
        PublishMedia::Audio(a) => {
            request.set_type(proto::TrackType::Audio);
            request.disable_dtx = !a.dtx;
            request.stereo = a.stereo;
            if a.stereo {
                request.push_audio_features(proto::AudioTrackFeature::TfStereo);
            }
            request.disable_red = true;
        }
        PublishMedia::Video(v) => {
            request.set_type(proto::TrackType::Video);
            request.width = v.width;
            request.height = v.height;
            request.layers = layers(options);
            request.simulcast_codecs = vec![proto::SimulcastCodec {
                codec: "h264".into(),
                cid: cid.to_owned(),
                layers: request.layers.clone(),
                ..proto::SimulcastCodec::default()
            }];
        }
    }
    request
}

/// The layers of a video track, lowest quality first.
fn layers(options: &PublishOptions) -> Vec<proto::VideoLayer> {
    let PublishMedia::Video(v) = &options.media else { return Vec::new() };
    let layer = |quality: proto::VideoQuality, width, height, bps: u64, rid: &str| proto::VideoLayer {
        quality: quality.into(),
        width,
        height,
        bitrate: u32::try_from(bps).unwrap_or(u32::MAX),
        rid: rid.to_owned(),
        ..proto::VideoLayer::default()
    };
    if v.layers.is_empty() {
        return vec![layer(proto::VideoQuality::High, v.width, v.height, v.max_bitrate_bps, "")];
    }
    let qualities = [proto::VideoQuality::Low, proto::VideoQuality::Medium, proto::VideoQuality::High];
    v.layers
        .iter()
        .zip(qualities)
        .map(|(l, quality)| layer(quality, l.width, l.height, l.max_bitrate_bps, &l.rid))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    #[allow(deprecated)]
    fn two_channels_are_announced_and_known_by_both_of_their_names() {
        let request = add_track(&PublishOptions::screen_sound(), "c", false);
        assert!(request.stereo && request.audio_features().any(|f| f == proto::AudioTrackFeature::TfStereo));
        let request = add_track(&PublishOptions::microphone(), "c", false);
        assert!(!request.stereo && request.audio_features.is_empty());

        let mut info = proto::TrackInfo { r#type: proto::TrackType::Audio.into(), ..Default::default() };
        assert!(!track(&info).unwrap().stereo);
        info.push_audio_features(proto::AudioTrackFeature::TfStereo);
        assert!(track(&info).unwrap().stereo);
        let older = proto::TrackInfo { stereo: true, audio_features: Vec::new(), ..info };
        assert!(track(&older).unwrap().stereo);
    }
}
