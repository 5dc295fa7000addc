//! The program under test, called as a container runtime calls it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::netns::Sandbox;
use testkit::world::{Finished, Run};

use crate::errors::PAGE;

/// The environment variable that names the folder of the programs under test. Another implementation can be judged with it.
pub const BIN_DIR: &str = "MULTUS_BIN_DIR";

/// The path of one of the programs under test: in [`BIN_DIR`], else where cargo puts programs beside the running test.
#[track_caller]
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the running program has a path");
    let beside = own.ancestors().skip(1).take(2).map(Path::to_owned);
    let folders = std::env::var_os(BIN_DIR)
        .map(PathBuf::from)
        .into_iter()
        .chain(beside);
    let mut found = folders
        .map(|folder| folder.join(name))
        .filter(|path| path.is_file());
    found.next().unwrap_or_else(|| {
        panic!("the program {name} is missing: `cargo build -p thin -p shim -p daemon -p node`, or `cargo xtask test system`")
    })
}

/// A container as its runtime names it to a plugin.
#[derive(Debug, Clone)]
pub struct Container {
    /// `CNI_CONTAINERID`.
    pub id: String,
    /// `CNI_NETNS`.
    pub netns: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// `CNI_ARGS`.
    pub args: String,
    /// Further variables.
    pub environment: Vec<(String, String)>,
}

impl Container {
    /// The container of a sandbox: its id is the sandbox's name, and nothing says whose pod it is.
    pub fn new(sandbox: &Sandbox) -> Self {
        Self {
            id: sandbox.name().to_owned(),
            netns: sandbox.path().to_string_lossy().into_owned(),
            ifname: "eth0".to_owned(),
            args: String::new(),
            environment: Vec::new(),
        }
    }

    /// The same for a pod.
    pub fn of_pod(self, namespace: &str, name: &str) -> Self {
        let id = self.id.clone();
        self.with_args(&format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};K8S_POD_INFRA_CONTAINER_ID={id}"
        ))
    }

    /// The same with this `CNI_ARGS`.
    pub fn with_args(mut self, args: &str) -> Self {
        args.clone_into(&mut self.args);
        self
    }

    /// The same with this `CNI_NETNS`.
    pub fn with_netns(mut self, netns: &str) -> Self {
        netns.clone_into(&mut self.netns);
        self
    }

    /// The same with a further variable.
    pub fn with_variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Sets what a plugin is told about the container.
    pub fn describe(&self, verb: &str, run: Run) -> Run {
        run.env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", &self.id)
            .env("CNI_NETNS", &self.netns)
            .env("CNI_IFNAME", &self.ifname)
            .env("CNI_ARGS", &self.args)
            .envs(self.environment.clone())
    }
}

/// What a plugin answered.
#[derive(Debug)]
pub struct Answer(pub Finished);

impl Answer {
    /// Success, whatever it printed.
    #[track_caller]
    pub fn good(&self) -> &Self {
        let Finished { status, .. } = &self.0;
        assert!(
            status.success(),
            "{status}: {}{}",
            self.0.stdout_text(),
            self.0.stderr_text()
        );
        self
    }

    /// The result of a successful ADD.
    #[track_caller]
    pub fn result(&self) -> Value {
        self.good().json()
    }

    /// Success without a word on standard output, as every verb but ADD and VERSION has it.
    #[track_caller]
    pub fn silent(&self) {
        assert_eq!(self.good().0.stdout_text(), "");
    }

    /// The CNI error: code and message. Exit status 1, one document, one line of text that stands in `docs/errors.md`.
    #[track_caller]
    pub fn error(&self) -> (u64, String) {
        assert_eq!(
            self.0.status.code(),
            Some(1),
            "{}{}",
            self.0.stdout_text(),
            self.0.stderr_text()
        );
        let error = self.json();
        let message = error["msg"].as_str().unwrap_or_default();
        // Manifests name no UIDs, and neither do the cases about them.
        let message = message.replace(testkit::manifests::UID, "");
        assert!(
            !message.is_empty() && !message.contains('\n'),
            "not one line of text: {error}"
        );
        let code = error["code"].as_u64().unwrap_or_default();
        PAGE.expect(&message, Some(code));
        (code, message)
    }

    /// An error with this code whose message holds all of these fragments.
    #[track_caller]
    pub fn refused(&self, code: u64, fragments: &[&str]) {
        let (found, message) = self.error();
        let missing: Vec<_> = fragments
            .iter()
            .filter(|fragment| !message.contains(**fragment))
            .collect();
        assert!(
            found == code && missing.is_empty(),
            "code {found}, missing {missing:?} in {message:?}"
        );
    }

    #[track_caller]
    fn json(&self) -> Value {
        self.0.json().unwrap_or_else(|error| panic!("{error:#}"))
    }
}
