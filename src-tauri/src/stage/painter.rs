//! The one thread that draws a room's stage, and only when there is something new to draw.

use std::{
    collections::HashMap,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use beckon_media::{
    LatestReceiver, MediaTime, VideoFrame,
    compositor::{self, Compositor, Scene, Theme, TileView},
    layout::{Layout, LayoutRequest, Rect, TileId, TileSpec, layout},
    urgency::Urgency,
};
use beckon_session::{RoomView, SessionHandle};
use parking_lot::{Condvar, Mutex};

use super::{Place, SharedPixels, Surface, scene};

/// Shortest time between two drawings. Five people send pictures at five moments; drawing some together costs less
/// than the eye can see. Longer, and it would be delay: of two people one always comes just after the other.
const BREATH: Duration = Duration::from_millis(4);

/// A picture of our own camera is drawn with the next of another person's, which comes within this time of the last: half as
/// many drawings in a call of two. Nobody sees it in the own mirror; at 30 a second the next one comes after 33 ms.
const COMPANY: Duration = Duration::from_millis(40);

/// Where a stage's pictures come from.
pub trait Pictures: Send {
    /// Those of a tile.
    fn video(&self, tile: TileId) -> LatestReceiver<VideoFrame>;

    /// How large it is shown, in physical pixels.
    fn set_tile_size(&self, tile: TileId, width: u32, height: u32);
}

impl Pictures for SessionHandle {
    fn video(&self, tile: TileId) -> LatestReceiver<VideoFrame> {
        SessionHandle::video(self, tile)
    }

    fn set_tile_size(&self, tile: TileId, width: u32, height: u32) {
        SessionHandle::set_tile_size(self, tile, width, height);
    }
}

/// What the painter is told. Written by others, read by its thread.
struct Wishes {
    place: Option<Rect>,
    scale: f32,
    dark: bool,
    mirror: bool,
    language: compositor::Language,
    focus: Option<TileId>,
    room: RoomView,
    surface: Option<Arc<dyn Surface>>,
    /// Something above, or a picture, is new.
    woken: bool,
    /// When another person's picture came last.
    company: Option<Instant>,
    /// A picture of our own is new, and is drawn then at the latest.
    due: Option<Instant>,
    quit: bool,
}

struct Shared {
    wishes: Mutex<Wishes>,
    news: Condvar,
    /// As drawn last, for the pointer.
    layout: Mutex<Layout>,
}

impl Shared {
    /// Another person's picture is new.
    fn wake(&self) {
        let mut wishes = self.wishes.lock();
        wishes.company = Some(Instant::now());
        if !wishes.woken {
            wishes.woken = true;
            self.news.notify_one();
        }
    }

    /// A picture of our own is new.
    fn wake_in_company(&self) {
        let mut wishes = self.wishes.lock();
        if wishes.woken || wishes.due.is_some() {
            return;
        }
        let now = Instant::now();
        wishes.due = Some(wishes.company.map_or(now, |last| now.max(last + COMPANY)));
        self.news.notify_one();
    }

    fn change(&self, change: impl FnOnce(&mut Wishes)) {
        let mut wishes = self.wishes.lock();
        change(&mut wishes);
        wishes.woken = true;
        self.news.notify_one();
    }
}

/// Draws a room's stage until dropped.
pub struct Painter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Painter {
    /// Starts the thread. It draws into `pixels` once it has a surface and a place.
    ///
    /// # Errors
    /// When the system starts no more threads.
    pub fn start(
        pictures: Box<dyn Pictures>,
        room: RoomView,
        pixels: SharedPixels,
        language: compositor::Language,
    ) -> std::io::Result<Self> {
        let wishes = Wishes {
            place: None,
            scale: 1.0,
            dark: true,
            mirror: true,
            language,
            focus: None,
            room,
            surface: None,
            woken: true,
            company: None,
            due: None,
            quit: false,
        };
        let shared = Arc::new(Shared { wishes: Mutex::new(wishes), news: Condvar::new(), layout: Mutex::default() });
        let work = Work {
            shared: shared.clone(),
            pictures,
            pixels,
            taps: HashMap::new(),
            told: HashMap::new(),
            laid: false,
            compositor: Compositor::new(),
        };
        let thread = std::thread::Builder::new().name("stage".into()).spawn(move || {
            Urgency::Pictures.claim();
            work.run();
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Gives it the surface that shows its pixels.
    pub fn show_on(&self, surface: Box<dyn Surface>) {
        self.shared.change(|w| {
            surface.place(w.place);
            w.surface = Some(surface.into());
        });
    }

    /// Lays the stage there; `scale` is physical pixels per logical pixel.
    pub fn place(&self, place: &Place, scale: f64, dark: bool) {
        let (place, scale) = (place.whole(), scale as f32);
        self.shared.change(|w| {
            // With another scale the same place is another one on the screen.
            if (w.place != place || w.scale != scale)
                && let Some(surface) = &w.surface
            {
                surface.place(place);
            }
            w.place = place;
            w.scale = scale;
            w.dark = dark;
        });
    }

    /// Shows our own camera as a mirror does, or as the others see it.
    pub fn mirror(&self, mirror: bool) {
        self.shared.change(|w| w.mirror = mirror);
    }

    /// The room as it stands now.
    pub fn update(&self, room: RoomView) {
        self.shared.change(|w| w.room = room);
    }

    /// Brings a tile to the front; `None` lets the layout choose.
    pub fn focus(&self, tile: Option<TileId>) {
        self.shared.change(|w| w.focus = tile);
    }

    /// The tile in front by the person's wish.
    pub fn focused(&self) -> Option<TileId> {
        self.shared.wishes.lock().focus
    }

    /// The tile that lies there, physical pixels from the stage's corner.
    pub fn hit(&self, x: i32, y: i32) -> Option<TileId> {
        self.shared.layout.lock().hit(x, y)
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        self.shared.change(|w| w.quit = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the stage's thread panicked");
        }
    }
}

struct Tap {
    pictures: LatestReceiver<VideoFrame>,
    newest: Option<VideoFrame>,
}

struct Work {
    shared: Arc<Shared>,
    pictures: Box<dyn Pictures>,
    pixels: SharedPixels,
    taps: HashMap<TileId, Tap>,
    /// Sizes the session was told, so that no more is sent than is shown.
    told: HashMap<TileId, (u32, u32)>,
    /// The stage has had a place. Before that nobody knows how large a tile will be, and pictures may come: the first one
    /// is to be there when the place is.
    laid: bool,
    compositor: Compositor,
}

/// A copy of the wishes, to draw by without holding the lock.
struct Order {
    size: (u32, u32),
    scale: f32,
    theme: Theme,
    mirror: bool,
    language: compositor::Language,
    focus: Option<TileId>,
    room: RoomView,
    surface: Option<Arc<dyn Surface>>,
}

impl Work {
    fn run(mut self) {
        let mut animating = false;
        let mut room_seen = None;
        while let Some(order) = self.wait(animating) {
            if room_seen.as_ref() != Some(&order.room) {
                room_seen = Some(order.room.clone());
                self.tap(&scene::specs(&order.room));
            }
            self.take_pictures();
            let began = Instant::now();
            animating = self.draw(&order);
            self.rest(began);
        }
    }

    /// Waits for news, or for the next step of what moves by itself. `None` ends the thread.
    fn wait(&self, animating: bool) -> Option<Order> {
        let mut wishes = self.shared.wishes.lock();
        let step = Instant::now() + Duration::from_millis(Compositor::ANIMATION_STEP_MS.unsigned_abs());
        let step = animating.then_some(step);
        while !wishes.woken && !wishes.quit {
            match step.into_iter().chain(wishes.due).min() {
                None => self.shared.news.wait(&mut wishes),
                Some(until) if self.shared.news.wait_until(&mut wishes, until).timed_out() => break,
                Some(_) => {}
            }
        }
        wishes.woken = false;
        wishes.due = None;
        if wishes.quit {
            return None;
        }
        let scale = wishes.scale;
        let pixels = |side: u32| (side as f32 * scale).round() as u32;
        Some(Order {
            size: wishes.place.map_or((0, 0), |p| (pixels(p.w), pixels(p.h))),
            scale,
            theme: if wishes.dark { Theme::dark() } else { Theme::light() },
            mirror: wishes.mirror,
            language: wishes.language,
            focus: wishes.focus,
            room: wishes.room.clone(),
            surface: wishes.surface.clone(),
        })
    }

    /// Keeps a little distance to the next drawing, unless the thread is to end.
    fn rest(&self, began: Instant) {
        let mut wishes = self.shared.wishes.lock();
        while !wishes.quit && !self.shared.news.wait_until(&mut wishes, began + BREATH).timed_out() {}
    }

    fn tap(&mut self, specs: &[TileSpec]) {
        self.taps.retain(|id, _| specs.iter().any(|s| s.id == *id));
        self.told.retain(|id, _| specs.iter().any(|s| s.id == *id));
        for spec in specs {
            self.taps.entry(spec.id).or_insert_with(|| {
                let pictures = self.pictures.video(spec.id);
                let shared = self.shared.clone();
                let own = spec.own;
                pictures.on_ready(move || if own { shared.wake_in_company() } else { shared.wake() });
                Tap { pictures, newest: None }
            });
        }
    }

    fn take_pictures(&mut self) {
        let laid = self.laid;
        for tap in self.taps.values_mut() {
            if let Ok(picture) = tap.pictures.try_recv() {
                if tap.newest.is_none() {
                    tracing::debug!(laid, "a tile has its first picture");
                }
                tap.newest = Some(picture);
            }
        }
    }

    /// Draws what is new. Returns whether something moves by itself.
    fn draw(&mut self, order: &Order) -> bool {
        let specs = scene::specs(&order.room);
        let request = LayoutRequest {
            template: scene::seats(order.room.template),
            tiles: &specs,
            focus: order.focus,
            size: order.size,
            scale: order.scale,
        };
        let placed = layout(&request);
        self.laid |= order.size.0 > 0 && order.size.1 > 0;
        if self.laid {
            self.tell_sizes(&specs, &placed);
        }
        self.shared.layout.lock().clone_from(&placed);
        let Some(surface) = order.surface.as_ref().filter(|_| order.size.0 > 0 && order.size.1 > 0) else {
            return false;
        };
        let mut views: Vec<TileView> = Vec::with_capacity(specs.len());
        for spec in &specs {
            let tap = self.taps.get_mut(&spec.id);
            let view = scene::tile(&order.room, spec, order.mirror, tap.as_ref().and_then(|t| t.newest.as_ref()));
            // A camera that is off must not show its last picture when it comes on again.
            if let (Some(tap), Some(view)) = (tap, &view)
                && view.frame.is_none()
            {
                tap.newest = None;
            }
            views.extend(view);
        }
        let scene =
            Scene { layout: &placed, tiles: &views, theme: order.theme, language: order.language, scale: order.scale };
        match self.paint(&scene, order.size) {
            Ok(painted) => {
                if !painted.dirty.is_empty() {
                    surface.present(&painted.dirty);
                }
                painted.animating
            }
            Err(error) => {
                tracing::warn!(%error, "the stage could not be composed");
                false
            }
        }
    }

    fn paint(&mut self, scene: &Scene<'_>, (width, height): (u32, u32)) -> Result<compositor::Painted, String> {
        let mut pixels = self.pixels.lock();
        let row = width as usize * 4;
        if (pixels.width, pixels.height) != (width, height) {
            pixels.bgra.clear();
            pixels.bgra.resize(row * height as usize, 0);
            (pixels.width, pixels.height) = (width, height);
            self.compositor.invalidate();
        }
        let mut surface = compositor::Surface::new(&mut pixels.bgra, width, height, row).map_err(|e| e.to_string())?;
        self.compositor.render(scene, &mut surface, MediaTime::now()).map_err(|e| e.to_string())
    }

    /// Tells the session how large each tile is shown.
    fn tell_sizes(&mut self, specs: &[TileSpec], placed: &Layout) {
        for spec in specs.iter().filter(|s| !s.own) {
            let rect = placed.rect_of(spec.id).unwrap_or_default();
            let size = (rect.w, rect.h);
            if self.told.insert(spec.id, size) != Some(size) {
                self.pictures.set_tile_size(spec.id, size.0, size.1);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::shell::tryout::alone;
    use beckon_media::latest;

    struct NoPictures;

    impl Pictures for NoPictures {
        fn video(&self, _: TileId) -> LatestReceiver<VideoFrame> {
            latest::channel().1
        }

        fn set_tile_size(&self, _: TileId, _: u32, _: u32) {}
    }

    /// Notes where it was laid.
    #[derive(Default, Clone)]
    struct Noted(Arc<Mutex<Vec<Option<Rect>>>>);

    impl Surface for Noted {
        fn place(&self, place: Option<Rect>) {
            self.0.lock().push(place);
        }

        fn present(&self, _: &[Rect]) {}
    }

    #[test]
    fn the_surface_is_laid_anew_when_place_or_scale_changes_and_only_then() {
        let pictures = Box::new(NoPictures);
        let room = alone("", 0, false);
        let painter = Painter::start(pictures, room, SharedPixels::default(), compositor::Language::default()).unwrap();
        let surface = Noted::default();
        let taken = || surface.0.lock().drain(..).collect::<Vec<_>>();
        painter.show_on(Box::new(surface.clone()));
        assert_eq!(taken(), [None::<Rect>], "no page has said yet where");
        let laid = |place: &Place, scale, dark| {
            painter.place(place, scale, dark);
            taken()
        };
        let place = Place { x: 0.0, y: 48.0, width: 64.0, height: 36.0 };
        assert_eq!(laid(&place, 1.0, true), [place.whole()]);
        assert_eq!(laid(&place, 1.5, true), [place.whole()], "the window is on another screen");
        assert!(laid(&place, 1.5, false).is_empty(), "the place is the same, only darkness is not");
        assert_eq!(laid(&Place::default(), 1.5, false), [None::<Rect>]);
    }
}
