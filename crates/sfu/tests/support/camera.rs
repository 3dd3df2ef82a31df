//! A camera in layers, as a client sends it: pictures of about the right sizes, key frames when they are asked for,
//! only the layers that the server wants.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::signal_response::Message as Response;
use str0m::media::Mid;

use super::{Packet, World};

/// Names of the layers, lowest first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];
/// Bits per second of each.
pub const RATES: [usize; 3] = [150_000, 450_000, 1_400_000];
const FPS: u32 = 30;
/// Bytes of a packet's payload.
const PAYLOAD: usize = 1_100;
/// A key frame takes as much as this many others.
const KEY_FRAME_SIZE: usize = 5;

/// The camera of one client.
pub struct Camera {
    client: usize,
    mid: Mid,
    next: Instant,
    timestamp: u32,
    on: [bool; 3],
    /// Larger layers than this it cannot send, whatever the server wants: its own network does not carry them.
    pub most: usize,
    /// When it gives up a layer, the largest one left begins anew with the picture after so many: it tells nobody otherwise.
    pub hands_over: Option<u32>,
    given_up: Option<u32>,
    /// A layer that comes (back) begins with a key frame.
    key: [bool; 3],
}

impl Camera {
    pub fn new(world: &World, client: usize, mid: Mid) -> Self {
        Self {
            client,
            mid,
            next: world.now,
            timestamp: 0,
            on: [true; 3],
            most: 2,
            hands_over: None,
            given_up: None,
            key: [true; 3],
        }
    }

    /// Films for so long, while the world goes on. Calls `look` at each step of its clock.
    pub fn film(&mut self, world: &mut World, for_: Duration, mut look: impl FnMut(&mut World)) {
        let end = world.now + for_;
        while world.now < end {
            while self.next <= world.now {
                self.picture(world);
                self.next += Duration::from_secs(1) / FPS;
            }
            world.run(world.step);
            look(world);
        }
    }

    fn picture(&mut self, world: &mut World) {
        let wanted = world.clients[self.client].heard.iter().rev().find_map(|m| match m {
            Response::SubscribedQualityUpdate(u) => Some(u.subscribed_codecs[0].qualities.clone()),
            _ => None,
        });
        for quality in wanted.into_iter().flatten() {
            let Some(layer) = layer_of(quality.quality()) else { continue };
            self.key[layer] |= quality.enabled && !self.on[layer];
            self.on[layer] = quality.enabled;
        }
        let asked = std::mem::take(&mut world.clients[self.client].publisher.wanted_key_frames);
        for rid in asked.into_iter().flatten() {
            let name: &str = &rid;
            self.key[RIDS.iter().position(|r| *r == name).unwrap()] = true;
        }
        self.given_up = if self.most < 2 { Some(self.given_up.map_or(0, |pictures| pictures + 1)) } else { None };
        if self.given_up.is_some() && self.given_up == self.hands_over {
            self.key[self.most] = true;
        }
        self.timestamp = self.timestamp.wrapping_add(90_000 / FPS);
        for layer in 0..3 {
            if !self.on[layer] || layer > self.most {
                continue;
            }
            let key = std::mem::take(&mut self.key[layer]);
            let size = RATES[layer] / 8 / FPS as usize * if key { KEY_FRAME_SIZE } else { 1 };
            let pieces = size.div_ceil(PAYLOAD);
            for piece in 0..pieces {
                let mut payload = if key && piece == 0 {
                    vec![0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce, 0, 3, 0x65, 0x88, 0x84]
                } else {
                    vec![0x61, 1, 2, 3]
                };
                payload.resize((size / pieces).max(payload.len()), 0);
                payload.push(layer as u8);
                let marker = piece + 1 == pieces;
                let packet = Packet { pt: 108, seq: None, timestamp: self.timestamp, payload, marker, level: None };
                world.write_packet(self.client, self.mid, Some(RIDS[layer]), &packet);
            }
        }
        world.exchange();
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

/// The layer of the last piece of a picture that a client received.
pub fn layer_seen(world: &World, client: usize) -> Option<usize> {
    let packets = &world.clients[client].subscriber.packets;
    packets.iter().rev().find(|p| *p.header.payload_type == 108)?.payload.last().map(|&layer| usize::from(layer))
}
