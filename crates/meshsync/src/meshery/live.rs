//! Meshery's custom resource, followed while the pipeline runs.

use meshsync_discovery::{Depth, NamespaceSelection};
use meshsync_informer::{Connection, Listener, Tap};
use meshsync_model::{Context, Object, ObjectRef, ResourceId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::WatchList;
use crate::configuration::{Change, Layer, Layers, Said};

/// Where the resource is: fixed in the original and in everything that writes
/// it.
const NAMESPACE: &str = "meshery";
const NAME: &str = "meshery-meshsync";

/// Its group now, and in charts before 2025.
const GROUPS: [&str; 2] = ["meshery.io", "meshery.layer5.io"];

/// Takes what the resource says and puts it in force.
#[derive(Clone, Debug)]
pub(crate) struct Live(Layers);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Read<'a> {
    metadata: Metadata,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
}

impl Live {
    /// Changes what a pipeline observes where the resource says so.
    pub(crate) fn new(layers: Layers) -> Self {
        layers.open();
        Self(layers)
    }

    /// Reads the resource once, before anything is observed, so that nothing is
    /// observed and told that it leaves out. What goes wrong is a warning: the
    /// resource is followed anyway.
    pub(crate) async fn begin(&self, connection: &Connection) {
        for group in GROUPS {
            let path = format!("/apis/{group}/v1alpha1/namespaces/{NAMESPACE}/meshsyncs/{NAME}");
            match connection.document(&path).await {
                Ok(Some(resource)) => {
                    let read: Read<'_> = serde_json::from_slice(&resource).unwrap_or_default();
                    let spec = read.spec.map_or("null", RawValue::get);
                    return self.take(spec, group, &read.metadata.resource_version);
                }
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
        vec![Tap {
            resources: resources.to_vec(),
            namespaces: NamespaceSelection::only([NAMESPACE]).unwrap_or_default(),
            depth: Depth::default(),
            unless_planned: false,
            listen: Box::new(move || Box::new(live.clone())),
        }]
    }

    fn take(&self, spec: &str, group: &str, version: &str) {
        let said = Said {
            layer: Layer::MeshSync,
            source: &format!("{NAMESPACE}/{NAME} of meshsyncs.{group}"),
            version: Some(version),
            content: Some(spec.as_bytes()),
            regarding: None,
        };
        self.0.hear(said, || {
            let list = WatchList::parse(format!(r#"{{"spec":{spec}}}"#).as_bytes());
            let list = list.map_err(|error| error.to_string())?;
            Ok(Change::new(move |below| list.select(below)))
        });
    }
}

impl Listener for Live {
    fn state(&mut self, context: &Context<'_>, object: &Object<'_>) {
        if object.name() == NAME {
            let group = &context.resource.gvk.group;
            let spec = object.member("spec").unwrap_or("null");
            self.take(spec, group, object.resource_version());
        }
    }

    fn gone(&mut self, object: ObjectRef<'_>) {
        if object.name == NAME {
            self.0.silent(Layer::MeshSync);
        }
    }
}
