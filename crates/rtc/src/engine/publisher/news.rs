//! What the connection tells of what we send: requests, the estimate, figures.

use str0m::Event;
use str0m::bwe::BweKind;
use str0m::media::{Mid, Rid};
use str0m::stats::MediaEgressStats;

use super::{LEAST_WISH_BPS, Sending, Tracks};
use crate::engine::estimate::News;
use crate::engine::{EngineOut, Outputs};
use crate::room::LocalKey;

impl Tracks {
    /// What all tracks would send at most, and what is to come, in bit/s.
    pub(super) fn wish(&self) -> u64 {
        let most = self.sending.values().map(|s| s.shared.most_bps()).sum::<u64>();
        (most + self.expected).max(LEAST_WISH_BPS)
    }

    fn by_mid(&mut self, mid: Mid) -> Option<(LocalKey, &mut Sending)> {
        self.sending.iter_mut().find(|(_, s)| s.mid == Some(mid)).map(|(k, s)| (*k, s))
    }

    pub(super) fn on_event(&mut self, event: Event, out: &mut Outputs) {
        match event {
            Event::ChannelOpen(id, _) => {
                if let Some(channels) = &mut self.channels {
                    if id == channels.reliable {
                        channels.reliable_open = true;
                    } else if id == channels.lossy {
                        channels.lossy_open = true;
                    } else {
                        return;
                    }
                    out.push_back(EngineOut::ChannelOpen { reliable: id == channels.reliable });
                }
            }
            Event::ChannelClose(id) => {
                if let Some(channels) = &mut self.channels {
                    channels.reliable_open &= id != channels.reliable;
                    channels.lossy_open &= id != channels.lossy;
                }
            }
            // Some servers send data back on the channels we opened.
            Event::ChannelData(data) => {
                let reliable = self.channels.is_some_and(|c| c.reliable == data.id);
                out.push_back(EngineOut::Data { reliable, bytes: data.data });
            }
            Event::KeyframeRequest(request) => {
                if let Some((track, sending)) = self.by_mid(request.mid) {
                    let layer = request.rid.and_then(|rid| layer_of(sending, rid));
                    out.push_back(EngineOut::KeyRequest { track, layer });
                }
            }
            Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. }) => {
                self.estimate.receiver_allows(estimate.as_u64());
                self.tell_estimate(out);
            }
            Event::PeerStats(stats) => {
                self.estimate.lost(stats.egress_loss_fraction.unwrap_or(0.0));
                if let Some(estimate) = stats.bwe_tx {
                    self.estimate.heard(stats.timestamp, estimate.as_u64());
                    self.heard = true;
                    self.tell_estimate(out);
                }
            }
            Event::MediaEgressStats(stats) => self.note(&stats),
            _ => {}
        }
    }

    fn tell_estimate(&mut self, out: &mut Outputs) {
        let Some(News { bps, far_less }) = self.estimate.news() else { return };
        if far_less {
            self.sending.values_mut().for_each(|s| s.repairs.network_fell());
        }
        out.push_back(EngineOut::Estimate { bps });
    }

    fn note(&mut self, stats: &MediaEgressStats) {
        let Some((_, sending)) = self.by_mid(stats.mid) else { return };
        let layer = stats.rid.and_then(|rid| layer_of(sending, rid)).unwrap_or(0);
        let Some(entry) = sending.stats.get_mut(layer) else { return };
        entry.packets = stats.packets;
        entry.bytes = stats.bytes;
        entry.nacks = stats.nacks;
        entry.key_frame_requests = stats.plis + stats.firs;
        entry.loss = stats.loss;
        entry.rtt_ms = stats.rtt.map(|d| d.as_secs_f32() * 1000.0);
    }
}

fn layer_of(sending: &Sending, rid: Rid) -> Option<usize> {
    (0..sending.stats.len()).find(|&n| sending.shared.rid(n) == Some(&*rid))
}
