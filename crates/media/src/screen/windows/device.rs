//! The graphics device that pictures are fetched from.

use windows::Win32::Foundation::HMODULE;
use windows::Win32::Graphics::Direct3D::{D3D_DRIVER_TYPE_HARDWARE, D3D_DRIVER_TYPE_UNKNOWN};
use windows::Win32::Graphics::Direct3D11::{
    D3D11_BOX, D3D11_CPU_ACCESS_READ, D3D11_CREATE_DEVICE_BGRA_SUPPORT, D3D11_MAP_READ, D3D11_MAPPED_SUBRESOURCE,
    D3D11_SDK_VERSION, D3D11_TEXTURE2D_DESC, D3D11_USAGE_STAGING, D3D11CreateDevice, ID3D11Device, ID3D11DeviceContext,
    ID3D11Texture2D,
};
use windows::Win32::Graphics::Dxgi::Common::{DXGI_FORMAT_B8G8R8A8_UNORM, DXGI_SAMPLE_DESC};
use windows::Win32::Graphics::Dxgi::IDXGIAdapter;
use windows::core::Result;

use super::super::Rect;

/// What a missing object means: the system said that all was well.
pub(super) fn nothing() -> windows::core::Error {
    windows::Win32::Foundation::E_POINTER.into()
}

/// A device with a way back from it into memory.
pub(super) struct Device {
    pub(super) device: ID3D11Device,
    context: ID3D11DeviceContext,
    /// Memory of this size that the device copies to.
    back: Option<(u32, u32, ID3D11Texture2D)>,
}

impl Device {
    /// The device of an adapter, or of the one that Windows would take.
    pub(super) fn of(adapter: Option<&IDXGIAdapter>) -> Result<Self> {
        let kind = if adapter.is_some() { D3D_DRIVER_TYPE_UNKNOWN } else { D3D_DRIVER_TYPE_HARDWARE };
        let (mut device, mut context) = (None, None);
        let flags = D3D11_CREATE_DEVICE_BGRA_SUPPORT;
        // SAFETY: both places live as long as the call.
        unsafe {
            let none = HMODULE::default();
            let (device, context) = (Some(&raw mut device), Some(&raw mut context));
            D3D11CreateDevice(adapter, kind, none, flags, None, D3D11_SDK_VERSION, device, None, context)?;
        }
        let (device, context) = (device.ok_or_else(nothing)?, context.ok_or_else(nothing)?);
        Ok(Self { device, context, back: None })
    }

    /// Fetches `parts` of a texture, all within it and within `bounds`, and hands over each with its pixels, that begin with
    /// its first one, and the bytes from one row to the next.
    pub(super) fn fetch(
        &mut self,
        texture: &ID3D11Texture2D,
        bounds: Rect,
        parts: &[Rect],
        mut take: impl FnMut(Rect, &[u8], usize),
    ) -> Result<()> {
        let back = self.back(bounds.w, bounds.h)?;
        for part in parts {
            let (x, y) = ((part.x - bounds.x) as u32, (part.y - bounds.y) as u32);
            let from = D3D11_BOX {
                left: part.x as u32,
                top: part.y as u32,
                front: 0,
                right: part.right() as u32,
                bottom: part.bottom() as u32,
                back: 1,
            };
            // SAFETY: both textures are alive and of one format; a box beyond a texture copies nothing.
            unsafe { self.context.CopySubresourceRegion(&back, 0, x, y, 0, texture, 0, Some(&from)) };
        }
        let mut mapped = D3D11_MAPPED_SUBRESOURCE::default();
        // SAFETY: a texture that may be read; waits until the copies are done. Unmapped below, after the last use.
        unsafe { self.context.Map(&back, 0, D3D11_MAP_READ, 0, Some(&mut mapped))? };
        let stride = mapped.RowPitch as usize;
        if !mapped.pData.is_null() && bounds.h > 0 && stride >= bounds.w as usize * 4 {
            let length = (bounds.h as usize - 1) * stride + bounds.w as usize * 4;
            // SAFETY: mapped with that many rows of that pitch, and nobody writes while it is mapped.
            let all = unsafe { std::slice::from_raw_parts(mapped.pData.cast::<u8>(), length) };
            for &part in parts {
                let first = (part.y - bounds.y) as usize * stride + (part.x - bounds.x) as usize * 4;
                if let Some(pixels) = all.get(first..) {
                    take(part, pixels, stride);
                }
            }
        }
        // SAFETY: mapped above, and nothing refers to it any more.
        unsafe { self.context.Unmap(&back, 0) };
        Ok(())
    }

    fn back(&mut self, width: u32, height: u32) -> Result<ID3D11Texture2D> {
        if let Some((w, h, known)) = &self.back
            && (*w, *h) == (width, height)
        {
            return Ok(known.clone());
        }
        let kind = D3D11_TEXTURE2D_DESC {
            Width: width,
            Height: height,
            MipLevels: 1,
            ArraySize: 1,
            Format: DXGI_FORMAT_B8G8R8A8_UNORM,
            SampleDesc: DXGI_SAMPLE_DESC { Count: 1, Quality: 0 },
            Usage: D3D11_USAGE_STAGING,
            BindFlags: 0,
            CPUAccessFlags: D3D11_CPU_ACCESS_READ.0 as u32,
            MiscFlags: 0,
        };
        let mut made = None;
        // SAFETY: description and place live as long as the call.
        unsafe { self.device.CreateTexture2D(&kind, None, Some(&mut made))? };
        let made: ID3D11Texture2D = made.ok_or_else(nothing)?;
        self.back = Some((width, height, made.clone()));
        Ok(made)
    }
}
