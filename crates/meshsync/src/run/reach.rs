//! Finding what to observe, and what has to be asked of it before anything starts.

use std::sync::Arc;
use std::time::Duration;

use meshsync_informer::source::{Cluster, SourceError};
use meshsync_informer::{ClusterConfig, VerifyConfig};
use meshsync_model::{ClusterId, error_chain};

use super::RunError;
use super::start::{Reached, Settings, Start};
use crate::authors::Authors;
use crate::builder::Given;

/// What is waited for is asked again after this long, then twice that.
const REACH_AGAIN_MIN: Duration = Duration::from_millis(500);
const REACH_AGAIN_MAX: Duration = Duration::from_secs(15);

impl Start {
    /// Reaches it and learns its identity. One of several is waited for whatever is
    /// wrong, and says so in the status.
    pub(super) async fn reach(&mut self, settings: &Settings) -> Result<(), RunError> {
        let Some(mut given) = self.given.take() else {
            return Ok(());
        };
        let mut wait = REACH_AGAIN_MIN;
        let reached = loop {
            let error = match self.attempt(given, settings).await {
                Ok(reached) => break reached,
                Err((again, error)) => {
                    let is_patient = settings.patient && may_pass(&error);
                    if settings.is_alone && !is_patient {
                        return Err(error);
                    }
                    given = again;
                    error_chain(&error)
                }
            };
            // Nothing may leave under a provisional name: who is told would keep it
            // for ever under a scope that is none.
            let source = self.lane.name();
            tracing::warn!(source, error, ?wait, "waiting for a source");
            self.lane
                .board()
                .source_failed(&SourceError::unreachable(error));
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(REACH_AGAIN_MAX);
        };
        let (name, scope) = (reached.source.name(), &reached.scope);
        let platform = reached.source.platform();
        tracing::info!(source = %name, %platform, %scope, "connected");
        self.lane.set_identity(name, scope.clone());
        self.reached = Some(reached);
        Ok(())
    }

    async fn attempt(
        &mut self,
        given: Given,
        settings: &Settings,
    ) -> Result<Reached, (Given, RunError)> {
        match given {
            Given::Cluster(config) => {
                let reached = self.cluster(&config, settings).await;
                reached.map_err(|error| (Given::Cluster(config), error))
            }
            Given::Other(mut source) => match source.identify().await {
                Ok(scope) => Ok(Reached {
                    source,
                    scope,
                    connection: None,
                }),
                Err(error) => Err((Given::Other(source), error.into())),
            },
        }
    }

    async fn cluster(
        &mut self,
        config: &ClusterConfig,
        settings: &Settings,
    ) -> Result<Reached, RunError> {
        let connection = config
            .connect_counted(Arc::clone(&settings.traffic))
            .await?;
        let scope: ClusterId = match &self.cluster_id {
            Some(id) => id.clone(),
            None => connection.cluster_id().await?,
        };
        let watch_list = settings.watch_list && connection.knows_watch_list().await;
        if let Some((wanted, layers)) = &self.wanted {
            self.authors = Authors::of(wanted, layers, &connection);
            self.authors.begin(&connection).await;
        }
        let cluster = Cluster::reached(connection.clone(), scope.clone())
            .taps(self.authors.taps())
            .watch_list(watch_list)
            .verify(settings.verify.map(VerifyConfig::every));
        Ok(Reached {
            source: Box::new(cluster),
            scope,
            connection: Some(connection),
        })
    }
}

/// Whether what is wrong may pass by itself.
fn may_pass(error: &RunError) -> bool {
    match error {
        RunError::Scope(_) => true,
        RunError::Source(error) => error.is_retryable(),
        _ => false,
    }
}
