use super::*;

#[test]
fn one_element_in_either_format_is_the_default_network() {
    // B3.60, B3.62, B3.12
    assert_eq!(
        parse_default_network("a", "kube-system"),
        Ok(SelectionElement::new("kube-system", "a"))
    );
    assert_eq!(
        parse_default_network(r#"[{"name":"a","namespace":"b"}]"#, "x"),
        Ok(SelectionElement::new("b", "a"))
    );
}

#[test]
fn no_element_is_an_error() {
    // B3.60, B3.49, Q6
    for text in ["", "[]"] {
        let error = parse_default_network(text, "x").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("no default network is specified"),
            "{error}"
        );
    }
}

#[test]
fn more_than_one_element_is_an_error() {
    // B3.61
    let error = parse_default_network("a,b,c", "x").unwrap_err();
    let expected = "more than one default network is specified: 3 elements";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_address_claim_may_stand_beside_addresses() {
    // MN-050 does not hold here: OVN-Kubernetes and the KubeVirt extensions write both for the primary network
    let text = r#"[{"name":"default","namespace":"ovn-kubernetes","mac":"02:03:04:05:06:07",
        "ips":["103.0.0.3/16","2014:100:200::3/60"],"ipam-claim-reference":"vm-a.net"}]"#;
    assert_eq!(parse_default_network(text, "x").unwrap().ips.len(), 2);
    assert!(parse(text, "x").is_err());
}

#[test]
fn whatever_is_wrong_in_a_list_is_wrong_here_too() {
    for text in ["a/b/c", "[null]", "{}", " "] {
        assert!(parse_default_network(text, "x").is_err(), "{text}");
    }
}
