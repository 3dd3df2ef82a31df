//! A participant on the `webrtc` crate: nothing of our room client, of our media engine or of the WebRTC library under them.
//!
//! It speaks LiveKit's protocol as older clients do (`/rtc`, one connection for each direction), publishes the test card and
//! the tone, and decodes what it receives.

mod media;
mod signal;

use std::sync::Arc;

use anyhow::Context;
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_protocol::{self as proto, signal_request::Message as Request, signal_response::Message as Response};
use parking_lot::Mutex;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use url::Url;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_sample::TrackLocalStaticSample;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry, register_default_interceptors,
};

pub use media::Received;
use signal::Signal;

const VIDEO_PAYLOAD: u8 = 102;
const AUDIO_PAYLOAD: u8 = 111;
const VIDEO_ID: &str = "peer-camera";
const AUDIO_ID: &str = "peer-microphone";

/// The participant. It leaves when dropped.
pub struct WebRtcPeer {
    received: Arc<Mutex<Received>>,
    task: JoinHandle<()>,
    failure: watch::Receiver<Option<String>>,
}

impl WebRtcPeer {
    /// Joins a room of a server with this API key and secret, publishes and subscribes to all.
    ///
    /// # Errors
    /// When the server cannot be reached or the connection cannot be set up.
    pub async fn join(server: &Url, key: &str, secret: &str, room: &str, user: &str) -> anyhow::Result<Self> {
        let grants = VideoGrants { room_join: true, room: room.to_owned(), ..VideoGrants::default() };
        let token = AccessToken::with_api_key(key, secret).with_identity(user).with_name(user).with_grants(grants);
        let (server, token) = (server.clone(), token.to_jwt()?);
        let signal = Signal::connect(&server, &token).await?;
        let received = Arc::new(Mutex::new(Received::default()));
        let links = Links::new(received.clone()).await?;
        let (failed, failure) = watch::channel(None);
        let figures = received.clone();
        let task = tokio::spawn(async move {
            let mut outcome = links.run(signal).await;
            // This implementation never sends a lost DTLS flight again: a connection that does not come up is a known
            // defect of the peer, which joins once more, as a person would.
            if outcome.as_ref().is_err_and(|error| format!("{error:#}").contains("ConnectionTimeout")) {
                outcome = async { Links::new(figures).await?.run(Signal::connect(&server, &token).await?).await }.await;
            }
            if let Err(error) = outcome {
                // Whoever asks for figures is shown it.
                let _ = failed.send(Some(format!("{error:#}")));
            }
        });
        Ok(Self { received, task, failure })
    }

    /// What came in so far.
    ///
    /// # Panics
    /// When the participant has failed.
    pub fn received(&self) -> Received {
        if let Some(failure) = self.failure.borrow().as_ref() {
            panic!("the peer failed: {failure}");
        }
        self.received.lock().clone()
    }
}

impl Drop for WebRtcPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The two connections.
struct Links {
    publisher: Arc<dyn PeerConnection>,
    subscriber: Arc<dyn PeerConnection>,
    gathered: mpsc::UnboundedReceiver<()>,
    connected: mpsc::UnboundedReceiver<()>,
    video: Arc<TrackLocalStaticSample>,
    audio: Arc<TrackLocalStaticSample>,
}

struct Publishing {
    gathered: mpsc::UnboundedSender<()>,
    connected: mpsc::UnboundedSender<()>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Publishing {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.send(());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            let _ = self.connected.send(());
        }
    }
}

struct Subscribing(Arc<Mutex<Received>>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Subscribing {
    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        tokio::spawn(media::receive(track, self.0.clone()));
    }
}

impl Links {
    async fn new(received: Arc<Mutex<Received>>) -> anyhow::Result<Self> {
        let (gathered, gathered_out) = mpsc::unbounded_channel();
        let (connected, connected_out) = mpsc::unbounded_channel();
        let publisher = connection(Arc::new(Publishing { gathered, connected })).await?;
        let subscriber = connection(Arc::new(Subscribing(received))).await?;
        let video = local_track(VIDEO_ID, RtpCodecKind::Video, video_codec(), 0x1001)?;
        let audio = local_track(AUDIO_ID, RtpCodecKind::Audio, audio_codec(), 0x1002)?;
        publisher.add_track(video.clone() as Arc<dyn TrackLocal>).await?;
        publisher.add_track(audio.clone() as Arc<dyn TrackLocal>).await?;
        Ok(Self { publisher, subscriber, gathered: gathered_out, connected: connected_out, video, audio })
    }

