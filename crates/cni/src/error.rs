//! The error object of the specification (CNI SPEC 1.1, "Error").

use serde::Serialize;
use thiserror::Error;

/// Error codes; 100 and above belong to plugins.
pub mod code {
    /// The version of the configuration is not supported.
    pub const INCOMPATIBLE_VERSION: u32 = 1;
    /// A field of the configuration is not supported.
    pub const UNSUPPORTED_FIELD: u32 = 2;
    /// The container is unknown; a runtime takes this as "nothing to delete".
    pub const UNKNOWN_CONTAINER: u32 = 3;
    /// An environment variable is missing or invalid.
    pub const INVALID_ENVIRONMENT: u32 = 4;
    /// Reading or writing failed.
    pub const IO_FAILURE: u32 = 5;
    /// Text could not be decoded.
    pub const DECODING_FAILURE: u32 = 6;
    /// The configuration is invalid.
    pub const INVALID_NETWORK_CONFIG: u32 = 7;
    /// The network namespace is the plugin's own.
    pub const INVALID_NETNS: u32 = 8;
    /// Try again later.
    pub const TRY_AGAIN_LATER: u32 = 11;
    /// STATUS: no ADD can be served.
    pub const NOT_AVAILABLE: u32 = 50;
    /// STATUS: no ADD can be served, and running containers may suffer.
    pub const LIMITED_CONNECTIVITY: u32 = 51;
    /// Anything else.
    pub const INTERNAL: u32 = 999;
}

/// What a failing plugin says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{msg}{}{}", details.as_ref().map_or("", |_| "; "), details.as_deref().unwrap_or(""))]
pub struct CniError {
    /// See [`code`].
    pub code: u32,
    /// What went wrong.
    pub msg: String,
    /// More of it.
    pub details: Option<String>,
}

impl CniError {
    /// An error without details.
    pub fn new(code: u32, msg: impl Into<String>) -> Self {
        Self {
            code,
            msg: msg.into(),
            details: None,
        }
    }

    /// The same with details.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// The object as a plugin prints it on stdout, indented by four spaces (B1.28); an empty `cni_version` is left out.
    pub fn to_json(&self, cni_version: &str) -> String {
        #[derive(Serialize)]
        struct Printed<'a> {
            #[serde(rename = "cniVersion", skip_serializing_if = "str::is_empty")]
            cni_version: &'a str,
            code: u32,
            msg: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            details: &'a str,
        }
        let details = self.details.as_deref().unwrap_or("");
        let printed = Printed {
            cni_version,
            code: self.code,
            msg: &self.msg,
            details,
        };
        // Numbers and text always have a form in JSON.
        gojson::to_string_pretty(&printed).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_as_runtimes_expect_it() {
        // B1.28
        let error = CniError::new(11, "no address <left>").with_details("pool of 3");
        let text = "{\n    \"cniVersion\": \"1.0.0\",\n    \"code\": 11,\n    \"msg\": \"no address \\u003cleft\\u003e\",\n    \
                    \"details\": \"pool of 3\"\n}";
        assert_eq!(error.to_json("1.0.0"), text);
        assert_eq!(error.to_string(), "no address <left>; pool of 3");
    }

    #[test]
    fn absent_parts_are_left_out() {
        let error = CniError::new(999, "x");
        assert_eq!(
            error.to_json(""),
            "{\n    \"code\": 999,\n    \"msg\": \"x\"\n}"
        );
        assert_eq!(error.to_string(), "x");
    }
}
