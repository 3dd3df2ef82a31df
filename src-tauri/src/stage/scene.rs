//! From the room as the session tells it to what the compositor draws.

use std::sync::Arc;

use beckon_media::{
    VideoFrame,
    compositor::{Quality as Bars, TileState, TileView},
    layout::{Template as Seats, TileId, TileKind, TileSpec},
};
use beckon_protocol::channel::app::RoomPhase;
use beckon_protocol::room::{Role, Template};
use beckon_session::{MemberView, Quality, RoomView};

/// The layout's word for the page's.
pub fn seats(template: Template) -> Seats {
    match template {
        Template::OneToOne => Seats::OneVsOne,
        Template::OneToTwo => Seats::OneVsTwo,
        Template::OneToThree => Seats::OneVsThree,
        Template::OneToFour => Seats::OneVsFour,
    }
}

/// Everything to be placed: each member's camera, and the screens they share. The audience of a live room, which may be large and has
/// nothing to show, is in the list of members only.
pub fn specs(room: &RoomView) -> Vec<TileSpec> {
    let mut specs = Vec::new();
    for member in room.members.iter().filter(|member| member.role != Role::Audience) {
        specs.push(TileSpec { id: member.tile_id(), kind: TileKind::Camera, own: member.is_local });
        // Whoever shares sees the screen itself; on the stage it would show itself, and again in that.
        if let Some(screen) = member.screen_tile.filter(|_| !member.is_local) {
            specs.push(TileSpec { id: TileId(screen), kind: TileKind::Screen, own: member.is_local });
        }
    }
    specs
}

/// What one tile shows. `frame` is its newest picture; `mirror` turns our own camera's round.
pub fn tile(room: &RoomView, spec: &TileSpec, mirror: bool, frame: Option<&VideoFrame>) -> Option<TileView> {
    let member = room.member_of_tile(spec.id)?;
    let name: Arc<str> = if member.user_name.is_empty() { &member.user_id } else { &member.user_name }.as_str().into();
    let screen = spec.kind == TileKind::Screen;
    let state = state(room, member, screen);
    let hidden = matches!(state, TileState::CameraOff | TileState::Ended);
    Some(TileView {
        id: spec.id,
        name,
        kind: spec.kind,
        own: member.is_local,
        mirror: mirror && member.is_local && !screen,
        state,
        frame: frame.filter(|_| !hidden).cloned(),
        muted: !screen && !member.microphone,
        speaking: !screen && member.speaking,
        synthetic: !screen && member.synthetic,
        quality: match member.quality {
            _ if screen || member.is_local => Bars::Unknown,
            Quality::Unknown => Bars::Unknown,
            Quality::Excellent => Bars::Good,
            Quality::Good => Bars::Fair,
            Quality::Poor | Quality::Lost => Bars::Poor,
        },
    })
}

fn state(room: &RoomView, member: &MemberView, screen: bool) -> TileState {
    match room.phase {
        RoomPhase::Ended => TileState::Ended,
        // Our own camera needs no server.
        _ if member.is_local && room.camera.on && !room.camera.running && room.camera.problem.is_none() => {
            TileState::Connecting
        }
        _ if member.is_local && room.camera.running => TileState::Live,
        _ if member.is_local && !screen => TileState::CameraOff,
        RoomPhase::Reconnecting => TileState::Reconnecting,
        _ if member.quality == Quality::Lost => TileState::Reconnecting,
        _ if screen => TileState::Live,
        _ if !member.camera => TileState::CameraOff,
        _ if member.camera_connecting => TileState::Connecting,
        _ => TileState::Live,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::tryout::alone;

    #[test]
    fn the_audience_has_no_place_among_the_pictures() {
        let mut room = alone("anchor", 1, true);
        let viewer = MemberView { role: Role::Audience, tile: 2, is_local: false, ..room.members[0].clone() };
        room.members.push(viewer);
        let placed = |room: &RoomView| specs(room).iter().map(|spec| spec.id).collect::<Vec<_>>();
        assert_eq!(placed(&room), [TileId(1)]);
        room.members[1].role = Role::Member;
        assert_eq!(placed(&room), [TileId(1), TileId(2)], "the host let them speak");
    }
}
