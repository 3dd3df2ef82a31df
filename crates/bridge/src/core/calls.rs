//! What a page calls once it is bound to its launch.

use beckon_protocol::{
    Code,
    channel::{Call, app::LaunchState},
    rpc::{Id, Message, RpcError},
};
use serde_json::Value;

use super::{CallId, ConnectionId, Core, Effect, EndReason, LaunchId, Pending, WAITING_MAX};

impl Core {
    pub(super) fn request(&mut self, launch: LaunchId, from: ConnectionId, id: Id, method: &str, params: Value) {
        let call = match Call::parse(method, params) {
            Ok(Call::Hello(_) | Call::Prove(_)) => {
                let error = RpcError::new(Code::BadMessage, "this channel is open already");
                return self.refuse(from, Some(id), error);
            }
            Ok(call) => call,
            Err(error) => return self.refuse(from, Some(id), error),
        };
        let Some(entry) = self.launches.get_mut(&launch) else { return };
        if let Some(error) = entry.refusal.take() {
            self.refuse(from, Some(id), error);
            return self.end(launch, EndReason::Refused);
        }
        match entry.state {
            LaunchState::Ready => self.call(launch, from, id, call),
            LaunchState::Denied => self.refuse(from, Some(id), RpcError::of(Code::ConsentDenied)),
            LaunchState::AwaitingConsent if entry.waiting.len() < WAITING_MAX => entry.waiting.push((id, call)),
            LaunchState::AwaitingConsent => {
                let why = format!("{WAITING_MAX} calls wait for the person's consent already");
                self.refuse(from, Some(id), RpcError::new(Code::TooManyMessages, why));
            }
        }
    }

    /// Hands an allowed page's call to the app.
    pub(super) fn call(&mut self, launch: LaunchId, from: ConnectionId, id: Id, call: Call) {
        let Some(entry) = self.launches.get_mut(&launch) else { return };
        let opens_room = if let Call::RoomOpen(open) = &call {
            if entry.has_room() {
                return self.refuse(from, Some(id), RpcError::of(Code::AlreadyOpen));
            }
            entry.opening = true;
            entry.close_with_page = open.custom.close_with_page;
            true
        } else {
            if !entry.has_room() {
                return self.refuse(from, Some(id), RpcError::of(Code::NoRoom));
            }
            false
        };
        let origin = entry.launch.origin.clone();
        self.next_call += 1;
        let call_id = CallId(self.next_call);
        self.calls.insert(call_id, Pending { launch, connection: from, id, opens_room });
        self.effects.push(Effect::Call { id: call_id, launch, origin, call });
    }

    pub(super) fn reply(&mut self, call: CallId, outcome: Result<Value, RpcError>) {
        let Some(pending) = self.calls.remove(&call) else { return };
        let Some(entry) = self.launches.get_mut(&pending.launch) else { return };
        if pending.opens_room && entry.opening {
            entry.opening = false;
            // A room that ended before its opening was answered has told so by `closed`, which cleared `opening`.
            entry.in_room |= outcome.is_ok();
            if outcome.is_err() {
                (entry.in_room, entry.room, entry.members) = (false, None, None);
            }
        }
        let over = entry.is_over();
        if self.connections.contains_key(&pending.connection) {
            let text = Message::Response { id: Some(pending.id), outcome }.to_text();
            self.effects.push(Effect::Send { connection: pending.connection, text });
        }
        if over {
            self.end(pending.launch, EndReason::PageGone);
        }
    }
}
