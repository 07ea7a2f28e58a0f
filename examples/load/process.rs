//! What the system says of a process, and how many files one may have.

use std::time::Duration;

/// Bytes that the process holds in memory.
pub(crate) fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(4_096)
}

/// How long the process has kept a processor busy, all its threads together.
pub(crate) fn cpu() -> Duration {
    busy("/proc/self/stat")
}

/// The same, of this thread.
pub(crate) fn cpu_of_thread() -> Duration {
    // Nanoseconds, where the ticks of `stat` are hundredths of a second.
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = told.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
    Duration::from_nanos(ns)
}

fn busy(path: &str) -> Duration {
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    // After the name, which may hold anything: state is the first, user and system time the 12th
    // and 13th, in hundredths of a second (proc(5)).
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>().saturating_mul(10))
}

/// Lets the process have as many files as the system lets it; how many that is.
pub(crate) fn raise_files() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0)
}
