//! Pixels from the X server, through shared memory where it can reach ours.

use std::sync::atomic::{Ordering, fence};

use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{ConnectionExt as _, Drawable, ImageFormat};
use x11rb::rust_connection::RustConnection;

use super::{Failed, Rect};

/// All bits of a pixel.
const PLANES: u32 = !0;

/// Memory that we and the X server both see.
struct Shared {
    segment: shm::Seg,
    at: *mut u8,
    size: usize,
}

// SAFETY: the memory belongs to this value alone, on whatever thread it is.
unsafe impl Send for Shared {}

impl Shared {
    /// `None` when the server cannot share memory with us, as one on another machine.
    fn new(conn: &RustConnection, size: usize) -> Option<Self> {
        conn.extension_information(shm::X11_EXTENSION_NAME).ok()??;
        // SAFETY: plain system calls; every result is checked before it is used.
        let (id, at) = unsafe {
            let id = libc::shmget(libc::IPC_PRIVATE, size, libc::IPC_CREAT | 0o600);
            if id < 0 {
                return None;
            }
            let at = libc::shmat(id, std::ptr::null(), 0);
            (id, at)
        };
        let attached = || {
            let segment = conn.generate_id().ok()?;
            conn.shm_attach(segment, u32::try_from(id).ok()?, false).ok()?.check().ok()?;
            Some(segment)
        };
        let mapped = at as isize != -1;
        let segment = if mapped { attached() } else { None };
        // Gone as soon as both have let go of it, however this program ends.
        // SAFETY: `id` is ours.
        unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
        match segment {
            Some(segment) => Some(Self { segment, at: at.cast(), size }),
            None => {
                if mapped {
                    // SAFETY: mapped above, not used any more.
                    unsafe { libc::shmdt(at) };
                }
                None
            }
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        // The server wrote before it answered.
        fence(Ordering::Acquire);
        // SAFETY: mapped with this size as long as `self` lives, and &mut self is the only way to it on our side.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.size) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, nobody holds a reference any more.
        unsafe { libc::shmdt(self.at.cast()) };
    }
}

/// Fetches parts of a drawable.
pub(super) struct Images {
    shared: Option<Shared>,
    /// The server cannot share memory.
    apart: bool,
    copies: Vec<u8>,
}

impl Images {
    pub(super) fn new() -> Self {
        Self { shared: None, apart: false, copies: Vec::new() }
    }

    /// Fetches `parts` of `drawable`, which lie within it, and hands over each with its pixels, `w × 4` bytes a row.
    pub(super) fn fetch(
        &mut self,
        conn: &RustConnection,
        drawable: Drawable,
        parts: &[Rect],
        mut take: impl FnMut(usize, &mut [u8]),
    ) -> Result<(), Failed> {
        let sizes = parts.iter().map(|p| p.w as usize * p.h as usize * 4);
        let total: usize = sizes.clone().sum();
        if !self.apart && self.shared.as_ref().is_none_or(|s| s.size < total) {
            if let Some(old) = self.shared.take() {
                conn.shm_detach(old.segment)?;
            }
            self.shared = Shared::new(conn, total.next_multiple_of(4096));
            self.apart = self.shared.is_none();
            if self.apart {
                tracing::info!("the X server shares no memory with us: pixels come through its socket");
            }
        }
        let Some(shared) = &mut self.shared else {
            return self.fetch_apart(conn, drawable, parts, take);
        };
        // All requests go out before the first answer is waited for.
        let mut at = 0;
        let mut answers = Vec::with_capacity(parts.len());
        for (part, size) in parts.iter().zip(sizes.clone()) {
            let (x, y, w, h) = (part.x as i16, part.y as i16, part.w as u16, part.h as u16);
            let format = u8::from(ImageFormat::Z_PIXMAP);
            answers.push(conn.shm_get_image(drawable, x, y, w, h, PLANES, format, shared.segment, at)?);
            at += size as u32;
        }
        let mut refused = None;
        for answer in answers {
            // Even after a refusal every answer is waited for: the server may still be writing.
            if let Err(error) = answer.reply() {
                refused.get_or_insert(error);
            }
        }
        if let Some(error) = refused {
            return Err(error.into());
        }
        let mut rest = shared.bytes();
        for (n, size) in sizes.enumerate() {
            let (pixels, after) = rest.split_at_mut(size);
            take(n, pixels);
            rest = after;
        }
        Ok(())
    }

    fn fetch_apart(
        &mut self,
        conn: &RustConnection,
        drawable: Drawable,
        parts: &[Rect],
        mut take: impl FnMut(usize, &mut [u8]),
    ) -> Result<(), Failed> {
        for (n, part) in parts.iter().enumerate() {
            let (x, y, w, h) = (part.x as i16, part.y as i16, part.w as u16, part.h as u16);
            let image = conn.get_image(ImageFormat::Z_PIXMAP, drawable, x, y, w, h, PLANES)?.reply()?;
            self.copies.clear();
            self.copies.extend_from_slice(&image.data);
            // What a server leaves out is black.
            self.copies.resize(part.w as usize * part.h as usize * 4, 0);
            take(n, &mut self.copies);
        }
        Ok(())
    }
}
