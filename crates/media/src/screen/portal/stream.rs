//! A stream of pictures from PipeWire, on one thread: it is looked after only while somebody waits for pictures.
//!
//! The newest picture stays lent to us until it was taken; those before it go back at once, but what had changed in them
//! is kept. A desktop draws whole pictures, so the newest has all of it.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{IntoRawFd, OwnedFd};
use std::ptr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::format::{self, Format, parameter};
use super::lent;
use super::library::{self, Context, Core, Hook, Library, Loop, PwBuffer, StreamEvents};
use super::picture::{Layout, Unusable};
use super::pod::Pod;
use crate::screen::Rect;
use crate::screen::damage::Damage;

/// How long a stream may take to say what its pictures are like.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there are no pictures (any more).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// PipeWire does not answer.
    Unreachable(String),
    /// No kind of pictures was agreed upon.
    Format(String),
    /// The stream has ended, and what was said about it.
    Ended(String),
}

/// The picture that is lent to us.
struct Lent {
    buffer: *mut PwBuffer,
    memory: lent::Memory,
    layout: Layout,
}

/// What the listeners and we both see.
struct Seen {
    format: Option<Format>,
    picture: Option<Lent>,
    /// What has changed since the last picture that was taken.
    damage: Damage,
    /// A picture has come that was not looked at.
    fresh: bool,
    /// Changes were lost: the next picture is taken whole.
    lost: bool,
    trouble: Option<Trouble>,
    /// Pictures that could not be read were told of once.
    told: bool,
}

/// Given to the listeners; they are only called while [`Loop::iterate`] or a call on the stream runs.
struct Shared {
    library: &'static Library,
    stream: Cell<*mut library::Stream>,
    seen: RefCell<Seen>,
    /// In PipeWire's list of listeners.
    hook: UnsafeCell<Hook>,
}

pub(super) struct Stream {
    library: &'static Library,
    inner: *mut Loop,
    context: *mut Context,
    core: *mut Core,
    stream: *mut library::Stream,
    shared: Rc<Shared>,
}

// SAFETY: all of it moves together, the one count of `shared` too, and everything of PipeWire's that it uses is used by it alone; PipeWire asks that one
// thread at a time does so, not which.
unsafe impl Send for Stream {}

