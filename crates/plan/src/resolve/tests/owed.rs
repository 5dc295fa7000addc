//! Which pods' statuses may be written behind.

use super::*;

fn owes(conf: &Value, pod: Pod, may_owe_status: bool) -> bool {
    let mut world = World::with_networks("").define("app", "n", &plugin());
    let reference = world
        .pod
        .take()
        .map(|pod| pod.reference)
        .unwrap_or_default();
    world.pod = Some(Pod { reference, ..pod });
    let request = Request {
        may_owe_status,
        ..request(Catalog::Api)
    };
    match crate::drive(&super::conf(conf), &request, &world) {
        Ok(Outcome::Attach(plan)) => plan.owes_status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_status_of_a_pod_with_the_cluster_network_alone_may_be_written_behind() {
    assert!(owes(&inline(), Pod::default(), true));
    assert!(!owes(&inline(), Pod::default(), false));
    let empty = Pod {
        networks: Some(String::new()),
        ..Pod::default()
    };
    assert!(owes(&inline(), empty, true));
}

#[test]
fn the_status_of_a_pod_that_asks_for_something_or_has_one_may_not() {
    let text = |text: &str| Some(text.to_owned());
    for pod in [
        Pod {
            networks: text("n"),
            ..Pod::default()
        },
        Pod {
            default_network: text("n"),
            ..Pod::default()
        },
        Pod {
            has_status: true,
            ..Pod::default()
        },
        Pod {
            config_source: text("file"),
            ..Pod::default()
        },
    ] {
        let mut conf = inline();
        conf["multusNamespace"] = json!("app");
        assert!(!owes(&conf, pod.clone(), true), "{pod:?}");
    }
    let mut conf = inline();
    let second = json!({"cniVersion": "1.0.0", "name": "second", "type": "bridge"});
    conf["delegates"] = json!([conf["delegates"][0], second]);
    assert!(!owes(&conf, Pod::default(), true));
}
