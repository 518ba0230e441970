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

    /// Whether the server knows WatchList requests well enough to refuse those it
    /// cannot serve. One older than 1.27 takes such a request for an ordinary
    /// watch and never says where the initial objects end. A server that does
    /// not tell its version is taken for a new one.
    pub async fn knows_watch_list(&self) -> bool {
        #[derive(serde::Deserialize)]
        struct Version {
            major: String,
            minor: String,
        }
        const PATH: &str = "/version";
        let Ok(response) = get(&self.client, PATH, "application/json", None).await else {
            return true;
        };
        let Ok(body) = read(response, PATH).await else {
            return true;
        };
        let Ok(version) = serde_json::from_slice::<Version>(&body) else {
            return true;
        };
        // Some distributions write a minor version as "26+".
        let minor = version
            .minor
            .trim_end_matches(|c: char| !c.is_ascii_digit());
        version.major != "1" || minor.parse::<u32>().is_ok_and(|minor| minor >= 27)
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
