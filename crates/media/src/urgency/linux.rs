//! Linux: the fair scheduler's nice values and slices.
//!
//! Real-time scheduling needs a right that desktop programs get from a D-Bus service (rtkit) only; a program that asks
//! for it and then runs too long is killed. A short slice needs no right: since Linux 6.12 a thread with one is run
//! sooner than others that have had as much time. Older systems take no notice of it, and the nice value of the
//! picture threads does what can be done.

use std::io;

use super::Urgency;

/// Sound's nice value where the system grants it (`RLIMIT_NICE`), as sound servers have it.
const SOUND_NICE: i32 = -11;
/// So much behind the program's other threads: some two thirds of their share of the time when all are busy.
const PICTURES_BEHIND: i32 = 2;
const LAST_NICE: i32 = 19;
/// The slice asked for sound, ns. 10 ms of it are processed in about this time.
const SOUND_SLICE_NS: u64 = 500_000;

pub(super) fn claim(urgency: Urgency) -> io::Result<()> {
    match urgency {
        // Without the right to be nicer to ourselves the short slice alone.
        Urgency::Sound => set(SOUND_NICE, SOUND_SLICE_NS).or_else(|_| set(nice(), SOUND_SLICE_NS)),
        Urgency::Pictures => set((nice() + PICTURES_BEHIND).min(LAST_NICE), 0),
    }
}

/// The calling thread's nice value.
fn nice() -> i32 {
    // SAFETY: takes and returns plain numbers; thread 0 is the one that calls.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// Sets the calling thread's nice value and slice (0: the system's own).
fn set(nice: i32, slice_ns: u64) -> io::Result<()> {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: slice_ns,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the structure has the size that it says and outlives the call; thread 0 is the one that calls.
    let done = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_behind_sound_with_or_without_rights() {
        let of = |urgency: Urgency| {
            let claimed = move || {
                claim(urgency).unwrap();
                nice()
            };
            std::thread::spawn(claimed).join().unwrap()
        };
        let usual = nice();
        assert!([usual, SOUND_NICE].contains(&of(Urgency::Sound)));
        assert_eq!(of(Urgency::Pictures), (usual + PICTURES_BEHIND).min(LAST_NICE));
        assert_eq!(nice(), usual, "other threads are left alone");
    }
}
