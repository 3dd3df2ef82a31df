//! The loop that takes pictures.

use super::canvas::Canvas;
use super::grab::Grab;
use super::pace::{Pace, Settling};
use super::{ScreenChoice, Visibility, system};
use crate::clock::MediaTime;
use crate::frame::VideoFrame;
use crate::latest::LatestSender;
use crate::source::{RunningSource, SourceControl, SourceError, SourceInfo, VideoSource};

/// How to share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScreenSettings {
    /// Wider pictures are made smaller, in pixels.
    pub max_width: u32,
    /// Higher pictures are made smaller, in pixels.
    pub max_height: u32,
    /// Pictures a second at most, 1 … 60.
    pub fps: u32,
    /// Draw the mouse pointer.
    pub pointer: bool,
}

impl Default for ScreenSettings {
    /// Up to 2560 × 1600 and 30 a second, with the pointer.
    fn default() -> Self {
        Self { max_width: 2560, max_height: 1600, fps: 30, pointer: true }
    }
}

type OnVisibility = Box<dyn FnMut(Visibility) + Send>;

/// A screen, window or region as a source of pictures: one at the start, then one after each change.
///
/// It fails with [`SourceError::Gone`] when the window is closed or the monitor unplugged.
pub struct ScreenSource {
    choice: ScreenChoice,
    label: String,
    settings: ScreenSettings,
    on_visibility: OnVisibility,
}

impl ScreenSource {
    /// What `choice` shows. `label` is what people call it.
    pub fn new(choice: ScreenChoice, label: impl Into<String>, settings: ScreenSettings) -> Self {
        Self { choice, label: label.into(), settings, on_visibility: Box::new(|_| {}) }
    }

    /// Calls `tell` on the source's thread when the window is minimised and when it comes back.
    #[must_use]
    pub fn on_visibility(mut self, tell: impl FnMut(Visibility) + Send + 'static) -> Self {
        self.on_visibility = Box::new(tell);
        self
    }
}

impl VideoSource for ScreenSource {
    fn describe(&self) -> SourceInfo {
        SourceInfo { label: self.label.clone(), synthetic: false, stands_in: false }
    }

    fn start(self: Box<Self>, out: LatestSender<VideoFrame>) -> Result<RunningSource, SourceError> {
        let opener = system::open(&self.choice, &self.label, self.settings)?;
        RunningSource::spawn("screen", move |control| {
            let mut grab = opener()?;
            run(&mut *grab, self.settings, self.on_visibility, &out, control)
        })
    }
}

fn run(
    grab: &mut dyn Grab,
    settings: ScreenSettings,
    mut on_visibility: OnVisibility,
    out: &LatestSender<VideoFrame>,
    control: &SourceControl,
) -> Result<(), SourceError> {
    let mut canvas = Canvas::new((settings.max_width.max(2), settings.max_height.max(2)));
    let mut pace = Pace::new(settings.fps);
    let mut settling: Option<Settling> = None;
    let mut visibility = Visibility::Shown;
    // The first picture needs no change.
    let mut dirty = true;
    while !control.stopping() {
        if !dirty {
            dirty = grab.changed(pace.look(MediaTime::now()))?;
        }
        if grab.visibility() != visibility {
            visibility = grab.visibility();
            on_visibility(visibility);
        }
        let now = MediaTime::now();
        // A size that waits to hold still changes nothing more on the screen: look at it all the same.
        if !dirty && !settling.as_ref().is_some_and(Settling::is_waiting) {
            continue;
        }
        if pace.due() > now {
            if !control.sleep_until(pace.due()) {
                break;
            }
            // What else has happened meanwhile comes into the same picture.
            grab.changed(std::time::Duration::ZERO)?;
        }
        dirty = false;
        let Some(size) = grab.size() else { continue };
        let began = MediaTime::now();
        if !settling.get_or_insert_with(|| Settling::new(size)).at(began, size) {
            continue;
        }
        if !grab.take(&mut canvas)? {
            continue;
        }
        let Some(picture) = canvas.finish(began) else { continue };
        if out.send(picture).is_err() {
            break;
        }
        pace.took(began, MediaTime::now().saturating_since(began));
    }
    Ok(())
}
