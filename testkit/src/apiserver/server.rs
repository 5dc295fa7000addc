//! The two processes, their life, and what tests ask of them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use rustix::process::Signal;

use super::audit::{self, AuditEvent};
use super::pki::{Identity, Pki};
use super::{address, flags, token};
use crate::kube::{Client, Kubeconfig, User, wait};
use crate::process::Server;
use crate::tools::{self, Part};

/// How long a start may take on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long an API server that was asked to end may take; open watches keep it.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A Kubernetes API server with its etcd. Both end when it is dropped, and also when the test process is killed.
#[derive(Debug)]
pub struct ApiServer {
    directory: PathBuf,
    program: PathBuf,
    address: SocketAddrV4,
    etcd_address: SocketAddrV4,
    url: String,
    pki: Pki,
    client: Client,
    // Dropped before etcd.
    state: Mutex<State>,
    _etcd: Server,
}

#[derive(Debug, Default)]
struct State {
    /// None while the API is down.
    server: Option<Server>,
    /// How often it was started; each run has an audit log of its own.
    runs: usize,
    frozen: bool,
}

impl ApiServer {
    /// Starts both servers with all their files in `directory`, and returns when the API is ready.
    pub fn start(directory: &Path) -> anyhow::Result<Self> {
        let etcd = tools::program(Part::Etcd, "etcd")?;
        let program = tools::program(Part::KubeApiserver, "kube-apiserver")?;
        fs::create_dir_all(directory)
            .with_context(|| format!("failed to create {}", directory.display()))?;
        let directory = directory
            .canonicalize()
            .with_context(|| format!("failed to find {}", directory.display()))?;

        let ip = address::own();
        let (address, etcd_address) = (address::free_port(ip)?, address::free_port(ip)?);
        let pki = Pki::new(&[ip]).context("failed to make the certificates of the API server")?;
        pki.write(&directory)?;
        fs::write(directory.join("audit-policy.yaml"), audit::POLICY)
            .context("failed to write the audit policy")?;

        let command = flags::etcd(
            &etcd,
            &directory.join("etcd"),
            etcd_address,
            address::free_port(ip)?,
        );
        let etcd = Server::start("etcd", command, &directory.join("etcd.log"))?;
        let url = format!("https://{address}");
        let client = Client::new(&url, &pki.both(), &User::Certificate(pki.admin.clone()))?;
        let state = Mutex::default();
        let api = Self {
            directory,
            program,
            address,
            etcd_address,
            url,
            pki,
            client,
            state,
            _etcd: etcd,
        };
        api.restart()?;
        Kubeconfig {
            server: &api.url,
            ca: &api.pki.both(),
            user: &User::Certificate(api.pki.admin.clone()),
        }
        .write(&api.admin_kubeconfig())?;
        Ok(api)
    }

    /// Starts the API again at the same address, with the same data; does nothing while it runs.
    pub fn restart(&self) -> anyhow::Result<()> {
        let mut state = self.state();
        if state.server.is_some() {
            return Ok(());
        }
        let audit = self.audit_log(state.runs);
        let command = flags::api(
            &self.program,
            &self.directory,
            self.address,
            self.etcd_address,
            &audit,
        );
        let mut server = Server::start(
            "kube-apiserver",
            command,
            &self.directory.join("kube-apiserver.log"),
        )?;
        state.runs += 1;
        // An end of the process ends the wait as well.
        wait::until("the API server to be ready", START_LIMIT, || {
            match server.ensure_running() {
                Err(ended) => Ok(Some(Err(ended))),
                Ok(()) => self.client.text("/readyz").map(|_| Some(Ok(()))),
            }
        })??;
        state.server = Some(server);
        Ok(())
    }

    /// Takes the API down in an orderly way. Clients get "connection refused" until [`ApiServer::restart`].
    pub fn stop(&self) -> anyhow::Result<()> {
        self.thaw()?;
        let Some(server) = self.state().server.take() else {
            return Ok(());
        };
        server.stop(STOP_GRACE).map(drop)
    }

    /// Takes the API down at once, in the middle of whatever it does.
    pub fn kill(&self) -> anyhow::Result<()> {
        let mut state = self.state();
        state.frozen = false;
        let Some(server) = state.server.take() else {
            return Ok(());
        };
        server.kill().map(drop)
    }

