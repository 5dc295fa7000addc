//! Kubeconfig files.

use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::apiserver::Identity;

/// Who talks to the API.
#[derive(Debug, Clone)]
pub enum User {
    /// Somebody with a client certificate.
    Certificate(Identity),
    /// Somebody with a bearer token.
    Token(String),
}

/// A kubeconfig with one cluster and one user.
#[derive(Debug, Clone)]
pub struct Kubeconfig<'a> {
    /// `https://…`; another one than the server's own where a proxy stands between.
    pub server: &'a str,
    /// The authority's certificate, PEM.
    pub ca: &'a str,
    /// Who talks.
    pub user: &'a User,
}

impl Kubeconfig<'_> {
    /// The file's text.
    pub fn to_yaml(&self) -> String {
        let ca = STANDARD.encode(self.ca);
        let user = match self.user {
            User::Certificate(Identity { certificate, key }) => format!(
                "client-certificate-data: {}\n    client-key-data: {}",
                STANDARD.encode(certificate),
                STANDARD.encode(key)
            ),
            User::Token(token) => format!("token: {token}"),
        };
        format!(
            "\
apiVersion: v1
kind: Config
clusters:
- name: tests
  cluster:
    server: {}
    certificate-authority-data: {ca}
users:
- name: tests
  user:
    {user}
contexts:
- name: tests
  context:
    cluster: tests
    user: tests
current-context: tests
",
            self.server
        )
    }

    /// Writes the file; a reader sees the old one or the new one, never half of it.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let failed = || format!("failed to write the kubeconfig {}", path.display());
        let directory = path.parent().with_context(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(directory).with_context(failed)?;
        std::io::Write::write_all(&mut file, self.to_yaml().as_bytes()).with_context(failed)?;
        file.persist(path).with_context(failed)?;
        Ok(())
    }
}
