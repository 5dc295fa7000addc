//! What the delegates of a call did and how long it took: for whoever counts.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use cni::Verb;
use engine::{Event, Stage};

/// What is remembered of one call: as many as a pod may have networks, each made and undone. The rest is not counted.
const MOST: usize = 512;

/// One run of an attachment's plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// ADD, DEL (undo included) or CHECK.
    pub verb: Verb,
    /// The attachment's name, as the status has it.
    pub network: String,
    /// The first of its plugins.
    pub plugin: String,
    /// How long it took.
    pub time: Duration,
    /// It did not succeed.
    pub failed: bool,
}

/// The runs of one call so far.
#[derive(Debug, Default)]
pub struct Runs {
    begun: RefCell<Option<Instant>>,
    ended: RefCell<Vec<Run>>,
}

impl Runs {
    /// Takes note. The engine carries out one attachment after the other.
    pub(crate) fn note(&self, event: &Event<'_>) {
        let failed = match event.stage {
            Stage::Begins => {
                self.begun.replace(Some(Instant::now()));
                return;
            }
            Stage::DeviceInfo(_) => return,
            Stage::Done(_) => false,
            Stage::Failed => true,
        };
        let Some(begun) = self.begun.take() else {
            return;
        };
        let mut ended = self.ended.borrow_mut();
        if ended.len() >= MOST {
            return;
        }
        let plugin = event.record.conf.plugins().first();
        ended.push(Run {
            verb: event.verb,
            network: event.record.name.clone(),
            plugin: plugin.map_or("", |plugin| plugin.plugin_type()).to_owned(),
            time: begun.elapsed(),
            failed,
        });
    }

    /// Those that nobody has taken yet.
    pub fn take(&self) -> Vec<Run> {
        self.ended.take()
    }
}
