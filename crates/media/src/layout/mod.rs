//! Where pictures go.
//!
//! [`layout`] is a pure function from "who is here, how big is the area" to integer rectangles. The stage in the
//! window, the local recording, the live program and hit-testing all read the same result, so what is clicked is
//! what is seen and what is recorded is what was shown.
//!
//! One tile is large, the *stage*: the screen somebody shares, else the tile the user has brought to the front,
//! else the first camera that is not our own. The others are small, in a column beside it, or in a row below it
//! when the area is taller than wide. Two people in a `1v1` room get the whole area for the other one and their
//! own preview as a picture in the picture. Nothing else ever overlaps.

use std::{fmt, str::FromStr};

#[cfg(test)]
mod tests;

/// Space between tiles and to the edge of the area, in logical pixels.
const GAP: f32 = 8.0;
/// Distance of the picture in the picture from the edges of the area, in logical pixels.
const PIP_MARGIN: f32 = 16.0;
/// Smallest side tile still worth drawing, in logical pixels; what would be smaller is hidden.
const SIDE_MIN: (f32, f32) = (56.0, 48.0);
/// Part of the area's long side given to the side tiles, cameras only.
const SIDE_SHARE: f32 = 0.22;
/// The same while a screen is shown: text wants every pixel it can get.
const SIDE_SHARE_SCREEN: f32 = 0.17;
/// Narrowest and widest shape (width / height) a side tile may take to fill its column or row.
const SIDE_ASPECT: (f32, f32) = (3.0 / 4.0, 16.0 / 9.0);

/// A rectangle in whole physical pixels, origin at the top left of the picture area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Top edge.
    pub y: i32,
    /// Width; 0 means empty.
    pub w: u32,
    /// Height; 0 means empty.
    pub h: u32,
}

impl Rect {
    /// A rectangle from its left top corner and size.
    pub const fn new(x: i32, y: i32, w: u32, h: u32) -> Self {
        Self { x, y, w, h }
    }

    /// First column right of the rectangle.
    pub const fn right(&self) -> i32 {
        self.x + self.w as i32
    }

    /// First row below the rectangle.
    pub const fn bottom(&self) -> i32 {
        self.y + self.h as i32
    }

    /// Whether it covers no pixel.
    pub const fn is_empty(&self) -> bool {
        self.w == 0 || self.h == 0
    }

    /// Whether the pixel at (`x`, `y`) belongs to it.
    pub const fn contains(&self, x: i32, y: i32) -> bool {
        x >= self.x && y >= self.y && x < self.right() && y < self.bottom()
    }

    /// The pixels both have; empty where they have none.
    pub fn intersection(&self, other: &Rect) -> Rect {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let w = (self.right().min(other.right()) - x).max(0) as u32;
        let h = (self.bottom().min(other.bottom()) - y).max(0) as u32;
        if w == 0 || h == 0 { Rect::default() } else { Rect { x, y, w, h } }
    }

    /// Whether they share a pixel.
    pub fn overlaps(&self, other: &Rect) -> bool {
        !self.intersection(other).is_empty()
    }
}

/// How many people the room is made for, as the page asked for it: `1v1` … `1v4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Template {
    /// Two people: the other one large, oneself as picture in picture.
    #[default]
    OneVsOne,
    /// One large, two small.
    OneVsTwo,
    /// One large, three small.
    OneVsThree,
    /// One large, four small.
    OneVsFour,
}

impl Template {
    /// People the template has places for, the large one included: 2 … 5.
    pub const fn seats(self) -> usize {
        match self {
            Self::OneVsOne => 2,
            Self::OneVsTwo => 3,
            Self::OneVsThree => 4,
            Self::OneVsFour => 5,
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1v{}", self.seats() - 1)
    }
}

/// A template name that is none of `1v1`, `1v2`, `1v3`, `1v4`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown template {0:?}: expected 1v1, 1v2, 1v3 or 1v4")]
pub struct UnknownTemplate(pub String);

impl FromStr for Template {
    type Err = UnknownTemplate;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(match s {
            "1v1" => Self::OneVsOne,
            "1v2" => Self::OneVsTwo,
            "1v3" => Self::OneVsThree,
            "1v4" => Self::OneVsFour,
            other => return Err(UnknownTemplate(other.chars().take(32).collect())),
        })
    }
}

/// Names one tile for as long as it is on the stage. The session hands the numbers out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId(pub u64);

