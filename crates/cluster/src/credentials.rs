//! Where the API server is and who we are to it.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kube::config::{AuthInfo, Config, ExecInteractiveMode, Kubeconfig, KubeconfigError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::ClusterError;
use crate::text::one_line;

/// Longest reason in an error.
const MOST: usize = 300;

/// Where credentials are read, and read again when the server no longer takes them.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A kubeconfig's current context.
    Kubeconfig(PathBuf),
    /// A pod's service account.
    InCluster {
        /// `KUBERNETES_SERVICE_HOST`.
        host: String,
        /// `KUBERNETES_SERVICE_PORT`.
        port: String,
        /// Holds `token` and `ca.crt`.
        directory: PathBuf,
    },
    /// A certificate of our own, at the server of a kubeconfig (B6.86).
    Certificate {
        /// The kubeconfig.
        bootstrap: PathBuf,
        /// Holds certificate and key.
        file: PathBuf,
    },
}

impl Source {
    /// Reads the credentials.
    ///
    /// # Errors
    /// Files that are missing or unusable.
    pub(crate) fn load(&self) -> Result<Config, ClusterError> {
        let mut config = match self {
            Self::Kubeconfig(path) => {
                from_kubeconfig(path).map_err(|reason| ClusterError::Kubeconfig {
                    path: path.clone(),
                    reason,
                })?
            }
            Self::InCluster {
                host,
                port,
                directory,
            } => in_cluster(host, port, directory).map_err(|reason| {
                ClusterError::ServiceAccount {
                    directory: directory.clone(),
                    reason,
                }
            })?,
            Self::Certificate { bootstrap, file } => {
                let mut config =
                    kubeconfig(bootstrap).map_err(|reason| ClusterError::Kubeconfig {
                        path: bootstrap.clone(),
                        reason,
                    })?;
                config.auth_info = certificate(file).map_err(|reason| {
                    let server = config.cluster_url.host().unwrap_or_default().to_owned();
                    ClusterError::Credentials { server, reason }
                })?;
                config
            }
        };
        // Without a root the client would load every certificate of the system, even where none is checked.
        let plain = config.cluster_url.scheme() != Some(&http::uri::Scheme::HTTPS);
        if config.root_cert.is_none() && (plain || config.accept_invalid_certs) {
            config.root_cert = Some(Vec::new());
        }
        Ok(config)
    }

    /// A number that is another one when the credentials are: also those in files that a kubeconfig names. What a
    /// credential plugin would say is not part of it.
    ///
    /// # Errors
    /// Files that are missing or unusable.
    pub(crate) fn print(&self) -> Result<u64, ClusterError> {
        let config = self.load()?;
        let auth = &config.auth_info;
        let mut print = DefaultHasher::new();
        config.cluster_url.hash(&mut print);
        config.root_cert.hash(&mut print);
        // The only way to its token.
        serde_json::to_vec(auth)
            .unwrap_or_default()
            .hash(&mut print);
        let files = [&auth.client_certificate, &auth.client_key];
        for path in files.into_iter().flatten() {
            fs::read(path).ok().hash(&mut print);
        }
        Ok(print.finish())
    }
}

