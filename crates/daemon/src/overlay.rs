//! A plugin's configuration with the daemon's file laid over it (B6.40, B6.41).
//!
//! Never over the configuration of a delegate: what `/delegate` sends is attached as it was sent (Q10), with
//! [`Settings::netconf`] for Multus' own part.

use serde_json::{Map, Value};

use crate::settings::Settings;

/// Strips from the client what the keeper does for all (B6.41).
const READINESS: &str = "readinessindicatorfile";

/// What a plan keeps of the client: the names that the runtime knows the network by, in the version that it speaks, and
/// places on the host, which the daemon may see elsewhere.
const CLIENTS_OWN: [&str; 5] = ["name", "type", "cniVersion", "cniDir", "binDir"];

/// The configuration of a request of `/cni`: every key of the daemon's file in place of the client's.
///
/// Keys are the same in any case, as they are for whoever reads the result (Q66): upstream leaves both side by side, and
/// the order of their letters decides.
///
/// # Errors
/// What the client sent is no JSON object.
pub fn request(client: &[u8], settings: &Settings) -> Result<Vec<u8>, gojson::Error> {
    lay(client, settings, |_| false)
}

/// The configuration that a plan for the shim is made from: as [`request`], but names, version and places on the host
/// are the client's where it has them.
///
/// # Errors
/// As [`request`].
pub fn plan(client: &[u8], settings: &Settings) -> Result<Vec<u8>, gojson::Error> {
    lay(client, settings, |key| {
        CLIENTS_OWN.iter().any(|own| own.eq_ignore_ascii_case(key))
    })
}

fn lay(
    client: &[u8],
    settings: &Settings,
    is_clients_own: impl Fn(&str) -> bool,
) -> Result<Vec<u8>, gojson::Error> {
    let mut merged: Map<String, Value> = gojson::from_slice(client)?;
    let is_dropped = |key: &str| settings.is_auto() && key.eq_ignore_ascii_case(READINESS);
    merged.retain(|key, _| !is_dropped(key));
    for (key, value) in &settings.document {
        let has_it = gojson::get_fold(&merged, key).is_some_and(|own| !own.is_null());
        if is_dropped(key) || (is_clients_own(key) && has_it) {
            continue;
        }
        merged.retain(|known, _| !known.eq_ignore_ascii_case(key));
        merged.insert(key.clone(), value.clone());
    }
    gojson::to_vec(&merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::parse(text.as_bytes()).unwrap()
    }

    fn text(bytes: Result<Vec<u8>, gojson::Error>) -> String {
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    #[test]
    fn every_key_of_the_daemon_replaces_the_clients_and_others_stay() {
        // B6.40, T5.4
        let settings = settings(r#"{"confDir":"/c","logLevel":"debug","name":"n"}"#);
        let client =
            br#"{"type":"multus-shim","name":"m","logLevel":"error","keep":{"z":1,"a":2}}"#;
        assert_eq!(
            text(request(client, &settings)),
            r#"{"confDir":"/c","keep":{"a":2,"z":1},"logLevel":"debug","name":"n","type":"multus-shim"}"#
        );
    }

    #[test]
    fn the_daemons_key_wins_in_any_spelling() {
        // Q66
        let settings = settings(r#"{"LogLevel":"debug"}"#);
        let client = br#"{"logLevel":"error","LOGLEVEL":"panic"}"#;
        assert_eq!(text(request(client, &settings)), r#"{"LogLevel":"debug"}"#);
    }

    #[test]
    fn the_readiness_file_is_left_out_where_the_daemon_looks_after_it() {
        // B6.41, B2.144
        let client = br#"{"readinessIndicatorFile":"/a","x":1}"#;
        let auto = settings(r#"{"readinessindicatorfile":"/b"}"#);
        assert_eq!(text(request(client, &auto)), r#"{"x":1}"#);
        let copied = settings(r#"{"readinessindicatorfile":"/b","multusConfigFile":"/f"}"#);
        assert_eq!(
            text(request(client, &copied)),
            r#"{"multusConfigFile":"/f","readinessindicatorfile":"/b","x":1}"#
        );
    }

    #[test]
    fn a_plan_keeps_the_clients_names_version_and_places() {
        let settings = settings(
            r#"{"name":"n","cniVersion":"0.3.1","cniDir":"/host/c","binDir":"/host/b","confDir":"/d"}"#,
        );
        let client = br#"{"NAME":"m","cniVersion":"1.0.0","cniDir":"/c","type":"multus-shim"}"#;
        assert_eq!(
            text(plan(client, &settings)),
            r#"{"NAME":"m","binDir":"/host/b","cniDir":"/c","cniVersion":"1.0.0","confDir":"/d","type":"multus-shim"}"#
        );
    }

    #[test]
    fn numbers_stay_exact() {
        // Q76
        let client = br#"{"n":9007199254740993}"#;
        assert_eq!(
            text(request(client, &settings("{}"))),
            r#"{"n":9007199254740993}"#
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for client in ["", "[]", "1", "{"] {
            assert!(
                request(client.as_bytes(), &settings("{}")).is_err(),
                "{client:?}"
            );
        }
    }
}
