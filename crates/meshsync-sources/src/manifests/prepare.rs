//! From a document to the object that the cluster would have of it.

use std::sync::Arc;

use meshsync_model::{Gvk, ObjectRef, Resource};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::kinds::Kinds;

/// An object as it is shown.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) identity: Identity,
    pub(super) json: Vec<u8>,
}

/// Which object, in which state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) resource: Arc<Resource>,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) version: String,
}

impl Identity {
    pub(super) fn object_ref(&self) -> ObjectRef<'_> {
        ObjectRef {
            namespace: self.namespace.as_deref(),
            name: &self.name,
            uid: "",
        }
    }
}

/// What a server fills in: it says nothing of what there should be.
const FILLED_IN: &[&str] = &[
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Files of other tools that look like manifests.
const NOT_OBJECTS: &[&str] = &["kustomize.config.k8s.io", "kind.x-k8s.io"];

/// The kind of a document; none for one that is no object of a cluster.
pub(super) fn gvk_of(document: &Value) -> Option<Gvk> {
    let kind = document.get("kind")?.as_str()?;
    let api_version = document.get("apiVersion")?.as_str()?;
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    (!NOT_OBJECTS.contains(&group)).then(|| Gvk::new(group, version, kind))
}

/// Prepares a document of that kind. A version is the hash of what it says.
pub(super) fn prepare(
    mut document: Value,
    gvk: &Gvk,
    kinds: &mut Kinds,
    default_namespace: &str,
) -> Result<Prepared, String> {
    let kind = &gvk.kind;
    let resource = kinds.resource(gvk);
    let metadata = document
        .get_mut("metadata")
        .and_then(Value::as_object_mut)
        .ok_or_else(|| format!("a {kind} without metadata"))?;
    metadata.retain(|key, value| !FILLED_IN.contains(&key.as_str()) && !value.is_null());
    let name = text(metadata, "name")
        .ok_or_else(|| format!("a {kind} without metadata.name: give it one"))?;
    let namespace = match resource.namespaced {
        true => Some(text(metadata, "namespace").unwrap_or_else(|| default_namespace.to_owned())),
        false => None,
    };
    match &namespace {
        Some(namespace) => metadata.insert("namespace".to_owned(), namespace.clone().into()),
        None => metadata.remove("namespace"),
    };
    let encode = |document: &Value| {
        serde_json::to_vec(document).map_err(|error| format!("{kind} {name}: {error}"))
    };
    let version = format!("{:032x}", xxh3_128(&encode(&document)?));
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), version.clone().into());
    }
    Ok(Prepared {
        json: encode(&document)?,
        identity: Identity {
            resource,
            namespace,
            name,
            version,
        },
    })
}

fn text(members: &Map<String, Value>, key: &str) -> Option<String> {
    let text = members.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prepared(document: Value) -> Prepared {
        let gvk = gvk_of(&document).unwrap();
        prepare(document, &gvk, &mut Kinds::default(), "shop").unwrap()
    }

    #[test]
    fn an_object_gets_the_identity_that_the_cluster_would_give_it() {
        let web = prepared(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "creationTimestamp": null, "uid": "u"}}));
        assert_eq!(web.identity.namespace.as_deref(), Some("shop"));
        let text = String::from_utf8(web.json).unwrap();
        assert!(
            !text.contains("creationTimestamp") && !text.contains("uid"),
            "{text}"
        );
        let node = prepared(json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "a", "namespace": "x"}}));
        assert_eq!(node.identity.namespace, None);
    }

    #[test]
    fn a_version_is_of_what_is_said_alone() {
        let version = |document| prepared(document).identity.version;
        let object = |uid: &str, data: u8| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "uid": uid, "resourceVersion": uid}, "data": {"a": data}})
        };
        assert_eq!(version(object("1", 1)), version(object("2", 1)));
        assert_ne!(version(object("1", 1)), version(object("1", 2)));
    }

    #[test]
    fn what_is_no_object_is_passed_over() {
        let passed_over = [
            json!({"kind": "Kustomization", "apiVersion": "kustomize.config.k8s.io/v1beta1"}),
            json!({"replicaCount": 1}),
            json!({"kind": "X"}),
        ];
        for document in passed_over {
            assert_eq!(gvk_of(&document), None, "{document}");
        }
    }
}
