//! The simulated network, and the server's part at its other end.

use super::*;

pub(super) struct Packet {
    pub(super) at: Instant,
    pub(super) to_server: bool,
    pub(super) tcp: bool,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) data: Vec<u8>,
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) publisher: Publisher,
    pub(super) out: Outputs,
    pub(super) server: Rtc,
    pub(super) server_due: Instant,
    pub(super) wire: VecDeque<Packet>,
    /// How long a packet is on its way, in each direction.
    pub(super) delay: Duration,
    /// Share of UDP packets lost, in percent.
    pub(super) loss: u64,
    /// What the network carries of ours, in bit/s (0: everything) …
    pub(super) rate: u64,
    /// … and until when it is busy with what has been sent. What would wait longer than `QUEUE` is lost.
    pub(super) busy: Instant,
    pub(super) random: u64,
    pub(super) frames: Vec<MediaData>,
    pub(super) links: Vec<(Duration, bool)>,
    pub(super) key_requests: usize,
    pub(super) estimate: u64,
    pub(super) start: Instant,
    pub(super) track: Option<Arc<LocalShared>>,
    pub(super) server_on_tcp_too: bool,
    /// By which address the server knows us; what it sends to another one is lost.
    pub(super) seen_as: SocketAddr,
    /// When checks from there reached the server.
    pub(super) checked: Vec<Instant>,
    /// The system has another address for us now: what leaves from the one we know is lost.
    pub(super) moved: bool,
}

impl World {
    pub(super) fn new(server_on_tcp_too: bool) -> Self {
        Self::beginning_with(1_000_000, server_on_tcp_too)
    }

    pub(super) fn beginning_with(start_bitrate_bps: u64, server_on_tcp_too: bool) -> Self {
        let now = Instant::now();
        let config = EngineConfig { force_tcp: false, start_bitrate_bps, anchor: Anchor::new(now, 1_000_000_000) };
        let mut server = Rtc::builder().set_reordering_size_video(300).build(now);
        server.add_local_candidate(Candidate::host(THEIRS.parse().unwrap(), Protocol::Udp).unwrap());
        if server_on_tcp_too {
            let tcp = Candidate::builder().tcp().host(THEIRS.parse().unwrap()).tcptype(TcpType::Passive);
            server.add_local_candidate(tcp.build().unwrap());
        }
        Self {
            now,
            publisher: Publisher::new(now, config),
            out: Outputs::new(),
            server,
            server_due: now,
            wire: VecDeque::new(),
            delay: DELAY,
            loss: 0,
            rate: 0,
            busy: now,
            random: 1,
            frames: Vec::new(),
            links: Vec::new(),
            key_requests: 0,
            estimate: 0,
            start: now,
            track: None,
            server_on_tcp_too,
            seen_as: OURS.parse().unwrap(),
            checked: Vec::new(),
            moved: false,
        }
    }

    pub(super) fn publish(&mut self) {
        self.publish_track(camera_track());
    }

    pub(super) fn publish_track(&mut self, shared: Arc<LocalShared>) {
        self.publisher.add_track(self.now, shared.clone(), "cid-1".into());
        self.track = Some(shared);
    }

    /// Passes an offer of ours, if there is one, to the server and its answer back.
    pub(super) fn negotiate(&mut self) {
        let Some((offer, id)) = self.publisher.offer(self.now, &mut self.out) else { return };
        let answer = self.take(&offer);
        self.publisher.answer(self.now, &answer, id, &mut self.out).unwrap();
    }

    /// The server takes an offer; its answer.
    pub(super) fn take(&mut self, offer: &str) -> String {
        let offer = SdpOffer::from_sdp_string(offer).unwrap();
        let answer = self.server.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
        self.drain_server();
        answer
    }

    pub(super) fn lost(&mut self) -> bool {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % 100 < self.loss
    }

    pub(super) fn post(&mut self, to_server: bool, tcp: bool, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        let elsewhere = !to_server && to != self.seen_as;
        if !tcp && (elsewhere || self.lost()) {
            return;
        }
        let to = if tcp || to_server { to } else { OURS.parse().unwrap() };
        let mut at = self.now + self.delay;
        if to_server && self.rate > 0 {
            let begin = self.busy.max(self.now);
            if begin > self.now + QUEUE {
                return;
            }
            self.busy = begin + Duration::from_secs_f64(data.len() as f64 * 8.0 / self.rate as f64);
            at = self.busy + self.delay;
        }
        self.wire.push_back(Packet { at, to_server, tcp, from, to, data: data.to_vec() });
    }

    pub(super) fn drain_server(&mut self) {
        loop {
            match self.server.poll_output().unwrap() {
                Output::Timeout(due) => {
                    self.server_due = due;
                    return;
                }
                Output::Transmit(t) => {
                    let tcp = t.proto == Protocol::Tcp;
                    self.post(false, tcp, t.source, t.destination, &t.contents);
                }
                Output::Event(Event::MediaData(data)) => self.frames.push(data),
                Output::Event(_) => {}
            }
        }
    }

