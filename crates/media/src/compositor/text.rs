//! Words on the stage.
//!
//! Shaping and rasterising happen once for each text, size, colour and width; what is drawn on every frame is the
//! finished bitmap. Fonts are the system's, loaded once in the process, with fallback to Noto CJK, PingFang or
//! YaHei for Chinese and to colour emoji.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use cosmic_text::{
    Attrs, Buffer, Ellipsize, EllipsizeHeightLimit, Family, FontSystem, Metrics, Shaping, SwashCache, SwashContent,
    Weight, Wrap,
};
use parking_lot::Mutex;

use super::theme::Rgb;

/// Longest text ever shaped, in characters: names come from outside.
const LONGEST: usize = 80;
/// Labels kept before the store is emptied and filled anew by what is in use.
const KEPT: usize = 256;
/// First of these that is installed writes the labels; its Latin letters match the Chinese ones beside them.
const FAMILIES: [&str; 9] = [
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei UI",
    "Microsoft YaHei",
    "Segoe UI",
    "Noto Sans",
    "Cantarell",
    "DejaVu Sans",
];

struct Fonts {
    system: FontSystem,
    glyphs: SwashCache,
    family: Option<&'static str>,
}

static FONTS: OnceLock<Mutex<Fonts>> = OnceLock::new();

fn fonts() -> &'static Mutex<Fonts> {
    FONTS.get_or_init(|| {
        let system = FontSystem::new();
        let installed = |family: &str| system.db().faces().any(|f| f.families.iter().any(|(name, _)| name == family));
        let family = FAMILIES.into_iter().find(|f| installed(f));
        Mutex::new(Fonts { system, glyphs: SwashCache::new(), family })
    })
}

/// Loads the system's fonts, some tens of milliseconds the first time in a process. Calling it from a thread of its
/// own at start keeps that time away from the first picture.
pub fn load_fonts() {
    drop(fonts().lock());
}

/// A finished piece of text.
pub(super) struct Label {
    pub w: u32,
    pub h: u32,
    /// Premultiplied BGRA, row by row.
    pub pixels: Vec<[u8; 4]>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    text: Arc<str>,
    size: u32,
    bold: bool,
    color: Rgb,
    max_width: u32,
}

/// How a text is to look.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Height of the letters' em square in physical pixels.
    pub size: f32,
    pub bold: bool,
    pub color: Rgb,
}

/// Makes and keeps labels.
#[derive(Default)]
pub(super) struct Labels {
    made: HashMap<Key, Arc<Label>>,
    /// Labels shaped so far.
    pub shaped: u64,
}

impl Labels {
    /// The bitmap of `text`, cut with an ellipsis at `max_width` physical pixels. `None` when nothing would show.
    pub fn get(&mut self, text: &str, style: Style, max_width: u32) -> Option<Arc<Label>> {
        // Widths in steps, so that a window being resized does not shape anew for every pixel.
        let max_width = max_width / 4 * 4;
        if max_width < 8 || text.is_empty() || style.size < 4.0 {
            return None;
        }
        let key = Key {
            text: tame(text),
            size: (style.size * 4.0).round() as u32,
            bold: style.bold,
            color: style.color,
            max_width,
        };
        if let Some(label) = self.made.get(&key) {
            return (label.w > 0).then(|| label.clone());
        }
        if self.made.len() >= KEPT {
            self.made.clear();
        }
        let label = Arc::new(shape(&key, style));
        self.shaped += 1;
        self.made.insert(key, label.clone());
        (label.w > 0).then_some(label)
    }
}

/// One line of bounded length, without control characters and without marks that turn the direction of what
/// follows (a name must not rearrange the words around it).
fn tame(text: &str) -> Arc<str> {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unfit = |c: char| c.is_control() || turns(c) || matches!(c, '\u{2028}' | '\u{2029}');
    if text.len() <= LONGEST && !text.chars().any(unfit) {
        return text.into();
    }
    text.chars().take(LONGEST).map(|c| if unfit(c) { ' ' } else { c }).collect::<String>().into()
}

fn shape(key: &Key, style: Style) -> Label {
    let mut fonts = fonts().lock();
    let Fonts { system, glyphs, family } = &mut *fonts;
    // A machine without any font shows pictures without words.
    if system.db().is_empty() {
        return Label { w: 0, h: 0, pixels: Vec::new() };
    }
    let line = (style.size * 1.3).ceil();
    let mut buffer = Buffer::new(system, Metrics::new(style.size, line));
    buffer.set_wrap(Wrap::None);
    buffer.set_ellipsize(Ellipsize::End(EllipsizeHeightLimit::Lines(1)));
    buffer.set_size(Some(key.max_width as f32), Some(line));
    let weight = if key.bold { Weight::BOLD } else { Weight::MEDIUM };
    let attrs = Attrs::new().family(family.map_or(Family::SansSerif, Family::Name)).weight(weight);
    buffer.set_text(&key.text, &attrs, Shaping::Advanced, None);
    buffer.shape_until_scroll(system, false);

    let mut width = 0.0f32;
    let mut found = Vec::new();
    for run in buffer.layout_runs().take(1) {
        width = run.line_w;
        for glyph in run.glyphs {
            found.push(glyph.physical((0.0, run.line_y), 1.0));
        }
    }
    let (w, h) = ((width.ceil() as u32 + 1).min(key.max_width + 1), line as u32);
    if found.is_empty() || width <= 0.0 {
        return Label { w: 0, h: 0, pixels: Vec::new() };
    }
    let mut pixels = vec![[0u8; 4]; (w * h) as usize];
    let ink = style.color.bgra();
    for glyph in found {
        let Some(image) = glyphs.get_image(system, glyph.cache_key) else { continue };
        let (left, top) = (glyph.x + image.placement.left, glyph.y - image.placement.top);
        let (gw, gh) = (image.placement.width as usize, image.placement.height as usize);
        for gy in 0..gh {
            for gx in 0..gw {
                let (x, y) = (left + gx as i32, top + gy as i32);
                if x < 0 || y < 0 || x >= w as i32 || y >= h as i32 {
                    continue;
                }
                let source = match image.content {
                    SwashContent::Mask => over(ink, image.data[gy * gw + gx]),
                    SwashContent::SubpixelMask => over(ink, image.data[(gy * gw + gx) * 4 + 1]),
                    SwashContent::Color => {
                        let at = (gy * gw + gx) * 4;
                        let [r, g, b, a] = [image.data[at], image.data[at + 1], image.data[at + 2], image.data[at + 3]];
                        over([b, g, r, 255], a)
                    }
                };
                let p = &mut pixels[y as usize * w as usize + x as usize];
                let rest = 255 - u32::from(source[3]);
                for i in 0..4 {
                    p[i] = (u32::from(source[i]) + u32::from(p[i]) * rest / 255).min(255) as u8;
                }
            }
        }
    }
    Label { w, h, pixels }
}

