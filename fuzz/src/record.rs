//! What leaves.

use jiff::Timestamp;
use meshsync_model::wire::meshery::{Encoder, Fidelity};
use meshsync_model::wire::record;
use meshsync_model::{
    Change, ClusterId, Context, Deleted, Gvk, Index, Object, Resource, Secrets, Tier,
};
use serde_json::Value;

/// An object on its way to the sinks, in every format.
pub fn record(data: &[u8]) {
    let Some(scope) = ClusterId::new("c") else {
        return;
    };
    let mut index = Index::new();
    let Ok(object) = index.parse(data) else {
        return;
    };
    // Slices go out as they came in: what was JSON must still be.
    let is_json = serde_json::from_slice::<Value>(data).is_ok();
    for (kind, plural) in [("ConfigMap", "configmaps"), ("Secret", "secrets")] {
        let resource = Resource::new(Gvk::new("", "v1", kind), plural, true);
        let context = Context {
            scope: &scope,
            resource: &resource,
            tier: Tier::Detail,
            observed: Timestamp::UNIX_EPOCH,
            reason: None,
        };
        for secrets in [Secrets::Redacted, Secrets::Plain] {
            for change in changes(&object) {
                let mut out = Vec::new();
                record::encode(&mut out, &context, &change, secrets);
                check(&out, is_json, &object);
                for fidelity in [Fidelity::Corrected, Fidelity::Exact] {
                    let mut out = Vec::new();
                    Encoder::new(fidelity, secrets).encode(&mut out, &context, &change);
                    if is_json && !out.is_empty() {
                        let parsed = serde_json::from_slice::<Value>(&out);
                        assert!(parsed.is_ok(), "{parsed:?}");
                    }
                }
            }
        }
    }
}

fn changes<'a>(object: &'a Object<'a>) -> [Change<'a>; 4] {
    [
        Change::Added(object),
        Change::Modified(object),
        Change::Deleted(Deleted::Last(object)),
        Change::Deleted(Deleted::Partial(object.object_ref())),
    ]
}

fn check(out: &[u8], is_json: bool, object: &Object<'_>) {
    if !is_json {
        return;
    }
    let record: Value = match serde_json::from_slice(out) {
        Ok(record) => record,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(out)),
    };
    assert_eq!(record["scope"], "c");
    if !object.name().is_empty() {
        assert_eq!(record["object"]["metadata"]["name"], object.name());
    }
}
