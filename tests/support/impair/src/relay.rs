//! A UDP port in front of a server's, with a bad network between.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::link::{Counts, Link};
use crate::profile::Profile;

/// The largest datagram.
const DATAGRAM: usize = 65_536;
/// Datagrams from the server that wait for the relay's turn.
const BACKLOG: usize = 4_096;

/// What passed a group's network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GroupCounts {
    /// From the clients to the server.
    pub up: Counts,
    /// From the server to the clients.
    pub down: Counts,
    /// Client addresses seen.
    pub clients: usize,
}

#[allow(clippy::large_enum_variant, reason = "few, and gone at once")]
enum Command {
    Next(String),
    Set { group: String, up: Option<Profile>, down: Option<Profile> },
    Rebind { group: String, done: oneshot::Sender<io::Result<()>> },
    Counts { group: String, reply: oneshot::Sender<GroupCounts> },
}

/// A relay that runs until it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    task: AbortHandle,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    /// Listens on `listen` for clients of the server at `server`. Chance follows from `seed`. The first clients belong
    /// to a group without a name and have a perfect network.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(listen: SocketAddr, server: SocketAddr, seed: u64) -> io::Result<Self> {
        let front = Arc::new(UdpSocket::bind(listen).await?);
        let address = front.local_addr()?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (from_server, arrived) = mpsc::channel(BACKLOG);
        let core = Core {
            front,
            server,
            seed,
            from_server,
            next_group: String::new(),
            groups: HashMap::new(),
            flows: Vec::new(),
            by_client: HashMap::new(),
        };
        let task = tokio::spawn(core.run(inbox, arrived)).abort_handle();
        Ok(Self { address, commands, task })
    }

    /// Where clients reach the server through the relay.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Clients that appear from now on belong to this group.
    pub fn next_clients_are(&self, group: &str) {
        self.send(Command::Next(group.to_owned()));
    }

    /// From now on a group's network is like this in both directions.
    pub fn set(&self, group: &str, profile: Profile) {
        self.send(Command::Set { group: group.to_owned(), up: Some(profile), down: Some(profile) });
    }

    /// From now on a group's network is like this from the clients to the server.
    pub fn set_up(&self, group: &str, profile: Profile) {
        self.send(Command::Set { group: group.to_owned(), up: Some(profile), down: None });
    }

    /// From now on a group's network is like this from the server to the clients.
    pub fn set_down(&self, group: &str, profile: Profile) {
        self.send(Command::Set { group: group.to_owned(), up: None, down: Some(profile) });
    }

    /// The group's clients have another address from now on, as the server sees it: what a NAT does when it forgets, and
    /// a phone when it changes networks. What the server sends to the old address is lost.
    ///
    /// # Errors
    /// When the system gives no more ports.
    pub async fn rebind(&self, group: &str) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Rebind { group: group.to_owned(), done });
        answer.await.unwrap_or_else(|_| Err(io::Error::other("the relay has ended")))
    }

    /// What passed a group's network so far.
    pub async fn counts(&self, group: &str) -> GroupCounts {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Counts { group: group.to_owned(), reply });
        answer.await.unwrap_or_default()
    }

    fn send(&self, command: Command) {
        // The task ends only with this handle.
        let _ = self.commands.send(command);
    }
}

/// Where a packet goes when it has passed: a flow's number.
type Packet = (usize, Vec<u8>);

struct Group {
    up: Link<Packet>,
    down: Link<Packet>,
    clients: usize,
}

