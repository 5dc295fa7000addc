//! The environment of this process. Programs read it through here and nowhere else; no one ever sets it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// The value of an environment variable. Bytes that are not UTF-8 come out as U+FFFD, which every check of an id, a name or a
/// path of ours refuses.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Everything but the variables whose name begins with `prefix`: what a plugin inherits.
#[must_use]
pub fn without_prefix(prefix: &str) -> Vec<(OsString, OsString)> {
    env::vars_os()
        .filter(|(name, _)| !name.as_bytes().starts_with(prefix.as_bytes()))
        .collect()
}

/// Every variable, as text.
#[must_use]
pub fn all() -> BTreeMap<String, String> {
    let text = |part: OsString| part.to_string_lossy().into_owned();
    env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Whether this process is root's.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gets_what_is_there_and_nothing_else() {
        assert!(get("PATH").is_some());
        assert_eq!(get("SYS_TEST_SURELY_NOT_SET"), None);
    }

    #[test]
    fn leaves_out_a_prefix() {
        assert!(
            without_prefix("SYS_TEST_")
                .iter()
                .any(|(name, _)| name == "PATH")
        );
        assert!(!without_prefix("PAT").iter().any(|(name, _)| name == "PATH"));
    }
}
