//! Windows: thread priorities. A thread of lower priority gets nothing while one of a higher is ready, so pictures keep
//! the usual one: lowered, they would stand still beside any busy program.

use std::io;

use windows::Win32::System::Threading::{GetCurrentThread, SetThreadPriority, THREAD_PRIORITY_TIME_CRITICAL};

use super::Urgency;

pub(super) fn claim(urgency: Urgency) -> io::Result<()> {
    match urgency {
        // SAFETY: the handle stands for the thread that calls and needs no closing.
        Urgency::Sound => Ok(unsafe { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL) }?),
        Urgency::Pictures => Ok(()),
    }
}
