//! Who is in the room, as the window and the page see it.

use std::collections::{BTreeMap, HashMap, HashSet};

use beckon_media::layout::TileId;
use beckon_protocol::room::Role;
use beckon_rtc::{
    ConnectionQuality, Identity, ParticipantInfo, RoomEvent, Speaker, TrackInfo, TrackKind, TrackSid, TrackSource,
};
use serde::Deserialize;

use crate::request::Entry;
use crate::sound::{VOLUME_DEFAULT, VOLUME_MAX};
use crate::view::{MemberView, Quality};

/// What a track is called whose pictures or sound come from no real device.
pub(crate) const SYNTHETIC: &str = "synthetic";

/// What a Beckon server writes into a participant's metadata; other servers' metadata is left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    role: Option<Role>,
    avatar: String,
}

/// Our own end, which the server does not tell us about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Own {
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) avatar: String,
    pub(crate) role: Option<Role>,
    pub(crate) camera: bool,
    pub(crate) microphone: bool,
    pub(crate) synthetic: bool,
    /// We share a screen.
    pub(crate) screen: bool,
}

impl Own {
    /// As the page asked for it; a token tells the room who we are, not us.
    pub(crate) fn asked(entry: &Entry) -> Self {
        let Entry::Service(open) = entry else { return Self::default() };
        let user = &open.userdata;
        Self {
            user_id: user.user_id.clone(),
            name: user.user_name.clone(),
            avatar: user.user_avatar.clone(),
            ..Self::default()
        }
    }
}

/// The members.
#[derive(Debug, Default)]
pub(crate) struct Members {
    local: ParticipantInfo,
    others: Vec<ParticipantInfo>,
    creator: String,
    tiles: HashMap<(String, bool), TileId>,
    /// Where somebody changed it, percent.
    volumes: BTreeMap<String, u16>,
    seen: HashSet<TileId>,
    /// Who was there when the room was lost and has not come back.
    missing: Vec<Identity>,
}

impl Members {
    /// We are in: the list as the server gave it. Tiles of those known from before stay.
    pub(crate) fn reset(&mut self, local: ParticipantInfo, others: Vec<ParticipantInfo>) {
        self.local = local;
        self.missing.extend(self.others.drain(..).map(|p| p.identity));
        self.missing.retain(|identity| others.iter().all(|p| p.identity != *identity));
        self.others = others;
        self.seen.clear();
    }

    /// Whether somebody who was there when the room was lost has not come back.
    pub(crate) fn is_anybody_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Whoever has not come back by now is not waited for any more.
    pub(crate) fn forget_missing(&mut self) {
        self.missing.clear();
    }

    /// How loud single people are, by user ID.
    pub(crate) fn with_volumes(volumes: BTreeMap<String, u16>) -> Self {
        Self { volumes, ..Self::default() }
    }

    /// Whether the room takes tracks of ours.
    pub(crate) fn may_publish(&self) -> bool {
        self.local.permissions.publish
    }

    /// How loud somebody is from now on, percent; also after they come again.
    pub(crate) fn set_volume(&mut self, user_id: String, percent: u16) {
        self.volumes.insert(user_id, percent.min(VOLUME_MAX));
    }

    pub(crate) fn set_creator(&mut self, creator: String) {
        self.creator = creator;
    }