    pub(super) fn drain_ours(&mut self) {
        while let Some(output) = self.out.pop_front() {
            match output {
                EngineOut::Transmit { tcp, source, destination, data, .. } => {
                    let source = if tcp { source } else { self.seen_as };
                    self.post(true, tcp, source, destination, &data);
                }
                EngineOut::Route { tcp, .. } => {
                    self.publisher.add_local(self.now, tcp, OURS.parse().unwrap(), &mut self.out);
                }
                EngineOut::Silent { .. } if self.moved => self.publisher.road_gone(&mut self.out),
                EngineOut::Link { connected, .. } => {
                    self.publisher.settle(&mut self.out);
                    self.links.push((self.now - self.start, connected));
                }
                EngineOut::KeyRequest { .. } => self.key_requests += 1,
                EngineOut::Estimate { bps } => self.estimate = bps,
                EngineOut::Broken { why, .. } => panic!("broken: {why}"),
                _ => {}
            }
        }
    }

    /// Lets the world run until `until`.
    pub(super) fn run(&mut self, until: Instant) {
        loop {
            self.drain_ours();
            // What a slow network holds up is overtaken by what comes from the other side.
            self.wire.make_contiguous().sort_by_key(|p| p.at);
            let next = [self.publisher.due(), self.server_due].into_iter().chain(self.wire.front().map(|p| p.at)).min();
            let next = next.unwrap_or(until);
            if next > until {
                self.now = until;
                return;
            }
            self.now = next.max(self.now);
            while self.wire.front().is_some_and(|p| p.at <= self.now) {
                let Some(p) = self.wire.pop_front() else { break };
                if p.to_server {
                    let proto = if p.tcp { Protocol::Tcp } else { Protocol::Udp };
                    if p.from == self.seen_as && p.data.starts_with(&[0, 1]) {
                        self.checked.push(self.now);
                    }
                    if let Ok(receive) = Receive::new(proto, p.from, p.to, &p.data) {
                        self.server.handle_input(Input::Receive(self.now, receive)).unwrap();
                    }
                    self.drain_server();
                } else {
                    // What we call ourselves for TCP is only a name.
                    let local = if p.tcp { SocketAddr::new(p.to.ip(), 9) } else { p.to };
                    let packet = Incoming { tcp: p.tcp, source: p.from, destination: local, data: &p.data };
                    self.publisher.receive(self.now, packet, &mut self.out);
                }
            }
            if self.now >= self.server_due {
                self.server.handle_input(Input::Timeout(self.now)).unwrap();
                self.drain_server();
            }
            if self.now >= self.publisher.due() {
                self.publisher.timeout(self.now, &mut self.out);
            }
        }
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        self.run(self.now + time);
    }

    /// Connects and agrees on a camera track.
    pub(super) fn connect(&mut self) {
        self.connect_with(camera_track());
    }

    pub(super) fn connect_with(&mut self, track: Arc<LocalShared>) {
        self.publish_track(track);
        self.negotiate();
        self.run_for(Duration::from_secs(5));
        assert!(self.publisher.connected(), "{:?}", self.links);
    }

    pub(super) fn picture(number: usize) -> Vec<u8> {
        let mut data = vec![0, 0, 0, 1, if number.is_multiple_of(30) { 0x65 } else { 0x41 }];
        data.extend(number.to_be_bytes().iter().map(|b| b | 0x80));
        data.resize(if number.is_multiple_of(30) { 20_000 } else { 5_000 }, 0xaa);
        data
    }

    /// Sends pictures at 30 a second, and waits until they have arrived.
    pub(super) fn send(&mut self, count: usize) {
        self.send_for(count);
        self.run_for(Duration::from_secs(2));
    }

    /// Sends pictures at 30 a second.
    pub(super) fn send_for(&mut self, count: usize) {
        for number in 0..count {
            self.write(Self::picture(number), number.is_multiple_of(30));
            self.run_for(33 * MS);
        }
    }

    /// Sends pictures of 250 kbit/s.
    pub(super) fn send_small(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            let mut data = vec![0, 0, 0, 1, 0x41];
            data.resize(1_000, 0xaa);
            self.write(data, false);
            self.run_for(33 * MS);
        }
    }

    /// Sends three quarters of what the network is taken for.
    pub(super) fn send_three_quarters(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            let mut data = vec![0, 0, 0, 1, 0x41];
            data.resize(usize::try_from(self.estimate * 33 * 3 / 4 / 8_000).unwrap(), 0xaa);
            self.write(data, false);
            self.run_for(33 * MS);
        }
    }

    pub(super) fn write(&mut self, data: Vec<u8>, key: bool) {
        let capture_ns = 1_000_000_000 + i64::try_from((self.now - self.start).as_nanos()).unwrap();
        let media = OutMedia::Video { data: data.into(), layer: 0, key };
        let frame = OutFrame { track: LocalKey(1), capture_ns, media };
        self.publisher.write(self.now, frame, &mut self.out);
    }
}
