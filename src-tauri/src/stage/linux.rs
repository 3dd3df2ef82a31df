//! The stage on Linux: a GTK drawing area in an overlay above the web view, where the page left room for it.

use std::sync::Arc;

use beckon_media::layout::Rect;
use gtk::{cairo, gdk, glib, prelude::*};
use parking_lot::Mutex;
use tauri::WebviewWindow;
use webkit2gtk::WebViewExt;

use super::{OnPress, Press, SharedPixels, StageError, Surface};

struct LinuxStage {
    area: glib::SendWeakRef<gtk::DrawingArea>,
    place: Arc<Mutex<Option<Rect>>>,
    /// Parts not yet handed to GTK; while there are some, its loop has been woken already.
    dirty: Arc<Mutex<Vec<Rect>>>,
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
    area.connect_draw(move |area, cairo| {
        if let Err(error) = draw(area, cairo, &pixels) {
            tracing::warn!(%error, "the stage could not be drawn");
        }
        glib::Propagation::Stop
    });
    listen(&area, on_press);
    Ok(LinuxStage { area: area.downgrade().into(), place, dirty: Arc::default() })
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
        if !idle {
            return;
        }
        let dirty = self.dirty.clone();
        self.on_main(move |area| {
            let scale = area.scale_factor().max(1);
            for rect in std::mem::take(&mut *dirty.lock()) {
                // Outwards to whole logical pixels.
                let (x, y) = (rect.x / scale, rect.y / scale);
                let (right, bottom) = ((rect.right() + scale - 1) / scale, (rect.bottom() + scale - 1) / scale);
                area.queue_draw_area(x, y, right - x, bottom - y);
            }
        });
    }
}
