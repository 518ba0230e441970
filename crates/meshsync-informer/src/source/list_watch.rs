//! What most sources write: a list, and a wait for changes.

use std::future::Future;

use meshsync_model::{ClusterId, Platform, Resource};

use super::{Shown, SourceError};

/// Something that can be listed, and says when it has changed. A
/// [`Reflector`](super::Reflector) makes a [`Source`](super::Source) of it: it
/// tells changes apart, finds what is gone, tries again after failures, gives
/// sinks what they had no room for, and keeps the status.
pub trait ListWatch: Send + 'static {
    /// Name for status and logs: the URL without credentials.
    fn name(&self) -> String;

    /// What kind of thing it observes.
    fn platform(&self) -> Platform;

    /// The identity of what is observed; the same for as long as that is the same.
    fn identify(&mut self) -> impl Future<Output = Result<ClusterId, SourceError>> + Send;

    /// The resources it has, as far as that is known before it is listed. Others
    /// are known from the first object on.
    fn resources(&self) -> Vec<Resource> {
        Vec::new()
    }

    /// Shows every object there is. What is not shown is gone, unless this
    /// returns an error: then nothing is.
    ///
    /// May be called at any time, and be dropped half-way and called again.
    fn list(
        &mut self,
        shown: &mut Shown<'_>,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Waits for changes since the last complete list, and shows them or asks for
    /// another list. After an error there is one in any case.
    ///
    /// Dropped at any of its waits when there is something else to do, and called
    /// again: what it has heard by then and not shown must stay in `self`.
    fn watch(
        &mut self,
        shown: &mut Shown<'_>,
    ) -> impl Future<Output = Result<Next, SourceError>> + Send;
}

/// How a [`ListWatch`] goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// With another wait for changes.
    Watch,
    /// With another list.
    List,
}
