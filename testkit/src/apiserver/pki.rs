//! The certificates of one API server: its own authority, valid for nothing else.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// A certificate with its private key, both in PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key, PKCS#8.
    pub key: String,
}

/// What the API server and its administrator need.
#[derive(Debug)]
pub(crate) struct Pki {
    /// The authority's certificate, PEM.
    pub(crate) ca: String,
    pub(crate) server: Identity,
    pub(crate) admin: Identity,
    /// Signs the tokens of service accounts.
    pub(super) service_account_key: KeyPair,
    /// Another authority and what it signed, for when the first one has had its day.
    pub(super) next: Next,
    issuer: Issuer<'static, KeyPair>,
}

/// An authority that takes the first one's place towards the API's clients.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) ca: String,
    pub(super) server: Identity,
}

impl Pki {
    /// Makes keys and certificates for a server at these addresses.
    pub(crate) fn new(addresses: &[Ipv4Addr]) -> anyhow::Result<Self> {
        let (ca, issuer) = authority("multus-rs-tests")?;
        let (next, next_issuer) = authority("multus-rs-tests-next")?;
        Ok(Self {
            ca,
            next: Next {
                ca: next,
                server: serving(&next_issuer, addresses)?,
            },
            server: serving(&issuer, addresses)?,
            admin: client(&issuer, "admin", "system:masters")?,
            service_account_key: KeyPair::generate()?,
            issuer,
        })
    }

    /// A client certificate of this authority.
    pub(crate) fn client(&self, user: &str, group: &str) -> anyhow::Result<Identity> {
        client(&self.issuer, user, group)
    }

    /// A certificate of this authority for a server at these addresses.
    pub(crate) fn serving(&self, addresses: &[Ipv4Addr]) -> anyhow::Result<Identity> {
        serving(&self.issuer, addresses)
    }

    /// Both authorities.
    pub(super) fn both(&self) -> String {
        format!("{}{}", self.ca, self.next.ca)
    }

    /// Writes the certificate that the next authority has signed in the place of the first one's.
    pub(super) fn write_next(&self, directory: &Path) -> anyhow::Result<()> {
        let Identity { certificate, key } = &self.next.server;
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = directory.join(name);
            fs::write(&path, text)
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        Ok(())
    }

    /// Writes the files that the API server reads.
    pub(crate) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let files = [
            (
                "service-account.key",
                &self.service_account_key.serialize_pem(),
            ),
            (
                "service-account.pub",
                &self.service_account_key.public_key_pem(),
            ),
            ("ca.crt", &self.ca),
            ("ca.key", &self.issuer.key().serialize_pem()),
            ("server.crt", &self.server.certificate),
            ("server.key", &self.server.key),
        ];
        for (name, text) in files {
            let path = directory.join(name);
            fs::write(&path, text)
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        Ok(())
    }
}

/// A request for a certificate of a client, as PEM.
pub fn signing_request(name: &str, group: &str) -> anyhow::Result<String> {
    let key = KeyPair::generate()?;
    Ok(named(name, Some(group)).serialize_request(&key)?.pem()?)
}

/// An authority's certificate, and what signs for it.
fn authority(name: &str) -> anyhow::Result<(String, Issuer<'static, KeyPair>)> {
    let mut params = named(name, None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let key = KeyPair::generate()?;
    let ca = params.self_signed(&key)?.pem();
    Ok((ca, Issuer::new(params, key)))
}

fn named(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
    }
    params
}

fn serving(issuer: &Issuer<'static, KeyPair>, addresses: &[Ipv4Addr]) -> anyhow::Result<Identity> {
    let mut params = named("kube-apiserver", None);
    // The last address is the first of the service range: what clients inside of a cluster use.
    let everywhere = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 96, 0, 1)];
    for address in addresses.iter().chain(&everywhere) {
        params
            .subject_alt_names
            .push(SanType::IpAddress(IpAddr::V4(*address)));
    }
    for name in [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
    ] {
        params
            .subject_alt_names
            .push(SanType::DnsName(name.try_into()?));
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    sign(issuer, params)
}

fn client(issuer: &Issuer<'static, KeyPair>, user: &str, group: &str) -> anyhow::Result<Identity> {
    let mut params = named(user, Some(group));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    sign(issuer, params)
}

fn sign(
    issuer: &Issuer<'static, KeyPair>,
    mut params: CertificateParams,
) -> anyhow::Result<Identity> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?.pem();
    Ok(Identity {
        certificate,
        key: key.serialize_pem(),
    })
}
