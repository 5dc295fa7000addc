//! The verbs (B4): what the runtime asks for, from the bytes on stdin to the text on stdout.

mod add;
mod del;
pub(crate) mod one;
mod query;
mod ready;

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cni::{CniError, CniResult, ContainerId, Runtime, Verb, code};
use engine::{Container, Remembered};
use plan::{NetConf, PodArgs, Timeouts};
use sys::files::DirCache;
use sys::lock::{ContainerLock, EndHolders, LockError, NodeLock};

use crate::ground::{Ground, Site};
use crate::journal::{self, LOG};
use crate::{Call, Program, Runs, messages};

/// Gives a result to whoever asked for it.
pub type Give<'a> = &'a mut dyn FnMut(&CniResult, &Call<'_>) -> Result<(), CniError>;

/// Carries out one verb. Where the result of an ADD cannot be given, nothing stays attached.
///
/// # Errors
/// What the runtime is told.
pub fn run(program: &dyn Program, request: &cni::Request, give: Give<'_>) -> Result<(), CniError> {
    let begin = Instant::now();
    let conf = program
        .conf(&request.config)
        .map_err(|error| messages::plain(error.code(), error))?;
    let mut args =
        PodArgs::parse(&request.args).map_err(|error| messages::plain(error.code(), error))?;
    if conf.manifest_dir.is_some() {
        args.pod.name_namespace();
    }
    let runs = Runs::default();
    let call = Call {
        request,
        conf: &conf,
        args: &args,
        deadline: begin + limit(&conf.timeouts, request.command),
        runs: &runs,
    };
    let site = program.site();
    if site == Site::Plugin {
        journal::configure(&conf);
    }
    journal::begins(&call);
    let done = match request.command {
        Verb::Add => add::run(program, &call, give),
        Verb::Del => del::run(program, &call),
        Verb::Check => query::check(program, &call),
        Verb::Status => query::status(program, &call),
        Verb::Gc => query::gc(program, &call),
        // Answered before any configuration is read.
        Verb::Version => Ok(()),
    };
    if done.is_ok() {
        journal::ended(&call, begin.elapsed());
    }
    // Where a moment more or less matters least.
    if site == Site::Plugin && matches!(request.command, Verb::Del | Verb::Gc) {
        LOG.tidy(Instant::now() + TIDYING);
    }
    done
}

fn limit(timeouts: &Timeouts, verb: Verb) -> Duration {
    match verb {
        Verb::Add => timeouts.add,
        Verb::Del => timeouts.del,
        Verb::Check => timeouts.check,
        Verb::Status | Verb::Version => timeouts.status,
        Verb::Gc => timeouts.gc,
    }
}

/// Compressing an old log file takes about a second for 100 MB.
const TIDYING: Duration = Duration::from_secs(20);

/// What the engine stands on, for one call.
fn ground(program: &dyn Program, call: &Call<'_>) -> Ground {
    Ground::new(call.conf, &program.site(), call.request.netns_override)
}

/// How its plugins are run.
fn runtime<'a>(ground: &'a Ground, call: &Call<'_>) -> Runtime<'a> {
    ground.runtime(&call.conf.bin_dir, &call.request.path)
}

/// The container that the call is about.
fn container(call: &Call<'_>) -> Result<Container, CniError> {
    let request = call.request;
    let id = request
        .container_id
        .clone()
        .ok_or_else(|| messages::plain(code::INVALID_ENVIRONMENT, "CNI_CONTAINERID is missing"))?;
    // Ledgers and the result cache share a directory (B4.92).
    if DirCache::below(Path::new("")).path() == Path::new(id.as_str()) {
        let text = format_args!("containerID \"{id}\" is the name of the result cache");
        return Err(messages::plain(code::INVALID_ENVIRONMENT, text));
    }
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    Ok(Container {
        id,
        netns: request.netns.clone(),
        ifname: call.ifname(),
        pod: call.args.pod.clone(),
        cni_args: request.args.clone(),
        configuration: request.config_name.to_string(),
        time,
    })
}

fn remembered<'a>(container: &'a Container, call: &Call<'a>) -> Remembered<'a> {
    Remembered {
        container,
        args: call.args,
        runtime_config: &call.conf.runtime_config,
    }
}

/// A plugin that is run inside the sandbox it should attach would take the host's place (B1.29).
fn check_own_netns(request: &cni::Request) -> Result<(), CniError> {
    let own = !request.netns_override
        && sys::netns::same_as_current(Path::new(&request.netns)).unwrap_or(false);
    if !own {
        return Ok(());
    }
    Err(messages::plain(
        code::INVALID_NETNS,
        "plugin's netns and netns from CNI_NETNS should not be the same",
    ))
}

/// What a verb that changes a container holds while it works: shared on the node, alone on the container (in the order
/// in which they are let go).
struct Locks {
    _container: Option<ContainerLock>,
    _node: Option<NodeLock>,
}

impl Locks {
    /// Takes both for an ADD. A plugin's delegates inherit the container's: a DEL that follows a killed ADD ends them first.
    fn for_add(program: &dyn Program, call: &Call<'_>, id: &ContainerId) -> Result<Self, CniError> {
        let refused = |error| refused(&error, call.args);
        let node = node_lock(call.conf, call.deadline).map_err(refused)?;
        let never = EndHolders::Never;
        let container =
            container_lock(program, call.conf, id, call.deadline, never).map_err(refused)?;
        Ok(Self {
            _container: Some(container),
            _node: Some(node),
        })
    }

    /// Takes both for a DEL, in the first half of its time: the other half is its delegates'. On a disk that is full or
    /// read-only a lock file that is not there cannot be made, so that nobody can hold that lock either: detaching goes on
    /// without it.
    fn for_del(program: &dyn Program, call: &Call<'_>, id: &ContainerId) -> Result<Self, CniError> {
        let (conf, args) = (call.conf, call.args);
        let until = Instant::now() + conf.timeouts.del / 2;
        let node = unless_unwritable(node_lock(conf, until), args)?;
        let end = EndHolders::OfAdd { until };
        let container = unless_unwritable(container_lock(program, conf, id, until, end), args)?;
        for pid in container.iter().flat_map(ContainerLock::ended) {
            let pod = args.pod.label();
            LOG.warning(format_args!(
                "[{pod}]: ended process {pid} of a call whose plugin was killed"
            ));
        }
        Ok(Self {
            _container: container,
            _node: node,
        })
    }
}

fn node_lock(conf: &NetConf, deadline: Instant) -> Result<NodeLock, LockError> {
    let until = deadline.min(Instant::now() + conf.timeouts.gc);
    NodeLock::shared(&conf.cni_dir, until)
}

fn container_lock(
    program: &dyn Program,
    conf: &NetConf,
    id: &ContainerId,
    deadline: Instant,
    end: EndHolders,
) -> Result<ContainerLock, LockError> {
    let until = deadline.min(Instant::now() + conf.timeouts.lock);
    let is_inherited = program.site() == Site::Plugin;
    ContainerLock::acquire(&conf.cni_dir, id.as_str(), is_inherited, until, end)
}

fn unless_unwritable<T>(lock: Result<T, LockError>, args: &PodArgs) -> Result<Option<T>, CniError> {
    match lock {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Io { path, source }) if is_unwritable(source.kind()) => {
            LOG.warning(format_args!(
                "[{}]: detaching without lock {}: {source}",
                args.pod.label(),
                path.display()
            ));
            Ok(None)
        }
        Err(error) => Err(refused(&error, args)),
    }
}

fn is_unwritable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
    )
}

fn refused(error: &LockError, args: &PodArgs) -> CniError {
    let code = match error {
        LockError::Busy { .. } => code::TRY_AGAIN_LATER,
        LockError::Io { .. } | LockError::BadId { .. } => code::IO_FAILURE,
    };
    messages::of_pod(code, &args.pod, error)
}
