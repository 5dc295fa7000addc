//! How large a log file grows, and what becomes of the old ones (configuration key `logOptions`).

use serde::Deserialize;

/// `logOptions` as the configuration has it, defaults filled in (B2.17, B9.4). A size of 0 or less is the default; an age
/// or a number of 0 or less means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LogOptions {
    /// Days after which an old file is removed.
    pub max_age: i64,
    /// Megabytes (of 1024 × 1024 bytes) after which a new file is begun.
    pub max_size: i64,
    /// How many old files are kept.
    pub max_backups: i64,
    /// Whether old files are compressed.
    pub compress: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            max_age: 5,
            max_size: 100,
            max_backups: 5,
            compress: true,
        }
    }
}
