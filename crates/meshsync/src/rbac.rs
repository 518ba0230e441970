//! The permissions that a configuration takes, and no others.

use meshsync_discovery::{Catalog, Grants, Place, Selection, WatchPlan};
use meshsync_informer::{ClusterConfig, Connection, Discovery, ScopeError};

use crate::run::RunError;

/// What a pipeline does beside observing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RbacNeeds {
    /// The cluster has a name given by somebody: namespace `kube-system` need not be read.
    pub has_cluster_id: bool,
    /// Logs of pods are given to whoever asks, and shells in them.
    pub interactive: bool,
    /// In these namespaces; in all of them where there are none.
    pub interactive_namespaces: Vec<String>,
}

/// What has to be permitted for a selection, and what could not be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RbacAnswer {
    /// The permissions.
    pub grants: Grants,
    /// How many resources are observed with them.
    pub resources: usize,
    /// Patterns of the selection that name nothing that is known to be served.
    pub unmatched: Vec<String>,
}

/// What has to be permitted for `selection` in a cluster as it is now, by resource. It is asked
/// what it serves, which every authenticated user may.
///
/// # Errors
///
/// When there is no cluster, or it does not say what it serves.
pub async fn rbac_in_cluster(
    cluster: &ClusterConfig,
    selection: &Selection,
    needs: &RbacNeeds,
) -> Result<RbacAnswer, RunError> {
    let connection = cluster.connect().await?;
    rbac_by(&connection, selection, needs).await
}

/// The same, by a connection that there is.
pub(crate) async fn rbac_by(
    connection: &Connection,
    selection: &Selection,
    needs: &RbacNeeds,
) -> Result<RbacAnswer, RunError> {
    let mut discovery = Discovery::default();
    match discovery.refresh(&connection.client).await {
        Ok(catalog) => Ok(rbac_of(catalog, selection, needs)),
        Err(source) => {
            let url = connection.url.clone();
            Err(ScopeError::Unreachable { url, source }.into())
        }
    }
}

/// The same for a cluster that cannot be asked: of what Kubernetes serves by itself. Custom
/// resources that are named in full (`certificates.cert-manager.io`) are among
/// [`RbacAnswer::unmatched`].
pub fn rbac_without_cluster(selection: &Selection, needs: &RbacNeeds) -> RbacAnswer {
    rbac_of(&Catalog::of_kubernetes(), selection, needs)
}

fn rbac_of(catalog: &Catalog, selection: &Selection, needs: &RbacNeeds) -> RbacAnswer {
    let plan = WatchPlan::new(catalog, selection);
    let mut grants = Grants::default();
    for resource in plan.resources() {
        let view = selection.view(resource);
        for place in places(resource.namespaced, view.namespaces.names()) {
            grants.observe(place.clone(), resource);
            // Asked for by name: what a list that cannot be read in full has lost, and what a
            // check finds to differ.
            grants.look_at(place, resource);
        }
    }
    let reads_namespaces = plan
        .resources()
        .any(|resource| resource.gvk.group.is_empty() && resource.plural == "namespaces");
    if selection.follows_namespaces() && !reads_namespaces {
        // Their labels and annotations select objects.
        for verb in ["list", "watch"] {
            grants.allow(Place::Cluster, verb, ("", "namespaces"), None);
        }
    }
    if !needs.has_cluster_id && !reads_namespaces {
        let namespaces = ("", "namespaces");
        grants.allow(Place::Cluster, "get", namespaces, Some("kube-system"));
    }
    if needs.interactive {
        let names = needs.interactive_namespaces.iter().map(String::as_str);
        for place in places(true, names) {
            grants.allow(place.clone(), "get", ("", "pods/log"), None);
            // A WebSocket opens a command with a GET; servers from 1.35 on want create for it too.
            grants.allow(place.clone(), "get", ("", "pods/exec"), None);
            grants.allow(place, "create", ("", "pods/exec"), None);
        }
    }
    RbacAnswer {
        resources: plan.len(),
        unmatched: selection
            .unmatched(catalog)
            .into_iter()
            .map(ToString::to_string)
            .collect(),
        grants,
    }
}

/// The namespaces that are wanted by name, or everywhere.
fn places<'a>(namespaced: bool, names: impl Iterator<Item = &'a str>) -> Vec<Place> {
    let named: Vec<Place> = match namespaced {
        true => names
            .map(|name| Place::Namespace(name.to_owned()))
            .collect(),
        false => Vec::new(),
    };
    if named.is_empty() {
        vec![Place::Cluster]
    } else {
        named
    }
}
