//! Why a source has nothing to show.

use meshsync_model::error_chain;

/// What kind of trouble it is, which says how soon to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// It cannot be reached, or broke off: it is tried again soon.
    Unreachable,
    /// It answers and refuses, or answers nonsense: it is tried again now and then.
    Refused,
    /// What it was told cannot work, whatever the other side does.
    Configuration,
}

/// Why a source has nothing to show: what, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    kind: SourceErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    /// It cannot be reached, or broke off.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(SourceErrorKind::Unreachable, message.into())
    }

    /// It answers and refuses, or answers nonsense.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(SourceErrorKind::Refused, message.into())
    }

    /// What it was told cannot work.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(SourceErrorKind::Configuration, message.into())
    }

    /// The same, with its cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> SourceErrorKind {
        self.kind
    }

    /// Whether waiting may help.
    pub fn is_retryable(&self) -> bool {
        self.kind != SourceErrorKind::Configuration
    }

    /// The message and its causes.
    pub fn chain(&self) -> String {
        error_chain(self)
    }

    fn new(kind: SourceErrorKind, message: String) -> Self {
        Self {
            kind,
            message,
            source: None,
        }
    }
}
