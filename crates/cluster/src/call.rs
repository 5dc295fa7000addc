//! One request to the API, before it is sent.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use kube::client::Body;

use crate::collection::Collection;
use crate::error::ClusterError;
use crate::text::one_line;
use plan::PodRef;

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// Of the pod that comes back from a write nothing is read: its metadata will do.
const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json";

/// Dynamic resource allocation, in the version that every cluster has that has it for good.
pub(crate) const RESOURCE_API: &str = "/apis/resource.k8s.io/v1";

/// Where requests for certificates are.
pub(crate) const SIGNING_REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// One request, as often as it has to be sent.
#[derive(Debug)]
pub(crate) struct Call {
    /// What it does, for errors: `get pod default/web`.
    pub(crate) action: String,
    method: Method,
    path: String,
    content_type: Option<&'static str>,
    accept: &'static str,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn get_pod(namespace: &str, name: &str) -> Result<Self, ClusterError> {
        Ok(Self {
            action: format!("get pod {namespace}/{name}"),
            method: Method::GET,
            path: pod_path(namespace, name)?,
            content_type: None,
            accept: JSON,
            body: Vec::new(),
        })
    }

    pub(crate) fn get_definition(namespace: &str, name: &str) -> Result<Self, ClusterError> {
        let segment_of_namespace = segment("namespace", namespace)?;
        let segment_of_name = segment(npwg::names::SINGULAR, name)?;
        Ok(Self {
            action: format!("get {} {namespace}/{name}", npwg::names::SINGULAR),
            method: Method::GET,
            path: format!(
                "/apis/{}/namespaces/{segment_of_namespace}/{}/{segment_of_name}",
                npwg::names::API_VERSION,
                npwg::names::PLURAL,
            ),
            content_type: None,
            accept: JSON,
            body: Vec::new(),
        })
    }

    pub(crate) fn get_claim(namespace: &str, name: &str) -> Result<Self, ClusterError> {
        let segment_of_namespace = segment("namespace", namespace)?;
        let segment_of_name = segment("resource claim", name)?;
        Ok(Self {
            action: format!("get resource claim {namespace}/{name}"),
            method: Method::GET,
            path: format!(
                "{RESOURCE_API}/namespaces/{segment_of_namespace}/resourceclaims/{segment_of_name}"
            ),
            content_type: None,
            accept: JSON,
            body: Vec::new(),
        })
    }

    /// One page of a list; `next` is where the page before ended.
    pub(crate) fn list(collection: &Collection, limit: u32, next: Option<&str>) -> Self {
        let next = next.map_or_else(String::new, |next| format!("&continue={}", escaped(next)));
        Self {
            action: format!("list {}", collection.name),
            method: Method::GET,
            path: format!(
                "{}?{}limit={limit}{next}",
                collection.path, collection.selector
            ),
            content_type: None,
            accept: JSON,
            body: Vec::new(),
        }
    }

    /// What changes after this version; the server ends its answer after so many seconds.
    pub(crate) fn watch(collection: &Collection, version: &str, seconds: u64) -> Self {
        Self {
            action: format!("watch {}", collection.name),
            method: Method::GET,
            path: format!(
                "{}?{}watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={}",
                collection.path,
                collection.selector,
                escaped(version)
            ),
            content_type: None,
            accept: JSON,
            body: Vec::new(),
        }
    }

    pub(crate) fn patch_status(pod: &PodRef, patch: Vec<u8>) -> Result<Self, ClusterError> {
        Self::write_status(pod, Method::PATCH, MERGE_PATCH, patch)
    }

    pub(crate) fn put_status(pod: &PodRef, object: Vec<u8>) -> Result<Self, ClusterError> {
        Self::write_status(pod, Method::PUT, JSON, object)
    }

    fn write_status(
        pod: &PodRef,
        method: Method,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<Self, ClusterError> {
        Ok(Self {
            action: format!("write status of pod {}/{}", pod.namespace, pod.name),
            method,
            path: format!("{}/status", pod_path(&pod.namespace, &pod.name)?),
            content_type: Some(content_type),
            accept: METADATA,
            body,
        })
    }

    pub(crate) fn post_event(namespace: &str, event: Vec<u8>) -> Result<Self, ClusterError> {
        Ok(Self {
            action: format!("post event in {namespace}"),
            method: Method::POST,
            path: format!(
                "/api/v1/namespaces/{}/events",
                segment("namespace", namespace)?
            ),
            content_type: Some(JSON),
            accept: JSON,
            body: event,
        })
    }

    pub(crate) fn put_approval(name: &str, object: Vec<u8>) -> Result<Self, ClusterError> {
        let segment_of_name = segment("certificate signing request", name)?;
        Ok(Self {
            action: format!("decide on certificate signing request {name}"),
            method: Method::PUT,
            path: format!("{SIGNING_REQUESTS}/{segment_of_name}/approval"),
            content_type: Some(JSON),
            accept: METADATA,
            body: object,
        })
    }

    /// Asks for a certificate.
    pub(crate) fn post_signing_request(object: Vec<u8>) -> Self {
        Self {
            action: "post certificate signing request".to_owned(),
            method: Method::POST,
            path: SIGNING_REQUESTS.to_owned(),
            content_type: Some(JSON),
            accept: JSON,
            body: object,
        }
    }

    pub(crate) fn get_signing_request(name: &str) -> Result<Self, ClusterError> {
        let segment = segment("certificate signing request", name)?;
        Ok(Self {
            action: format!("get certificate signing request {name}"),
            method: Method::GET,
            path: format!("{SIGNING_REQUESTS}/{segment}"),
            content_type: None,
            accept: JSON,
            body: Vec::new(),
        })
    }

    /// A request to send.
    ///
    /// # Errors
    /// None that the constructors leave possible.
    pub(crate) fn request(&self) -> Result<Request<Body>, http::Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(self.path.as_str())
            .header(ACCEPT, self.accept);
        if let Some(content_type) = self.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        request.body(Body::from(self.body.clone()))
    }
}

