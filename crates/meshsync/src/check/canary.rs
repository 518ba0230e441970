//! A ConfigMap that is created, updated and deleted, and watched meanwhile.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use meshsync_informer::{CANARY_LABEL, CANARY_VISIBLE_LABEL, Connection, RequestError, WatchLines};
use meshsync_model::{ContentHash, Index, WatchEventType};
use serde::Deserialize;
use serde_json::json;

use super::chain::{Chain, Trouble, human};
use super::report::LinkState;

/// A canary that is older than this was left behind, and any test takes it away.
const LIFETIME: SignedDuration = SignedDuration::from_mins(2);

/// So many that were left behind are taken away at a time.
const SWEEP_MAX: usize = 20;

const EXPIRES: &str = "meshsync.io/expires";

/// A canary, wherever it is in its life.
#[derive(Debug)]
pub(super) struct Canary<'a> {
    connection: &'a Connection,
    collection: String,
    name: String,
    namespace: String,
    id: String,
    visible: bool,
    /// It may be there.
    pub(super) made: bool,
}

/// What the watch said of it last, and how fast.
#[derive(Debug)]
pub(super) struct Seen {
    /// The line, with the object as it was after the update.
    pub(super) line: Vec<u8>,
    /// From the request that created it to the event.
    pub(super) after: Duration,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct List {
    metadata: Metadata,
    items: Vec<Item>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
    annotations: std::collections::BTreeMap<String, String>,
}

impl<'a> Canary<'a> {
    pub(super) fn new(connection: &'a Connection, namespace: &str, visible: bool) -> Self {
        let now = Timestamp::now().as_nanosecond().to_le_bytes();
        let process = std::process::id().to_le_bytes();
        let hash = ContentHash::of_parts(&[&now, &process]).to_string();
        let id: String = hash.chars().take(12).collect();
        Self {
            connection,
            collection: format!("/api/v1/namespaces/{namespace}/configmaps"),
            name: format!("meshsync-canary-{id}"),
            namespace: namespace.to_owned(),
            id,
            visible,
            made: false,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Looks for what was left behind, takes it away, and begins to watch.
    pub(super) async fn begin(&self) -> Result<(WatchLines, String), Trouble> {
        let label = CANARY_LABEL.replace('/', "%2F");
        let path = format!("{}?labelSelector={label}", self.collection);
        let listed = self.connection.document(&path).await;
        let listed = listed.map_err(|error| self.refused("list", &error))?;
        let list: List = (listed.as_deref())
            .and_then(|body| serde_json::from_slice(body).ok())
            .unwrap_or_default();
        let now = Timestamp::now();
        let mut swept = 0;
        for item in list.items.iter().take(SWEEP_MAX) {
            let expires = item.metadata.annotations.get(EXPIRES);
            let expired = expires.and_then(|at| at.parse::<Timestamp>().ok());
            if expired.is_some_and(|at| at < now) {
                let path = format!("{}/{}", self.collection, item.metadata.name);
                let deleted = self.connection.delete(&path).await;
                deleted.map_err(|error| self.refused("delete", &error))?;
                swept += 1;
            }
        }
        let path = format!(
            "{}?watch=1&labelSelector={label}%3D{}&resourceVersion={}&timeoutSeconds=120",
            self.collection, self.id, list.metadata.resource_version
        );
        let lines = self.connection.watch(&path).await;
        let lines = lines.map_err(|error| self.refused("watch", &error))?;
        let detail = match swept {
            0 => format!("may list and watch configmaps in {}", self.namespace),
            _ => format!("{swept} canaries that were left behind are gone now"),
        };
        Ok((lines, detail))
    }

    /// Makes it, changes it and takes it away, and sees each of that in the watch.
    pub(super) async fn live(
        &mut self,
        chain: &mut Chain,
        lines: &mut WatchLines,
    ) -> Result<Seen, (&'static str, Instant, Trouble)> {
        let begun = Instant::now();
        let late = |what: &str| {
            Trouble::new(
                format!("{what} was not answered"),
                "look at the load and the health of the API server",
            )
        };
        self.made = true;
        let created = Instant::now();
        let document = self.document("created");
        let create = async {
            let created = self.connection.create(&self.collection, document).await;
            created.map_err(|error| self.refused("create", &error))
        };
        let result = chain
            .within(chain.timeout, late("creating it"), create)
            .await;
        if let Err(trouble) = result {
            let link = link_of(&trouble);
            // Refused is certain: there is none.
            self.made = !trouble.forbidden;
            return Err((link, begun, trouble));
        }
        let created_in = created.elapsed();
        let (added, _) = self
            .see(chain, lines, WatchEventType::Added, created)
            .await
            .map_err(|trouble| ("watch", begun, trouble))?;

        let changed = Instant::now();
        let path = format!("{}/{}", self.collection, self.name);
        let document = self.document("updated");
        let replace = async {
            let replaced = self.connection.replace(&path, document).await;
            replaced.map_err(|error| self.refused("update", &error))
        };
        let result = chain
            .within(chain.timeout, late("updating it"), replace)
            .await;
        result.map_err(|trouble| (link_of(&trouble), begun, trouble))?;
        let (modified, line) = self
            .see(chain, lines, WatchEventType::Modified, changed)
            .await
            .map_err(|trouble| ("watch", begun, trouble))?;

        let deleted = Instant::now();
        let delete = async {
            let deleted = self.connection.delete(&path).await;
            deleted.map_err(|error| self.refused("delete", &error))
        };
        let result = chain
            .within(chain.timeout, late("deleting it"), delete)
            .await;
        result.map_err(|trouble| (link_of(&trouble), begun, trouble))?;
        let (gone, _) = self
            .see(chain, lines, WatchEventType::Deleted, deleted)
            .await
            .map_err(|trouble| ("watch", begun, trouble))?;
        let detail = "the API server takes a ConfigMap, its update and its deletion";
        chain.push("write", LinkState::Ok, Some(created_in), detail, None);
        let detail = format!(
            "{}/{}: created, updated and deleted, seen after {}, {} and {}",
            self.namespace,
            self.name,
            human(added),
            human(modified),
            human(gone),
        );
        chain.push("watch", LinkState::Ok, Some(added), detail, None);
        Ok(Seen { line, after: added })
    }

    /// Waits for an event of it; how long after the request, and its line.
    async fn see(
        &self,
        chain: &Chain,
        lines: &mut WatchLines,
        kind: WatchEventType,
        since: Instant,
    ) -> Result<(Duration, Vec<u8>), Trouble> {
        let what = match kind {
            WatchEventType::Added => "creation",
            WatchEventType::Modified => "update",
            _ => "deletion",
        };
        let late = Trouble::new(
            format!("the API server answered, and its watch did not show the {what}"),
            "the watch cache lags or something between holds streams back: look at the API \
             server's load, and at proxies on the way",
        );
        let mut index = Index::new();
        let wait = async {
            loop {
                let broken = |why: String| {
                    Trouble::new(
                        format!("the watch broke before it showed the {what}: {why}"),
                        "look for what closes connections on the way to the API server",
                    )
                };
                let line = lines.next().await.map_err(|error| broken(error.chain()))?;
                let Some(line) = line else {
                    return Err(broken("the server ended it".to_owned()));
                };
                let is_it = index
                    .parse_event(&line)
                    .is_ok_and(|event| event.r#type == kind && event.object.name() == self.name);
                if is_it {
                    return Ok((since.elapsed(), line));
                }
            }
        };
        chain.within(chain.timeout, late, wait).await
    }

    /// Takes it away, if it may be there.
    pub(super) async fn remove(&self, timeout: Duration) -> Result<(), Trouble> {
        let path = format!("{}/{}", self.collection, self.name);
        let left = |why: String| {
            Trouble::new(
                format!("{}/{} may be left behind: {why}", self.namespace, self.name),
                format!(
                    "the next test takes it away once it is older than {} s; or kubectl delete \
                     configmaps -n {} -l {CANARY_LABEL}",
                    LIFETIME.as_secs(),
                    self.namespace
                ),
            )
        };
        match tokio::time::timeout(timeout, self.connection.delete(&path)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(left(error.chain())),
            Err(_elapsed) => Err(left("deleting it was not answered".to_owned())),
        }
    }

    fn document(&self, step: &str) -> Vec<u8> {
        let mut labels = json!({
            CANARY_LABEL: self.id,
            "app.kubernetes.io/managed-by": "meshsync",
        });
        if self.visible {
            labels[CANARY_VISIBLE_LABEL] = "true".into();
        }
        let expires = Timestamp::now() + LIFETIME;
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": self.name, "namespace": self.namespace, "labels": labels,
                "annotations": { EXPIRES: expires.to_string() },
            },
            "data": { "step": step },
        });
        object.to_string().into_bytes()
    }

