//! A participant on LiveKit's Go SDK. Each test skips itself, saying why, where it was not built.

use std::time::Duration;

use beckon_scenarios::{Client, Engine, GoPeer, Place, Wish, turn};

use crate::SERVER;

const WITHIN: Duration = Duration::from_secs(30);

/// Both sides see, hear and read each other. On any engine.
async fn each_sees_hears_and_reads_the_other(place: &Place) {
    let ann = Client::join(&place.server(), Wish::create("sdk", "ann")).await.unwrap();
    let Engine { url, key, secret } = place.engine();
    let Some(mut gopher) = GoPeer::join(&url, key, secret, "sdk", "gopher").await.unwrap() else { return };
    let video = ann.sees_and_hears("gopher").await.from_user("gopher", "video").cloned().unwrap();
    assert_eq!((video.width, video.height), (320, 180));
    // Codes of 30 pictures and two seconds of the tone.
    let report = gopher.until("ann's media", WITHIN, |r| r.pictures >= 40 && r.sounds >= 120).await;
    assert_eq!(report.participants, ["ann"]);
    assert_eq!(report.published.len(), 2, "{report:?}");
    let got = gopher.received("ann").unwrap();
    println!("the Go peer received {got:?}, {:.0} Hz, and says {report:?}", got.hz());
    assert!(got.codes >= 30 && got.codes * 10 >= got.pictures * 9, "{got:?}");
    assert!(got.samples > 96_000 && (430.0..560.0).contains(&got.hz()), "{got:?}, {} Hz", got.hz());

    ann.session.send_chat("hello gopher 你好").unwrap();
    let said = "ann: hello gopher 你好".to_owned();
    gopher
        .until("ann's text in both forms", WITHIN, |r| r.texts.contains(&said) && r.older_texts.contains(&said))
        .await;
    gopher.say("hello yourself").await.unwrap();
    ann.until("the peer's text", WITHIN, |r| r.chat.contains(&"gopher: hello yourself".to_owned())).await;

    gopher.leave().await.unwrap();
    ann.until_view("being alone", |v| v.members.len() == 1).await;
    ann.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn livekits_go_sdk_sees_hears_and_reads_our_client_on_our_server_and_the_other_way_round() {
    let _turn = turn().await;
    each_sees_hears_and_reads_the_other(&Place::ours(SERVER).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_livekit_its_go_sdk_and_our_client_do_the_same() {
    let _turn = turn().await;
    let Some(place) = Place::on_livekit(SERVER).await.unwrap() else { return };
    each_sees_hears_and_reads_the_other(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_livekits_go_sdk_talk_over_our_server() {
    let _turn = turn().await;
    let place = Place::ours(SERVER).await.unwrap();
    let Engine { url, key, secret } = place.engine();
    let Some(mut one) = GoPeer::join(&url, key, secret, "pair", "one").await.unwrap() else { return };
    let Some(mut two) = GoPeer::join(&url, key, secret, "pair", "two").await.unwrap() else { return };
    for peer in [&mut one, &mut two] {
        peer.until("the other's media", WITHIN, |r| r.pictures >= 40 && r.sounds >= 120).await;
    }
    for (peer, other) in [(&one, "two"), (&two, "one")] {
        let got = peer.received(other).unwrap();
        assert!(got.codes >= 30 && got.codes * 10 >= got.pictures * 9, "{got:?}");
    }
    one.say("hello").await.unwrap();
    two.until("the text and the data", WITHIN, |r| {
        let said = ["one: hello".to_owned()];
        r.texts == said && r.data == said
    })
    .await;
}