/// What a tile shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileKind {
    /// A person: the picture may be cropped to fill the tile.
    Camera,
    /// A shared screen or window: every pixel must stay visible.
    Screen,
}

/// One thing to place, in the order of importance (the anchor or creator first).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileSpec {
    /// Which tile.
    pub id: TileId,
    /// Person or screen.
    pub kind: TileKind,
    /// Whether it is our own picture.
    pub own: bool,
}

/// Everything [`layout`] looks at.
#[derive(Clone, Debug)]
pub struct LayoutRequest<'a> {
    /// The room's template.
    pub template: Template,
    /// What is to be shown, most important first, each id once. Tiles beyond the template's seats are placed too while they fit.
    pub tiles: &'a [TileSpec],
    /// A tile the user brought to the front; ignored when it is not among `tiles`.
    pub focus: Option<TileId>,
    /// Size of the picture area in physical pixels.
    pub size: (u32, u32),
    /// Physical pixels per logical pixel: 1.0 on an ordinary screen, 2.0 on a high-density one.
    pub scale: f32,
}

/// The part a tile plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileRole {
    /// The large one, with space around it.
    Stage,
    /// The large one, filling the whole area from edge to edge.
    FullStage,
    /// A small one beside or below the stage.
    Side,
    /// The small one over the stage: the only overlap there is.
    Pip,
}

/// One placed tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileRect {
    /// Which tile.
    pub tile_id: TileId,
    /// Where it lies.
    pub rect: Rect,
    /// What part it plays.
    pub role: TileRole,
}

/// Where everything goes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Layout {
    /// The area this was made for, in physical pixels.
    pub size: (u32, u32),
    /// Placed tiles in painting order: a later one lies over an earlier one.
    pub tiles: Vec<TileRect>,
    /// Tiles for which there was no room.
    pub hidden: Vec<TileId>,
}

impl Layout {
    /// The tile at a pixel, the topmost where two overlap.
    pub fn hit(&self, x: i32, y: i32) -> Option<TileId> {
        self.tiles.iter().rev().find(|t| t.rect.contains(x, y)).map(|t| t.tile_id)
    }

    /// The rectangle of one tile, if it is placed.
    pub fn rect_of(&self, id: TileId) -> Option<Rect> {
        self.tiles.iter().find(|t| t.tile_id == id).map(|t| t.rect)
    }
}

/// Places the tiles. Every rectangle lies within `size`, has at least one pixel, and overlaps no other, except
/// for [`TileRole::Pip`] over the full stage. The same request always gives the same result.
pub fn layout(request: &LayoutRequest<'_>) -> Layout {
    let (width, height) = (request.size.0.min(1 << 15), request.size.1.min(1 << 15));
    let mut out = Layout { size: (width, height), ..Layout::default() };
    let Some(stage) = stage_of(request) else { return out };
    if width == 0 || height == 0 {
        out.hidden = request.tiles.iter().map(|t| t.id).collect();
        return out;
    }
    let area = Rect::new(0, 0, width, height);
    let scale = if request.scale.is_finite() { request.scale.clamp(0.25, 8.0) } else { 1.0 };
    // Others before oneself: the own preview is the least interesting picture to its owner.
    let mut others: Vec<&TileSpec> = request.tiles.iter().filter(|t| t.id != stage.id).collect();
    others.sort_by_key(|t| t.own);

    let screen = stage.kind == TileKind::Screen;
    match others.as_slice() {
        [] => out.tiles.push(TileRect { tile_id: stage.id, rect: area, role: TileRole::FullStage }),
        [small] if request.template == Template::OneVsOne && !screen => {
            out.tiles.push(TileRect { tile_id: stage.id, rect: area, role: TileRole::FullStage });
            match pip(area, scale) {
                Some(rect) => out.tiles.push(TileRect { tile_id: small.id, rect, role: TileRole::Pip }),
                None => out.hidden.push(small.id),
            }
        }
        _ => beside(&mut out, area, stage, &others, scale),
    }
    out
}

/// The tile that gets the large place.
fn stage_of(request: &LayoutRequest<'_>) -> Option<TileSpec> {
    let tiles = request.tiles;
    let focused = request.focus.and_then(|id| tiles.iter().find(|t| t.id == id));
    let find = |kind, own| tiles.iter().find(|t| t.kind == kind && t.own == own);
    focused
        .or_else(|| find(TileKind::Screen, false))
        // Our own shared screen never takes the stage by itself: it would show the stage within the stage.
        .or_else(|| find(TileKind::Camera, false))
        .or_else(|| find(TileKind::Camera, true))
        .or_else(|| tiles.first())
        .copied()
}