impl Stream {
    /// Connects to the node `node` over `socket`, and waits until it was agreed what its pictures are like.
    /// At most `fps` pictures a second are asked for.
    ///
    /// # Errors
    /// Why there will be no pictures.
    pub(super) fn open(library: &'static Library, socket: OwnedFd, node: u32, fps: u32) -> Result<Self, Trouble> {
        let unreachable = |what: &str| Trouble::Unreachable(format!("{what}: {}", std::io::Error::last_os_error()));
        let shared = Rc::new(Shared {
            library,
            stream: Cell::new(ptr::null_mut()),
            hook: UnsafeCell::new(Hook::new()),
            seen: RefCell::new(Seen {
                format: None,
                picture: None,
                damage: Damage::none(0, 0),
                fresh: false,
                lost: true,
                trouble: None,
                told: false,
            }),
        });
        // Whatever was made before something fails is undone when this is dropped.
        let mut this = Self {
            library,
            inner: ptr::null_mut(),
            context: ptr::null_mut(),
            core: ptr::null_mut(),
            stream: ptr::null_mut(),
            shared,
        };
        // SAFETY: PipeWire's functions with what they returned themselves, each checked before it is used; the listeners'
        // data and the hook do not move, and live until after the stream is destroyed.
        unsafe {
            this.inner = (library.pw_loop_new)(ptr::null());
            if this.inner.is_null() {
                return Err(unreachable("it gives no loop"));
            }
            this.context = (library.pw_context_new)(this.inner, ptr::null_mut(), 0);
            if this.context.is_null() {
                return Err(unreachable("it cannot be set up"));
            }
            this.core = (library.pw_context_connect_fd)(this.context, socket.into_raw_fd(), ptr::null_mut(), 0);
            if this.core.is_null() {
                return Err(unreachable("it does not answer"));
            }
            let properties = c"media.type=Video media.category=Capture media.role=Screen";
            let properties = (library.pw_properties_new_string)(properties.as_ptr());
            this.stream = (library.pw_stream_new)(this.core, c"beckon-screen".as_ptr(), properties);
            if this.stream.is_null() {
                return Err(unreachable("it gives no stream"));
            }
            this.shared.stream.set(this.stream);
            let data = Rc::as_ptr(&this.shared).cast_mut().cast();
            (library.pw_stream_add_listener)(this.stream, this.shared.hook.get(), &raw const EVENTS, data);
            let offer = format::offer(fps);
            let offers = [offer.as_ptr()];
            let (flags, count) = (library::FLAGS, offers.len() as u32);
            let connected =
                (library.pw_stream_connect)(this.stream, library::INPUT, node, flags, offers.as_ptr(), count);
            if connected < 0 {
                let error = std::io::Error::from_raw_os_error(-connected);
                return Err(Trouble::Unreachable(format!("it does not connect: {error}")));
            }
        }
        let until = Instant::now() + PATIENCE;
        while this.shared.seen.borrow().format.is_none() {
            if let Some(trouble) = this.trouble() {
                return Err(trouble);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Trouble::Format("it does not say what its pictures are like".to_owned()));
            }
            this.iterate(left)?;
        }
        Ok(this)
    }

    fn iterate(&self, patience: Duration) -> Result<c_int, Trouble> {
        let patience = c_int::try_from(patience.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the loop lives as long as this, and `Stream` is used by one thread at a time.
        let done = unsafe { Loop::iterate(self.inner, patience) };
        // A signal is no trouble.
        if done < 0 && done != -libc::EINTR {
            let error = std::io::Error::from_raw_os_error(-done);
            return Err(Trouble::Ended(format!("waiting for pictures failed: {error}")));
        }
        Ok(done)
    }

    fn trouble(&self) -> Option<Trouble> {
        self.shared.seen.borrow().trouble.clone()
    }

    /// Waits until a picture has come, at most `patience`. Returns whether one has since the last time.
    ///
    /// # Errors
    /// Why there will be none any more.
    pub(super) fn wait(&mut self, patience: Duration) -> Result<bool, Trouble> {
        let until = Instant::now() + patience;
        loop {
            // Everything that has happened is taken in, so that the newest picture is the one that is left.
            while self.iterate(Duration::ZERO)? > 0 {}
            if let Some(trouble) = self.trouble() {
                return Err(trouble);
            }
            let fresh = std::mem::take(&mut self.shared.seen.borrow_mut().fresh);
            let left = until.saturating_duration_since(Instant::now());
            // PipeWire waits whole milliseconds.
            if fresh || left < Duration::from_millis(1) {
                return Ok(fresh);
            }
            self.iterate(left)?;
        }
    }

    /// The size of the picture that is there, or of the one to come.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        let seen = self.shared.seen.borrow();
        seen.picture.as_ref().map(|lent| lent.layout.size())
    }

    /// The size that was agreed upon; pictures may be smaller.
    pub(super) fn agreed(&self) -> Option<(u32, u32)> {
        self.shared.seen.borrow().format.map(|format| (format.width, format.height))
    }

    /// Hands over the picture that is there, with what has changed in it since the last one, and gives it back.
    /// `None` when there is none.
    pub(super) fn take<T>(&mut self, read: impl FnOnce(&Layout, &[u8], Damage) -> T) -> Option<T> {
        let mut seen = self.shared.seen.borrow_mut();
        let lent = seen.picture.take()?;
        let (width, height) = lent.layout.size();
        let known = !std::mem::take(&mut seen.lost) && seen.damage.covers(width, height);
        let damage = std::mem::replace(&mut seen.damage, Damage::none(width, height));
        drop(seen);
        let damage = if known { damage } else { Damage::all(width, height) };
        // SAFETY: the buffer is ours until it is given back below, and nobody takes it away meanwhile: that happens in
        // `iterate` only.
        let result = read(&lent.layout, unsafe { lent.memory.bytes() }, damage);
        // SAFETY: it came from this stream, and is given back once.
        unsafe { (self.library.pw_stream_queue_buffer)(self.stream, lent.buffer) };
        Some(result)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: in the opposite order of their making; null where they were not made. A buffer that is lent to us goes
        // with the stream.
        unsafe {
            if !self.stream.is_null() {
                (self.library.pw_stream_destroy)(self.stream);
            }
            if !self.core.is_null() {
                (self.library.pw_core_disconnect)(self.core);
            }
            if !self.context.is_null() {
                (self.library.pw_context_destroy)(self.context);
            }
            if !self.inner.is_null() {
                (self.library.pw_loop_destroy)(self.inner);
            }
        }
    }
}

