//! Which request gets its certificate (B1.111–B1.113). A pure function of the request.

use cluster::SigningRequest;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::{ParsedCriAttribute, X509CriAttribute};
use x509_parser::oid_registry::{OID_PKCS9_EXTENSION_REQUEST, OID_X509_EXT_SUBJECT_ALT_NAME};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Who signs certificates for clients of the API.
pub(super) const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// Of a node's Multus, and the group of all of them.
const OURS: &str = "system:multus";
/// Who may ask: the node itself, or its Multus with the certificate before.
const REQUESTERS: [&str; 2] = ["system:node", OURS];
const GROUPS: [&str; 3] = ["system:nodes", OURS, "system:authenticated"];
const USAGES: [&str; 2] = ["client auth", "digital signature"];
/// How a block of a PEM file begins.
const BEGIN: &[u8] = b"-----BEGIN";
/// What a cause is cut to: there may be anything in a request.
const LONGEST_CAUSE: usize = 300;
/// A year.
const LONGEST: i64 = 365 * 24 * 3600;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Somebody else decides.
    NotOurs,
    /// It is for a Multus, and nothing can be said of it.
    Undecided(String),
    Approved,
    /// Why not.
    Denied(String),
}

/// Whom a certificate is for.
struct Subject {
    common_names: Vec<String>,
    organizations: Vec<String>,
    /// It would be good for other names as well.
    has_alternatives: bool,
}

pub(super) fn judge(request: &SigningRequest) -> Verdict {
    let Some(subject) = subject(&request.pem) else {
        return Verdict::NotOurs;
    };
    let is_ours = |name: &String| name.starts_with(OURS);
    if request.signer != SIGNER || !subject.common_names.iter().any(is_ours) {
        return Verdict::NotOurs;
    }
    let Some((prefix, node)) = request
        .username
        .rsplit_once(':')
        .filter(|(_, node)| !node.is_empty())
    else {
        let user = &request.username;
        return Verdict::Undecided(short(format!("{user:?} is no user of a node")));
    };
    match refusal(request, &subject, prefix, node) {
        None => Verdict::Approved,
        Some(cause) => Verdict::Denied(short(cause)),
    }
}

