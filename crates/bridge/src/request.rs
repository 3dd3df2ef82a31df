//! What the bridge asks of the app.

use std::marker::PhantomData;

use beckon_protocol::{
    Code,
    channel::page::{ChatSend, MediaSet, RoomClose, RoomOpen, RoomOpened},
    launch::Origin,
    rpc::RpcError,
};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    core::{CallId, EndReason, LaunchId},
    shell::Command,
};

/// Something a page wants, or that happened to it.
#[derive(Debug)]
pub enum Request {
    /// A page with the right key stands at the door: may it open rooms? Answer with
    /// [`crate::Bridge::answer_consent`], at once where it was allowed before.
    Consent {
        /// The launch.
        launch: LaunchId,
        /// Whose page it is.
        origin: Origin,
        /// The relay's host (and port) when the page came through a relay. The app then has only that host's word for the
        /// origin, so what is remembered ("Always") must be remembered for the pair of origin and relay.
        relay: Option<String>,
    },
    /// `room.open`: answer once the room is joined, or with what failed.
    RoomOpen {
        /// The launch.
        launch: LaunchId,
        /// Whose page it is.
        origin: Origin,
        /// Who joins what; already checked.
        open: Box<RoomOpen>,
        /// Where the answer goes.
        reply: Reply<RoomOpened>,
    },
    /// `room.close`: answer once the room is left.
    RoomClose {
        /// The launch.
        launch: LaunchId,
        /// Which room.
        close: RoomClose,
        /// Where the answer goes.
        reply: Reply<()>,
    },
    /// `chat.send`
    ChatSend {
        /// The launch.
        launch: LaunchId,
        /// The text.
        chat: ChatSend,
        /// Where the answer goes.
        reply: Reply<()>,
    },
    /// `media.set`
    MediaSet {
        /// The launch.
        launch: LaunchId,
        /// What to turn on or off.
        set: MediaSet,
        /// Where the answer goes.
        reply: Reply<()>,
    },
    /// `window.focus`: bring the room's window to the front.
    WindowFocus {
        /// The launch.
        launch: LaunchId,
        /// Where the answer goes.
        reply: Reply<()>,
    },
    /// The page went away and did not come back within the grace time. It may still come back as long as its room is open.
    PageGone {
        /// The launch.
        launch: LaunchId,
        /// The page asked that its room closes with it (`custom.closeWithPage`).
        close_room: bool,
    },
    /// The launch is over: nothing more comes of it, and a consent question still on the screen has no asker any more.
    Ended {
        /// The launch.
        launch: LaunchId,
        /// Why.
        reason: EndReason,
    },
}

/// Where the answer to one call goes. Dropped without an answer, it tells the page [`Code::Internal`].
pub struct Reply<T> {
    call: CallId,
    commands: Option<UnboundedSender<Command>>,
    answer: PhantomData<fn(T)>,
}

impl<T> std::fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({:?})", self.call)
    }
}

impl<T: Serialize> Reply<T> {
    pub(crate) fn new(call: CallId, commands: UnboundedSender<Command>) -> Self {
        Self { call, commands: Some(commands), answer: PhantomData }
    }

    /// The call did what was asked.
    pub fn ok(self, answer: T) {
        match serde_json::to_value(answer) {
            Ok(value) => self.send(Ok(value)),
            Err(error) => self.send(Err(RpcError::new(Code::Internal, error.to_string()))),
        }
    }

    /// The call failed.
    pub fn fail(self, error: RpcError) {
        self.send(Err(error));
    }

    /// Passes a result on.
    pub fn result(self, result: Result<T, RpcError>) {
        match result {
            Ok(answer) => self.ok(answer),
            Err(error) => self.fail(error),
        }
    }

    fn send(mut self, outcome: Result<Value, RpcError>) {
        if let Some(commands) = self.commands.take() {
            // A bridge that is gone has no page to answer.
            let _ = commands.send(Command::Reply { call: self.call, outcome });
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(commands) = self.commands.take() {
            let outcome = Err(RpcError::of(Code::Internal));
            let _ = commands.send(Command::Reply { call: self.call, outcome });
        }
    }
}
