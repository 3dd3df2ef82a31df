//! Draws the picture area: pictures, names, signs.
//!
//! One [`Compositor`] draws one [`Scene`] again and again, either into a BGRA buffer that the caller owns and keeps
//! between calls (the stage in the window) or into an I420 frame (recording, live program). It remembers what it
//! drew and repaints only tiles that changed; [`Painted::dirty`] says which parts of the buffer are new.
//!
//! Costs on a frame: one conversion per changed picture (plus one scaling when the sizes differ), and small blends
//! for the signs. Text is shaped only when it changes.

mod canvas;
mod icons;
mod picture;
mod plate;
mod scaler;
mod scene;
mod text;
mod theme;
mod tile;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

pub use self::{
    canvas::{Surface, SurfaceError},
    plate::Plate,
    scene::{Language, Quality, Scene, TileState, TileView},
    text::load_fonts,
    theme::{Rgb, Theme},
};
use self::{icons::Icons, picture::PicturePainter, text::Labels, tile::Brush, tile::SpinnerSpot};
use crate::{
    clock::MediaTime,
    frame::{FramePool, VideoFrame},
    layout::{Rect, TileId, TileKind, TileRect, TileRole},
};

/// Why a scene was not drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The layout was made for another size than the surface has.
    #[error("the layout is for {layout:?} pixels but the surface has {surface:?}: lay out again after a resize")]
    SizeMismatch {
        /// Size the layout was made for.
        layout: (u32, u32),
        /// Size of the surface.
        surface: (u32, u32),
    },
    /// The finished picture could not be converted to I420.
    #[error("the composed {0:?} pixel picture could not be converted to I420: {1}")]
    Conversion((u32, u32), String),
}

/// What a call to [`Compositor::render`] did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Painted {
    /// Parts of the surface that are new; empty when nothing changed.
    pub dirty: Vec<Rect>,
    /// Whether something moves by itself: render again within [`Compositor::ANIMATION_STEP_MS`].
    pub animating: bool,
}

/// Everything that makes one tile's pixels, for comparison.
#[derive(Clone, PartialEq)]
struct Look {
    place: TileRect,
    /// Capture time, address and size of the picture.
    frame: Option<(MediaTime, usize, u32, u32)>,
    signs: Option<Signs>,
}

#[derive(Clone, PartialEq)]
struct Signs {
    name: Arc<str>,
    kind: TileKind,
    own: bool,
    mirror: bool,
    state: TileState,
    muted: bool,
    speaking: bool,
    synthetic: bool,
    quality: Quality,
}

impl Look {
    fn of(place: TileRect, view: Option<&TileView>) -> Self {
        let frame = view.and_then(|v| v.frame.as_ref());
        Self {
            place,
            frame: frame.map(|f| (f.capture, f.y().as_ptr() as usize, f.width(), f.height())),
            signs: view.map(|v| Signs {
                name: v.name.clone(),
                kind: v.kind,
                own: v.own,
                mirror: v.mirror,
                state: v.state,
                muted: v.muted,
                speaking: v.speaking,
                synthetic: v.synthetic || v.frame.as_ref().is_some_and(|f| f.synthetic),
                quality: v.quality,
            }),
        }
    }
}

/// What is kept of a tile between frames.
#[derive(Default)]
struct Kept {
    look: Option<Look>,
    painter: PicturePainter,
    spinner: Option<SpinnerSpot>,
    /// The picture in the picture, complete, to be laid over the stage whenever that is repainted.
    pip: Vec<u8>,
}

/// What all tiles depend on.
#[derive(Clone, Copy, PartialEq)]
struct Ground {
    size: (u32, u32),
    theme: Theme,
    language: Language,
    scale: f32,
}

/// Draws scenes; see the [module](self).
#[derive(Default)]
pub struct Compositor {
    labels: Labels,
    icons: Icons,
    tiles: HashMap<TileId, Kept>,
    placed: Vec<TileRect>,
    ground: Option<Ground>,
    phase: u32,
    /// The picture behind [`Compositor::render_frame`].
    own: Vec<u8>,
}

impl Compositor {
    /// Milliseconds between two steps of a spinner.
    pub const ANIMATION_STEP_MS: i64 = 83;

    /// A compositor that has drawn nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what was drawn: the next call repaints everything. To be called when the buffer given to
    /// [`render`](Self::render) is not the one of the last call, or was written to by somebody else.
    pub fn invalidate(&mut self) {
        self.ground = None;
    }

