//! What upstream's shim asked in the newest version, and the verbs that came with it.

use serde_json::Value;
use suites::recordings::{Recording, request};

use crate::recorded::{Recorded, same_head};

#[test]
fn every_recorded_request_of_the_newest_version_is_answered_as_by_upstream() {
    // B6.10–B6.14, B6.20–B6.23, B6.30
    let all = Recorded::new("thick-newest", "1.1.0");
    let node = &all.node;
    for name in ["plain", "short", "json", "many"] {
        let recording = Recording::newest(name);
        let pod = all.pod(&recording);
        let answers = all.replay(&recording, &pod, "ADD");
        let (ours, upstreams) = answers.last().unwrap();
        // B6.14: upstream's type is sniffed.
        same_head(ours, upstreams, &["content-type: ", "content-length: "]);
        let expected = all.text(&recording, &pod, &upstreams.body);
        let parsed = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        if name == "json" {
            // Q3: the default route moved, and the result says so.
            let (ours, upstreams) = (parsed(&ours.body), parsed(&expected));
            assert_eq!(ours["Result"]["ips"], upstreams["Result"]["ips"]);
        } else {
            assert_eq!(ours.body, expected, "{name}");
        }

        all.same_ledger(&recording, &pod);

        // B2.6: upstream cannot read the result that it gave itself; ours looks after each attachment.
        let answers = all.replay(&recording, &pod, "CHECK");
        let (ours, upstreams) = answers.last().unwrap();
        assert!(upstreams.body.contains("could not parse prevResult"));
        assert_eq!((ours.status, ours.body.as_str()), (200, ""), "{name}");

        for verb in ["DEL", "DEL-again"] {
            for (ours, upstreams) in all.replay(&recording, &pod, verb) {
                assert_eq!(ours.status, upstreams.status, "{name}: {}", ours.raw);
            }
            assert!(!node.state.join(&pod.container.id).exists(), "{name}");
        }
    }
}

#[test]
fn a_recorded_pod_that_upstream_refused_in_the_newest_version_is_refused() {
    // B6.24, B6.25, Q17
    let all = Recorded::new("thick-newest-refusal", "1.1.0");
    let recording = Recording::newest("missing");
    let pod = all.pod(&recording);
    let answers = all.replay(&recording, &pod, "ADD");
    let (ours, upstreams) = answers.last().unwrap();
    assert_eq!((ours.status, upstreams.status), (400, 400));
    let text = "cannot find a network-attachment-definition (nowhere) in namespace";
    assert!(ours.body.contains(text) && upstreams.body.contains(text));
    // Nothing is attached: upstream's CHECK has nothing to say against it.
    let answers = all.replay(&recording, &pod, "CHECK");
    let (ours, upstreams) = answers.last().unwrap();
    assert_eq!((ours.status, upstreams.status), (400, 200), "{}", ours.raw);
    assert!(ours.body.contains("not attached"), "{}", ours.raw);
    for verb in ["DEL", "DEL-again"] {
        let answers = all.replay(&recording, &pod, verb);
        assert!(answers.iter().all(|(ours, _)| ours.status == 200));
    }
}

#[test]
fn status_and_gc_are_answered_as_by_upstream() {
    // B4.135–B4.137, B6.23
    let all = Recorded::new("thick-newest-verbs", "1.1.0");
    let verbs = Recording::thick("verbs");
    for verb in ["STATUS", "GC"] {
        for exchange in verbs.exchanges(verb) {
            let question = all.config_here(&exchange.question);
            let ours = request(&all.node.socket(), &exchange.asked, &question);
            assert_eq!(ours.status, exchange.answer.status, "{verb}: {}", ours.raw);
            if exchange.asked == "POST /cni" {
                same_head(&ours, &exchange.answer, &[]);
                assert_eq!(ours.body, exchange.answer.body, "{verb}");
            }
        }
    }
}
