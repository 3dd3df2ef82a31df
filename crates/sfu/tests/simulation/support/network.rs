//! The way between clients and server: delivers at once, loses what it is told to, and lets tests listen in and say what nobody said.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use beckon_rtp::{request::is_rtp, stun};
use beckon_sfu::{Output, Protocol, RouteChange, Transmit};
use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use str0m::Input;
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::net::Receive;

use super::{World, racer, server};

impl World {
    /// The next check that a client makes with the server, on its publisher's or its subscriber's transport.
    pub fn overhear_check(&mut self, client: usize, publisher: bool) -> Vec<u8> {
        self.next_check(client, publisher, true)
    }

    /// As [`overhear_check`](Self::overhear_check), but the server does not get it.
    pub fn catch_check(&mut self, client: usize, publisher: bool) -> Vec<u8> {
        self.next_check(client, publisher, false)
    }

    fn next_check(&mut self, client: usize, publisher: bool, arrives: bool) -> Vec<u8> {
        for _ in 0..10_000 {
            self.now += self.step;
            let now = self.now;
            let c = &mut self.clients[client];
            let half = if publisher { &mut c.publisher } else { &mut c.subscriber };
            half.rtc.handle_input(Input::Timeout(now)).unwrap();
            let mut sent = Vec::new();
            half.poll(&mut sent);
            let check = sent.iter().find(|t| stun::is_binding_request(&t.contents)).map(|t| t.contents.to_vec());
            for datagram in sent {
                if arrives || !stun::is_binding_request(&datagram.contents) {
                    self.replay(datagram.source, &datagram.contents);
                }
            }
            if let Some(check) = check {
                return check;
            }
            self.room.drive(now);
            self.exchange();
        }
        panic!("no check in a long time");
    }

