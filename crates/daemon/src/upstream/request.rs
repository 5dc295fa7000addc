//! Requests as upstream's clients make them (B6.20, B6.21).

use cni::{About, Invocation, Version};
use ipc::upstream::Request;
use plan::Asked;

use super::{Host, Reply};

/// What is asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// As a runtime asks its plugin.
    pub(super) request: cni::Request,
    /// Beside it, for `/delegate`.
    pub(super) attributes: Asked,
}

/// A plugin that is not called by hand, and speaks every version. An older network is well without its plugins being asked.
const ABOUT: About<'_> = About {
    text: "",
    versions: &Version::ALL,
    status_since: Version::V0_1_0,
};

/// Reads a request. Plugins are looked for where the daemon looks for them, whatever the client's `CNI_PATH` is.
pub(super) fn read(body: &[u8], host: &Host) -> Result<Wanted, Reply> {
    wanted(body, &host.search_path())
}

fn wanted(body: &[u8], search_path: &str) -> Result<Wanted, Reply> {
    let words: Request = gojson::from_slice(body).map_err(|error| Reply::Bad(error.to_string()))?;
    let config = words
        .stdin()
        .ok_or_else(|| Reply::Bad("config is not base64".to_owned()))?;
    let command = words.env.get("CNI_COMMAND").map_or("", String::as_str);
    if command.is_empty() {
        return Err(unextracted("unexpected or missing CNI_COMMAND"));
    }
    let variable = |name: &str| match (name, words.env.get(name)) {
        ("CNI_PATH", _) => Some(search_path.to_owned()),
        ("CNI_IFNAME", None) => Some("eth0".to_owned()),
        (_, value) => value.cloned(),
    };
    let request = match cni::read_invocation(&variable, &mut config.as_slice(), ABOUT) {
        Ok(Invocation::Call(request)) => request,
        Ok(Invocation::About(_) | Invocation::Version(_)) => {
            return Err(unextracted(format!("unknown cmd type: {command}")));
        }
        Err(error) => return Err(Reply::Refused(error)),
    };
    let attributes = words.interface_attributes.unwrap_or_default();
    Ok(Wanted {
        request,
        attributes: Asked {
            ips: attributes.ips,
            mac: attributes.mac,
            cni_args: attributes.cni_args,
        },
    })
}

fn unextracted(reason: impl std::fmt::Display) -> Reply {
    Reply::Bad(format!("could not extract the CNI command args: {reason}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(env: &Value) -> Result<Wanted, Reply> {
        // {"cniVersion":"1.0.0","name":"n"}
        let config = "eyJjbmlWZXJzaW9uIjoiMS4wLjAiLCJuYW1lIjoibiJ9";
        wanted(
            json!({"env": env, "config": config}).to_string().as_bytes(),
            "/bin",
        )
    }

    fn env(command: &str) -> Value {
        json!({"CNI_COMMAND": command, "CNI_CONTAINERID": "c", "CNI_NETNS": "/n", "CNI_PATH": "/theirs"})
    }

    #[test]
    fn what_a_client_leaves_out_is_eth0_and_the_daemons_own_search_path() {
        // B1.42, B6.21
        let wanted = asked(&env("ADD")).unwrap();
        assert_eq!(wanted.request.ifname.unwrap().as_str(), "eth0");
        assert_eq!(wanted.request.path, [std::path::PathBuf::from("/bin")]);
        assert_eq!(wanted.attributes, Asked::default());
    }

    #[test]
    fn the_status_of_an_older_network_may_be_asked_for() {
        // B4.129, B6.43
        let wanted = asked(&env("STATUS")).unwrap();
        assert_eq!(wanted.request.command, cni::Verb::Status);
        assert_eq!(wanted.request.config_version, Version::V1_0_0);
    }

    #[test]
    fn what_cannot_be_understood_is_told_as_text_and_what_is_wrong_as_an_error() {
        // B6.24
        let text = |reply: Reply| match reply {
            Reply::Bad(text) => text,
            Reply::Refused(error) => format!("{} {}", error.code, error.msg),
            other => panic!("{other:?}"),
        };
        let extracting = "could not extract the CNI command args: ";
        for (env, expected) in [
            (
                json!({}),
                format!("{extracting}unexpected or missing CNI_COMMAND"),
            ),
            (
                env("VERSION"),
                format!("{extracting}unknown cmd type: VERSION"),
            ),
            (env("PLUG"), "4 unknown CNI_COMMAND: PLUG".to_owned()),
            (
                json!({"CNI_COMMAND": "ADD"}),
                "4 required env variables [CNI_CONTAINERID,CNI_NETNS] missing".to_owned(),
            ),
        ] {
            assert_eq!(text(asked(&env).unwrap_err()), expected);
        }
        let reply = wanted(br#"{"config": "?"}"#, "/bin").unwrap_err();
        assert_eq!(text(reply), "config is not base64");
        assert!(matches!(wanted(b"[]", "/bin"), Err(Reply::Bad(_))));
    }
}
