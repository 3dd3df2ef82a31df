//! The forwarding core of the media server, sans-IO: signalling messages, datagrams and time in;
//! signalling messages, datagrams and events out.
//!
//! A [`Room`] speaks LiveKit's signalling protocol with its participants and forwards their media.
//! Each participant has two transports: one it publishes on, one it receives on. Whoever owns the
//! room owns the sockets: it gives datagrams to [`Room::datagram`], calls [`Room::drive`] when they
//! are all in or [`Room::next_deadline`] has come, then carries out what [`Room::poll_output`] and
//! [`Room::take_datagrams`] give. Rooms share nothing; each can live on a thread of its own.
#![forbid(unsafe_code)]

mod admission;
mod asked;
mod bandwidth;
mod clock;
mod data;
mod departed;
mod downtrack;
mod dtls;
mod early;
mod event;
mod ids;
mod in_step;
mod keyframe;
mod layers;
mod media;
mod membership;
mod meter;
mod pace;
mod participant;
mod publisher;
mod quality;
mod requests;
mod rewrite;
mod room;
mod route;
mod sdp;
mod speaker;
mod standing;
mod subscriber;
mod subscription;
mod transport;
mod turns;
mod unrepaired;
mod uptrack;
mod vp8;

pub use admission::{Admission, Client, JoinError, JoinRequest};
pub use data::ServerData;
pub use dtls::new_certificate;
pub use event::{LeaveReason, RoomEvent};
pub use ids::{ConnectionId, TransportId};
pub use membership::{Joined, join_anew};
pub use room::{Output, Room, RoomConfig, RoomStats};
pub use route::{RouteChange, RouteTable};
pub use str0m::config::DtlsCert;
pub use str0m::net::{Protocol, Transmit};
pub use transport::TransportConfig;
