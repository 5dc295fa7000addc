//! From what a plugin printed to what happened.

use serde_json::{Map, Value};

use super::PluginFailure;
use crate::exec::{Output, Status};
use crate::text::{EXCERPT, MESSAGE, one_line};
use crate::{CniError, CniResult, ResultError, Version};

/// How much of a failing plugin's output is searched for an error object, from its end.
const SEARCHED: usize = 64 * 1024;

/// Keys that make an object a result.
const RESULT_KEYS: [&str; 6] = ["interfaces", "ips", "ip4", "ip6", "routes", "dns"];

/// Judges a run whose output does not matter: DEL, CHECK, GC, STATUS.
///
/// # Errors
/// [`PluginFailure`] unless the plugin exited with 0.
pub fn judge(output: &Output) -> Result<(), PluginFailure> {
    if output.status == Status::Exited(0) {
        Ok(())
    } else {
        Err(failed(output))
    }
}

/// Judges an ADD and reads its result, which is in version `asked` unless it says otherwise.
///
/// # Errors
/// [`PluginFailure`] unless the plugin exited with 0 and printed one whole result.
pub fn judge_add(output: &Output, asked: Version) -> Result<CniResult, PluginFailure> {
    judge(output)?;
    if output.stdout_cut {
        return Err(PluginFailure::Truncated);
    }
    if output.stdout.trim_ascii().is_empty() {
        return Err(PluginFailure::NoResult);
    }
    let bad = |source| PluginFailure::BadResult {
        source,
        stdout: one_line(&output.stdout, EXCERPT),
    };
    let value: Value = serde_json::from_slice(&output.stdout)
        .map_err(|e| bad(ResultError::Syntax(e.to_string())))?;
    if let Some(error) = disguised(&value) {
        return Err(reported(error, output));
    }
    CniResult::from_value(value, asked).map_err(bad)
}

fn failed(output: &Output) -> PluginFailure {
    let stderr = one_line(&output.stderr, EXCERPT);
    if output.status == Status::TimedOut {
        return PluginFailure::TimedOut { stderr };
    }
    if let Some(error) = last_error(&output.stdout) {
        return reported(error, output);
    }
    PluginFailure::Unexplained {
        status: output.status,
        stdout: one_line(&output.stdout, EXCERPT),
        stderr,
    }
}

/// An error object, completed where it has no message (#37).
fn reported(mut error: CniError, output: &Output) -> PluginFailure {
    let stderr = one_line(&output.stderr, EXCERPT);
    if error.msg.is_empty() {
        error.msg = if stderr.is_empty() {
            output.status.to_string()
        } else {
            stderr.clone()
        };
    }
    PluginFailure::Reported {
        error,
        status: output.status,
        stderr,
    }
}

/// An error object where a result was expected (#38).
fn disguised(value: &Value) -> Option<CniError> {
    let map = value.as_object()?;
    let error = error_of(map).filter(|error| error.code != 0 && !error.msg.is_empty())?;
    let is_result = RESULT_KEYS
        .iter()
        .any(|key| gojson::get_fold(map, key).is_some());
    (!is_result).then_some(error)
}

/// The last error object in the output; before it may stand anything, such as a result (#36).
fn last_error(stdout: &[u8]) -> Option<CniError> {
    if let Ok(Value::Object(map)) = serde_json::from_slice(stdout) {
        return error_of(&map);
    }
    let mut rest = stdout.get(stdout.len().saturating_sub(SEARCHED)..)?;
    let mut last = None;
    while let Some(start) = rest.iter().position(|b| *b == b'{') {
        rest = rest.get(start..)?;
        let mut documents = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
        let skipped = match documents.next() {
            Some(Ok(Value::Object(map))) => {
                last = error_of(&map).or(last);
                documents.byte_offset()
            }
            _ => 1,
        };
        rest = rest.get(skipped.max(1)..)?;
    }
    last
}

/// `code` from 0 on and `msg`, one of which may be missing (#39).
fn error_of(map: &Map<String, Value>) -> Option<CniError> {
    let text = |key| match gojson::get_fold(map, key) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(one_line(text.as_bytes(), MESSAGE))),
        Some(_) => None,
    };
    let msg = text("msg")?;
    let code = match gojson::get_fold(map, "code") {
        None | Some(Value::Null) => None,
        Some(code) => Some(u32::try_from(code.as_u64()?).ok()?),
    };
    if code.is_none() && msg.is_none() {
        return None;
    }
    let details = text("details")
        .flatten()
        .filter(|details| !details.is_empty());
    Some(CniError {
        code: code.unwrap_or(0),
        msg: msg.unwrap_or_default(),
        details,
    })
}
