//! One client's signalling connection: protobuf messages in WebSocket frames.

use std::time::{Duration, SystemTime};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use beckon_sfu::join_anew;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_response::Message as Response;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::allowance::Allowance;
use super::token::Pass;
use crate::media::{SignalLink, SignalOut};

/// How often a client gets a fresh token for coming back. The first comes at once.
const REFRESH: Duration = Duration::from_secs(5 * 60);
/// Messages that cannot be read before the connection is ended.
const MAX_MALFORMED: u32 = 8;
/// A client that takes nothing of what is said to it for this long is gone; the room gives one up that says nothing for as long.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a connection that is given up is still read.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Carries messages both ways until one side ends it.
pub(super) async fn serve(socket: WebSocket, link: SignalLink, pass: Pass) {
    let (writer, reader) = socket.split();
    carry(Impatient { writer, patience: PATIENCE }, reader, link, &pass).await;
}

async fn carry<E>(
    mut writer: Impatient<impl Sink<Message> + Unpin>,
    reader: impl Stream<Item = Result<Message, E>> + Unpin,
    mut link: SignalLink,
    pass: &Pass,
) {
    let mut reader = Measured::over(reader);
    let mut refresh = interval(REFRESH);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut greeted = false;
    let mut malformed = 0;
    let written = loop {
        let written = tokio::select! {
            outgoing = link.outgoing.recv() => match outgoing {
                Some(SignalOut::Message(message)) => {
                    greeted = true;
                    writer.send(encode(*message)).await
                }
                Some(SignalOut::Close) | None => break writer.send(closing("the session ended here")).await,
            },
            // The first message must be the one that answers the join.
            _ = refresh.tick(), if greeted => match pass.refreshed(SystemTime::now()) {
                Some(token) => writer.send(encode(Response::RefreshToken(token))).await,
                None => Ok(()),
            },
            incoming = reader.next() => match take(incoming, &link, &mut malformed) {
                Incoming::Taken => Ok(()),
                Incoming::Refused(why) => break writer.send(closing(why)).await,
                Incoming::Ended => break Ok(()),
            },
        };
        if written.is_err() {
            break written;
        }
    };
    if written.is_err() {
        // A client that says goodbye and goes is gone before all we have for it is written: its goodbye is still to be read.
        let rest = async { while let Incoming::Taken = take(reader.next().await, &link, &mut malformed) {} };
        let _ = timeout(LAST_WORDS, rest).await;
    }
    drop(link);
    let farewell = async {
        writer.close().await;
        // What a client said and nobody read would have the system cut the connection off at once, and what it was told last, such as why
        // its session ends, would be lost with it.
        while reader.next().await.is_some_and(|word| word.is_ok()) {}
    };
    let _ = timeout(LAST_WORDS, farewell).await;
}

/// The writing half of a connection. A network that is gone, or a client that stopped reading, can make each message wait for hours,
/// with all those behind it.
struct Impatient<W> {
    writer: W,
    patience: Duration,
}

/// What is said is not taken any more.
struct NotTaken;

impl<W: Sink<Message> + Unpin> Impatient<W> {
    async fn send(&mut self, message: Message) -> Result<(), NotTaken> {
        match timeout(self.patience, self.writer.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotTaken),
        }
    }

    async fn close(mut self) {
        let _ = timeout(self.patience, self.writer.close()).await;
    }
}

/// The reading half of a connection, read no faster than its client's allowance has it. What is not read yet waits in the
/// network and, when that is full, with the client.
struct Measured<R> {
    reader: R,
    allowance: Allowance,
    /// Nothing is read before.
    rest: Option<Instant>,
}

