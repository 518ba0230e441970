//! Kubernetes as a source.

use futures::future::BoxFuture;
use meshsync_model::{ClusterId, Platform};

use super::{Intake, Source, SourceError, SourceState};
use crate::fleet::{Fleet, FleetConfig, Tap};
use crate::{ClusterConfig, ConfigError, Connection, ScopeError, VerifyConfig};

/// A Kubernetes cluster: the [`Fleet`] behind the port.
#[derive(Debug)]
pub struct Cluster {
    config: ClusterConfig,
    reached: Option<Connection>,
    scope: Option<ClusterId>,
    taps: Vec<Tap>,
    watch_list: bool,
    verify: Option<VerifyConfig>,
}

impl Cluster {
    /// A cluster that is reached when it is asked for its identity.
    pub fn new(config: ClusterConfig) -> Self {
        Self {
            config,
            reached: None,
            scope: None,
            taps: Vec::new(),
            watch_list: true,
            verify: None,
        }
    }

    /// A cluster that has been reached already.
    pub fn reached(connection: Connection, scope: ClusterId) -> Self {
        Self {
            reached: Some(connection),
            scope: Some(scope),
            ..Self::new(ClusterConfig::Infer)
        }
    }

    /// Resources that are watched for what they say.
    #[must_use]
    pub fn taps(mut self, taps: Vec<Tap>) -> Self {
        self.taps = taps;
        self
    }

    /// Whether initial lists may be WatchLists. Default: yes.
    #[must_use]
    pub fn watch_list(mut self, allowed: bool) -> Self {
        self.watch_list = allowed;
        self
    }

    /// Whether what is known is checked against the server now and then.
    #[must_use]
    pub fn verify(mut self, verify: Option<VerifyConfig>) -> Self {
        self.verify = verify;
        self
    }

    async fn find(&mut self) -> Result<ClusterId, SourceError> {
        let connection = match &self.reached {
            Some(connection) => connection,
            None => {
                let connection = self.config.connect().await.map_err(unusable)?;
                self.reached.insert(connection)
            }
        };
        if let Some(scope) = &self.scope {
            return Ok(scope.clone());
        }
        let scope = connection.cluster_id().await.map_err(unnamed)?;
        self.watch_list = self.watch_list && connection.knows_watch_list().await;
        Ok(self.scope.insert(scope).clone())
    }
}

fn unusable(error: ConfigError) -> SourceError {
    SourceError::configuration("there is no usable cluster").because(error)
}

fn unnamed(error: ScopeError) -> SourceError {
    match error {
        ScopeError::Unreachable { .. } => SourceError::unreachable(error.to_string()),
        ScopeError::NoNamespace { .. } => SourceError::refused(error.to_string()),
    }
}

impl Source for Cluster {
    fn name(&self) -> String {
        match &self.reached {
            Some(connection) => connection.url.clone(),
            None => "k8s:".to_owned(),
        }
    }

    fn platform(&self) -> Platform {
        Platform::KUBERNETES
    }

    fn identify(&mut self) -> BoxFuture<'_, Result<ClusterId, SourceError>> {
        Box::pin(self.find())
    }

    fn observe(mut self: Box<Self>, intake: Intake) -> BoxFuture<'static, Result<(), SourceError>> {
        Box::pin(async move {
            self.find().await?;
            let Some(connection) = self.reached else {
                return Ok(());
            };
            let url = connection.url.clone();
            let config = FleetConfig {
                connection,
                scope: intake.scope,
                controlled: intake.controlled,
                taps: self.taps,
                remembered: intake.remembered,
                watch_list: self.watch_list,
                timing: intake.timing,
                pace: intake.pace,
                verify: self.verify,
                patient: intake.patient,
            };
            let board = intake.board;
            let planned = {
                let board = std::sync::Arc::clone(&board);
                move || {
                    board.source().set(SourceState::Live);
                    (intake.planned)();
                }
            };
            let fleet = Fleet::new(config, board);
            let run = fleet.run(intake.deliver, planned, intake.stop);
            run.await.map_err(|error| {
                let error = error.chain();
                SourceError::unreachable(format!("failed to discover what {url} serves: {error}"))
            })
        })
    }
}