    /// The authority that [`ApiServer::change_authority`] puts in the place of the first one, PEM.
    pub fn next_authority(&self) -> &str {
        &self.pki.next.ca
    }

    /// Starts the API again with a certificate of another authority; tells which. The administrator believes both.
    pub fn change_authority(&self) -> anyhow::Result<&str> {
        self.kill()?;
        self.pki.write_next(&self.directory)?;
        self.restart()?;
        Ok(self.next_authority())
    }

    /// Lets the API hang: it accepts connections and answers nothing until [`ApiServer::thaw`].
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.set_frozen(true)
    }

    /// Lets a frozen API go on.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.set_frozen(false)
    }

    /// The API's address, `https://…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The authority's certificate, PEM.
    pub fn ca(&self) -> &str {
        &self.pki.ca
    }

    /// Where all files of this API are, its logs among them.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A client that may do everything.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A client that may do what a ServiceAccount may.
    pub fn client_for(&self, namespace: &str, name: &str) -> anyhow::Result<Client> {
        Client::new(
            &self.url,
            &self.pki.ca,
            &User::Token(self.client.token(namespace, name)?),
        )
    }

    /// A kubeconfig that may do everything. Never for the program under test.
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.directory.join("admin.kubeconfig")
    }

    /// A kubeconfig with a fresh token of a ServiceAccount.
    pub fn kubeconfig_for(&self, namespace: &str, name: &str) -> anyhow::Result<PathBuf> {
        let user = User::Token(self.client.token(namespace, name)?);
        self.write_kubeconfig(&format!("{namespace}-{name}.kubeconfig"), &user)
    }

    /// A client certificate that this API accepts.
    pub fn certificate_for(&self, user: &str, group: &str) -> anyhow::Result<Identity> {
        self.pki
            .client(user, group)
            .with_context(|| format!("failed to make a certificate for {user}"))
    }

    /// A certificate for a server at [`ApiServer::ip`] that this API's clients accept: for what stands between them and the API.
    pub fn serving_identity(&self) -> &Identity {
        &self.pki.server
    }

    /// The API's own address on loopback.
    pub fn ip(&self) -> Ipv4Addr {
        *self.address.ip()
    }

    /// Where the API listens.
    pub fn address(&self) -> SocketAddr {
        self.address.into()
    }

    /// A token of a ServiceAccount that expires when the caller says; the API itself grants ten minutes at least.
    ///
    /// The API accepts a token until a minute after its expiry.
    pub fn token_until(
        &self,
        namespace: &str,
        name: &str,
        expires: SystemTime,
    ) -> anyhow::Result<String> {
        let account = self.client.get(&format!(
            "/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        ))?;
        let uid = account["metadata"]["uid"].as_str().unwrap_or_default();
        token::sign(&self.pki.service_account_key, namespace, name, uid, expires)
            .with_context(|| format!("failed to sign a token for {namespace}/{name}"))
    }

    /// Every request since the start, also of earlier runs, in the order in which they arrived. Holds nothing of the server's own.
    ///
    /// What a client has seen answered is in it.
    pub fn audit(&self) -> anyhow::Result<Vec<AuditEvent>> {
        let state = self.state();
        let answering = state.server.is_some() && !state.frozen;
        let mut events = Vec::new();
        for run in 0..state.runs {
            events.extend(audit::read(
                &self.audit_log(run),
                answering && run + 1 == state.runs,
            )?);
        }
        Ok(events)
    }

    fn audit_log(&self, run: usize) -> PathBuf {
        self.directory.join(format!("audit-{run}.log"))
    }

    fn write_kubeconfig(&self, name: &str, user: &User) -> anyhow::Result<PathBuf> {
        let path = self.directory.join(name);
        Kubeconfig {
            server: &self.url,
            ca: &self.pki.ca,
            user,
        }
        .write(&path)?;
        Ok(path)
    }

    fn set_frozen(&self, frozen: bool) -> anyhow::Result<()> {
        let mut state = self.state();
        if let Some(server) = &state.server {
            server.signal(if frozen { Signal::STOP } else { Signal::CONT })?;
            state.frozen = frozen;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
