//! PipeWire's library, found when it is wanted: machines without it start Beckon all the same, and share X11 screens.
//!
//! Only what a stream of pictures needs is declared, as `pipewire/stream.h` and `spa/buffer/buffer.h` of 0.3 have it;
//! their layout is part of PipeWire's promise to programs and has not changed since.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

/// The name its promise goes by.
const NAME: &str = "libpipewire-0.3.so.0";

macro_rules! opaque {
    ($($name:ident),+) => { $( #[repr(C)] pub(super) struct $name { _private: [u8; 0] } )+ };
}
opaque!(Context, Core, Properties, Stream);

/// `struct pw_loop`, as far as it is looked at.
#[repr(C)]
pub(super) struct Loop {
    system: *mut c_void,
    inner: *mut c_void,
    control: *mut LoopControl,
}

/// `struct spa_loop_control`: an interface, which is its functions and what they are given first.
#[repr(C)]
struct LoopControl {
    kind: *const c_char,
    version: u32,
    functions: *const LoopFunctions,
    data: *mut c_void,
}

#[repr(C)]
struct LoopFunctions {
    version: u32,
    get_fd: *const c_void,
    add_hook: *const c_void,
    enter: unsafe extern "C" fn(*mut c_void),
    leave: unsafe extern "C" fn(*mut c_void),
    iterate: unsafe extern "C" fn(*mut c_void, c_int) -> c_int,
}

/// `struct spa_hook`: the place of a listener in a list. It is PipeWire's from when it is added until the stream is gone.
#[repr(C)]
pub(super) struct Hook([*mut c_void; 6]);

impl Hook {
    pub(super) const fn new() -> Self {
        Self([ptr::null_mut(); 6])
    }
}

/// `struct pw_stream_events`, up to what its second version has.
#[repr(C)]
pub(super) struct StreamEvents {
    pub(super) version: u32,
    pub(super) destroy: *const c_void,
    pub(super) state_changed: Option<unsafe extern "C" fn(*mut c_void, c_int, c_int, *const c_char)>,
    pub(super) control_info: *const c_void,
    pub(super) io_changed: *const c_void,
    pub(super) param_changed: Option<unsafe extern "C" fn(*mut c_void, u32, *const u32)>,
    pub(super) add_buffer: *const c_void,
    pub(super) remove_buffer: Option<unsafe extern "C" fn(*mut c_void, *mut PwBuffer)>,
    pub(super) process: Option<unsafe extern "C" fn(*mut c_void)>,
    pub(super) drained: *const c_void,
    pub(super) command: *const c_void,
    pub(super) trigger_done: *const c_void,
}

// SAFETY: its pointers are null or functions.
unsafe impl Sync for StreamEvents {}

/// `struct pw_buffer`, as far as it is looked at.
#[repr(C)]
pub(super) struct PwBuffer {
    pub(super) buffer: *mut Buffer,
}

/// `struct spa_buffer`.
#[repr(C)]
pub(super) struct Buffer {
    pub(super) metas_count: u32,
    pub(super) datas_count: u32,
    pub(super) metas: *const Meta,
    pub(super) datas: *const Data,
}

/// `struct spa_meta`.
#[repr(C)]
pub(super) struct Meta {
    pub(super) kind: u32,
    pub(super) size: u32,
    pub(super) data: *const u8,
}

/// `struct spa_data`.
#[repr(C)]
pub(super) struct Data {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) fd: i64,
    pub(super) map_offset: u32,
    pub(super) max_size: u32,
    pub(super) data: *const u8,
    pub(super) chunk: *const Chunk,
}

/// `struct spa_chunk`.
#[repr(C)]
pub(super) struct Chunk {
    pub(super) offset: u32,
    pub(super) size: u32,
    pub(super) stride: i32,
    pub(super) flags: i32,
}

/// Pictures come to us.
pub(super) const INPUT: c_int = 0;
/// Connect to what is asked for; map memory; do not take another source when this one goes.
pub(super) const FLAGS: c_int = 1 | 1 << 2 | 1 << 7;

/// States of a stream.
pub(super) const ERROR: c_int = -1;
pub(super) const UNCONNECTED: c_int = 0;

macro_rules! functions {
    ($( fn $name:ident($($argument:ty),*) $(-> $result:ty)?; )+) => {
        /// The library's functions, by their own names.
        pub(super) struct Library {
            $( pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?, )+
        }

        impl Library {
            /// # Safety
            /// `library` is PipeWire's, and stays loaded.
            unsafe fn of(library: &libloading::Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: so are these functions declared in PipeWire's headers.
                    $( $name: *unsafe { library.get(concat!(stringify!($name), "\0").as_bytes()) }?, )+
                })
            }
        }
    };
}

functions! {
    fn pw_init(*mut c_int, *mut *mut *mut c_char);
    fn pw_loop_new(*const c_void) -> *mut Loop;
    fn pw_loop_destroy(*mut Loop);
    fn pw_context_new(*mut Loop, *mut Properties, usize) -> *mut Context;
    fn pw_context_destroy(*mut Context);
    fn pw_context_connect_fd(*mut Context, c_int, *mut Properties, usize) -> *mut Core;
    fn pw_core_disconnect(*mut Core) -> c_int;
    fn pw_properties_new_string(*const c_char) -> *mut Properties;
    fn pw_stream_new(*mut Core, *const c_char, *mut Properties) -> *mut Stream;
    fn pw_stream_destroy(*mut Stream);
    fn pw_stream_add_listener(*mut Stream, *mut Hook, *const StreamEvents, *mut c_void);
    fn pw_stream_connect(*mut Stream, c_int, u32, c_int, *const *const u64, u32) -> c_int;
    fn pw_stream_update_params(*mut Stream, *const *const u64, u32) -> c_int;
    fn pw_stream_dequeue_buffer(*mut Stream) -> *mut PwBuffer;
    fn pw_stream_queue_buffer(*mut Stream, *mut PwBuffer) -> c_int;
}

impl Library {
    /// The library, loaded and set up once.
    ///
    /// # Errors
    /// What the system's loader said.
    pub(super) fn load() -> Result<&'static Self, &'static str> {
        static LOADED: OnceLock<Result<Library, String>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            // SAFETY: what the library does when it is loaded is its own set-up. It is never unloaded: it leaves threads behind.
            let library = unsafe { libloading::Library::new(NAME) }.map_err(|e| e.to_string())?;
            // SAFETY: as above; `forget` keeps it.
            let functions = unsafe { Self::of(&library) }.map_err(|e| e.to_string());
            std::mem::forget(library);
            let functions = functions?;
            // SAFETY: it takes no arguments from us.
            unsafe { (functions.pw_init)(ptr::null_mut(), ptr::null_mut()) };
            Ok(functions)
        });
        loaded.as_ref().map_err(String::as_str)
    }
}

impl Loop {
    /// Waits until there is something to do, at most `patience_ms`, and does it: the listeners are called from here.
    /// Returns how many things there were, or less than nothing when the system refuses to wait.
    ///
    /// # Safety
    /// `this` came from `pw_loop_new` and is not destroyed; nobody else uses it meanwhile.
    pub(super) unsafe fn iterate(this: *mut Self, patience_ms: c_int) -> c_int {
        // SAFETY: a loop has its control from its making to its end.
        unsafe {
            let LoopControl { functions, data, .. } = *(*this).control;
            ((*functions).enter)(data);
            let done = ((*functions).iterate)(data, patience_ms);
            ((*functions).leave)(data);
            done
        }
    }
}
