//! The first messages: page and app prove to each other that they know the key, and the page is bound to its launch.

use beckon_protocol::{
    Code,
    channel::{
        self, Call,
        app::LaunchState,
        page::{Challenge, Hello, Welcome},
        proof::{Handshake, Nonce, Place, Side},
    },
    launch::LaunchKey,
    rpc::{Id, Message, RpcError},
};
use serde::Serialize;
use serde_json::Value;

use super::{ConnectionId, Core, Effect, LaunchId, Road};

/// What a connection has to prove.
#[derive(Debug)]
pub(super) struct Challenged {
    launch: LaunchId,
    key: LaunchKey,
    handshake: Handshake,
}

impl Core {
    /// Answers the messages of a connection that is not bound to a launch yet.
    pub(super) fn greet(&mut self, id: ConnectionId, call: Id, method: &str, params: Value) {
        let challenged = self.connections.get_mut(&id).and_then(|connection| connection.challenged.take());
        let result = match (challenged, Call::parse(method, params)) {
            (None, Ok(Call::Hello(hello))) => self.challenge(id, &hello).map(|challenge| {
                self.answer(id, call.clone(), &challenge);
            }),
            (Some(challenged), Ok(Call::Prove(prove))) => {
                // Secrets are compared in constant time.
                if challenged.handshake.proof(&challenged.key, Side::Page) == prove.proof {
                    self.welcome(id, call.clone(), &challenged)
                } else {
                    Err(RpcError::of(Code::WrongKey))
                }
            }
            (_, Err(error)) if matches!(method, "hello" | "prove") => Err(error),
            _ => Err(RpcError::new(Code::WrongKey, "a channel opens with `hello`, then `prove`")),
        };
        if let Err(error) = result {
            self.turn_away(id, Some(call), error);
        }
    }

    /// The app proves itself, before the page has told anything that is of use to anybody.
    fn challenge(&mut self, id: ConnectionId, hello: &Hello) -> Result<Challenge, RpcError> {
        if hello.version == 0 {
            return Err(RpcError::new(Code::WrongParameter, "`version` must be 1 or more").at("version"));
        }
        let wrong_key = || RpcError::of(Code::WrongKey);
        let connection = self.connections.get(&id).ok_or_else(wrong_key)?;
        let (launch, key) = self
            .launches
            .iter()
            .filter(|(launch, entry)| {
                let right_road = match connection.road {
                    Road::Loopback(_) => true,
                    Road::Relay(own) => own == **launch,
                };
                right_road && entry.launch.origin == connection.origin
            })
            .find_map(|(launch, entry)| entry.key_named(&hello.key).map(|key| (*launch, key.clone())))
            .ok_or_else(wrong_key)?;
        let handshake = Handshake {
            place: match connection.road {
                Road::Loopback(port) => Place::Loopback(port),
                Road::Relay(_) => Place::Relay,
            },
            origin: connection.origin.clone(),
            page: hello.nonce.clone(),
            app: Nonce::random(),
        };
        tracing::info!(?launch, shim = %hello.shim.chars().take(20).collect::<String>(), "page at the door");
        let challenge = Challenge {
            version: hello.version.min(channel::VERSION),
            nonce: handshake.app.clone(),
            proof: handshake.proof(&key, Side::App),
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.challenged = Some(Challenged { launch, key, handshake });
        }
        Ok(challenge)
    }

    fn welcome(&mut self, id: ConnectionId, call: Id, challenged: &Challenged) -> Result<(), RpcError> {
        let Challenged { launch, key, handshake } = challenged;
        // Another connection may have used the key since `hello`.
        let entry = self
            .launches
            .get_mut(launch)
            .filter(|entry| [&entry.key, &entry.resume].into_iter().flatten().any(|own| own == key))
            .ok_or_else(|| RpcError::of(Code::WrongKey))?;
        let earlier = entry.connection.replace(id);
        entry.key = None;
        entry.resume = Some(handshake.resume_key(key));
        entry.away = None;
        entry.gone = false;
        entry.waiting.clear();
        let welcome = Welcome {
            app: if entry.state == LaunchState::Ready { self.app_version.clone() } else { String::new() },
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
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.launch = Some(*launch);
        }
        let by_relay = handshake.place == Place::Relay;
        if !by_relay {
            self.close_relay(*launch);
        }
        self.answer(id, call, &welcome);
        for event in missed {
            self.effects.push(Effect::Send { connection: id, text: event.to_message().to_text() });
        }
        if ask {
            let relay = relay_host.filter(|_| by_relay);
            self.effects.push(Effect::AskConsent { launch: *launch, origin, relay });
        }
        Ok(())
    }

    fn answer(&mut self, connection: ConnectionId, call: Id, answer: &impl Serialize) {
        // Both answers hold strings, numbers and enumerations only, whose serialisation cannot fail.
        let outcome = Ok(serde_json::to_value(answer).unwrap_or(Value::Null));
        self.effects.push(Effect::Send { connection, text: Message::Response { id: Some(call), outcome }.to_text() });
    }
}
