//! Draws one tile: picture or avatar, then the signs over it.

use std::sync::Arc;

use super::{
    canvas::Surface,
    icons::{self, Icon, Icons},
    picture::{Fit, PicturePainter},
    scene::{Language, Quality, TileState, TileView, Words},
    text::{self, Label, Labels, Style},
    theme::{Rgb, Theme},
};
use crate::layout::{Rect, TileKind, TileRole};

/// Positions of the spinner in one turn.
pub(super) const SPINNER_STEPS: u32 = 12;

/// Measures in physical pixels for one scale and tile.
struct Metrics {
    scale: f32,
    /// Smaller signs on small tiles.
    small: bool,
    radius: f32,
    inset: i32,
    plate: u32,
    text: f32,
    icon: u32,
}

impl Metrics {
    fn of(rect: Rect, role: TileRole, scale: f32) -> Self {
        let px = |v: f32| (v * scale).round();
        let small = (rect.w as f32) < 320.0 * scale;
        Self {
            scale,
            small,
            radius: radius(role, scale),
            inset: px(if small { 7.0 } else { 14.0 }) as i32,
            plate: px(if small { 22.0 } else { 30.0 }) as u32,
            text: if small { 12.0 } else { 15.0 } * scale,
            icon: px(if small { 13.0 } else { 16.0 }) as u32,
        }
    }

    fn px(&self, v: f32) -> i32 {
        (v * self.scale).round() as i32
    }
}

/// Radius of a tile's corners in physical pixels.
pub(super) fn radius(role: TileRole, scale: f32) -> f32 {
    match role {
        TileRole::FullStage => 0.0,
        TileRole::Stage | TileRole::Side => 12.0 * scale,
        TileRole::Pip => 10.0 * scale,
    }
}

/// The opaque square in which a spinner turns, so that a turn repaints nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SpinnerSpot {
    pub rect: Rect,
    pub ground: Rgb,
    pub ink: Rgb,
}

/// What all tiles share while they are drawn.
pub(super) struct Brush<'a> {
    pub theme: Theme,
    pub language: Language,
    pub scale: f32,
    pub labels: &'a mut Labels,
    pub icons: &'a mut Icons,
    pub phase: u32,
}

