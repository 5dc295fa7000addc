//! The log of this call: where it goes, and how what the engine does reads in it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use cni::{CniResult, NetworkConf, Verb, Version};
use engine::{Event, Observer, Stage};
use plan::{LogOptions, NetConf, PodRef};
use sys::log::{Level, Log, Rotation, Settings};

use crate::{Call, Runs};

/// The log of this program: one process serves one call, so that one is enough.
pub static LOG: Log = Log::new();

/// Where the lines of one call go (B2.14–B2.17).
pub(crate) fn configure(conf: &NetConf) {
    log_to(LogTo {
        level: &conf.log_level,
        stderr: conf.log_to_stderr,
        file: conf.log_file.clone(),
        options: conf.log_options,
    });
}

/// Where the lines of a program go.
#[derive(Debug, Clone)]
pub struct LogTo<'a> {
    /// The level as it is written; empty for the default.
    pub level: &'a str,
    /// To stderr.
    pub stderr: bool,
    /// To this file.
    pub file: Option<PathBuf>,
    /// How that is put aside.
    pub options: LogOptions,
}

/// Where lines go from now on.
pub fn log_to(to: LogTo<'_>) {
    let level = if to.level.is_empty() {
        Log::DEFAULT_LEVEL
    } else {
        Level::parse(to.level).unwrap_or_else(|| {
            Log::complain(format_args!("cannot set logging level to {}", to.level));
            Log::DEFAULT_LEVEL
        })
    };
    LOG.configure(Settings {
        level,
        to_stderr: to.stderr,
        file: to.file.map(|path| (path, rotation(to.options))),
    });
}

fn rotation(options: LogOptions) -> Rotation {
    let megabytes = match u64::try_from(options.max_size) {
        Ok(0) | Err(_) => LogOptions::default().max_size.unsigned_abs(),
        Ok(megabytes) => megabytes,
    };
    let limit = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
    Rotation {
        max_bytes: megabytes.saturating_mul(1 << 20),
        max_age: limit(options.max_age)
            .map(|days| Duration::from_secs(days.saturating_mul(24 * 60 * 60))),
        max_backups: limit(options.max_backups)
            .map(|number| usize::try_from(number).unwrap_or(usize::MAX)),
        compress: options.compress,
    }
}

/// The request, for [`Level::Debug`].
pub(crate) fn begins(call: &Call<'_>) {
    let request = call.request;
    LOG.debug(format_args!(
        "{} begins: netns \"{}\", CNI_ARGS \"{}\", path {:?}",
        Named(call),
        request.netns,
        request.args,
        request.path
    ));
}

/// A call that ended well; one that did not is told by its error.
pub(crate) fn ended(call: &Call<'_>, time: Duration) {
    LOG.verbose(format_args!(
        "{} done in {} ms",
        Named(call),
        time.as_millis()
    ));
}

struct Named<'a>(&'a Call<'a>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { request, args, .. } = self.0;
        write!(f, "{}", request.command.as_str())?;
        match &request.container_id {
            Some(id) => write!(f, " of container {id} [{}]", args.pod.label()),
            None => Ok(()),
        }
    }
}

/// Takes note of what the engine does, and writes it down: a line for what was done (B4.44, B4.110, B9.8), and with
/// [`Level::Debug`] one for what begins. What failed is told by the error.
impl Observer for Runs {
    fn happened(&self, event: &Event<'_>) {
        self.note(event);
        match event.stage {
            Stage::Failed => {}
            Stage::Begins => LOG.debug(Begins(event)),
            Stage::Done(result) => LOG.verbose(Done(event, result)),
            Stage::DeviceInfo(problem) => LOG.warning(format_args!(
                "[{}]: network \"{}\" as {}: {problem}",
                event.container.pod.label(),
                event.record.name,
                event.record.ifname
            )),
        }
    }
}

/// With the configuration: at this level only, for it is the cluster's own.
struct Begins<'a>(&'a Event<'a>);

impl fmt::Display for Begins<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event {
            container,
            record,
            verb,
            ..
        } = self.0;
        let conf = String::from_utf8_lossy(record.conf.bytes());
        write!(
            f,
            "[{}]: {} of container {} begins: network \"{}\" as {}: {conf}",
            container.pod.label(),
            verb.as_str(),
            container.id,
            record.name,
            record.ifname
        )
    }
}

struct Done<'a>(&'a Event<'a>, Option<&'a CniResult>);

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Event { record, .. }, pod) = (self.0, &self.0.container.pod);
        let (network, ifname) = (record.conf.name(), &record.ifname);
        let place = format!("{}:{}", pod.namespace, pod.name);
        match self.0.verb {
            Verb::Add => write!(
                f,
                "Add: {place}:{}:{}({network}):{ifname} {}",
                uid(pod),
                record.name,
                Printed(self.1, record.conf.version())
            ),
            // Upstream prints the whole configuration here.
            Verb::Del => write!(
                f,
                "Del: {place}:{}:{network}:{ifname} {}",
                uid(pod),
                Plugins(&record.conf)
            ),
            verb => {
                let verb = if verb == Verb::Check {
                    "Check"
                } else {
                    verb.as_str()
                };
                let plugins = Plugins(&record.conf);
                write!(
                    f,
                    "{verb}: {place}:{}({network}):{ifname} {plugins}",
                    record.name
                )
            }
        }
    }
}

fn uid(pod: &PodRef) -> &str {
    if pod.uid.is_empty() {
        "unknownUID"
    } else {
        &pod.uid
    }
}

/// The types of a network's plugins.
pub(crate) struct Plugins<'a>(pub(crate) &'a NetworkConf);

impl fmt::Display for Plugins<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, plugin) in self.0.plugins().iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{}", plugin.plugin_type())?;
        }
        Ok(())
    }
}

struct Printed<'a>(Option<&'a CniResult>, Version);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.map(|result| {
            result
                .to_value(self.1)
                .or_else(|_| result.to_value(Version::V1_1_0))
        });
        match value {
            Some(Ok(value)) => write!(f, "{value}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_are_none_are_the_default_and_other_limits_are_off() {
        // B9.4
        let day = Duration::from_secs(86_400);
        for (max_size, max_age, max_backups, expected) in [
            (100, 5, 5, (100 << 20, Some(5 * day), Some(5))),
            (1, 0, 0, (1 << 20, None, None)),
            (0, -1, -1, (100 << 20, None, None)),
            (-7, 1, 1, (100 << 20, Some(day), Some(1))),
            (
                i64::MAX,
                i64::MAX,
                i64::MAX,
                (
                    u64::MAX,
                    Some(Duration::from_secs(u64::MAX)),
                    Some(usize::try_from(i64::MAX).unwrap()),
                ),
            ),
        ] {
            let rotation = rotation(LogOptions {
                max_age,
                max_size,
                max_backups,
                compress: true,
            });
            assert_eq!(
                (rotation.max_bytes, rotation.max_age, rotation.max_backups),
                expected,
                "{max_size} {max_age} {max_backups}"
            );
        }
    }
}
