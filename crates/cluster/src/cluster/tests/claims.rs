//! Claims and slices: what is asked, and what is made of the answer.

use super::*;
use crate::error::Kind;

const SLICES: &str = "GET /apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName%3Dnode-1%2Cspec.driver%3Dd.example.com&limit=50";

fn page(next: Option<&str>, ids: &[&str]) -> Answer {
    let devices: Vec<Value> = ids
        .iter()
        .map(|id| json!({"name": id, "attributes": {"k8s.cni.cncf.io/deviceID": {"string": id}}}))
        .collect();
    Answer::ok(&json!({"metadata": {"continue": next},
        "items": [{"spec": {"pool": {"name": "p", "generation": 1}, "devices": devices}}]}))
}

#[test]
fn a_claim_is_read_with_one_request() {
    let result = json!({"request": "r", "driver": "d", "pool": "p", "device": "x"});
    let server = Server::plain(vec![Answer::ok(
        &json!({"status": {"allocation": {"devices": {"results": [result]}}}}),
    )]);
    let (cluster, _directory) = client(&server);
    let claim = cluster
        .resource_claim("shop", "nic", soon())
        .unwrap()
        .unwrap();
    assert_eq!(claim.devices[0].device, "x");
    assert_eq!(
        server.lines(),
        ["GET /apis/resource.k8s.io/v1/namespaces/shop/resourceclaims/nic"]
    );
}

#[test]
fn a_claim_that_the_api_does_not_know_is_none_and_an_api_without_claims_an_error() {
    let server = Server::plain(vec![
        Answer::status(
            404,
            "NotFound",
            "resourceclaims.resource.k8s.io \"nic\" not found",
        ),
        Answer::Http(404, "", "404 page not found\n".into()),
    ]);
    let (cluster, _directory) = client(&server);
    assert_eq!(cluster.resource_claim("shop", "nic", soon()).unwrap(), None);
    let error = cluster.resource_claim("shop", "nic", soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error
            .to_string()
            .starts_with("get resource claim shop/nic at "),
        "{error}"
    );
}

#[test]
fn slices_are_read_page_by_page() {
    let server = Server::plain(vec![page(Some("abc=="), &["a", "b"]), page(None, &["c"])]);
    let (cluster, _directory) = client(&server);
    let devices = cluster
        .resource_slices("d.example.com", Some("node-1"), soon())
        .unwrap();
    let ids: Vec<&str> = devices
        .iter()
        .map(|device| device.device_id.as_str())
        .collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(
        server.lines(),
        [SLICES.to_owned(), format!("{SLICES}&continue=abc%3D%3D")]
    );
}

#[test]
fn a_list_that_the_api_refuses_names_driver_and_node() {
    let server = Server::plain(vec![Answer::status(403, "Forbidden", "no")]);
    let (cluster, _directory) = client(&server);
    let error = cluster
        .resource_slices("d.example.com", Some("node-1"), soon())
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(
        error
            .to_string()
            .starts_with("list resource slices of driver d.example.com on node node-1 at "),
        "{error}"
    );
}