fn short(text: String) -> String {
    match text.char_indices().nth(LONGEST_CAUSE) {
        None => text,
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// The first thing that is wrong.
fn refusal(
    request: &SigningRequest,
    subject: &Subject,
    prefix: &str,
    node: &str,
) -> Option<String> {
    if !REQUESTERS.contains(&prefix) {
        return Some(format!(
            "user {:?} is no node and no Multus",
            request.username
        ));
    }
    if !is_subdomain(node) {
        return Some(format!("{node:?} is no name of a node"));
    }
    let mut usages: Vec<&str> = request.usages.iter().map(String::as_str).collect();
    usages.sort_unstable();
    usages.dedup();
    if usages != USAGES {
        return Some(format!("usages {usages:?} are not {USAGES:?}"));
    }
    let stranger = |group: &&String| !GROUPS.contains(&group.as_str());
    if let Some(group) = request.groups.iter().find(stranger) {
        return Some(format!("user {:?} is in group {group:?}", request.username));
    }
    let wanted = format!("{OURS}:{node}");
    if subject.common_names != [wanted.as_str()] {
        return Some(format!(
            "common name {:?} is not {wanted:?}",
            subject.common_names.join("+")
        ));
    }
    if subject.organizations != [OURS] {
        return Some(format!(
            "organization {:?} is not {OURS:?}",
            subject.organizations.join("+")
        ));
    }
    if subject.has_alternatives {
        return Some("subject alternative names are asked for".to_owned());
    }
    match request.expiration_seconds {
        None => Some("expirationSeconds is missing".to_owned()),
        Some(seconds) if seconds > LONGEST => Some(format!(
            "expirationSeconds {seconds} is more than {LONGEST}"
        )),
        Some(_) => None,
    }
}

/// Whom a request is for, where the signer reads the same: it passes over a block that is not as it should be, and takes the next
/// one.
fn subject(pem: &[u8]) -> Option<Subject> {
    let blocks = pem.windows(BEGIN.len()).filter(|text| *text == BEGIN);
    if blocks.count() != 1 {
        return None;
    }
    let (_, pem) = parse_x509_pem(pem).ok()?;
    let (_, request) = X509CertificationRequest::from_der(&pem.contents).ok()?;
    let name: &X509Name<'_> = &request.certification_request_info.subject;
    let mut attributes = request.certification_request_info.iter_attributes();
    Some(Subject {
        common_names: texts(name.iter_common_name())?,
        organizations: texts(name.iter_organization())?,
        has_alternatives: attributes.any(has_alternatives),
    })
}

/// Whether names are among the extensions that an attribute asks for, which can be several attributes.
fn has_alternatives(attribute: &X509CriAttribute<'_>) -> bool {
    match attribute.parsed_attribute() {
        ParsedCriAttribute::ExtensionRequest(requested) => {
            let mut extensions = requested.extensions.iter();
            extensions.any(|extension| extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME)
        }
        // Nobody knows.
        _ => attribute.oid == OID_PKCS9_EXTENSION_REQUEST,
    }
}

fn texts<'a>(
    attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>,
) -> Option<Vec<String>> {
    attributes
        .map(|attribute| attribute.as_str().ok().map(str::to_owned))
        .collect()
}

/// The name of an object, and so of a node.
fn is_subdomain(name: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let ends = [label.bytes().next(), label.bytes().last()];
        ends.into_iter().all(|end| end.is_some_and(is_alphanumeric))
            && label
                .bytes()
                .all(|byte| is_alphanumeric(byte) || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn pem(names: &[&str], organizations: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for name in names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        for organization in organizations {
            params
                .distinguished_name
                .push(DnType::OrganizationName, *organization);
        }
        let key = KeyPair::generate().unwrap();
        let request = params.serialize_request(&key).unwrap();
        request.pem().unwrap().into_bytes()
    }

    fn good() -> SigningRequest {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut request = SigningRequest::default();
        request.name = "csr-1".to_owned();
        request.signer = SIGNER.to_owned();
        request.username = "system:node:node-1.example".to_owned();
        request.groups = texts(&["system:nodes", "system:authenticated"]);
        request.usages = texts(&["digital signature", "client auth"]);
        request.expiration_seconds = Some(600);
        request.pem = pem(&["system:multus:node-1.example"], &["system:multus"]);
        request
    }

    #[test]
    fn a_node_and_its_multus_get_the_certificate_of_the_nodes_multus() {
        // B1.113
        assert_eq!(judge(&good()), Verdict::Approved);
        let mut again = good();
        again.username = "system:multus:node-1.example".to_owned();
        again.groups = vec!["system:multus".to_owned()];
        again.expiration_seconds = Some(LONGEST);
        assert_eq!(judge(&again), Verdict::Approved);
    }

    #[test]
    fn requests_of_others_are_left_to_others() {
        // B1.111
        type Change = fn(&mut SigningRequest);
        let changes: [Change; 4] = [
            |request| request.signer = "kubernetes.io/kubelet-serving".to_owned(),
            |request| request.pem = pem(&["system:node:node-1"], &["system:nodes"]),
            |request| request.pem = b"nothing".to_vec(),
            |request| request.pem = pem(&[], &[]),
        ];
        for change in changes {
            let mut request = good();
            change(&mut request);
            assert_eq!(judge(&request), Verdict::NotOurs);
        }
        for username in ["somebody", "system:node:", ""] {
            let mut request = good();
            request.username = username.to_owned();
            assert!(
                matches!(judge(&request), Verdict::Undecided(_)),
                "{username}"
            );
        }
    }

    #[test]
    fn whoever_asks_for_more_than_its_own_is_denied_and_told_why() {
        // B1.113
        type Change = fn(&mut SigningRequest);
        let changes: [(Change, &str); 10] = [
            (
                |request| request.username = "system:serviceaccount:a:b".to_owned(),
                "is no node and no Multus",
            ),
            (
                |request| request.username = "system:node:Node_1".to_owned(),
                "is no name of a node",
            ),
            (
                |request| request.usages.push("server auth".to_owned()),
                "usages",
            ),
            (|request| request.usages.truncate(1), "usages"),
            (
                |request| request.groups.push("system:masters".to_owned()),
                "is in group \"system:masters\"",
            ),
            (
                |request| request.pem = pem(&["system:multus:node-2"], &["system:multus"]),
                "common name \"system:multus:node-2\" is not \"system:multus:node-1.example\"",
            ),
            (
                |request| request.pem = pem(&["system:multus:node-1.example"], &["system:masters"]),
                "organization \"system:masters\" is not",
            ),
            (
                |request| request.pem = pem(&["system:multus:node-1.example"], &[]),
                "organization",
            ),
            (
                |request| request.expiration_seconds = None,
                "expirationSeconds is missing",
            ),
            (
                |request| request.expiration_seconds = Some(LONGEST + 1),
                "expirationSeconds",
            ),
        ];
        for (change, expected) in changes {
            let mut request = good();
            change(&mut request);
            match judge(&request) {
                Verdict::Denied(cause) => assert!(cause.contains(expected), "{cause}"),
                other => panic!("{other:?} in place of {expected}"),
            }
        }
    }

    #[test]
    fn a_certificate_that_would_be_good_for_other_names_is_denied() {
        let mut params = CertificateParams::new(vec!["kubernetes.default".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, name) in [
            (DnType::CommonName, "system:multus:node-1.example"),
            (DnType::OrganizationName, "system:multus"),
        ] {
            params.distinguished_name.push(kind, name);
        }
        let key = KeyPair::generate().unwrap();
        let mut request = good();
        let pem = params.serialize_request(&key).unwrap().pem().unwrap();
        request.pem = pem.into_bytes();
        let cause = "subject alternative names are asked for".to_owned();
        assert_eq!(judge(&request), Verdict::Denied(cause));
    }

    #[test]
    fn what_is_said_of_a_request_is_short() {
        let long = "ä".repeat(100_000);
        let mut request = good();
        request.pem = pem(&[&format!("system:multus:{long}")], &["system:multus"]);
        let mut nobody = good();
        nobody.username = long;
        for request in [request, nobody] {
            let (Verdict::Denied(cause) | Verdict::Undecided(cause)) = judge(&request) else {
                panic!("nothing is said of it");
            };
            assert!(cause.ends_with("...") && cause.len() < 700, "{cause}");
        }
    }

    #[test]
    fn a_request_whose_signer_might_read_another_one_in_it_is_left_alone() {
        // Go's decoder takes the first block whose end has the name of its beginning.
        let other = pem(&["system:kube-controller-manager"], &[]);
        for end in ["CERTIFICATE REQUEST", "NOTHING"] {
            let mut request = good();
            let own = String::from_utf8(request.pem).unwrap();
            let own = own.replace("END CERTIFICATE REQUEST", &format!("END {end}"));
            request.pem = [own.as_bytes(), &other].concat();
            assert_eq!(judge(&request), Verdict::NotOurs, "{end}");
        }
    }

    #[test]
    fn names_of_nodes_are_those_of_objects() {
        for name in ["a", "node-1.example", "1.2"] {
            assert!(is_subdomain(name), "{name}");
        }
        for name in [
            "",
            ".",
            "a.",
            "-a",
            "a-",
            "a_b",
            "A",
            "a..b",
            &"a".repeat(254),
        ] {
            assert!(!is_subdomain(name), "{name}");
        }
    }
}
