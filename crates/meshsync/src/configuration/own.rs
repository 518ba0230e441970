//! Our own custom resource, followed while the pipeline runs.
//!
//! It is optional twice: its definition may be missing, and so may the one of this name. Either may
//! appear and go at any time.

use std::fmt;
use std::str::FromStr;

use meshsync_discovery::{Depth, NamespaceSelection};
use meshsync_informer::{Connection, Listener, Tap};
use meshsync_model::{Context, Object, ObjectRef, ResourceId};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::change::{Change, Layer};
use super::layers::{Layers, Said};
use super::report::Condition;
use crate::config::Config;
use crate::kube_events::Regarding;

const GROUP: &str = "meshsync.io";
const VERSION: &str = "v1alpha1";
const PLURAL: &str = "discoveries";
const KIND: &str = "Discovery";

/// Where our own custom resource is.
///
/// ```
/// use meshsync::ResourceName;
///
/// let name: ResourceName = "shop/default".parse().unwrap();
/// assert_eq!(name.to_string(), "shop/default");
/// assert!("Shop/".parse::<ResourceName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceName {
    /// Its namespace; `None` for that of the pod or the kubeconfig's context.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A text that names no resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid name {text:?}: write NAME or NAMESPACE/NAME, of small letters, digits, - and .")]
pub struct ResourceNameError {
    text: String,
}

impl FromStr for ResourceName {
    type Err = ResourceNameError;

    fn from_str(text: &str) -> Result<Self, ResourceNameError> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        if !is_name(name) || !namespace.is_none_or(is_name) {
            let text = text.to_owned();
            return Err(ResourceNameError { text });
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !text.is_empty() && text.len() <= 253 && text.chars().all(is_good)
}

/// What there is of the resource; nothing where there is none.
pub(crate) type OwnState = watch::Sender<Option<Seen>>;

/// The resource as it was seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(super) uid: String,
    /// Which form of its specification this is.
    pub(super) generation: i64,
    /// What its status says.
    pub(super) conditions: Vec<Condition>,
}

/// Takes what the resource says and puts it in force.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    layers: Layers,
    namespace: String,
    name: String,
    state: OwnState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document<'a> {
    metadata: Metadata,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
    generation: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
}

impl Own {
    /// Changes what a pipeline observes where the resource of that name says so.
    pub(crate) fn new(layers: Layers, name: ResourceName, connection: &Connection) -> Self {
        layers.open();
        Self {
            layers,
            namespace: (name.namespace).unwrap_or_else(|| connection.namespace.clone()),
            name: name.name,
            state: OwnState::default(),
        }
    }

    /// Where it is on the server.
    pub(super) fn path(&self) -> String {
        let Self {
            namespace, name, ..
        } = self;
        format!("/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}")
    }

    /// What there is of it, as it changes.
    pub(super) fn state(&self) -> watch::Receiver<Option<Seen>> {
        self.state.subscribe()
    }

    pub(super) fn layers(&self) -> &Layers {
        &self.layers
    }

    /// Reads the resource once, before anything is observed, so that nothing is
    /// observed and told that it leaves out. What goes wrong is a warning: the
    /// resource is followed anyway.
    pub(crate) async fn begin(&self, connection: &Connection) {
        match connection.document(&self.path()).await {
            Ok(Some(resource)) => self.read(&resource),
            Ok(None) => {}
            Err(error) => {
                let error = error.chain();
                tracing::warn!(%error, "our own configuration cannot be read yet; going on without");
            }
        }
    }

    /// What to watch to hear of its changes.
    pub(crate) fn tap(&self) -> Tap {
        let own = self.clone();
        Tap {
            resources: vec![ResourceId::new(GROUP, PLURAL)],
            namespaces: NamespaceSelection::only([&self.namespace]).unwrap_or_default(),
            depth: Depth::default(),
            unless_planned: false,
            listen: Box::new(move || Box::new(own.clone())),
        }
    }

    fn read(&self, resource: &[u8]) {
        match serde_json::from_slice::<Document<'_>>(resource) {
            Ok(document) => {
                let spec = document.spec.map_or("null", RawValue::get);
                self.take(&document.metadata, spec, document.status);
            }
            Err(error) => tracing::warn!(%error, "our own configuration cannot be read"),
        }
    }

    fn take(&self, metadata: &Metadata, spec: &str, status: Status) {
        let object = ObjectRef {
            namespace: Some(&self.namespace),
            name: &self.name,
            uid: &metadata.uid,
        };
        let regarding = Regarding::object(&format!("{GROUP}/{VERSION}"), KIND, object);
        let said = Said {
            layer: Layer::Discovery,
            source: &format!("{}/{} of {PLURAL}.{GROUP}", self.namespace, self.name),
            version: Some(&metadata.resource_version),
            content: Some(spec.as_bytes()),
            regarding: Some(&regarding),
        };
        self.layers.hear(said, || {
            let config = Config::of_spec(spec).map_err(|problems| problems.join("; "))?;
            Ok(Change::new(move |below| config.select(below)))
        });
        // Said after it was heard: whoever reports it finds it judged.
        let seen = Some(Seen {
            uid: metadata.uid.clone(),
            generation: metadata.generation,
            conditions: status.conditions,
        });
        self.state.send_if_modified(|known| {
            let is_news = *known != seen;
            *known = seen;
            is_news
        });
    }
}

impl Listener for Own {
    fn state(&mut self, _: &Context<'_>, object: &Object<'_>) {
        if object.name() == self.name {
            let generation = object.metadata("generation");
            let metadata = Metadata {
                uid: object.uid().to_owned(),
                resource_version: object.resource_version().to_owned(),
                generation: generation.and_then(|it| it.parse().ok()).unwrap_or(0),
            };
            let status = object.member("status").unwrap_or("null");
            let status = serde_json::from_str::<Option<Status>>(status).unwrap_or_default();
            let spec = object.member("spec").unwrap_or("null");
            self.take(&metadata, spec, status.unwrap_or_default());
        }
    }

    fn gone(&mut self, object: ObjectRef<'_>) {
        if object.name == self.name {
            self.layers.silent(Layer::Discovery);
            self.state.send_replace(None);
        }
    }
}
