//! What sinks were given by a process before this one, from a folder.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use meshsync_broker::sinks::{PublishedObject, RememberingSink};
use meshsync_broker::{Sink, Wire};
use meshsync_informer::{Remembered, SinkSet};
use meshsync_model::{ClusterId, ObjectRef, ResourceId};

use crate::run::RunError;

/// Wraps the sinks of Meshery messages; returns them, and what they were given.
///
/// Others need no memory: a stream has its own, and who reads records is told
/// where each resource ends.
pub(crate) async fn remember(
    sinks: Vec<Box<dyn Sink>>,
    folder: &Path,
    scope: &ClusterId,
) -> Result<(Vec<Box<dyn Sink>>, Vec<Remembered>), RunError> {
    let failed = |source| RunError::State {
        folder: folder.display().to_string(),
        source,
    };
    tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    let mut wrapped: Vec<Box<dyn Sink>> = Vec::new();
    let mut remembered: HashMap<(ResourceId, String), Remembered> = HashMap::new();
    for (at, sink) in sinks.into_iter().enumerate() {
        if sink.wire() != Wire::Meshery {
            wrapped.push(sink);
            continue;
        }
        let path = folder.join(file_name(scope, &sink.name()));
        let (sink, published) = RememberingSink::open(sink, &path).await.map_err(failed)?;
        if !published.is_empty() {
            tracing::info!(
                objects = published.len(), path = %path.display(),
                "what was published before is known"
            );
        }
        for object in published {
            note(&mut remembered, &object, SinkSet::one(at));
        }
        wrapped.push(Box::new(sink));
    }
    Ok((wrapped, remembered.into_values().collect()))
}

fn note(
    remembered: &mut HashMap<(ResourceId, String), Remembered>,
    object: &PublishedObject,
    given: SinkSet,
) {
    let resource = &object.resource;
    let key = (resource.id(), resource.gvk.api_version());
    let remembered = remembered.entry(key);
    let remembered = remembered.or_insert_with(|| Remembered::new(resource.clone()));
    let name = ObjectRef {
        namespace: object.namespace.as_deref(),
        name: &object.name,
        uid: "",
    };
    remembered.add(name, given);
}

/// One file per cluster and sink.
fn file_name(scope: &ClusterId, sink: &str) -> String {
    let mut hasher = DefaultHasher::new();
    sink.hash(&mut hasher);
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let scope: String = scope.as_str().chars().filter(is_safe).take(64).collect();
    format!("published-{scope}-{:016x}.jsonl", hasher.finish())
}
