//! Which parts there are, and how each is built.

/// A part that comes from the Go module proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `kube-apiserver`.
    KubeApiserver,
    /// `kube-controller-manager`.
    KubeControllerManager,
    /// `kube-scheduler`.
    KubeScheduler,
    /// `kubelet`.
    Kubelet,
    /// `kubectl`.
    Kubectl,
    /// `containerd`, its shim for `runc`, and `ctr`.
    Containerd,
    /// `etcd`.
    Etcd,
    /// The reference CNI plugins (`bridge`, `macvlan`, `host-local`, …).
    CniPlugins,
    /// `cnitool`, libcni's command line.
    Cnitool,
    /// `helm`.
    Helm,
    /// `promtool`, Prometheus' command line.
    Promtool,
    /// `flanneld`, a cluster network across nodes.
    Flannel,
}

/// How a part is built.
#[derive(Debug)]
pub(super) struct Recipe {
    /// Names the directory in the cache, and the part in messages.
    pub(super) name: &'static str,
    /// What the part is, for messages.
    pub(super) what: &'static str,
    /// The folder below `testkit/tools` that pins it.
    pub(super) module: &'static str,
    /// The Go package to build; `tool` is everything that the module pins.
    pub(super) package: &'static str,
    /// The program's name where Go would choose another one.
    pub(super) program: &'static str,
    /// Go's build tags.
    pub(super) tags: &'static str,
    /// Whether a part of it is written in C.
    pub(super) c: bool,
    /// The dependency whose version the program is to report, and the Go package that holds the variables for it.
    pub(super) stamp: Option<Stamp>,
}

/// Where a program that was built from a module finds its version.
#[derive(Debug)]
pub(super) struct Stamp {
    pub(super) dependency: &'static str,
    pub(super) variables: &'static str,
}

impl Part {
    /// Every part, in the order of what they cost.
    pub const ALL: [Self; 12] = [
        Self::Cnitool,
        Self::Helm,
        Self::CniPlugins,
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeScheduler,
        Self::Kubectl,
        Self::KubeControllerManager,
        Self::Kubelet,
        Self::Containerd,
        Self::Promtool,
        Self::Flannel,
    ];

    /// Those that suites use that run no pod.
    pub const OF_THE_SUITES: [Self; 6] = [
        Self::Cnitool,
        Self::Helm,
        Self::CniPlugins,
        Self::Etcd,
        Self::Promtool,
        Self::KubeApiserver,
    ];

    pub(super) fn recipe(self) -> Recipe {
        match self {
            Self::KubeApiserver => of_kubernetes(
                "kube-apiserver",
                "the Kubernetes API server (its first build takes about six minutes)",
                "k8s.io/kubernetes/cmd/kube-apiserver",
            ),
            Self::KubeControllerManager => of_kubernetes(
                "kube-controller-manager",
                "the controllers of a cluster",
                "k8s.io/kubernetes/cmd/kube-controller-manager",
            ),
            Self::KubeScheduler => of_kubernetes(
                "kube-scheduler",
                "the scheduler of a cluster",
                "k8s.io/kubernetes/cmd/kube-scheduler",
            ),
            Self::Kubelet => of_kubernetes(
                "kubelet",
                "a node's agent of the cluster",
                "k8s.io/kubernetes/cmd/kubelet",
            ),
            Self::Kubectl => of_kubernetes(
                "kubectl",
                "Kubernetes' command line",
                "k8s.io/kubernetes/cmd/kubectl",
            ),
            Self::Containerd => Recipe {
                tags: "no_btrfs,no_devmapper,no_zfs",
                ..everything_of("containerd", "the container runtime")
            },
            Self::Etcd => Recipe {
                // The module's root is the program, and Go would call it `server`.
                program: "etcd",
                ..everything_of("etcd", "the API server's store")
            },
            Self::CniPlugins => everything_of("cni-plugins", "the reference CNI plugins"),
            Self::Cnitool => everything_of("cnitool", "libcni's command line"),
            Self::Helm => everything_of(
                "helm",
                "the installer of charts (its first build takes about two minutes)",
            ),
            Self::Promtool => everything_of(
                "prometheus",
                "Prometheus' command line (its first build takes about three minutes)",
            ),
            Self::Flannel => Recipe {
                // The module's root is the program, and Go would call it `flannel`.
                program: "flanneld",
                c: true,
                ..everything_of(
                    "flannel",
                    "a cluster network across nodes (its first build takes about two minutes)",
                )
            },
        }
    }
}

/// All that a module of the part's own name pins.
fn everything_of(name: &'static str, what: &'static str) -> Recipe {
    Recipe {
        name,
        what,
        module: name,
        package: "tool",
        program: "",
        tags: "",
        c: false,
        stamp: None,
    }
}

/// One of Kubernetes' own programs, which are pinned together and report the version.
fn of_kubernetes(name: &'static str, what: &'static str, package: &'static str) -> Recipe {
    Recipe {
        package,
        module: "kubernetes",
        stamp: Some(Stamp {
            dependency: "k8s.io/kubernetes",
            variables: "k8s.io/component-base/version",
        }),
        ..everything_of(name, what)
    }
}