/// The picture in the picture: at the bottom right, upright in an upright area.
fn pip(area: Rect, scale: f32) -> Option<Rect> {
    let (aw, ah) = (area.w as f32, area.h as f32);
    let margin = (PIP_MARGIN * scale).min(aw.min(ah) * 0.05);
    let (w, h) = if aw >= ah {
        let w = (aw * 0.22).clamp(120.0 * scale, 320.0 * scale).min(aw * 0.4).min(ah * 0.4 * 16.0 / 9.0);
        (w, w * 9.0 / 16.0)
    } else {
        let w = (aw * 0.28).clamp(84.0 * scale, 220.0 * scale).min(aw * 0.4);
        (w, w * 4.0 / 3.0)
    };
    if w < SIDE_MIN.0 * scale || h < SIDE_MIN.1 * scale * 0.8 {
        return None;
    }
    let (w, h, margin) = (w.round() as u32, h.round() as u32, margin.round() as i32);
    let rect = Rect::new(area.right() - margin - w as i32, area.bottom() - margin - h as i32, w, h);
    (rect.x >= 0 && rect.y >= 0).then_some(rect)
}

/// The stage and a column (or, in an upright area, a row) of small tiles.
fn beside(out: &mut Layout, area: Rect, stage: TileSpec, others: &[&TileSpec], scale: f32) {
    let share = if stage.kind == TileKind::Screen { SIDE_SHARE_SCREEN } else { SIDE_SHARE };
    let gap = ((GAP * scale).round() as i32).max(1);
    let upright = (area.w as f32) < area.h as f32 * 1.1;
    let inner_w = area.w as i32 - 2 * gap;
    let inner_h = area.h as i32 - 2 * gap;
    // Along the strip, and across it.
    let (along, across) = if upright { (inner_w, inner_h) } else { (inner_h, inner_w) };
    let (min_along, min_across, cap) = if upright {
        (SIDE_MIN.0 * scale, SIDE_MIN.1 * scale, 240.0 * scale)
    } else {
        (SIDE_MIN.1 * scale, SIDE_MIN.0 * scale, 420.0 * scale)
    };
    let fits = ((along + gap) as f32 / (min_along + gap as f32)).floor().max(0.0) as usize;
    let shown = others.len().min(fits);
    // Each small tile takes an equal part of the strip, within shapes a face looks well in.
    let room = (along - gap * (shown as i32 - 1)) as f32 / shown.max(1) as f32;
    let (narrowest, widest) = if upright { SIDE_ASPECT } else { (1.0 / SIDE_ASPECT.1, 1.0 / SIDE_ASPECT.0) };
    // A crowded strip becomes thinner rather than its tiles flatter, and the stage gains what it loses.
    let wished = (across as f32 * share).clamp(min_across * 1.5, cap);
    let thick = wished.min((room / narrowest).max(min_across)).round() as i32;
    // An area too small for a strip belongs to the stage alone.
    if shown == 0 || across - thick - gap < thick {
        out.tiles.push(TileRect { tile_id: stage.id, rect: area, role: TileRole::FullStage });
        out.hidden.extend(others.iter().map(|t| t.id));
        return;
    }
    let stage_rect = if upright {
        Rect::new(gap, gap, inner_w as u32, (inner_h - thick - gap) as u32)
    } else {
        Rect::new(gap, gap, (inner_w - thick - gap) as u32, inner_h as u32)
    };
    out.tiles.push(TileRect { tile_id: stage.id, rect: stage_rect, role: TileRole::Stage });

    let wanted = room.min(thick as f32 * widest);
    let step = wanted + gap as f32;
    let used = step * shown as f32 - gap as f32;
    let start = gap as f32 + (along as f32 - used).max(0.0) / 2.0;
    for (i, tile) in others[..shown].iter().enumerate() {
        let from = (start + step * i as f32).round() as i32;
        let to = ((start + step * i as f32 + wanted).round() as i32).min(gap + along);
        let rect = if upright {
            Rect::new(from, stage_rect.bottom() + gap, (to - from) as u32, thick as u32)
        } else {
            Rect::new(stage_rect.right() + gap, from, thick as u32, (to - from) as u32)
        };
        out.tiles.push(TileRect { tile_id: tile.id, rect, role: TileRole::Side });
    }
    out.hidden.extend(others[shown..].iter().map(|t| t.id));
}
