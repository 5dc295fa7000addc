//! What has to be known of a certificate: whose it is, and how long it is good.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

/// How long a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// From when on.
    pub since: SystemTime,
    /// Until when.
    pub until: SystemTime,
}

impl Validity {
    /// Of the first certificate of a PEM text, where it is of this name.
    pub(super) fn of(pem: &[u8], name: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem).ok()?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let mut names = certificate.subject().iter_common_name();
        let is_named = names.any(|own| own.as_str().is_ok_and(|own| own == name));
        let validity = certificate.validity();
        Some(Self {
            since: time(&validity.not_before)?,
            until: time(&validity.not_after)?,
        })
        .filter(|_| is_named)
    }

    /// When to ask for the next one: when between a tenth and three tenths of its time are left, so that the nodes of a
    /// cluster that began together don't ask together (B6.84).
    #[must_use]
    pub fn renewal(&self) -> SystemTime {
        let whole = self.until.duration_since(self.since).unwrap_or_default();
        let random = RandomState::new().build_hasher().finish() % 1000;
        let random = u32::try_from(random).unwrap_or_default();
        let left = whole / 10 + whole / 5 / 1000 * random;
        self.until.checked_sub(left).unwrap_or(self.since)
    }

    /// How long it is good from now on.
    #[must_use]
    pub fn left(&self, now: SystemTime) -> Duration {
        self.until.duration_since(now).unwrap_or_default()
    }
}

/// Whether the first certificate of a PEM text is of this public key.
pub(super) fn is_of_key(pem: &[u8], key: &[u8]) -> bool {
    let Ok(der) = CertificateDer::from_pem_slice(pem) else {
        return false;
    };
    X509Certificate::from_der(&der)
        .is_ok_and(|(_, certificate)| certificate.public_key().subject_public_key.data == key)
}

fn time(time: &ASN1Time) -> Option<SystemTime> {
    let seconds = u64::try_from(time.timestamp()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
