//! Client certificates of a node: asked for by a CertificateSigningRequest, kept on disk, replaced before they end
//! (B6.80–B6.86).
//!
//! Whoever asks makes the key; it is on disk only together with its certificate, in a file for root alone that comes into
//! place whole. What was there before stays until then, so that there is always a certificate to be read.

mod kubeconfig;
mod renewal;
mod request;
mod store;
mod validity;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::api::Told;
use crate::call::Call;
use crate::error::{ClusterError, Kind};
use crate::live::{Limits, Live};
pub use renewal::Renewal;
use request::{Answer, Request};
use store::Store;
pub use validity::Validity;

/// Between two looks whether it is issued: at first, and at most.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);

/// Who a node is to the API, and how it comes to its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCertificate {
    /// A kubeconfig: where the API is, which authority it has, and credentials that may ask for the first certificate.
    pub bootstrap: PathBuf,
    /// Where certificates are kept.
    pub directory: PathBuf,
    /// The node's name.
    pub node: String,
    /// How long a certificate is to be good. The signer may shorten it.
    pub duration: Duration,
}

/// Why there is no new certificate: what was tried, to be read behind "failed to", and why not.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The API could not be asked, or refused.
    #[error(transparent)]
    Api(#[from] ClusterError),
    /// No key, or no request of it.
    #[error("make a key: {0}")]
    Key(String),
    /// Somebody said no.
    #[error("have certificate signing request {name} approved: it was refused: {reason}")]
    Refused {
        /// The request.
        name: String,
        /// Who refused, and why.
        reason: String,
    },
    /// Nobody approved or signed it in time.
    #[error(
        "have certificate signing request {name} {missing} in {} s",
        waited.as_secs()
    )]
    Late {
        /// The request.
        name: String,
        /// What it lacks.
        missing: &'static str,
        /// How long that was waited for.
        waited: Duration,
    },
    /// What was issued is no certificate, or not ours.
    #[error("use the certificate of certificate signing request {name}: {reason}")]
    Unusable {
        /// The request.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// It cannot be kept.
    #[error("{action} {}: {source}", path.display())]
    Store {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the file system says.
        source: std::io::Error,
    },
}

/// The certificates of one node.
pub struct Certificates {
    about: NodeCertificate,
    store: Store,
    bootstrap: Live,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Nothing is asked for yet.
    ///
    /// # Errors
    /// A kubeconfig or credentials that cannot be read or used.
    pub fn new(
        about: NodeCertificate,
        limits: Limits,
        runtime: &Handle,
    ) -> Result<Self, ClusterError> {
        Ok(Self {
            bootstrap: Live::from_kubeconfig(&about.bootstrap, limits, runtime)?,
            store: Store::new(&about.directory),
            about,
        })
    }

    /// A client with the certificate that is there now, and with each one that takes its place.
    ///
    /// # Errors
    /// There is none, or the kubeconfig cannot be read.
    pub fn client(&self, limits: Limits, runtime: &Handle) -> Result<Live, ClusterError> {
        let file = self.store.current();
        Live::with_certificate(&self.about.bootstrap, &file, limits, runtime)
    }

    /// The text of a kubeconfig for those who use the certificate that is in force themselves.
    ///
    /// # Errors
    /// There is none, or the bootstrap kubeconfig cannot be read.
    pub fn kubeconfig(&self) -> Result<String, ClusterError> {
        kubeconfig::text(&self.about.bootstrap, &self.store.current())
    }

    /// How long the certificate that is there is good; `None` where there is none of this node that is.
    #[must_use]
    pub fn current(&self) -> Option<Validity> {
        let pem = self.store.read()?;
        let validity = Validity::of(&pem, &request::name(&self.about.node))?;
        (SystemTime::now() < validity.until).then_some(validity)
    }

    /// Asks for a certificate, waits until it is issued, and puts it in place. `live` asks where it is told and accepted, else
    /// the credentials of the bootstrap kubeconfig.
    ///
    /// # Errors
    /// Why there is none until the deadline; what was there stays.
    pub async fn obtain(
        &self,
        live: Option<&Live>,
        deadline: Instant,
    ) -> Result<Validity, CertificateError> {
        self.obtain_telling(live, deadline, &|_| {}).await
    }

