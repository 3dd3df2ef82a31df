//! glibc keeps one heap for every few threads, and what is free in the middle of one.

/// Gives what is free back to the system. Takes some milliseconds.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: may be called at any time and from any thread; it changes nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
