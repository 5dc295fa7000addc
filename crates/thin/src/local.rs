//! Local mode: pods and definitions from manifests in a directory, the status into a file beside them.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use npwg::{Definition, DefinitionError, names};
use plan::{Pod, PodRef};
use serde_json::Value;

/// A directory of manifests, read when first asked.
#[derive(Debug)]
pub(crate) struct Manifests {
    directory: PathBuf,
    objects: OnceCell<Vec<Value>>,
}

/// Why the manifests cannot tell. A broken file might hold what is asked for, so that nothing can be said then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    /// The directory or a file cannot be read.
    #[error("manifestDir: {path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is gone.
    #[error("manifestDir: {path}: vanished while it was read")]
    Vanished {
        /// Which.
        path: String,
    },
    /// A file is neither YAML nor JSON.
    #[error("manifestDir: {path}: {reason}")]
    Text {
        /// Which.
        path: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The runtime's name for a pod would lead out of the directory.
    #[error("manifestDir: K8S_POD_NAMESPACE and K8S_POD_NAME hold no pod's name: {name:?}")]
    Name {
        /// Both.
        name: String,
    },
    /// A value of an object has the wrong type. What it was meant to say is not known.
    #[error("manifestDir: {object}: {key} is not {expected}")]
    Shape {
        /// Kind and name, or the file where it has no name.
        object: String,
        /// Which value.
        key: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// An object stands there twice, and nobody knows which is meant.
    #[error("manifestDir: {kind} {namespace}/{name} stands there twice")]
    Twice {
        /// Its kind.
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A definition is malformed.
    #[error("manifestDir: {namespace}/{name}: {source}")]
    Definition {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: DefinitionError,
    },
}

impl LocalError {
    /// The CNI error code.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Name { .. } => cni::code::INVALID_ENVIRONMENT,
            _ => cni::code::INVALID_NETWORK_CONFIG,
        }
    }
}

/// A manifest larger than this is none.
const FILE_LIMIT: u64 = 16 << 20;

impl Manifests {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            objects: OnceCell::new(),
        }
    }

    /// The pod of that name.
    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Result<Option<Pod>, LocalError> {
        check_name(namespace, name)?;
        let Some(object) = self.find("Pod", namespace, name)? else {
            return Ok(None);
        };
        let uid = object
            .pointer("/metadata/uid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut pod = Pod {
            reference: PodRef {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                uid: uid.to_owned(),
            },
            ..Pod::default()
        };
        let wrong = |key: &str, expected| LocalError::Shape {
            object: format!("Pod {namespace}/{name}"),
            key: cni::excerpt(key),
            expected,
        };
        match object.pointer("/metadata/annotations") {
            None | Some(Value::Null) => {}
            Some(Value::Object(annotations)) => {
                for (key, value) in annotations {
                    let value = value.as_str().ok_or_else(|| wrong(key, "a string"))?;
                    pod.set_annotation(key, value.to_owned());
                }
            }
            Some(_) => return Err(wrong("metadata.annotations", "an object")),
        }
        Ok(Some(pod))
    }

    /// The definition of that name.
    pub(crate) fn definition(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Definition>, LocalError> {
        let Some(object) = self.find(names::KIND, namespace, name)? else {
            return Ok(None);
        };
        match Definition::from_value(object) {
            // A manifest without namespace belongs to `default`, as `kubectl apply` has it.
            Ok(definition) => Ok(Some(Definition {
                namespace: namespace.to_owned(),
                ..definition
            })),
            Err(source) => Err(LocalError::Definition {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                source,
            }),
        }
    }

    /// Where a pod's status is written.
    pub(crate) fn status_path(&self, pod: &PodRef) -> Result<PathBuf, LocalError> {
        check_name(&pod.namespace, &pod.name)?;
        Ok(self
            .directory
            .join(".status")
            .join(format!("{}_{}.json", pod.namespace, pod.name)))
    }

    fn find(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<&Value>, LocalError> {
        let wanted = (kind, namespace, name);
        let mut found = self
            .objects()?
            .iter()
            .filter(|object| identity(object) == Some(wanted));
        let first = found.next();
        match found.next() {
            None => Ok(first),
            Some(_) => Err(LocalError::Twice {
                kind: kind.to_owned(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    fn objects(&self) -> Result<&[Value], LocalError> {
        if let Some(objects) = self.objects.get() {
            return Ok(objects);
        }
        let objects = read_directory(&self.directory)?;
        Ok(self.objects.get_or_init(|| objects))
    }
}

/// The names become part of a file's name.
fn check_name(namespace: &str, name: &str) -> Result<(), LocalError> {
    if namespace.contains('/') || name.contains('/') {
        let name = format!("{namespace}/{name}");
        return Err(LocalError::Name { name });
    }
    Ok(())
}

/// Every object of every manifest, in the order of file names.
fn read_directory(directory: &Path) -> Result<Vec<Value>, LocalError> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |source| LocalError::Io { path, source }
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io(directory))? {
        let path = entry.map_err(io(directory))?.path();
        if is_manifest(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut objects = Vec::new();
    for path in paths {
        let bytes = sys::files::read_following(&path, FILE_LIMIT)
            .map_err(|error| io(&path)(error.into()))?
            .ok_or_else(|| LocalError::Vanished {
                path: path.display().to_string(),
            })?;
        let documents = parse(&bytes).map_err(|reason| LocalError::Text {
            path: path.display().to_string(),
            reason,
        })?;
        let before = objects.len();
        documents
            .into_iter()
            .for_each(|document| flatten(document, &mut objects));
        let added = objects.iter().skip(before);
        if added
            .filter(|object| is_ours(object))
            .any(|object| identity(object).is_none())
        {
            return Err(LocalError::Shape {
                object: path.display().to_string(),
                key: "metadata.name".to_owned(),
                expected: "a string",
            });
        }
    }
    Ok(objects)
}

/// Whether it is of a kind that is read here.
fn is_ours(object: &Value) -> bool {
    matches!(object.get("kind").and_then(Value::as_str), Some(kind) if kind == "Pod" || kind == names::KIND)
}

/// Kind, namespace and name; no namespace means `default`.
fn identity(object: &Value) -> Option<(&str, &str, &str)> {
    let kind = object.get("kind")?.as_str()?;
    let metadata = object.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    let namespace = match metadata.get("namespace") {
        None | Some(Value::Null) => "default",
        Some(namespace) => Some(namespace.as_str()?)
            .filter(|text| !text.is_empty())
            .unwrap_or("default"),
    };
    Some((kind, namespace, name))
}

fn is_manifest(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = path.extension().and_then(|extension| extension.to_str());
    !hidden && matches!(extension, Some("yaml" | "yml" | "json"))
}

/// The documents of a file.
fn parse(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    // JSON is YAML, but a JSON parser is much the faster, and reads what kubectl prints.
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(vec![value]);
    }
    serde_saphyr::from_multiple(text).map_err(|error| {
        error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    })
}

/// Opens a `List` (or any other kind with `items`); an empty document is nothing.
fn flatten(document: Value, objects: &mut Vec<Value>) {
    let is_list = document
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.ends_with("List"));
    match document {
        Value::Object(mut object) if is_list => {
            if let Some(Value::Array(items)) = object.remove("items") {
                items.into_iter().for_each(|item| flatten(item, objects));
            }
        }
        Value::Object(_) => objects.push(document),
        _ => {}
    }
}
