//! macOS: quality-of-service classes. The sound system's own threads are real-time ones already and refuse a class.

use std::io;

use super::Urgency;

#[cfg(target_os = "macos")]
pub(super) fn claim(urgency: Urgency) -> io::Result<()> {
    let class = match urgency {
        Urgency::Sound => libc::qos_class_t::QOS_CLASS_USER_INTERACTIVE,
        Urgency::Pictures => libc::qos_class_t::QOS_CLASS_USER_INITIATED,
    };
    // SAFETY: takes plain numbers and concerns the thread that calls alone.
    match unsafe { libc::pthread_set_qos_class_self_np(class, 0) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Systems that we know nothing of.
#[cfg(not(target_os = "macos"))]
pub(super) fn claim(_: Urgency) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
