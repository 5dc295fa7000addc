//! What the keeper's tests share: settings, files, a clock that is turned by hand.

use std::time::{Duration, Instant};

use super::{Actions, Candidate, Found, How, Keeper, Own, Sight, Write};
use crate::settings::Settings;

pub(super) const DIRECTORY: &str = "/host/etc/cni/net.d";

/// Settings with these keys beside the least that there must be.
pub(super) fn settings(more: &str) -> Settings {
    let text = format!(
        r#"{{"cniVersion":"0.3.1","multusAutoconfigDir":"{DIRECTORY}","cniConfigDir":"{DIRECTORY}"{more}}}"#
    );
    Settings::parse(text.as_bytes()).unwrap()
}

/// A list of one plugin.
pub(super) fn list(network: &str) -> String {
    format!(r#"{{"cniVersion":"1.0.0","name":"{network}","plugins":[{{"type":"bridge"}}]}}"#)
}

pub(super) fn file(name: &str, content: &str) -> Candidate {
    Candidate {
        name: name.to_owned(),
        content: Ok(content.as_bytes().to_vec()),
        chain: Vec::new(),
    }
}

/// A node: its directories as the keeper sees them.
pub(super) struct Node {
    pub(super) keeper: Keeper,
    pub(super) sight: Sight,
    now: Instant,
}

impl Node {
    pub(super) fn new(settings: &Settings, record: Option<&[u8]>) -> Self {
        Self {
            keeper: Keeper::new(settings, record).unwrap(),
            sight: Sight {
                files: Ok(Vec::new()),
                copied: Err("none".to_owned()),
                own: Own::Missing { how: How::Gone },
                list: None,
                beside: Vec::new(),
                before: Vec::new(),
                is_ready: true,
            },
            now: Instant::now(),
        }
    }

    /// The node's primary directory holds these now.
    pub(super) fn files(&mut self, files: &[(&str, &str)]) -> &mut Self {
        let files = files.iter().map(|(name, content)| file(name, content));
        self.sight.files = Ok(files.collect());
        self
    }

    pub(super) fn own(&mut self, content: &str) -> &mut Self {
        self.sight.own = Own::There(Found {
            bytes: Some(content.as_bytes().to_vec()),
            owner: Some(0),
            age: Some(Duration::from_secs(3)),
        });
        self
    }

    pub(super) fn gone(&mut self, how: How) -> &mut Self {
        self.sight.own = Own::Missing { how };
        self
    }

    pub(super) fn after(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    /// One look, whose write is not done.
    pub(super) fn look(&mut self) -> Actions {
        self.keeper.look(&self.sight, self.now)
    }

    /// One look, whose writes are done as the edge does them; the reports of all.
    pub(super) fn act(&mut self) -> (Actions, Vec<String>) {
        let mut reports = Vec::new();
        loop {
            let actions = self.look();
            reports.extend(actions.reports.iter().map(ToString::to_string));
            if let Some(record) = actions.record.clone() {
                self.keeper.recorded(record);
            }
            let Some(write) = &actions.write else {
                return (actions, reports);
            };
            reports.extend(self.does(write));
        }
    }

    /// A write comes about; what is told of it.
    pub(super) fn does(&mut self, write: &Write) -> Option<String> {
        if write.name == self.keeper.own_name() {
            self.own(&String::from_utf8_lossy(&write.bytes));
        } else {
            self.sight.list = Some(write.bytes.clone());
        }
        let told = self.keeper.wrote(write, true, self.now);
        told.map(|report| report.to_string())
    }

    /// The write of this look did not come about.
    pub(super) fn fails(&mut self, actions: &Actions) {
        let write = actions.write.as_ref().unwrap();
        assert_eq!(self.keeper.wrote(write, false, self.now), None);
    }

    /// Our own file's text, empty where it is not there.
    pub(super) fn text(&self) -> String {
        match &self.sight.own {
            Own::There(found) => {
                String::from_utf8_lossy(found.bytes.as_deref().unwrap_or_default()).into_owned()
            }
            Own::Missing { .. } => String::new(),
        }
    }

    /// How long until the next look, in seconds.
    pub(super) fn wait(&self, actions: &Actions) -> Option<u64> {
        let until = actions.wait_until?;
        Some(until.saturating_duration_since(self.now).as_secs())
    }
}
