//! Errors of the crates `engine` and `sys`: attaching, detaching, ledger, locks, sandbox.

use std::path::PathBuf;
use std::time::Duration;

use cni::{Cause, ConfError, NameError, ResultError, Version};
use engine::{EngineError, Failure, FailureKind, Failures, LedgerError};
use sys::files::FileError;
use sys::lock::LockError;
use sys::netns::NetnsError;

use crate::specification::{chain, finds, said};
use crate::{Sample, json, system, texts, with_codes};

pub(crate) fn samples() -> impl Iterator<Item = Sample> {
    let attachments = kinds().into_iter().map(|kind| EngineError::Attachment {
        failure: failure(kind),
        undo: Failures::default(),
    });
    with_codes(engine(), EngineError::code)
        .chain(with_codes(attachments.collect(), EngineError::code))
        .chain(with_codes(
            ledgers().into_iter().map(EngineError::from).collect(),
            EngineError::code,
        ))
        .chain(files())
        .chain(sandboxes())
        .chain(texts(locks()))
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        network: "lan".to_owned(),
        kind,
    }
}

fn del() -> FailureKind {
    FailureKind::Del {
        ifname: "net1".to_owned(),
        source: said(11, "no lease").into(),
    }
}

fn kinds() -> Vec<FailureKind> {
    let ifname = || "net1".to_owned();
    let mut finds = finds();
    every!(FailureKind {
        FailureKind::NoPlugin(_) => [
            FailureKind::NoPlugin(finds.remove(0)),
            FailureKind::NoPlugin(finds.remove(0)),
        ],
        FailureKind::InterfaceExists { .. } => [FailureKind::InterfaceExists { ifname: ifname() }],
        FailureKind::SharedName { .. } => [FailureKind::SharedName { other: "net".to_owned() }],
        FailureKind::Add(_) => [
            FailureKind::Add(said(0, "link not found")),
            FailureKind::Add(chain(Cause::NoPlugins)),
        ],
        FailureKind::Check { .. } => [FailureKind::Check {
            ifname: ifname(),
            source: chain(Cause::NoCachedResult),
        }],
        FailureKind::Del { .. } => [del()],
        FailureKind::Gc(_) => [FailureKind::Gc(said(7, "x").into())],
        FailureKind::Container { .. } => [FailureKind::Container {
            container: "c1 of pod ns/web/u".to_owned(),
            failure: Box::new(failure(del())),
        }],
        FailureKind::Busy { .. } => [FailureKind::Busy {
            container: "c1".to_owned(),
            reason: locks().remove(1).to_string(),
        }],
        FailureKind::Unreached { .. } => [FailureKind::Unreached { containers: 7 }],
        FailureKind::Routes { .. } => [FailureKind::Routes {
            ifname: ifname(),
            source: system(),
        }],
        FailureKind::Result { .. } => [FailureKind::Result {
            version: Version::V0_2_0,
            source: ResultError::NoAddresses,
        }],
    })
}

fn engine() -> Vec<EngineError> {
    let several = || Failures(vec![failure(del()), failure(del())]);
    let ledger = |action| EngineError::Ledger {
        action,
        source: system(),
    };
    every!(EngineError {
        EngineError::AlreadyAttached { .. } => [EngineError::AlreadyAttached {
            configuration: "multus-cni-network".to_owned(),
        }],
        EngineError::LeftBehind(_) => [EngineError::LeftBehind(several())],
        EngineError::NotAttached => [EngineError::NotAttached],
        EngineError::HalfAttached => [EngineError::HalfAttached],
        EngineError::Ledger { .. } => [ledger("write"), ledger("list")],
        EngineError::Unrecorded { .. } => [EngineError::Unrecorded {
            cause: Box::new(ledger("sync")),
            undo: several(),
        }],
        // Below.
        EngineError::LedgerText(_) => [],
        EngineError::Netns { .. } => [EngineError::Netns {
            netns: "/run/netns/c1".to_owned(),
            source: system(),
        }],
        EngineError::Attachment { .. } => [EngineError::Attachment {
            failure: failure(kinds().remove(0)),
            undo: several(),
        }],
        EngineError::Commit { .. } => [EngineError::Commit {
            text: "write status of pod shop/web: it does not exist any more".to_owned(),
            code: 11,
            undo: Failures::default(),
        }],
        EngineError::Del(_) => [EngineError::Del(several())],
        EngineError::DelUnrecorded { .. } => [EngineError::DelUnrecorded {
            left: several(),
            cause: Box::new(ledger("write")),
        }],
    })
}

fn ledgers() -> Vec<LedgerError> {
    every!(LedgerError {
        LedgerError::Foreign(_) => [LedgerError::Foreign(std::io::Error::other(
            file_errors().remove(1),
        ))],
        LedgerError::Json(_) => [LedgerError::Json(json())],
        LedgerError::Empty => [LedgerError::Empty],
        LedgerError::Base64 { .. } => [LedgerError::Base64 { index: 0 }],
        LedgerError::Conf { .. } => [LedgerError::Conf {
            index: 0,
            source: ConfError::NotAnObject,
        }],
        LedgerError::IfName { .. } => [LedgerError::IfName {
            index: 0,
            source: NameError::MissingIfName,
        }],
    })
}

fn file_errors() -> Vec<FileError> {
    let path = || PathBuf::from("/var/lib/cni/multus/c1");
    every!(FileError {
        FileError::Io { .. } => [FileError::Io {
            action: "write",
            path: path(),
            source: system(),
        }],
        FileError::NotRegular { .. } => [FileError::NotRegular { path: path() }],
        FileError::TooLarge { .. } => [FileError::TooLarge { path: path(), max: 9 }],
        FileError::ForeignOwner { .. } => [FileError::ForeignOwner { path: path(), owner: 7 }],
        // Ids are checked before.
        FileError::BadName { .. } => [],
    })
}

/// The first is only met as what the ledger's error goes on with.
fn files() -> impl Iterator<Item = Sample> {
    let mut errors = file_errors();
    let ledger = EngineError::Ledger {
        action: "write",
        source: std::io::Error::other(errors.remove(0)),
    };
    texts(errors).chain(with_codes(vec![ledger], EngineError::code))
}

fn sandboxes() -> impl Iterator<Item = Sample> {
    let path = || PathBuf::from("/run/netns/c1");
    let errors = every!(NetnsError {
        NetnsError::Open { .. } => [NetnsError::Open { path: path(), source: system() }],
        NetnsError::NotANetns { .. } => [NetnsError::NotANetns { path: path() }],
        NetnsError::Enter { .. } => [NetnsError::Enter { path: path(), source: system() }],
    });
    let errors = errors.into_iter().map(|error| EngineError::Netns {
        netns: "/run/netns/c1".to_owned(),
        source: std::io::Error::other(error),
    });
    with_codes(errors.collect(), EngineError::code)
}

fn locks() -> Vec<LockError> {
    let path = || PathBuf::from("/var/lib/cni/multus/.lock-c1");
    every!(LockError {
        LockError::Io { .. } => [LockError::Io { path: path(), source: system() }],
        LockError::Busy { .. } => [LockError::Busy {
            path: path(),
            waited: Duration::from_secs(10),
        }],
        // Ids are checked before.
        LockError::BadId { .. } => [],
    })
}
