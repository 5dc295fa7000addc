//! A bound on what a process may use, by control groups of version 1.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Removed when dropped; nobody may be in it then.
#[derive(Debug)]
pub(crate) struct Group {
    memory: PathBuf,
    cpu: PathBuf,
}

impl Group {
    /// One with so many bytes, and so many hundredths of a processor. `None` where the machine has no such groups, or none that
    /// this user may make.
    pub(crate) fn new(name: &str, bytes: u64, hundredths: u32) -> Option<Self> {
        let place = |kind: &str| PathBuf::from("/sys/fs/cgroup").join(kind).join(name);
        let group = Self {
            memory: place("memory"),
            cpu: place("cpu"),
        };
        std::fs::create_dir_all(&group.memory).ok()?;
        std::fs::create_dir_all(&group.cpu).ok()?;
        let period = 100_000;
        let write = |path: PathBuf, number: u64| std::fs::write(path, number.to_string()).ok();
        write(group.memory.join("memory.limit_in_bytes"), bytes)?;
        write(group.cpu.join("cpu.cfs_period_us"), period)?;
        let quota = period * u64::from(hundredths) / 100;
        write(group.cpu.join("cpu.cfs_quota_us"), quota)?;
        Some(group)
    }

    /// Puts a process into it.
    pub(crate) fn add(&self, pid: u32) -> Result<()> {
        for folder in [&self.memory, &self.cpu] {
            let path = folder.join("cgroup.procs");
            std::fs::write(&path, pid.to_string())
                .with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }

    /// The most memory that it had, and how often it was at its limit.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let read = |name: &str| {
            let text = std::fs::read_to_string(self.memory.join(name)).unwrap_or_default();
            text.trim().parse().unwrap_or_default()
        };
        (read("memory.max_usage_in_bytes"), read("memory.failcnt"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in [&self.memory, &self.cpu] {
            let _in_use = std::fs::remove_dir(folder);
        }
    }
}
