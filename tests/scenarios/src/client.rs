//! A participant: a real session without a window.

use std::time::{Duration, Instant};

use beckon_protocol::Secret;
use beckon_protocol::channel::app::Closed;
use beckon_protocol::channel::page::{Custom, RoomData, RoomOpen, UserData};
use beckon_protocol::room::{RoomAction, StyleType, Template};
use beckon_server::config::DEFAULT_APP;
use beckon_session::report::SessionReport;
use beckon_session::{
    CameraChoice, LeaveReason, MicrophoneChoice, RoomView, Session, SessionEnv, SessionError, SessionHandle,
    SessionRequest, SpeakerChoice, VideoSettings,
};
use url::Url;

use crate::machine::{Unlike, machine};
use crate::quiet::QUIET;
use crate::server::sig;

/// How somebody wants to join.
#[derive(Clone)]
pub struct Wish {
    /// The room.
    pub room: String,
    /// Who.
    pub user: String,
    /// Make the room.
    pub create: bool,
    /// A call, or a live room with an audience.
    pub style: StyleType,
    /// How many the room made is for.
    pub template: Template,
    /// The userSig; `None`: a good one.
    pub sig: Option<Secret>,
    /// Test card and tone, or neither.
    pub sends: bool,
    /// How pictures are sent.
    pub video: VideoSettings,
    /// Media over TCP only.
    pub tcp: bool,
    /// Port of a SOCKS5 proxy on this machine; 0: none.
    pub proxy: u16,
    /// Camera and microphone that are not there instead of test card and tone.
    pub broken: bool,
    /// In what their machine differs from this one.
    pub unlike: Unlike,
}

impl Wish {
    /// To make a room for five.
    pub fn create(room: &str, user: &str) -> Self {
        Self { create: true, ..Self::enter(room, user) }
    }

    /// To enter a room.
    pub fn enter(room: &str, user: &str) -> Self {
        Self {
            room: room.to_owned(),
            user: user.to_owned(),
            create: false,
            style: StyleType::RTCRoom,
            template: Template::OneToFour,
            sig: None,
            sends: true,
            video: VideoSettings { width: 320, height: 180, fps: 15, max_bitrate_bps: 300_000 },
            tcp: false,
            proxy: 0,
            broken: false,
            unlike: Unlike::default(),
        }
    }

    /// On a machine on whose screen a film runs.
    pub fn with_film(mut self) -> Self {
        self.unlike.film = true;
        self
    }

    /// In a quiet room, and without a word.
    pub fn quiet(mut self) -> Self {
        self.unlike.quiet = true;
        self
    }

    /// Sends nothing.
    pub fn silent(mut self) -> Self {
        self.sends = false;
        self
    }

    fn request(self, server: &Url) -> Result<SessionRequest, SessionError> {
        let made =
            || sig(&self.user, 0, 3600).map_err(|e| SessionError::new(beckon_protocol::Code::Internal, e.to_string()));
        let user_sig = self.sig.clone().map_or_else(made, Ok)?;
        let open = RoomOpen {
            userdata: UserData {
                user_id: self.user.clone(),
                user_name: format!("Name of {}", self.user),
                user_avatar: String::new(),
                sdk_app_id: DEFAULT_APP,
                acc_type: String::new(),
                user_sig,
            },
            roomdata: RoomData {
                server_domain: server.to_string(),
                room_action: if self.create { RoomAction::CreateRoom } else { RoomAction::EnterRoom },
                room_id: self.room,
                room_name: String::new(),
                room_title: String::new(),
                room_logo: String::new(),
                style: self.style,
                template: self.template,
            },
            custom: Custom {
                proxy_ip: if self.proxy == 0 { String::new() } else { "127.0.0.1".to_owned() },
                proxy_port: self.proxy,
                ..Custom::default()
            },
        };
        let mut request = SessionRequest::from_open(open)?;
        (request.camera, request.microphone) = if self.broken {
            (CameraChoice::Device("no such camera".into()), MicrophoneChoice::Device("no such microphone".into()))
        } else if self.sends {
            (CameraChoice::TestCard, MicrophoneChoice::Tone)
        } else {
            (CameraChoice::None, MicrophoneChoice::None)
        };
        if self.unlike.quiet {
            request.microphone = MicrophoneChoice::Device(QUIET.to_owned());
        }
        request.speaker = SpeakerChoice::None;
        request.video = self.video;
        request.force_tcp = self.tcp;
        request.measure = true;
        Ok(request)
    }
}