impl Brush<'_> {
    /// Draws the tile into `rect`, which must lie inside the surface. Returns where a spinner turns, if one does.
    pub fn tile(
        &mut self,
        to: &mut Surface<'_>,
        rect: Rect,
        role: TileRole,
        view: Option<&TileView>,
        painter: &mut PicturePainter,
    ) -> Option<SpinnerSpot> {
        let m = Metrics::of(rect, role, self.scale);
        let Some(view) = view else {
            to.fill(rect, self.theme.tile);
            to.cut_corners(rect, m.radius, self.theme.ground);
            return None;
        };
        let words = self.language.words();
        let pictured = self.picture(to, rect, view, painter);
        let spot = if pictured && view.state == TileState::Live {
            None
        } else {
            self.centre(to, rect, &m, view, pictured, &words)
        };
        self.plate(to, rect, &m, view, &words);
        if view.synthetic || view.frame.as_ref().is_some_and(|f| f.synthetic && pictured) {
            self.badge(to, rect, &m, &words);
        }
        // The picture in the picture gets its corners when it is laid over the stage.
        if role != TileRole::Pip {
            to.cut_corners(rect, m.radius, self.theme.ground);
        }
        if view.speaking && !view.muted && matches!(view.state, TileState::Live | TileState::CameraOff) {
            to.round_frame(rect, m.radius, 3.0 * m.scale, self.theme.accent, role == TileRole::Pip);
        } else if role == TileRole::Pip {
            to.round_frame(rect, m.radius, 1.5 * m.scale, self.theme.outline, true);
        }
        spot
    }

    /// Turns the spinner one step without touching the rest of the tile.
    pub fn turn_spinner(&self, to: &mut Surface<'_>, spot: SpinnerSpot) {
        to.fill(spot.rect, spot.ground);
        let spinner = icons::spinner(spot.rect.w, self.phase, SPINNER_STEPS);
        to.stencil(&spinner, spot.rect.x, spot.rect.y, spot.ink, 255);
    }

    /// Draws the picture, if one is to be seen; says whether it did.
    fn picture(&self, to: &mut Surface<'_>, rect: Rect, view: &TileView, painter: &mut PicturePainter) -> bool {
        let wanted = matches!(view.state, TileState::Live | TileState::Reconnecting);
        let frame = view.frame.as_ref().filter(|_| wanted);
        let Some(frame) = frame else {
            to.fill(rect, self.theme.tile);
            return false;
        };
        // A test card's bar code must be readable from the screen, so nothing of it is cropped.
        let whole = view.kind == TileKind::Screen || view.synthetic || frame.synthetic;
        let how = if whole { Fit::Contain } else { Fit::Cover };
        let drawn = painter.draw(to, rect, frame, how, view.mirror);
        if drawn.is_empty() {
            to.fill(rect, self.theme.tile);
            return false;
        }
        let beside = if whole { self.theme.letterbox } else { self.theme.tile };
        for bar in around(rect, drawn) {
            to.fill(bar, beside);
        }
        if view.state == TileState::Reconnecting {
            to.tint(rect, self.theme.plate, 150);
        }
        true
    }

    /// The avatar, and what is going on, in the middle of the tile.
    fn centre(
        &mut self,
        to: &mut Surface<'_>,
        rect: Rect,
        m: &Metrics,
        view: &TileView,
        pictured: bool,
        words: &Words,
    ) -> Option<SpinnerSpot> {
        let word = match view.state {
            TileState::Live | TileState::Connecting => Some(words.connecting),
            TileState::Reconnecting => Some(words.reconnecting),
            TileState::Ended if view.kind == TileKind::Screen => Some(words.screen_ended),
            TileState::Ended => Some(words.ended),
            TileState::CameraOff => None,
        };
        let spins = !matches!(view.state, TileState::Ended | TileState::CameraOff);
        let side = rect.w.min(rect.h) as f32;
        let avatar = !pictured && view.kind == TileKind::Camera;
        let disc = if avatar { (side * 0.36).min(144.0 * m.scale).round() as u32 & !1 } else { 0 };
        let pill_h = if word.is_some() { m.px(if m.small { 24.0 } else { 34.0 }) } else { 0 };
        let between = if avatar && word.is_some() { m.px(if m.small { 7.0 } else { 16.0 }) } else { 0 };
        let middle_x = rect.x + rect.w as i32 / 2;
        let mut y = rect.y + (rect.h as i32 - disc as i32 - between - pill_h) / 2;
        // The name plate of a low tile needs its place.
        if m.small && word.is_some() {
            y = y.min(rect.bottom() - m.inset - m.plate as i32 - pill_h - between - disc as i32).max(rect.y + 2);
        }
        if avatar && disc >= 12 {
            self.avatar(to, view, middle_x - disc as i32 / 2, y, disc);
        }
        y += disc as i32 + between;
        let word = word?;
        let pad = m.px(if m.small { 8.0 } else { 14.0 });
        let spinner = if spins { m.px(if m.small { 14.0 } else { 18.0 }) as u32 } else { 0 };
        let gap = if spins { m.px(if m.small { 6.0 } else { 9.0 }) } else { 0 };
        let room = rect.w as i32 - 2 * m.inset - 2 * pad - spinner as i32 - gap;
        let style =
            Style { size: if m.small { 12.0 } else { 15.0 } * m.scale, bold: false, color: self.theme.pill_text };
        // On a tile too narrow for the words the spinner alone must do.
        let label = if room > m.px(40.0) { self.labels.get(word, style, room as u32) } else { None };
        if label.is_none() && !spins {
            return None;
        }
        let text_w = label.as_ref().map_or(0, |l| l.w as i32);
        let gap = if label.is_some() { gap } else { 0 };
        let w = 2 * pad + spinner as i32 + gap + text_w;
        let pill = Rect::new(middle_x - w / 2, y, w.max(1) as u32, pill_h as u32).intersection(&rect);
        to.round_rect(pill, pill.h as f32 / 2.0, self.theme.pill, 255);
        let mut x = pill.x + pad;
        let spot = spins.then(|| {
            let at = Rect::new(x, pill.y + (pill.h as i32 - spinner as i32) / 2, spinner, spinner);
            SpinnerSpot { rect: at.intersection(&rect), ground: self.theme.pill, ink: self.theme.accent }
        });
        let spot = spot.filter(|s| s.rect.w == s.rect.h && !s.rect.is_empty());
        if let Some(spot) = spot {
            self.turn_spinner(to, spot);
        }
        x += spinner as i32 + gap;
        if let Some(label) = label {
            lay_centred(to, &label, x, pill);
        }
        spot
    }

    fn avatar(&mut self, to: &mut Surface<'_>, view: &TileView, x: i32, y: i32, disc: u32) {
        let hash = view.name.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
        let color = self.theme.avatars[hash as usize % self.theme.avatars.len()];
        let alpha = if view.state == TileState::CameraOff { 255 } else { 150 };
        to.stencil(&self.icons.get(Icon::Disc, disc), x, y, color, alpha);
        let style = Style { size: disc as f32 * 0.46, bold: true, color: self.theme.avatar_text };
        if let Some(letter) = self.labels.get(&text::initial(&view.name), style, disc) {
            // Centred by its ink: a line's box has room for tails the letter does not have.
            let (left, top, right, bottom) = ink_box(&letter);
            let (cx, cy) = (x + disc as i32 / 2, y + disc as i32 / 2);
            let at = (cx - (left + right) as i32 / 2, cy - (top + bottom) as i32 / 2);
            to.lay(&letter.pixels, letter.w, letter.h, at.0, at.1);
        }
    }

    /// Name, muted microphone and connection at the bottom left.
    fn plate(&mut self, to: &mut Surface<'_>, rect: Rect, m: &Metrics, view: &TileView, words: &Words) {
        if rect.h < m.plate + 2 * m.inset as u32 {
            return;
        }
        let theme = self.theme;
        let pad = m.px(if m.small { 7.0 } else { 11.0 });
        let gap = m.px(if m.small { 4.0 } else { 6.0 });
        let screen = view.kind == TileKind::Screen;
        let sign = if screen {
            Some((Icon::Screen, theme.plate_dim))
        } else {
            view.muted.then_some((Icon::MicOff, theme.alert))
        };
        let (bars, bar_color) = match view.quality {
            Quality::Unknown => (0, theme.plate_dim),
            Quality::Good => (3, theme.plate_dim),
            Quality::Fair => (2, theme.notice),
            Quality::Poor => (1, theme.alert),
        };
        let ended = view.state == TileState::Ended;
        let bars = if ended { 0 } else { bars };
        let icons_w = if sign.is_some() { m.icon as i32 } else { 0 } + if bars > 0 { m.icon as i32 } else { 0 };
        let room = rect.w as i32 - 2 * m.inset - 2 * pad - icons_w - 2 * gap;
        let name = if screen {
            let (before, after) = words.screen_of;
            format!("{before}{}{after}", view.name)
        } else if view.own {
            format!("{}{}", view.name, words.me)
        } else {
            view.name.to_string()
        };
        let style = Style { size: m.text, bold: false, color: theme.plate_text };
        let label = if room > m.px(24.0) { self.labels.get(&name, style, room as u32) } else { None };
        let parts =
            [sign.map(|_| m.icon as i32), label.as_ref().map(|l| l.w as i32), (bars > 0).then_some(m.icon as i32)];
        let count = parts.iter().flatten().count() as i32;
        if count == 0 {
            return;
        }
        let w = 2 * pad + parts.iter().flatten().sum::<i32>() + gap * (count - 1);
        let plate = Rect::new(rect.x + m.inset, rect.bottom() - m.inset - m.plate as i32, w as u32, m.plate);
        to.round_rect(plate, m.plate as f32 / 2.0, theme.plate, theme.plate_alpha);
        let icon_y = plate.y + (plate.h as i32 - m.icon as i32) / 2;
        let mut x = plate.x + pad;
        if let Some((icon, color)) = sign {
            to.stencil(&self.icons.get(icon, m.icon), x, icon_y, color, 255);
            x += m.icon as i32 + gap;
        }
        if let Some(label) = label {
            lay_centred(to, &label, x, plate);
            x += label.w as i32 + gap;
        }
        if bars > 0 {
            for n in 0..3 {
                let lit = n < bars;
                let color = if lit { bar_color } else { theme.plate_dim };
                to.stencil(&self.icons.get(Icon::Bar(n), m.icon), x, icon_y, color, if lit { 255 } else { 90 });
            }
        }
    }

    /// "Synthetic source" above the name: a test card has its bar code at the top.
    fn badge(&mut self, to: &mut Surface<'_>, rect: Rect, m: &Metrics, words: &Words) {
        let theme = self.theme;
        let pad = m.px(if m.small { 6.0 } else { 10.0 });
        let h = m.px(if m.small { 19.0 } else { 26.0 });
        let word = if m.small { words.synthetic_short } else { words.synthetic };
        let room = rect.w as i32 - 2 * m.inset - 2 * pad;
        // Two signs need two places.
        if room < m.px(24.0) || (rect.h as i32) < h + m.plate as i32 + 3 * m.inset {
            return;
        }
        let style = Style { size: if m.small { 11.0 } else { 13.0 } * m.scale, bold: false, color: theme.notice };
        let Some(label) = self.labels.get(word, style, room as u32) else { return };
        let y = rect.bottom() - m.inset - m.plate as i32 - m.inset / 2 - h;
        let at = Rect::new(rect.x + m.inset, y, label.w + 2 * pad as u32, h as u32);
        to.round_rect(at, h as f32 / 2.0, theme.plate, theme.plate_alpha);
        lay_centred(to, &label, at.x + pad, at);
    }
}

