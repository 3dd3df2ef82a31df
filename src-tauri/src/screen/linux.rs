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

use super::RegionError;

/// Whether a region can be drawn. Not offered before a drawn region was seen at a viewer.
pub const SUPPORTED: bool = false;

/// How thick the frame is, pixels.
const THICK: u32 = 4;
/// The windows' own blue.
const COLOUR: u32 = 0x001F_6FD6;
/// Smaller regions are slips of the hand, pixels.
const LEAST: u32 = 32;
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
const LEFT: u32 = 0xFF51;
const UP: u32 = 0xFF52;
const RIGHT: u32 = 0xFF53;
const DOWN: u32 = 0xFF54;

fn refused(error: impl std::fmt::Display) -> RegionError {
    RegionError::Refused(error.to_string())
}

/// Lets the person draw a region: with the mouse, or with arrow keys and Enter for each corner. `None` on Escape or the
/// right button.
///
/// # Errors
/// [`RegionError::Refused`] when another program holds mouse or keyboard.
pub fn pick() -> Result<Option<Rect>, RegionError> {
    let (conn, screen) = x11rb::connect(None).map_err(refused)?;
    let screen = conn.setup().roots[screen].clone();
    let edges = Edges::create(&conn, &screen).map_err(refused)?;
    grab(&conn, &screen)?;
    let keys = keyboard(&conn).map_err(refused)?;
    let mut drawing =
        Drawing { bounds: Rect::new(0, 0, screen.width_in_pixels.into(), screen.height_in_pixels.into()), from: None };
    loop {
        let event = conn.wait_for_event().map_err(refused)?;
        let step = match &event {
            Event::ButtonPress(e) if e.detail == 1 => drawing.press(e.root_x, e.root_y),
            Event::ButtonPress(_) => Step::Cancel,
            Event::ButtonRelease(e) if e.detail == 1 => drawing.release(e.root_x, e.root_y),
            Event::MotionNotify(e) => drawing.motion(e.root_x, e.root_y),
            Event::KeyPress(e) => {
                let step = if e.state.contains(KeyButMask::SHIFT) { STEPS.0 } else { STEPS.1 };
                let (dx, dy) = match keys(e.detail) {
                    ESCAPE => return Ok(None),
                    RETURN if drawing.from.is_none() => {
                        drawing.press(e.root_x, e.root_y);
                        continue;
                    }
                    RETURN => match drawing.release(e.root_x, e.root_y) {
                        Step::Done(part) => return Ok(Some(part)),
                        _ => continue,
                    },
                    LEFT => (-step, 0),
                    RIGHT => (step, 0),
                    UP => (0, -step),
                    DOWN => (0, step),
                    _ => continue,
                };
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

enum Step {
    Nothing,
    Show(Rect),
    Hide,
    Done(Rect),
    Cancel,
}

/// From the first corner to the second. Pure.
struct Drawing {
    bounds: Rect,
    from: Option<(i32, i32)>,
}

impl Drawing {
    fn press(&mut self, x: i16, y: i16) -> Step {
        self.from = Some((x.into(), y.into()));
        Step::Nothing
    }

    fn motion(&self, x: i16, y: i16) -> Step {
        self.part(x, y).map_or(Step::Nothing, Step::Show)
    }

    fn release(&mut self, x: i16, y: i16) -> Step {
        let part = self.part(x, y);
        self.from = None;
        part.filter(|p| p.w >= LEAST && p.h >= LEAST).map_or(Step::Hide, Step::Done)
    }

    fn part(&self, x: i16, y: i16) -> Option<Rect> {
        let (fx, fy) = self.from?;
        let (x, y) = (i32::from(x), i32::from(y));
        let part = Rect::new(fx.min(x), fy.min(y), (fx.abs_diff(x)) + 1, (fy.abs_diff(y)) + 1);
        Some(part.intersection(&self.bounds))
    }
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

/// Top, bottom, left and right edge, all outside.
fn around(part: Rect) -> [Rect; 4] {
    let thick = THICK as i32;
    let wide = part.w + THICK * 2;
    [
        Rect::new(part.x - thick, part.y - thick, wide, THICK),
        Rect::new(part.x - thick, part.bottom(), wide, THICK),
        Rect::new(part.x - thick, part.y, THICK, part.h),
        Rect::new(part.right(), part.y, THICK, part.h),
    ]
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
        let mut waited = libc::pollfd { fd: conn.stream().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid, writable pollfd.
        unsafe { libc::poll(&mut waited, 1, LOOK_EVERY.as_millis() as i32) };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_lies_outside_the_region_and_closes_around_it() {
        let part = Rect::new(100, 50, 300, 200);
        for edge in around(part) {
            assert!(!edge.overlaps(&part), "{edge:?}");
        }
        let [top, bottom, left, right] = around(part);
        assert_eq!((top.x, top.right(), top.bottom()), (left.x, right.right(), part.y));
        assert_eq!((left.y, left.bottom(), bottom.y), (part.y, bottom.y, part.bottom()));
    }

    #[test]
    fn a_region_may_be_drawn_in_any_direction_and_ends_at_the_screens_edge() {
        let mut drawing = Drawing { bounds: Rect::new(0, 0, 800, 600), from: None };
        assert!(matches!(drawing.motion(5, 5), Step::Nothing));
        drawing.press(700, 500);
        assert!(matches!(drawing.motion(600, 450), Step::Show(p) if p == Rect::new(600, 450, 101, 51)));
        assert!(matches!(drawing.release(850, 700), Step::Done(p) if p == Rect::new(700, 500, 100, 100)));
    }

    #[test]
    fn a_mere_click_is_no_region() {
        let mut drawing = Drawing { bounds: Rect::new(0, 0, 800, 600), from: None };
        drawing.press(10, 10);
        assert!(matches!(drawing.release(12, 200), Step::Hide));
        assert!(drawing.from.is_none());
    }
}
