//! Deliveries as the pipeline makes them.

use std::sync::Arc;

use meshsync_broker::Delivery;
use meshsync_model::{EventType, Gvk, ObjectKey, Resource};

pub(crate) const SCOPE: &str = "scope-1";

pub(crate) fn resource() -> Arc<Resource> {
    Arc::new(Resource::new(
        Gvk::new("", "v1", "ConfigMap"),
        "configmaps",
        true,
    ))
}

/// A state of an object.
pub(crate) fn state(event: EventType, name: &str, version: u64, fill: usize) -> Delivery {
    let fill = "x".repeat(fill);
    let name_json = serde_json::to_string(name).unwrap();
    let text = format!(
        r#"{{"event":"{event}","scope":"{SCOPE}","tier":"detail","observed":"2026-11-22T12:00:00Z","hash":"{version:032x}","object":{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":{name_json},"namespace":"n","uid":"uid-of-it","resourceVersion":"{version}"}},"data":{{"fill":"{fill}"}}}}}}"#
    );
    delivery(event, Some(name), text)
}

pub(crate) fn gone(name: &str) -> Delivery {
    let name_json = serde_json::to_string(name).unwrap();
    let text = format!(
        r#"{{"event":"DELETED","scope":"{SCOPE}","tier":"detail","observed":"2026-11-22T12:00:00Z","partial":true,"object":{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":{name_json},"namespace":"n","uid":"uid-of-it"}}}}}}"#
    );
    delivery(EventType::Deleted, Some(name), text)
}

pub(crate) fn synced(objects: u64) -> Delivery {
    let text = format!(
        r#"{{"event":"SYNCED","scope":"{SCOPE}","tier":"detail","observed":"2026-11-22T12:00:00Z","resource":{{"group":"","version":"v1","kind":"ConfigMap","plural":"configmaps"}},"objects":{objects},"resourceVersion":"9"}}"#
    );
    delivery(EventType::Synced, None, text)
}

fn delivery(event: EventType, name: Option<&str>, text: String) -> Delivery {
    let resource = resource();
    let key = name.map(|name| {
        Arc::new(ObjectKey {
            resource: resource.id().into(),
            namespace: Some("n".into()),
            name: name.into(),
        })
    });
    Delivery {
        event,
        resource: Some(resource),
        key,
        payload: text.into(),
        subject: None,
    }
}