impl<R, E> Measured<R>
where
    R: Stream<Item = Result<Message, E>> + Unpin,
{
    fn over(reader: R) -> Self {
        Self { reader, allowance: Allowance::new(Instant::now().into_std()), rest: None }
    }

    /// What comes next. Dropped before it is there, it loses nothing.
    async fn next(&mut self) -> Option<Result<Message, E>> {
        if let Some(until) = self.rest {
            sleep_until(until).await;
            self.rest = None;
        }
        let next = self.reader.next().await;
        if let Some(Ok(message)) = &next {
            let now = Instant::now();
            let wait = self.allowance.charge(length(message), now.into_std());
            self.rest = (!wait.is_zero()).then(|| now + wait);
        }
        next
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}

/// What became of something read.
enum Incoming {
    /// It was given to the room, or is nothing to it.
    Taken,
    /// It ends the connection, for this reason.
    Refused(&'static str),
    /// There is no more.
    Ended,
}

fn take<E>(incoming: Option<Result<Message, E>>, link: &SignalLink, malformed: &mut u32) -> Incoming {
    match incoming {
        Some(Ok(Message::Binary(bytes))) => match proto::SignalRequest::decode(bytes) {
            Ok(proto::SignalRequest { message: Some(message) }) => link.send(message),
            // A kind of message that is newer than we are.
            Ok(_) => {}
            Err(error) => {
                *malformed += 1;
                tracing::debug!(sid = link.sid, %error, "malformed signalling message");
                if *malformed >= MAX_MALFORMED {
                    return Incoming::Refused("too many malformed messages");
                }
            }
        },
        Some(Ok(Message::Text(_))) => return Incoming::Refused("only binary messages (protobuf) are understood"),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
        Some(Ok(Message::Close(_)) | Err(_)) | None => return Incoming::Ended,
    }
    Incoming::Taken
}

/// Tells a client that wants to go on with an unknown session to join anew.
pub(super) async fn send_join_anew(mut socket: WebSocket) {
    let farewell = async {
        if socket.send(encode(join_anew())).await.is_ok() {
            let _ = socket.send(closing("the session is not known")).await;
            while socket.recv().await.is_some_and(|word| word.is_ok()) {}
        }
    };
    let _ = timeout(LAST_WORDS, farewell).await;
}

fn encode(message: Response) -> Message {
    Message::Binary(proto::SignalResponse { message: Some(message) }.encode_to_vec().into())
}

fn closing(reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: close_code::NORMAL, reason: reason.into() }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use futures_util::{sink, stream};
    use proto::signal_request::Message as Request;

    use super::*;
    use crate::media::SignalLink;

    /// The writing half of a connection whose other end is gone.
    struct Gone;

    impl Sink<Message> for Gone {
        type Error = ();
        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Err(()))
        }
        fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), ()> {
            Err(())
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Err(()))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Err(()))
        }
    }

    fn patient<W>(writer: W) -> Impatient<W> {
        Impatient { writer, patience: PATIENCE }
    }

    /// The writing half of a connection whose other end reads nothing.
    struct Stuck;

    impl Sink<Message> for Stuck {
        type Error = ();
        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Pending
        }
        fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), ()> {
            Err(())
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Pending
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_of_what_is_said_is_not_waited_for() {
        let (link, _room, to_client) = SignalLink::apart();
        to_client.send(SignalOut::Message(Box::new(Response::RefreshToken(String::new())))).await.unwrap();
        let silence = stream::pending::<Result<Message, Infallible>>();
        let writer = Impatient { writer: Stuck, patience: Duration::from_millis(50) };
        let ended = timeout(Duration::from_secs(20), carry(writer, silence, link, &Pass::nobody())).await;
        assert!(ended.is_ok(), "it is still waited for");
        assert!(to_client.is_closed(), "what else there is to say has nowhere to wait");
    }

    #[tokio::test]
    async fn what_is_said_to_a_session_that_has_ended_is_read_and_goes_nowhere() {
        let (link, room, to_client) = SignalLink::apart();
        to_client.send(SignalOut::Close).await.unwrap();
        let mut read = 0;
        let mute = proto::SignalRequest { message: Some(Request::Mute(proto::MuteTrackRequest::default())) };
        let words = stream::iter(0..3).then(|_| async {
            // Not before the session has ended.
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok::<_, Infallible>(Message::Binary(mute.encode_to_vec().into()))
        });
        let counted = words.inspect(|_| read += 1);
        carry(patient(sink::drain()), Box::pin(counted), link, &Pass::nobody()).await;
        assert_eq!((read, room.heard().len()), (3, 0));
    }

    #[tokio::test]
    async fn a_goodbye_is_heard_though_nothing_can_be_written_any_more() {
        let (link, room, to_client) = SignalLink::apart();
        to_client.send(SignalOut::Message(Box::new(Response::RefreshToken(String::new())))).await.unwrap();
        // What the client sent last is read only after the attempt to write has failed.
        let leave = proto::SignalRequest { message: Some(Request::Leave(proto::LeaveRequest::default())) };
        let words = stream::once(async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Message::Binary(leave.encode_to_vec().into()))
        });
        carry(patient(Gone), Box::pin(words), link, &Pass::nobody()).await;
        let heard = room.heard();
        assert!(matches!(heard.as_slice(), [Request::Leave(_)]), "{heard:?}");
    }

    #[tokio::test]
    async fn who_says_more_than_they_may_is_read_slowly_and_to_the_end() {
        let (link, room, _to_client) = SignalLink::apart();
        let mute = Request::Mute(proto::MuteTrackRequest { sid: "TR_1".into(), muted: true });
        let mute = proto::SignalRequest { message: Some(mute) }.encode_to_vec();
        let words = (0..510).map(|_| Ok::<_, Infallible>(Message::Binary(mute.clone().into())));
        let begun = Instant::now();
        carry(patient(sink::drain()), stream::iter(words), link, &Pass::nobody()).await;
        // Each of the ten beyond what is taken at once waits for 20 ms.
        assert!(begun.elapsed() >= Duration::from_millis(190), "{:?}", begun.elapsed());
        assert_eq!(room.heard().len(), 510);
    }
}
