//! From credentials to a client.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use http::header::{HeaderValue, USER_AGENT};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Client;
use kube::client::ConfigExt;
use kube::config::Config;
use tokio::runtime::Handle;
use tower::{BoxError, ServiceBuilder};

use crate::error::ClusterError;
use crate::failure::auth_text;
use crate::text::one_line;

/// The API server makes the field manager of what is before the slash; upstream's is the same.
const AGENT: &str = concat!("multus/", env!("CARGO_PKG_VERSION"));

/// A client and where it goes.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) client: Client,
    /// Host and port.
    pub(crate) server: String,
}

/// Makes a client; nothing is connected yet. A credential plugin may run for `patience`.
///
/// # Errors
/// Credentials that cannot be had or used.
pub(crate) fn connect(
    config: Config,
    runtime: &Handle,
    patience: Duration,
) -> Result<Connected, ClusterError> {
    let server = server(&config);
    if config.auth_info.exec.is_none() && config.auth_info.auth_provider.is_none() {
        let _guard = runtime.enter();
        return build(&config, server);
    }
    // The plugin is somebody else's program, and the library waits for it without end.
    let (sender, receiver) = mpsc::sync_channel(1);
    let handle = runtime.clone();
    let name = server.clone();
    let credentials = |reason: String| ClusterError::Credentials {
        server: server.clone(),
        reason,
    };
    thread::Builder::new()
        .name("credentials".to_owned())
        .spawn(move || {
            let _guard = handle.enter();
            // Nobody listens any more after the timeout.
            let _ = sender.send(build(&config, name));
        })
        .map_err(|error| credentials(format!("start thread: {error}")))?;
    match receiver.recv_timeout(patience) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(credentials(format!(
            "credential plugin did not end within {:.1} s",
            patience.as_secs_f64()
        ))),
        Err(RecvTimeoutError::Disconnected) => {
            Err(credentials("credential plugin could not be run".to_owned()))
        }
    }
}

/// The library's own layers without its retries, tracing and per-connection timeouts: those are ours.
fn build(config: &Config, server: String) -> Result<Connected, ClusterError> {
    let wrong = |error: kube::Error| match error {
        kube::Error::Auth(error) => ClusterError::Credentials {
            server: server.clone(),
            reason: auth_text(&error),
        },
        error => ClusterError::Client {
            server: server.clone(),
            reason: one_line(&error.to_string(), 300),
        },
    };
    let auth = config.auth_layer().map_err(wrong)?;
    let mut config = config.clone();
    if auth.is_some() {
        // The plugin gave a token. Asked for a certificate, it would only run again.
        config.auth_info.exec = None;
    }
    config
        .headers
        .push((USER_AGENT, HeaderValue::from_static(AGENT)));
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    // The first request would wait for the acknowledgement of the handshake's last flight.
    connector.set_nodelay(true);
    let connector = config
        .rustls_https_connector_with_connector(connector)
        .map_err(wrong)?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(auth)
        .layer(config.extra_headers_layer().map_err(wrong)?)
        .map_err(BoxError::from)
        .service(HttpClient::builder(TokioExecutor::new()).build(connector));
    let client = Client::new(service, config.default_namespace.clone());
    Ok(Connected { client, server })
}

fn server(config: &Config) -> String {
    let url = &config.cluster_url;
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().unwrap_or_else(|| match url.scheme_str() {
        Some("http") => 80,
        _ => 443,
    });
    format!("{host}:{port}")
}
