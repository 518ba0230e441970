//! What sinks were given by processes before this one, from a folder or from the sinks
//! themselves.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use meshsync_broker::sinks::{PublishedObject, RememberingSink};
use meshsync_broker::{Sink, Wire, recall};
use meshsync_informer::{Remembered, SinkSet};
use meshsync_model::{ClusterId, ObjectRef, ResourceId};

use crate::outlets::Outlets;
use crate::run::RunError;

/// Of several sinks, one that cannot be asked holds up the others for this long.
const RECALL_MAX: Duration = Duration::from_secs(15);

/// Wraps sinks, all of Meshery messages, so that they remember in a folder.
///
/// Others need no memory: a stream has its own, and who reads records is told
/// where each resource ends.
pub(crate) async fn keep(
    sinks: Vec<Box<dyn Sink>>,
    folder: &Path,
    scope: &ClusterId,
) -> Result<Vec<Box<dyn Sink>>, RunError> {
    let failed = |source| RunError::State {
        folder: folder.display().to_string(),
        source,
    };
    tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    let mut wrapped: Vec<Box<dyn Sink>> = Vec::new();
    for sink in sinks {
        let path = folder.join(file_name(scope, &sink.name()));
        let sink = RememberingSink::open(sink, &path).await.map_err(failed)?;
        wrapped.push(Box::new(sink));
    }
    Ok(wrapped)
}

/// Asks sinks of Meshery messages what they were given before. The only sink of a row
/// is waited for: nobody could be given anything before it is there.
pub(crate) async fn recall_all(
    sinks: &mut [Box<dyn Sink>],
    outlets: &Outlets,
    scope: &ClusterId,
) -> Vec<Remembered> {
    let is_alone = outlets.iter().count() == 1;
    let row = outlets.iter().enumerate();
    let row = row.filter(|(_, outlet)| outlet.wire() == Wire::Meshery);
    let asked = sinks.iter_mut().zip(row);
    let asked = asked.map(|(sink, (at, outlet))| async move {
        let recalled = recall(&mut **sink, outlet, scope);
        if is_alone {
            return (at, recalled.await);
        }
        let recalled = tokio::time::timeout(RECALL_MAX, recalled).await;
        let recalled = recalled.unwrap_or_else(|_elapsed| {
            tracing::warn!(
                sink = outlet.status().name(), waited = ?RECALL_MAX,
                "what this sink was given before cannot be known yet; what is gone of it is told \
                 after the next start"
            );
            Vec::new()
        });
        (at, recalled)
    });
    let mut remembered: HashMap<(ResourceId, String), Remembered> = HashMap::new();
    for (at, published) in join_all(asked).await {
        if !published.is_empty() {
            let objects = published.len();
            tracing::info!(objects, "what was published before is known");
        }
        for object in published {
            note(&mut remembered, &object, SinkSet::one(at));
        }
    }
    remembered.into_values().collect()
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
