//! Finding and reaching an API server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::api::{RequestError, ask, get, read};
use crate::traffic::Traffic;
use crate::transport;

/// Which cluster to talk to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterConfig {
    /// In-cluster configuration where there is one, else `$KUBECONFIG`, else
    /// `~/.kube/config`, with its current context. This is the order of the
    /// original MeshSync; kubectl's differs.
    #[default]
    Infer,
    /// A kubeconfig: a file, or where `path` is `None` the one kubectl would
    /// take; a context of it, or where `context` is `None` the current one.
    Kubeconfig {
        /// The file.
        path: Option<PathBuf>,
        /// The context.
        context: Option<String>,
    },
    /// The text of a kubeconfig, with its current context.
    Text(String),
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// None of the three places has a configuration.
    #[error(
        "no cluster configuration found: not running in a cluster ({in_cluster}), and {kubeconfig}; \
         set KUBECONFIG or pass --source k8s:?kubeconfig=PATH"
    )]
    NotFound {
        /// Why there is no in-cluster configuration.
        in_cluster: String,
        /// Why there is no kubeconfig.
        kubeconfig: String,
    },
    /// A kubeconfig cannot be used.
    #[error("failed to use kubeconfig {name}")]
    Kubeconfig {
        /// Its path, or what stands for it.
        name: String,
        /// The cause.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// A client cannot be made of the configuration.
    #[error("failed to set up a client for {url}")]
    Client {
        /// URL of the API server.
        url: String,
        /// The cause.
        #[source]
        source: Box<kube::Error>,
    },
}

/// A client and where it goes.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// URL of the API server.
    pub url: String,
    /// The namespace that the configuration names: the one we run in, or the
    /// context's; else `default`.
    pub namespace: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl ClusterConfig {
    /// Finds the configuration and makes a client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When there is no configuration or it cannot be used.
    pub async fn connect(&self) -> Result<Connection, ConfigError> {
        self.connect_counted(Arc::default()).await
    }

    /// The same, with all that is asked counted in `traffic`.
    ///
    /// # Errors
    ///
    /// When there is no configuration or it cannot be used.
    pub async fn connect_counted(&self, traffic: Arc<Traffic>) -> Result<Connection, ConfigError> {
        let mut config = match self {
            Self::Infer => infer().await?,
            Self::Kubeconfig { path, context } => {
                from_kubeconfig(path.as_deref(), context.clone()).await?
            }
            Self::Text(text) => {
                let failed = |source| kubeconfig_error("given as text".to_owned(), source);
                let kubeconfig = Kubeconfig::from_yaml(text).map_err(failed)?;
                Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                    .await
                    .map_err(failed)?
            }
        };
        // Watches are quiet for as long as nothing happens; how long silence may
        // last is decided per request.
        config.read_timeout = None;
        config.write_timeout = None;
        // Retries are the state machine's: it knows what a refusal means.
        config.default_retry = false;
        let url = config.cluster_url.to_string();
        let url = url.trim_end_matches('/').to_owned();
        let namespace = config.default_namespace.clone();
        let client = transport::client(config, traffic).map_err(|source| ConfigError::Client {
            url: url.clone(),
            source: Box::new(source),
        })?;
        Ok(Connection {
            client,
            url,
            namespace,
        })
    }
}

async fn infer() -> Result<Config, ConfigError> {
    let in_cluster = match Config::incluster() {
        Ok(config) => return Ok(config),
        Err(error) => error.to_string(),
    };
    match from_kubeconfig(None, None).await {
        Ok(config) => Ok(config),
        Err(ConfigError::Kubeconfig { source, .. })
            if std::env::var_os("KUBECONFIG").is_none_or(|value| value.is_empty())
                && matches!(
                    *source,
                    kube::config::KubeconfigError::ReadConfig(..)
                        | kube::config::KubeconfigError::FindPath
                ) =>
        {
            Err(ConfigError::NotFound {
                in_cluster,
                kubeconfig: source.to_string(),
            })
        }
        Err(error) => Err(error),
    }
}

async fn from_kubeconfig(
    path: Option<&Path>,
    context: Option<String>,
) -> Result<Config, ConfigError> {
    let name = match path {
        Some(path) => path.display().to_string(),
        None => std::env::var("KUBECONFIG").unwrap_or_else(|_| "~/.kube/config".to_owned()),
    };
    let failed = |source| kubeconfig_error(name.clone(), source);
    let kubeconfig = match path {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig.map_err(failed)?, &options)
        .await
        .map_err(failed)
}

fn kubeconfig_error(name: String, source: kube::config::KubeconfigError) -> ConfigError {
    ConfigError::Kubeconfig {
        name,
        source: Box::new(source),
    }
}

impl Connection {
    /// Has the server answer a question that is a document, such as a
    /// `TokenReview`. Nothing is stored.
    ///
    /// # Errors
    ///
    /// When the server refuses, or does not answer.
    pub async fn review(&self, path: &str, question: String) -> Result<Bytes, RequestError> {
        ask(&self.client, path, question).await
    }

    /// One document by its path; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When the server refuses otherwise, or does not answer.
    pub async fn document(&self, path: &str) -> Result<Option<Bytes>, RequestError> {
        match get(&self.client, path, "application/json", None).await {
            Ok(response) => read(response, path).await.map(Some),
            Err(RequestError::Refused { refusal, .. }) if refusal.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }
}
