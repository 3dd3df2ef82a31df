//! An X server, a program on it, and what is shared of them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use beckon_media::screen::{Rect, ScreenChoice, ScreenSettings, ScreenSource, Visibility};
use beckon_media::{LatestReceiver, RunningSource, VideoFrame, VideoSource, latest};
use parking_lot::{Mutex, MutexGuard};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt, CreateWindowAux, PropMode, Screen, Window,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::pictures::{self, at};

/// Red, green, blue, and the luma and chroma of each in BT.709's limited range.
pub const RED: (u32, [u8; 3]) = (0xFF0000, [63, 102, 240]);
pub const GREEN: (u32, [u8; 3]) = (0x00FF00, [173, 42, 26]);
pub const BLUE: (u32, [u8; 3]) = (0x0000FF, [32, 240, 118]);

/// An X server of one test's own. The source finds it by an environment variable, so there is one at a time.
pub struct Server {
    process: Child,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn desktop() -> (Server, Client) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock();
    let mut command = Command::new("Xvfb");
    command.args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp", "-noreset"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("Xvfb is installed");
    let mut number = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut number).unwrap();
    // SAFETY: whoever holds the turn is the only one in this program who looks at these variables.
    unsafe {
        std::env::set_var("DISPLAY", format!(":{}", number.trim()));
        std::env::set_var("XDG_SESSION_TYPE", "x11");
    }
    (Server { process, _turn: turn }, Client::new())
}

/// A program with windows.
pub struct Client {
    pub conn: RustConnection,
    pub screen: Screen,
}

impl Client {
    pub fn new() -> Self {
        let (conn, number) = x11rb::connect(None).unwrap();
        let screen = conn.setup().roots[number].clone();
        Self { conn, screen }
    }

    pub fn open(&self, place: Rect, colour: (u32, [u8; 3]), title: &str) -> Window {
        let window = self.conn.generate_id().unwrap();
        let look = CreateWindowAux::new().background_pixel(colour.0).border_pixel(0);
        let (x, y, w, h) = (place.x as i16, place.y as i16, place.w as u16, place.h as u16);
        let (class, visual) = (WindowClass::INPUT_OUTPUT, self.screen.root_visual);
        // A border, which is no part of what is shared.
        let depth = self.screen.root_depth;
        self.conn.create_window(depth, window, self.screen.root, x, y, w, h, 3, class, visual, &look).unwrap();
        let name = AtomEnum::WM_NAME;
        self.conn.change_property8(PropMode::REPLACE, window, name, AtomEnum::STRING, title.as_bytes()).unwrap();
        self.conn.map_window(window).unwrap();
        self.settle();
        window
    }

    pub fn paint(&self, window: Window, colour: (u32, [u8; 3])) {
        let look = ChangeWindowAttributesAux::new().background_pixel(colour.0);
        self.conn.change_window_attributes(window, &look).unwrap();
        self.conn.clear_area(false, window, 0, 0, 0, 0).unwrap();
        self.settle();
    }

    pub fn place(&self, window: Window, place: &ConfigureWindowAux) {
        self.conn.configure_window(window, place).unwrap();
        self.settle();
    }

    pub fn point_at(&self, x: i16, y: i16) {
        self.conn.warp_pointer(x11rb::NONE, self.screen.root, 0, 0, 0, 0, x, y).unwrap();
        self.settle();
    }

    /// The server has done all of it.
    pub fn settle(&self) {
        self.conn.get_input_focus().unwrap().reply().unwrap();
    }
}

/// What is shared, at work.
pub struct Shared {
    pub pictures: LatestReceiver<VideoFrame>,
    pub seen: Receiver<Visibility>,
    pub source: RunningSource,
}

pub fn share(choice: ScreenChoice, pointer: bool) -> Shared {
    let (out, pictures) = latest::channel();
    let (tell, seen) = channel();
    let settings = ScreenSettings { pointer, ..ScreenSettings::default() };
    let source = ScreenSource::new(choice, "what is shared", settings).on_visibility(move |v| {
        let _ = tell.send(v);
    });
    let source = Box::new(source).start(out).unwrap();
    Shared { pictures, seen, source }
}

impl Shared {
    /// The first picture that fits.
    pub fn until(&self, what: &str, fits: impl Fn(&VideoFrame) -> bool) -> VideoFrame {
        pictures::until(&self.pictures, &self.source, what, fits)
    }
}

pub fn shows(picture: &VideoFrame, x: usize, y: usize, colour: (u32, [u8; 3])) -> bool {
    at(picture, x, y).iter().zip(colour.1).all(|(a, b)| a.abs_diff(b) <= 2)
}
