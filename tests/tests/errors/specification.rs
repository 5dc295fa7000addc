//! Errors of the crate `cni`: names, configurations, results, plugins.

use std::path::PathBuf;

use cni::args::ArgsError;
use cni::cache::CacheError;
use cni::version::UnknownVersion;
use cni::{
    Cause, ChainError, ChainErrors, CniError, ConfError, FindError, LookupError, NameError,
    PluginFailure, ResultError, SpawnError, Status, Verb,
};

use crate::{Sample, json, system, texts};

pub(crate) fn samples() -> impl Iterator<Item = Sample> {
    texts(names())
        .chain(texts(arguments()))
        .chain(texts(configurations()))
        .chain(texts(lookups()))
        .chain(texts(results()))
        .chain(texts(caches()))
        .chain(texts(finds()))
        .chain(texts(failures()))
        .chain(texts(causes()))
        .chain(texts(chains()))
        .chain(requests())
}

fn names() -> Vec<NameError> {
    let text = || "a b".to_owned();
    every!(NameError {
        // An empty variable is a missing one.
        NameError::MissingContainerId => [],
        NameError::ContainerId(_) => [NameError::ContainerId(text())],
        NameError::LongContainerId(_) => [NameError::LongContainerId(300)],
        NameError::MissingNetworkName => [NameError::MissingNetworkName],
        NameError::NetworkName(_) => [NameError::NetworkName(text())],
        NameError::LongNetworkName(_) => [NameError::LongNetworkName(text())],
        NameError::MissingIfName => [NameError::MissingIfName],
        NameError::IfName { .. } => [cni::IfName::parse("a/b").unwrap_err()],
        NameError::PluginType(_) => [NameError::PluginType(text())],
    })
}

fn arguments() -> Vec<ArgsError> {
    every!(ArgsError {
        ArgsError::Key(_) => [ArgsError::Key("a\nb".to_owned())],
        ArgsError::Value(_) => [ArgsError::Value("a".to_owned())],
    })
}

fn configurations() -> Vec<ConfError> {
    let conf = |text: &str| cni::NetworkConf::parse(text.as_bytes()).unwrap_err();
    every!(ConfError {
        ConfError::Decode(_) => [ConfError::Decode(json()), conf("{")],
        ConfError::NotAnObject => [ConfError::NotAnObject],
        ConfError::NeitherForm => [ConfError::NeitherForm],
        ConfError::MissingType { .. } => [
            cni::NetworkConf::parse_single(b"{}").unwrap_err(),
            cni::NetworkConf::parse_single(b"{\"plugins\": []}").unwrap_err(),
        ],
        ConfError::MissingMemberType(_) => [ConfError::MissingMemberType(1)],
        ConfError::Name(_) => [ConfError::Name(NameError::PluginType("/x".to_owned()))],
        ConfError::Version(_) => [ConfError::Version(UnknownVersion("9".to_owned()))],
        ConfError::Versions(_) => [ConfError::Versions("x".to_owned())],
        ConfError::NoPlugins => [ConfError::NoPlugins],
        ConfError::NothingInlined => [ConfError::NothingInlined],
        ConfError::Switch(_) => [ConfError::Switch("disableCheck")],
        // Numbers and text always have a form in JSON.
        ConfError::Encode(_) => [],
        ConfError::File { .. } => [ConfError::File {
            file: "10-x.conf".to_owned(),
            source: Box::new(ConfError::NotAnObject),
        }],
    })
}

fn lookups() -> Vec<LookupError> {
    let none = |name: Option<&str>, skipped: &[&str]| LookupError::NotFound {
        name: name.map(str::to_owned),
        skipped: skipped.iter().map(ToString::to_string).collect(),
    };
    every!(LookupError {
        LookupError::NoConfigs => [LookupError::NoConfigs],
        LookupError::NotFound { .. } => [
            none(None, &["a.conf: x"]),
            none(Some("lan"), &[]),
            none(Some("lan"), &["a.conf: x", "b.conf: y"]),
        ],
        LookupError::Broken { .. } => [LookupError::Broken {
            file: "a.conf".to_owned(),
            source: ConfError::NotAnObject,
        }],
    })
}

pub(crate) fn results() -> Vec<ResultError> {
    every!(ResultError {
        ResultError::Syntax(_) => [ResultError::Syntax("EOF at line 1 column 2".to_owned())],
        ResultError::Field { .. } => [ResultError::Field {
            path: "ips[0].address".to_owned(),
            why: "not a string".to_owned(),
        }],
        ResultError::Version(_) => [ResultError::Version("9".to_owned())],
        ResultError::NoAddresses => [ResultError::NoAddresses],
        ResultError::InterfaceIndex { .. } => [ResultError::InterfaceIndex {
            ip: 0,
            interface: 2,
            interfaces: 1,
        }],
    })
}

fn caches() -> Vec<CacheError> {
    every!(CacheError {
        CacheError::Read(_) => [CacheError::Read(system())],
        CacheError::Decode(_) => [CacheError::Decode(json())],
        CacheError::Config => [CacheError::Config],
        CacheError::Kind => [CacheError::Kind],
        CacheError::Result(_) => [CacheError::Result(ResultError::NoAddresses)],
        // Numbers and text always have a form in JSON.
        CacheError::Encode(_) => [],
    })
}

