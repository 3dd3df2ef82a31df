//! Several monitors on one desktop.

use std::sync::mpsc::channel;

use beckon_media::screen::{Catalog, Rect, ScreenChoice};
use beckon_media::{SourceError, SourceStatus, VideoFrame};
use x11rb::connection::Connection;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo, Output, Rotation, SetConfig};
use x11rb::protocol::xproto::{Atom, ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt, Window};

use crate::desktop::{BLUE, Client, GREEN, RED, Server, desktop, share, shows};
use crate::pictures::{PATIENCE, at, size};

/// Side by side on a desktop of 1280 × 720, the second one at an odd place, of odd size, and lower.
const LEFT: Rect = Rect { x: 0, y: 0, w: 641, h: 720 };
const RIGHT: Rect = Rect { x: 641, y: 21, w: 633, h: 655 };

impl Client {
    fn atom(&self, name: &str) -> Atom {
        self.conn.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    /// There is a monitor of this name at this place.
    fn plug_in(&self, name: &str, place: Rect, outputs: Vec<Output>) {
        let monitor = MonitorInfo {
            name: self.atom(name),
            primary: !outputs.is_empty(),
            automatic: false,
            x: place.x as i16,
            y: place.y as i16,
            width: place.w as u16,
            height: place.h as u16,
            width_in_millimeters: 300,
            height_in_millimeters: 300,
            outputs,
        };
        self.conn.randr_set_monitor(self.screen.root, monitor).unwrap().check().unwrap();
    }

    /// The monitor of this name lies there now, in one step for everybody who looks.
    fn move_to(&self, name: &str, place: Rect) {
        self.conn.grab_server().unwrap();
        self.unplug(name);
        self.plug_in(name, place, Vec::new());
        self.conn.ungrab_server().unwrap();
        self.settle();
    }

    fn unplug(&self, name: &str) {
        self.conn.randr_delete_monitor(self.screen.root, self.atom(name)).unwrap().check().unwrap();
    }

    /// A window that fills exactly this, without a border.
    fn fill(&self, place: Rect, colour: (u32, [u8; 3])) -> Window {
        let window = self.open(place, colour, "filled");
        self.place(window, &ConfigureWindowAux::new().border_width(0));
        window
    }
}

/// Both monitors, the left one blue, the right one green.
fn two_monitors() -> (Server, Client) {
    let (server, client) = desktop();
    client.conn.randr_query_version(1, 5).unwrap().reply().unwrap();
    let known = client.conn.randr_get_screen_resources_current(client.screen.root).unwrap().reply().unwrap();
    client.plug_in("left", LEFT, known.outputs);
    client.plug_in("right", RIGHT, Vec::new());
    client.fill(RIGHT, GREEN);
    client.fill(LEFT, BLUE);
    (server, client)
}

fn monitor(name: &str) -> ScreenChoice {
    ScreenChoice::Monitor(name.to_owned())
}

/// All of it has one colour.
fn is_all(picture: &VideoFrame, colour: (u32, [u8; 3])) -> bool {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    (0..h).all(|y| (0..w).all(|x| shows(picture, x, y, colour)))
}

#[test]
fn each_monitor_is_offered_with_its_name_its_size_and_what_it_shows() {
    let (_turn, _client) = two_monitors();
    let mut catalog = Catalog::open().unwrap();
    let known = catalog.monitors().unwrap();
    let seen: Vec<_> = known.iter().map(|m| (m.name.as_str(), m.bounds, m.primary)).collect();
    assert_eq!(seen, [("left", LEFT, true), ("right", RIGHT, false)]);
    let offers = catalog.offers(None).unwrap();
    let seen: Vec<_> = offers[..2].iter().map(|o| (o.choice.clone(), o.title.as_str(), o.width, o.height)).collect();
    assert_eq!(seen, [(monitor("left"), "left", 641, 720), (monitor("right"), "right", 633, 655)]);
    for (name, colour) in [("left", [0, 0, 255, 255]), ("right", [0, 255, 0, 255])] {
        let thumbnail = catalog.thumbnail(&monitor(name), 160, 160).unwrap().unwrap();
        assert!(thumbnail.rgba.as_chunks::<4>().0.iter().all(|pixel| *pixel == colour), "{name}");
    }
}

#[test]
fn the_second_monitor_is_shared_to_the_pixel_with_the_pointer_only_while_it_is_there() {
    let (_turn, client) = two_monitors();
    client.point_at(100, 100);
    let mark = client.fill(Rect::new(RIGHT.x + 200, RIGHT.y + 100, 21, 11), RED);
    let shared = share(monitor("right"), true);
    // An odd size loses its last row and column.
    let picture = shared.until("its picture", |p| size(p) == (632, 654) && shows(p, 210, 104, RED));
    assert!([(0, 0), (631, 0), (0, 653), (631, 653)].into_iter().all(|(x, y)| shows(&picture, x, y, GREEN)));
    let luma = |p: &VideoFrame, x, y| at(p, x, y)[0].abs_diff(RED.1[0]) <= 2;
    assert_eq!([199, 200, 220, 221].map(|x| luma(&picture, x, 105)), [false, true, true, false]);
    assert_eq!([99, 100, 110, 111].map(|y| luma(&picture, 210, y)), [false, true, true, false]);
    // What the root window shows as its pointer is seen everywhere.
    let (font, cursor) = (client.conn.generate_id().unwrap(), client.conn.generate_id().unwrap());
    client.conn.open_font(font, b"cursor").unwrap();
    client.conn.create_glyph_cursor(cursor, font, font, 34, 35, 0, 0, 0, 0, 0, 0).unwrap();
    let look = ChangeWindowAttributesAux::new().cursor(cursor);
    client.conn.change_window_attributes(client.screen.root, &look).unwrap();
    client.point_at((RIGHT.x + 400) as i16, (RIGHT.y + 300) as i16);
    shared.until("the pointer", |p| at(p, 400, 300)[0] < 40);
    client.point_at(400, 300);
    client.paint(mark, BLUE);
    shared.until("no pointer", |p| shows(p, 210, 104, BLUE) && shows(p, 400, 300, GREEN));
}

#[test]
fn what_happens_on_the_other_monitor_is_not_shared() {
    let (_turn, client) = two_monitors();
    let shared = share(monitor("right"), false);
    shared.until("its picture", |p| is_all(p, GREEN));
    let window = client.fill(Rect::new(RIGHT.x - 100, 100, 200, 100), RED);
    let picture = shared.until("the part that lies here", |p| shows(p, 50, 120, RED));
    assert!(shows(&picture, 98, 120, RED) && shows(&picture, 104, 120, GREEN));
    client.place(window, &ConfigureWindowAux::new().x(RIGHT.x - 300));
    shared.until("it on the other one", |p| is_all(p, GREEN));
}

#[test]
fn a_monitor_that_gets_another_place_or_size_is_followed() {
    let (_turn, client) = two_monitors();
    let shared = share(monitor("right"), false);
    shared.until("its picture", |p| is_all(p, GREEN));
    // Not a pixel of the desktop changes.
    client.move_to("right", Rect { x: 3, ..RIGHT });
    shared.until("what is there", |p| size(p) == (632, 654) && is_all(p, BLUE));
    client.move_to("right", Rect { w: 400, h: 300, ..RIGHT });
    shared.until("a smaller one", |p| size(p) == (400, 300) && is_all(p, GREEN));
}

#[test]
fn a_monitor_that_hangs_over_the_desktops_edge_shares_what_there_is_of_it() {
    let (_turn, client) = two_monitors();
    client.plug_in("above", Rect::new(-101, -51, 301, 201), Vec::new());
    client.plug_in("below", Rect::new(1201, 601, 640, 480), Vec::new());
    client.plug_in("nowhere", Rect::new(3000, 0, 640, 480), Vec::new());
    let mut catalog = Catalog::open().unwrap();
    let known: Vec<_> = catalog.monitors().unwrap().into_iter().map(|m| (m.name, m.bounds)).collect();
    let bounds = |name: &str| known.iter().find(|(known, _)| known == name).map(|(_, bounds)| *bounds);
    assert_eq!(bounds("above"), Some(Rect::new(0, 0, 200, 150)));
    assert_eq!(bounds("below"), Some(Rect::new(1201, 601, 79, 119)));
    assert_eq!(bounds("nowhere"), None);
    share(monitor("above"), true).until("what there is", |p| size(p) == (200, 150) && is_all(p, BLUE));
    share(monitor("below"), true).until("what there is", |p| size(p) == (78, 118));
    assert!(catalog.thumbnail(&monitor("below"), 80, 80).unwrap().is_some());
}

#[test]
fn a_monitor_that_comes_back_goes_on_and_one_that_stays_away_ends_it() {
    let (_turn, client) = two_monitors();
    let shared = share(monitor("right"), false);
    shared.until("its picture", |p| is_all(p, GREEN));
    let (tell, ended) = channel();
    shared.source.on_end(move |status| tell.send(status).unwrap());
    client.unplug("right");
    client.plug_in("right", Rect { x: 3, ..RIGHT }, Vec::new());
    shared.until("it elsewhere", |p| is_all(p, BLUE));
    client.unplug("right");
    let gone = SourceError::Gone { what: "what is shared".to_owned() };
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(SourceStatus::Failed(gone)));
}

