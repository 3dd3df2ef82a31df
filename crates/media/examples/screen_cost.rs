//! What sharing a screen costs, for `cargo xtask bench screen` (Linux: X11, and in a Wayland session what is given in its
//! dialog).
//!
//! ```text
//! screen_cost paint still|scroll SECONDS    a desktop full of text, standing still or scrolling at 30 pictures a second
//! screen_cost code still|scroll SECONDS     the same, and above it 30 times a second the test card's bar code
//! screen_cost take WIDTH HEIGHT SECONDS     takes it in pictures of at most that size; prints frames and CPU time
//! screen_cost sharp BITRATE                 how sharp a still desktop is two seconds after its first picture
//! screen_cost moves BITRATE FPS             how sharp a desktop is while it moves, encoded as text and as a film
//! screen_cost wayland still|scroll          a Wayland desktop of 1920 × 1080 with such a text until its input ends; prints
//!                                           where it is to be reached and which processes it is
//! ```
#![allow(clippy::unwrap_used, reason = "it shares files with tests")]

#[cfg(target_os = "linux")]
#[path = "../tests/screen_portal/desktop.rs"]
#[allow(dead_code)]
mod desktop;
#[cfg(target_os = "linux")]
#[path = "../tests/pictures/mod.rs"]
#[allow(dead_code)]
mod pictures;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["paint", how, seconds] => linux::paint(how == "scroll", false, seconds.parse()?),
        ["code", how, seconds] => linux::paint(how == "scroll", true, seconds.parse()?),
        ["take", width, height, seconds] => linux::take(width.parse()?, height.parse()?, seconds.parse()?),
        ["sharp", bitrate] => linux::sharp(bitrate.parse()?),
        ["wayland", how] => linux::wayland(how),
        ["moves", bitrate, fps] => linux::moves(bitrate.parse()?, fps.parse()?),
        _ => Err("what to do? see the top of this example".into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this bench needs X11");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::Read as _;
    use std::time::{Duration, Instant};

    use beckon_media::barcode::BarCode;
    use beckon_media::codec::{Content, EncoderConfig, ScreenEncoder, VideoCodec, VideoDecoder};
    use beckon_media::screen::{Ask, Catalog, ScreenChoice, ScreenSettings, ScreenSource, ask, desktop_asks};
    use beckon_media::similarity::ssim;
    use beckon_media::{FramePool, MediaTime, VideoFrame, VideoSource, latest};
    use x11rb::connection::Connection;
    use x11rb::protocol::xproto::{
        ConnectionExt, CreateGCAux, CreateWindowAux, Gcontext, Rectangle, Screen, Window, WindowClass,
    };
    use x11rb::rust_connection::RustConnection;

    use crate::desktop::{Chooser, Desktop, until};

    type Done = Result<(), Box<dyn Error>>;

    const LINE: i16 = 13;
    /// The bar code has this much of the height: a fraction.
    const CODE: (i16, i16) = (5, 24);
    const PERIOD: Duration = Duration::from_nanos(1_000_000_000 / 30);

    /// A window as large as the screen, full of text in the server's own font; with a bar code above it, or without.
    pub fn paint(scroll: bool, code: bool, seconds: f64) -> Done {
        let (conn, number) = x11rb::connect(None)?;
        let screen = &conn.setup().roots[number];
        let (width, height) = (screen.width_in_pixels, screen.height_in_pixels);
        let (window, font, gc) = (conn.generate_id()?, conn.generate_id()?, conn.generate_id()?);
        let look = CreateWindowAux::new().background_pixel(screen.white_pixel).override_redirect(1);
        let class = WindowClass::INPUT_OUTPUT;
        conn.create_window(
            screen.root_depth,
            window,
            screen.root,
            0,
            0,
            width,
            height,
            0,
            class,
            screen.root_visual,
            &look,
        )?;
        conn.map_window(window)?;
        conn.open_font(font, b"fixed")?.check()?;
        let ink = CreateGCAux::new().font(font).foreground(0x001A_2B4C).background(0x00FF_FFFF).graphics_exposures(0);
        conn.create_gc(gc, window, &ink)?;
        let mut number = 0u32;
        let mut line = |y: i16| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let words = ["fn", "let", "picture", "=>", "match", "{", "}", "Ok(())", "impl", "struct", "// why", "0x1F"];
            let text: Vec<u8> = (0..60)
                .flat_map(|n| {
                    let word = words[((number >> (n % 24)) as usize + n) % words.len()];
                    word.bytes().chain([b' '])
                })
                .take(254)
                .collect();
            for column in [4, 4 + 254 * 6] {
                conn.image_text8(window, gc, column, y, &text)?;
            }
            Ok::<_, Box<dyn Error>>(())
        };
        let top = if code { height as i16 * CODE.0 / CODE.1 } else { 0 };
        for row in 1..=(height as i16 - top) / LINE {
            line(top + row * LINE)?;
        }
        let mut codes = if code { Some(Codes::on(&conn, window, screen)?) } else { None };
        conn.get_input_focus()?.reply()?;
        println!("painted");
        let begun = Instant::now();
        let mut due = begun;
        while begun.elapsed().as_secs_f64() < seconds {
            due += PERIOD;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if scroll {
                conn.copy_area(window, window, gc, 0, top + LINE, 0, top, width, height - (top + LINE) as u16)?;
                conn.clear_area(false, window, 0, height as i16 - LINE, 0, LINE as u16)?;
                line(height as i16 - 3)?;
            }
            if let Some(codes) = &mut codes {
                codes.draw(&conn)?;
            }
            conn.get_input_focus()?.reply()?;
        }
        Ok(())
    }

    /// The bar codes of the test card (`beckon_media::barcode`) in a window.
    struct Codes {
        window: Window,
        black: Gcontext,
        white: Gcontext,
        size: (u32, u32),
        frame: u32,
        pool: FramePool,
    }

    impl Codes {
        fn on(conn: &RustConnection, window: Window, screen: &Screen) -> Result<Self, Box<dyn Error>> {
            let (black, white) = (conn.generate_id()?, conn.generate_id()?);
            conn.create_gc(black, window, &CreateGCAux::new().foreground(screen.black_pixel))?;
            conn.create_gc(white, window, &CreateGCAux::new().foreground(screen.white_pixel))?;
            let size = (screen.width_in_pixels.into(), screen.height_in_pixels.into());
            Ok(Self { window, black, white, size, frame: 0, pool: FramePool::new() })
        }

        /// Draws the next one, with the time now.
        fn draw(&mut self, conn: &RustConnection) -> Done {
            let (width, height) = self.size;
            let mut card = self.pool.get(width, height);
            BarCode::new(self.frame, MediaTime::now()).draw(&mut card);
            self.frame += 1;
            let [(luma, stride), ..] = card.planes_mut();
            let strip = Rectangle {
                x: 0,
                y: 0,
                width: width as u16,
                height: (height as i32 * i32::from(CODE.0) / i32::from(CODE.1)) as u16,
            };
            let mut lit = Vec::new();
            for row in 1..4 {
                let (y, bottom) = (height * row / 24, height * (row + 1) / 24);
                let line = &luma[(y + bottom) as usize / 2 * stride..][..width as usize];
                // Left of it is what the pool had left.
                let (mut x, end) = (width as usize / 32, (width - width / 32) as usize);
                while x < end {
                    let run = line[x..end].iter().take_while(|pixel| (**pixel >= 128) == (line[x] >= 128)).count();
                    if line[x] >= 128 {
                        let (x, width) = (x as i16, run as u16);
                        lit.push(Rectangle { x, y: y as i16, width, height: (bottom - y) as u16 });
                    }
                    x += run;
                }
            }
            conn.poly_fill_rectangle(self.window, self.black, &[strip])?;
            conn.poly_fill_rectangle(self.window, self.white, &lit)?;
            Ok(())
        }
    }

    /// A desktop on which the text is painted over X11, which every desktop has.
    pub fn wayland(how: &str) -> Done {
        let screen = "resolution 1920x1080 background #FFFFFF solid_color";
        let desktop = Desktop::with_screen(screen, true, &Chooser::Allows).ok_or("no Wayland desktop")?;
        let painted = desktop.folder().join("painted");
        let tool = std::env::current_exe()?;
        desktop.run(&format!("{} paint {how} 600 > {}", tool.display(), painted.display()));
        until("the text", || std::fs::read_to_string(&painted).ok().filter(|said| said.contains("painted")));
        let number = |name: &str| desktop.process(name);
        println!(
            "{{\"bus\":\"{}\",\"sway\":{},\"others\":[{},{},{},{}]}}",
            desktop.bus_address(),
            number("sway"),
            number("xdg-desktop-portal"),
            number("xdg-desktop-portal-wlr"),
            number("pipewire"),
            number("wireplumber")
        );
        std::io::stdin().read_to_end(&mut Vec::new())?;
        Ok(())
    }

    fn screen(width: u32, height: u32) -> Result<Box<ScreenSource>, Box<dyn Error>> {
        let settings = ScreenSettings { max_width: width, max_height: height, ..ScreenSettings::default() };
        let choice = if desktop_asks() {
            ask(&Ask { settings, again: None, over: &|| false })?.ok_or("nothing was given")?.choice()
        } else {
            let monitor = Catalog::open()?.monitors()?.into_iter().next().ok_or("no monitor")?;
            ScreenChoice::Monitor(monitor.name)
        };
        Ok(Box::new(ScreenSource::new(choice, "screen", settings)))
    }

    /// CPU time of this process so far, s.
    fn cpu() -> f64 {
        // SAFETY: an all-zero rusage is valid, and the call fills it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            usage
        };
        let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
        seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    pub fn take(width: u32, height: u32, seconds: f64) -> Done {
        let (out, pictures) = latest::channel();
        let running = screen(width, height)?.start(out)?;
        let first = pictures.recv_timeout(Duration::from_secs(10))?;
        let (begun, before, sent) = (Instant::now(), cpu(), pictures.sent());
        while begun.elapsed().as_secs_f64() < seconds {
            let _ = pictures.recv_timeout(Duration::from_millis(200));
        }
        let (took, used, frames) = (begun.elapsed().as_secs_f64(), cpu() - before, pictures.sent() - sent);
        running.stop();
        println!(
            "{{\"width\":{},\"height\":{},\"seconds\":{took:.2},\"cpu\":{used:.4},\"frames\":{frames}}}",
            first.width(),
            first.height()
        );
        Ok(())
    }

    /// Encodes as the room does, over a link of exactly the bitrate, and looks at what a viewer has after two seconds.
    pub fn sharp(bitrate: u32) -> Done {
        let (out, pictures) = latest::channel();
        let running = screen(1920, 1080)?.start(out)?;
        let mut source = pictures.recv_timeout(Duration::from_secs(10))?;
        running.stop();
        let config =
            EncoderConfig { content: Content::Screen, ..EncoderConfig::new(source.width(), source.height(), bitrate) };
        let (mut encoder, mut decoder) = (ScreenEncoder::new(config)?, VideoDecoder::new(VideoCodec::H264)?);
        let begin = MediaTime::now();
        let (mut at, mut free_at, mut begun) = (0.0, 0.0f64, cpu());
        println!("| sent after, s | bytes | there after, s | SSIM | CPU, ms |\n|---|---|---|---|---|");
        while at < 2.4 {
            source.capture = begin + Duration::from_secs_f64(at);
            for encoded in encoder.encode(&source, at == 0.0)? {
                let used = (cpu() - begun) * 1000.0;
                let bytes = encoded.data.len();
                free_at = free_at.max(at) + bytes as f64 * 8.0 / f64::from(bitrate);
                if let Some(seen) = decoder.decode(&encoded.data, source.capture)? {
                    println!("| {at:.2} | {bytes} | {free_at:.2} | {:.4} | {used:.0} |", ssim(&source, &seen));
                }
            }
            begun = cpu();
            // As the room does: the next part when it is due, what is whole five times a second.
            at = encoder.next_part().map_or(at + 0.2, |due| due.saturating_since(begin).as_secs_f64());
        }
        Ok(())
    }

    /// Takes what moves for three seconds, then encodes it for screens and for films and compares each picture.
    pub fn moves(bitrate: u32, fps: u32) -> Done {
        let (out, pictures) = latest::channel();
        let running = screen(1920, 1080)?.start(out)?;
        let (begin, period) = (MediaTime::now(), Duration::from_secs(1) / fps);
        let mut taken: Vec<VideoFrame> = Vec::new();
        while taken.len() < 3 * fps as usize {
            let picture = pictures.recv_timeout(Duration::from_secs(10))?;
            if picture.capture.saturating_since(begin) + period / 4 >= period * taken.len() as u32 {
                taken.push(picture);
            }
        }
        running.stop();
        println!("| encoded as | kbit/s | SSIM, mean | last second | CPU a picture, ms |\n|---|---|---|---|---|");
        for content in [Content::Screen, Content::Film] {
            let config = EncoderConfig { content, fps, ..EncoderConfig::new(1920, 1080, bitrate) };
            let (mut encoder, mut decoder) = (ScreenEncoder::new(config)?, VideoDecoder::new(VideoCodec::H264)?);
            let (mut bytes, mut used, mut alike) = (0, 0.0, Vec::new());
            for (n, picture) in taken.iter_mut().enumerate() {
                picture.capture = begin + period * n as u32;
                let before = cpu();
                let encoded = encoder.encode(picture, n == 0)?;
                used += cpu() - before;
                for encoded in encoded {
                    bytes += encoded.data.len();
                    if let Some(seen) = decoder.decode(&encoded.data, picture.capture)? {
                        alike.push(ssim(picture, &seen));
                    }
                }
            }
            let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
            println!(
                "| {content:?} | {:.0} | {:.3} | {:.3} | {:.1} |",
                bytes as f64 * 8.0 / 3000.0,
                mean(&alike),
                mean(&alike[alike.len().saturating_sub(fps as usize)..]),
                used * 1000.0 / taken.len() as f64
            );
        }
        Ok(())
    }
}
