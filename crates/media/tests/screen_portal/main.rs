//! A Wayland desktop's own dialog, and the pictures that it gives: the whole way, over the real portal and PipeWire.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the bench shares it, and asks more of it")]
mod desktop;
#[path = "../pictures/mod.rs"]
mod pictures;

use std::cell::Cell;
use std::process::Command;
use std::time::{Duration, Instant};

use beckon_media::screen::{
    Again, Ask, Catalog, Granted, ScreenChoice, ScreenSettings, ScreenSource, ask, desktop_asks,
};
use beckon_media::{LatestReceiver, RunningSource, SourceError, SourceStatus, VideoFrame, VideoSource, latest};
use desktop::{Chooser, Desktop, until};
use pictures::{PATIENCE, at, size};

/// Colours as sway takes them, and their luma and chroma in BT.709's limited range.
const RED: (&str, [u8; 3]) = ("#FF0000", [63, 102, 240]);
const GREEN: (&str, [u8; 3]) = ("#00FF00", [173, 42, 26]);
const BLUE: (&str, [u8; 3]) = ("#0000FF", [32, 240, 118]);

fn asked(again: Option<&Again>, over: &dyn Fn() -> bool) -> Result<Option<Granted>, SourceError> {
    ask(&Ask { settings: ScreenSettings::default(), again, over })
}

fn given() -> Granted {
    asked(None, &|| false).unwrap().expect("the desktop gives its screen")
}

/// What is shared, at work.
struct Shared {
    pictures: LatestReceiver<VideoFrame>,
    source: RunningSource,
}

fn share(choice: ScreenChoice) -> Shared {
    let (out, pictures) = latest::channel();
    let source = Box::new(ScreenSource::new(choice, "what is shared", ScreenSettings::default())).start(out).unwrap();
    Shared { pictures, source }
}

impl Shared {
    /// The first picture that fits.
    fn until(&self, what: &str, fits: impl Fn(&VideoFrame) -> bool) -> VideoFrame {
        pictures::until(&self.pictures, &self.source, what, fits)
    }

    /// The first picture that fits of a screen that changes again and again, as screens do that somebody uses. sway's portal
    /// waits for a change before the first picture of another share, and after a new size.
    fn until_with(&self, what: &str, change: impl Fn(usize), fits: impl Fn(&VideoFrame) -> bool) {
        let end = Instant::now() + PATIENCE;
        for n in 0.. {
            change(n);
            while let Ok(picture) = self.pictures.recv_timeout(Duration::from_millis(500)) {
                if fits(&picture) {
                    return;
                }
            }
            assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}; {:?}", self.source.status());
        }
    }

    fn ends_as_gone(&self) {
        let status = until("the end of the share", || {
            Some(self.source.status()).filter(|status| *status != SourceStatus::Running)
        });
        assert_eq!(status, SourceStatus::Failed(SourceError::Gone { what: "what is shared".to_owned() }));
    }
}

/// Green and red in turn.
fn repaint(desktop: &Desktop, n: usize) {
    let colour = if n.is_multiple_of(2) { GREEN } else { RED };
    desktop.output(&format!("background {} solid_color", colour.0));
}

fn shows(picture: &VideoFrame, x: usize, y: usize, colour: (&str, [u8; 3])) -> bool {
    at(picture, x, y).iter().zip(colour.1).all(|(a, b)| a.abs_diff(b) <= 2)
}

fn all(picture: &VideoFrame, colour: (&str, [u8; 3])) -> bool {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    (0..height).step_by(40).all(|y| (0..width).step_by(40).all(|x| shows(picture, x, y, colour)))
        && shows(picture, width - 1, height - 1, colour)
}

#[test]
fn the_screen_that_was_given_is_shared_as_it_changes_and_in_its_new_size() {
    let Some(desktop) = Desktop::new(BLUE.0, &Chooser::Allows) else { return };
    assert!(desktop_asks());
    let granted = given();
    assert_eq!((granted.width, granted.height, granted.window), (1280, 720, false));
    let shared = share(granted.choice());
    let first = shared.until("the first picture", |p| all(p, BLUE));
    assert_eq!(size(&first), (1280, 720));
    desktop.output(&format!("background {} solid_color", RED.0));
    shared.until("a change", |p| all(p, RED));
    desktop.output("resolution 1024x600");
    shared.until_with("a new size", |n| repaint(&desktop, n), |p| size(p) == (1024, 600) && all(p, GREEN));
    desktop.output(&format!("background {} solid_color", BLUE.0));
    shared.until("a change in the new size", |p| size(p) == (1024, 600) && all(p, BLUE));
    assert_eq!(shared.source.status(), SourceStatus::Running);
    shared.source.stop();
}