fn from_kubeconfig(path: &Path) -> Result<Config, String> {
    let mut config = kubeconfig(path)?;
    read_token_file(&mut config.auth_info)?;
    if let Some(exec) = &mut config.auth_info.exec {
        // Nobody sits at a CNI plugin's standard input.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    Ok(config)
}

fn kubeconfig(path: &Path) -> Result<Config, String> {
    let kubeconfig = Kubeconfig::read_from(path).map_err(|error| text(&error))?;
    // The environment's proxy is the runtime's, for images: it is not asked for. The API server is reached directly.
    // Its value may hold a password.
    if proxy(&kubeconfig).is_some() {
        return Err("proxy-url is set: proxies are not supported".to_owned());
    }
    Config::try_from(kubeconfig).map_err(|error| text(&error))
}

/// Certificate and key out of one file: what is read at once belongs together.
fn certificate(path: &Path) -> Result<AuthInfo, String> {
    let pem = read(path)?;
    let pem = String::from_utf8_lossy(&pem);
    let (certificates, keys) = blocks(&pem);
    if certificates.is_empty() || keys.is_empty() {
        return Err(format!("{}: no certificate with its key", path.display()));
    }
    Ok(AuthInfo {
        client_certificate_data: Some(STANDARD.encode(certificates)),
        client_key_data: Some(STANDARD.encode(keys).into()),
        ..AuthInfo::default()
    })
}

/// The certificates of a PEM text, and its keys.
fn blocks(pem: &str) -> (String, String) {
    let (mut certificates, mut keys) = (String::new(), String::new());
    let mut block = String::new();
    for line in pem.lines() {
        if line.starts_with("-----BEGIN ") {
            block.clear();
        }
        block.push_str(line);
        block.push('\n');
        if line == "-----END CERTIFICATE-----" {
            certificates.push_str(&block);
        } else if line.starts_with("-----END ") && line.ends_with("PRIVATE KEY-----") {
            keys.push_str(&block);
        }
    }
    (certificates, keys)
}

/// The current context's `proxy-url`.
fn proxy(kubeconfig: &Kubeconfig) -> Option<&str> {
    let current = kubeconfig.current_context.as_deref()?;
    let context = kubeconfig
        .contexts
        .iter()
        .find(|context| context.name == current)?;
    let name = &context.context.as_ref()?.cluster;
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|cluster| &cluster.name == name)?;
    cluster
        .cluster
        .as_ref()?
        .proxy_url
        .as_deref()
        .filter(|url| !url.is_empty())
}

/// The file's token, as other clients take it: without space around it, and rather than an inline token, which may be
/// older. Read once: a new token is fetched when the server refuses this one.
fn read_token_file(auth: &mut AuthInfo) -> Result<(), String> {
    let Some(path) = auth.token_file.take().filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    match read_token(Path::new(&path)) {
        Ok(token) => auth.token = Some(token.into()),
        Err(_) if auth.token.is_some() => {}
        Err(reason) => return Err(reason),
    }
    Ok(())
}

fn read_token(path: &Path) -> Result<String, String> {
    let token = read(path)?;
    let token = str::from_utf8(&token).unwrap_or_default().trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("{}: not a token", path.display()));
    }
    Ok(token.to_owned())
}

fn in_cluster(host: &str, port: &str, directory: &Path) -> Result<Config, String> {
    let url = match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("https://[{address}]:{port}"),
        _ => format!("https://{host}:{port}"),
    };
    let url = url
        .parse::<Uri>()
        .map_err(|_| format!("{}: not an address", one_line(&url, 100)))?;
    let mut config = Config::new(url);
    config.root_cert = Some(certificates(&directory.join("ca.crt"))?);
    config.auth_info.token = Some(read_token(&directory.join("token"))?.into());
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let pem = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| certificate.map(|der| der.as_ref().to_vec()))
        .collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(format!("{}: no certificates", path.display())),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What is wrong with a kubeconfig, without any of its content.
fn text(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!(
                "not a kubeconfig (line {}, column {})",
                at.line(),
                at.column()
            ),
            None => "not a kubeconfig".to_owned(),
        },
        error => one_line(&error.to_string(), MOST),
    }
}

#[cfg(test)]
mod tests {
    use kube::config::Config;

    use super::*;
    use crate::testing::{Pki, kubeconfig, write};

