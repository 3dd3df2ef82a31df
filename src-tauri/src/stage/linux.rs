//! The stage on Linux: a GTK drawing area in an overlay above the web view, where the page left room for it.
//!
//! On X11 new pictures go straight to the window ([`Direct`]): GTK's own way waits for its frame clock, up to 17 ms, and
//! draws the web view below as well. Everywhere else, and for what the display asks for, GTK draws.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use beckon_media::{compositor::Rgb, layout::Rect};
use gtk::{cairo, gdk, glib, prelude::*};
use parking_lot::Mutex;
use tauri::WebviewWindow;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use webkit2gtk::WebViewExt;

use super::{OnPress, Press, SharedPixels, StageError, Surface};

/// A page that has not said by then that it is laid out is drawn all the same: it may have something to say.
const VEIL_MAX: Duration = Duration::from_millis(1500);

/// Keeps a window's page from being drawn until it is laid out; dropping it lifts it.
///
/// Drawing a page that is still at work makes GTK's loop wait for the page's process, up to half a second, and pictures
/// that are there already wait with it.
pub struct Veil {
    down: Arc<AtomicBool>,
    page: glib::SendWeakRef<webkit2gtk::WebView>,
}

impl Veil {
    /// Lays a veil of this colour over the window's page, and gives it to `then` on the user interface's thread.
    ///
    /// # Errors
    /// [`StageError`] when the window is gone.
    pub fn over(
        window: &WebviewWindow,
        colour: Rgb,
        then: impl FnOnce(Self) + Send + 'static,
    ) -> Result<(), StageError> {
        let lay = move |webview: tauri::webview::PlatformWebview| {
            let page = webview.inner();
            let down = Arc::new(AtomicBool::new(true));
            let veiled = Arc::clone(&down);
            page.connect_draw(move |_, target| {
                if !veiled.load(Ordering::Relaxed) {
                    return glib::Propagation::Proceed;
                }
                let part = |byte: u8| f64::from(byte) / 255.0;
                target.set_source_rgb(part(colour.0), part(colour.1), part(colour.2));
                if let Err(error) = target.paint() {
                    tracing::debug!(%error, "the veil is not drawn");
                }
                glib::Propagation::Stop
            });
            let late = Self { down: Arc::clone(&down), page: page.downgrade().into() };
            glib::timeout_add_local_once(VEIL_MAX, move || drop(late));
            then(Self { down, page: page.downgrade().into() });
        };
        window.with_webview(lay).map_err(|e| StageError(e.to_string()))
    }
}

impl Drop for Veil {
    fn drop(&mut self) {
        if !self.down.swap(false, Ordering::Relaxed) {
            return;
        }
        let page = self.page.clone();
        glib::MainContext::default().invoke(move || {
            if let Some(page) = page.upgrade() {
                page.queue_draw();
            }
        });
    }
}

struct LinuxStage {
    area: glib::SendWeakRef<gtk::DrawingArea>,
    place: Arc<Mutex<Option<Rect>>>,
    /// Parts not yet shown; while there are some, GTK's loop has been woken already.
    dirty: Arc<Mutex<Vec<Rect>>>,
    wake: UnboundedSender<()>,
}

/// Gives the window a stage. Calls `then` with it on the user interface's thread.
///
/// # Errors
/// [`StageError`] when the window is gone.
pub fn open(
    window: &WebviewWindow,
    pixels: SharedPixels,
    on_press: OnPress,
    then: impl FnOnce(Result<Box<dyn Surface>, StageError>) + Send + 'static,
) -> Result<(), StageError> {
    let build = move |webview: tauri::webview::PlatformWebview| {
        then(build(&webview.inner(), pixels, on_press).map(|stage| Box::new(stage) as Box<dyn Surface>));
    };
    window.with_webview(build).map_err(|e| StageError(e.to_string()))
}

