//! How much one pod may ask for.

use super::*;
use crate::limits;

/// A plugin whose configuration has about this many bytes.
fn large(bytes: usize) -> Value {
    json!({"cniVersion": "1.0.0", "name": "large", "type": "macvlan", "pad": "x".repeat(bytes)})
}

fn times(network: &str, count: usize) -> World {
    World::with_networks(&vec![network; count].join(","))
}

#[test]
fn a_pod_that_asks_for_more_networks_than_any_needs_is_refused() {
    let world = |count| times("n", count).define("app", "n", &plugin());
    let plan = attach(&inline(), &world(limits::NETWORKS)).unwrap();
    assert_eq!(plan.attachments.len(), limits::NETWORKS + 1);
    let error = attach(&inline(), &world(limits::NETWORKS + 1)).unwrap_err();
    let text = "the pod asks for 257 networks, more than 256";
    assert_eq!((error.to_string().as_str(), error.code()), (text, 7));
}

#[test]
fn a_large_definition_that_is_named_often_is_refused() {
    let world = |count| times("n", count).define("app", "n", &large(limits::CONFIGURATION / 8));
    assert!(attach(&inline(), &world(7)).is_ok());
    let error = attach(&inline(), &world(8)).unwrap_err();
    let text = "the configurations of the pod's networks have more than 4194304 bytes together";
    assert_eq!((error.to_string().as_str(), error.code()), (text, 7));
}

#[test]
fn many_large_definitions_are_not_even_fetched() {
    struct Counting(World, std::cell::Cell<usize>);
    impl crate::Source for Counting {
        type Error = std::convert::Infallible;
        fn pod(&self, namespace: &str, name: &str) -> Result<Option<Pod>, Self::Error> {
            self.0.pod(namespace, name)
        }
        fn definition(
            &self,
            namespace: &str,
            name: &str,
        ) -> Result<Option<Definition>, Self::Error> {
            self.1.set(self.1.get() + 1);
            self.0.definition(namespace, name)
        }
        fn path(&self, path: &std::path::Path) -> PathFact {
            self.0.path(path)
        }
        fn devices(&self, pod: &PodRef) -> Result<crate::DeviceMap, Self::Error> {
            self.0.devices(pod)
        }
        fn claim(&self, namespace: &str, name: &str) -> Result<Option<crate::Claim>, Self::Error> {
            self.0.claim(namespace, name)
        }
        fn slices(
            &self,
            driver: &str,
            node: Option<&str>,
        ) -> Result<Vec<crate::PublishedDevice>, Self::Error> {
            self.0.slices(driver, node)
        }
    }
    let names: Vec<String> = (0..100).map(|index| format!("n{index}")).collect();
    let world = names
        .iter()
        .fold(World::with_networks(&names.join(",")), |world, name| {
            world.define("app", name, &large(1 << 20))
        });
    let source = Counting(world, std::cell::Cell::default());
    let error = crate::drive(&conf(&inline()), &request(Catalog::Api), &source).unwrap_err();
    assert!(matches!(
        error,
        crate::DriveError::Plan(PlanError::TooLarge)
    ));
    assert_eq!(source.1.get(), 4);
}
