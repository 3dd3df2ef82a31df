//! Screens, windows and regions on an X server of our own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod desktop;
mod monitors;
#[path = "../pictures/mod.rs"]
mod pictures;

use std::sync::mpsc::channel;
use std::time::Duration;

use beckon_media::screen::{Catalog, Rect, ScreenChoice, ScreenSettings, ScreenSource, Visibility};
use beckon_media::{SourceError, SourceStatus, VideoFrame, VideoSource, latest};
use desktop::{BLUE, GREEN, RED, desktop, share, shows};
use pictures::{PATIENCE, at, size};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt, StackMode};

#[test]
fn a_whole_screen_is_shared_as_it_changes() {
    let (_turn, client) = desktop();
    let monitor = Catalog::open().unwrap().monitors().unwrap().remove(0);
    assert_eq!(monitor.bounds, Rect::new(0, 0, 1280, 720));
    let shared = share(ScreenChoice::Monitor(monitor.name), false);
    shared.until("the first picture", |p| size(p) == (1280, 720));
    let window = client.open(Rect::new(101, 51, 301, 201), RED, "a");
    let picture = shared.until("the window", |p| shows(p, 110, 60, RED) && shows(p, 398, 248, RED));
    assert!(!shows(&picture, 98, 48, RED) && !shows(&picture, 410, 260, RED));
    client.paint(window, GREEN);
    shared.until("another colour", |p| shows(p, 110, 60, GREEN));
    client.place(window, &ConfigureWindowAux::new().x(700).y(400));
    shared.until("the window elsewhere", |p| shows(p, 720, 420, GREEN) && !shows(p, 110, 60, GREEN));
}

#[test]
fn a_covered_and_moved_window_is_shared_alone() {
    let (_turn, client) = desktop();
    let window = client.open(Rect::new(100, 100, 321, 241), RED, "shared");
    let shared = share(ScreenChoice::Window(window.into()), false);
    // An odd size loses its last row and column.
    shared.until("the window", |p| size(p) == (320, 240) && shows(p, 0, 0, RED) && shows(p, 319, 239, RED));
    let _cover = client.open(Rect::new(50, 50, 500, 500), BLUE, "cover");
    client.paint(window, GREEN);
    shared.until("what is behind the cover", |p| shows(p, 0, 0, GREEN) && shows(p, 319, 239, GREEN));
    client.place(window, &ConfigureWindowAux::new().x(800).y(500).stack_mode(StackMode::BELOW));
    client.paint(window, RED);
    shared.until("it elsewhere, half beyond the screen", |p| size(p) == (320, 240) && shows(p, 319, 239, RED));
}

#[test]
fn a_resized_window_changes_the_pictures_size() {
    let (_turn, client) = desktop();
    let window = client.open(Rect::new(100, 100, 320, 240), RED, "shared");
    let shared = share(ScreenChoice::Window(window.into()), false);
    shared.until("the window", |p| size(p) == (320, 240) && shows(p, 160, 120, RED));
    client.place(window, &ConfigureWindowAux::new().width(500).height(300));
    shared.until("its new size", |p| size(p) == (500, 300) && shows(p, 498, 298, RED));
    client.place(window, &ConfigureWindowAux::new().width(200).height(100));
    client.paint(window, BLUE);
    shared.until("a smaller one", |p| size(p) == (200, 100) && shows(p, 198, 98, BLUE));
}

#[test]
fn a_minimised_window_pauses_and_a_closed_one_ends() {
    let (_turn, client) = desktop();
    let window = client.open(Rect::new(100, 100, 320, 240), RED, "shared");
    let shared = share(ScreenChoice::Window(window.into()), false);
    shared.until("the window", |p| shows(p, 160, 120, RED));
    client.conn.unmap_window(window).unwrap();
    client.settle();
    assert_eq!(shared.seen.recv_timeout(PATIENCE), Ok(Visibility::Minimised));
    client.conn.map_window(window).unwrap();
    client.paint(window, GREEN);
    assert_eq!(shared.seen.recv_timeout(PATIENCE), Ok(Visibility::Shown));
    shared.until("it again", |p| shows(p, 160, 120, GREEN));
    let (tell, ended) = channel();
    shared.source.on_end(move |status| tell.send(status).unwrap());
    client.conn.destroy_window(window).unwrap();
    client.settle();
    let gone = SourceError::Gone { what: "what is shared".to_owned() };
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(SourceStatus::Failed(gone.clone())));
    let (out, _pictures) = latest::channel();
    let again = ScreenSource::new(ScreenChoice::Window(window.into()), "what is shared", ScreenSettings::default());
    assert_eq!(Box::new(again).start(out).err(), Some(gone));
}

