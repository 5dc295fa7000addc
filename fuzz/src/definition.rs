//! What others leave for us in the API and on the node: definitions, and what device plugins say about devices.

use npwg::{Definition, DeviceInfo};
use plan::{Catalog, Fact, Facts, Need, NetConf, Outcome, Planned, Pod, PodArgs, Request};
use serde_json::json;

/// A definition is read back the same, and a plan that attaches a pod to it has a configuration that can be read.
pub fn definition(data: &[u8]) {
    let Ok(definition) = Definition::from_json(data) else {
        return;
    };
    assert!(!definition.name.is_empty());
    let written = json!({
        "metadata": {
            "name": definition.name,
            "namespace": definition.namespace,
            "annotations": {npwg::names::RESOURCE_NAME: definition.resource_name},
        },
        "spec": {"config": definition.config},
    });
    assert_eq!(Definition::from_value(&written), Ok(definition.clone()));
    attach(definition);
}

fn attach(definition: Definition) {
    let conf = br#"{"name": "multus", "delegates": [{"name": "cluster", "type": "bridge"}]}"#;
    let conf = NetConf::parse(conf).expect("a good configuration");
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod";
    let request = Request {
        container_id: "c1".into(),
        ifname: "eth0".into(),
        args: PodArgs::parse(args).expect("good arguments"),
        catalog: Catalog::Api,
        may_owe_status: false,
    };
    let mut pod = Pod {
        networks: Some(r#"[{"name": "net", "cni-args": {"a": 1}}]"#.into()),
        ..Pod::default()
    };
    pod.reference.namespace = "ns".into();
    let (namespace, name) = ("ns".to_owned(), "pod".to_owned());
    let mut facts = Facts::default();
    facts.insert(Need::Pod { namespace, name }, Fact::Pod(Some(pod)));
    let (namespace, name) = ("ns".to_owned(), "net".to_owned());
    let need = Need::Definition { namespace, name };
    facts.insert(need, Fact::Definition(Some(definition)));
    let Ok(Planned::Ready(Outcome::Attach(plan))) = plan::plan(&conf, &request, &facts) else {
        return;
    };
    let [cluster, net] = plan.attachments.as_slice() else {
        panic!("two networks, {} attachments", plan.attachments.len());
    };
    assert_eq!(
        (cluster.name.as_str(), net.name.as_str()),
        ("cluster", "ns/net")
    );
    let again = cni::NetworkConf::parse(net.conf.bytes()).expect("what was written can be read");
    assert_eq!(again.plugins(), net.conf.plugins());
    assert!(!again.name().is_empty());
    for plugin in again.plugins() {
        let merged = plugin
            .raw()
            .get("args")
            .and_then(|args| args.pointer("/cni/a"));
        assert_eq!(merged, Some(&json!(1)));
    }
}

/// Device information is read back the same, and written the same again.
pub fn device_info(data: &[u8]) {
    let Ok(info) = DeviceInfo::parse(data) else {
        return;
    };
    let _ = info.check();
    let rendered = info.render().expect("device information has a text");
    let again = DeviceInfo::parse(rendered.as_bytes()).expect("what was written can be read");
    assert_eq!(again, info);
    assert_eq!(again.render(), Ok(rendered));
}
