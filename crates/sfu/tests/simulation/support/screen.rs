//! A shared screen in two layers, as a client sends it: the small one with fewer pictures, and only when the server asks for it; hardly
//! anything of either while nothing moves; key frames when they are asked for.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use str0m::media::{MediaKind, Mid};

use super::World;
use super::simulcast::{Picture, asked_for_key_frames, send, wanted};

/// Names of the layers, the small one first.
pub const RIDS: [&str; 2] = ["q", "h"];
/// Bits per second of each while all of it moves.
pub const RATES: [u32; 2] = [150_000, 2_500_000];
/// Pictures a second of each.
const FPS: [u32; 2] = [5, 30];
/// Bytes of a key frame of each.
const KEY_FRAME: [usize; 2] = [12_000, 90_000];
/// A still screen is sent again so often.
const REMIND: Duration = Duration::from_secs(1);

/// The screen of one client.
pub struct Screen {
    client: usize,
    mid: Mid,
    begun: Instant,
    next: [Instant; 2],
    on: [bool; 2],
    key: [bool; 2],
    /// Something plays on it.
    pub moves: bool,
    /// Pictures of each layer that were sent.
    pub sent: [usize; 2],
}

impl Screen {
    /// Publishes it. Gives its sid too.
    pub fn publish(world: &mut World, client: usize) -> (Self, String) {
        let (sid, mid) = world.publish_as(client, MediaKind::Video, &RIDS, |add| {
            add.source = proto::TrackSource::ScreenShare as i32;
            for ((layer, rid), bitrate) in add.layers.iter_mut().zip(RIDS).zip([150_000, 3_500_000]) {
                (layer.rid, layer.bitrate) = (rid.to_owned(), bitrate);
            }
        });
        let now = world.now;
        let screen = Self {
            client,
            mid,
            begun: now,
            next: [now; 2],
            on: [false, true],
            key: [true; 2],
            moves: true,
            sent: [0; 2],
        };
        (screen, sid)
    }

    /// Goes on for so long, with the world. Calls `look` at each step of its clock.
    pub fn go_on(&mut self, world: &mut World, for_: Duration, mut look: impl FnMut(&mut World)) {
        let end = world.now + for_;
        while world.now < end {
            self.listen(world);
            for layer in (0..2).filter(|&layer| self.on[layer]).collect::<Vec<_>>() {
                if self.next[layer] <= world.now || (self.key[layer] && !self.moves) {
                    self.picture(world, layer);
                    let pause = if self.moves { Duration::from_secs(1) / FPS[layer] } else { REMIND };
                    self.next[layer] = world.now + pause;
                }
            }
            world.exchange();
            world.run(world.step);
            look(world);
        }
    }

    fn listen(&mut self, world: &mut World) {
        for (layer, wanted) in wanted(world, self.client).into_iter().filter(|(layer, _)| *layer < RIDS.len()) {
            if wanted && !self.on[layer] {
                (self.key[layer], self.next[layer]) = (true, world.now);
            }
            self.on[layer] = wanted;
        }
        for layer in asked_for_key_frames(world, self.client, &RIDS) {
            self.key[layer] = true;
        }
    }

    fn picture(&mut self, world: &mut World, layer: usize) {
        let key = std::mem::take(&mut self.key[layer]);
        let size = match (key, self.moves) {
            (true, _) => KEY_FRAME[layer],
            (false, true) => (RATES[layer] / 8 / FPS[layer]) as usize,
            (false, false) => 30,
        };
        self.sent[layer] += 1;
        let timestamp = ((world.now - self.begun).as_millis() as u32).wrapping_mul(90);
        send(world, self.client, self.mid, &Picture { layer, rid: RIDS[layer], timestamp, size, key });
    }
}
