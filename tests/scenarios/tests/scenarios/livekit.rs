//! The same, with rooms on a real LiveKit server (`engine = "livekit"`). Each skips itself, saying why, where none was built.

use beckon_scenarios::{LiveKitServer, TestServer, Wire, turn};

use crate::SERVER;
use crate::recovery::Lost;
use crate::{calls, presets, recovery, rules, screens};

/// Both servers; `None` where LiveKit's was not built.
async fn servers() -> Option<(LiveKitServer, TestServer)> {
    let livekit = LiveKitServer::start().await.unwrap()?;
    let server = TestServer::on_livekit(SERVER, &livekit).await.unwrap();
    Some((livekit, server))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_two_clients_see_and_hear_each_other_in_step() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    calls::two_see_and_hear_each_other(&server.url(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_two_clients_see_and_hear_each_other_over_tcp_alone() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    calls::two_see_and_hear_each_other(&server.url(), true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_five_in_a_room_all_see_and_hear_all_others() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    calls::five_all_see_and_hear_all_others(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_room_made_without_an_id_gets_one_that_others_can_enter() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    rules::a_room_without_an_id_gets_one(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_full_room_says_so_and_has_a_place_again_when_somebody_leaves() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    rules::a_full_room_has_a_place_again_when_somebody_leaves(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_texts_go_both_ways() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    calls::chat_goes_both_ways(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_muted_camera_and_microphone_are_seen_to_be_off_and_come_back() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    calls::muting_is_seen_and_undone(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_the_audience_of_a_live_room_opens_no_device_and_sends_nothing() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    rules::the_audience_sees_and_hears_and_sends_nothing(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_creator_who_leaves_ends_the_room_for_the_others() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    rules::the_creator_ends_the_room(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_the_same_user_joining_again_puts_the_older_one_offline() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    rules::the_same_user_again_puts_the_older_one_offline(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_shared_screen_is_seen_large_in_a_small_tile() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    screens::a_screen_is_seen_large(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_quality_chosen_in_the_room_is_followed_and_viewers_see_no_gap() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    presets::a_quality_is_followed(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_all_are_back_within_five_seconds_when_it_is_killed_and_started_again() {
    let _turn = turn().await;
    let Some((mut livekit, server)) = servers().await else { return };
    recovery::all_are_back_after(&server.url(), Lost::LiveKit(&mut livekit)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_a_cut_signalling_connection_is_resumed_and_nobody_else_notices() {
    let _turn = turn().await;
    let Some(livekit) = LiveKitServer::start().await.unwrap() else { return };
    let wire = Wire::to(livekit.url().port().unwrap()).await.unwrap();
    // Both are told the wire's address of the LiveKit server.
    let server = TestServer::on_livekit_at(SERVER, &livekit, &wire.url()).await.unwrap();
    recovery::a_cut_connection_is_resumed(&wire, &server.url(), &server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_devices_that_are_not_there_are_told_of_and_the_room_goes_on_without_them() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    recovery::devices_that_are_not_there(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_through_a_socks5_proxy_everything_goes_over_tcp() {
    let _turn = turn().await;
    let Some((_livekit, server)) = servers().await else { return };
    recovery::all_goes_through_a_proxy(&server.url()).await;
}
