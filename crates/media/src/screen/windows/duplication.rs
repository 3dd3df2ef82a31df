//! Desktop Duplication: the picture of one monitor on the graphics card, and what has changed in it since the last time.

use std::time::Duration;

use windows::Win32::Foundation::{E_ACCESSDENIED, RECT};
use windows::Win32::Graphics::Direct3D11::ID3D11Texture2D;
use windows::Win32::Graphics::Dxgi::Common::{DXGI_MODE_ROTATION_IDENTITY, DXGI_MODE_ROTATION_UNSPECIFIED};
use windows::Win32::Graphics::Dxgi::{
    CreateDXGIFactory1, DXGI_ERROR_ACCESS_LOST, DXGI_ERROR_NOT_FOUND, DXGI_ERROR_UNSUPPORTED, DXGI_ERROR_WAIT_TIMEOUT,
    DXGI_OUTDUPL_FRAME_INFO, DXGI_OUTDUPL_MOVE_RECT, DXGI_OUTDUPL_POINTER_SHAPE_INFO,
    DXGI_OUTDUPL_POINTER_SHAPE_TYPE_COLOR, DXGI_OUTDUPL_POINTER_SHAPE_TYPE_MASKED_COLOR,
    DXGI_OUTDUPL_POINTER_SHAPE_TYPE_MONOCHROME, IDXGIAdapter, IDXGIFactory1, IDXGIOutput1, IDXGIOutputDuplication,
    IDXGIResource,
};
use windows::core::{Interface, Result};

use super::desktop;
use super::device::{Device, nothing};
use crate::clock::MediaTime;
use crate::screen::damage::Damage;
use crate::screen::picture::Picture;
use crate::screen::pointer::Shape;
use crate::screen::refusal::Refusal;
use crate::screen::{Rect, masks};

/// Windows takes the picture away when the mode changes, a game takes the monitor, or a password is asked for. For so long
/// it is tried to get it back …
const PATIENCE: Duration = Duration::from_secs(3);
/// … this often.
const AGAIN: Duration = Duration::from_millis(250);
/// The first picture comes at once, or something is wrong.
const FIRST: Duration = Duration::from_secs(2);

/// A part of one monitor.
pub(super) struct Duplication {
    /// On the desktop.
    part: Rect,
    /// Windows has handed out the picture before.
    had: bool,
    state: State,
}

enum State {
    Live(Live),
    /// Since when, and when it was last tried to get it back.
    Lost(MediaTime, MediaTime),
}

struct Live {
    device: Device,
    duplication: IDXGIOutputDuplication,
    /// The shared part, in the monitor's picture.
    part: Rect,
    began: MediaTime,
    shape: Vec<u8>,
}

impl Duplication {
    /// The monitor that all of `part` lies on. Where its picture is refused for the time being, it is waited for in
    /// [`look`](Self::look).
    pub(super) fn open(part: Rect) -> Result<Self> {
        Self::at_once(part).or_else(|error| match Refusal::of(error.code().0) {
            Refusal::Wait => {
                tracing::info!(%error, "the monitor's picture is waited for");
                let now = MediaTime::now();
                Ok(Self { part, had: false, state: State::Lost(now, now) })
            }
            Refusal::Gdi => Err(error),
        })
    }

    /// The same, if its picture is to be had now.
    pub(super) fn at_once(part: Rect) -> Result<Self> {
        Ok(Self { part, had: true, state: State::Live(Live::open(part)?) })
    }

