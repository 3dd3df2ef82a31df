//! Bad networks before a real LiveKit server. Each skips itself, saying why, where none was built.
//!
//! Two are not among them. Which layer a viewer on a slow network gets is that server's choice, which holds its own estimate of it. And UDP
//! that does not pass at all: the address it tells clients is the relay's, where it takes nothing over TCP; `livekit.rs` has calls over TCP.

use beckon_impair::Relay;
use beckon_scenarios::{LiveKitServer, TestServer, turn};

use crate::{SERVER, networks};

/// Both servers, and the relay before LiveKit's; `None` where that was not built.
async fn servers() -> Option<(LiveKitServer, TestServer, Relay)> {
    let (livekit, relay) = LiveKitServer::behind_relay().await.unwrap()?;
    let server = TestServer::on_livekit(SERVER, &livekit).await.unwrap();
    Some((livekit, server, relay))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_with_one_packet_in_ten_lost_both_ways_they_go_on_seeing_and_hearing_each_other() {
    let _turn = turn().await;
    let Some((_livekit, server, relay)) = servers().await else { return };
    networks::one_packet_in_ten_is_lost(&server.url(), &relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_after_five_seconds_without_a_packet_pictures_come_back_by_themselves() {
    let _turn = turn().await;
    let Some((_livekit, server, relay)) = servers().await else { return };
    networks::five_seconds_pass_without_a_packet(&server.url(), &relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_client_whose_address_changes_comes_back_by_itself() {
    let _turn = turn().await;
    let Some((_livekit, server, relay)) = servers().await else { return };
    networks::an_address_changes(&server.url(), &relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_bad_connection_and_its_recovery_are_told_to_all() {
    let _turn = turn().await;
    let Some((_livekit, server, relay)) = servers().await else { return };
    networks::a_bad_connection_is_told_to_all(&server.url(), &relay).await;
}
