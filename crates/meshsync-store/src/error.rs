//! What can go wrong with a store.

use std::path::PathBuf;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened.
    #[error("failed to open the store {}: is it there, a store, and may it be read?", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is of another version.
    #[error(
        "the store {} has version {found}, this program writes {expected}: remove it, it is \
         filled again", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        expected: i64,
    },
    /// Reading or writing failed.
    #[error("failed to {doing} the store")]
    Failed {
        /// `read`, `write`.
        doing: &'static str,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// A query is none, or may not be run.
    #[error("{0}")]
    Query(String),
    /// A reading took longer than it may.
    #[error("reading the store takes longer than {time_max:?}: narrow the question")]
    TooLong {
        /// What it may take.
        time_max: std::time::Duration,
    },
    /// A body in the file cannot be read.
    #[error("a body in the store is damaged: remove the store, it is filled again")]
    Damaged,
}

impl StoreError {
    pub(crate) fn reading(source: rusqlite::Error) -> Self {
        let doing = "read";
        Self::Failed { doing, source }
    }

    pub(crate) fn writing(source: rusqlite::Error) -> Self {
        let doing = "write";
        Self::Failed { doing, source }
    }
}