    fn refused(&self, verb: &str, error: &RequestError) -> Trouble {
        refused(verb, "configmaps", &self.namespace, error)
    }
}

fn link_of(trouble: &Trouble) -> &'static str {
    if trouble.forbidden {
        "permission"
    } else {
        "write"
    }
}

/// What a refusal means.
pub(super) fn refused(
    verb: &str,
    resource: &str,
    namespace: &str,
    error: &RequestError,
) -> Trouble {
    let code = match error {
        RequestError::Refused { refusal, .. } => refusal.code,
        _ => 0,
    };
    let remedy = match code {
        401 => "check the credentials of the kubeconfig".to_owned(),
        403 => format!(
            "grant {verb} on {resource} in namespace {namespace} (deploy/kustomize/canary has a \
             Role), or look without writing: --canary read-only"
        ),
        404 => format!("name a namespace that there is: --namespace (it was {namespace})"),
        429 => "the API server is busy: look at its priority and fairness".to_owned(),
        _ => "look at the API server: kubectl get --raw /readyz?verbose".to_owned(),
    };
    Trouble {
        message: if code == 403 {
            format!("may not {verb} {resource}: {}", error.chain())
        } else {
            format!("failed to {verb} {resource}: {}", error.chain())
        },
        remedy,
        forbidden: code == 403,
    }
}
