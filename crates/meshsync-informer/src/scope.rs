//! Identity of a cluster.

use std::time::Duration;

use meshsync_model::{ClusterId, Index};

use crate::api::{RequestError, get, read};
use crate::client::Connection;

/// Attempts and the time between them: a server that is starting answers soon.
const ATTEMPTS_MAX: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(500);

/// Why the identity of a cluster is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// The API server cannot be reached or does not answer as one.
    #[error("failed to reach the cluster at {url}: {}", .source.chain())]
    Unreachable {
        /// URL of the API server.
        url: String,
        /// The last attempt's error.
        source: RequestError,
    },
    /// The namespace that gives a cluster its identity cannot be read.
    #[error(
        "failed to read namespace kube-system, whose uid identifies the cluster at {url}: {}; \
         grant get on it, or name the cluster with --cluster-id", .source.chain()
    )]
    NoNamespace {
        /// URL of the API server.
        url: String,
        /// The server's answer.
        source: RequestError,
    },
}

impl Connection {
    /// The cluster's identity: the uid of namespace `kube-system`.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached in a few attempts, or refuses.
    pub async fn cluster_id(&self) -> Result<ClusterId, ScopeError> {
        let mut attempt = 1;
        loop {
            match self.try_cluster_id().await {
                Ok(id) => return Ok(id),
                Err(source @ RequestError::Refused { .. })
                    if matches!(&source, RequestError::Refused { refusal, .. }
                        if matches!(refusal.code, 403 | 404)) =>
                {
                    return Err(ScopeError::NoNamespace {
                        url: self.url.clone(),
                        source,
                    });
                }
                Err(source) if attempt == ATTEMPTS_MAX => {
                    return Err(ScopeError::Unreachable {
                        url: self.url.clone(),
                        source,
                    });
                }
                Err(error) => {
                    tracing::debug!(attempt, error = %error.chain(), "cluster not reached yet");
                    attempt += 1;
                    tokio::time::sleep(BETWEEN).await;
                }
            }
        }
    }

    async fn try_cluster_id(&self) -> Result<ClusterId, RequestError> {
        const PATH: &str = "/api/v1/namespaces/kube-system";
        let response = get(&self.client, PATH, "application/json", None).await?;
        let body = read(response, PATH).await?;
        let mut index = Index::new();
        let namespace = index
            .parse(&body)
            .map_err(|error| RequestError::failed(PATH, error))?;
        ClusterId::new(namespace.uid())
            .ok_or_else(|| RequestError::failed(PATH, "the namespace has no uid"))
    }
}