#[test]
fn a_region_shares_its_part_and_nothing_around_it() {
    let (_turn, client) = desktop();
    let window = client.open(Rect::new(200, 200, 200, 200), RED, "a");
    let shared = share(ScreenChoice::Region(Rect::new(250, 150, 100, 100)), false);
    let picture = shared.until("the region", |p| size(p) == (100, 100) && shows(p, 50, 80, RED));
    assert!(!shows(&picture, 50, 20, RED));
    client.paint(window, BLUE);
    shared.until("its change", |p| shows(p, 50, 80, BLUE) && !shows(p, 50, 20, BLUE));
}

#[test]
fn a_region_beyond_the_screen_is_cut_and_an_empty_one_refused() {
    let (_turn, _client) = desktop();
    let shared = share(ScreenChoice::Region(Rect::new(1200, 700, 500, 500)), false);
    shared.until("what is left of it", |p| size(p) == (80, 20));
    let outside = ScreenChoice::Region(Rect::new(2000, 0, 100, 100));
    let (out, _pictures) = latest::channel();
    let refused = Box::new(ScreenSource::new(outside, "outside", ScreenSettings::default())).start(out);
    assert!(matches!(refused.err(), Some(SourceError::Unsupported { .. })));
}

#[test]
fn the_pointer_is_drawn_where_it_points_and_only_there() {
    let (_turn, client) = desktop();
    client.point_at(5, 5);
    let window = client.open(Rect::new(300, 300, 200, 200), RED, "a");
    // A black cross, whose centre is where it points.
    let (font, cursor) = (client.conn.generate_id().unwrap(), client.conn.generate_id().unwrap());
    client.conn.open_font(font, b"cursor").unwrap();
    client.conn.create_glyph_cursor(cursor, font, font, 34, 35, 0, 0, 0, 0, 0, 0).unwrap();
    client.conn.change_window_attributes(window, &ChangeWindowAttributesAux::new().cursor(cursor)).unwrap();
    let choice = ScreenChoice::Window(window.into());
    let (with, without) = (share(choice.clone(), true), share(choice, false));
    with.until("the window", |p| shows(p, 100, 100, RED));
    // The window's own corner is inside its border, 3 pixels from where it was placed.
    client.point_at(403, 403);
    let black = |p: &VideoFrame, x, y| at(p, x, y)[0] < 40;
    with.until("the pointer", |p| black(p, 100, 100) && shows(p, 40, 40, RED));
    client.point_at(343, 343);
    with.until("the pointer elsewhere", |p| black(p, 40, 40) && shows(p, 100, 100, RED));
    client.point_at(5, 5);
    with.until("no pointer", |p| shows(p, 40, 40, RED) && shows(p, 100, 100, RED));
    client.paint(window, GREEN);
    without.until("the window without it", |p| shows(p, 100, 100, GREEN));
    // What covers the window has the pointer, not the window.
    let _cover = client.open(Rect::new(250, 250, 400, 400), BLUE, "cover");
    client.point_at(403, 403);
    client.paint(window, RED);
    with.until("the window behind the cover", |p| shows(p, 100, 100, RED));
}

#[test]
fn a_still_screen_takes_no_pictures() {
    let (_turn, client) = desktop();
    let window = client.open(Rect::new(100, 100, 320, 240), RED, "a");
    let shared = share(ScreenChoice::Window(window.into()), true);
    shared.until("the window", |p| shows(p, 160, 120, RED));
    // What was on its way when the first picture was taken has come with the next change at the latest.
    client.paint(window, GREEN);
    shared.until("its change", |p| shows(p, 160, 120, GREEN));
    let before = shared.pictures.sent();
    assert!(shared.pictures.recv_timeout(Duration::from_millis(600)).is_err());
    assert_eq!(shared.pictures.sent(), before);
}

#[test]
fn the_catalog_knows_screens_and_windows_and_what_they_look_like() {
    let (_turn, client) = desktop();
    let window = client.open(Rect::new(100, 100, 320, 240), RED, "Quarterly figures");
    let _tiny = client.open(Rect::new(0, 0, 10, 10), RED, "a tooltip");
    let _cover = client.open(Rect::new(90, 90, 400, 400), BLUE, "In front");
    let mut catalog = Catalog::open().unwrap();
    let offers = catalog.offers(None).unwrap();
    let titles: Vec<_> = offers.iter().skip(1).map(|o| o.title.as_str()).collect();
    assert_eq!(titles, ["In front", "Quarterly figures"]);
    assert!(matches!(offers[0].choice, ScreenChoice::Monitor(_)));
    let own = ScreenChoice::Window(window.into());
    assert_eq!(offers[2].choice, own);
    // What was covered before anybody looked is drawn by its program once it is asked to.
    catalog.thumbnail(&own, 80, 80).unwrap();
    client.paint(window, GREEN);
    let thumbnail = catalog.thumbnail(&own, 80, 80).unwrap().unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (80, 60));
    assert_eq!(thumbnail.rgba[(30 * 80 + 40) * 4..][..4], [0, 255, 0, 255]);
    client.conn.destroy_window(window).unwrap();
    client.settle();
    assert!(matches!(catalog.thumbnail(&own, 80, 80), Err(SourceError::Gone { .. })));
}
