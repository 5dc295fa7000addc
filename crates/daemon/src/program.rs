//! The program: configuration, parts, serving, the end.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::{ClusterError, Live, WatchOptions, Watches};
use devices::Kubelet;
use plugin::{LOG, LogTo};
use sys::files::FileError;
use sys::log::Level;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::interval;

use crate::arrivals::Arrivals;
use crate::ask;
use crate::behind::{Behind, Writer};
use crate::complaints::Complaints;
use crate::credentials::{Credentials, CredentialsError, Found};
use crate::early::Early;
use crate::events::Events;
use crate::facts::Sources;
use crate::flags::{self, Flags};
use crate::gate::Gate;
use crate::keeper::{self, KeeperError, Report};
use crate::lacking::{Lacking, Sights};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::planner::Decoded;
use crate::readiness::Readiness;
use crate::retries::Retries;
use crate::server::Server;
use crate::service::Service;
use crate::settings::{ConfigFile, Settings, SettingsError};
use crate::socket::{Socket, SocketError};
use crate::uninstall;
use crate::upstream::{Host, Upstream};

/// No honest configuration comes near it.
const LARGEST: u64 = 1 << 20;
/// How often old log files are looked after, and for how long.
const TIDY_EVERY: Duration = Duration::from_secs(3600);
const TIDYING: Duration = Duration::from_secs(20);
/// Threads that wait for files and for the kubelet; more plans than that wait for them.
const BLOCKING: usize = 8;
/// How long events and statuses that are still to be sent keep a daemon that ends.
const LAST: Duration = Duration::from_secs(1);

