//! Words in a small window of its own beside the pointer, on X11.

use beckon_media::compositor::Plate;
use x11rb::{
    connection::Connection as _,
    errors::ReplyOrIdError,
    protocol::xproto::{
        ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, Gcontext,
        ImageFormat, Screen, StackMode, Window, WindowClass,
    },
    rust_connection::RustConnection,
};

use super::drawing::beside;

/// Height of the letters on a display of scale 1, pixels.
const LETTERS: f64 = 14.0;

/// The window and what it says.
pub struct Words {
    window: Window,
    gc: Gcontext,
    root: Window,
    depth: u8,
    desktop: (u32, u32),
    letters: f32,
    said: String,
    size: (u32, u32),
}

impl Words {
    /// A window that says nothing yet. `scale` is how many pixels a point of text has.
    pub fn create(conn: &RustConnection, screen: &Screen, scale: f64) -> Result<Self, ReplyOrIdError> {
        let (window, gc) = (conn.generate_id()?, conn.generate_id()?);
        let (class, visual) = (WindowClass::INPUT_OUTPUT, screen.root_visual);
        let look = CreateWindowAux::new().override_redirect(1);
        conn.create_window(screen.root_depth, window, screen.root, 0, 0, 1, 1, 0, class, visual, &look)?;
        conn.create_gc(gc, window, &CreateGCAux::new())?;
        Ok(Self {
            window,
            gc,
            root: screen.root,
            depth: screen.root_depth,
            desktop: (screen.width_in_pixels.into(), screen.height_in_pixels.into()),
            letters: (LETTERS * scale.clamp(1.0, 4.0)) as f32,
            said: String::new(),
            size: (0, 0),
        })
    }

    /// Says this beside the pointer.
    pub fn say(&mut self, conn: &RustConnection, text: &str, pointer: (i16, i16)) -> Result<(), ReplyOrIdError> {
        if self.said != text {
            self.paint(conn, text)?;
            text.clone_into(&mut self.said);
        }
        if self.size.0 == 0 {
            // A machine without fonts: the frame says enough.
            return Ok(());
        }
        let (x, y) = beside(pointer, self.size, self.desktop);
        let place = ConfigureWindowAux::new().x(x).y(y).width(self.size.0).height(self.size.1);
        conn.configure_window(self.window, &place.stack_mode(StackMode::ABOVE))?;
        conn.map_window(self.window)?;
        conn.flush()?;
        Ok(())
    }

    /// The picture becomes the window's background: the server paints it whenever it is to be seen.
    fn paint(&mut self, conn: &RustConnection, text: &str) -> Result<(), ReplyOrIdError> {
        let Some(Plate { width, height, bgrx }) = Plate::of(text, self.letters, self.desktop.0) else {
            self.size = (0, 0);
            return Ok(());
        };
        let (w, h) = (width as u16, height as u16);
        let pixmap = conn.generate_id()?;
        conn.create_pixmap(self.depth, pixmap, self.root, w, h)?;
        conn.put_image(ImageFormat::Z_PIXMAP, pixmap, self.gc, w, h, 0, 0, 0, self.depth, &bgrx)?;
        let background = ChangeWindowAttributesAux::new().background_pixmap(pixmap);
        conn.change_window_attributes(self.window, &background)?;
        conn.free_pixmap(pixmap)?;
        conn.configure_window(self.window, &ConfigureWindowAux::new().width(width).height(height))?;
        conn.clear_area(false, self.window, 0, 0, 0, 0)?;
        self.size = (width, height);
        Ok(())
    }
}
