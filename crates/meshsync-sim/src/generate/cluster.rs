//! How many of what: from a number of objects to a cluster.

use serde_json::json;

use super::{
    emit::Emit,
    products::{SHOP_SERVICES, SHOPS, workloads},
    sizes::Sizes,
};
use crate::store::Store;

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generate {
    /// About how many objects in all; products come first, `shop-*` namespaces fill the rest.
    pub objects: usize,
    /// Seed: the same seed gives the same cluster.
    pub seed: u64,
}

impl Default for Generate {
    fn default() -> Self {
        Self {
            objects: 1_000,
            seed: 1,
        }
    }
}

impl Generate {
    /// About so many objects, with the default seed.
    pub fn objects(objects: usize) -> Self {
        Self {
            objects,
            ..Self::default()
        }
    }
}

/// Pods per application while the cluster is small, and the most one has in a large one.
const REPLICAS: (usize, usize) = (1, 4);
const REPLICAS_LARGE: (usize, usize) = (2, 24);
/// Applications per namespace of a shop.
const APPLICATIONS: usize = 25;
/// A node carries about this many objects' worth of pods.
const OBJECTS_PER_NODE: usize = 150;

/// Adds a generated cluster to a store that is still loading.
pub(crate) fn generate(store: &mut Store, options: &Generate, sizes: Sizes) {
    let present: usize = store.tables.values().map(|table| table.objects.len()).sum();
    let wanted = options.objects.saturating_sub(present);
    let mut emit = Emit::new(store, options.seed, sizes);
    emit.cluster_nodes((wanted / OBJECTS_PER_NODE).clamp(3, 5_000));
    for namespace in ["default", "kube-system"] {
        emit.namespace(namespace);
    }
    classes(&mut emit);
    products(&mut emit, wanted);
    shops(&mut emit, wanted);
    let mut filler = 0;
    while emit.count < wanted {
        filler += 1;
        emit.config_map("default", &format!("release-{filler}"));
    }
}

fn classes(emit: &mut Emit<'_>) {
    emit.put("storage.k8s.io", "storageclasses", "storage.k8s.io/v1", "StorageClass", json!({
        "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "ebs.csi.aws.com", "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
    }));
    emit.put(
        "networking.k8s.io",
        "ingressclasses",
        "networking.k8s.io/v1",
        "IngressClass",
        json!({
            "metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"},
        }),
    );
}

/// Products take at most two thirds of a small cluster.
fn products(emit: &mut Emit<'_>, wanted: usize) {
    let mut namespace = "kube-system";
    for row in workloads() {
        if emit.count * 3 > wanted * 2 {
            return;
        }
        if row.namespace != namespace {
            namespace = row.namespace;
            emit.namespace(namespace);
            emit.definitions(namespace);
        }
        emit.product(&row);
    }
}

fn shops(emit: &mut Emit<'_>, wanted: usize) {
    let (low, high) = if wanted > 20_000 {
        REPLICAS_LARGE
    } else {
        REPLICAS
    };
    for shop in 0.. {
        // An application brings up to 20 objects beside its pods; the filler makes up the rest.
        if emit.count + 20 + high >= wanted {
            return;
        }
        let city = SHOPS[shop % SHOPS.len()];
        let namespace = match shop / SHOPS.len() {
            0 => format!("shop-{city}"),
            round => format!("shop-{city}-{round}"),
        };
        emit.namespace(&namespace);
        emit.network_policy(&namespace);
        for at in 0..APPLICATIONS {
            if emit.count + 20 + high >= wanted {
                return;
            }
            let replicas = emit.between(low, high);
            emit.application(
                &namespace,
                SHOP_SERVICES[at % SHOP_SERVICES.len()],
                replicas,
            );
        }
    }
}
