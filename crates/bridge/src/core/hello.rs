//! The first message: a page shows its key and is bound to its launch.

use beckon_protocol::{
    Code, Secret,
    channel::{self, Call, app::LaunchState, page::Welcome},
    launch::LaunchKey,
    rpc::{Id, Message, RpcError},
};
use serde_json::Value;

use super::{ConnectionId, Core, Effect, LaunchId, Road, fresh_key};

impl Core {
    pub(super) fn hello(&mut self, id: ConnectionId, call: Id, method: &str, params: Value) {
        if method != "hello" {
            let why = "the first message must be `hello`, with the key";
            self.turn_away(id, Some(call), RpcError::new(Code::WrongKey, why));
            return;
        }
        let hello = match Call::parse(method, params) {
            Ok(Call::Hello(hello)) => hello,
            Ok(_) => return,
            Err(error) => return self.turn_away(id, Some(call), error),
        };
        if hello.version == 0 {
            let error = RpcError::new(Code::WrongParameter, "`version` must be 1 or more").at("version");
            return self.turn_away(id, Some(call), error);
        }
        let Some(launch) = self.launch_of(id, &hello.key) else {
            return self.turn_away(id, Some(call), RpcError::of(Code::WrongKey));
        };
        tracing::info!(?launch, shim = %hello.shim.chars().take(20).collect::<String>(), "page connected");
        self.welcome(launch, id, call, hello.version);
    }

    /// The launch that this connection's origin and key open.
    fn launch_of(&self, id: ConnectionId, key: &Secret) -> Option<LaunchId> {
        let connection = self.connections.get(&id)?;
        let key = LaunchKey::parse(key.expose()).ok()?;
        let mut found = None;
        // All launches are compared, so that the time taken says nothing of which one matched.
        for (launch, entry) in &self.launches {
            let right_road = match connection.road {
                Road::Loopback => true,
                Road::Relay(own) => own == *launch,
            };
            if entry.takes(&key) & right_road & (entry.launch.origin == connection.origin) {
                found = Some(*launch);
            }
        }
        found
    }

    fn welcome(&mut self, launch: LaunchId, id: ConnectionId, call: Id, version: u32) {
        let resume = fresh_key();
        let Some(entry) = self.launches.get_mut(&launch) else { return };
        let earlier = entry.connection.replace(id);
        entry.key = None;
        entry.resume = Some(resume.clone());
        entry.away = None;
        entry.gone = false;
        entry.waiting.clear();
        let welcome = Welcome {
            version: version.min(channel::VERSION),
            app: if entry.state == LaunchState::Ready { self.app_version.clone() } else { String::new() },
            resume_key: Secret::new(resume.expose()),
            state: entry.state,
            room: entry.room.clone(),
        };
        let missed = entry.take_missed();
        let ask = !std::mem::replace(&mut entry.asked, true);
        let origin = entry.launch.origin.clone();
        let relay_host = entry.relay_host();

        if let Some(earlier) = earlier {
            self.close(earlier, channel::CLOSE_REPLACED, "the page connected anew");
        }
        let mut by_relay = false;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.launch = Some(launch);
            by_relay = connection.road != Road::Loopback;
        }
        if !by_relay {
            self.close_relay(launch);
        }
        // Welcome holds strings, numbers and enumerations only, whose serialisation cannot fail.
        let outcome = Ok(serde_json::to_value(welcome).unwrap_or(Value::Null));
        let text = Message::Response { id: Some(call), outcome }.to_text();
        self.effects.push(Effect::Send { connection: id, text });
        for event in missed {
            self.effects.push(Effect::Send { connection: id, text: event.to_message().to_text() });
        }
        if ask {
            let relay = relay_host.filter(|_| by_relay);
            self.effects.push(Effect::AskConsent { launch, origin, relay });
        }
    }
}