    /// Whether it has the monitor's picture; one that has lost it looks for whatever monitor has its place.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_))
    }

    /// From now on this part of the desktop is shared.
    pub(super) fn move_to(&mut self, part: Rect) {
        let now = MediaTime::now();
        (self.part, self.state) = (part, State::Lost(now, MediaTime(i64::MIN)));
    }

    /// Waits for a change, at most `patience`, and puts it into `picture`, with the pointer if that is wanted.
    pub(super) fn look(&mut self, patience: Duration, picture: &mut Picture, pointer: bool) -> Result<()> {
        let now = MediaTime::now();
        let live = match &mut self.state {
            State::Live(live) => live,
            State::Lost(_, tried) if now.saturating_since(*tried) < AGAIN => {
                std::thread::sleep(patience);
                return Ok(());
            }
            State::Lost(since, tried) => {
                *tried = now;
                match Live::open(self.part) {
                    Ok(live) => {
                        self.had = true;
                        self.state = State::Live(live);
                        picture.forget();
                    }
                    // Until the password is given or the desktop unlocked. To some it is denied for good: they never had it.
                    Err(error) if self.had && error.code() == E_ACCESSDENIED => *since = now,
                    Err(error) if now.saturating_since(*since) > PATIENCE => return Err(error),
                    Err(error) => tracing::debug!(%error, "the monitor's picture is away"),
                }
                return Ok(());
            }
        };
        match live.look(patience, picture, pointer) {
            Err(error) if error.code() == DXGI_ERROR_ACCESS_LOST => {
                tracing::debug!("the monitor's picture was taken away");
                self.state = State::Lost(now, MediaTime(i64::MIN));
                Ok(())
            }
            looked => looked,
        }
    }
}

impl Live {
    fn open(part: Rect) -> Result<Self> {
        // SAFETY: makes an object.
        let factory: IDXGIFactory1 = unsafe { CreateDXGIFactory1()? };
        for n in 0.. {
            // SAFETY: beyond the last one there is none.
            let Ok(adapter) = (unsafe { factory.EnumAdapters1(n) }) else { break };
            for n in 0.. {
                // SAFETY: as above.
                let Ok(output) = (unsafe { adapter.EnumOutputs(n) }) else { break };
                // SAFETY: returns a plain value.
                let known = unsafe { output.GetDesc()? };
                let bounds = desktop::rect(known.DesktopCoordinates);
                if !known.AttachedToDesktop.as_bool() || part.intersection(&bounds) != part {
                    continue;
                }
                if ![DXGI_MODE_ROTATION_IDENTITY, DXGI_MODE_ROTATION_UNSPECIFIED].contains(&known.Rotation) {
                    // Its picture lies on its side.
                    return Err(DXGI_ERROR_UNSUPPORTED.into());
                }
                let adapter: IDXGIAdapter = adapter.cast()?;
                let device = Device::of(Some(&adapter))?;
                // SAFETY: the device is one of the output's adapter.
                let duplication = unsafe { output.cast::<IDXGIOutput1>()?.DuplicateOutput(&device.device)? };
                let part = Rect::new(part.x - bounds.x, part.y - bounds.y, part.w, part.h);
                return Ok(Self { device, duplication, part, began: MediaTime::now(), shape: Vec::new() });
            }
        }
        Err(DXGI_ERROR_NOT_FOUND.into())
    }

    fn look(&mut self, patience: Duration, picture: &mut Picture, pointer: bool) -> Result<()> {
        picture.resize(self.part.w, self.part.h);
        let mut frame = DXGI_OUTDUPL_FRAME_INFO::default();
        let mut resource = None;
        // SAFETY: both places live as long as the call.
        let acquired =
            unsafe { self.duplication.AcquireNextFrame(patience.as_millis() as u32, &mut frame, &mut resource) };
        match acquired {
            Err(error) if error.code() == DXGI_ERROR_WAIT_TIMEOUT => {
                let late = !picture.is_seen() && MediaTime::now().saturating_since(self.began) > FIRST;
                return if late { Err(error) } else { Ok(()) };
            }
            acquired => acquired?,
        }
        let read = self.read(&frame, resource, picture, pointer);
        // SAFETY: acquired above; what was copied from it is in our memory.
        let released = unsafe { self.duplication.ReleaseFrame() };
        read.and(released)
    }

    fn read(
        &mut self,
        frame: &DXGI_OUTDUPL_FRAME_INFO,
        resource: Option<IDXGIResource>,
        picture: &mut Picture,
        pointer: bool,
    ) -> Result<()> {
        if pointer {
            self.read_pointer(frame, picture)?;
        }
        let Some((width, height)) = picture.size() else { return Ok(()) };
        if frame.LastPresentTime == 0 {
            // Only the pointer has changed.
            return Ok(());
        }
        let damage = if picture.is_seen() {
            let mut damage = Damage::none(width, height);
            for changed in self.changed(frame)? {
                let Rect { x, y, w, h } = desktop::rect(changed);
                damage.add(Rect::new(x - self.part.x, y - self.part.y, w, h));
            }
            damage
        } else {
            Damage::all(width, height)
        };
        if damage.is_empty() {
            return Ok(());
        }
        let texture: ID3D11Texture2D = resource.ok_or_else(nothing)?.cast()?;
        let Rect { x, y, .. } = self.part;
        let parts: Vec<Rect> = damage.parts().iter().map(|p| Rect::new(p.x + x, p.y + y, p.w, p.h)).collect();
        self.device.fetch(&texture, Rect::new(x, y, width, height), &parts, |part, pixels, stride| {
            picture.write(Rect::new(part.x - x, part.y - y, part.w, part.h), pixels, stride);
        })
    }

