//! The talk with the desktop's portal: what is asked of it, and when it ends what it gave.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use zbus::blocking::{Connection, Proxy, connection::Builder};
use zbus::proxy::SignalStream;
use zbus::zvariant::{OwnedFd as SentFd, OwnedObjectPath, Value};

use super::answer::{self, Chosen, Outcome, Results};

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const DESKTOP: &str = "/org/freedesktop/portal/desktop";
const SCREENS: &str = "org.freedesktop.portal.ScreenCast";
const REQUEST: &str = "org.freedesktop.portal.Request";
const SESSION: &str = "org.freedesktop.portal.Session";

/// A portal that answers no call within this time hangs. (Dialogs are answered by a signal, whenever the person likes.)
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look whether anybody still waits for the person's answer.
const LOOK: Duration = Duration::from_millis(200);
/// A choice may be had again as long as this program runs.
const PERSIST_WHILE_RUNNING: u32 = 1;
/// The version of the interface that knows how to do that.
const PERSISTS: u32 = 4;

/// Why nothing was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotGiven {
    /// There is no portal, or none that shares screens.
    Absent(String),
    /// It answered with something else than what was asked.
    Broken(String),
    /// It refused without asking the person, or the dialog was torn down.
    Refused,
}

impl From<zbus::Error> for NotGiven {
    fn from(error: zbus::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// A share that the person allowed, until it ends. Dropping it ends it.
pub(super) struct Session {
    conn: Connection,
    path: OwnedObjectPath,
    closed: SignalStream<'static>,
    over: bool,
}

/// What the person gave.
pub(super) struct Given {
    pub(super) session: Session,
    pub(super) chosen: Chosen,
    /// Where PipeWire hands out the pictures.
    pub(super) socket: OwnedFd,
}

/// Asks the person what to share, unless `token` still says so. `None` when they want to share nothing, and when `over`
/// says that nobody waits any more.
///
/// # Errors
/// Why they could not be asked, or what they gave could not be had.
pub(super) fn ask(token: Option<&str>, pointer: bool, over: &dyn Fn() -> bool) -> Result<Option<Given>, NotGiven> {
    let absent = |error: zbus::Error| NotGiven::Absent(error.to_string());
    let builder = Builder::session().map_err(absent)?;
    let conn = builder.method_timeout(PATIENCE).build().map_err(absent)?;
    let portal = Proxy::new(&conn, PORTAL, DESKTOP, SCREENS)?;
    // Also finds out whether there is a portal, and whether it shares screens here.
    let kinds = answer::kinds(portal.get_property("AvailableSourceTypes").map_err(absent)?);
    let pointers: u32 = portal.get_property("AvailableCursorModes").unwrap_or(0);
    let version: u32 = portal.get_property("version").unwrap_or(1);
    let requests = Requests { portal: &portal, over };

    let mut options = HashMap::from([("session_handle_token", Value::from("beckon"))]);
    let results = match requests.make("create", |o| portal.call("CreateSession", &(o,)), options)? {
        Outcome::Done(results) => results,
        Outcome::Cancelled => return Ok(None),
        Outcome::Refused => return Err(NotGiven::Refused),
    };
    let mut session = Session::of(&conn, &results)?;
    let path = session.path.clone();

    options = HashMap::from([("types", Value::from(kinds)), ("multiple", Value::from(false))]);
    if let Some(pointer) = answer::pointer(pointers, pointer) {
        options.insert("cursor_mode", Value::from(pointer));
    }
    if version >= PERSISTS {
        options.insert("persist_mode", Value::from(PERSIST_WHILE_RUNNING));
        if let Some(token) = token {
            options.insert("restore_token", Value::from(token.to_owned()));
        }
    }
    match requests.make("sources", |o| portal.call("SelectSources", &(&path, o)), options)? {
        Outcome::Done(_) => {}
        Outcome::Cancelled => return Ok(None),
        Outcome::Refused => return Err(NotGiven::Refused),
    }
    let started = requests.make("start", |o| portal.call("Start", &(&path, "", o)), HashMap::new())?;
    let results = match started {
        Outcome::Done(results) => results,
        Outcome::Cancelled => return Ok(None),
        Outcome::Refused => return Err(NotGiven::Refused),
    };
    if session.is_over() {
        return Err(NotGiven::Refused);
    }
    let chosen = Chosen::read(&results, kinds).map_err(|what| NotGiven::Broken(what.to_owned()))?;
    let no_options = HashMap::<&str, Value<'_>>::new();
    let socket: SentFd = portal.call("OpenPipeWireRemote", &(&path, no_options))?;
    Ok(Some(Given { session, chosen, socket: socket.into() }))
}

/// The portal's way to do what takes a person's time: a call returns at once, and its outcome comes as a signal.
struct Requests<'a> {
    portal: &'a Proxy<'static>,
    over: &'a dyn Fn() -> bool,
}

type Options = HashMap<&'static str, Value<'static>>;

impl Requests<'_> {
    /// Makes a request that is told apart by `name`, and waits for its outcome.
    fn make(
        &self,
        name: &'static str,
        call: impl FnOnce(Options) -> zbus::Result<OwnedObjectPath>,
        mut options: Options,
    ) -> Result<Outcome, NotGiven> {
        let conn = self.portal.connection();
        let us = conn.unique_name().map(|name| name.trim_start_matches(':').replace('.', "_")).unwrap_or_default();
        // Where the signal will come is known before the call, so that it is not missed.
        let path = format!("{DESKTOP}/request/{us}/{name}");
        let request = Proxy::new(conn, PORTAL, path, REQUEST)?;
        let mut response = zbus::block_on(request.inner().receive_signal("Response"))?;
        options.insert("handle_token", Value::from(name));
        let told = call(options)?;
        if *told != *request.path() {
            return Err(NotGiven::Broken(format!("it answers at {} where {} was agreed", *told, request.path())));
        }
        loop {
            match next_within(&mut response, LOOK) {
                Poll::Ready(Some(message)) => {
                    let (code, results): (u32, Results) = message.body().deserialize()?;
                    return Ok(Outcome::of(code, results));
                }
                Poll::Ready(None) => return Err(NotGiven::Broken("it went away".to_owned())),
                Poll::Pending if (self.over)() => {
                    // The dialog closes.
                    if let Err(error) = request.call_noreply("Close", &()) {
                        tracing::debug!(%error, "the portal's dialog was closed already");
                    }
                    return Ok(Outcome::Cancelled);
                }
                Poll::Pending => {}
            }
        }
    }
}