fn pod_path(namespace: &str, name: &str) -> Result<String, ClusterError> {
    Ok(format!(
        "/api/v1/namespaces/{}/pods/{}",
        segment("namespace", namespace)?,
        segment("pod", name)?
    ))
}

/// A name that is one segment of a path. Names come out of annotations: one with a slash in it would ask for another
/// object, an empty one for a list.
pub(crate) fn segment<'a>(what: &'static str, name: &'a str) -> Result<&'a str, ClusterError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty()
        || name.len() > 253
        || name == "."
        || name == ".."
        || !name.bytes().all(plain)
    {
        return Err(ClusterError::Name {
            what,
            value: one_line(name, 80),
        });
    }
    Ok(name)
}

/// Text that the API gave, as a value in a query.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_change_the_request_are_refused() {
        let long = "a".repeat(254);
        for name in [
            "", ".", "..", "a/b", "a%2fb", "a?b", "a b", "a\nb", "ä", "a#", "../x", &long,
        ] {
            assert!(Call::get_pod("ns", name).is_err(), "{name:?}");
            assert!(Call::get_pod(name, "pod").is_err(), "{name:?}");
            assert!(Call::get_definition(name, "net").is_err(), "{name:?}");
            assert!(Call::get_definition("ns", name).is_err(), "{name:?}");
            assert!(Call::get_claim("ns", name).is_err(), "{name:?}");
            assert!(Call::get_claim(name, "claim").is_err(), "{name:?}");
            assert!(Call::put_approval(name, Vec::new()).is_err(), "{name:?}");
            assert!(Collection::slices(name, None).is_err(), "{name:?}");
            assert!(Collection::slices("d", Some(name)).is_err(), "{name:?}");
            assert!(Collection::pods(Some(name)).is_err(), "{name:?}");
        }
        assert_eq!(
            Call::get_definition("ns", "../secrets")
                .unwrap_err()
                .to_string(),
            "ask for network-attachment-definition \"../secrets\": not a name"
        );
    }

    #[test]
    fn paths_are_those_of_the_api_b5_5() {
        let path = |call: Call| call.request().unwrap().uri().to_string();
        assert_eq!(
            path(Call::get_pod("a", "b.c-1").unwrap()),
            "/api/v1/namespaces/a/pods/b.c-1"
        );
        assert_eq!(
            path(Call::get_definition("a", "b").unwrap()),
            "/apis/k8s.cni.cncf.io/v1/namespaces/a/network-attachment-definitions/b"
        );
        assert_eq!(
            path(Call::get_claim("a", "b").unwrap()),
            "/apis/resource.k8s.io/v1/namespaces/a/resourceclaims/b"
        );
        let slices = |node| Collection::slices("d.io", node).unwrap();
        assert_eq!(
            path(Call::list(&slices(Some("n-1")), 50, None)),
            "/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName%3Dn-1%2Cspec.driver%3Dd.io&limit=50"
        );
        assert_eq!(
            path(Call::list(&slices(None), 50, Some("a+/=&b"))),
            "/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.driver%3Dd.io&limit=50&continue=a%2B%2F%3D%26b"
        );
        assert_eq!(
            path(Call::list(&Collection::definitions(), 100, None)),
            "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions?limit=100"
        );
        let pods = |node| Collection::pods(node).unwrap();
        assert_eq!(
            path(Call::list(&pods(None), 100, None)),
            "/api/v1/pods?limit=100"
        );
        assert_eq!(
            path(Call::watch(&pods(Some("n-1")), "7", 240)),
            "/api/v1/pods?fieldSelector=spec.nodeName%3Dn-1&watch=true&allowWatchBookmarks=true&timeoutSeconds=240&resourceVersion=7"
        );
        let pod = PodRef {
            namespace: "a".into(),
            name: "b".into(),
            uid: "c".into(),
        };
        assert_eq!(
            path(Call::patch_status(&pod, Vec::new()).unwrap()),
            "/api/v1/namespaces/a/pods/b/status"
        );
        assert_eq!(
            path(Call::put_approval("a", Vec::new()).unwrap()),
            "/apis/certificates.k8s.io/v1/certificatesigningrequests/a/approval"
        );
        assert_eq!(
            path(Call::post_event("a", Vec::new()).unwrap()),
            "/api/v1/namespaces/a/events"
        );
    }
}
