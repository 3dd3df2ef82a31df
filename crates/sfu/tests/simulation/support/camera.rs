//! A camera in layers, as a client sends it: pictures of about the right sizes, key frames when they are asked for,
//! only the layers that the server wants.

use std::time::{Duration, Instant};

use str0m::media::Mid;

use super::World;
use super::simulcast::{Picture, asked_for_key_frames, send, wanted};

/// Names of the layers, lowest first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];
/// Bits per second of each.
pub const RATES: [usize; 3] = [150_000, 450_000, 1_400_000];
const FPS: u32 = 30;
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
        for (layer, wanted) in wanted(world, self.client) {
            self.key[layer] |= wanted && !self.on[layer];
            self.on[layer] = wanted;
        }
        for layer in asked_for_key_frames(world, self.client, &RIDS) {
            self.key[layer] = true;
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
            let picture = Picture { layer, rid: RIDS[layer], timestamp: self.timestamp, size, key };
            send(world, self.client, self.mid, &picture);
        }
        world.exchange();
    }
}

/// The layer of the last piece of a picture that a client received.
pub fn layer_seen(world: &World, client: usize) -> Option<usize> {
    let packets = &world.clients[client].subscriber.packets;
    packets.iter().rev().find(|p| *p.header.payload_type == 108)?.payload.last().map(|&layer| usize::from(layer))
}