fn build(webview: &webkit2gtk::WebView, pixels: SharedPixels, on_press: OnPress) -> Result<LinuxStage, StageError> {
    // A page whose process died would leave a room without a way to leave it.
    webview.connect_web_process_terminated(|webview, reason| {
        tracing::error!(?reason, "the page's process ended; loading the page anew");
        webview.reload();
    });
    let parent = webview.parent().and_then(|p| p.downcast::<gtk::Box>().ok());
    let parent = parent.ok_or_else(|| StageError("the web view does not lie in a box".into()))?;
    let place = Arc::new(Mutex::new(None::<Rect>));
    let overlay = gtk::Overlay::new();
    let area = gtk::DrawingArea::new();
    parent.remove(webview);
    overlay.add(webview);
    overlay.add_overlay(&area);
    let placed = place.clone();
    overlay.connect_get_child_position(move |_, _| {
        let rect = (*placed.lock())?;
        Some(gdk::Rectangle::new(rect.x, rect.y, rect.w as i32, rect.h as i32))
    });
    parent.pack_start(&overlay, true, true, 0);
    area.set_no_show_all(true);
    overlay.show_all();
    webview.grab_focus();
    let asked = pixels.clone();
    area.connect_draw(move |area, cairo| {
        if let Err(error) = draw(area, cairo, &asked) {
            tracing::warn!(%error, "the stage could not be drawn");
        }
        glib::Propagation::Stop
    });
    listen(&area, on_press);
    let dirty = Arc::default();
    let wake = show_what_is_new(&area, pixels, Arc::clone(&dirty));
    Ok(LinuxStage { area: area.downgrade().into(), place, dirty, wake })
}

/// Shows the dirty parts whenever it is woken, on GTK's loop, until what wakes it is gone.
fn show_what_is_new(
    area: &gtk::DrawingArea,
    pixels: SharedPixels,
    dirty: Arc<Mutex<Vec<Rect>>>,
) -> UnboundedSender<()> {
    let (wake, mut woken) = unbounded_channel();
    let area = area.downgrade();
    let mut direct = Direct { pixels, image: None };
    glib::MainContext::default().spawn_local_with_priority(glib::Priority::HIGH, async move {
        while woken.recv().await.is_some() {
            let new = std::mem::take(&mut *dirty.lock());
            let Some(area) = area.upgrade() else { return };
            let shown = direct.show(&area, &new).unwrap_or_else(|error| {
                tracing::debug!(%error, "the stage is left to GTK");
                false
            });
            if !shown {
                for rect in &new {
                    let logical = logical(*rect, area.scale_factor());
                    area.queue_draw_area(logical.x(), logical.y(), logical.width(), logical.height());
                }
            }
        }
    });
    wake
}

/// Outwards to whole logical pixels.
fn logical(rect: Rect, scale: i32) -> gdk::Rectangle {
    let scale = scale.max(1);
    let (x, y) = (rect.x.div_euclid(scale), rect.y.div_euclid(scale));
    let (right, bottom) = ((rect.right() + scale - 1) / scale, (rect.bottom() + scale - 1) / scale);
    gdk::Rectangle::new(x, y, right - x, bottom - y)
}

/// The short way to an X11 window: an image in memory shared with the display server, copied into the window by it.
struct Direct {
    pixels: SharedPixels,
    image: Option<cairo::ImageSurface>,
}

