//! Network namespaces: the node's and the pods'. What is in them, and how to do something there.

use std::ffi::OsString;
use std::fs::File;
use std::net::IpAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::world::Run;
use crate::world::holder::Holder;

/// A network namespace of a world.
#[derive(Debug, Clone)]
pub struct Network {
    holder: Arc<Holder>,
    /// As seen from outside.
    file: PathBuf,
}

/// A link, as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its kind (`veth`, `bridge`, `macvlan`, …); empty for loopback.
    pub kind: String,
    /// Its hardware address.
    pub mac: String,
    /// Its MTU.
    pub mtu: u64,
    /// Whether it is set up.
    pub up: bool,
    /// The bridge that it is a port of.
    pub master: Option<String>,
}

/// An address on a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The link's name.
    pub link: String,
    /// The address.
    pub ip: IpAddr,
    /// The prefix length.
    pub prefix: u64,
    /// `global`, `link` or `host`.
    pub scope: String,
}

/// A route of any table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// `default`, a prefix or an address.
    pub destination: String,
    /// The gateway.
    pub gateway: Option<String>,
    /// The link's name; none for blackholes and the like.
    pub link: Option<String>,
    /// `main`, `local`, or a number.
    pub table: String,
    /// The metric.
    pub metric: Option<u64>,
    /// Whether it is an IPv6 route.
    pub v6: bool,
}

impl Network {
    pub(crate) fn new(holder: Arc<Holder>, file: PathBuf) -> Self {
        Self { holder, file }
    }

    /// A command that runs in this network, with the world's mounts.
    pub fn command(&self, program: impl Into<OsString>) -> Run {
        Run::new(
            self.file.clone(),
            self.holder.own("ns/mnt"),
            self.holder.own("root"),
            program.into(),
        )
    }

    /// Runs `ip` with these words.
    pub fn ip(&self, words: &str) -> Result<()> {
        self.command("ip")
            .args(words.split_whitespace())
            .check()
            .map(drop)
    }

    /// Runs `ip` with these words and reads its JSON: a list.
    pub fn ip_json(&self, words: &str) -> Result<Vec<Value>> {
        let done = self
            .command("ip")
            .args(["-j", "-d"])
            .args(words.split_whitespace())
            .check()?;
        // A list without elements may be printed as nothing at all.
        if done.stdout.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        let value = done.json()?;
        // Before version 6, iproute2 prints an empty object for what another family's filter left out.
        let full = |entry: &Value| entry.as_object().is_some_and(|keys| !keys.is_empty());
        Ok(value
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter(full)
            .collect())
    }

    /// All links.
    pub fn links(&self) -> Result<Vec<Link>> {
        Ok(self.ip_json("link")?.iter().map(link).collect())
    }

    /// The link of that name, if there is one.
    pub fn link(&self, name: &str) -> Result<Option<Link>> {
        Ok(self.links()?.into_iter().find(|link| link.name == name))
    }

    /// All addresses.
    pub fn addresses(&self) -> Result<Vec<Address>> {
        let links = self.ip_json("address")?;
        let of = |link: &Value| -> Vec<Address> {
            let name = text(link, "ifname");
            list(link, "addr_info")
                .filter_map(|entry| address(&name, entry))
                .collect()
        };
        Ok(links.iter().flat_map(of).collect())
    }

    /// The addresses of one link that are not link-local.
    pub fn addresses_of(&self, link: &str) -> Result<Vec<IpAddr>> {
        let fits = |address: &Address| address.link == link && address.scope != "link";
        Ok(self
            .addresses()?
            .into_iter()
            .filter(fits)
            .map(|address| address.ip)
            .collect())
    }

    /// All routes of all tables, IPv4 and IPv6.
    pub fn routes(&self) -> Result<Vec<Route>> {
        let mut routes: Vec<Route> = self
            .ip_json("-4 route show table all")?
            .iter()
            .map(|entry| route(entry, false))
            .collect();
        routes.extend(
            self.ip_json("-6 route show table all")?
                .iter()
                .map(|entry| route(entry, true)),
        );
        Ok(routes)
    }

    /// Calls `work` on a thread that is in this network: sockets that it makes stay there.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let namespace =
            File::open(&self.file).with_context(|| format!("open {}", self.file.display()))?;
        let enter = || -> Result<T> {
            use std::os::fd::AsFd;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .context("enter a network namespace")?;
            Ok(work())
        };
        std::thread::scope(|scope| scope.spawn(enter).join())
            .map_err(|_| anyhow!("panic inside a network namespace"))?
    }
}

/// A pod's network namespace. Removed when dropped.
#[derive(Debug)]
pub struct Sandbox {
    name: String,
    path: PathBuf,
    network: Network,
}

impl Sandbox {
    pub(crate) fn create(holder: Arc<Holder>, name: &str, path: &Path) -> Result<Self> {
        let make = r#"mkdir -p "$(dirname "$1")"; test ! -e "$1"; : > "$1"; exec unshare --net="$1" ip link set lo up"#;
        holder
            .shell(make, &[&path.to_string_lossy()])
            .with_context(|| format!("make the network namespace {}", path.display()))?;
        holder.add_sandbox(path);
        let network = Network::new(holder.clone(), holder.outside(path));
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            network,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its path inside the world: the value for `CNI_NETNS`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Takes it away, as a runtime does after DEL, and tells what went wrong.
    pub fn destroy(self) -> Result<()> {
        self.remove()
    }

    fn remove(&self) -> Result<()> {
        self.network.holder.shell(
            r#"test ! -e "$1" || { umount "$1"; rm "$1"; }"#,
            &[&self.path.to_string_lossy()],
        )
    }
}

impl Deref for Sandbox {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // What is left goes with the world.
        let _ = self.remove();
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn optional(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn link(entry: &Value) -> Link {
    Link {
        name: text(entry, "ifname"),
        kind: text(&entry["linkinfo"], "info_kind"),
        mac: text(entry, "address"),
        mtu: entry["mtu"].as_u64().unwrap_or_default(),
        up: list(entry, "flags").any(|flag| flag == "UP"),
        master: optional(entry, "master"),
    }
}

fn address(link: &str, entry: &Value) -> Option<Address> {
    Some(Address {
        link: link.to_owned(),
        ip: entry["local"].as_str()?.parse().ok()?,
        prefix: entry["prefixlen"].as_u64()?,
        scope: text(entry, "scope"),
    })
}

fn route(entry: &Value, v6: bool) -> Route {
    Route {
        destination: text(entry, "dst"),
        gateway: optional(entry, "gateway"),
        link: optional(entry, "dev"),
        table: optional(entry, "table").unwrap_or_else(|| "main".to_owned()),
        metric: entry["metric"].as_u64(),
        v6,
    }
}
