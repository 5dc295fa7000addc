//! Detaches containers whose sandboxes are gone, after an uninstallation: nobody calls Multus for them any more.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use cni::ContainerId;
use sys::files::{DirLedger, FileError};

use crate::retries::{CameTo, Hands};
use crate::settings::Settings;

/// One that fails is passed over for 1, 2, 4 … rounds.
const MOST_ROUNDS: u32 = 64;

/// Looks again and again.
pub(crate) struct Sweep {
    hands: Hands,
    ledgers: DirLedger,
    round: u32,
    /// Those that failed: how many rounds they were passed over, and when they are tried again.
    put_off: BTreeMap<ContainerId, (u32, u32)>,
    /// What was told last of the ledgers that there are.
    told: Option<String>,
}

impl Sweep {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            hands: Hands::new(settings.netconf.clone(), settings.site(), None),
            ledgers: DirLedger::new(&settings.netconf.cni_dir),
            round: 0,
            put_off: BTreeMap::new(),
            told: None,
        }
    }

    /// Looks once; what there is to tell.
    pub(crate) fn once(&mut self) -> Vec<String> {
        self.round = self.round.saturating_add(1);
        let mut lines = Vec::new();
        for id in self.ids().unwrap_or_default() {
            let (passed, next) = self.put_off.get(&id).copied().unwrap_or_default();
            if next > self.round {
                continue;
            }
            match self.hands.gone(&id, is_gone) {
                CameTo::Done => drop(self.put_off.remove(&id)),
                CameTo::Busy => {}
                CameTo::Left(text) => {
                    let passed = (passed * 2).clamp(1, MOST_ROUNDS);
                    let next = self.round.saturating_add(passed + 1);
                    self.put_off.insert(id.clone(), (passed, next));
                    lines.push(format!("container {id} is not detached: {text}"));
                }
            }
        }
        let left = match self.ids().map(|ids| ids.len()) {
            Ok(0) => "nothing is left of what Multus attached".to_owned(),
            Ok(1) => "1 sandbox that Multus attached is left; its plugins stay".to_owned(),
            Ok(left) => {
                format!("{left} sandboxes that Multus attached are left; their plugins stay")
            }
            Err(error) => format!("cannot look for what Multus attached: {error}"),
        };
        if self.told.as_ref() != Some(&left) {
            lines.push(left.clone());
            self.told = Some(left);
        }
        lines
    }

    fn ids(&self) -> Result<Vec<ContainerId>, FileError> {
        let ids = self.ledgers.list()?.into_iter();
        Ok(ids.filter_map(|id| ContainerId::parse(&id).ok()).collect())
    }
}

/// A runtime removes the file of a network namespace with it. One whose directory cannot be seen from here is not gone: this may
/// be a container that sees another part of the node.
fn is_gone(netns: &str) -> bool {
    let path = Path::new(netns);
    let is_absent =
        || matches!(fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound);
    path.parent().is_some_and(Path::is_dir) && is_absent()
}

#[cfg(test)]
mod tests {
    use sys::files::{Durability, write_atomic};

    use super::*;

    #[test]
    fn that_nothing_is_left_is_said_once_and_not_where_nobody_can_tell() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        write_atomic(&file, b"", 0o600, Durability::None).unwrap();
        let sweep = |cni_dir: &Path| {
            let settings = format!(r#"{{"cniDir": {cni_dir:?}}}"#);
            let mut sweep = Sweep::new(&Settings::parse(settings.as_bytes()).unwrap());
            [sweep.once(), sweep.once()]
        };
        let [first, second] = sweep(directory.path());
        assert_eq!(
            first,
            ["1 sandbox that Multus attached is left; its plugins stay"]
        );
        assert_eq!(second, [""; 0]);
        fs::remove_file(&file).unwrap();
        let [first, _] = sweep(directory.path());
        assert_eq!(first, ["nothing is left of what Multus attached"]);
        write_atomic(&file, b"", 0o600, Durability::None).unwrap();
        let [first, second] = sweep(&file);
        assert!(
            first[0].starts_with("cannot look for what Multus attached: "),
            "{first:?}"
        );
        assert_eq!(second, [""; 0]);
    }

    #[test]
    fn a_sandbox_is_gone_when_its_file_is_and_its_directory_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        fs::create_dir(path("cni-1")).unwrap();
        assert!(!is_gone(&path("cni-1")));
        assert!(is_gone(&path("cni-2")));
        assert!(!is_gone(&path("elsewhere/cni-2")));
        assert!(!is_gone(""));
    }
}