    /// As [`Certificates::obtain`]; tells what there is to wait for meanwhile.
    ///
    /// # Errors
    /// As [`Certificates::obtain`].
    pub async fn obtain_telling(
        &self,
        live: Option<&Live>,
        deadline: Instant,
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Validity, CertificateError> {
        let failed = |error: &ClusterError| tell(format!("failed to {error}"));
        let request = Request::new(&self.about)?;
        let (live, name) = self.post(live, &request, deadline, &failed).await?;
        let pending = |missing| {
            tell(format!(
                "certificate signing request {name} is not {missing} yet"
            ))
        };
        let pem = Self::issued(live, &name, deadline, &failed, &pending).await?;
        let unusable = |reason| CertificateError::Unusable {
            name: name.clone(),
            reason,
        };
        let subject = request::name(&self.about.node);
        let validity = Validity::of(&pem, &subject)
            .ok_or_else(|| unusable("it is none, or of another name"))?;
        if !validity::is_of_key(&pem, request.public_key()) {
            return Err(unusable("it is of another key"));
        }
        self.put(pem, request.key_pem().as_bytes().to_vec()).await?;
        Ok(validity)
    }

    /// A disk may take its time.
    async fn put(&self, pem: Vec<u8>, key: Vec<u8>) -> Result<(), CertificateError> {
        let store = self.store.clone();
        let put = spawn_blocking(move || store.put(&pem, &key)).await;
        put.unwrap_or_else(|ended| {
            Err(CertificateError::Store {
                action: "write certificate",
                path: self.store.current(),
                source: ended.into(),
            })
        })
    }

    /// The client that was accepted, and the request's name.
    async fn post<'a>(
        &'a self,
        live: Option<&'a Live>,
        request: &Request,
        deadline: Instant,
        failed: Told<'_>,
    ) -> Result<(&'a Live, String), CertificateError> {
        let call = Call::post_signing_request(request.object());
        if let Some(live) = live {
            match Self::named(live, &call, deadline, failed).await {
                Err(error) if is_refused(&error) => {}
                named => return Ok((live, named?)),
            }
        }
        let name = Self::named(&self.bootstrap, &call, deadline, failed).await?;
        Ok((&self.bootstrap, name))
    }

    async fn named(
        live: &Live,
        call: &Call,
        deadline: Instant,
        failed: Told<'_>,
    ) -> Result<String, ClusterError> {
        let body = live.api.send_telling(call, deadline, failed).await?;
        request::named(&body).map_err(|error| live.api.unreadable(call, &error))
    }

    /// The certificate, once there is one.
    async fn issued(
        live: &Live,
        name: &str,
        deadline: Instant,
        failed: Told<'_>,
        pending: &(dyn Fn(&'static str) + Send + Sync),
    ) -> Result<Vec<u8>, CertificateError> {
        let call = Call::get_signing_request(name)?;
        let (begin, mut pause) = (Instant::now(), FIRST);
        loop {
            let body = live.api.send_telling(&call, deadline, failed).await?;
            let answer = request::answer(&body);
            let missing = match answer.map_err(|error| live.api.unreadable(&call, &error))? {
                Answer::Issued(pem) => return Ok(pem),
                Answer::Refused(reason) => {
                    let name = name.to_owned();
                    return Err(CertificateError::Refused { name, reason });
                }
                Answer::Pending(missing) => missing,
            };
            pending(missing);
            if Instant::now() + pause >= deadline {
                return Err(CertificateError::Late {
                    name: name.to_owned(),
                    missing,
                    waited: begin.elapsed(),
                });
            }
            sleep(pause).await;
            pause = LONGEST.min(pause * 2);
        }
    }
}

/// The API does not take these credentials, or not for this.
fn is_refused(error: &ClusterError) -> bool {
    matches!(error.kind(), Kind::Unauthorized | Kind::Forbidden)
}

#[cfg(test)]
mod tests;
