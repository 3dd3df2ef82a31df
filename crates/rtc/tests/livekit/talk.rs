//! What a room is for: seeing, hearing, writing.

use std::sync::atomic::Ordering;

use beckon_rtc::{
    DataOptions, PublishMedia, PublishOptions, RoomEvent, TrackKind, TrackSource, VideoLayer, WriteError,
};
use bytes::Bytes;

use crate::client::{Client, listen, on_air, options, read_picture, read_sound, send_pictures, watch};
use crate::server::token;
use crate::server_or_skip;

#[tokio::test]
async fn two_participants_see_and_hear_each_other() {
    let server = server_or_skip!();
    let mut ann = Client::join(options(&server.url(), token("talk", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("talk", "bob"))).await;
    assert_eq!(ann.room.local().name, "Name of ann");
    assert_eq!(bob.room.participants().len(), 1);
    let _on_air = (on_air(&ann).await, on_air(&bob).await);
    for me in [&mut ann, &mut bob] {
        let video = me.track(TrackKind::Video).await;
        let audio = me.track(TrackKind::Audio).await;
        assert_eq!(video.info().width, 1280);
        let (pictures, sound) = tokio::join!(watch(&video, 60), listen(&audio, 100));
        assert_eq!(pictures.len() + sound.len(), 160);
    }
    assert_eq!(ann.room.participants()[0].identity, "bob");
    ann.room.close().await;
    bob.until("ann's leaving", |e| matches!(e, RoomEvent::ParticipantLeft(p) if p.identity == "ann").then_some(()))
        .await;
}

#[tokio::test]
async fn sound_and_pictures_are_mapped_to_one_clock_of_the_sender() {
    let server = server_or_skip!();
    let ann = Client::join(options(&server.url(), token("sync", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("sync", "bob"))).await;
    let _on_air = on_air(&ann).await;
    let (video, audio) = (bob.track(TrackKind::Video).await, bob.track(TrackKind::Audio).await);
    // How far the mapped wall clock is from the capture time put into the frame: the same for both, whatever it is.
    let of_pictures = async {
        let frames = video.video().unwrap();
        loop {
            let frame = frames.recv().await.unwrap();
            if let Some(unix_ns) = frame.sender_unix_ns {
                return unix_ns - read_picture(&frame.data).1;
            }
        }
    };
    let of_sound = async {
        let packets = audio.audio().unwrap();
        loop {
            let packet = packets.recv().await.unwrap();
            if let Some(unix_ns) = packet.sender_unix_ns {
                return unix_ns - read_sound(&packet.payload).1;
            }
        }
    };
    let both = tokio::time::timeout(crate::client::PATIENCE, async { tokio::join!(of_pictures, of_sound) });
    let (pictures, sound) = both.await.expect("sender reports come");
    let apart_ms = (pictures - sound).abs() / 1_000_000;
    assert!(apart_ms <= 10, "sound and pictures are {apart_ms} ms apart");
}

#[tokio::test]
async fn a_late_comer_gets_a_key_frame_by_asking_for_it() {
    let server = server_or_skip!();
    let mut ann = Client::join(options(&server.url(), token("late", "ann"))).await;
    let camera = ann.room.publish(PublishOptions::camera(640, 360, 800_000)).await.unwrap();
    let pictures = send_pictures(camera.clone(), 1);
    ann.media().await;
    ann.forget();
    let mut bob = Client::join(options(&server.url(), token("late", "bob"))).await;
    let video = bob.track(TrackKind::Video).await;
    let asked = ann.until("a key frame request", |e| match e {
        RoomEvent::KeyFrameRequested { sid, .. } => Some(sid.clone()),
        _ => None,
    });
    assert_eq!(asked.await, camera.sid());
    pictures.key_wanted.store(true, Ordering::Relaxed);
    watch(&video, 30).await;
    // And once more, by the decoder's own wish.
    ann.forget();
    video.request_key_frame();
    ann.until("another request", |e| matches!(e, RoomEvent::KeyFrameRequested { .. }).then_some(())).await;
}

#[tokio::test]
async fn sound_of_two_channels_is_known_as_such() {
    let server = server_or_skip!();
    let ann = Client::join(options(&server.url(), token("stereo", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("stereo", "bob"))).await;
    let channels = |e: &RoomEvent| match e {
        RoomEvent::TrackPublished { track, .. } => Some((track.source, track.stereo)),
        _ => None,
    };
    ann.room.publish(PublishOptions::screen_sound()).await.unwrap();
    assert_eq!(bob.until("the computer's sound", channels).await, (TrackSource::ScreenShareAudio, true));
    bob.forget();
    ann.room.publish(PublishOptions::microphone()).await.unwrap();
    assert_eq!(bob.until("the microphone", channels).await, (TrackSource::Microphone, false));
}

#[tokio::test]
async fn muting_and_unpublishing_reach_the_others() {
    let server = server_or_skip!();
    let ann = Client::join(options(&server.url(), token("mute", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("mute", "bob"))).await;
    let (camera, microphone, _pictures, _sound) = on_air(&ann).await;
    bob.track(TrackKind::Video).await;
    let told = |muted: bool| {
        move |e: &RoomEvent| matches!(e, RoomEvent::TrackMuted { muted: m, .. } if *m == muted).then_some(())
    };
    ann.room.set_muted(&microphone.sid(), true).unwrap();
    bob.until("the mute", told(true)).await;
    assert!(bob.room.participants()[0].tracks.iter().any(|t| t.muted && t.kind == TrackKind::Audio));
    ann.room.set_muted(&microphone.sid(), false).unwrap();
    bob.until("the unmute", told(false)).await;

    let sid = camera.sid();
    ann.room.unpublish(&sid).unwrap();
    let gone = |e: &RoomEvent| matches!(e, RoomEvent::TrackUnpublished { track, .. } if track.sid == sid).then_some(());
    bob.until("the unpublishing", gone).await;
    bob.until("the end of the media", |e| matches!(e, RoomEvent::TrackUnsubscribed { .. }).then_some(())).await;
    assert!(ann.room.unpublish(&sid).is_err());
    // A second camera takes the place of the first.
    let camera = ann.room.publish(PublishOptions::camera(640, 360, 800_000)).await.unwrap();
    let _pictures = send_pictures(camera.clone(), 1);
    bob.forget();
    let video = bob.track(TrackKind::Video).await;
    assert_eq!(video.sid(), camera.sid());
    watch(&video, 20).await;
}

#[tokio::test]
async fn data_and_chat_go_both_ways() {
    let server = server_or_skip!();
    let mut bob = Client::join(options(&server.url(), token("data", "bob"))).await;
    bob.listening().await;
    let mut ann = Client::join(options(&server.url(), token("data", "ann"))).await;
    // Sent before any channel is open: it waits.
    let topic = Some("seats".to_owned());
    let to_bob = DataOptions { topic: topic.clone(), destinations: vec!["bob".into()], ..DataOptions::default() };
    ann.room.send_data(to_bob, Bytes::from_static(b"one")).unwrap();
    let data = bob
        .until("data", |e| match e {
            RoomEvent::Data(data) => Some(data.clone()),
            _ => None,
        })
        .await;
    assert_eq!(
        (data.from.unwrap(), data.topic, &data.payload[..], data.reliable),
        ("ann".into(), topic, &b"one"[..], true)
    );

    ann.listening().await;
    let sent = bob.room.send_chat("你好，会议").unwrap();
    let chat = ann
        .until("chat", |e| match e {
            RoomEvent::Chat(chat) => Some(chat.clone()),
            _ => None,
        })
        .await;
    assert_eq!(chat, sent);
    let long = "长".repeat(10_000);
    ann.room.send_chat(long.clone()).unwrap();
    let chat = bob
        .until("long chat", |e| match e {
            RoomEvent::Chat(chat) => Some(chat.text.clone()),
            _ => None,
        })
        .await;
    assert_eq!(chat, long);
    assert!(ann.room.send_data(DataOptions::default(), Bytes::from(vec![0; 100_000])).is_err());
}

#[tokio::test]
async fn media_flows_over_tcp_alone() {
    let server = server_or_skip!();
    let tcp = |who| {
        let mut options = options(&server.url(), token("tcp", who));
        options.force_tcp = true;
        options
    };
    let ann = Client::join(tcp("ann")).await;
    let mut bob = Client::join(tcp("bob")).await;
    let _on_air = on_air(&ann).await;
    let (video, audio) = (bob.track(TrackKind::Video).await, bob.track(TrackKind::Audio).await);
    tokio::join!(watch(&video, 60), listen(&audio, 60));
    let stats = bob.room.stats();
    assert_eq!(stats.subscriber.transport, "tcp", "{stats:?}");
}

#[tokio::test]
async fn a_track_can_be_left_out_and_taken_in_again() {
    let server = server_or_skip!();
    let ann = Client::join(options(&server.url(), token("subscribe", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("subscribe", "bob"))).await;
    let (_camera, _microphone, pictures, _sound) = on_air(&ann).await;
    let video = bob.track(TrackKind::Video).await;
    watch(&video, 5).await;
    bob.room.set_subscribed(&video.sid(), false).unwrap();
    bob.until("the end", |e| matches!(e, RoomEvent::TrackUnsubscribed { .. }).then_some(())).await;
    bob.forget();
    bob.room.set_subscribed(&video.sid(), true).unwrap();
    let again = bob.track(TrackKind::Video).await;
    pictures.key_wanted.store(true, Ordering::Relaxed);
    watch(&again, 20).await;
}

#[tokio::test]
async fn a_camera_in_layers_is_seen_and_the_wanted_layers_are_told() {
    let server = server_or_skip!();
    let mut ann = Client::join(options(&server.url(), token("layers", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("layers", "bob"))).await;
    let mut camera = PublishOptions::camera(1280, 720, 1_700_000);
    if let PublishMedia::Video(video) = &mut camera.media {
        let layer =
            |rid: &str, width, height, max_bitrate_bps| VideoLayer { rid: rid.into(), width, height, max_bitrate_bps };
        video.layers = vec![layer("q", 320, 180, 200_000), layer("f", 1280, 720, 1_500_000)];
    }
    let camera = ann.room.publish(camera).await.unwrap();
    let pictures = send_pictures(camera.clone(), 2);
    let video = bob.track(TrackKind::Video).await;
    pictures.key_wanted.store(true, Ordering::Relaxed);
    ann.until("the wanted layers", |e| matches!(e, RoomEvent::LayersWanted { .. }).then_some(())).await;
    // The server may change layers at a key frame: numbers need not be without gaps then.
    let frames = video.video().unwrap();
    for _ in 0..60 {
        let frame = tokio::time::timeout(crate::client::PATIENCE, frames.recv()).await.expect("pictures come").unwrap();
        read_picture(&frame.data);
    }
    let sent: Vec<_> = ann.room.stats().local.iter().map(|l| (l.layer.clone(), l.packets > 0)).collect();
    assert_eq!(sent, [(Some("q".into()), true), (Some("f".into()), true)]);
    assert_eq!(
        camera.write_video(beckon_rtc::EncodedVideo { data: Bytes::new(), key: true, capture_ns: 0, layer: 2 }),
        Err(WriteError::WrongKind)
    );
}

#[tokio::test]
async fn the_bandwidth_estimate_grows_on_a_free_road() {
    let server = server_or_skip!();
    let mut ann = Client::join(options(&server.url(), token("bandwidth", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("bandwidth", "bob"))).await;
    let _on_air = on_air(&ann).await;
    bob.track(TrackKind::Video).await;
    ann.until("an estimate above what is needed", |e| match e {
        RoomEvent::TargetBitrate { total_bps } if *total_bps >= 1_500_000 => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn somebody_who_is_loud_is_told_as_speaking() {
    let server = server_or_skip!();
    let ann = Client::join(options(&server.url(), token("speakers", "ann"))).await;
    let mut bob = Client::join(options(&server.url(), token("speakers", "bob"))).await;
    let _on_air = on_air(&ann).await;
    bob.until("ann speaking", |e| match e {
        RoomEvent::ActiveSpeakers(list) if list.iter().any(|s| s.identity == "ann") => Some(()),
        _ => None,
    })
    .await;
}
