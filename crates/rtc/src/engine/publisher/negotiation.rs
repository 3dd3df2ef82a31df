//! Agreeing with the server on what we send: our offers, its answers.

use std::time::Instant;

use str0m::change::SdpPendingOffer;
use str0m::channel::{ChannelConfig, Reliability};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Rid, Simulcast, SimulcastLayer};

use super::{Channels, Publisher, Sending};
use crate::engine::repairs::forget_sent;
use crate::engine::sdp::{self, DescriptionError};
use crate::engine::{EngineOut, Outputs};
use crate::publication::{PublishMedia, TrackKind};

/// An offer that the server has not answered.
pub(super) struct Pending {
    offer: SdpPendingOffer,
    id: u32,
    sdp: String,
    /// ICE begins with its answer, for the first time or anew.
    begins_ice: bool,
    /// It is to be sent once more.
    again: bool,
}

impl Publisher {
    /// Signalling is there again: ICE is to be restarted. An offer without an answer goes once more, in the same words: a
    /// server that took it, and whose answer was lost, holds to the media sections in it; one that did not needs all of it.
    pub(crate) fn restart(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.again = true;
            if pending.begins_ice {
                return;
            }
        }
        (self.restart, self.dirty) = (true, true);
    }

    /// An offer, if something changed and none is on its way, or if that one is to go again: the description and its number.
    pub(crate) fn offer(&mut self, now: Instant, out: &mut Outputs) -> Option<(String, u32)> {
        if let Some(pending) = &mut self.pending {
            let again = std::mem::take(&mut pending.again).then(|| (pending.sdp.clone(), pending.id));
            if again.is_some() && pending.begins_ice {
                self.peer.restarted();
            }
            return again;
        }
        if !self.dirty {
            return None;
        }
        self.dirty = false;
        let restart = std::mem::take(&mut self.restart);
        if restart {
            self.peer.restarted();
        }
        let mut change = self.peer.rtc.sdp_api();
        if self.tracks.channels.is_none() {
            let reliable = change.add_channel("_reliable".into());
            let lossy = change.add_channel_with_config(ChannelConfig {
                label: "_lossy".into(),
                ordered: false,
                reliability: Reliability::MaxRetransmits { retransmits: 0 },
                ..ChannelConfig::default()
            });
            self.tracks.channels = Some(Channels { reliable, lossy, reliable_open: false, lossy_open: false });
        }
        for mid in self.leaving.drain(..) {
            change.set_direction(mid, Direction::Inactive);
        }
        for sending in self.tracks.sending.values_mut().filter(|s| s.mid.is_none()) {
            let options = &sending.shared.options;
            let (kind, simulcast) = match &options.media {
                PublishMedia::Audio(_) => (MediaKind::Audio, None),
                PublishMedia::Video(v) if v.layers.is_empty() => (MediaKind::Video, None),
                PublishMedia::Video(v) => {
                    let mut simulcast = Simulcast::new();
                    for layer in &v.layers {
                        simulcast.add_send_layer(SimulcastLayer::new(&layer.rid));
                    }
                    (MediaKind::Video, Some(simulcast))
                }
            };
            let stream = if options.stream.is_empty() { "beckon" } else { &options.stream };
            let mid =
                change.add_media(kind, Direction::SendOnly, Some(stream.into()), Some(sending.cid.clone()), simulcast);
            sending.mid = Some(mid);
        }
        if restart {
            change.ice_restart(true);
        }
        let made = change.apply();
        self.timeout(now, out);
        let (offer, pending) = made?;
        self.offers += 1;
        let stereo = |s: &&Sending| matches!(&s.shared.options.media, PublishMedia::Audio(a) if a.stereo);
        let mids = self.tracks.sending.values().filter(stereo).filter_map(|s| s.mid);
        let sdp = mids.fold(offer.to_sdp_string(), |sdp, mid| beckon_sdp::with_stereo(&sdp, &mid));
        // Before the first is answered there is no second.
        let begins_ice = restart || self.offers == 1;
        self.pending = Some(Pending { offer: pending, id: self.offers, sdp: sdp.clone(), begins_ice, again: false });
        Some((sdp, self.offers))
    }

    /// The server's answer. An error leaves the tracks of that offer unsent.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        sdp: &str,
        id: u32,
        out: &mut Outputs,
    ) -> Result<(), DescriptionError> {
        // Servers that do not number offers answer with 0.
        let Some(Pending { offer, .. }) = self.pending.take_if(|pending| id == 0 || id == pending.id) else {
            tracing::debug!("skipped an answer to an offer that is no longer open");
            return Ok(());
        };
        let (sdp, candidates) = sdp::without_candidates(sdp);
        let result = self.peer.accept_answer(offer, &sdp);
        if result.is_err() {
            let refused = self.tracks.sending.iter().filter(|(_, s)| s.pt.is_none() && s.mid.is_some());
            out.extend(refused.map(|(key, _)| EngineOut::TrackRejected { track: *key }));
            self.forget_offered();
        }
        self.timeout(now, out);
        result?;
        for candidate in candidates {
            self.peer.add_remote(now, &candidate, out);
            self.timeout(now, out);
        }
        self.agree(out);
        self.carry(out);
        Ok(())
    }

    /// An offer came to nothing: its media sections do not exist.
    fn forget_offered(&mut self) {
        for sending in self.tracks.sending.values_mut().filter(|s| s.pt.is_none()) {
            sending.mid = None;
        }
    }

    /// Looks up what was agreed for each new track.
    fn agree(&mut self, out: &mut Outputs) {
        let rtc = &mut self.peer.rtc;
        let mut watched = Vec::new();
        for (key, sending) in self.tracks.sending.iter_mut().filter(|(_, s)| s.pt.is_none()) {
            let Some(mid) = sending.mid else { continue };
            let wanted = match sending.shared.options.kind() {
                TrackKind::Audio => Codec::Opus,
                TrackKind::Video => Codec::H264,
            };
            let sends = rtc.media(mid).is_some_and(|m| m.direction().is_sending() && !m.disabled());
            let pt = rtc
                .writer(mid)
                .filter(|_| sends)
                .and_then(|w| w.payload_params().find(|p| p.spec().codec == wanted).map(|p| p.pt()));
            match pt {
                Some(pt) => {
                    sending.pt = Some(pt);
                    for layer in 0..sending.stats.len() {
                        let rid = sending.shared.rid(layer).map(Rid::from);
                        let mut api = rtc.direct_api();
                        let stream = api.stream_tx_by_mid(mid, rid);
                        let repair = stream.and_then(|stream| {
                            if wanted == Codec::H264 {
                                forget_sent(stream);
                            }
                            stream.rtx()
                        });
                        sending.repair_streams.push(repair.map_or(0, |ssrc| *ssrc));
                    }
                    watched.extend(sending.repair_streams.iter().copied().filter(|ssrc| *ssrc != 0));
                }
                None => out.push_back(EngineOut::TrackRejected { track: *key }),
            }
        }
        for ssrc in watched {
            self.peer.watch_repairs(ssrc);
        }
    }
}
