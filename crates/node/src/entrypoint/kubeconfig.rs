//! The kubeconfig of the thin plugin, which runs on the node with the pod's account (B6.142, Q80).

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sys::environment;
use sys::files::read_following;

use super::Failure;

/// Where a pod finds its account (B1.83).
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// No token and no list of authorities is larger.
const LARGEST: u64 = 1 << 20;

/// The pod's account, and where the API is.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) directory: PathBuf,
    pub(super) server: String,
    pub(super) skip_tls_verify: bool,
}

impl Account {
    pub(super) fn of_the_pod(skip_tls_verify: bool) -> Result<Self, Failure> {
        let get = |name| environment::get(name).filter(|value| !value.is_empty());
        let must = |name| get(name).ok_or(Failure::NoService(name));
        let scheme = get("KUBERNETES_SERVICE_PROTOCOL");
        Ok(Self {
            directory: ACCOUNT.into(),
            server: server(
                scheme.as_deref().unwrap_or("https"),
                &must("KUBERNETES_SERVICE_HOST")?,
                &must("KUBERNETES_SERVICE_PORT")?,
            ),
            skip_tls_verify,
        })
    }

    /// The kubeconfig with what the account's files hold now; or why they cannot be used, without any of it.
    pub(super) fn kubeconfig(&self) -> Result<String, String> {
        let token = self.read("token")?;
        let token = str::from_utf8(&token).unwrap_or_default().trim();
        if token.is_empty()
            || !token
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"')
        {
            return Err(format!(
                "{}: not a token",
                self.directory.join("token").display()
            ));
        }
        let verification = match self.skip_tls_verify {
            true => "insecure-skip-tls-verify: true".to_owned(),
            false => {
                let authorities = self.read("ca.crt")?;
                if authorities.trim_ascii().is_empty() {
                    let path = self.directory.join("ca.crt");
                    return Err(format!("{}: no authority", path.display()));
                }
                let authorities = BASE64_STANDARD.encode(authorities);
                format!("certificate-authority-data: {authorities}")
            }
        };
        let server = &self.server;
        Ok(format!(
            "# Kubeconfig file for Multus CNI plugin.
apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: {server}
    {verification}
users:
- name: multus
  user:
    token: \"{token}\"
contexts:
- name: multus-context
  context:
    cluster: local
    user: multus
current-context: multus-context
"
        ))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path: &Path = &self.directory.join(name);
        match read_following(path, LARGEST) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(format!("{}: there is no such file", path.display())),
            Err(error) => Err(error.to_string()),
        }
    }
}

pub(super) fn server(scheme: &str, host: &str, port: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("{scheme}://[{address}]:{port}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}
