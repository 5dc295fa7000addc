//! Who the daemon is to the API: a kubeconfig's user, its pod's service account (B5.1), or, with `perNodeCertificate`, its
//! node's Multus (B6.80–B6.86). What is replaced on disk is taken without a restart.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use cluster::{
    CertificateError, Certificates, ClusterError, Limits, Live, NodeCertificate, Renewal, Validity,
};
use plugin::LOG;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::metrics::Metrics;
use crate::settings::{PerNodeCertificate, Settings};

/// How often files with credentials are looked at, and where certificates are good for less than an hour (B6.84).
const LOOK: Duration = Duration::from_secs(60);
const LOOK_OFTEN: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_secs(3600);
/// How long the first certificate is waited for (B6.85), and each further one before it is asked for anew.
const FIRST: Duration = Duration::from_secs(120);
const FURTHER: Duration = Duration::from_secs(900);

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error(
        "no Kubernetes API to ask: neither kubeconfig in the daemon's configuration nor KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in the environment"
    )]
    NoApi,
    #[error("error getting k8s client: {0}")]
    Api(#[from] ClusterError),
    #[error("perNodeCertificate is enabled, and MULTUS_NODE_NAME does not name the node")]
    NoNode,
    #[error("failed to get the node's first certificate: failed to {0}")]
    Certificate(#[from] CertificateError),
}

/// The daemon's credentials.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) live: Arc<Live>,
    certificates: Option<Certificates>,
    /// The certificate as the last look found it: whoever asks is not kept waiting for a disk.
    known: Mutex<Option<Validity>>,
    look: Duration,
}

/// What there is of credentials when the daemon starts.
#[derive(Debug)]
pub(crate) enum Found {
    There(Credentials),
    /// A node's first certificate, which has to be waited for.
    First(First),
}

/// A node's first certificate, which is to be had.
#[derive(Debug)]
pub(crate) struct First {
    certificates: Certificates,
    limits: Limits,
    look: Duration,
}

impl First {
    /// Asks for it, waits for it, and tells what for.
    pub(crate) async fn obtain(
        self,
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Credentials, CredentialsError> {
        LOG.verbose("asking for the node's first certificate");
        let deadline = Instant::now() + FIRST;
        let obtained = self.certificates.obtain_telling(None, deadline, tell);
        obtained.await?;
        self.credentials()
    }

    fn credentials(self) -> Result<Credentials, CredentialsError> {
        let client = self.certificates.client(self.limits, &Handle::current())?;
        Ok(Credentials {
            live: Arc::new(client),
            known: Mutex::new(self.certificates.current()),
            certificates: Some(self.certificates),
            look: self.look,
        })
    }
}

impl Credentials {
    /// As the daemon's configuration or the environment of its pod says.
    pub(crate) fn find(settings: &Settings, node: Option<&str>) -> Result<Found, CredentialsError> {
        let limits = Limits {
            request: Limits::default().request.min(settings.netconf.timeouts.api),
            ..Limits::default()
        };
        let runtime = Handle::current();
        if let Some(certificate) = &settings.per_node_certificate {
            let node = node.ok_or(CredentialsError::NoNode)?;
            return Self::of_node(certificate, node, limits, &runtime);
        }
        let live = match &settings.netconf.kubeconfig {
            Some(kubeconfig) => Live::from_kubeconfig(kubeconfig, limits, &runtime)?,
            None => {
                let set =
                    |name| sys::environment::get(name).filter(|value: &String| !value.is_empty());
                let service = set("KUBERNETES_SERVICE_HOST").zip(set("KUBERNETES_SERVICE_PORT"));
                let (host, port) = service.ok_or(CredentialsError::NoApi)?;
                Live::in_cluster(&host, &port, limits, &runtime)?
            }
        };
        Ok(Found::There(Self {
            live: Arc::new(live),
            certificates: None,
            known: Mutex::default(),
            look: LOOK,
        }))
    }

    fn of_node(
        certificate: &PerNodeCertificate,
        node: &str,
        limits: Limits,
        runtime: &Handle,
    ) -> Result<Found, CredentialsError> {
        let about = NodeCertificate {
            bootstrap: certificate.bootstrap_kubeconfig.clone(),
            directory: certificate.cert_dir.clone(),
            node: node.to_owned(),
            duration: certificate.duration,
        };
        let first = First {
            certificates: Certificates::new(about, limits, runtime)?,
            limits,
            look: if certificate.duration < SHORT {
                LOOK_OFTEN
            } else {
                LOOK
            },
        };
        Ok(match first.certificates.current() {
            Some(_) => Found::There(first.credentials()?),
            None => Found::First(first),
        })
    }

    /// How long the node's certificate is good; `None` where there is none.
    pub(crate) fn certificate(&self) -> Option<Validity> {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|validity| SystemTime::now() < validity.until)
    }

    fn know(&self, next: &Renewal) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = next.current();
    }

    /// The same in words; `None` where there should be none.
    pub(crate) fn told(&self) -> Option<String> {
        self.certificates.as_ref()?;
        let left = self
            .certificate()
            .map(|certificate| certificate.left(SystemTime::now()));
        Some(match left {
            Some(left) => format!("good for {} s", left.as_secs()),
            None => "none that is good".to_owned(),
        })
    }

    /// Takes what others replace and replaces what is ours, without end.
    pub(crate) async fn keep(&self, metrics: &Metrics) {
        tokio::join!(self.look_after(), self.renew(metrics));
    }

    async fn look_after(&self) {
        let mut told = String::new();
        loop {
            match self.live.refresh().await {
                Ok(is_new) => {
                    told.clear();
                    if is_new {
                        LOG.debug("credentials were read again");
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if text != told {
                        LOG.warning(format_args!("failed to {text}; the old credentials stay"));
                        told = text;
                    }
                }
            }
            sleep(self.look).await;
        }
    }

    /// Replaces the node's certificate before it ends. The old one is good until then, so that nobody waits for this.
    async fn renew(&self, metrics: &Metrics) {
        let Some(certificates) = &self.certificates else {
            return;
        };
        let mut next = Renewal::of(certificates.current(), SystemTime::now());
        loop {
            let now = SystemTime::now();
            next.look(certificates.current(), now);
            self.know(&next);
            let left = next.left(now);
            if !left.is_zero() {
                sleep(left.min(self.look)).await;
                continue;
            }
            let deadline = Instant::now() + FURTHER;
            let obtained = certificates.obtain(Some(&self.live), deadline).await;
            metrics.renewed(obtained.is_ok());
            match obtained {
                Ok(validity) => {
                    next.renewed(validity, SystemTime::now());
                    self.know(&next);
                    LOG.verbose("the node has a new certificate");
                    // Where this fails, the other loop tells.
                    let _taken = self.live.refresh().await;
                }
                Err(error) => {
                    let pause = next.failed(SystemTime::now());
                    LOG.warning(format_args!(
                        "the node's certificate is not renewed: failed to {error}; tried again in {} s",
                        pause.as_secs()
                    ));
                }
            }
        }
    }
}
