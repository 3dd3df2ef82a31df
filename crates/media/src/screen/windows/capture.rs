//! Windows.Graphics.Capture: a window's own picture on the graphics card, covered or not. A window that does not change
//! sends none.

use windows::Graphics::Capture::{
    Direct3D11CaptureFrame, Direct3D11CaptureFramePool, GraphicsCaptureItem, GraphicsCaptureSession,
};
use windows::Graphics::DirectX::Direct3D11::IDirect3DDevice;
use windows::Graphics::DirectX::DirectXPixelFormat;
use windows::Graphics::SizeInt32;
use windows::Win32::Graphics::Direct3D11::{D3D11_TEXTURE2D_DESC, ID3D11Texture2D};
use windows::Win32::Graphics::Dxgi::{DXGI_ERROR_UNSUPPORTED, IDXGIDevice};
use windows::Win32::System::WinRT::Direct3D11::{CreateDirect3D11DeviceFromDXGIDevice, IDirect3DDxgiInterfaceAccess};
use windows::Win32::System::WinRT::Graphics::Capture::IGraphicsCaptureItemInterop;
use windows::core::{Interface, Result, factory};

use super::device::Device;
use super::window::Window;
use crate::screen::Rect;
use crate::screen::picture::Picture;

const FORMAT: DirectXPixelFormat = DirectXPixelFormat::B8G8R8A8UIntNormalized;
/// Pictures that may wait for us.
const WAITING: i32 = 2;

/// The picture of one window.
pub(super) struct Capture {
    device: Device,
    /// The same device, as this interface wants it.
    shared: IDirect3DDevice,
    pool: Direct3D11CaptureFramePool,
    session: GraphicsCaptureSession,
    /// Of the pool's pictures.
    size: SizeInt32,
    draws_pointer: bool,
}

impl Capture {
    pub(super) fn open(window: Window) -> Result<Self> {
        if !GraphicsCaptureSession::IsSupported()? {
            return Err(DXGI_ERROR_UNSUPPORTED.into());
        }
        let interop = factory::<GraphicsCaptureItem, IGraphicsCaptureItemInterop>()?;
        // SAFETY: a window that is gone gives an error.
        let item: GraphicsCaptureItem = unsafe { interop.CreateForWindow(window.handle())? };
        let device = Device::of(None)?;
        // SAFETY: makes an object of one that is alive.
        let shared = unsafe { CreateDirect3D11DeviceFromDXGIDevice(&device.device.cast::<IDXGIDevice>()?)? };
        let shared: IDirect3DDevice = shared.cast()?;
        let size = item.Size()?;
        let pool = Direct3D11CaptureFramePool::CreateFreeThreaded(&shared, FORMAT, WAITING, size)?;
        let session = pool.CreateCaptureSession(&item)?;
        // Before Windows 10 2004 it always draws the pointer, and before 11 a coloured edge around the window.
        let draws_pointer = session.SetIsCursorCaptureEnabled(false).is_err();
        let _ = session.SetIsBorderRequired(false);
        let capture = Self { device, shared, pool, session, size, draws_pointer };
        capture.session.StartCapture()?;
        Ok(capture)
    }

    /// Whether the pointer is in its pictures already.
    pub(super) fn draws_pointer(&self) -> bool {
        self.draws_pointer
    }

    /// Puts the latest picture into `picture`. Returns whether it differs.
    pub(super) fn look(&mut self, picture: &mut Picture) -> Result<bool> {
        let mut latest: Option<Direct3D11CaptureFrame> = None;
        // No picture is an error without one.
        while let Some(frame) = arrived(self.pool.TryGetNextFrame())? {
            if let Some(older) = latest.replace(frame) {
                older.Close()?;
            }
        }
        let Some(frame) = latest else { return Ok(false) };
        let changed = self.read(&frame, picture);
        frame.Close()?;
        changed
    }

    fn read(&mut self, frame: &Direct3D11CaptureFrame, picture: &mut Picture) -> Result<bool> {
        let size = frame.ContentSize()?;
        if size != self.size && size.Width > 0 && size.Height > 0 {
            // Pictures of the new size come from now on; this one is cut off or has an edge.
            self.size = size;
            self.pool.Recreate(&self.shared, FORMAT, WAITING, size)?;
        }
        let access: IDirect3DDxgiInterfaceAccess = frame.Surface()?.cast()?;
        // SAFETY: the texture lives as long as the frame, which the caller has.
        let texture: ID3D11Texture2D = unsafe { access.GetInterface()? };
        let mut known = D3D11_TEXTURE2D_DESC::default();
        // SAFETY: `known` lives as long as the call.
        unsafe { texture.GetDesc(&mut known) };
        let side = |content: i32, texture: u32| (content.max(0) as u32).min(texture);
        picture.resize(side(size.Width, known.Width), side(size.Height, known.Height));
        let Some((width, height)) = picture.size() else { return Ok(false) };
        let all = Rect::new(0, 0, width, height);
        let mut changed = false;
        self.device.fetch(&texture, all, &[all], |_, pixels, stride| {
            changed = picture.compare(0..height, pixels, stride);
        })?;
        Ok(changed)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // What cannot be closed is closed already.
        let _ = self.session.Close();
        let _ = self.pool.Close();
    }
}

/// The system says "well, but nothing" where none has come.
fn arrived(frame: Result<Direct3D11CaptureFrame>) -> Result<Option<Direct3D11CaptureFrame>> {
    match frame {
        Ok(frame) => Ok(Some(frame)),
        Err(error) if error.code().is_ok() => Ok(None),
        Err(error) => Err(error),
    }
}