/// One client address, and the port by which the server knows it.
struct Flow {
    client: SocketAddr,
    group: String,
    upstream: Arc<UdpSocket>,
    reader: AbortHandle,
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

struct Core {
    front: Arc<UdpSocket>,
    server: SocketAddr,
    seed: u64,
    from_server: mpsc::Sender<Packet>,
    next_group: String,
    groups: HashMap<String, Group>,
    flows: Vec<Flow>,
    by_client: HashMap<SocketAddr, usize>,
}

impl Core {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>, mut arrived: mpsc::Receiver<Packet>) {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let now = Instant::now();
            self.deliver(now).await;
            let next = self.groups.values().flat_map(|g| [g.up.next_arrival(), g.down.next_arrival()]).flatten().min();
            let wait = async move {
                match next {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => return,
                },
                received = self.front.recv_from(&mut buffer) => {
                    // An error is an ICMP answer to something sent earlier.
                    if let Ok((length, client)) = received {
                        self.client_sent(client, &buffer[..length]).await;
                    }
                }
                Some((flow, bytes)) = arrived.recv() => {
                    if let Some(group) = self.flows.get(flow).and_then(|f| self.groups.get_mut(&f.group)) {
                        group.down.send(Instant::now(), bytes.len(), (flow, bytes));
                    }
                }
                () = wait => {}
            }
        }
    }

    /// Sends what has passed. What the system refuses is lost, as at any router.
    async fn deliver(&mut self, now: Instant) {
        for group in self.groups.values_mut() {
            while let Some((flow, bytes)) = group.up.receive(now) {
                if let Some(flow) = self.flows.get(flow) {
                    let _ = flow.upstream.send(&bytes).await;
                }
            }
            while let Some((flow, bytes)) = group.down.receive(now) {
                if let Some(flow) = self.flows.get(flow) {
                    let _ = self.front.send_to(&bytes, flow.client).await;
                }
            }
        }
    }

    async fn client_sent(&mut self, client: SocketAddr, bytes: &[u8]) {
        let flow = match self.by_client.get(&client) {
            Some(&flow) => flow,
            None => {
                let number = self.flows.len();
                let Ok((upstream, reader)) = self.open(number).await else { return };
                let group = self.next_group.clone();
                self.group(&group).clients += 1;
                self.flows.push(Flow { client, group, upstream, reader });
                self.by_client.insert(client, number);
                number
            }
        };
        let group = self.flows[flow].group.clone();
        self.group(&group).up.send(Instant::now(), bytes.len(), (flow, bytes.to_vec()));
    }

    fn group(&mut self, name: &str) -> &mut Group {
        let seed = self.seed.wrapping_add(self.groups.len() as u64 * 2);
        self.groups.entry(name.to_owned()).or_insert_with(|| Group {
            up: Link::new(seed),
            down: Link::new(seed.wrapping_add(1)),
            clients: 0,
        })
    }

    /// A port towards the server for a flow, and the task that reads it.
    async fn open(&self, flow: usize) -> io::Result<(Arc<UdpSocket>, AbortHandle)> {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        socket.connect(self.server).await?;
        let (reading, out) = (socket.clone(), self.from_server.clone());
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; DATAGRAM];
            loop {
                // An error is an ICMP answer: the server is not there at the moment.
                let Ok(length) = reading.recv(&mut buffer).await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                if out.send((flow, buffer[..length].to_vec())).await.is_err() {
                    return;
                }
            }
        });
        Ok((socket, reader.abort_handle()))
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Next(group) => self.next_group = group,
            Command::Set { group, up, down } => {
                let group = self.group(&group);
                if let Some(up) = up {
                    group.up.set(up);
                }
                if let Some(down) = down {
                    group.down.set(down);
                }
            }
            Command::Rebind { group, done } => {
                let result = self.rebind(&group).await;
                // Whoever asked may have gone.
                let _ = done.send(result);
            }
            Command::Counts { group, reply } => {
                let counts = self.groups.get(&group).map_or_else(GroupCounts::default, |g| GroupCounts {
                    up: g.up.counts(),
                    down: g.down.counts(),
                    clients: g.clients,
                });
                let _ = reply.send(counts);
            }
        }
    }

    async fn rebind(&mut self, group: &str) -> io::Result<()> {
        for number in 0..self.flows.len() {
            if self.flows[number].group == group {
                let (upstream, reader) = self.open(number).await?;
                let flow = &mut self.flows[number];
                flow.reader.abort();
                (flow.upstream, flow.reader) = (upstream, reader);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// A server that answers each datagram with itself, and the relay before it.
    async fn echo() -> (Relay, mpsc::UnboundedReceiver<SocketAddr>) {
        let server = UdpSocket::bind(LOCAL).await.unwrap();
        let address = server.local_addr().unwrap();
        let (seen, from) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, client)) = server.recv_from(&mut buffer).await {
                let _ = seen.send(client);
                let _ = server.send_to(&buffer[..length], client).await;
            }
        });
        (Relay::start(LOCAL, address, 1).await.unwrap(), from)
    }

    async fn client(relay: &Relay) -> UdpSocket {
        let socket = UdpSocket::bind(LOCAL).await.unwrap();
        socket.connect(relay.address()).await.unwrap();
        socket
    }

    async fn ask(client: &UdpSocket, text: &[u8]) -> Vec<u8> {
        client.send(text).await.unwrap();
        let mut buffer = [0; 2048];
        let length = tokio::time::timeout(Duration::from_secs(20), client.recv(&mut buffer)).await.unwrap().unwrap();
        buffer[..length].to_vec()
    }

    #[tokio::test]
    async fn datagrams_go_there_and_back_and_each_client_has_its_own_port() {
        let (relay, mut seen) = echo().await;
        let (one, two) = (client(&relay).await, client(&relay).await);
        assert_eq!(ask(&one, b"one").await, b"one");
        assert_eq!(ask(&two, b"two").await, b"two");
        assert_eq!(ask(&one, b"more").await, b"more");
        let ports = [seen.recv().await.unwrap(), seen.recv().await.unwrap(), seen.recv().await.unwrap()];
        assert!(ports[0] != ports[1] && ports[0] == ports[2]);
        let counts = relay.counts("").await;
        assert_eq!((counts.clients, counts.up.delivered, counts.down.delivered), (2, 3, 3));
    }

    #[tokio::test]
    async fn only_the_group_that_is_meant_has_a_bad_network() {
        let (relay, _seen) = echo().await;
        let good = client(&relay).await;
        assert_eq!(ask(&good, b"hello").await, b"hello");
        relay.next_clients_are("bad");
        relay.set("bad", Profile::delayed(Duration::from_millis(60)));
        let bad = client(&relay).await;
        let begun = Instant::now();
        assert_eq!(ask(&bad, b"hello").await, b"hello");
        assert!(begun.elapsed() >= Duration::from_millis(120), "60 ms each way: {:?}", begun.elapsed());
        relay.set("bad", Profile::dead());
        bad.send(b"lost").await.unwrap();
        assert_eq!(ask(&good, b"still here").await, b"still here");
        let counts = relay.counts("bad").await;
        assert_eq!((counts.up.lost, counts.clients), (1, 1));
        relay.set("bad", Profile::default());
        assert_eq!(ask(&bad, b"back").await, b"back");
    }

    #[tokio::test]
    async fn a_rebound_client_comes_from_another_port_and_hears_the_answers() {
        let (relay, mut seen) = echo().await;
        relay.next_clients_are("phone");
        let phone = client(&relay).await;
        ask(&phone, b"before").await;
        relay.rebind("phone").await.unwrap();
        assert_eq!(ask(&phone, b"after").await, b"after");
        assert_ne!(seen.recv().await, seen.recv().await);
    }
}
