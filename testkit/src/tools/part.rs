//! Which parts there are, and how each is built.

/// A part that comes from the Go module proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `kube-apiserver`.
    KubeApiserver,
    /// `etcd`.
    Etcd,
    /// The reference CNI plugins (`bridge`, `macvlan`, `host-local`, …).
    CniPlugins,
    /// `cnitool`, libcni's command line.
    Cnitool,
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
    pub const ALL: [Self; 4] = [
        Self::Cnitool,
        Self::CniPlugins,
        Self::Etcd,
        Self::KubeApiserver,
    ];

    pub(super) fn recipe(self) -> Recipe {
        match self {
            Self::KubeApiserver => Recipe {
                name: "kube-apiserver",
                what: "the Kubernetes API server (its first build takes about six minutes)",
                module: "kubernetes",
                package: "k8s.io/kubernetes/cmd/kube-apiserver",
                program: "",
                stamp: Some(Stamp {
                    dependency: "k8s.io/kubernetes",
                    variables: "k8s.io/component-base/version",
                }),
            },
            Self::Etcd => Recipe {
                name: "etcd",
                what: "the API server's store",
                module: "etcd",
                package: "tool",
                // The module's root is the program, and Go would call it `server`.
                program: "etcd",
                stamp: None,
            },
            Self::CniPlugins => Recipe {
                name: "cni-plugins",
                what: "the reference CNI plugins",
                module: "cni-plugins",
                package: "tool",
                program: "",
                stamp: None,
            },
            Self::Cnitool => Recipe {
                name: "cnitool",
                what: "libcni's command line",
                module: "cnitool",
                package: "tool",
                program: "",
                stamp: None,
            },
        }
    }
}
