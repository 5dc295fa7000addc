//! Limits that the kernel keeps for this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process have so many files open, or as many as it may. Tells how many those are.
#[must_use]
pub fn descriptors(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is no limit.
    let count = |limit: Option<u64>| {
        limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        })
    };
    let most = wanted.min(count(maximum));
    if count(current) >= most {
        return count(current);
    }
    let raised = Rlimit {
        current: u64::try_from(most).ok(),
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => most,
        Err(_) => count(current),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_are_wanted_and_the_hard_limit_allows() {
        let (Some(current), Some(maximum)) = (
            getrlimit(Resource::Nofile).current,
            getrlimit(Resource::Nofile).maximum,
        ) else {
            panic!("there are limits")
        };
        assert_eq!(descriptors(1) as u64, current, "it is never lowered");
        assert_eq!(descriptors(usize::MAX) as u64, maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, Some(maximum));
    }
}
