//! What controllers would do: namespaces and CustomResourceDefinitions carry other objects with
//! them when they come and go.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Object, Store, decode, merge_patch, write::now};
use crate::api::{CrdFacts, GroupResource, Status, established};

fn is_namespace(gr: &GroupResource) -> bool {
    gr.group.is_empty() && gr.plural == "namespaces"
}

fn is_crd(gr: &GroupResource) -> bool {
    gr.group == "apiextensions.k8s.io" && gr.plural == "customresourcedefinitions"
}

impl Store {
    /// Whether deleting an object of this resource deletes others, so that finalizers of the
    /// server's own decide when it is gone.
    pub(crate) fn owns_deletion(&self, gr: &GroupResource) -> bool {
        is_namespace(gr) || is_crd(gr)
    }

    /// Completes a new object as admission would.
    pub(crate) fn before_create(&self, gr: &GroupResource, object: &mut Value) {
        if is_namespace(gr) && object["status"]["phase"].is_null() {
            let name = object["metadata"]["name"].clone();
            let completed = json!({
                "metadata": {"labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            });
            merge_patch(object, &completed);
        }
        if gr.group.is_empty() && gr.plural == "secrets" && object["type"].is_null() {
            object["type"] = "Opaque".into();
        }
    }

    /// Lets a written CustomResourceDefinition take effect.
    pub(crate) fn after_write(&mut self, gr: &GroupResource, object: &Value) {
        if !is_crd(gr) || !object["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        let Some(facts) = CrdFacts::of(object) else {
            return;
        };
        if self.loading && self.catalog.preferred(&facts.group_resource()).is_some() {
            self.catalog.mark_custom(facts);
        } else {
            self.catalog.define(facts);
        }
        self.open_tables();
        let conditions = object["status"]["conditions"].as_array();
        let is_established = conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Established");
        if !is_established && let Some(framing) = self.framing(gr) {
            let mut object = object.clone();
            established(&mut object, &now());
            if self.loading {
                object["metadata"]["resourceVersion"] = Value::Null;
            }
            if let Err(status) = self.store(gr, &framing, object, false) {
                tracing::warn!(%status, "custom resource definition could not be established");
            }
        }
    }

    /// What the object says of itself while what it carries is being deleted.
    pub(crate) fn mark_terminating(&self, gr: &GroupResource, object: &mut Value) {
        if is_namespace(gr) {
            merge_patch(object, &json!({"status": {"phase": "Terminating"}}));
        } else if is_crd(gr) {
            let finalizers = ["customresourcecleanup.apiextensions.k8s.io"];
            merge_patch(object, &json!({"metadata": {"finalizers": finalizers}}));
        }
    }

    /// Deletes what the object carries, then the object.
    pub(crate) fn finish_owned_deletion(
        &mut self,
        gr: &GroupResource,
        key: &str,
    ) -> Result<Arc<Object>, Status> {
        if is_namespace(gr) {
            self.empty_namespace(key);
        } else if let Some(facts) = self.crd_facts(gr, key) {
            self.drop_custom_resource(&facts.group_resource());
        }
        self.remove(gr, key)
            .ok_or_else(|| Status::not_found(gr, key))
    }

    pub(super) fn crd_facts(&self, gr: &GroupResource, key: &str) -> Option<CrdFacts> {
        if !is_crd(gr) {
            return None;
        }
        CrdFacts::of(&decode(self.get(gr, key)?, &self.framing(gr)?)?)
    }

    fn empty_namespace(&mut self, namespace: &str) {
        let range = format!("{namespace}/")..format!("{namespace}0");
        let doomed: Vec<(GroupResource, Vec<String>)> = self
            .tables
            .iter()
            .map(|(gr, table)| {
                let keys = table
                    .objects
                    .range(range.clone())
                    .map(|(key, _)| key.clone())
                    .collect();
                (gr.clone(), keys)
            })
            .collect();
        for (gr, keys) in doomed {
            keys.iter().for_each(|key| {
                self.remove(&gr, key);
            });
        }
    }

    pub(super) fn drop_custom_resource(&mut self, gr: &GroupResource) {
        let keys: Vec<String> = self
            .tables
            .get(gr)
            .map(|table| table.objects.keys().cloned().collect())
            .unwrap_or_default();
        keys.iter().for_each(|key| {
            self.remove(gr, key);
        });
        if let Some(table) = self.tables.get_mut(gr) {
            table.end();
        }
        self.catalog.forget(gr);
    }
}
