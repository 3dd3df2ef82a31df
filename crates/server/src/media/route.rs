//! Where a datagram goes: to a room of a worker, and to a transport in it.

use beckon_sfu::TransportId;

/// A room's number in the engine; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RoomNumber(pub u64);

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub worker: usize,
    pub room: RoomNumber,
    pub transport: TransportId,
}

/// All routes of the engine.
pub(super) type RouteTable = beckon_sfu::RouteTable<Route>;
