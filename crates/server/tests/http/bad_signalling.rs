//! Tokens that do not hold and messages that cannot be read, at `/rtc`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use beckon_server::config::{DEV_KEY, DEV_SECRET};
use futures_util::{SinkExt, StreamExt};
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_protocol as proto;
use prost::Message as _;
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, Message},
};

use crate::signalling::Participant;
use crate::support::TestServer;

/// A token whose every claim the test says, signed with this key and secret.
fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    use hmac::{Hmac, Mac};
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn each_bad_token_is_refused_with_its_reason() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    let good = host.create_named("r").await.token.expose().to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let claims = |change: Value| {
        let mut claims = json!({
            "iss": DEV_KEY, "sub": "mallory", "nbf": now - 60, "exp": now + 600,
            "video": {"room": "r", "roomJoin": true},
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let with = |change: Value| sign(&header, &claims(change), DEV_SECRET);

    // Somebody else's name or room under the signature of a token that was given out.
    let mut parts = good.split('.');
    let (head, _, mac) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let forged = with(json!({}));
    let tampered = format!("{head}.{}.{mac}", forged.split('.').nth(1).unwrap());
    let none = json!({"alg": "none", "typ": "JWT"});
    let unsigned = sign(&none, &claims(json!({})), DEV_SECRET);
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);

    for (token, status, reason) in [
        (String::new(), 401, "access token"),
        ("nonsense".to_owned(), 401, "not a signed token"),
        (tampered, 401, "signature does not fit"),
        (sign(&header, &claims(json!({})), "another secret"), 401, "signature does not fit"),
        (unsigned, 401, "invalid access token"),
        (with(json!({"exp": now - 3600})), 401, "has expired"),
        (with(json!({"nbf": now + 3600})), 401, "not valid yet"),
        (with(json!({"iss": "somebody"})), 401, "the API key \"somebody\" is not known"),
        (with(json!({"exp": null})), 401, "invalid access token"),
        (with(json!({"sub": ""})), 401, "sub must be the identity"),
        (with(json!({"video": {"room": "r"}})), 403, "grant roomJoin"),
        (with(json!({"video": {"room": "", "roomJoin": true}})), 401, "must name a room"),
    ] {
        // Browsers hear the reason from the second call, everybody else from the refused connection.
        for path in ["/rtc", "/rtc/validate"] {
            let answer = server.get(&format!("{path}?access_token={token}")).await;
            let (got, text) = (answer.status().as_u16(), answer.text().await.unwrap());
            assert!(got == status && text.contains(reason), "{path} {token}: {got} {text}");
        }
        let refused = connect_async(server.socket_url(&format!("/rtc?access_token={token}"))).await.unwrap_err();
        let tungstenite::Error::Http(answer) = refused else { panic!("{token}: {refused}") };
        assert_eq!(answer.status(), status, "{token}");
    }
    // None of it was the room's business, and the token that was given out holds.
    assert!(host.room("r").await.members.is_empty());
    let answer = server.get(&format!("/rtc/validate?access_token={good}")).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "success"));
    server.stop().await;
}

/// A participant of a room by the server's own API, and how its connection ends after what is sent.
async fn ended_after(server: &TestServer, messages: impl IntoIterator<Item = Message>) -> String {
    let grants = VideoGrants { room_join: true, room: "r".into(), ..VideoGrants::default() };
    let token = AccessToken::with_api_key(DEV_KEY, DEV_SECRET).with_identity("mallory").with_grants(grants).to_jwt();
    let url = server.socket_url(&format!("/rtc?access_token={}&protocol=15", token.unwrap()));
    let (mut socket, _) = connect_async(url).await.unwrap();
    for message in messages {
        // It may be over before all is sent.
        if socket.send(message).await.is_err() {
            break;
        }
    }
    let end = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.reason.to_string(),
                Some(Ok(_)) => {}
                other => return format!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), end).await.expect("the connection is ended")
}

#[tokio::test]
async fn whoever_sends_what_cannot_be_read_is_sent_away_and_nobody_else() {
    let server = TestServer::start().await;
    let host = server.log_in("host").await;
    let mut creator = Participant::join(&host.create_named("r").await).await;
    host.wait_for_room("r", |room| room.members.len() == 1).await;

    // Fields that run over the end, that have no end, a wrong wire type, and noise.
    let unreadable: [&[u8]; 4] =
        [&[0x0a, 0xff, 0x01], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x0f], &[0xde, 0xad, 0xbe]];
    let bad = unreadable.iter().cycle().map(|bytes| Message::binary(bytes.to_vec()));
    assert_eq!(ended_after(&server, bad.take(8)).await, "too many malformed messages");
    let text = Message::text(r#"{"offer":{"type":"offer","sdp":"v=0"}}"#);
    assert_eq!(ended_after(&server, [text]).await, "only binary messages (protobuf) are understood");

    // A session description that is none ends its sender's session, with the reason on the connection or by its end.
    let sdp = proto::SessionDescription { r#type: "offer".into(), sdp: "v=0 nonsense".into(), ..Default::default() };
    let offer = proto::SignalRequest { message: Some(proto::signal_request::Message::Offer(sdp)) };
    ended_after(&server, [Message::binary(offer.encode_to_vec())]).await;

    // Few of them, and kinds of messages that are newer than the server, cost nobody anything.
    let newer = [0x9a, 0x3f, 0x01, 0x00];
    for bytes in [&newer[..], unreadable[0], &[]] {
        creator.0.send(Message::binary(bytes.to_vec())).await.unwrap();
    }
    let there = |room: &beckon_protocol::service::Room| room.members.iter().any(|member| member.user_id == "host");
    host.wait_for_room("r", there).await;
    assert_eq!(host.call(reqwest::Method::POST, "/api/v1/rooms/r/leave", None::<&()>).await.status(), 204);
    assert_eq!(
        creator.told_to_leave().await,
        proto::DisconnectReason::RoomDeleted,
        "the connection was there all along"
    );
    server.stop().await;
}