impl Session {
    fn of(conn: &Connection, results: &Results) -> Result<Self, NotGiven> {
        let broken = || NotGiven::Broken("it names no session".to_owned());
        // A string by an old mistake of the portal's that it keeps to.
        let path = match results.get("session_handle").map(|value| &**value) {
            Some(Value::Str(path)) => OwnedObjectPath::try_from(path.as_str()).map_err(|_| broken())?,
            Some(Value::ObjectPath(path)) => path.to_owned().into(),
            _ => return Err(broken()),
        };
        let proxy = Proxy::new(conn, PORTAL, path.clone(), SESSION)?;
        let closed = zbus::block_on(proxy.inner().receive_signal("Closed"))?;
        Ok(Self { conn: conn.clone(), path, closed, over: false })
    }

    /// Whether it has ended: the person stopped it in the desktop, or closed what was shared.
    pub(super) fn is_over(&mut self) -> bool {
        // The bus went away, and the portal with it, when there is no next one.
        self.over = self.over || self.closed.next().now_or_never().is_some();
        self.over
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let close = || Proxy::new(&self.conn, PORTAL, self.path.clone(), SESSION)?.call_noreply("Close", &());
        if let Err(error) = close() {
            tracing::debug!(%error, "the desktop had ended the share already");
        }
    }
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The next of `stream`, if it comes within `patience`.
fn next_within<T>(stream: &mut (impl Stream<Item = T> + Unpin), patience: Duration) -> Poll<Option<T>> {
    let until = Instant::now() + patience;
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(next) = pin!(&mut *stream).poll_next(&mut context) {
            return Poll::Ready(next);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Pending;
        }
        thread::park_timeout(left);
    }
}