/// Somebody in a room.
pub struct Client {
    /// The session.
    pub session: SessionHandle,
    user: String,
}

impl Client {
    /// Joins; returns when they are in.
    ///
    /// # Errors
    /// Why they are not.
    pub async fn join(server: &Url, wish: Wish) -> Result<Self, SessionError> {
        let user = wish.user.clone();
        let env = machine(wish.unlike);
        Self::open(wish.request(server)?, env, user).await
    }

    async fn open(request: SessionRequest, env: SessionEnv, user: String) -> Result<Self, SessionError> {
        let session = Session::open(request, env)?;
        session.opened().await?;
        Ok(Self { session, user })
    }

    /// Waits until the figures say so, and returns them.
    ///
    /// # Panics
    /// When they do not within `within`; shows them.
    pub async fn until(&self, what: &str, within: Duration, holds: impl Fn(&SessionReport) -> bool) -> SessionReport {
        let begun = Instant::now();
        loop {
            let report = self.session.report();
            if holds(&report) {
                return report;
            }
            if begun.elapsed() > within {
                let shown = serde_json::to_string_pretty(&report).unwrap_or_default();
                panic!("{}: {what} did not come within {within:?}; the figures are\n{shown}", self.user);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until they see and hear somebody: pictures with good bar codes, and the tone.
    ///
    /// # Panics
    /// When that does not come.
    pub async fn sees_and_hears(&self, user: &str) -> SessionReport {
        let what = format!("seeing and hearing {user}");
        self.until(&what, Duration::from_secs(30), |r| {
            let sees = r.from_user(user, "video").is_some_and(|t| t.codes_read >= 20);
            let hears =
                r.from_user(user, "audio").is_some_and(|t| t.tone_hz.is_some_and(|hz| (hz - 440.0).abs() < 5.0));
            sees && hears
        })
        .await
    }

    /// Waits until the room looks so.
    ///
    /// # Panics
    /// When it does not within 20 s.
    pub async fn until_view(&self, what: &str, holds: impl Fn(&RoomView) -> bool) -> RoomView {
        self.until_view_within(what, Duration::from_secs(20), holds).await
    }

    /// The same, where it may take another time.
    ///
    /// # Panics
    /// When it does not within that.
    pub async fn until_view_within(&self, what: &str, within: Duration, holds: impl Fn(&RoomView) -> bool) -> RoomView {
        let mut view = self.session.view();
        let waited = tokio::time::timeout(within, view.wait_for(|v| holds(v))).await;
        match waited {
            Ok(Ok(view)) => view.clone(),
            _ => panic!("{}: {what} did not come; the room is {:#?}", self.user, self.session.view().borrow()),
        }
    }

    /// Waits until the room is over.
    ///
    /// # Panics
    /// When it is not within 20 s.
    pub async fn closed(&self) -> Closed {
        match tokio::time::timeout(Duration::from_secs(20), self.session.closed()).await {
            Ok(closed) => closed,
            Err(_) => panic!("{}: the room does not end; it is {:#?}", self.user, self.session.view().borrow()),
        }
    }

    /// Leaves as a person does, and waits until that is done.
    ///
    /// # Panics
    /// When it is not within 20 s.
    pub async fn leave(&self) -> Closed {
        self.session.leave(LeaveReason::User);
        self.closed().await
    }
}

/// Waits until something holds.
///
/// # Panics
/// When it does not within `within`.
pub async fn eventually(what: &str, within: Duration, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() <= within, "{what} did not come within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