    /// What a client's publisher sends now, and the server gets once.
    pub fn overhear(&mut self, client: usize) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        self.clients[client].publisher.poll(&mut sent);
        let overheard: Vec<Vec<u8>> = sent.iter().map(|t| t.contents.to_vec()).collect();
        let from = self.clients[client].publisher.address;
        for bytes in &overheard {
            self.replay(from, bytes);
        }
        overheard
    }

    /// A datagram from anywhere, carried as the server does it: by the user name in a check, else by its address.
    pub fn replay(&mut self, from: SocketAddr, bytes: &[u8]) {
        if let Some(to) = self.routes.find(Protocol::Udp, from, bytes) {
            self.room.datagram(self.now, to, Protocol::Udp, from, server(), bytes);
            self.room.drive(self.now);
            self.exchange();
        }
    }

    /// A datagram of a client's comes to the server; so does, before it, the copy of whoever races it.
    fn arrive(&mut self, from: SocketAddr, bytes: &[u8]) {
        let copied = stun::is_binding_request(bytes) && self.raced > 0;
        self.raced -= u32::from(copied);
        for from in copied.then_some(racer()).into_iter().chain([from]) {
            if let Some(to) = self.routes.find(Protocol::Udp, from, bytes) {
                self.room.datagram(self.now, to, Protocol::Udp, from, server(), bytes);
            }
        }
    }

    /// A datagram from anywhere to wherever its address belongs (or to a transport that is named).
    pub fn inject(&mut self, from: SocketAddr, bytes: &[u8]) {
        let to = self.routes.find(Protocol::Udp, from, &[]).or(self.some).unwrap();
        self.room.datagram(self.now, to, Protocol::Udp, from, server(), bytes);
        self.room.drive(self.now);
        self.exchange();
    }

    /// What a client has written goes in, and the room has one turn. Gives whom the media that leaves
    /// then is for, packet by packet.
    pub fn turn_after(&mut self, client: usize) -> Vec<SocketAddr> {
        let mut up = Vec::new();
        self.clients[client].publisher.poll(&mut up);
        for datagram in up {
            self.arrive(datagram.source, &datagram.contents);
        }
        self.room.drive(self.now);
        let down: Vec<Transmit> = self.room.take_datagrams().collect();
        let to = down.iter().filter(|t| is_rtp(&t.contents)).map(|t| t.destination).collect();
        for datagram in &down {
            self.deliver(datagram);
        }
        to
    }

    /// Carries everything to where it belongs until nothing moves.
    pub fn exchange(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.room.poll_output() {
                moved = true;
                self.carry_out(output);
            }
            let down: Vec<Transmit> = self.room.take_datagrams().collect();
            moved |= !down.is_empty();
            for datagram in down {
                self.deliver(&datagram);
            }
            let mut up = Vec::new();
            for c in &mut self.clients {
                c.publisher.poll(&mut up);
                c.subscriber.poll(&mut up);
            }
            moved |= !up.is_empty();
            let begun = Instant::now();
            for datagram in up {
                self.arrive(datagram.source, &datagram.contents);
            }
            self.room.drive(self.now);
            self.busy += begun.elapsed();
            if !moved {
                return;
            }
        }
    }

    fn deliver(&mut self, datagram: &Transmit) {
        let now = self.now;
        let halves = self.clients.iter_mut().flat_map(|c| [&mut c.publisher, &mut c.subscriber]);
        for half in halves.filter(|h| h.address == datagram.destination) {
            if (half.lose)(&datagram.contents) {
                return;
            }
            if let Some(link) = &mut half.link {
                return link.send(now, datagram);
            }
        }
        self.hand_over(datagram);
    }

    pub(super) fn hand_over(&mut self, datagram: &Transmit) {
        let now = self.now;
        let mut out = Vec::new();
        let halves = self.clients.iter_mut().flat_map(|c| [&mut c.publisher, &mut c.subscriber]);
        for half in halves.filter(|h| h.address == datagram.destination) {
            let bytes: &[u8] = &datagram.contents;
            let receive = Receive::new(Protocol::Udp, datagram.source, half.address, bytes).unwrap();
            // A client that is gone refuses; that is its affair.
            let _ = half.rtc.handle_input(Input::Receive(now, receive));
            // A transport holds one packet at a time.
            half.poll(&mut out);
        }
        for datagram in out {
            self.arrive(datagram.source, &datagram.contents);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Signal(connection, message) => {
                let Some(at) = self.clients.iter().position(|c| c.connection == connection) else { return };
                self.clients[at].heard.push(message.clone());
                self.on_message(at, message);
            }
            Output::CloseSignal(connection) => {
                if let Some(c) = self.clients.iter_mut().find(|c| c.connection == connection) {
                    c.closed = true;
                }
            }
            Output::Route(change) => {
                if let RouteChange::AddUfrag(_, to) = change {
                    self.some = self.some.or(Some(to));
                }
                self.routes.change(self.now, change, |transport| transport);
            }
            Output::Event(event) => self.events.push(event),
        }
    }

    fn on_message(&mut self, at: usize, message: Response) {
        let now = self.now;
        if self.clients[at].mute {
            return;
        }
        match message {
            Response::Answer(answer) => {
                let c = &mut self.clients[at];
                let answer = SdpAnswer::from_sdp_string(&answer.sdp).unwrap();
                let pending = c.pending.take().expect("an offer waits");
                c.publisher.rtc.sdp_api().accept_answer(pending, answer).unwrap();
                c.publisher.rtc.handle_input(Input::Timeout(now)).unwrap();
            }
            Response::Offer(offer) => {
                let c = &mut self.clients[at];
                let sdp = SdpOffer::from_sdp_string(&offer.sdp).unwrap();
                let answer = c.subscriber.rtc.sdp_api().accept_offer(sdp).unwrap().to_sdp_string();
                c.subscriber.rtc.handle_input(Input::Timeout(now)).unwrap();
                let connection = c.connection;
                let answer = proto::SessionDescription {
                    r#type: "answer".into(),
                    sdp: answer,
                    id: offer.id,
                    ..Default::default()
                };
                self.room.signal(now, SystemTime::UNIX_EPOCH, connection, Request::Answer(answer));
            }
            _ => {}
        }
    }
}