#[test]
fn a_still_screen_gives_no_more_pictures() {
    let Some(_desktop) = Desktop::new(BLUE.0, &Chooser::Allows) else { return };
    let shared = share(given().choice());
    shared.until("the first picture", |p| all(p, BLUE));
    // Whatever was still under way has come; then nothing does.
    while shared.pictures.recv_timeout(Duration::from_secs(1)).is_ok() {}
    assert_eq!(shared.source.status(), SourceStatus::Running);
}

#[test]
fn a_screen_on_its_side_is_shared_upright() {
    let Some(desktop) = Desktop::new(BLUE.0, &Chooser::Allows) else { return };
    // Left top red, the rest blue.
    let picture = desktop.folder().join("corner.png");
    let drawn = Command::new("convert")
        .args(["-size", "360x640", "xc:blue", "-fill", "red", "-draw", "rectangle 0,0 119,119"])
        .arg(&picture)
        .status();
    if !drawn.is_ok_and(|status| status.success()) {
        beckon_test_skip::skip("imagemagick is not installed; `cargo xtask setup` brings it");
        return;
    }
    for turn in ["90", "270", "flipped-90", "180"] {
        desktop.output(&format!("transform {turn}"));
        let upright = if turn == "180" { (1280, 720) } else { (720, 1280) };
        let shared = share(given().choice());
        let draw = |_| desktop.output(&format!("background {} stretch", picture.display()));
        shared.until_with(turn, draw, |p| {
            let (right, bottom) = (p.width() as usize - 20, p.height() as usize - 20);
            size(p) == upright
                && shows(p, 20, 20, RED)
                && [(right, 20), (20, bottom), (right, bottom)].iter().all(|&(x, y)| shows(p, x, y, BLUE))
        });
        shared.source.stop();
    }
}

#[test]
fn a_share_that_the_desktop_ends_is_gone() {
    let Some(desktop) = Desktop::new(BLUE.0, &Chooser::Allows) else { return };
    let shared = share(given().choice());
    shared.until("the first picture", |p| all(p, BLUE));
    desktop.end_share();
    shared.ends_as_gone();
}

#[test]
fn a_share_whose_desktop_fails_is_gone() {
    let Some(mut desktop) = Desktop::new(BLUE.0, &Chooser::Allows) else { return };
    let shared = share(given().choice());
    shared.until("the first picture", |p| all(p, BLUE));
    desktop.kill("xdg-desktop-portal-wlr");
    shared.ends_as_gone();
}

#[test]
fn what_was_given_is_shared_once_and_asked_for_again() {
    let Some(desktop) = Desktop::new(BLUE.0, &Chooser::Allows) else { return };
    let granted = given();
    let shared = share(granted.choice());
    shared.until("the first picture", |p| all(p, BLUE));
    shared.source.stop();
    let (out, _pictures) = latest::channel();
    let second = Box::new(ScreenSource::new(granted.choice(), "the same", ScreenSettings::default())).start(out);
    assert_eq!(second.err(), Some(SourceError::Gone { what: "the same".to_owned() }));
    let again = asked(granted.again.as_ref(), &|| false).unwrap().expect("given again");
    let shared = share(again.choice());
    shared.until_with("a picture of the second share", |n| repaint(&desktop, n), |p| all(p, GREEN));
}

#[test]
fn whoever_wants_to_share_nothing_is_not_told_of_a_failure() {
    let Some(_desktop) = Desktop::new(BLUE.0, &Chooser::Runs("true")) else { return };
    assert_eq!(asked(None, &|| false), Ok(None));
}

#[test]
fn a_dialog_that_nobody_waits_for_is_given_up() {
    let Some(_desktop) = Desktop::new(BLUE.0, &Chooser::Runs("sleep 5")) else { return };
    let looks = Cell::new(0);
    let over = || {
        looks.set(looks.get() + 1);
        looks.get() > 2
    };
    assert_eq!(asked(None, &over), Ok(None));
    assert!(looks.get() > 2);
}

#[test]
fn a_desktop_without_a_portal_says_what_to_install() {
    let Some(_desktop) = Desktop::bare() else { return };
    let error = asked(None, &|| false).unwrap_err();
    assert!(matches!(&error, SourceError::NotSupported { reason, .. } if reason.contains("install")), "{error}");
    let Err(listed) = Catalog::open() else { panic!("a Wayland desktop lists nothing") };
    assert!(matches!(listed, SourceError::NotSupported { .. }));
}
