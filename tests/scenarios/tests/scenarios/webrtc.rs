//! A participant on an independent WebRTC implementation.

use std::time::Duration;

use beckon_scenarios::{Client, Engine, Place, WebRtcPeer, Wish, eventually, turn};

use crate::SERVER;

/// Both sides decode pictures and hear the tone.
async fn each_sees_and_hears_the_other(place: &Place) {
    let ann = Client::join(&place.server(), Wish::create("other", "ann")).await.unwrap();
    let Engine { url, key, secret } = place.engine();
    let peer = WebRtcPeer::join(&url, key, secret, "other", "peer").await.unwrap();
    ann.sees_and_hears("peer").await;
    eventually("ann's pictures and tone at the peer", Duration::from_secs(30), || {
        let got = peer.received();
        // 440 Hz, and a tenth of the time 1 kHz.
        got.codes >= 20 && got.samples > 96_000 && (430.0..560.0).contains(&got.hz())
    })
    .await;
    let got = peer.received();
    println!("the peer received {got:?}, {:.0} Hz", got.hz());
    assert!(got.codes * 10 >= got.pictures * 9, "{got:?}");
    ann.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_independent_webrtc_implementation_publishes_to_and_receives_from_our_server() {
    let _turn = turn().await;
    each_sees_and_hears_the_other(&Place::ours(SERVER).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_an_independent_webrtc_implementation_does_the_same() {
    let _turn = turn().await;
    let Some(place) = Place::on_livekit(SERVER).await.unwrap() else { return };
    each_sees_and_hears_the_other(&place).await;
}
