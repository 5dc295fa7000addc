//! Networks as a whole: chains of plugins, in order for ADD, in reverse for DEL.

mod add;
mod cached;
mod check;
mod del;
mod error;
mod gc;
mod status;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Map, Value};

pub use cached::Stale;
pub use error::{ChainError, ChainErrors};

use crate::cache::CacheStore;
use crate::exec::{Call, Exec, FindError, Output};
use crate::names::{self, ContainerId, IfName, NetworkName};
use crate::request::{self, Extra};
use crate::{Cause, NetworkConf, PluginConf, PluginFailure, Verb, args};

/// Which container, where and how. The same for ADD, CHECK and DEL.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// The container.
    pub container_id: ContainerId,
    /// Its network namespace; empty when it is gone.
    pub netns: String,
    /// The interface.
    pub ifname: IfName,
    /// `CNI_ARGS`, in order.
    pub args: Vec<(String, String)>,
    /// Capability arguments by name; a plugin gets those that it declares.
    pub capability_args: Map<String, Value>,
}

/// Runs networks. Callers see to it that one container has one operation at a time, and that GC runs alone.
pub struct Runtime<'a> {
    exec: &'a dyn Exec,
    cache: &'a dyn CacheStore,
    path: Vec<PathBuf>,
    /// The programs that were found, by type: a network asks before anything runs, and again when its turn comes.
    found: RefCell<BTreeMap<String, PathBuf>>,
}

impl std::fmt::Debug for Runtime<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<'a> Runtime<'a> {
    /// For one call of the runtime: how plugins are found and run, where results are kept, and where plugins are, in order;
    /// plugins get the same as `CNI_PATH`.
    #[must_use]
    pub fn new(exec: &'a dyn Exec, cache: &'a dyn CacheStore, path: Vec<PathBuf>) -> Self {
        Self {
            exec,
            cache,
            path,
            found: RefCell::default(),
        }
    }
}

impl Runtime<'_> {
    /// Finds the program of every plugin of the network (#24).
    ///
    /// # Errors
    /// [`FindError`] for the first that is not there.
    pub fn precheck(&self, conf: &NetworkConf) -> Result<(), FindError> {
        conf.plugins()
            .iter()
            .try_for_each(|plugin| self.find(plugin).map(drop))
    }

    /// Checks names and arguments as every verb does before a plugin runs (#50, #52); the name of the cached result.
    ///
    /// # Errors
    /// [`ChainError`], which the same ADD and DEL would end with.
    pub fn cache_name(&self, conf: &NetworkConf, at: &Attachment) -> Result<String, ChainError> {
        checked(conf, at).map_err(|cause| ChainError::of_network(conf, Verb::Add, cause))
    }

    fn find(&self, plugin: &PluginConf) -> Result<PathBuf, FindError> {
        let plugin_type = plugin.plugin_type();
        if names::check_plugin_type(plugin_type).is_err() {
            return Err(FindError::BadType {
                plugin: plugin_type.to_owned(),
            });
        }
        if self.path.is_empty() {
            return Err(FindError::NoPath {
                plugin: plugin_type.to_owned(),
            });
        }
        if let Some(program) = self.found.borrow().get(plugin_type) {
            return Ok(program.clone());
        }
        let program = self.exec.find(plugin_type, &self.path)?;
        self.found
            .borrow_mut()
            .insert(plugin_type.to_owned(), program.clone());
        Ok(program)
    }

    /// Runs one plugin; its output is for the caller to judge.
    fn run(
        &self,
        conf: &NetworkConf,
        plugin: &PluginConf,
        request: &Request<'_>,
    ) -> Result<Output, Cause> {
        self.run_beside(conf, plugin, None, request, &|| ())
    }

    /// The same of a program that may be known, and does something meanwhile.
    fn run_beside(
        &self,
        conf: &NetworkConf,
        plugin: &PluginConf,
        program: Option<PathBuf>,
        request: &Request<'_>,
        meanwhile: &dyn Fn(),
    ) -> Result<Output, Cause> {
        let failed = |failure| Cause::Plugin(failure);
        let program = program.map_or_else(|| self.find(plugin), Ok);
        let program = program.map_err(|error| failed(PluginFailure::Find(error)))?;
        let env = request::environment(request.verb, request.attachment, &self.path)?;
        let stdin = request::stdin(conf, plugin, &request.extra).map_err(Cause::Request)?;
        let call = Call {
            program: &program,
            env: &env,
            stdin: &stdin,
            deadline: request.deadline,
        };
        self.exec
            .run_beside(&call, meanwhile)
            .map_err(|error| failed(PluginFailure::Spawn { error }))
    }
}

/// What is the same for all plugins of one step.
struct Request<'a> {
    verb: Verb,
    attachment: Option<&'a Attachment>,
    extra: Extra<'a>,
    deadline: Instant,
}

impl<'a> Request<'a> {
    fn of(
        verb: Verb,
        at: &'a Attachment,
        prev_result: Option<&'a crate::CniResult>,
        deadline: Instant,
    ) -> Self {
        let extra = Extra::Attachment {
            capability_args: &at.capability_args,
            prev_result,
        };
        Self {
            verb,
            attachment: Some(at),
            extra,
            deadline,
        }
    }
}

/// Everything that can be refused before a plugin runs, on every verb; the name of the cached result.
fn checked(conf: &NetworkConf, at: &Attachment) -> Result<String, Cause> {
    let network = checked_network(conf)?;
    let cache_name = names::cache_name(&network, &at.container_id, &at.ifname)?;
    args::encode(&at.args)?;
    Ok(cache_name)
}

fn checked_network(conf: &NetworkConf) -> Result<NetworkName, Cause> {
    let network = NetworkName::parse(conf.name())?;
    if conf.plugins().is_empty() {
        Err(Cause::NoPlugins)
    } else {
        Ok(network)
    }
}

#[cfg(test)]
mod tests;
