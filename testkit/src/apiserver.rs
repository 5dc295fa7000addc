//! A real Kubernetes API for tests: `etcd` and `kube-apiserver` on loopback, with a certificate authority of their own, RBAC, and an
//! audit log that tells which requests the program under test made.
//!
//! One takes about five seconds to start and 300 MB of memory: a test process shares one ([`ApiServer::shared`]), and tests keep apart
//! by Kubernetes namespaces. A test that takes the API down starts its own ([`ApiServer::start`]).

mod address;
mod audit;
mod flags;
mod pki;
mod server;
mod shared;
mod signer;
mod token;

pub(crate) use address::{free_port, own};
pub use audit::AuditEvent;
pub(crate) use flags::{of_any_api, of_any_etcd};
pub(crate) use pki::Pki;
pub use pki::{Identity, signing_request};
pub use server::ApiServer;
pub use signer::Signer;
