use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Answer as Scripted, Server, block_on, write};

const LIMITS: Limits = Limits {
    request: Duration::from_secs(60),
    answer: 1 << 20,
};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Who signs, in tests.
struct Signer(Issuer<'static, KeyPair>);

impl Signer {
    fn new() -> Self {
        let params = CertificateParams::new(Vec::new()).unwrap();
        Self(Issuer::new(params, KeyPair::generate().unwrap()))
    }

    /// Certificate and key of a name.
    fn pair(&self, name: &str, since: i32, until: i32) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = rcgen::date_time_ymd(since, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        certificate + &key.serialize_pem()
    }
}

fn about(server: &Server, directory: &Path) -> NodeCertificate {
    NodeCertificate {
        bootstrap: server.kubeconfig(directory, "token: bootstrap", ""),
        directory: directory.join("certs"),
        node: "n-1".to_owned(),
        duration: Duration::from_secs(60),
    }
}

fn object(status: &Value) -> Value {
    json!({"metadata": {"name": "csr-7"}, "status": status})
}

fn put(directory: &Path, pem: &str) {
    fs::create_dir_all(directory).unwrap();
    write(&directory.join("multus-client-current.pem"), pem);
}

#[test]
fn what_is_asked_for_is_upstreams_request() {
    // B6.81
    let directory = tempfile::tempdir().unwrap();
    let server = Server::plain(vec![Scripted::status(409, "Conflict", "no")]);
    block_on(async {
        let about = about(&server, directory.path());
        let certificates = Certificates::new(about, LIMITS, &Handle::current()).unwrap();
        certificates.obtain(None, soon()).await.unwrap_err();
    });
    let seen = server.seen();
    let seen = seen.first().unwrap();
    assert_eq!(
        seen.line,
        "POST /apis/certificates.k8s.io/v1/certificatesigningrequests"
    );
    assert!(
        seen.headers.contains("Bearer bootstrap"),
        "{}",
        seen.headers
    );
    let spec = &seen.json()["spec"];
    assert_eq!(spec["signerName"], "kubernetes.io/kube-apiserver-client");
    assert_eq!(spec["usages"], json!(["digital signature", "client auth"]));
    // The API grants no shorter time.
    assert_eq!(spec["expirationSeconds"], 600);
    let pem = spec["request"].as_str().unwrap();
    let pem = STANDARD.decode(pem).unwrap();
    let der = CertificateSigningRequestDer::from_pem_slice(&pem).unwrap();
    let has = |text: &str| der.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("system:multus:n-1"));
}

#[test]
fn a_certificate_that_is_there_counts_while_it_is_good_and_of_this_node() {
    let signer = Signer::new();
    let directory = tempfile::tempdir().unwrap();
    let server = Server::plain(Vec::new());
    let about = about(&server, directory.path());
    let current = |pem: &str| {
        put(&about.directory, pem);
        block_on(async {
            let certificates = Certificates::new(about.clone(), LIMITS, &Handle::current());
            certificates.unwrap().current()
        })
    };
    let good = current(&signer.pair("system:multus:n-1", 2000, 2090)).unwrap();
    assert_eq!(good.since, UNIX_EPOCH + Duration::from_secs(946_684_800));
    assert_eq!(good.until, UNIX_EPOCH + Duration::from_secs(3_786_912_000));
    assert_eq!(current(&signer.pair("system:multus:n-1", 2000, 2001)), None);
    assert_eq!(current(&signer.pair("system:multus:n-2", 2000, 2090)), None);
    assert_eq!(current("nothing"), None);
    assert_eq!(current(""), None);
    fs::remove_dir_all(&about.directory).unwrap();
    block_on(async {
        let certificates = Certificates::new(about, LIMITS, &Handle::current()).unwrap();
        assert_eq!(certificates.current(), None);
    });
}

