//! What is asked of a worker, and how a client's signalling hangs on its room.

use beckon_sfu::{ConnectionId, JoinError, JoinRequest, Joined, LeaveReason};
use bytes::BytesMut;
use livekit_protocol as proto;
use tokio::sync::{mpsc, oneshot};

use super::config::RoomSpec;
use super::route::{RoomNumber, Route};

/// Messages that may wait for a slow client before it is given up.
pub(super) const SIGNAL_QUEUE: usize = 1_024;

/// What goes out on a signalling connection.
#[derive(Debug)]
pub enum SignalOut {
    /// A message.
    Message(Box<proto::signal_response::Message>),
    /// Nothing more comes: close.
    Close,
}

/// A client's link to its room, from the signalling side.
#[derive(Debug)]
pub struct SignalLink {
    pub(super) worker: std::sync::mpsc::Sender<ToWorker>,
    pub(super) room: RoomNumber,
    pub(super) connection: ConnectionId,
    /// Messages for the client. The channel ends when the room has nothing more to say.
    pub outgoing: mpsc::Receiver<SignalOut>,
    /// Sid of the participant.
    pub sid: String,
}

impl SignalLink {
    /// Gives a message of the client to the room.
    pub fn send(&self, request: proto::signal_request::Message) {
        self.command(RoomCommand::Signal(self.connection, Box::new(request)));
    }

    fn command(&self, command: RoomCommand) {
        // A worker that is gone has ended its rooms.
        let _ = self.worker.send(ToWorker::Room(self.room, command));
    }
}

impl Drop for SignalLink {
    fn drop(&mut self) {
        self.command(RoomCommand::SignalClosed(self.connection));
    }
}

/// The room's end of a link without a room: what a test sees of what the signalling side gives to it.
#[cfg(test)]
pub(crate) struct Told(std::sync::mpsc::Receiver<ToWorker>);

#[cfg(test)]
impl Told {
    /// The client's messages so far.
    pub(crate) fn heard(&self) -> Vec<proto::signal_request::Message> {
        let message = |to_worker| match to_worker {
            ToWorker::Room(_, RoomCommand::Signal(_, message)) => Some(*message),
            _ => None,
        };
        self.0.try_iter().filter_map(message).collect()
    }
}

#[cfg(test)]
impl SignalLink {
    /// A link with nobody behind it: what it is given, and the way to its client.
    pub(crate) fn apart() -> (Self, Told, mpsc::Sender<SignalOut>) {
        let (worker, told) = std::sync::mpsc::channel();
        let (to_client, outgoing) = mpsc::channel(8);
        let link = Self { worker, room: RoomNumber(0), connection: ConnectionId(0), outgoing, sid: "PA_1".into() };
        (link, Told(told), to_client)
    }
}

/// A datagram on its way to its room.
#[derive(Debug)]
pub(super) struct Datagram {
    pub route: Route,
    pub protocol: beckon_sfu::Protocol,
    pub from: std::net::SocketAddr,
    pub local: std::net::SocketAddr,
    pub bytes: BytesMut,
}

/// What a worker is given.
#[derive(Debug)]
pub(super) enum ToWorker {
    Datagrams(Vec<Datagram>),
    NewRoom {
        number: RoomNumber,
        name: String,
        spec: RoomSpec,
        reply: oneshot::Sender<proto::Room>,
    },
    Room(RoomNumber, RoomCommand),
    Stop,
    /// The program fails, outside of any room.
    #[cfg(test)]
    Fail,
}

/// What is asked of a room.
#[derive(Debug)]
pub(super) enum RoomCommand {
    MayJoin(Box<JoinRequest>, oneshot::Sender<Result<(), JoinError>>),
    Join(Box<JoinRequest>, mpsc::Sender<SignalOut>, oneshot::Sender<Result<Joined, JoinError>>),
    Signal(ConnectionId, Box<proto::signal_request::Message>),
    SignalClosed(ConnectionId),
    Configure(RoomSpec, oneshot::Sender<proto::Room>),
    Info(oneshot::Sender<proto::Room>),
    Participants(oneshot::Sender<Vec<proto::ParticipantInfo>>),
    Remove(String, oneshot::Sender<bool>),
    Close(LeaveReason, oneshot::Sender<()>),
}