pub(crate) fn finds() -> Vec<FindError> {
    let plugin = || "macvlan".to_owned();
    every!(FindError {
        FindError::NotFound { .. } => [FindError::NotFound {
            plugin: plugin(),
            path: vec![PathBuf::from("/opt/cni/bin"), PathBuf::from("/usr/lib/cni")],
        }],
        FindError::NotExecutable { .. } => [FindError::NotExecutable {
            plugin: plugin(),
            file: PathBuf::from("/opt/cni/bin/macvlan"),
        }],
        FindError::NoPath { .. } => [FindError::NoPath { plugin: plugin() }],
        FindError::BadType { .. } => [FindError::BadType { plugin: plugin() }],
    })
}

fn ends() -> Vec<Status> {
    every!(Status {
        Status::Exited(_) => [Status::Exited(1)],
        Status::Signaled(_) => [Status::Signaled(9)],
        // Told as a failure of its own.
        Status::TimedOut => [],
    })
}

fn failures() -> Vec<PluginFailure> {
    let unexplained = |stdout: &str, stderr: &str| {
        let all = ends().into_iter();
        all.map(|status| PluginFailure::Unexplained {
            status,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        })
        .collect::<Vec<_>>()
    };
    let spawn = |attempts| PluginFailure::Spawn {
        error: SpawnError {
            program: PathBuf::from("/opt/cni/bin/macvlan"),
            source: system(),
            attempts,
            started: false,
        },
    };
    let timed_out = |stderr: &str| PluginFailure::TimedOut {
        stderr: stderr.to_owned(),
    };
    let mut all = every!(PluginFailure {
        // The plugin's own words; the row is the one of the frame around them.
        PluginFailure::Reported { .. } => [],
        // Below.
        PluginFailure::Unexplained { .. } => [],
        PluginFailure::TimedOut { .. } => [timed_out(""), timed_out("waiting for a lease")],
        PluginFailure::NoResult => [PluginFailure::NoResult],
        PluginFailure::Truncated => [PluginFailure::Truncated],
        PluginFailure::BadResult { .. } => [PluginFailure::BadResult {
            source: ResultError::NoAddresses,
            stdout: "{}".to_owned(),
        }],
        PluginFailure::Spawn { .. } => [spawn(1), spawn(3)],
        PluginFailure::Find(_) => [PluginFailure::Find(FindError::NoPath {
            plugin: "x".to_owned(),
        })],
    });
    for (stdout, stderr) in [("", ""), ("", "oops"), ("oops", ""), ("oops", "oops")] {
        all.extend(unexplained(stdout, stderr));
    }
    all
}

fn causes() -> Vec<Cause> {
    let cache_write = |undo: Option<ChainErrors>| Cause::CacheWrite {
        network: "lan".to_owned(),
        source: system(),
        undo: undo.map(Box::new),
    };
    every!(Cause {
        Cause::Plugin(_) => [Cause::Plugin(PluginFailure::NoResult)],
        Cause::Name(_) => [Cause::Name(NameError::MissingNetworkName)],
        Cause::Args(_) => [Cause::Args(ArgsError::Value("a".to_owned()))],
        Cause::NoPlugins => [Cause::NoPlugins],
        // Numbers and text always have a form in JSON.
        Cause::Request(_) => [],
        // CHECK passes over such configurations.
        Cause::NoCheck { .. } => [],
        Cause::NoCachedResult => [Cause::NoCachedResult],
        Cause::CacheRead { .. } => [Cause::CacheRead {
            network: "lan".to_owned(),
            source: CacheError::Kind,
        }],
        Cause::CacheWrite { .. } => [
            cache_write(None),
            cache_write(Some(chain(Cause::Plugin(PluginFailure::NoResult)).into())),
        ],
    })
}

/// The failure of a plugin.
pub(crate) fn chain(cause: Cause) -> ChainError {
    ChainError {
        network: "lan".to_owned(),
        plugin: "macvlan".to_owned(),
        plugin_index: Some(0),
        plugin_name: Some("first".to_owned()),
        verb: Verb::Add,
        cause: Box::new(cause),
        partial: None,
    }
}

/// What a plugin said itself.
pub(crate) fn said(code: u32, text: &str) -> ChainError {
    chain(Cause::Plugin(PluginFailure::Reported {
        error: CniError::new(code, text),
        status: Status::Exited(1),
        stderr: String::new(),
    }))
}

fn chains() -> Vec<ChainError> {
    vec![said(100, "link not found"), chain(Cause::NoPlugins)]
}

/// What a request is refused with before the plugin looks at it.
fn requests() -> impl Iterator<Item = Sample> {
    let about = cni::About {
        text: "about",
        versions: &cni::Version::ALL,
        status_since: cni::Version::V1_1_0,
    };
    let request = |variables: &[(&str, &str)], stdin: &mut dyn std::io::Read| {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let error = cni::read_invocation(&get, stdin, about).unwrap_err();
        Sample {
            text: error.msg,
            code: Some(error.code.into()),
        }
    };
    let of_pod = |verb| {
        [
            ("CNI_COMMAND", verb),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_NETNS", "/run/netns/c1"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_PATH", "/opt/cni/bin"),
        ]
    };
    let mut samples = vec![
        request(&[("CNI_COMMAND", "ADD")], &mut std::io::empty()),
        request(&of_pod("ADD"), &mut std::io::repeat(b' ')),
    ];
    for (verb, config) in [
        ("ADD", "{"),
        ("ADD", "[]"),
        ("ADD", "{}"),
        ("FROB", "{\"name\": \"n\"}"),
        ("CHECK", "{\"name\": \"n\", \"cniVersion\": \"x\"}"),
        ("GC", "{\"name\": \"n\", \"cniVersion\": \"1.0.0\"}"),
        ("ADD", "{\"name\": \"n\", \"cniVersion\": \"9.0.0\"}"),
    ] {
        samples.push(request(&of_pod(verb), &mut config.as_bytes()));
    }
    samples.into_iter()
}