#[test]
fn a_region_and_a_window_may_lie_on_both_monitors() {
    let (_turn, client) = two_monitors();
    let region = Rect::new(RIGHT.x - 100, 200, 200, 100);
    let shared = share(ScreenChoice::Region(region), true);
    let both = |p: &VideoFrame| shows(p, 0, 50, BLUE) && shows(p, 97, 50, BLUE) && shows(p, 102, 50, GREEN);
    shared.until("both monitors", |p| size(p) == (200, 100) && both(p) && shows(p, 199, 99, GREEN));
    let window = client.fill(Rect { y: 400, ..region }, RED);
    let alone = share(ScreenChoice::Window(window.into()), true);
    alone.until("the window", |p| size(p) == (200, 100) && is_all(p, RED));
    client.place(window, &ConfigureWindowAux::new().y(210));
    shared.until("the window in the region", |p| shows(p, 2, 60, RED) && shows(p, 197, 60, RED));
    client.paint(window, BLUE);
    alone.until("its change", |p| is_all(p, BLUE));
}

/// Switches the only monitor that is one to the server off or on.
fn switch(client: &Client, on: bool) {
    let conn = &client.conn;
    let known = conn.randr_get_screen_resources(client.screen.root).unwrap().reply().unwrap();
    let (crtc, time) = (known.crtcs[0], known.config_timestamp);
    let (mode, outputs) = if on { (known.modes[0].id, &known.outputs[..]) } else { (0, &[][..]) };
    let set = conn.randr_set_crtc_config(crtc, 0, time, 0, 0, mode, Rotation::ROTATE0, outputs).unwrap();
    assert_eq!(set.reply().unwrap().status, SetConfig::SUCCESS);
}

#[test]
fn a_monitor_that_is_off_for_a_moment_takes_its_shares_with_it_and_brings_them_back() {
    let (_turn, client) = desktop();
    client.conn.randr_query_version(1, 5).unwrap().reply().unwrap();
    let name = Catalog::open().unwrap().monitors().unwrap().remove(0).name;
    let window = client.fill(Rect::new(0, 0, 1280, 720), RED);
    let (whole, region) = (share(monitor(&name), false), share(ScreenChoice::Region(RIGHT), false));
    whole.until("all of it", |p| size(p) == (1280, 720) && is_all(p, RED));
    region.until("a part of it", |p| is_all(p, RED));
    switch(&client, false);
    client.paint(window, GREEN);
    switch(&client, true);
    whole.until("all of it again", |p| is_all(p, GREEN));
    region.until("the part again", |p| is_all(p, GREEN));
    switch(&client, false);
    for shared in [whole, region] {
        let (tell, ended) = channel();
        shared.source.on_end(move |status| tell.send(status).unwrap());
        assert!(matches!(ended.recv_timeout(PATIENCE), Ok(SourceStatus::Failed(SourceError::Gone { .. }))));
    }
}