impl Direct {
    /// Shows these parts of the pixels now. False where the window cannot be drawn to directly, or is not shown.
    fn show(&mut self, area: &gtk::DrawingArea, dirty: &[Rect]) -> Result<bool, cairo::Error> {
        let Some(window) = area.window().filter(|w| area.is_mapped() && w.display().backend().is_x11()) else {
            return Ok(false);
        };
        let pixels = self.pixels.lock();
        let (width, height) = (pixels.width as i32, pixels.height as i32);
        let row = pixels.width as usize * 4;
        if width == 0 || height == 0 || pixels.bgra.len() < row * pixels.height as usize {
            return Ok(false);
        }
        let bounds = [Rect::new(0, 0, pixels.width, pixels.height)];
        let fits = |image: &cairo::ImageSurface| (image.width(), image.height()) == (width, height);
        let fresh = self.image.as_ref().is_none_or(|image| !fits(image));
        if fresh {
            let made = window.create_similar_image_surface(cairo::Format::Rgb24, width, height, 1);
            self.image = made.and_then(|surface| cairo::ImageSurface::try_from(surface).ok());
        }
        let Some(image) = self.image.as_mut().filter(|image| fits(image)) else { return Ok(false) };
        let dirty = if fresh { &bounds } else { dirty };
        {
            let stride = image.stride() as usize;
            // Waits until the server has read what was there.
            let Ok(mut data) = image.data() else { return Ok(false) };
            for rect in dirty {
                let part = rect.intersection(&bounds[0]);
                let columns = part.x as usize * 4..(part.x as usize + part.w as usize) * 4;
                for y in part.y as usize..part.y as usize + part.h as usize {
                    let from = &pixels.bgra[y * row..][columns.clone()];
                    data[y * stride..][columns.clone()].copy_from_slice(from);
                }
            }
        }
        drop(pixels);
        let scale = area.scale_factor();
        image.set_device_scale(f64::from(scale), f64::from(scale));
        let target = cairo::Context::create_from_window(&window);
        for rect in dirty {
            let part = logical(rect.intersection(&bounds[0]), scale);
            target.rectangle(part.x().into(), part.y().into(), part.width().into(), part.height().into());
        }
        target.set_operator(cairo::Operator::Source);
        target.set_source_surface(&*image, 0.0, 0.0)?;
        target.fill()?;
        drop(target);
        window.display().flush();
        Ok(true)
    }
}

fn draw(area: &gtk::DrawingArea, target: &cairo::Context, pixels: &SharedPixels) -> Result<(), cairo::Error> {
    let mut pixels = pixels.lock();
    let (width, height) = (pixels.width as i32, pixels.height as i32);
    if width == 0 || height == 0 || pixels.bgra.len() < width as usize * height as usize * 4 {
        return Ok(());
    }
    let data = pixels.bgra.as_mut_ptr();
    // SAFETY: `data` points to at least width × height × 4 bytes, as checked above, and the lock keeps them there and
    // unwritten until this function returns. The surface is finished before, so cairo keeps no pointer beyond.
    let source =
        unsafe { cairo::ImageSurface::create_for_data_unsafe(data, cairo::Format::Rgb24, width, height, width * 4)? };
    let scale = f64::from(area.scale_factor());
    source.set_device_scale(scale, scale);
    target.set_source_surface(&source, 0.0, 0.0)?;
    target.set_operator(cairo::Operator::Source);
    target.paint()?;
    // The context would hold on to the surface as its source.
    target.set_source_rgb(0.0, 0.0, 0.0);
    source.finish();
    Ok(())
}

fn listen(area: &gtk::DrawingArea, on_press: OnPress) {
    area.add_events(gdk::EventMask::BUTTON_PRESS_MASK);
    area.connect_button_press_event(move |area, event| {
        let press = match (event.event_type(), event.button()) {
            (gdk::EventType::ButtonPress, 1) => Press::Click,
            (gdk::EventType::DoubleButtonPress, 1) => Press::Double,
            (gdk::EventType::ButtonPress, 3) => Press::Menu,
            _ => return glib::Propagation::Stop,
        };
        let (x, y) = event.position();
        let scale = f64::from(area.scale_factor());
        on_press(press, (x * scale) as i32, (y * scale) as i32);
        glib::Propagation::Stop
    });
}

impl LinuxStage {
    fn on_main(&self, work: impl FnOnce(&gtk::DrawingArea) + Send + 'static) {
        let area = self.area.clone();
        glib::MainContext::default().invoke_with_priority(glib::Priority::HIGH, move || {
            if let Some(area) = area.upgrade() {
                work(&area);
            }
        });
    }
}

impl Surface for LinuxStage {
    fn place(&self, place: Option<Rect>) {
        *self.place.lock() = place;
        self.on_main(move |area| match place {
            Some(_) => {
                area.show();
                area.queue_resize();
            }
            None => area.hide(),
        });
    }

    fn present(&self, dirty: &[Rect]) {
        let idle = {
            let mut waiting = self.dirty.lock();
            let idle = waiting.is_empty();
            waiting.extend_from_slice(dirty);
            idle
        };
        if idle {
            // Nobody listens when the window is gone; then nothing is to be shown either.
            let _ = self.wake.send(());
        }
    }
}
