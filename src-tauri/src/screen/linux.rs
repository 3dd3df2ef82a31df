//! Regions on X11. Nothing is laid over the desktop but four thin windows around the region, so it works with and
//! without a compositor; they lie outside the region, so they are never shared.

use std::{
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use beckon_media::screen::Rect;
use x11rb::{
    connection::Connection,
    protocol::{
        Event,
        shape::SK,
        xfixes::ConnectionExt as _,
        xproto::{
            ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, EventMask, GrabMode, GrabStatus, KeyButMask,
            Screen, StackMode, Visibility, Window, WindowClass,
        },
    },
    rust_connection::RustConnection,
};

use super::{
    Ask, RegionError,
    drawing::{Drawing, Step, around},
    words::Words,
};

/// Whether a region can be drawn.
pub const SUPPORTED: bool = true;

/// The windows' own blue.
const COLOUR: u32 = 0x001F_6FD6;
/// How long to wait for another program, or our own button, to let go of the mouse.
const GRAB_PATIENCE: Duration = Duration::from_secs(2);
/// How far an arrow key moves the corner, pixels; with Shift, and without.
const STEPS: (i16, i16) = (2, 24);
/// `XC_crosshair` of the cursor font (X11/cursorfont.h).
const CROSSHAIR: u16 = 34;
/// A frame that something else covers comes back to the front at most this often.
const RAISE_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(200);

const ESCAPE: u32 = 0xFF1B;
const RETURN: u32 = 0xFF0D;
/// The one of the number pad.
const ENTER: u32 = 0xFF8D;
const LEFT: u32 = 0xFF51;
const UP: u32 = 0xFF52;
const RIGHT: u32 = 0xFF53;
const DOWN: u32 = 0xFF54;

fn refused(error: impl std::fmt::Display) -> RegionError {
    RegionError::Refused(error.to_string())
}

/// Lets the person draw a region: with the mouse, or with arrow keys and Enter for each corner. `None` on Escape, on the
/// right button, and when nobody waits for it any more.
///
/// # Errors
/// [`RegionError::Refused`] when another program holds mouse or keyboard.
pub fn pick(ask: &Ask<'_>) -> Result<Option<Rect>, RegionError> {
    let (conn, screen) = x11rb::connect(None).map_err(refused)?;
    let screen = conn.setup().roots[screen].clone();
    let edges = Edges::create(&conn, &screen).map_err(refused)?;
    let mut words = Words::create(&conn, &screen, ask.scale).map_err(refused)?;
    grab(&conn, &screen)?;
    let keys = keyboard(&conn).map_err(refused)?;
    let at = conn.query_pointer(screen.root).map_err(refused)?.reply().map_err(refused)?;
    words.say(&conn, ask.hint, (at.root_x, at.root_y)).map_err(refused)?;
    let mut drawing = Drawing::on(screen.width_in_pixels.into(), screen.height_in_pixels.into());
    loop {
        let Some(event) = conn.poll_for_event().map_err(refused)? else {
            if (ask.over)() {
                return Ok(None);
            }
            wait(&conn, LOOK_EVERY);
            continue;
        };
        let step = match &event {
            Event::ButtonPress(e) if e.detail == 1 => drawing.press(e.root_x, e.root_y),
            Event::ButtonPress(_) => Step::Cancel,
            Event::ButtonRelease(e) if e.detail == 1 => drawing.release(e.root_x, e.root_y),
            Event::MotionNotify(e) => {
                let part = drawing.part(e.root_x, e.root_y);
                let size = part.map(|part| format!("{} × {}", part.w, part.h));
                words.say(&conn, size.as_deref().unwrap_or(ask.hint), (e.root_x, e.root_y)).map_err(refused)?;
                drawing.motion(e.root_x, e.root_y)
            }
            Event::KeyPress(e) => {
                let step = if e.state.contains(KeyButMask::SHIFT) { STEPS.0 } else { STEPS.1 };
                let (dx, dy) = match keys(e.detail) {
                    ESCAPE => return Ok(None),
                    RETURN | ENTER if !drawing.has_begun() => {
                        drawing.press(e.root_x, e.root_y);
                        continue;
                    }
                    RETURN | ENTER => match drawing.release(e.root_x, e.root_y) {
                        Step::Done(part) => return Ok(Some(part)),
                        _ => {
                            edges.hide(&conn).map_err(refused)?;
                            continue;
                        }
                    },
                    LEFT => (-step, 0),
                    RIGHT => (step, 0),
                    UP => (0, -step),
                    DOWN => (0, step),
                    _ => continue,
                };
                // The pointer is the corner: its motion comes back as an event.
                conn.warp_pointer(x11rb::NONE, x11rb::NONE, 0, 0, 0, 0, dx, dy).map_err(refused)?;
                conn.flush().map_err(refused)?;
                Step::Nothing
            }
            _ => Step::Nothing,
        };
        match step {
            Step::Nothing => {}
            Step::Show(part) => edges.lay(&conn, part).map_err(refused)?,
            Step::Hide => edges.hide(&conn).map_err(refused)?,
            // Closing the connection lets go of mouse and keyboard.
            Step::Done(part) => return Ok(Some(part)),
            Step::Cancel => return Ok(None),
        }
    }
}

/// Waits until the desktop has something to say, at most `patience`.
fn wait(conn: &RustConnection, patience: Duration) {
    let mut waited = libc::pollfd { fd: conn.stream().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // A broken connection wakes too, and is found out when it is read.
    // SAFETY: one valid, writable pollfd.
    unsafe { libc::poll(&mut waited, 1, patience.as_millis() as i32) };
}

/// What each key means, without its modifiers.
fn keyboard(conn: &RustConnection) -> Result<impl Fn(u8) -> u32 + use<>, x11rb::errors::ReplyError> {
    let (first, last) = (conn.setup().min_keycode, conn.setup().max_keycode);
    let map = conn.get_keyboard_mapping(first, last - first + 1)?.reply()?;
    Ok(move |code: u8| {
        let at = usize::from(code.saturating_sub(first)) * usize::from(map.keysyms_per_keycode);
        map.keysyms.get(at).copied().unwrap_or(0)
    })
}

fn grab(conn: &RustConnection, screen: &Screen) -> Result<(), RegionError> {
    let attempt = || -> Result<bool, x11rb::errors::ReplyOrIdError> {
        let (font, cursor) = (conn.generate_id()?, conn.generate_id()?);
        conn.open_font(font, b"cursor")?;
        conn.create_glyph_cursor(cursor, font, font, CROSSHAIR, CROSSHAIR + 1, 0, 0, 0, !0, !0, !0)?;
        let events = EventMask::BUTTON_PRESS | EventMask::BUTTON_RELEASE | EventMask::POINTER_MOTION;
        let (mode, now) = (GrabMode::ASYNC, x11rb::CURRENT_TIME);
        let mouse = conn.grab_pointer(false, screen.root, events, mode, mode, x11rb::NONE, cursor, now)?.reply()?;
        let keys = conn.grab_keyboard(false, screen.root, now, mode, mode)?.reply()?;
        Ok(mouse.status == GrabStatus::SUCCESS && keys.status == GrabStatus::SUCCESS)
    };
    let until = Instant::now() + GRAB_PATIENCE;
    while !attempt().map_err(refused)? {
        if Instant::now() > until {
            return Err(RegionError::Refused("another program holds the mouse or the keyboard".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Four thin windows around a region that clicks go through.
struct Edges([Window; 4]);

impl Edges {
    fn create(conn: &RustConnection, screen: &Screen) -> Result<Self, x11rb::errors::ReplyOrIdError> {
        conn.xfixes_query_version(5, 0)?.reply()?;
        let nothing = conn.generate_id()?;
        conn.xfixes_create_region(nothing, &[])?;
        let mut windows = [0; 4];
        for window in &mut windows {
            *window = conn.generate_id()?;
            let look = CreateWindowAux::new()
                .override_redirect(1)
                .background_pixel(COLOUR)
                .event_mask(EventMask::VISIBILITY_CHANGE);
            let (class, visual) = (WindowClass::INPUT_OUTPUT, screen.root_visual);
            conn.create_window(screen.root_depth, *window, screen.root, 0, 0, 1, 1, 0, class, visual, &look)?;
            conn.xfixes_set_window_shape_region(*window, SK::INPUT, 0, 0, nothing)?;
        }
        conn.xfixes_destroy_region(nothing)?;
        Ok(Self(windows))
    }

    fn lay(&self, conn: &RustConnection, part: Rect) -> Result<(), x11rb::errors::ConnectionError> {
        for (window, edge) in self.0.iter().zip(around(part)) {
            let place =
                ConfigureWindowAux::new().x(edge.x).y(edge.y).width(edge.w).height(edge.h).stack_mode(StackMode::ABOVE);
            conn.configure_window(*window, &place)?;
            conn.map_window(*window)?;
        }
        conn.flush()
    }

    fn hide(&self, conn: &RustConnection) -> Result<(), x11rb::errors::ConnectionError> {
        for window in self.0 {
            conn.unmap_window(window)?;
        }
        conn.flush()
    }
}

/// The frame around a shared region; dropping it takes it away.
pub struct Frame {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Frame {
    /// Shows it around `part`.
    ///
    /// # Errors
    /// [`RegionError::Refused`] when the desktop does not answer.
    pub fn show(part: Rect) -> Result<Self, RegionError> {
        let (conn, screen) = x11rb::connect(None).map_err(refused)?;
        let edges = Edges::create(&conn, &conn.setup().roots[screen].clone()).map_err(refused)?;
        edges.lay(&conn, part).map_err(refused)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let thread = std::thread::Builder::new()
            .name("region-frame".to_owned())
            .spawn(move || {
                if let Err(error) = stay(&conn, &edges, part, &stopping) {
                    tracing::warn!(%error, "the region's frame is gone");
                }
            })
            .map_err(refused)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say; a panic in it was logged already.
            let _ = thread.join();
        }
    }
}

/// Brings the frame back to the front when something covers it.
fn stay(
    conn: &RustConnection,
    edges: &Edges,
    part: Rect,
    stop: &AtomicBool,
) -> Result<(), x11rb::errors::ConnectionError> {
    let mut raised = Instant::now();
    let mut covered = false;
    while !stop.load(Ordering::Relaxed) {
        while let Some(event) = conn.poll_for_event()? {
            covered |= matches!(event, Event::VisibilityNotify(e) if e.state != Visibility::UNOBSCURED);
        }
        if covered && raised.elapsed() >= RAISE_EVERY {
            edges.lay(conn, part)?;
            (raised, covered) = (Instant::now(), false);
        }
        wait(conn, LOOK_EVERY);
    }
    Ok(())
}
