//! What an ADD asks of the API, as the API's audit log has it, where no daemon has asked before.

use suites::cluster::ClusterNode;

#[test]
fn an_add_reads_each_object_once_patches_once_and_posts_its_events() {
    // B4.29, B5.5, B5.10, B7.10, Q47, Q60
    let node = ClusterNode::new("requests");
    let other = node.api.client().new_namespace("other").unwrap();
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    node.define_in(&other, "net-b", &node.scripted("net-b", "10.2.0.2/24"));
    let pod = node.pod("web", &format!("net-a,{other}/net-b@data0"));
    let conf = node.scripted_conf();

    node.add(&pod, &conf).good();

    assert_eq!(
        node.requests(),
        [
            "get pods web 200",
            "get network-attachment-definitions net-a 200",
            "get network-attachment-definitions net-b 200",
            "patch pods/status web 200",
            "create events 201",
            "create events 201",
            "create events 201",
        ]
    );
}

#[test]
fn a_definition_that_is_named_twice_is_read_once_and_attached_twice() {
    // Q61, B3.47; B5.10 reads it twice
    let node = ClusterNode::new("twice");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a,net-a@data0");
    let conf = node.scripted_conf();

    node.add(&pod, &conf).good();

    let definition = format!("{}/net-a", node.namespace);
    let expected = [
        ("cluster", "eth0"),
        (&definition, "net1"),
        (&definition, "data0"),
    ];
    assert_eq!(
        node.attachments_of(&pod),
        expected.map(|(name, link)| (name.to_owned(), link.to_owned()))
    );
    assert_eq!(
        node.requests()[..3],
        [
            "get pods web 200",
            "get network-attachment-definitions net-a 200",
            "patch pods/status web 200",
        ]
    );
}

#[test]
fn a_pod_without_networks_of_its_own_costs_a_read_a_patch_and_an_event() {
    // T7.1, B3.10
    let node = ClusterNode::new("plain");
    let pod = node.annotated_pod("web", &[]);

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(
        node.requests(),
        [
            "get pods web 200",
            "patch pods/status web 200",
            "create events 201",
        ]
    );
}

#[test]
fn all_requests_of_an_add_share_one_connection() {
    let node = ClusterNode::behind_proxy("connection");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(node.requests().len(), 5, "{:?}", node.requests());
    assert_eq!(node.proxy().connections(), 1);
}

#[test]
fn a_pod_that_the_runtime_attached_before_multus_came_is_detached_without_a_question() {
    // B4.104, B4.105
    let node = ClusterNode::new("api-before");
    let pod = node.annotated_pod("web", &[]);

    node.del(&pod, &node.scripted_conf());

    assert_eq!(node.calls(), ["DEL cluster eth0"]);
    assert!(node.requests().is_empty());
}
