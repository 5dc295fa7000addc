//! Which plugins are Multus' own, and whose a configuration is.

use cni::NetworkConf;

/// Our own programs' names: a network that calls one of them calls itself (user reports of nodes in endless recursion).
#[must_use]
pub fn is_multus(plugin: &str) -> bool {
    plugin == "multus" || plugin == "multus-shim"
}

/// Whose plugins a configuration calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Nobody's, or other programs'.
    Others,
    /// Multus' and nobody else's.
    Multus,
    /// Multus', and beside it these.
    Shared(Vec<&'a str>),
}

/// Whose a configuration is. `own` is the type of our plugin, if it is not one of Multus' names.
#[must_use]
pub fn whose<'a>(conf: &'a NetworkConf, own: &str) -> Whose<'a> {
    let kinds = conf.plugins().iter().map(|plugin| plugin.plugin_type());
    let (ours, others): (Vec<&str>, Vec<&str>) =
        kinds.partition(|kind| *kind == own || is_multus(kind));
    match (ours.is_empty(), others.is_empty()) {
        (true, _) => Whose::Others,
        (false, true) => Whose::Multus,
        (false, false) => Whose::Shared(others),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_multus_alone_where_it_calls_multus_and_nobody_else() {
        let of = |kinds: &str, expected: &Whose<'_>| {
            let plugins: Vec<_> = kinds
                .split_whitespace()
                .map(|kind| format!(r#"{{"type":"{kind}"}}"#))
                .collect();
            let plugins = plugins.join(",");
            let text = format!(r#"{{"cniVersion":"1.0.0","name":"n","plugins":[{plugins}]}}"#);
            let conf = NetworkConf::parse(text.as_bytes()).unwrap();
            assert_eq!(&whose(&conf, "own"), expected, "{kinds}");
        };
        for kinds in ["multus", "multus-shim", "own", "multus own"] {
            of(kinds, &Whose::Multus);
        }
        for kinds in ["bridge", "bridge multus-other"] {
            of(kinds, &Whose::Others);
        }
        of("a multus b", &Whose::Shared(vec!["a", "b"]));
        let single = br#"{"cniVersion":"1.0.0","name":"n","type":"multus-shim"}"#;
        let single = NetworkConf::parse(single).unwrap();
        assert_eq!(whose(&single, "own"), Whose::Multus);
    }
}