fn lay_centred(to: &mut Surface<'_>, label: &Arc<Label>, x: i32, within: Rect) {
    to.lay(&label.pixels, label.w, label.h, x, within.y + (within.h as i32 - label.h as i32) / 2);
}

/// Left, top, right and bottom of what can be seen of a label.
fn ink_box(label: &Label) -> (u32, u32, u32, u32) {
    let (mut left, mut top, mut right, mut bottom) = (label.w, label.h, 0, 0);
    for (i, p) in label.pixels.iter().enumerate() {
        if p[3] > 40 {
            let (x, y) = (i as u32 % label.w, i as u32 / label.w);
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
    }
    if right == 0 { (0, 0, label.w, label.h) } else { (left, top, right, bottom) }
}

/// The bars of `outer` that `inner` (inside it) leaves free.
fn around(outer: Rect, inner: Rect) -> [Rect; 4] {
    let side_h = inner.h;
    [
        Rect::new(outer.x, outer.y, outer.w, (inner.y - outer.y) as u32),
        Rect::new(outer.x, inner.bottom(), outer.w, (outer.bottom() - inner.bottom()) as u32),
        Rect::new(outer.x, inner.y, (inner.x - outer.x) as u32, side_h),
        Rect::new(inner.right(), inner.y, (outer.right() - inner.right()) as u32, side_h),
    ]
}
