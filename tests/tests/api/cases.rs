//! Cases of one rule.

/// Checks all cases at the same time: those that wait until patience ends would add up otherwise.
#[track_caller]
pub(crate) fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        let check = &check;
        for case in cases {
            scope.spawn(move || check(case));
        }
    });
}
