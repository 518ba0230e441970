//! Errors of sinks.

/// Why a batch was not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The other side is not there, refused, or did not confirm in time. The
    /// batch is tried again.
    #[error("{what}")]
    Unavailable {
        /// What was tried and what came back.
        what: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The sink cannot go on: a second try could repeat what the first has
    /// written in part.
    #[error("failed to write to {sink}")]
    Broken {
        /// Name of the sink.
        sink: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody else has become the writer of this cluster since.
    #[error(
        "another writer, {by}, has claimed this cluster (epoch {epoch}) and goes on alone: run one \
         at a time, or give the other a cluster id of its own"
    )]
    Superseded {
        /// Who it is.
        by: String,
        /// Its epoch.
        epoch: u64,
    },
    /// The reader of this sink went away for good, as when a pipe is closed.
    #[error("the reader of {sink} has gone")]
    Closed {
        /// Name of the sink.
        sink: String,
    },
}

impl SinkError {
    /// An error that is worth another try.
    pub fn unavailable(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            what: what.into(),
            source: Some(source.into()),
        }
    }

    /// Whether the same batch may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Why a sink URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkUrlError {
    /// The scheme names no sink.
    #[error("unknown sink {url:?}: use one of {known}")]
    UnknownScheme {
        /// The URL, without credentials.
        url: String,
        /// The forms that are known.
        known: String,
    },
    /// The URL lacks something or has something it cannot have.
    #[error("invalid sink {url:?}: {problem}")]
    Invalid {
        /// The URL, without credentials.
        url: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
}