    async fn run(mut self, mut signal: Signal) -> anyhow::Result<()> {
        signal.send(Request::AddTrack(add_track(VIDEO_ID, true))).await?;
        signal.send(Request::AddTrack(add_track(AUDIO_ID, false))).await?;
        let mut published = 0;
        let mut sending = None;
        loop {
            tokio::select! {
                message = signal.next() => match message? {
                    Response::TrackPublished(_) => {
                        published += 1;
                        if published == 2 {
                            let offer = self.publisher.create_offer(None).await?;
                            self.publisher.set_local_description(offer).await?;
                        }
                    }
                    Response::Answer(answer) => {
                        let answer = RTCSessionDescription::answer(answer.sdp)?;
                        self.publisher.set_remote_description(answer).await.context("the server's answer")?;
                    }
                    Response::Offer(offer) => {
                        let id = offer.id;
                        let offer = RTCSessionDescription::offer(offer.sdp)?;
                        self.subscriber.set_remote_description(offer).await.context("the server's offer")?;
                        let answer = self.subscriber.create_answer(None).await?;
                        self.subscriber.set_local_description(answer).await?;
                        let sdp = self.subscriber.local_description().await.context("no answer of ours")?.sdp;
                        let answer = proto::SessionDescription { r#type: "answer".into(), sdp, id, ..Default::default() };
                        signal.send(Request::Answer(answer)).await?;
                    }
                    Response::Trickle(trickle) => {
                        let candidate = serde_json::from_str(&trickle.candidate_init)?;
                        let link = if trickle.target == proto::SignalTarget::Publisher as i32 { &self.publisher } else { &self.subscriber };
                        link.add_ice_candidate(candidate).await.context("the server's candidate")?;
                    }
                    Response::Leave(leave) => anyhow::bail!("sent away: {leave:?}"),
                    _ => {}
                },
                // Candidates stand in the offer: it goes out when all are known.
                Some(()) = self.gathered.recv() => {
                    let sdp = self.publisher.local_description().await.context("no offer of ours")?.sdp;
                    let offer = proto::SessionDescription { r#type: "offer".into(), sdp, id: 1, ..Default::default() };
                    signal.send(Request::Offer(offer)).await?;
                }
                Some(()) = self.connected.recv(), if sending.is_none() => {
                    sending = Some((
                        AbortOnDrop(tokio::spawn(media::send_card(self.video.clone(), VIDEO_PAYLOAD))),
                        AbortOnDrop(tokio::spawn(media::send_tone(self.audio.clone(), AUDIO_PAYLOAD))),
                    ));
                }
            }
        }
    }
}

struct AbortOnDrop(JoinHandle<anyhow::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn connection(handler: Arc<dyn PeerConnectionEventHandler>) -> anyhow::Result<Arc<dyn PeerConnection>> {
    let mut engine = MediaEngine::default();
    let parameters = |rtp_codec, payload_type| RTCRtpCodecParameters { rtp_codec, payload_type };
    engine.register_codec(parameters(video_codec(), VIDEO_PAYLOAD), RtpCodecKind::Video)?;
    engine.register_codec(parameters(audio_codec(), AUDIO_PAYLOAD), RtpCodecKind::Audio)?;
    let registry = register_default_interceptors(Registry::new(), &mut engine)?;
    let link = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_handler(handler)
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await?;
    Ok(Arc::new(link))
}

fn local_track(
    id: &str,
    kind: RtpCodecKind,
    codec: RTCRtpCodec,
    ssrc: u32,
) -> anyhow::Result<Arc<TrackLocalStaticSample>> {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec,
        ..Default::default()
    };
    let track = MediaStreamTrack::new("peer".to_owned(), id.to_owned(), id.to_owned(), kind, vec![encoding]);
    Ok(Arc::new(TrackLocalStaticSample::new(std::time::Instant::now(), track)?))
}

fn video_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn audio_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn add_track(id: &str, video: bool) -> proto::AddTrackRequest {
    let (kind, source) = if video {
        (proto::TrackType::Video, proto::TrackSource::Camera)
    } else {
        (proto::TrackType::Audio, proto::TrackSource::Microphone)
    };
    let (width, height) = if video { (media::WIDTH, media::HEIGHT) } else { (0, 0) };
    proto::AddTrackRequest {
        cid: id.to_owned(),
        name: id.to_owned(),
        r#type: kind as i32,
        source: source as i32,
        width,
        height,
        ..Default::default()
    }
}
