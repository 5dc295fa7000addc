//! What the process costs, under the names that Prometheus' own libraries use.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Counter, Error, Gauge, IntGauge, Registry};

use super::register;

/// The unit of the kernel's processor times, the same on every machine that Linux tells them on.
const TICKS: f64 = 100.0;

/// Series of the process.
#[derive(Debug)]
pub(super) struct Process {
    cpu: Counter,
    resident: IntGauge,
    virtual_memory: IntGauge,
    open: IntGauge,
    most_open: IntGauge,
}

impl Process {
    pub(super) fn new(to: &Registry) -> Result<Self, Error> {
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        let start = Gauge::new(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
        )?;
        register(to, start)?.set(started.unwrap_or_default().as_secs_f64());
        let gauge = |name, help| register(to, IntGauge::new(name, help)?);
        Ok(Self {
            cpu: register(
                to,
                Counter::new(
                    "process_cpu_seconds_total",
                    "Total user and system CPU time spent in seconds.",
                )?,
            )?,
            resident: gauge(
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
            )?,
            virtual_memory: gauge(
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes.",
            )?,
            open: gauge("process_open_fds", "Number of open file descriptors.")?,
            most_open: gauge(
                "process_max_fds",
                "Maximum number of open file descriptors.",
            )?,
        })
    }

    /// Takes over what the kernel says. What it does not say stays as it was.
    pub(super) fn look(&self) {
        let text = |name| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        if let Some(ticks) = ticks(&text("stat")) {
            let seconds = ticks / TICKS - self.cpu.get();
            // The library refuses to count backwards, and rounding might.
            self.cpu.inc_by(seconds.max(0.0));
        }
        let status = text("status");
        let memory = [
            ("VmRSS:", &self.resident),
            ("VmSize:", &self.virtual_memory),
        ];
        for (name, gauge) in memory {
            if let Some(kilobytes) = number_after(&status, name) {
                gauge.set(kilobytes.saturating_mul(1024));
            }
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // Less the one that reads this directory.
            let open = open.count().saturating_sub(1);
            self.open.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
        if let Some(most) = number_after(&text("limits"), "Max open files") {
            self.most_open.set(most);
        }
    }
}

/// Processor time out of `stat`, whose second field may hold anything.
fn ticks(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn number_after(text: &str, name: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 3 0 100 1 1";
        assert_eq!(ticks(stat), Some(200.0));
        assert_eq!(ticks("nothing"), None);
        let limits =
            "Limit   Soft  Hard\nMax open files            1024                 4096   files\n";
        assert_eq!(number_after(limits, "Max open files"), Some(1024));
        assert_eq!(number_after("VmRSS:\t  9472 kB\n", "VmRSS:"), Some(9472));

        let process = Process::new(&Registry::new()).unwrap();
        process.look();
        process.look();
        assert!(process.resident.get() > 1 << 20);
        assert!(process.open.get() > 0);
        assert!(process.most_open.get() > 0);
    }
}