/// A colour at a given cover, premultiplied.
fn over(c: [u8; 4], a: u8) -> [u8; 4] {
    let m = |v: u8| ((u32::from(v) * u32::from(a) + 127) / 255) as u8;
    [m(c[0]), m(c[1]), m(c[2]), a]
}

/// The letter that stands for a person: the first letter or digit of the name, in upper case.
pub(super) fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "·".to_owned(), |c| c.to_uppercase().collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const STYLE: Style = Style { size: 16.0, bold: false, color: Rgb(255, 255, 255) };

    fn ink(l: &Label) -> usize {
        l.pixels.iter().filter(|p| p[3] > 64).count()
    }

    #[test]
    fn a_text_is_shaped_once_however_often_it_is_drawn() {
        let mut labels = Labels::default();
        for _ in 0..100 {
            labels.get("Anna", STYLE, 200).unwrap();
        }
        assert_eq!(labels.shaped, 1);
        labels.get("Anna", STYLE, 201).unwrap();
        assert_eq!(labels.shaped, 1, "a pixel more or less of room is no new label");
    }

    #[test]
    fn chinese_and_latin_leave_ink_within_their_width() {
        let mut labels = Labels::default();
        for text in ["Anna Müller", "王小明", "王 Anna 小明"] {
            let l = labels.get(text, STYLE, 400).unwrap();
            assert!(l.w > 20 && l.w < 200, "{text}: {}", l.w);
            assert!(ink(&l) > 60, "{text}: {}", ink(&l));
        }
    }

    #[test]
    fn different_chinese_letters_look_different_so_they_are_not_boxes() {
        let mut labels = Labels::default();
        let a = labels.get("王", STYLE, 100).unwrap();
        let b = labels.get("明", STYLE, 100).unwrap();
        assert_ne!(a.pixels, b.pixels);
    }

    #[test]
    fn a_long_name_ends_in_an_ellipsis_within_the_room_it_has() {
        let mut labels = Labels::default();
        let long = "Maximiliane von Hohenzollern-Sigmaringen of the Accounting Department";
        let l = labels.get(long, STYLE, 120).unwrap();
        assert!(l.w <= 121 && l.w > 80, "{}", l.w);
        let l = labels.get("中华人民共和国中华人民共和国中华人民共和国", STYLE, 120).unwrap();
        assert!(l.w <= 121 && l.w > 80, "{}", l.w);
    }

    #[test]
    fn names_from_outside_cannot_break_the_line_or_grow_without_bound() {
        let mut labels = Labels::default();
        let l = labels.get("a\nb\u{0}c\r", STYLE, 400).unwrap();
        assert!(l.h < 30);
        let l = labels.get(&"x".repeat(100_000), STYLE, 4000).unwrap();
        assert!(l.w < 1600, "{}", l.w);
        assert!(labels.get("", STYLE, 100).is_none());
        assert!(labels.get("   ", STYLE, 100).is_none_or(|l| ink(&l) == 0));
        assert!(labels.get("abc", STYLE, 3).is_none());
    }

    #[test]
    fn no_text_and_no_width_makes_the_shaper_panic() {
        let nasty: Vec<char> = "aB 1.-王明あ한ا\u{200e}ب\u{200f}ת\u{202e}\u{2066}\u{200d}\u{fe0f}\u{301}\u{20e3}👩🇨🇳🙂\u{0}\n\u{2028}\u{feff}\u{e000}\u{10ffff}𠀀(“"
            .chars()
            .collect();
        let mut labels = Labels::default();
        let mut seed = 7u32;
        let mut next = |n: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize % n
        };
        for _ in 0..1500 {
            let text: String = (0..next(24)).map(|_| nasty[next(nasty.len())]).collect();
            let style = Style { size: [11.0, 15.0, 60.0][next(3)], bold: next(2) == 0, ..STYLE };
            if let Some(l) = labels.get(&text, style, next(160) as u32) {
                assert_eq!(l.pixels.len(), (l.w * l.h) as usize, "{text:?}");
            }
        }
    }

    #[test]
    fn initials() {
        assert_eq!(initial("anna"), "A");
        assert_eq!(initial("王小明"), "王");
        assert_eq!(initial(" (x)"), "X");
        assert_eq!(initial(""), "·");
    }
}
