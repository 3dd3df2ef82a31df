//! The calls about rooms.

use std::time::Instant;

use axum::{
    Json,
    extract::{ConnectInfo, Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use beckon_protocol::{
    Code,
    room::{Role, RoomId},
    service::{CreateRoom, EnterRoom, Entrance, GuestEntrance, GuestEntry, Room, RoomList},
};
use serde::Deserialize;

use super::{Api, ApiFailure, Body, Client, unix_now};
use crate::room::{Entry, Person, RoomError};
use crate::server::Peer;

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Page {
    count: usize,
    index: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { count: 20, index: 0 }
    }
}

fn room_id(text: &str) -> Result<RoomId, ApiFailure> {
    text.parse().map_err(|error: beckon_protocol::room::IdError| {
        ApiFailure::new(Code::RoomIdInvalid, error.to_string()).with_field("roomID")
    })
}

impl Api {
    fn entrance(&self, client: &Client, entry: Entry, invites: bool) -> Entrance {
        let url = match self.rooms.engine().client_url() {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => client.socket(),
        };
        let guest_link = match entry.room.room_id.parse::<RoomId>() {
            Ok(room) if invites && self.guests => {
                let invitation = self.accounts.invite(&room, unix_now());
                format!("{}/join/{room}?i={}", client.web(), invitation.expose())
            }
            _ => String::new(),
        };
        Entrance { room: entry.room, url, token: entry.token, role: entry.role, guest_link }
    }
}

pub(super) async fn create(
    State(api): State<Api>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Result<Body<CreateRoom>, ApiFailure>,
) -> Result<(StatusCode, Json<Entrance>), ApiFailure> {
    let caller = api.caller(&headers)?;
    let Body(wish) = body?;
    let entry = api.rooms.create(&caller, wish, unix_now()).await?;
    let client = api.clients.read(peer, &headers);
    Ok((StatusCode::CREATED, Json(api.entrance(&client, entry, true))))
}

pub(super) async fn enter(
    State(api): State<Api>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Result<Body<EnterRoom>, ApiFailure>,
) -> Result<Json<Entrance>, ApiFailure> {
    let caller = api.caller(&headers)?;
    let Body(wish) = body?;
    let person = Person { name: wish.user_name, avatar: wish.user_avatar };
    let entry = api.rooms.enter(&caller, &room_id(&room)?, &person).await?;
    let client = api.clients.read(peer, &headers);
    Ok(Json(api.entrance(&client, entry, true)))
}

pub(super) async fn guest(
    State(api): State<Api>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
    Body(wish): Body<GuestEntry>,
) -> Result<Json<GuestEntrance>, ApiFailure> {
    if !api.guests {
        return Err(ApiFailure::new(Code::Forbidden, "this server does not let guests in"));
    }
    let room = room_id(&wish.room_id)?;
    let client = api.clients.read(peer, &headers);
    let (from, now, clock) = (client.address, unix_now(), Instant::now());
    api.accounts.check_guest(from, &room, clock)?;
    if !(api.open_guests && wish.invitation.is_empty()) {
        api.accounts.check_invitation(wish.invitation.expose(), &room, now).map_err(|_| {
            api.accounts.guest_failed(from, clock);
            ApiFailure::new(Code::TokenInvalid, "the invitation is missing, wrong or has expired; ask for a fresh link")
                .with_field("invitation")
        })?;
    }
    let person = Person { name: wish.user_name, avatar: String::new() };
    let known = api.accounts.guest_of(wish.pass.expose(), &room, now);
    let (guest, entry) = api.rooms.enter_as_guest(&room, known, &person).await.inspect_err(|error| {
        if matches!(error, RoomError::NotFound(_)) {
            api.accounts.guest_failed(from, clock);
        }
    })?;
    // An audience takes nobody's seat.
    if entry.role != Role::Audience {
        api.accounts.guest_seated(from, &room, clock);
    }
    let pass = api.accounts.guest_pass(&room, &guest, now);
    Ok(Json(GuestEntrance { entrance: api.entrance(&client, entry, false), pass }))
}

pub(super) async fn list(
    State(api): State<Api>,
    headers: HeaderMap,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<RoomList>, ApiFailure> {
    let caller = api.caller(&headers)?;
    let Query(page) = page.map_err(|error| ApiFailure::new(Code::WrongParameter, error.body_text()))?;
    Ok(Json(api.rooms.list(&caller, page.count, page.index)))
}

pub(super) async fn get(
    State(api): State<Api>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Room>, ApiFailure> {
    let caller = api.caller(&headers)?;
    Ok(Json(api.rooms.get(&caller, &room_id(&room)?)?))
}

pub(super) async fn leave(
    State(api): State<Api>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiFailure> {
    let caller = api.caller(&headers)?;
    api.rooms.leave(&caller, &room_id(&room)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn destroy(
    State(api): State<Api>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiFailure> {
    let caller = api.caller(&headers)?;
    api.rooms.destroy(&caller, &room_id(&room)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
