//! Writing Events to an API server.
//!
//! As `core/v1` has them, which every version of Kubernetes serves and `kubectl get events` and
//! `kubectl describe` show: <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>.

use std::time::Duration;

use jiff::Timestamp;
use meshsync_informer::{Connection, RequestError};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::correlate::{Correlator, Key, Verdict, key};
use super::notice::{Notice, Regarding};

/// What the API says a note may hold at most.
const NOTE_BYTES_MAX: usize = 1024;

/// Of an object's name so much is in the name of an Event, which has 253 characters at most.
const NAME_CHARS_MAX: usize = 200;

/// What got no answer is written again after these times, and then left out.
const AGAIN_AFTER: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// What was forbidden is not tried again for so long.
const FORBIDDEN_FOR: Duration = Duration::from_secs(60);

/// Who says so.
const COMPONENT: &str = "meshsync";

/// Writes what [`Notices`](super::Notices) are given.
#[derive(Debug)]
pub(crate) struct EventWriter {
    taken: mpsc::Receiver<Notice>,
    regarding: Option<Regarding>,
}

impl EventWriter {
    pub(super) fn new(taken: mpsc::Receiver<Notice>, regarding: Option<Regarding>) -> Self {
        Self { taken, regarding }
    }

    /// Writes until it is dropped, or nobody says anything any more.
    pub(crate) async fn run(mut self, connection: Connection) {
        let agent = self.regarding.take();
        let agent = agent.unwrap_or_else(|| Regarding::namespace(&connection.namespace));
        let mut correlator = Correlator::new(Instant::now());
        let mut forbidden = None;
        while let Some(notice) = self.taken.recv().await {
            if forbidden.is_some_and(|since: Instant| since.elapsed() < FORBIDDEN_FOR) {
                continue;
            }
            let key = key(notice, &agent);
            match write_patiently(&connection, &key, &mut correlator).await {
                Ok(()) => forbidden = None,
                Err(RequestError::Refused { refusal, .. }) if refusal.code == 403 => {
                    let namespace = &key.0.namespace;
                    if forbidden.is_none() {
                        tracing::warn!(
                            namespace,
                            "Events may not be written there: bind a Role with create and patch on \
                             events, as deploy/kustomize/events has it"
                        );
                    }
                    forbidden = Some(Instant::now());
                }
                Err(error) => tracing::warn!(error = %error.chain(), "an Event is left out"),
            }
        }
    }
}

async fn write_patiently(
    connection: &Connection,
    key: &Key,
    correlator: &mut Correlator,
) -> Result<(), RequestError> {
    let mut pauses = AGAIN_AFTER.iter();
    loop {
        let error = match write(connection, key, correlator).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // That an answer says no more than once is not a matter of time.
        let is_final = matches!(&error, RequestError::Refused { refusal, .. }
            if refusal.code < 500 && refusal.code != 429);
        match pauses.next().filter(|_| !is_final) {
            Some(pause) => tokio::time::sleep(*pause).await,
            None => return Err(error),
        }
    }
}

async fn write(
    connection: &Connection,
    key: &Key,
    correlator: &mut Correlator,
) -> Result<(), RequestError> {
    let (regarding, severity, reason, note) = key;
    let collection = format!("/api/v1/namespaces/{}/events", regarding.namespace);
    let now = Timestamp::now();
    let time = format!("{now:.0}");
    match correlator.judge(key, Instant::now()) {
        Verdict::Enough => {
            tracing::debug!(reason, "an Event is left out: there are too many");
            return Ok(());
        }
        Verdict::Again { event, count } => {
            let path = format!("{collection}/{event}");
            let patch = json!({"count": count, "lastTimestamp": time});
            match connection
                .patch(&path, patch.to_string().into_bytes())
                .await
            {
                Ok(_) => {
                    correlator.written(key.clone(), event, count, Instant::now());
                    return Ok(());
                }
                Err(RequestError::Refused { refusal, .. }) if refusal.code == 404 => {
                    correlator.forget(key);
                }
                Err(error) => return Err(error),
            }
        }
        Verdict::New => {}
    }
    let stem: String = regarding.name.chars().take(NAME_CHARS_MAX).collect();
    let name = format!("{stem}.{:x}", now.as_nanosecond());
    let mut involved = json!({
        "apiVersion": regarding.api_version, "kind": regarding.kind,
        "namespace": regarding.namespace, "name": regarding.name,
    });
    if let Some(uid) = &regarding.uid {
        involved["uid"] = uid.as_str().into();
    }
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": regarding.namespace},
        "involvedObject": involved,
        "type": severity.as_str(), "reason": reason, "message": cut(note),
        "source": {"component": COMPONENT}, "reportingComponent": COMPONENT,
        "firstTimestamp": time, "lastTimestamp": time, "count": 1,
    });
    connection
        .create(&collection, event.to_string().into_bytes())
        .await?;
    correlator.written(key.clone(), name, 1, Instant::now());
    Ok(())
}

/// The beginning of a note that is too long.
fn cut(note: &str) -> &str {
    let end = note.floor_char_boundary(NOTE_BYTES_MAX);
    &note[..end]
}
