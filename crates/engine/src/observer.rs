//! What happens, told while it happens: for a log. Nothing depends on it.

use cni::{CniResult, Verb};
use plan::Attachment;

use crate::Container;

/// Is told what becomes of each attachment.
pub trait Observer {
    /// Something happened.
    fn happened(&self, event: &Event<'_>);
}

/// What happens to one attachment. Why something failed is told by the error of the verb.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Whose it is.
    pub container: &'a Container,
    /// Which one.
    pub record: &'a Attachment,
    /// What is done with it: ADD, DEL (undo included) or CHECK.
    pub verb: Verb,
    /// How far that has come.
    pub stage: Stage<'a>,
}

/// How far a verb has come on one attachment.
#[derive(Debug, Clone, Copy)]
pub enum Stage<'a> {
    /// Its plugins are about to run.
    Begins,
    /// They ran, and all is well; ADD has a result.
    Done(Option<&'a CniResult>),
    /// They did not, or not as they should.
    Failed,
    /// Its device information is missing where there should be some, or not as it should be.
    DeviceInfo(&'a str),
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn happened(&self, _: &Event<'_>) {}
}

impl crate::Engine<'_> {
    pub(crate) fn tell(
        &self,
        verb: Verb,
        container: &Container,
        record: &Attachment,
        stage: Stage<'_>,
    ) {
        self.observer.happened(&Event {
            container,
            record,
            verb,
            stage,
        });
    }
}