    /// Brings `surface`, which still holds what the last call left there, up to date.
    ///
    /// # Errors
    /// [`ComposeError::SizeMismatch`] when layout and surface differ in size; nothing is drawn then.
    pub fn render(
        &mut self,
        scene: &Scene<'_>,
        surface: &mut Surface<'_>,
        now: MediaTime,
    ) -> Result<Painted, ComposeError> {
        if scene.layout.size != surface.size() {
            return Err(ComposeError::SizeMismatch { layout: scene.layout.size, surface: surface.size() });
        }
        let scale = if scene.scale.is_finite() { scene.scale.clamp(0.25, 8.0) } else { 1.0 };
        let ground = Ground { size: surface.size(), theme: scene.theme, language: scene.language, scale };
        let everything = self.ground != Some(ground) || self.placed != scene.layout.tiles;
        let phase = (now.as_millis() / Self::ANIMATION_STEP_MS).rem_euclid(i64::from(tile::SPINNER_STEPS)) as u32;
        let turned = phase != self.phase;
        self.phase = phase;
        let mut painted = Painted::default();
        if everything {
            surface.fill(surface.bounds(), scene.theme.ground);
            painted.dirty.push(surface.bounds());
            self.tiles.retain(|id, _| scene.layout.tiles.iter().any(|t| t.tile_id == *id));
            self.placed.clone_from(&scene.layout.tiles);
            self.ground = Some(ground);
        }

        let views: Vec<Option<&TileView>> =
            self.placed.iter().map(|t| scene.tiles.iter().find(|v| v.id == t.tile_id)).collect();
        let looks: Vec<Look> = self.placed.iter().zip(&views).map(|(t, v)| Look::of(*t, *v)).collect();
        let changes = self.changes(&looks, everything, turned);

        let mut brush = Brush {
            theme: scene.theme,
            language: scene.language,
            scale,
            labels: &mut self.labels,
            icons: &mut self.icons,
            phase,
        };
        let mut stage_repainted: Option<Rect> = None;
        for ((look, view), change) in looks.into_iter().zip(views).zip(changes) {
            let place = look.place;
            let kept = self.tiles.entry(place.tile_id).or_default();
            let mut area = place.rect;
            if place.role == TileRole::Pip {
                let below = stage_repainted.is_some_and(|r| r.overlaps(&area));
                if change == Change::None && !below {
                    painted.animating |= kept.spinner.is_some();
                    continue;
                }
                let at = Rect::new(0, 0, area.w, area.h);
                kept.pip.resize(area.w as usize * area.h as usize * 4, 0);
                if let Ok(mut canvas) = Surface::new(&mut kept.pip, at.w, at.h, at.w as usize * 4) {
                    match (change, kept.spinner) {
                        (Change::Spinner, Some(spot)) => brush.turn_spinner(&mut canvas, spot),
                        (Change::None, _) => {}
                        _ => kept.spinner = brush.tile(&mut canvas, at, place.role, view, &mut kept.painter),
                    }
                }
                let radius = tile::radius(place.role, scale);
                surface.lay_rounded(kept.pip.as_chunks().0, area, radius, !below);
            } else {
                match (change, kept.spinner) {
                    (Change::None, _) => {
                        painted.animating |= kept.spinner.is_some();
                        continue;
                    }
                    (Change::Spinner, Some(spot)) => {
                        brush.turn_spinner(surface, spot);
                        area = spot.rect;
                    }
                    _ => kept.spinner = brush.tile(surface, area, place.role, view, &mut kept.painter),
                }
                if place.role == TileRole::FullStage {
                    stage_repainted = Some(area);
                }
            }
            painted.animating |= kept.spinner.is_some();
            kept.look = Some(look);
            if !everything && !painted.dirty.iter().any(|d| d.intersection(&area) == area) {
                painted.dirty.push(area);
            }
        }
        Ok(painted)
    }

    /// What has to be done for each tile.
    fn changes(&self, looks: &[Look], everything: bool, turned: bool) -> Vec<Change> {
        let mut changes: Vec<Change> = looks
            .iter()
            .map(|look| match self.tiles.get(&look.place.tile_id) {
                _ if everything => Change::Signs,
                None => Change::Signs,
                Some(kept) => match &kept.look {
                    Some(old) if old.signs != look.signs || old.place != look.place => Change::Signs,
                    None => Change::Signs,
                    Some(old) if old.frame != look.frame => Change::Picture,
                    Some(_) if turned && kept.spinner.is_some() => Change::Spinner,
                    Some(_) => Change::None,
                },
            })
            .collect();
        // The edge of the picture in the picture is blended with what lies below: when its colour may have changed,
        // the stage below must be painted first.
        let pip_edge = looks.iter().zip(&changes).any(|(l, c)| l.place.role == TileRole::Pip && *c == Change::Signs);
        if pip_edge {
            for (look, change) in looks.iter().zip(&mut changes) {
                if look.place.role == TileRole::FullStage {
                    *change = Change::Signs;
                }
            }
        }
        changes
    }

    /// Composes into an I420 frame (BT.709, limited range) of the layout's size, odd sizes rounded up. The frame's
    /// capture time is `now`.
    ///
    /// # Errors
    /// [`ComposeError::Conversion`] when the picture has no pixels.
    pub fn render_frame(
        &mut self,
        scene: &Scene<'_>,
        pool: &FramePool,
        now: MediaTime,
    ) -> Result<VideoFrame, ComposeError> {
        let (w, h) = scene.layout.size;
        let mut frame = pool.get(w, h);
        let (even_w, even_h) = (frame.width(), frame.height());
        let stride = even_w as usize * 4;
        let mut own = std::mem::take(&mut self.own);
        if own.len() != stride * even_h as usize {
            own.clear();
            own.resize(stride * even_h as usize, 0);
            self.invalidate();
        }
        let drawn = match Surface::new(&mut own, w, h, stride) {
            Ok(mut surface) => self.render(scene, &mut surface, now),
            Err(error) => Err(ComposeError::Conversion((w, h), error.to_string())),
        };
        let converted = drawn.and_then(|_| {
            let [(y, ys), (u, us), (v, vs)] = frame.planes_mut();
            let mut image = YuvPlanarImageMut {
                y_plane: BufferStoreMut::Borrowed(y),
                y_stride: ys as u32,
                u_plane: BufferStoreMut::Borrowed(u),
                u_stride: us as u32,
                v_plane: BufferStoreMut::Borrowed(v),
                v_stride: vs as u32,
                width: even_w,
                height: even_h,
            };
            let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt709);
            yuv::bgra_to_yuv420(&mut image, &own, stride as u32, range, matrix, YuvConversionMode::Balanced)
                .map_err(|e| ComposeError::Conversion((w, h), format!("{e:?}")))
        });
        self.own = own;
        converted?;
        Ok(frame.freeze(now))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    None,
    /// Only the spinner moved on.
    Spinner,
    /// Only the picture is new.
    Picture,
    /// Anything else.
    Signs,
}