    fn load(user: &str, cluster: &str) -> Result<Config, ClusterError> {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("token"), "  from-file\n");
        write(&directory.path().join("ca.pem"), &Pki::new().ca_pem);
        let path = directory.path().join("kubeconfig");
        write(
            &path,
            &format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: main\n\
                 contexts: [{{name: other, context: {{cluster: none, user: none}}}}, \
                 {{name: main, context: {{cluster: c, user: u}}}}]\n\
                 clusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
                 users: [{{name: u, user: {{{user}}}}}]\n"
            ),
        );
        Source::Kubeconfig(path).load()
    }

    /// The client's own test of what it would send; the token itself is not to be had.
    fn token(config: &Config) -> String {
        serde_json::to_value(&config.auth_info).unwrap()["token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    const SERVER: &str = "server: 'https://127.0.0.1:6443', certificate-authority: ca.pem";

    #[test]
    fn the_current_context_is_taken_and_files_are_beside_the_kubeconfig_b5_1() {
        let config = load("token: inline", SERVER).unwrap();
        assert_eq!(config.cluster_url, "https://127.0.0.1:6443/");
        assert_eq!(config.root_cert.as_ref().map(Vec::len), Some(1));
        assert_eq!(token(&config), "inline");
    }

    #[test]
    fn a_token_file_is_trimmed_and_comes_before_an_inline_token() {
        assert_eq!(
            token(&load("tokenFile: token", SERVER).unwrap()),
            "from-file"
        );
        assert_eq!(
            token(&load("tokenFile: token, token: inline", SERVER).unwrap()),
            "from-file"
        );
        assert_eq!(
            token(&load("tokenFile: gone, token: inline", SERVER).unwrap()),
            "inline"
        );
        let error = load("tokenFile: gone", SERVER).unwrap_err().to_string();
        assert!(
            error.ends_with("gone: No such file or directory (os error 2)"),
            "{error}"
        );
    }

    #[test]
    fn credentials_are_told_apart_wherever_they_stand() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kubeconfig");
        let file = |name: &str, text: &str| write(&directory.path().join(name), text);
        file("ca.pem", &Pki::new().ca_pem);
        let print = |user: &str, token: &str, key: &str| {
            file("token", token);
            file("key", key);
            let text = kubeconfig(
                "https://127.0.0.1:6443",
                user,
                ", certificate-authority: ca.pem",
            );
            write(&path, &text);
            Source::Kubeconfig(path.clone()).print().unwrap()
        };
        let user = "tokenFile: token, client-certificate: key, client-key: key";
        let first = print(user, "t0", "k0");
        assert_eq!(print(user, "t0", "k0"), first);
        assert_ne!(print(user, "t1", "k0"), first);
        assert_ne!(print(user, "t0", "k1"), first);
        assert_ne!(print("token: t0", "t0", "k0"), first);
        file("ca.pem", &Pki::new().ca_pem);
        assert_ne!(print(user, "t0", "k0"), first);
    }

    #[test]
    fn no_certificates_of_the_system_are_loaded_where_none_is_checked() {
        for cluster in [
            "server: 'http://127.0.0.1:80'",
            "server: 'https://127.0.0.1:6443', insecure-skip-tls-verify: true",
        ] {
            assert_eq!(
                load("token: a", cluster).unwrap().root_cert,
                Some(Vec::new()),
                "{cluster}"
            );
        }
    }

    #[test]
    fn a_proxy_of_the_kubeconfig_is_refused_by_name() {
        let error = load(
            "token: a",
            &format!("{SERVER}, proxy-url: 'http://user:secret@proxy:3128'"),
        );
        let error = error.unwrap_err().to_string();
        assert!(
            error.ends_with("proxy-url is set: proxies are not supported"),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn an_exec_plugin_is_never_interactive() {
        let config = load(
            "exec: {apiVersion: v1, command: x, interactiveMode: Always}",
            SERVER,
        );
        let exec = config.unwrap().auth_info.exec.unwrap();
        assert_eq!(exec.interactive_mode, Some(ExecInteractiveMode::Never));
    }

    #[test]
    fn a_broken_kubeconfig_is_told_by_place_and_never_quoted() {
        let error = load("token: [secret-token]", SERVER)
            .unwrap_err()
            .to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(
            error.contains("not a kubeconfig (line 6, column "),
            "{error}"
        );
        let missing = Source::Kubeconfig("/nonexistent/kubeconfig".into())
            .load()
            .unwrap_err();
        assert_eq!(
            missing.to_string(),
            "read kubeconfig /nonexistent/kubeconfig: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_service_account_is_its_token_and_its_certificates_b5_1() {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("token"), "t\n");
        let source = |host: &str| Source::InCluster {
            host: host.to_owned(),
            port: "443".to_owned(),
            directory: directory.path().to_owned(),
        };
        let error = source("10.96.0.1").load().unwrap_err().to_string();
        assert!(
            error.ends_with("ca.crt: No such file or directory (os error 2)"),
            "{error}"
        );
        write(&directory.path().join("ca.crt"), "nothing");
        let error = source("10.96.0.1").load().unwrap_err().to_string();
        assert!(error.ends_with("ca.crt: no certificates"), "{error}");
        write(&directory.path().join("ca.crt"), &Pki::new().ca_pem);
        let config = source("10.96.0.1").load().unwrap();
        assert_eq!(config.cluster_url, "https://10.96.0.1:443/");
        assert_eq!(token(&config), "t");
        assert_eq!(
            source("fd00::1").load().unwrap().cluster_url,
            "https://[fd00::1]:443/"
        );
    }
}
