//! Taking the known keys out of an object, with errors that name the place. What is left is unknown.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::{IpNet, ResultError};

/// An object that is taken apart.
pub(super) struct Fields {
    map: Map<String, Value>,
    path: String,
}

pub(super) fn invalid(path: &str, why: &str) -> ResultError {
    let path = if path.is_empty() { "document" } else { path };
    ResultError::Field {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

impl Fields {
    pub(super) fn new(value: Value, path: String) -> Result<Self, ResultError> {
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            _ => Err(invalid(&path, "not an object")),
        }
    }

    /// Unknown keys.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.map
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn invalid<T>(&self, key: &str, why: &str) -> Result<T, ResultError> {
        Err(invalid(&self.path(key), why))
    }

    /// The value under `key` in any case (B0.1), the exact spelling first; `null` counts as absent.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let mut found = self.map.remove(key);
        let others: Vec<String> = self
            .map
            .keys()
            .filter(|k| k.eq_ignore_ascii_case(key))
            .cloned()
            .collect();
        for other in others {
            let value = self.map.remove(&other);
            found = found.or(value);
        }
        found.filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, key: &str) -> Result<String, ResultError> {
        match self.take(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => self.invalid(key, "not a string"),
        }
    }

    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, ResultError> {
        let items = self.items(key)?;
        let text = |(index, item)| match item {
            Value::String(text) => Ok(text),
            _ => self.invalid(&format!("{key}[{index}]"), "not a string"),
        };
        items.into_iter().enumerate().map(text).collect()
    }

    /// A number that is at least 0 and fits the kernel's type.
    pub(super) fn number(&mut self, key: &str) -> Result<u32, ResultError> {
        match self.take(key) {
            None => Ok(0),
            Some(value) => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
                Some(number) => Ok(number),
                None => self.invalid(key, "not a number from 0 to 4294967295"),
            },
        }
    }

    pub(super) fn integer(&mut self, key: &str) -> Result<Option<i64>, ResultError> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => self.invalid(key, "not an integer"),
            },
        }
    }

    /// An address; empty text means none.
    pub(super) fn address(&mut self, key: &str) -> Result<Option<IpAddr>, ResultError> {
        let text = self.text(key)?;
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse() {
            Ok(address) => Ok(Some(address)),
            Err(_) => self.invalid(key, "not an IP address"),
        }
    }

    /// An address with prefix, which has to be there (#70).
    pub(super) fn net(&mut self, key: &str) -> Result<IpNet, ResultError> {
        let text = self.text(key)?;
        if text.is_empty() {
            return self.invalid(key, "missing");
        }
        match text.parse::<IpNet>() {
            Ok(net) => Ok(net),
            Err(why) => self.invalid(key, &why.to_string()),
        }
    }

    pub(super) fn items(&mut self, key: &str) -> Result<Vec<Value>, ResultError> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => self.invalid(key, "not an array"),
        }
    }

    /// The objects of an array; `null` is none (#71).
    pub(super) fn objects(&mut self, key: &str) -> Result<Vec<Self>, ResultError> {
        let items = self.items(key)?;
        let object = |(index, item)| Self::new(item, self.path(&format!("{key}[{index}]")));
        items.into_iter().enumerate().map(object).collect()
    }

    pub(super) fn object(&mut self, key: &str) -> Result<Option<Self>, ResultError> {
        let path = self.path(key);
        self.take(key)
            .map(|value| Self::new(value, path))
            .transpose()
    }
}
