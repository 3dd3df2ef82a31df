//! What a process costs: CPU time, memory, threads and handles, out of `/proc` (Linux; elsewhere every reading fails).
#![forbid(unsafe_code)]

use std::fs::{read_dir, read_to_string};
use std::io::{Error, ErrorKind, Result};

/// Clock ticks of `/proc/PID/stat` in a second: fixed for programs, whatever the kernel's own rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of a process so far, s: user and system, of all its threads.
///
/// # Errors
/// When the process is gone, or there is no `/proc`.
pub fn cpu_s(pid: u32) -> Result<f64> {
    cpu_of(&read_to_string(format!("/proc/{pid}/stat"))?)
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("/proc/{pid}/stat cannot be read")))
}

/// The resident memory of a process now, KiB.
///
/// # Errors
/// When the process is gone, or there is no `/proc`.
pub fn resident_kib(pid: u32) -> Result<u64> {
    resident_of(&read_to_string(format!("/proc/{pid}/status"))?)
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("/proc/{pid}/status tells no memory")))
}

/// Threads of a process now.
///
/// # Errors
/// When the process is gone, or there is no `/proc`.
pub fn threads(pid: u32) -> Result<usize> {
    Ok(read_dir(format!("/proc/{pid}/task"))?.count())
}

/// Files, sockets and the like that a process has open now.
///
/// # Errors
/// When the process is gone or another user's, or there is no `/proc`.
pub fn handles(pid: u32) -> Result<usize> {
    Ok(read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Fields 14 and 15 of proc(5)'s `stat`. The name, field 2, may hold blanks and brackets.
fn cpu_of(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn resident_of(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        assert_eq!(cpu_of("7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20"), Some(2.0));
        assert_eq!(cpu_of("7 (a) S 1 2"), None);
        assert_eq!(cpu_of(""), None);
    }

    #[test]
    fn resident_memory_is_found_among_the_others() {
        assert_eq!(resident_of("Name:\tx\nVmHWM:\t  99 kB\nVmRSS:\t  1234 kB\n"), Some(1234));
        // As of a process that is ending.
        assert_eq!(resident_of("Name:\tx\nState:\tZ (zombie)\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_read_and_one_that_is_not_there_cannot() {
        let own = std::process::id();
        assert!(cpu_s(own).is_ok_and(|s| s >= 0.0));
        assert!(resident_kib(own).is_ok_and(|kib| kib > 0));
        assert!(threads(own).is_ok_and(|n| n > 0) && handles(own).is_ok_and(|n| n > 0));
        assert!(cpu_s(u32::MAX).is_err() && resident_kib(u32::MAX).is_err());
        assert!(threads(u32::MAX).is_err() && handles(u32::MAX).is_err());
    }
}