    /// Takes in what the room tells about people. Returns the tiles whose pictures are over.
    pub(crate) fn take(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::ParticipantJoined(p) | RoomEvent::ParticipantUpdated(p) => self.update(p.clone()),
            RoomEvent::ParticipantLeft(p) => {
                self.others.retain(|o| o.identity != p.identity);
                self.unsee(p.identity.as_str(), None);
            }
            RoomEvent::TrackPublished { identity, track } => {
                if let Some(p) = self.get_mut(identity) {
                    p.tracks.retain(|t| t.sid != track.sid);
                    p.tracks.push(track.clone());
                }
            }
            RoomEvent::TrackUnpublished { identity, track } => {
                let screen = is_screen(track.source);
                let mut replaced = false;
                if let Some(p) = self.get_mut(identity) {
                    p.tracks.retain(|t| t.sid != track.sid);
                    replaced = p.tracks.iter().any(|t| shows(t, screen) && !t.muted);
                }
                if track.kind == TrackKind::Video && !replaced {
                    self.unsee(identity.as_str(), Some(screen));
                }
            }
            RoomEvent::TrackMuted { identity, sid, muted } => {
                let mut screen = None;
                if let Some(track) = self.get_mut(identity).and_then(|p| p.tracks.iter_mut().find(|t| t.sid == *sid)) {
                    track.muted = *muted;
                    screen = (track.kind == TrackKind::Video).then(|| is_screen(track.source));
                }
                if *muted && screen.is_some() {
                    self.unsee(identity.as_str(), screen);
                }
            }
            RoomEvent::ActiveSpeakers(speakers) => self.speakers(speakers),
            RoomEvent::ConnectionQuality { identity, quality } => {
                if let Some(p) = self.get_mut(identity) {
                    p.quality = *quality;
                }
            }
            _ => {}
        }
    }

    /// The tile shows pictures.
    pub(crate) fn saw(&mut self, tile: TileId) {
        self.seen.insert(tile);
    }

    /// The number of a tile; the same for the whole session.
    pub(crate) fn tile(&mut self, identity: &str, screen: bool) -> TileId {
        let next = TileId(self.tiles.len() as u64 + 1);
        *self.tiles.entry((identity.to_owned(), screen)).or_insert(next)
    }

    /// The track whose pictures a tile shows, and of a screen its size in pixels.
    pub(crate) fn shown_in(&self, tile: TileId) -> Option<(TrackSid, Option<(u32, u32)>)> {
        let ((identity, screen), _) = self.tiles.iter().find(|(_, t)| **t == tile)?;
        let member = self.others.iter().find(|p| p.identity == *identity.as_str())?;
        let track = member.tracks.iter().rfind(|t| shows(t, *screen))?;
        let size = (track.width, track.height);
        Some((track.sid.clone(), Some(size).filter(|&(width, height)| *screen && width > 0 && height > 0)))
    }

    /// The name to show for somebody.
    pub(crate) fn name_of(&self, identity: &Identity) -> (String, String) {
        let member = self.others.iter().chain([&self.local]).find(|p| p.identity == *identity);
        let Some(member) = member else { return (identity.to_string(), String::new()) };
        (name(member), metadata(member).avatar)
    }

    /// Everybody, ourselves included, who have this role: the creator first, then in order of joining.
    pub(crate) fn views(&mut self, own: &Own, own_role: Option<Role>) -> Vec<MemberView> {
        let mut list: Vec<(i64, MemberView)> = Vec::with_capacity(self.others.len() + 1);
        for p in self.others.clone() {
            list.push((p.joined_at_ms, self.view(&p)));
        }
        let user_id = if self.local.identity.is_empty() { &own.user_id } else { self.local.identity.as_str() };
        if !user_id.is_empty() {
            let local = self.local.clone();
            let joined = if local.sid.is_empty() { i64::MAX } else { local.joined_at_ms };
            let user_id = user_id.to_owned();
            let mut view = self.view(&ParticipantInfo { identity: user_id.as_str().into(), ..local });
            view.is_local = true;
            view.camera = own.camera;
            view.camera_connecting = false;
            view.microphone = own.microphone;
            view.synthetic = own.synthetic;
            view.screen_tile = own.screen.then(|| self.tile(&user_id, true).0);
            if let Some(role) = own_role {
                view.role = role;
            }
            if view.user_name == user_id && !own.name.is_empty() {
                view.user_name.clone_from(&own.name);
            }
            if view.user_avatar.is_empty() {
                view.user_avatar.clone_from(&own.avatar);
            }
            list.push((joined, view));
        }
        list.sort_by(|(ja, a), (jb, b)| {
            let late = |m: &MemberView| m.role != Role::Creator;
            late(a).cmp(&late(b)).then(ja.cmp(jb)).then_with(|| a.user_id.cmp(&b.user_id))
        });
        list.into_iter().map(|(_, view)| view).collect()
    }

    fn view(&mut self, p: &ParticipantInfo) -> MemberView {
        let metadata = metadata(p);
        // The newest: one that is published anew is there beside the one before for a while.
        let camera = p.tracks.iter().rfind(|t| shows(t, false));
        let screen = p.tracks.iter().any(|t| shows(t, true));
        let microphone = p.tracks.iter().any(|t| t.source == TrackSource::Microphone && !t.muted);
        let tile = self.tile(p.identity.as_str(), false);
        let camera_on = camera.is_some_and(|t| !t.muted);
        let role = match metadata.role {
            _ if !self.creator.is_empty() && p.identity == *self.creator.as_str() => Role::Creator,
            Some(role) => role,
            None if !p.permissions.publish => Role::Audience,
            None => Role::Member,
        };
        MemberView {
            sid: p.sid.to_string(),
            user_id: p.identity.to_string(),
            user_name: name(p),
            user_avatar: metadata.avatar,
            role,
            is_local: false,
            tile: tile.0,
            screen_tile: screen.then(|| self.tile(p.identity.as_str(), true).0),
            camera: camera_on,
            camera_connecting: camera_on && !self.seen.contains(&tile),
            microphone,
            speaking: p.speaking && microphone,
            // Coarse, so that a breath does not redraw the window.
            level: if p.speaking { (p.audio_level * 10.0).round() / 10.0 } else { 0.0 },
            quality: quality(p.quality),
            synthetic: camera.is_some_and(|t| t.name == SYNTHETIC),
            volume: self.volumes.get(p.identity.as_str()).copied().unwrap_or(VOLUME_DEFAULT).min(VOLUME_MAX),
        }
    }

    fn update(&mut self, p: ParticipantInfo) {
        self.missing.retain(|identity| *identity != p.identity);
        if p.identity == self.local.identity {
            self.local = p;
        } else if let Some(known) = self.others.iter_mut().find(|o| o.identity == p.identity) {
            *known = p;
        } else {
            self.others.push(p);
        }
    }

    fn speakers(&mut self, speakers: &[Speaker]) {
        for p in self.others.iter_mut().chain([&mut self.local]) {
            let level = speakers.iter().find(|s| s.identity == p.identity).map(|s| s.level);
            p.speaking = level.is_some();
            p.audio_level = level.unwrap_or(0.0);
        }
    }

    fn get_mut(&mut self, identity: &Identity) -> Option<&mut ParticipantInfo> {
        self.others.iter_mut().chain([&mut self.local]).find(|p| p.identity == *identity)
    }

    fn unsee(&mut self, identity: &str, screen: Option<bool>) {
        for ((who, what), tile) in &self.tiles {
            if who == identity && screen.is_none_or(|s| s == *what) {
                self.seen.remove(tile);
            }
        }
    }
}

/// Whether the track fills the camera tile or the screen tile of its publisher.
fn shows(track: &TrackInfo, screen: bool) -> bool {
    track.kind == TrackKind::Video && is_screen(track.source) == screen
}

/// Whether pictures of this source fill the screen tile, or sound belongs to it.
pub(crate) fn is_screen(source: TrackSource) -> bool {
    matches!(source, TrackSource::ScreenShare | TrackSource::ScreenShareAudio)
}

fn metadata(p: &ParticipantInfo) -> Metadata {
    serde_json::from_str(&p.metadata).unwrap_or_default()
}

fn name(p: &ParticipantInfo) -> String {
    if p.name.is_empty() { p.identity.to_string() } else { p.name.clone() }
}

fn quality(quality: ConnectionQuality) -> Quality {
    match quality {
        ConnectionQuality::Unknown => Quality::Unknown,
        ConnectionQuality::Excellent => Quality::Excellent,
        ConnectionQuality::Good => Quality::Good,
        ConnectionQuality::Poor => Quality::Poor,
        ConnectionQuality::Lost => Quality::Lost,
    }
}
