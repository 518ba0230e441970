//! What can go wrong when a simulator is built, started or driven in process.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::api::Status;

/// An input file or directory could not be turned into objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file could not be read or decompressed.
    #[error("read {path}")]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A JSON document could not be parsed.
    #[error("parse {path}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A YAML document could not be parsed.
    #[error("parse {path}: {message}")]
    Yaml {
        /// The file, or `request body`.
        path: PathBuf,
        /// The parser's words.
        message: String,
    },
    /// A document is valid JSON or YAML but no Kubernetes object the cluster serves.
    #[error("load {path}: {message}")]
    Object {
        /// The file.
        path: PathBuf,
        /// What is missing or unknown.
        message: String,
    },
}

/// The simulator could not be built or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// An input was unusable.
    #[error("load the cluster")]
    Load(#[from] LoadError),
    /// TLS could not be set up.
    #[error("set up TLS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The address could not be bound.
    #[error("listen on {addr}")]
    Bind {
        /// The wanted address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A write made in process was refused, with the same [`Status`] a client would have got.
#[derive(Debug, thiserror::Error)]
#[error("write the object: {0}")]
pub struct WriteError(pub Status);

impl From<Status> for WriteError {
    fn from(status: Status) -> Self {
        Self(status)
    }
}
