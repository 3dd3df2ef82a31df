//! What a client that sends in layers hears of the server, and how it sends a picture. Layers are counted from the lowest, 0.

use livekit_protocol as proto;
use proto::signal_response::Message as Response;
use str0m::media::Mid;

use super::{Packet, World};

/// Bytes of a packet's payload.
const PAYLOAD: usize = 1_100;

/// A picture of one layer.
pub struct Picture<'a> {
    pub layer: usize,
    pub rid: &'a str,
    pub timestamp: u32,
    /// In bytes.
    pub size: usize,
    pub key: bool,
}

/// Whether the server wanted each layer when it told of that last; nothing before it has.
pub fn wanted(world: &World, client: usize) -> Vec<(usize, bool)> {
    let told = world.clients[client].heard.iter().rev().find_map(|m| match m {
        Response::SubscribedQualityUpdate(u) => Some(&u.subscribed_codecs[0].qualities),
        _ => None,
    });
    let layers = told.into_iter().flatten().map(|quality| (layer_of(quality.quality()), quality.enabled));
    layers.filter_map(|(layer, enabled)| Some((layer?, enabled))).collect()
}

/// The layers of which key frames were asked for since this was asked last.
pub fn asked_for_key_frames(world: &mut World, client: usize, rids: &[&str]) -> Vec<usize> {
    let asked = std::mem::take(&mut world.clients[client].publisher.wanted_key_frames).into_iter().flatten();
    asked.map(|asked| rids.iter().position(|rid| **rid == *asked).unwrap()).collect()
}

/// Sends a picture in as many packets as it takes; each ends with its layer's number.
pub fn send(world: &mut World, client: usize, mid: Mid, picture: &Picture<'_>) {
    let pieces = picture.size.div_ceil(PAYLOAD);
    for piece in 0..pieces {
        let mut payload = if picture.key && piece == 0 {
            vec![0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce, 0, 3, 0x65, 0x88, 0x84]
        } else {
            vec![0x61, 1, 2, 3]
        };
        payload.resize((picture.size / pieces).max(payload.len()), 0);
        payload.push(picture.layer as u8);
        let marker = piece + 1 == pieces;
        let packet = Packet { pt: 108, seq: None, timestamp: picture.timestamp, payload, marker, level: None };
        world.write_packet(client, mid, Some(picture.rid), &packet);
    }
}

fn layer_of(quality: proto::VideoQuality) -> Option<usize> {
    match quality {
        proto::VideoQuality::Low => Some(0),
        proto::VideoQuality::Medium => Some(1),
        proto::VideoQuality::High => Some(2),
        proto::VideoQuality::Off => None,
    }
}
