//! What a process costs: CPU time, memory, threads and handles, out of `/proc` (Linux; elsewhere every reading fails).
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs::{read_dir, read_link, read_to_string};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

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

/// The proportional set size of a process now, KiB: what it shares with others is divided among them.
///
/// # Errors
/// When the process is gone or another user's, or there is no `/proc`.
pub fn proportional_kib(pid: u32) -> Result<u64> {
    rollup_of(&read_to_string(format!("/proc/{pid}/smaps_rollup"))?, "Pss:")
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("/proc/{pid}/smaps_rollup tells no memory")))
}

/// What of a process's memory now stands for no file, KiB: who else runs the same libraries does not change it.
///
/// # Errors
/// As [`proportional_kib`].
pub fn own_kib(pid: u32) -> Result<u64> {
    let rollup = read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    rollup_of(&rollup, "Pss_Anon:")
        .zip(rollup_of(&rollup, "Pss_Shmem:"))
        .map(|(anonymous, shared)| anonymous + shared)
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("/proc/{pid}/smaps_rollup tells no kinds of memory")))
}

/// The processes that run this program (its whole path), and all their descendants.
///
/// # Errors
/// When there is no `/proc`.
pub fn family(program: &Path) -> Result<Vec<u32>> {
    let mut parents = HashMap::new();
    for entry in read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended since.
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok();
        parents.extend(stat.and_then(|stat| Some((pid, parent_of(&stat)?))));
    }
    let runs = |pid: &u32| read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path == program);
    let roots = parents.keys().copied().filter(runs).collect();
    Ok(with_descendants(roots, &parents))
}

fn with_descendants(mut found: Vec<u32>, parents: &HashMap<u32, u32>) -> Vec<u32> {
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        let children: Vec<u32> = parents.iter().filter(|(_, p)| **p == parent).map(|(pid, _)| *pid).collect();
        for child in children {
            if !found.contains(&child) {
                found.push(child);
            }
        }
        at += 1;
    }
    found.sort_unstable();
    found
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

/// Field 4.
fn parent_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn rollup_of(rollup: &str, field: &str) -> Option<u64> {
    rollup.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok())
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

    #[test]
    fn a_family_is_a_program_with_its_children_and_theirs() {
        assert_eq!(parent_of("7 (a) b (c) S 12 2 3 4 5"), Some(12));
        assert_eq!(parent_of("7 (a) S"), None);
        let parents = HashMap::from([(2, 1), (3, 2), (4, 3), (5, 1), (6, 3), (7, 7)]);
        assert_eq!(with_descendants(vec![2], &parents), [2, 3, 4, 6]);
        assert_eq!(with_descendants(vec![3, 2], &parents), [2, 3, 4, 6]);
        assert_eq!(with_descendants(vec![7], &parents), [7]);
        assert_eq!(with_descendants(vec![], &parents), [0; 0]);
    }

    #[test]
    fn the_share_of_memory_is_told_whole_and_in_parts() {
        let rollup = "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:  900 kB\nPss:   345 kB\nPss_Anon:  12 kB\n";
        assert_eq!(rollup_of(rollup, "Pss:"), Some(345));
        assert_eq!(rollup_of(rollup, "Pss_Anon:"), Some(12));
        assert_eq!(rollup_of("Pss_Anon:  12 kB\n", "Pss:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_read_and_one_that_is_not_there_cannot() {
        let own = std::process::id();
        assert!(cpu_s(own).is_ok_and(|s| s >= 0.0));
        assert!(resident_kib(own).is_ok_and(|kib| kib > 0));
        assert!(proportional_kib(own).is_ok_and(|kib| kib > 0) && own_kib(own).is_ok_and(|kib| kib > 0));
        let program = std::env::current_exe();
        assert!(program.and_then(|program| family(&program)).is_ok_and(|pids| pids.contains(&own)));
        assert!(threads(own).is_ok_and(|n| n > 0) && handles(own).is_ok_and(|n| n > 0));
        assert!(cpu_s(u32::MAX).is_err() && resident_kib(u32::MAX).is_err());
        assert!(threads(u32::MAX).is_err() && handles(u32::MAX).is_err());
    }
}
