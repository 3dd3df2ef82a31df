//! glibc gives every few threads a heap of their own, and keeps what is free in the middle of one.

/// So many heaps serve everybody. A room's dozen threads would get as many, and those of the next room others: after eight rooms
/// an app that stood by held 85 MiB; it holds 40 with three, and its threads allocate too seldom to wait for each other.
#[cfg(target_env = "gnu")]
const HEAPS: libc::c_int = 3;

/// Sets the allocator up. Must come before other threads do.
pub fn prepare() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointers, and the program has one thread.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
    }
}

/// Gives what is free back to the system. Takes some milliseconds.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: may be called at any time and from any thread; it changes nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