    /// What has changed since the last frame: what was moved has, where it was moved to.
    fn changed(&self, frame: &DXGI_OUTDUPL_FRAME_INFO) -> Result<Vec<RECT>> {
        let room = frame.TotalMetadataBufferSize as usize;
        if room == 0 {
            // Nothing to be told, so nothing is asked: Windows may refuse a buffer without room.
            return Ok(Vec::new());
        }
        let mut moved = vec![DXGI_OUTDUPL_MOVE_RECT::default(); room / size_of::<DXGI_OUTDUPL_MOVE_RECT>()];
        let mut changed = vec![RECT::default(); room / size_of::<RECT>()];
        let mut used = 0;
        // SAFETY: there is as much room as is said, for both lists together and so for each of them.
        unsafe {
            let length = size_of_val(&*moved) as u32;
            self.duplication.GetFrameMoveRects(length, moved.as_mut_ptr(), &mut used)?;
            moved.truncate(used as usize / size_of::<DXGI_OUTDUPL_MOVE_RECT>());
            let length = size_of_val(&*changed) as u32;
            self.duplication.GetFrameDirtyRects(length, changed.as_mut_ptr(), &mut used)?;
            changed.truncate(used as usize / size_of::<RECT>());
        }
        changed.extend(moved.iter().map(|moved| moved.DestinationRect));
        Ok(changed)
    }

    fn read_pointer(&mut self, frame: &DXGI_OUTDUPL_FRAME_INFO, picture: &mut Picture) -> Result<()> {
        if frame.PointerShapeBufferSize > 0 {
            self.shape.resize(frame.PointerShapeBufferSize as usize, 0);
            let mut used = 0;
            let mut info = DXGI_OUTDUPL_POINTER_SHAPE_INFO::default();
            let to = self.shape.as_mut_ptr().cast();
            // SAFETY: there is as much room as is said.
            unsafe {
                self.duplication.GetFramePointerShape(frame.PointerShapeBufferSize, to, &mut used, &mut info)?;
            }
            // One that cannot be read is nothing to see.
            picture.pointer.reshape(shape(&info, &self.shape).unwrap_or_default());
        }
        if frame.LastMouseUpdateTime != 0 {
            let position = frame.PointerPosition;
            let at = (position.Position.x - self.part.x, position.Position.y - self.part.y);
            picture.pointer.move_to(position.Visible.as_bool().then_some(at));
        }
        Ok(())
    }
}

/// Its place is told by its upper left corner.
fn shape(info: &DXGI_OUTDUPL_POINTER_SHAPE_INFO, bytes: &[u8]) -> Option<Shape> {
    let (stride, corner) = (info.Pitch as usize, (0, 0));
    let pixels = || masks::pixels(bytes, stride, info.Width, info.Height);
    match info.Type as i32 {
        kind if kind == DXGI_OUTDUPL_POINTER_SHAPE_TYPE_MONOCHROME.0 => {
            let all = masks::bits(bytes, stride, info.Width, info.Height)?;
            let (keep, turn) = all.split_at(info.Width as usize * (info.Height as usize / 2));
            masks::monochrome(info.Width, corner, keep, turn)
        }
        kind if kind == DXGI_OUTDUPL_POINTER_SHAPE_TYPE_COLOR.0 => masks::coloured(info.Width, corner, &pixels()?),
        kind if kind == DXGI_OUTDUPL_POINTER_SHAPE_TYPE_MASKED_COLOR.0 => {
            let pixels = pixels()?;
            let mask: Vec<bool> = pixels.iter().map(|pixel| pixel >> 24 != 0).collect();
            masks::masked(info.Width, corner, &pixels, &mask)
        }
        _ => None,
    }
}
