//! Where pods and definitions come from, and where the status goes: the Kubernetes API, a directory of manifests, or
//! nowhere.

use std::path::Path;
use std::time::Instant;

use cluster::{Cluster, ClusterError, Limits};
use devices::{DevicesError, Kubelet};
use npwg::Definition;
use plan::{Catalog, Claim, DeviceMap, NetConf, PathFact, Pod, PodRef, PublishedDevice, Source};
use plugin::{LOG, messages};

use crate::local::{LocalError, Manifests};

/// One of the three.
pub(crate) enum Store {
    /// Only the inline delegates (B2.142).
    None,
    /// The Kubernetes API.
    Api(Box<Cluster>),
    /// A directory of manifests.
    Local(Manifests),
}

/// Why a catalog could not tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogError {
    /// The API.
    #[error(transparent)]
    Api(#[from] ClusterError),
    /// The manifests.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The kubelet.
    #[error(transparent)]
    Devices(#[from] DevicesError),
}

impl CatalogError {
    /// The CNI error code: 11 for what may pass by itself.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Api(error) => messages::api_code(error.may_pass()),
            Self::Local(error) => error.code(),
            Self::Devices(error) => messages::kubelet_code(error.may_pass()),
        }
    }
}

impl Store {
    /// Opens the catalog of a configuration: `manifestDir`, `kubeconfig`, the environment of a pod, or none (B5.1).
    pub(crate) fn open(conf: &NetConf) -> Result<Self, CatalogError> {
        if let Some(directory) = &conf.manifest_dir {
            return Ok(Self::Local(Manifests::new(directory)));
        }
        // A credential plugin runs before any request, and has no more time than one.
        let limits = Limits {
            request: Limits::default().request.min(conf.timeouts.api),
            ..Limits::default()
        };
        if let Some(kubeconfig) = &conf.kubeconfig {
            return Ok(Self::Api(Box::new(Cluster::from_kubeconfig(
                kubeconfig, limits,
            )?)));
        }
        match service() {
            Some((host, port)) => Ok(Self::Api(Box::new(Cluster::in_cluster(
                &host, &port, limits,
            )?))),
            None => Ok(Self::None),
        }
    }

    /// Which kind of catalog the configuration has, without opening it.
    pub(crate) fn kind_of(conf: &NetConf) -> Catalog {
        if conf.manifest_dir.is_some() {
            Catalog::Local
        } else if conf.kubeconfig.is_some() || service().is_some() {
            Catalog::Api
        } else {
            Catalog::None
        }
    }

    /// Which kind of catalog this is.
    pub(crate) fn kind(&self) -> Catalog {
        match self {
            Self::None => Catalog::None,
            Self::Api(_) => Catalog::Api,
            Self::Local(_) => Catalog::Local,
        }
    }
}

/// Host and port of the API, as the environment of a pod has them.
fn service() -> Option<(String, String)> {
    let set = |name| sys::environment::get(name).filter(|value: &String| !value.is_empty());
    set("KUBERNETES_SERVICE_HOST").zip(set("KUBERNETES_SERVICE_PORT"))
}

/// A catalog together with the time that it may take for one object, and for all.
pub(crate) struct Timed<'a> {
    pub(crate) store: &'a Store,
    pub(crate) conf: &'a NetConf,
    pub(crate) deadline: Instant,
}

impl Timed<'_> {
    /// When a request that starts now has to end.
    pub(crate) fn request_deadline(&self) -> Instant {
        self.deadline.min(Instant::now() + self.conf.timeouts.api)
    }
}

impl Source for Timed<'_> {
    type Error = CatalogError;

    fn pod(&self, namespace: &str, name: &str) -> Result<Option<Pod>, CatalogError> {
        match self.store {
            Store::None => Ok(None),
            Store::Api(cluster) => Ok(cluster.pod(namespace, name, self.request_deadline())?),
            Store::Local(manifests) => Ok(manifests.pod(namespace, name)?),
        }
    }

    fn definition(&self, namespace: &str, name: &str) -> Result<Option<Definition>, CatalogError> {
        match self.store {
            Store::None => Ok(None),
            Store::Api(cluster) => {
                Ok(cluster.definition(namespace, name, self.request_deadline())?)
            }
            Store::Local(manifests) => Ok(manifests.definition(namespace, name)?),
        }
    }

    fn path(&self, path: &Path) -> PathFact {
        look(path)
    }

    fn devices(&self, pod: &PodRef) -> Result<DeviceMap, CatalogError> {
        let kubelet = Kubelet::default();
        // Without a cluster there need not be a kubelet, and nobody allocates devices then.
        if matches!(self.store, Store::Local(_)) && !kubelet.is_there() {
            return Ok(DeviceMap::new());
        }
        Ok(kubelet.devices(pod, self.request_deadline())?)
    }

    fn claim(&self, namespace: &str, name: &str) -> Result<Option<Claim>, CatalogError> {
        match self.store {
            Store::None | Store::Local(_) => Ok(None),
            Store::Api(cluster) => {
                Ok(cluster.resource_claim(namespace, name, self.request_deadline())?)
            }
        }
    }

    fn slices(
        &self,
        driver: &str,
        node: Option<&str>,
    ) -> Result<Vec<PublishedDevice>, CatalogError> {
        match self.store {
            Store::None | Store::Local(_) => Ok(Vec::new()),
            Store::Api(cluster) => {
                Ok(cluster.resource_slices(driver, node, self.request_deadline())?)
            }
        }
    }
}

/// What lies at a path of the host.
pub(crate) fn look(path: &Path) -> PathFact {
    sys::files::look(path, &|error| {
        LOG.warning(format_args!("configuration file passed over: {error}"));
    })
}
