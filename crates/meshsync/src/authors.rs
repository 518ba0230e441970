//! Custom resources that say what is observed, and what is written into the cluster about it.

use std::future::pending;

use meshsync_discovery::{Depth, NamespaceSelection};
use meshsync_informer::{Connection, Listener, Tap};
use meshsync_model::{Context, Object, ObjectRef, ResourceId};

use crate::builder::Builder;
use crate::configuration::Layers;
#[cfg(feature = "config")]
use crate::configuration::{Own, ResourceName, report};
use crate::kube_events::EventWriter;
use crate::meshery::live::Live;

/// Those that are followed.
#[derive(Debug, Default)]
pub(crate) struct Authors {
    live: Option<Live>,
    #[cfg(feature = "config")]
    own: Option<Own>,
}

/// Those that are to be followed.
#[derive(Debug)]
pub(crate) struct Wanted {
    follow_resource: bool,
    #[cfg(feature = "config")]
    own_resource: Option<ResourceName>,
}

impl Wanted {
    pub(crate) fn of(builder: &Builder) -> Self {
        Self {
            follow_resource: builder.follow_resource,
            #[cfg(feature = "config")]
            own_resource: builder.own_resource.clone(),
        }
    }
}

impl Authors {
    /// Those that were asked for.
    pub(crate) fn of(wanted: &Wanted, layers: &Layers, connection: &Connection) -> Self {
        #[cfg(not(feature = "config"))]
        let _ = connection;
        Self {
            live: wanted.follow_resource.then(|| Live::new(layers.clone())),
            #[cfg(feature = "config")]
            own: wanted
                .own_resource
                .clone()
                .map(|name| Own::new(layers.clone(), name, connection)),
        }
    }

    /// Reads each once, before anything is observed.
    pub(crate) async fn begin(&self, connection: &Connection) {
        #[cfg(feature = "config")]
        if let Some(own) = &self.own {
            own.begin(connection).await;
        }
        if let Some(live) = &self.live {
            live.begin(connection).await;
        }
    }

    /// What to watch to hear of their changes.
    pub(crate) fn taps(&self) -> Vec<Tap> {
        let mut taps = self.live.as_ref().map(Live::taps).unwrap_or_default();
        #[cfg(feature = "config")]
        taps.extend(self.own.as_ref().map(Own::tap));
        if !taps.is_empty() {
            // Custom resources come and go: their definitions ring for discovery.
            taps.push(Tap {
                resources: vec![ResourceId::new(
                    "apiextensions.k8s.io",
                    "customresourcedefinitions",
                )],
                namespaces: NamespaceSelection::all(),
                depth: Depth::default(),
                unless_planned: true,
                listen: Box::new(|| Box::new(Nobody)),
            });
        }
        taps
    }

    /// Writes Events and the status of our own resource, where these are wanted; never ends.
    pub(crate) fn write(
        self,
        connection: Option<&Connection>,
        events: Option<EventWriter>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let connection = connection.cloned();
        async move {
            let Some(connection) = connection else {
                return pending().await;
            };
            // Nothing is written unless that was asked for.
            let Some(events) = events else {
                return pending().await;
            };
            let status = async {
                #[cfg(feature = "config")]
                if let Some(own) = self.own {
                    report(own, connection.clone()).await;
                }
            };
            tokio::join!(events.run(connection.clone()), status);
            pending().await
        }
    }
}

/// Its resource rings for discovery, and there is nothing else to do.
struct Nobody;

impl Listener for Nobody {
    fn state(&mut self, _: &Context<'_>, _: &Object<'_>) {}

    fn gone(&mut self, _: ObjectRef<'_>) {}
}