impl Shared {
    /// Takes in a picture that came. Returns the buffer that is not needed any more.
    fn arrived(&self, buffer: *mut PwBuffer) -> *mut PwBuffer {
        let mut seen = self.seen.borrow_mut();
        let Some(format) = seen.format else { return buffer };
        // SAFETY: the buffer was just dequeued: it is ours until it is given back, and has what PipeWire says it has.
        let (said, memory) = unsafe { lent::look(buffer) };
        let layout = match Layout::of(&format, &said) {
            Ok(layout) => layout,
            Err(Unusable::Empty) => return buffer,
            Err(Unusable::Broken) => {
                seen.lost = true;
                if !std::mem::replace(&mut seen.told, true) {
                    tracing::debug!(
                        ?said,
                        ?format,
                        "a picture of the screen cannot be read; the next one is waited for"
                    );
                }
                return buffer;
            }
        };
        let (width, height) = layout.size();
        if !seen.damage.covers(width, height) {
            seen.damage = Damage::none(width, height);
            seen.lost = true;
        }
        match &said.damage {
            Some(parts) => {
                for part in parts {
                    let place = layout.place(*part);
                    seen.damage.add(place);
                }
            }
            None => seen.damage.add(Rect::new(0, 0, width, height)),
        }
        seen.fresh = true;
        let old = seen.picture.replace(Lent { buffer, memory, layout });
        old.map_or(ptr::null_mut(), |old| old.buffer)
    }
}

static EVENTS: StreamEvents = StreamEvents {
    version: 2,
    destroy: ptr::null(),
    state_changed: Some(on_state),
    control_info: ptr::null(),
    io_changed: ptr::null(),
    param_changed: Some(on_parameter),
    add_buffer: ptr::null(),
    remove_buffer: Some(on_remove),
    process: Some(on_process),
    drained: ptr::null(),
    command: ptr::null(),
    trigger_done: ptr::null(),
};

/// # Safety
/// `data` is the `Shared` that the listener was added with.
unsafe fn shared<'a>(data: *mut c_void) -> &'a Shared {
    // SAFETY: it does not move, outlives the stream, and is only ever borrowed shared while the stream is there.
    unsafe { &*data.cast::<Shared>() }
}

unsafe extern "C" fn on_state(data: *mut c_void, _old: c_int, state: c_int, error: *const c_char) {
    // SAFETY: as it was added.
    let mut seen = unsafe { shared(data) }.seen.borrow_mut();
    if state != library::ERROR && state != library::UNCONNECTED {
        return;
    }
    // SAFETY: null, or a string for as long as this call.
    let said = (!error.is_null()).then(|| unsafe { CStr::from_ptr(error) });
    let said = said.map_or_else(|| "it was disconnected".to_owned(), |said| said.to_string_lossy().into_owned());
    seen.trouble.get_or_insert(Trouble::Ended(said));
}

unsafe extern "C" fn on_parameter(data: *mut c_void, id: u32, pod: *const u32) {
    // Without a value the format is taken away: another one follows, or the end.
    if id != parameter::FORMAT || pod.is_null() {
        return;
    }
    // SAFETY: as it was added.
    let shared = unsafe { shared(data) };
    // SAFETY: a value begins with the size of what follows its first eight bytes, and is there for as long as this call.
    let bytes = unsafe { std::slice::from_raw_parts(pod.cast::<u8>(), 8 + *pod as usize) };
    match format::agreed(bytes) {
        Ok(format) => {
            tracing::debug!(?format, "the format of the screen's pictures");
            {
                let mut seen = shared.seen.borrow_mut();
                seen.format = Some(format);
                seen.told = false;
            }
            let delivery = format::delivery();
            let delivery = delivery.each_ref().map(Pod::as_ptr);
            // SAFETY: the stream is the one that calls; nothing of ours is borrowed, as it may call back.
            unsafe {
                (shared.library.pw_stream_update_params)(shared.stream.get(), delivery.as_ptr(), delivery.len() as u32)
            };
        }
        Err(why) => {
            shared.seen.borrow_mut().trouble.get_or_insert(Trouble::Format(why));
        }
    }
}

unsafe extern "C" fn on_remove(data: *mut c_void, buffer: *mut PwBuffer) {
    // SAFETY: as it was added.
    let mut seen = unsafe { shared(data) }.seen.borrow_mut();
    if seen.picture.as_ref().is_some_and(|lent| lent.buffer == buffer) {
        seen.picture = None;
        seen.lost = true;
    }
}

unsafe extern "C" fn on_process(data: *mut c_void) {
    // SAFETY: as it was added.
    let shared = unsafe { shared(data) };
    loop {
        // SAFETY: the stream is the one that calls.
        let buffer = unsafe { (shared.library.pw_stream_dequeue_buffer)(shared.stream.get()) };
        if buffer.is_null() {
            return;
        }
        let old = shared.arrived(buffer);
        if !old.is_null() {
            // SAFETY: it came from this stream, and is given back once: nobody has it any more.
            unsafe { (shared.library.pw_stream_queue_buffer)(shared.stream.get(), old) };
        }
    }
}
