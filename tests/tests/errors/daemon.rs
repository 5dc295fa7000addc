//! Errors of the crate `ipc`: the node's daemon.

use std::path::PathBuf;
use std::time::Duration;

use cni::{CniError, IfName, NetworkConf};
use ipc::{IpcError, PlanWordsError, Refusal, Reply, Waited};
use plan::{NotPlain, PlanError};

use crate::{Sample, system, texts, with_codes};

pub(crate) fn samples() -> impl Iterator<Item = Sample> {
    with_codes(refusals(), Refusal::code)
        .chain(texts(plans()))
        .chain(texts(reasons()))
        .chain(texts(waited()))
        .chain(not_understood())
}

fn errors() -> Vec<IpcError> {
    let path = || PathBuf::from("/run/multus/multus.sock");
    let endpoint = || "/v1/plan".to_owned();
    every!(IpcError {
        IpcError::NoDaemon { .. } => [IpcError::NoDaemon { path: path(), source: system() }],
        IpcError::Silent { .. } => [IpcError::Silent {
            path: path(),
            endpoint: endpoint(),
            waited: Duration::from_secs(7),
        }],
        IpcError::Broken { .. } => [IpcError::Broken {
            path: path(),
            endpoint: endpoint(),
            source: system(),
        }],
        IpcError::Answer { .. } => [IpcError::Answer {
            path: path(),
            endpoint: endpoint(),
            reason: "what is no HTTP, or too long",
        }],
    })
}

fn refusals() -> Vec<Refusal> {
    let mut all = every!(Refusal {
        // Below.
        Refusal::Unasked(_) => [],
        Refusal::NotReady(_) => [Refusal::NotReady("pods are not listed yet".to_owned())],
        Refusal::Unknown => [Refusal::Unknown],
        Refusal::Unreadable { .. } => [Refusal::Unreadable {
            endpoint: "/v1/plan".to_owned(),
            reason: "it is empty".to_owned(),
        }],
        Refusal::Error(_) => [Refusal::Error(CniError::new(11, "the daemon stops"))],
    });
    all.extend(errors().into_iter().map(Refusal::Unasked));
    all
}

/// Why a pod cannot be attached without a daemon.
fn reasons() -> Vec<NotPlain> {
    every!(NotPlain {
        NotPlain::Untold => [NotPlain::Untold],
        NotPlain::Network(_) => [NotPlain::Network("k8s.v1.cni.cncf.io/networks")],
        NotPlain::Configured => [NotPlain::Configured],
        NotPlain::Plan(_) => [NotPlain::Plan(PlanError::NoDelegates)],
    })
}

fn waited() -> Vec<Waited> {
    let waited = |without| Waited {
        refusal: Refusal::NotReady("pods are not listed yet".to_owned()),
        waited: Duration::from_secs(60),
        without,
    };
    let reasons = reasons().into_iter().map(|reason| Some(reason.to_string()));
    [None].into_iter().chain(reasons).map(waited).collect()
}

fn plans() -> Vec<PlanWordsError> {
    let conf = || NetworkConf::parse(b"{").unwrap_err();
    let name = || IfName::parse("").unwrap_err();
    every!(PlanWordsError {
        PlanWordsError::Conf { .. } => [PlanWordsError::Conf { index: 0, source: conf() }],
        PlanWordsError::IfName { .. } => [PlanWordsError::IfName { index: 0, source: name() }],
    })
}

/// A daemon that did not understand.
fn not_understood() -> impl Iterator<Item = Sample> {
    let reply = Reply {
        status: 400,
        body: b"cannot read the request".to_vec(),
    };
    let refusal = Refusal::unless_good(reply).unwrap_err();
    with_codes(vec![refusal], Refusal::code)
}
