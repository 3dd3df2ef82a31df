//! Data messages: from one participant's data channels to the others'.

use bytes::Bytes;
use livekit_protocol as proto;
use prost::Message as _;
use proto::data_packet::Value;
use str0m::channel::{ChannelData, ChannelId};

use crate::ids::{ParticipantKey, Side, TransportId};
use crate::publisher::Delivery;
use crate::room::Room;

/// Larger messages are not passed on: what all clients can take, including those that do not say what they take (RFC 8841, 6.1).
const MAX_MESSAGE: usize = 64 * 1_024;

/// A message from the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerData {
    /// The message.
    pub payload: Vec<u8>,
    /// Topic it belongs to.
    pub topic: Option<String>,
    /// Identities of those who get it; empty means all.
    pub destinations: Vec<String>,
    /// Delivered for certain and in order, or at most once.
    pub reliable: bool,
}

impl Room {
    pub(crate) fn on_channel(&mut self, key: ParticipantKey, id: ChannelId, label: &str) {
        let delivery = match label {
            "_reliable" => Delivery::Reliable,
            "_lossy" => Delivery::Lossy,
            other => {
                tracing::debug!(label = other, "data channel of unknown purpose");
                return;
            }
        };
        if let Some(p) = self.get_mut(key) {
            p.publisher.channels.insert(id, delivery);
        }
    }

    pub(crate) fn on_data(&mut self, key: ParticipantKey, data: ChannelData) {
        let Some(p) = self.get_mut(key) else { return };
        let Some(&delivery) = p.publisher.channels.get(&data.id) else { return };
        if !p.admission.can_publish_data {
            return;
        }
        let packet = proto::DataPacket::decode(data.data.as_slice());
        let Some(mut packet) = packet.ok().filter(|_| data.data.len() <= MAX_MESSAGE) else {
            tracing::debug!(participant = key.0, bytes = data.data.len(), "a data message is not one, or too large");
            self.stats.datagrams_refused += 1;
            return;
        };
        if delivery == Delivery::Reliable && packet.sequence > 0 {
            // Sent again after a resume although it had come.
            if packet.sequence <= p.publisher.last_reliable {
                return;
            }
            p.publisher.last_reliable = packet.sequence;
        }
        let hidden = p.admission.hidden;
        let (sid, identity) = if hidden { Default::default() } else { (p.sid.clone(), p.identity().to_owned()) };
        let destinations = fill_in_sender(&mut packet, &sid, &identity);
        self.deliver(Some(key), delivery, &packet, &destinations);
    }

    /// Sends a message of the server's own.
    pub fn send_data(&mut self, now: std::time::Instant, data: ServerData) {
        #[allow(deprecated)] // older clients read the old fields
        let packet = proto::DataPacket {
            kind: if data.reliable { proto::data_packet::Kind::Reliable } else { proto::data_packet::Kind::Lossy }
                as i32,
            destination_identities: data.destinations.clone(),
            value: Some(Value::User(proto::UserPacket {
                payload: data.payload,
                topic: data.topic,
                ..Default::default()
            })),
            ..Default::default()
        };
        let delivery = if data.reliable { Delivery::Reliable } else { Delivery::Lossy };
        self.deliver(None, delivery, &packet, &data.destinations);
        self.drive(now);
    }

    fn deliver(&mut self, from: Option<ParticipantKey>, delivery: Delivery, packet: &proto::DataPacket, to: &[String]) {
        let bytes = Bytes::from(packet.encode_to_vec());
        for key in self.keys() {
            let Some(p) = self.get_mut(key) else { continue };
            let meant = to.is_empty() || to.iter().any(|t| t == p.identity() || *t == p.sid);
            if Some(key) == from || !meant || !p.admission.can_subscribe {
                continue;
            }
            p.subscriber.send_data(delivery, bytes.clone());
            self.mark_dirty(TransportId { participant: key, side: Side::Subscriber });
        }
    }

    /// Sends what waits for room in a subscriber's data channel.
    pub(crate) fn flush_data(&mut self, key: ParticipantKey) {
        if self.get_mut(key).is_some_and(|p| p.subscriber.flush_data()) {
            self.mark_dirty(TransportId { participant: key, side: Side::Subscriber });
        }
    }
}

/// Writes who it comes from into a packet, whatever the sender claimed. Gives who it is for: all
/// the identities and sids it names, in the new fields and the old.
#[allow(deprecated)]
fn fill_in_sender(packet: &mut proto::DataPacket, sid: &str, identity: &str) -> Vec<String> {
    packet.participant_sid = sid.to_owned();
    packet.participant_identity = identity.to_owned();
    let mut destinations = packet.destination_identities.clone();
    if let Some(Value::User(user)) = &mut packet.value {
        user.participant_sid = sid.to_owned();
        user.participant_identity = identity.to_owned();
        destinations.extend(user.destination_sids.iter().cloned());
        destinations.extend(user.destination_identities.iter().cloned());
    }
    destinations
}

#[cfg(test)]
#[allow(deprecated)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_cannot_claim_to_be_another() {
        let mut packet = proto::DataPacket {
            participant_identity: "mallory-says-alice".into(),
            value: Some(Value::User(proto::UserPacket {
                participant_sid: "PA_alice".into(),
                destination_sids: vec!["PA_bob".into()],
                ..Default::default()
            })),
            destination_identities: vec!["carol".into()],
            ..Default::default()
        };
        let to = fill_in_sender(&mut packet, "PA_mallory", "mallory");
        assert_eq!(to, ["carol", "PA_bob"]);
        assert_eq!(packet.participant_identity, "mallory");
        let Some(Value::User(user)) = packet.value else { panic!("not a user packet") };
        assert_eq!((user.participant_sid.as_str(), user.participant_identity.as_str()), ("PA_mallory", "mallory"));
    }
}
