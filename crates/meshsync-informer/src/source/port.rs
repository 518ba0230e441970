//! The port.

use futures::future::BoxFuture;
use meshsync_model::{ClusterId, Platform};

use super::{Intake, SourceError};

/// Somewhere objects come from.
///
/// An implementation
///
/// - MUST have one identity for as long as what it observes is the same, over
///   restarts of either side;
/// - MUST tell, per object, states in their order, and the end of an object once;
/// - MUST tell that something is gone only when it knows, and never because it
///   could not look;
/// - MUST go on by itself after every failure, within limits, and say in the
///   status what is wrong and what to do about it;
/// - MUST end when the intake's `stop` does.
///
/// [`Reflector`](super::Reflector) keeps all of it but the first for whoever can
/// list what there is.
pub trait Source: Send + 'static {
    /// Name for status and logs: the URL without credentials.
    fn name(&self) -> String;

    /// What kind of thing it observes.
    fn platform(&self) -> Platform;

    /// The identity of what is observed: nothing leaves before it is known. Asked
    /// again after an error, for as long as [`SourceError::is_retryable`] says so.
    fn identify(&mut self) -> BoxFuture<'_, Result<ClusterId, SourceError>>;

    /// Observes until it is told to stop.
    ///
    /// An error says that it cannot go on at all; it ends this source alone.
    fn observe(self: Box<Self>, intake: Intake) -> BoxFuture<'static, Result<(), SourceError>>;
}