/// Why the program ends other than by a signal.
#[derive(Debug, thiserror::Error)]
enum Exit {
    #[error("failed to read the daemon's configuration: {0}")]
    Unreadable(#[from] FileError),
    #[error("failed to read the daemon's configuration {}: there is no such file", .0.display())]
    Missing(PathBuf),
    #[error("failed to read the daemon's configuration {}: {source}", path.display())]
    Settings {
        path: PathBuf,
        source: SettingsError,
    },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("failed to keep the node's configuration: {0}")]
    Keeper(#[from] KeeperError),
    #[error("must run as root: plugins are, and nobody else may ask for plans")]
    NotRoot,
    #[error("failed to start serving: {0}")]
    Server(#[from] SocketError),
    #[error("failed to start serving: {0}")]
    Runtime(#[from] io::Error),
}

impl Exit {
    /// B1.43
    fn status(&self) -> u8 {
        match self {
            Self::Unreadable(_) | Self::Missing(_) | Self::Settings { .. } => 1,
            Self::Credentials(_) => 1,
            Self::Keeper(_) => 2,
            Self::NotRoot | Self::Server(_) | Self::Runtime(_) => 3,
        }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    match flags::read(arguments.map(|word| word.to_string_lossy().into_owned())) {
        Flags::Serve(config) => serve(&config),
        Flags::Get { config, path, own } => {
            match read(&config).map(|settings| ask::print(&settings, &path, own)) {
                Ok(answer) => answer,
                Err(exit) => leave(&exit),
            }
        }
        Flags::Uninstall { config, stay } => match read(&config) {
            Ok(settings) => uninstall::run(&settings, stay),
            Err(exit) => leave(&exit),
        },
        Flags::Version => {
            sys::say!("multus-daemon: {}", plugin::version());
            ExitCode::from(4)
        }
        Flags::Help => {
            sys::complain!("{}", flags::USAGE.trim_end());
            ExitCode::SUCCESS
        }
        Flags::Wrong(text) => {
            sys::complain!("{text}\n{}", flags::USAGE.trim_end());
            ExitCode::from(2)
        }
    }
}

/// Every end has its reason on stderr, whatever the settings of the log are.
fn serve(config: &Path) -> ExitCode {
    let settings = match read(config) {
        Ok(settings) => settings,
        // There is no log yet.
        Err(exit) => return leave(&exit),
    };
    let logs_to_stderr = settings.log_to_stderr;
    plugin::log_to(LogTo {
        level: &settings.log_level,
        stderr: logs_to_stderr,
        file: settings.log_file.clone(),
        options: settings.log_options,
    });
    let is_told = |level| logs_to_stderr && LOG.is_told(level);
    let ran = prepare().and_then(|runtime| {
        let ran = runtime.block_on(run(settings));
        // Whoever still waits for a plugin or a file does so for nobody. The runtime stays: a thread that waits with a deadline
        // where there is no clock any more would end the program by a fault.
        std::mem::forget(runtime);
        // Their ledgers tell the next DEL what to undo.
        sys::children::end_all();
        ran
    });
    match ran {
        Ok(signal) => {
            LOG.verbose(format_args!("ended by {signal}"));
            if !is_told(Level::Verbose) {
                sys::complain!("multus-daemon: ended by {signal}");
            }
            ExitCode::SUCCESS
        }
        Err(exit) => {
            LOG.error(&exit);
            match is_told(Level::Error) {
                true => ExitCode::from(exit.status()),
                false => leave(&exit),
            }
        }
    }
}

fn leave(exit: &Exit) -> ExitCode {
    sys::complain!("multus-daemon: {exit}");
    ExitCode::from(exit.status())
}

fn read(config: &Path) -> Result<Settings, Exit> {
    let bytes = sys::files::read_following(config, LARGEST)?
        .ok_or_else(|| Exit::Missing(config.to_owned()))?;
    Settings::parse(&bytes).map_err(|source| Exit::Settings {
        path: config.to_owned(),
        source,
    })
}

fn prepare() -> Result<Runtime, Exit> {
    if !sys::environment::is_root() {
        return Err(Exit::NotRoot);
    }
    Ok(Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING)
        .build()?)
}

/// Serves until a signal comes; tells which.
async fn run(settings: Settings) -> Result<&'static str, Exit> {
    let mut signals = Signals::new()?;
    let name = sys::environment::get("MULTUS_NODE_NAME").filter(|name| !name.is_empty());
    let (credentials, early) = match Credentials::find(&settings, name.as_deref())? {
        Found::There(credentials) => (credentials, None),
        Found::First(first) => {
            let mut early = Early::new(&settings.socket_dir);
            tokio::select! {
                obtained = early.serve_until(first) => (obtained??, Some(early)),
                signal = signals.next() => return Ok(signal),
            }
        }
    };
    let credentials = Arc::new(credentials);
    let (stopping, is_stopping) = watch::channel(false);
    let Parts {
        service,
        writer,
        keeper: _keeper,
    } = Parts::start(settings, name.as_deref(), &credentials, is_stopping)?;
    let (node, crew) = (
        Arc::clone(&service.node),
        Arc::clone(&service.upstream.crew),
    );
    let settings = &node.settings;
    let (socket, listener) = match early.and_then(Early::end) {
        Some(bound) => bound,
        None => Socket::bind(&settings.socket_dir)?,
    };
    LOG.verbose(format_args!(
        "{} listens on {}",
        plugin::version(),
        socket.path().display()
    ));
    let mut housekeeping = JoinSet::new();
    housekeeping.spawn(tidy());
    let metrics = Arc::clone(&node.metrics);
    housekeeping.spawn(async move { credentials.keep(&metrics).await });
    if settings.enable_pprof {
        LOG.warning(
            "enablePprof: there are no profiles; on the node, perf record -g -p PID makes one",
        );
    }
    if let Some(port) = settings.metrics_port {
        housekeeping.spawn(crate::metrics::serve(port, Arc::clone(&service)));
    }
    let server = Server::new(socket, listener, service);
    let writing = tokio::spawn(writer.run());
    let (signal, guests) = server.serve(signals.next()).await?;
    LOG.verbose(format_args!("caught {signal}, finishing what is under way"));
    stopping.send_replace(true);
    tokio::select! {
        () = guests.leave(&crew) => {}
        again = signals.next() => LOG.warning(format_args!("caught {again}, ending at once")),
    }
    housekeeping.abort_all();
    tokio::join!(node.events.flush(LAST), node.behind.flush(LAST));
    writing.abort();
    Ok(signal)
}

/// What a daemon is made of.
struct Parts {
    service: Arc<Service>,
    /// Works once the socket is in its place.
    writer: Writer,
    /// Works as long as this is there.
    keeper: keeper::Watch,
}

impl Parts {
    /// Starts what works by itself, and puts together what answers.
    fn start(
        settings: Settings,
        name: Option<&str>,
        credentials: &Arc<Credentials>,
        is_stopping: watch::Receiver<bool>,
    ) -> Result<Self, Exit> {
        let live = Arc::clone(&credentials.live);
        let options = WatchOptions {
            node: name.map(str::to_owned),
            ..WatchOptions::default()
        };
        let observer: Arc<dyn cluster::Observer> = Arc::new(Journal);
        let watches = Watches::start(&live, &options, &observer).map_err(CredentialsError::Api)?;
        let watches = Arc::new(watches);
        let metrics = Arc::new(Metrics::new().map_err(io::Error::other)?);
        let (conf, site) = (settings.netconf.clone(), settings.site());
        let patience = conf.timeouts.events;
        let events = Events::start(Arc::clone(&live), patience, Arc::clone(&metrics), name);
        let keeper = keep(&settings, &events, &metrics)?;
        let status: Arc<dyn Fn() -> keeper::Status + Send + Sync> = Arc::new(keeper.status_of());
        let behind_watches = Arc::clone(&watches);
        let (behind, writer) = Behind::new(behind_watches, &conf.cni_dir, conf.timeouts.api);
        let lacking = name.map(|_| lacking(&settings, &watches, &live));
        let complaints = Arc::<Complaints>::default();
        let node = Arc::new(Node {
            decoded: Decoded::default(),
            readiness: Readiness::new(Arc::clone(&live), Arc::clone(&watches), Arc::clone(&status)),
            sources: Sources {
                live,
                watches,
                status,
                kubelet: Kubelet::default(),
                complaints: Arc::clone(&complaints),
            },
            gate: Gate::new(settings.connection_limit, is_stopping),
            events,
            behind,
            retries: Retries::start(conf, site, Arc::clone(&metrics)),
            metrics,
            complaints,
            settings,
        });
        let host = Host {
            node: Arc::clone(&node),
            runtime: Handle::current(),
        };
        let service = Arc::new(Service {
            arrivals: Arrivals::default(),
            lacking,
            credentials: Arc::clone(credentials),
            upstream: Upstream {
                host,
                crew: Arc::default(),
            },
            node,
        });
        Ok(Self {
            service,
            writer,
            keeper,
        })
    }
}

/// Keeps the node's configuration, and tells log, events and metrics of it.
fn keep(
    settings: &Settings,
    events: &Events,
    metrics: &Arc<Metrics>,
) -> Result<keeper::Watch, KeeperError> {
    let (events, metrics) = (events.clone(), Arc::clone(metrics));
    keeper::Watch::start(settings, move |report: &Report| {
        metrics.reported(report);
        events.keeper(report);
        journal(report);
    })
}

/// Looks for pods that run without their networks.
fn lacking(settings: &Settings, watches: &Arc<Watches>, live: &Arc<Live>) -> Lacking {
    let conf = &settings.netconf;
    Lacking::start(Sights {
        watches: Arc::clone(watches),
        live: Arc::clone(live),
        cni_dir: conf.cni_dir.clone(),
        are_ledgers_elsewhere: matches!(settings.config_file, ConfigFile::Copy(_)),
        multus_namespace: conf.multus_namespace.clone(),
        patience: conf.timeouts.events,
    })
}

/// Old log files.
async fn tidy() {
    let mut interval = interval(TIDY_EVERY);
    loop {
        interval.tick().await;
        let _done = spawn_blocking(|| LOG.tidy(Instant::now() + TIDYING)).await;
    }
}

/// B1.45
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Exit> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// What the keeper tells.
fn journal(report: &Report) {
    if report.is_warning() {
        LOG.warning(report);
    } else {
        LOG.verbose(report);
    }
}

/// What the watches tell.
struct Journal;

impl cluster::Observer for Journal {
    fn listed(&self, what: &str, objects: usize) {
        LOG.verbose(format_args!("{objects} {what} listed"));
    }

    fn waits(&self, error: &ClusterError) {
        LOG.warning(format_args!("failed to {error}; it is waited for"));
    }

    fn failed(&self, error: &ClusterError, pause: Duration) {
        LOG.warning(format_args!(
            "failed to {error}; tried again in {:.1} s",
            pause.as_secs_f64()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_the_status_that_upstream_gives_it() {
        // B1.43, B1.44
        let io = || io::Error::from(io::ErrorKind::AddrInUse);
        let settings = Exit::Settings {
            path: "/c".into(),
            source: SettingsError::ConnectionLimit(0),
        };
        for (exit, status) in [
            (Exit::Missing("/c".into()), 1),
            (settings, 1),
            (Exit::Credentials(CredentialsError::NoApi), 1),
            (Exit::Keeper(KeeperError::from(io())), 2),
            (Exit::NotRoot, 3),
            (Exit::Runtime(io()), 3),
        ] {
            assert_eq!(exit.status(), status, "{exit}");
        }
    }
}