#[test]
fn whoever_refuses_and_what_never_comes_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let ends = |answer: Value, deadline: Duration| {
        let mut script = vec![Scripted::ok(&object(&json!({})))];
        script.extend(vec![Scripted::ok(&answer); 20]);
        let server = Server::plain(script);
        let about = about(&server, directory.path());
        let obtained = block_on(async {
            let certificates = Certificates::new(about, LIMITS, &Handle::current()).unwrap();
            certificates.obtain(None, Instant::now() + deadline).await
        });
        obtained.unwrap_err().to_string()
    };
    let (brief, long) = (Duration::from_secs(3), Duration::from_secs(60));
    let denied =
        json!({"conditions": [{"type": "Denied", "reason": "No", "message": "not a node"}]});
    assert_eq!(
        ends(object(&denied), long),
        "have certificate signing request csr-7 approved: it was refused: Denied No not a node"
    );
    let approved = json!({"conditions": [{"type": "Approved"}]});
    for (answer, missing) in [(json!({}), "approved"), (approved, "signed")] {
        let told = ends(object(&answer), brief);
        let expected = format!("have certificate signing request csr-7 {missing} in ");
        assert!(told.starts_with(&expected), "{told}");
    }
    let other = Signer::new().pair("system:multus:n-1", 2000, 2090);
    let other = json!({"certificate": STANDARD.encode(other)});
    assert_eq!(
        ends(object(&other), long),
        "use the certificate of certificate signing request csr-7: it is of another key"
    );
    let nothing = json!({"certificate": STANDARD.encode("nothing")});
    assert_eq!(
        ends(object(&nothing), long),
        "use the certificate of certificate signing request csr-7: it is none, or of another name"
    );
    assert!(!directory.path().join("certs").exists());
}

#[test]
fn what_is_issued_is_kept_as_upstream_keeps_it_and_what_is_old_goes() {
    // B6.82
    let signer = Signer::new();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(&directory.path().join("certs"));
    let file = |name: &str| directory.path().join("certs").join(name);
    fs::create_dir(directory.path().join("certs")).unwrap();
    write(&file("other.pem"), "");
    let mut last = String::new();
    for _ in 0..5 {
        let pair = signer.pair("system:multus:n-1", 2000, 2090);
        let (certificate, key) = pair.split_at(pair.find("-----BEGIN PRIVATE").unwrap());
        store.put(certificate.as_bytes(), key.as_bytes()).unwrap();
        last = pair;
    }
    let current = store.current();
    assert_eq!(fs::read_to_string(&current).unwrap(), last);
    assert_eq!(
        fs::metadata(&current).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let target = fs::read_link(&current).unwrap();
    let target = target.to_str().unwrap();
    assert!(target.starts_with("multus-client-2"), "{target}");
    let names: Vec<_> = fs::read_dir(directory.path().join("certs"))
        .unwrap()
        .collect();
    // Two certificates, the link, and what is not ours.
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(file("other.pem").exists());
}

#[test]
fn a_certificate_is_renewed_when_between_a_tenth_and_three_tenths_of_its_time_are_left() {
    // B6.84
    let since = UNIX_EPOCH;
    let until = since + Duration::from_secs(1000);
    let validity = Validity { since, until };
    let mut times = std::collections::BTreeSet::new();
    for _ in 0..1000 {
        let at = validity.renewal().duration_since(since).unwrap().as_secs();
        assert!((700..=900).contains(&at), "{at}");
        times.insert(at);
    }
    assert!(times.len() > 10, "{times:?}");
    assert_eq!(validity.left(until), Duration::ZERO);
    assert_eq!(validity.left(since), Duration::from_secs(1000));
}

#[test]
fn a_certificate_that_was_replaced_is_taken_with_the_key_that_belongs_to_it() {
    // B6.86: of the kubeconfig's own credentials none is used
    let signer = Signer::new();
    let directory = tempfile::tempdir().unwrap();
    let server = Server::plain(vec![Scripted::ok(&json!({})), Scripted::ok(&json!({}))]);
    let about = about(&server, directory.path());
    put(
        &about.directory,
        &signer.pair("system:multus:n-1", 2000, 2090),
    );
    block_on(async {
        let runtime = Handle::current();
        let certificates = Certificates::new(about.clone(), LIMITS, &runtime).unwrap();
        let live = certificates.client(LIMITS, &runtime).unwrap();
        assert!(live.refresh().await.unwrap());
        assert!(!live.refresh().await.unwrap());
        put(
            &about.directory,
            &signer.pair("system:multus:n-1", 2000, 2091),
        );
        assert!(live.refresh().await.unwrap());
        put(&about.directory, "-----BEGIN CERTIFICATE-----\n");
        let error = live.refresh().await.unwrap_err().to_string();
        assert!(error.ends_with("no certificate with its key"), "{error}");
        let _none = live.pod("ns", "web", soon()).await;
    });
    assert!(!server.seen()[0].headers.contains("Bearer"));
}
