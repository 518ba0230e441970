//! Meshery's custom resource, followed while the pipeline runs.

use std::sync::{Arc, Mutex, PoisonError};

use meshsync_discovery::{Depth, NamespaceSelection, Selection};
use meshsync_informer::{Connection, Listener, Tap};
use meshsync_model::{Context, Object, ObjectRef, ResourceId};
use serde::{Deserialize, Serialize};

use super::WatchList;
use crate::compose::Composer;

/// Where the resource is: fixed in the original and in everything that writes
/// it.
const NAMESPACE: &str = "meshery";
const NAME: &str = "meshery-meshsync";

/// Its group now, and in charts before 2025.
const GROUPS: [&str; 2] = ["meshery.io", "meshery.layer5.io"];

/// Where the configuration in force comes from, and what is wrong with a newer
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStatus {
    /// `defaults`, or the resource whose list is in force.
    pub source: String,
    /// `resourceVersion` of it.
    pub version: Option<String>,
    /// Why a newer one is not in force.
    pub error: Option<String>,
}

/// Takes what the resource says and puts it in force.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    base: Arc<Selection>,
    composer: Composer,
    status: Arc<Mutex<ConfigurationStatus>>,
}

impl Live {
    /// Changes a pipeline that observes `base` where no resource says otherwise.
    pub(crate) fn new(composer: Composer, status: Arc<Mutex<ConfigurationStatus>>) -> Self {
        let live = Self {
            base: composer.selected(),
            composer,
            status,
        };
        live.note(ConfigurationStatus {
            source: "defaults".to_owned(),
            ..ConfigurationStatus::default()
        });
        live
    }

    /// Reads the resource once, before anything is observed, so that nothing is
    /// observed and told that it leaves out. What goes wrong is a warning: the
    /// resource is followed anyway.
    pub(crate) async fn begin(&self, connection: &Connection) {
        for group in GROUPS {
            let path = format!("/apis/{group}/v1alpha1/namespaces/{NAMESPACE}/meshsyncs/{NAME}");
            match connection.document(&path).await {
                Ok(Some(resource)) => return self.take(&resource, group, None),
                Ok(None) => {}
                Err(error) => {
                    let error = error.chain();
                    tracing::warn!(%error, "Meshery's configuration cannot be read yet; going on without");
                }
            }
        }
    }

    /// What to watch to hear of its changes.
    pub(crate) fn taps(&self) -> Vec<Tap> {
        let live = self.clone();
        let resources = GROUPS.map(|group| ResourceId::new(group, "meshsyncs"));
        vec![
            Tap {
                resources: resources.to_vec(),
                namespaces: NamespaceSelection::only([NAMESPACE]).unwrap_or_default(),
                depth: Depth::default(),
                unless_planned: false,
                listen: Box::new(move || Box::new(live.clone())),
            },
            // Custom resources come and go: their definitions ring for discovery.
            Tap {
                resources: vec![ResourceId::new(
                    "apiextensions.k8s.io",
                    "customresourcedefinitions",
                )],
                namespaces: NamespaceSelection::all(),
                depth: Depth::default(),
                unless_planned: true,
                listen: Box::new(|| Box::new(Nobody)),
            },
        ]
    }

    fn take(&self, resource: &[u8], group: &str, version: Option<&str>) {
        let source = format!("{NAMESPACE}/{NAME} of meshsyncs.{group}");
        match WatchList::parse(resource) {
            Ok(list) => {
                self.composer.select(list.select(&self.base));
                let version = version.map(str::to_owned);
                if self.note(ConfigurationStatus {
                    source: source.clone(),
                    version,
                    error: None,
                }) {
                    tracing::info!(source, "configuration is in force");
                }
            }
            Err(error) => {
                tracing::error!(source, %error, "a configuration is not used; the one before stays");
                let mut status = self.status();
                status.error = Some(format!("{source}: {error}"));
            }
        }
    }

    /// Returns whether that is news.
    fn note(&self, next: ConfigurationStatus) -> bool {
        let mut status = self.status();
        let changed = (&status.source, &status.error) != (&next.source, &next.error);
        *status = next;
        changed
    }

    fn status(&self) -> std::sync::MutexGuard<'_, ConfigurationStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Live {
    fn state(&mut self, context: &Context<'_>, object: &Object<'_>) {
        if object.name() == NAME {
            let group = &context.resource.gvk.group;
            let version = Some(object.resource_version());
            let spec = object.member("spec").unwrap_or("null");
            self.take(format!(r#"{{"spec":{spec}}}"#).as_bytes(), group, version);
        }
    }

    fn gone(&mut self, object: ObjectRef<'_>) {
        if object.name == NAME {
            tracing::info!("Meshery's configuration is gone; the defaults are in force");
            self.composer.select(Selection::clone(&self.base));
            self.note(ConfigurationStatus {
                source: "defaults".to_owned(),
                ..ConfigurationStatus::default()
            });
        }
    }
}

/// Its resource rings for discovery, and there is nothing else to do.
struct Nobody;

impl Listener for Nobody {
    fn state(&mut self, _: &Context<'_>, _: &Object<'_>) {}

    fn gone(&mut self, _: ObjectRef<'_>) {}
}
