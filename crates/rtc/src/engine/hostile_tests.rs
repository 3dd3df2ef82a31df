//! Offers and answers that a broken or hostile server could send: refused, never a panic.

use std::collections::HashMap;
use std::time::Instant;

use beckon_sdp::SdpError;
use str0m::Rtc;
use str0m::change::SdpOffer;
use str0m::media::{Direction, MediaKind};

use super::publisher::Publisher;
use super::sdp::DescriptionError;
use super::sim_tests::camera_track;
use super::subscriber::Subscriber;
use super::times::Anchor;
use super::{EngineConfig, EngineOut, Outputs};

fn config(now: Instant) -> EngineConfig {
    EngineConfig { force_tcp: false, start_bitrate_bps: 1_000_000, anchor: Anchor::new(now, 1_000_000_000) }
}

/// What a subscriber says to a server's offer, changed.
fn offered(change: impl Fn(&str) -> String) -> Result<String, DescriptionError> {
    let now = Instant::now();
    let mut server = Rtc::builder().build(now);
    let mut api = server.sdp_api();
    api.add_media(MediaKind::Video, Direction::SendRecv, Some("PA_x|TR_v".into()), Some("TR_v".into()), None);
    let (offer, _pending) = api.apply().unwrap();
    let mut subscriber = Subscriber::new(now, config(now));
    subscriber.offer(now, &change(&offer.to_sdp_string()), &HashMap::new(), &mut Outputs::new())
}

/// The number of the payload type that stands for a codec.
fn number(sdp: &str, codec: &str) -> String {
    let map = sdp.lines().find_map(|l| l.strip_prefix("a=rtpmap:")?.strip_suffix(codec)).unwrap();
    map.trim().to_owned()
}

#[test]
fn an_offer_with_a_payload_type_for_two_codecs_is_refused() {
    assert!(offered(str::to_owned).is_ok());
    let refused = offered(|sdp| {
        let (vp8, vp9) = (number(sdp, "VP8/90000"), number(sdp, "VP9/90000"));
        sdp.replace(&format!("a=rtpmap:{vp9} VP9"), &format!("a=rtpmap:{vp8} VP9"))
    });
    assert!(matches!(refused, Err(DescriptionError::Refused(SdpError::TwoMeanings { .. }))), "{refused:?}");
}

#[test]
fn an_offer_with_a_payload_type_that_is_none_is_refused() {
    let refused = offered(|sdp| sdp.replace(&format!("rtpmap:{} VP8", number(sdp, "VP8/90000")), "rtpmap:200 VP8"));
    assert!(matches!(refused, Err(DescriptionError::Refused(SdpError::NoPayloadType(_)))), "{refused:?}");
}

#[test]
fn an_offer_of_too_many_sections_is_refused() {
    let refused = offered(|sdp| sdp.to_owned() + &"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(600));
    assert!(matches!(refused, Err(DescriptionError::Refused(SdpError::TooManySections))), "{refused:?}");
}

#[test]
fn an_answer_with_a_payload_type_for_two_codecs_is_refused_and_its_track_rejected() {
    let now = Instant::now();
    let mut publisher = Publisher::new(now, config(now));
    publisher.add_track(now, camera_track(), "cid-1".into());
    let mut out = Outputs::new();
    let (offer, id) = publisher.offer(now, &mut out).unwrap();
    let mut server = Rtc::builder().build(now);
    let answer = server.sdp_api().accept_offer(SdpOffer::from_sdp_string(&offer).unwrap()).unwrap().to_sdp_string();
    let h264 = number(&answer, "H264/90000");
    let hostile = format!("{answer}a=rtpmap:{h264} VP8/90000\r\n");
    let refused = publisher.answer(now, &hostile, id, &mut out);
    assert!(matches!(refused, Err(DescriptionError::Refused(SdpError::TwoMeanings { .. }))), "{refused:?}");
    assert!(out.iter().any(|o| matches!(o, EngineOut::TrackRejected { .. })));
}
