//! What a process has used of the processors.

use std::time::Duration;

/// Processor time that a process has used.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    /// The kernel counts in hundredths of a second.
    const TICK: Duration = Duration::from_millis(10);
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}
