//! One more network for a container that is attached already (B6.43): what asks for it is not the pod's annotation.

use cni::NetworkConf;
use serde_json::{Map, Value, json};

use crate::resolve::{Found, Stop, attach, find_pod, identity, missing_capabilities};
use crate::selected::{Network, merge_cni_args};
use crate::{Facts, NetConf, Plan, PlanError, Planned, Request, Requests};

/// What a pod would say of the network in its annotation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// Addresses.
    pub ips: Vec<String>,
    /// MAC address.
    pub mac: String,
    /// Arguments for the plugins.
    pub cni_args: Option<Map<String, Value>>,
}

/// Plans the attachment to the network of this configuration, under the interface name of the request. There is no device
/// and no default route for it.
///
/// # Errors
/// Whatever makes it impossible; nothing has been done then.
pub fn another(
    conf: &NetConf,
    request: &Request,
    facts: &Facts,
    network: &[u8],
    asked: &Asked,
) -> Result<Planned<Plan>, PlanError> {
    Planned::of(attachment(conf, request, facts, network, asked))
}

fn attachment(
    conf: &NetConf,
    request: &Request,
    facts: &Facts,
    network: &[u8],
    asked: &Asked,
) -> Result<Plan, Stop> {
    let pod = match find_pod(request, facts)? {
        Found::Pod(pod) => Some(identity(pod, request)),
        Found::NotAsked => None,
        Found::Unknown => {
            let pod = request.args.pod.label();
            return Err(PlanError::NoPod { pod }.into());
        }
    };
    let network = NetworkConf::parse(network).map_err(PlanError::Another)?;
    let mut network = Network::of_configuration(conf, network);
    network.requests = requests(request, asked)?;
    if let Some(arguments) = &asked.cni_args {
        merge_cni_args(&mut network.conf, arguments, &network.name)?;
    }
    // Not the first: that is the default network.
    let attachment = attach(conf, request, 1, network)?;
    let warnings = missing_capabilities(&attachment);
    Ok(Plan {
        pod,
        attachments: vec![attachment],
        warnings,
        owes_status: false,
        earlier_status: None,
    })
}

/// Checked as an element of a pod's annotation is.
fn requests(request: &Request, asked: &Asked) -> Result<Requests, PlanError> {
    let element = json!([{
        "name": "delegate",
        "interface": request.ifname,
        "ips": asked.ips,
        "mac": asked.mac,
    }]);
    let elements = npwg::selection::parse(&element.to_string(), "").map_err(|source| {
        PlanError::Annotation {
            annotation: "interfaceAttributes",
            source,
        }
    })?;
    let element = elements.into_iter().next().unwrap_or_default();
    Ok(Requests {
        interface: element.interface,
        mac: element.mac,
        ips: element.ips,
        ..Requests::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, Fact, Need, Pod, PodArgs, PodRef};

    const ARGS: &str = "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=u";
    const NETWORK: &str = r#"{"cniVersion":"0.3.1","name":"lan","type":"macvlan"}"#;

    fn planned(catalog: Catalog, known: Option<Pod>, asked: &Asked) -> Result<Plan, PlanError> {
        let conf = NetConf::parse(br#"{"clusterNetwork":"primary"}"#).unwrap();
        let request = Request {
            container_id: "c".to_owned(),
            ifname: "hot0".to_owned(),
            args: PodArgs::parse(ARGS).unwrap(),
            catalog,
            may_owe_status: false,
        };
        let mut facts = Facts::default();
        let need = Need::Pod {
            namespace: "ns".to_owned(),
            name: "web".to_owned(),
        };
        facts.insert(need, Fact::Pod(known));
        match another(&conf, &request, &facts, NETWORK.as_bytes(), asked)? {
            Planned::Ready(plan) => Ok(plan),
            Planned::Needs(needs) => panic!("{needs:?}"),
        }
    }

    #[test]
    fn another_network_has_the_name_of_its_configuration_and_the_interface_of_its_request() {
        // B6.43
        let asked = Asked {
            ips: vec!["10.0.0.7/24".to_owned()],
            mac: "02:00:00:00:00:01".to_owned(),
            cni_args: json!({"vlan": 7}).as_object().cloned(),
        };
        let plan = planned(Catalog::None, None, &asked).unwrap();
        let attachment = &plan.attachments[0];
        assert_eq!((attachment.name.as_str(), plan.pod), ("lan", None));
        assert_eq!(attachment.ifname.as_str(), "hot0");
        assert_eq!(attachment.requests.interface.as_deref(), Some("hot0"));
        let text = String::from_utf8_lossy(attachment.conf.bytes());
        assert!(text.contains(r#""args":{"cni":{"vlan":7}}"#), "{text}");
        let args = attachment.args.iter().skip(5);
        let args: Vec<_> = args.map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(args, ["MAC=02:00:00:00:00:01", "IP=10.0.0.7/24"]);
        assert_eq!(
            Value::Object(attachment.capability_args.clone()),
            json!({"ips": ["10.0.0.7/24"], "mac": "02:00:00:00:00:01"})
        );
        // Nothing declares them.
        assert_eq!(plan.warnings.len(), 2);
    }

    #[test]
    fn the_pod_has_to_be_there_and_the_same() {
        // B6.43
        let pod = |uid: &str| Pod {
            reference: PodRef {
                namespace: "ns".to_owned(),
                name: "web".to_owned(),
                uid: uid.to_owned(),
            },
            ..Pod::default()
        };
        let asked = Asked::default();
        let plan = planned(Catalog::Api, Some(pod("u")), &asked).unwrap();
        assert_eq!(plan.pod, Some(pod("u").reference));
        let error = planned(Catalog::Api, Some(pod("other")), &asked).unwrap_err();
        assert!(matches!(error, PlanError::PodReplaced { .. }));
        let error = planned(Catalog::Api, None, &asked).unwrap_err();
        assert_eq!(error.to_string(), "pod ns/web/u not found");
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        let asked = Asked {
            mac: "02".to_owned(),
            ..Asked::default()
        };
        let error = planned(Catalog::None, None, &asked).unwrap_err();
        let text = error.to_string();
        let element = "interfaceAttributes: element 0 (\"delegate\"): mac: ";
        assert!(text.contains(element), "{text}");
    }
}
