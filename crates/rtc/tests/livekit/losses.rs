//! Losing the connection and winning it back without the application doing anything.

use std::time::{Duration, Instant};

use beckon_rtc::{RoomEvent, TrackKind};

use crate::client::{Client, listen, on_air, options, watch};
use crate::server::{Wire, token};
use crate::server_or_skip;

fn reconnected(e: &RoomEvent) -> Option<bool> {
    match e {
        RoomEvent::Reconnected { resumed } => Some(*resumed),
        _ => None,
    }
}

#[tokio::test]
async fn a_cut_signalling_connection_is_resumed_while_media_flows_on() {
    let server = server_or_skip!();
    let wire = Wire::to(server.port).await;
    let mut ann = Client::join(options(&format!("ws://{}", wire.address), token("resume", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("resume", "bob"))).await;
    let (camera, ..) = &on_air(&ann).await;
    let _bob_on_air = on_air(&bob).await;
    let (seen_by_bob, seen_by_ann) = (bob.track(TrackKind::Video).await, ann.track(TrackKind::Video).await);
    watch(&seen_by_bob, 10).await;
    let sid = camera.sid();
    bob.forget();
    ann.forget();

    let cut = Instant::now();
    wire.cut();
    ann.until("the loss", |e| matches!(e, RoomEvent::Reconnecting { .. }).then_some(())).await;
    assert!(ann.until("the return", reconnected).await, "a full rejoin where a resume would do");
    eprintln!("resumed after {:?}", cut.elapsed());
    assert!(cut.elapsed() < Duration::from_secs(5));
    assert_eq!(camera.sid(), sid);
    // Pictures go on in both directions without a gap, and after the loss new things still work.
    let (to_bob, to_ann) = tokio::join!(watch(&seen_by_bob, 30), watch(&seen_by_ann, 30));
    assert_eq!(to_bob.len() + to_ann.len(), 60);
    ann.room.send_chat("still here").unwrap();
    bob.until("chat", |e| matches!(e, RoomEvent::Chat(_)).then_some(())).await;
    let left =
        bob.so_far().iter().any(|e| matches!(e, RoomEvent::ParticipantLeft(_) | RoomEvent::TrackUnpublished { .. }));
    assert!(!left, "the others must not notice: {:#?}", bob.so_far());
    assert_eq!(ann.room.stats().resumes, 1);
}

#[tokio::test]
async fn everybody_is_back_within_five_seconds_of_a_killed_server_starting_again() {
    let mut server = server_or_skip!();
    let mut ann = Client::join(options(&server.url(), token("restart", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("restart", "bob"))).await;
    let (camera, ..) = &on_air(&ann).await;
    let before = bob.track(TrackKind::Video).await;
    watch(&before, 10).await;
    ann.forget();
    bob.forget();

    server.kill();
    ann.until("the loss", |e| matches!(e, RoomEvent::Reconnecting { .. }).then_some(())).await;
    server.start_again().await;
    let up = Instant::now();
    let (ann_resumed, bob_resumed) =
        tokio::join!(ann.until("ann's return", reconnected), bob.until("bob's return", reconnected));
    assert!(!ann_resumed && !bob_resumed);
    let video = bob
        .until("ann's new track", |e| match e {
            RoomEvent::TrackSubscribed(t) if t.kind() == TrackKind::Video && t.sid() != before.sid() => Some(t.clone()),
            _ => None,
        })
        .await;
    let audio = bob.track(TrackKind::Audio).await;
    tokio::join!(watch(&video, 5), listen(&audio, 5));
    eprintln!("back after {:?}", up.elapsed());
    assert!(up.elapsed() < Duration::from_secs(5), "{:?}", up.elapsed());
    assert_eq!(camera.sid(), video.sid());
    assert_eq!(bob.room.participants().len(), 1);
}
