//! Finds what was left behind: everything of a world that is there now and was not before.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::netns::Network;
use crate::world::World;

/// What there was in a world at one time.
#[derive(Debug, Clone)]
pub struct Snapshot {
    found: BTreeSet<Leak>,
    folders: Vec<PathBuf>,
}

/// A thing that was left behind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// `link`, `address`, `route`, `rule`, `file` or `process`.
    pub kind: &'static str,
    /// The link that it belongs to, if it does.
    pub link: Option<String>,
    /// What it is, for people.
    pub text: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.text)
    }
}

/// Files that stay by design: the allocator's and the node's lock, and the allocator's note of the last address.
fn stays_by_design(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "lock" || name == ".lock" || name.starts_with("last_reserved_ip.")
}

impl Snapshot {
    /// What there is now: in the node's network and in every sandbox, below `folders`, and which processes run.
    pub(crate) fn take(world: &World, folders: &[&Path]) -> Result<Self> {
        let mut found = BTreeSet::new();
        network(world.node(), "", &mut found)?;
        for (path, sandbox) in world.sandboxes() {
            network(&sandbox, &format!("in {}: ", path.display()), &mut found)?;
        }
        rules(world, &mut found)?;
        for folder in folders {
            files(folder, &mut found);
        }
        files(&world.outside(Path::new("/run")), &mut found);
        for (pid, line) in world.processes() {
            found.insert(leak("process", None, format!("{pid} {line}")));
        }
        Ok(Self {
            found,
            folders: folders.iter().map(|folder| folder.to_path_buf()).collect(),
        })
    }

    pub(crate) fn leaks(&self, world: &World) -> Result<Vec<Leak>> {
        let folders: Vec<&Path> = self.folders.iter().map(PathBuf::as_path).collect();
        let now = Self::take(world, &folders)?;
        Ok(now.found.difference(&self.found).cloned().collect())
    }
}

/// The leaks that do not belong to one of these links: the bridge plugin means its bridges to stay.
pub fn without_links(leaks: Vec<Leak>, links: &[&str]) -> Vec<Leak> {
    let other = |leak: &Leak| {
        !leak
            .link
            .as_deref()
            .is_some_and(|link| links.contains(&link))
    };
    leaks.into_iter().filter(other).collect()
}

/// One leak a line.
pub fn lines(leaks: &[Leak]) -> String {
    leaks
        .iter()
        .map(Leak::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn leak(kind: &'static str, link: Option<String>, text: String) -> Leak {
    Leak { kind, link, text }
}

fn network(network: &Network, place: &str, found: &mut BTreeSet<Leak>) -> Result<()> {
    for link in network.links()? {
        found.insert(leak(
            "link",
            Some(link.name.clone()),
            format!("{}{} ({})", place, link.name, link.kind),
        ));
    }
    for address in network
        .addresses()?
        .into_iter()
        .filter(|address| !is_link_local(&address.ip.to_string()))
    {
        let text = format!(
            "{place}{}/{} on {}",
            address.ip, address.prefix, address.link
        );
        found.insert(leak("address", Some(address.link), text));
    }
    for route in network
        .routes()?
        .into_iter()
        .filter(|route| !is_link_local(&route.destination))
    {
        let link = route.link.clone().unwrap_or_default();
        let via = route
            .gateway
            .map(|gateway| format!(" via {gateway}"))
            .unwrap_or_default();
        let text = format!(
            "{place}{}{via} on {link} in table {}",
            route.destination, route.table
        );
        found.insert(leak("route", route.link, text));
    }
    Ok(())
}

/// What the kernel gives every link by itself, some time after the link is up: its own link-local and multicast prefixes.
fn is_link_local(destination: &str) -> bool {
    ["fe80:", "ff00:"]
        .iter()
        .any(|prefix| destination.starts_with(prefix))
}

/// Packet filter rules. A machine without these programs has no plugin that could have made some.
fn rules(world: &World, found: &mut BTreeSet<Leak>) -> Result<()> {
    for (program, arguments) in [
        ("nft", &["-s", "list", "ruleset"][..]),
        ("iptables-legacy-save", &[]),
    ] {
        if !is_installed(program) {
            continue;
        }
        let done = world.command(program).args(arguments).run()?;
        for line in done
            .stdout_text()
            .lines()
            .filter(|line| !line.trim().is_empty())
        {
            found.insert(leak("rule", None, line.trim().to_owned()));
        }
    }
    Ok(())
}

fn is_installed(program: &str) -> bool {
    std::env::split_paths(&crate::world::search_path()).any(|folder| folder.join(program).is_file())
}

fn files(folder: &Path, found: &mut BTreeSet<Leak>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files(&path, found);
        } else if !stays_by_design(&path) {
            found.insert(leak("file", None, path.display().to_string()));
        }
    }
}
