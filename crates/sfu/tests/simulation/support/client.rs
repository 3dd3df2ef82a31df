//! A client and its two transports, made of str0m's own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use beckon_sfu::{ConnectionId, Transmit};
use livekit_protocol as proto;
use proto::signal_response::Message as Response;
use str0m::change::SdpPendingOffer;
use str0m::channel::ChannelId;
use str0m::media::{Mid, Rid};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, Output as RtcOutput, Rtc, RtcConfig};

use super::link::Link;

/// One of a client's two transports.
pub struct Half {
    pub rtc: Rtc,
    pub address: SocketAddr,
    pub connected: bool,
    pub packets: Vec<RtpPacket>,
    pub key_frame_requests: usize,
    /// Layers that a key frame was asked for, oldest first.
    pub wanted_key_frames: Vec<Option<Rid>>,
    pub data: Vec<(String, Vec<u8>)>,
    pub channels: HashMap<ChannelId, String>,
    /// Says which datagrams from the server are lost.
    pub lose: Box<dyn FnMut(&[u8]) -> bool>,
    /// The way from the server; without one everything arrives at once.
    pub link: Option<Link>,
    /// Nothing reaches the server any more.
    pub cut: bool,
}

impl Half {
    pub(super) fn new(now: Instant, address: SocketAddr) -> Self {
        let mut config = RtcConfig::new().set_rtp_mode(true).clear_codecs().enable_opus(true, false).enable_vp8(true);
        config.codec_config().add_h264(108.into(), Some(109.into()), true, 0x42_e0_1f);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            rtc,
            address,
            connected: false,
            packets: Vec::new(),
            key_frame_requests: 0,
            wanted_key_frames: Vec::new(),
            data: Vec::new(),
            channels: HashMap::new(),
            lose: Box::new(|_| false),
            link: None,
            cut: false,
        }
    }

    pub(super) fn poll(&mut self, out: &mut Vec<Transmit>) {
        loop {
            match self.rtc.poll_output().unwrap() {
                RtcOutput::Timeout(_) => return,
                RtcOutput::Transmit(_) if self.cut => {}
                RtcOutput::Transmit(t) => out.push(t),
                RtcOutput::Event(event) => match event {
                    Event::Connected => self.connected = true,
                    Event::RtpPacket(packet) => self.packets.push(packet),
                    Event::KeyframeRequest(request) => {
                        self.key_frame_requests += 1;
                        self.wanted_key_frames.push(request.rid);
                    }
                    Event::ChannelOpen(id, label) => {
                        self.channels.insert(id, label);
                    }
                    Event::ChannelData(data) => {
                        let label = self.channels.get(&data.id).cloned().unwrap_or_default();
                        self.data.push((label, data.data));
                    }
                    _ => {}
                },
            }
        }
    }
}

/// A client.
pub struct Client {
    pub name: String,
    pub sid: String,
    pub connection: ConnectionId,
    pub publisher: Half,
    pub subscriber: Half,
    /// What the server said, oldest first.
    pub heard: Vec<Response>,
    pub closed: bool,
    /// Answers nothing by itself: the test speaks for it.
    pub mute: bool,
    /// Its last offer.
    pub offered: Option<proto::SessionDescription>,
    pub(super) pending: Option<SdpPendingOffer>,
    pub(super) seq: HashMap<(Mid, Option<String>), u64>,
}

impl Client {
    /// All that the server said of one kind.
    pub fn heard<T>(&self, pick: impl Fn(&Response) -> Option<T>) -> Vec<T> {
        self.heard.iter().filter_map(pick).collect()
    }

    /// What it knows of another participant's tracks, from the last update.
    pub fn knows(&self, identity: &str) -> Option<proto::ParticipantInfo> {
        self.heard
            .iter()
            .flat_map(|m| match m {
                Response::Join(j) => j.other_participants.clone(),
                Response::Update(u) => u.participants.clone(),
                _ => Vec::new(),
            })
            .rfind(|p| p.identity == identity)
    }
}
