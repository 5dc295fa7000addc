//! A kubeconfig for those who use the node's certificate themselves (B1.102).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::credentials::Source;
use crate::error::ClusterError;

/// With the server and the authorities of the bootstrap kubeconfig, and this file as certificate and key. JSON is YAML.
pub(super) fn text(bootstrap: &Path, file: &Path) -> Result<String, ClusterError> {
    let config = Source::Certificate {
        bootstrap: bootstrap.to_owned(),
        file: file.to_owned(),
    }
    .load()?;
    let server = config.cluster_url.to_string();
    let server = server.trim_end_matches('/');
    let cluster = if config.accept_invalid_certs {
        json!({"server": server, "insecure-skip-tls-verify": true})
    } else {
        let authorities = config.root_cert.unwrap_or_default();
        let authorities: String = authorities.iter().map(|der| pem(der)).collect();
        let authorities = STANDARD.encode(authorities);
        json!({"server": server, "certificate-authority-data": authorities})
    };
    let file = file.to_string_lossy();
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{"name": "default-cluster", "cluster": cluster}],
        "users": [{"name": "default-auth", "user": {"client-certificate": file, "client-key": file}}],
        "contexts": [{
            "name": "default-context",
            "context": {"cluster": "default-cluster", "namespace": "default", "user": "default-auth"},
        }],
        "current-context": "default-context",
    });
    Ok(format!("{kubeconfig:#}\n"))
}

/// A certificate as text, in lines as other programs write them.
fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = encoded.as_str();
    while let Some((line, more)) = rest.split_at_checked(64) {
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}
