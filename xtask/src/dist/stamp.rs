//! Of which commit the source is: what `-version` of the programs says.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Variables for the compiler (B1.9). The time is that of the commit, so that the same source makes the same programs. Nothing
/// where the source is no checkout.
pub(super) fn of(root: &Path) -> Vec<(&'static str, String)> {
    stamp(root).unwrap_or_default()
}

fn stamp(root: &Path) -> Option<Vec<(&'static str, String)>> {
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    // Source that lies in somebody else's checkout is not of its commits.
    if fs::canonicalize(top).ok()? != fs::canonicalize(root).ok()? {
        return None;
    }
    let commit = git(root, &["rev-parse", "--verify", "HEAD"])?;
    let date = "--date=format-local:%Y-%m-%dT%H:%M:%SZ";
    let date = git(root, &["log", "-1", "--format=%cd", date])?;
    let changes = git(root, &["status", "--porcelain", "--untracked-files=no"])?;
    let state = if changes.is_empty() { "clean" } else { "dirty" };
    Some(vec![
        ("MULTUS_COMMIT", commit),
        ("MULTUS_DATE", date),
        ("MULTUS_TREE_STATE", state.to_owned()),
    ])
}

/// What git says of a checkout, also of another user's.
fn git(root: &Path, words: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command
        .arg("-c")
        .arg(format!("safe.directory={}", root.display()))
        .args(words)
        .current_dir(root)
        .env("TZ", "UTC");
    let said = command.output().ok().filter(|said| said.status.success())?;
    Some(String::from_utf8(said.stdout).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(root: &Path, words: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(words)
            .current_dir(root)
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05+01:00")
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    #[test]
    fn what_ships_says_of_which_commit_it_is_and_since_when_that_is_there() {
        // B1.9
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let value = |name| {
            let all = of(root);
            let found = all.into_iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value)
        };
        run(root, &["init", "--quiet"]);
        assert_eq!(of(root), []);
        fs::write(root.join("file"), "one").unwrap();
        run(root, &["add", "file"]);
        run(root, &["commit", "--quiet", "--message=first"]);
        let commit = git(root, &["rev-parse", "HEAD"]).unwrap();
        assert_eq!(value("MULTUS_COMMIT"), Some(commit));
        let date = "2026-01-02T02:04:05Z".to_owned();
        assert_eq!(value("MULTUS_DATE"), Some(date));
        assert_eq!(value("MULTUS_TREE_STATE"), Some("clean".to_owned()));
        fs::write(root.join("file"), "two").unwrap();
        assert_eq!(value("MULTUS_TREE_STATE"), Some("dirty".to_owned()));
        let inside = root.join("unpacked");
        fs::create_dir(&inside).unwrap();
        assert_eq!(of(&inside), []);
    }
}
