//! Telling sinks what is installed.
//!
//! Level-triggered: for each sink it is known what it was told, and whatever
//! differs from the verdicts is offered until it is taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use meshsync_broker::{Novelty, Offer, Offered, Outlet, Wire};
use meshsync_fingerprint::Verdict;
use meshsync_informer::StatusBoard;
use meshsync_model::wire::record;
use meshsync_model::{
    Change, ClusterId, Context, Deleted, EventType, Index, ObjectKey, ObjectRef, Resource, Secrets,
    Tier,
};
use serde::Serialize;
use tokio::time::Instant;

use super::{Deep, FingerprintChange, Fingerprints, Revisits};
use crate::compose::Composer;
use crate::outlets::Outlets;

/// Verdicts are worked out this often at most.
const INTERVAL: Duration = Duration::from_secs(1);
/// Until all resources are listed, verdicts are of parts of the truth, and wait;
/// for so long at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whom the program asks to be told of changes.
pub(crate) type Listener = Box<dyn FnMut(&FingerprintChange) + Send>;

/// What somebody was told, by key.
type Told = BTreeMap<Arc<ObjectKey>, Arc<Verdict>>;

/// Tells of fingerprints for as long as the pipeline runs.
pub(crate) async fn tell(
    prints: Arc<Fingerprints>,
    board: Arc<StatusBoard>,
    outlets: Arc<Outlets>,
    scope: ClusterId,
    ears: Ears,
) {
    let Ears {
        mut listener,
        mut deep,
        composer,
        mut revisits,
    } = ears;
    let teller = Teller {
        scope,
        resource: Arc::new(Resource::fingerprints()),
    };
    settled(&board).await;
    let mut heard = Told::new();
    let mut told: Vec<(Arc<Outlet>, Told)> = outlets
        .iter()
        .filter(|outlet| outlet.wire() != Wire::Meshery)
        .map(|outlet| (Arc::clone(outlet), Told::new()))
        .collect();
    let mut rooms: Vec<_> = told
        .iter()
        .map(|(outlet, _)| outlet.room_changes())
        .collect();
    loop {
        for room in &mut rooms {
            room.mark_unchanged();
        }
        let began = Instant::now();
        let verdicts = prints.refresh();
        let wanted: Told = verdicts
            .iter()
            .map(|verdict| (teller.key(verdict), Arc::clone(verdict)))
            .collect();
        if let Some(listener) = &mut listener {
            hear(listener, &mut heard, &wanted);
        }
        if let Some(opened) = deep.see(&verdicts, Instant::now()) {
            composer.open(opened);
        }
        let more = revisits.as_mut().is_some_and(|it| it.see(&verdicts));
        let mut owed = false;
        for (outlet, told) in &mut told {
            owed |= !teller.offer(outlet, told, &wanted);
        }
        let room = async {
            let changes = rooms.iter_mut().map(|room| Box::pin(room.changed()));
            let changes: Vec<_> = changes.collect();
            if owed && !changes.is_empty() {
                let (_closed, ..) = futures::future::select_all(changes).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = prints.changed.notified() => {}
            () = room => {}
            () = std::future::ready(()), if more => {}
            () = at(deep.due()) => {}
        }
        tokio::time::sleep_until(began + INTERVAL).await;
    }
}

/// Who hears of verdicts beside the sinks.
pub(crate) struct Ears {
    pub(crate) listener: Option<Listener>,
    /// Opens and closes the third tier.
    pub(crate) deep: Deep,
    pub(crate) composer: Composer,
    /// Has root objects told to Meshery once more.
    pub(crate) revisits: Option<Revisits>,
}

/// Waits for a moment; for ever where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits until every resource was listed, or it takes too long.
async fn settled(board: &StatusBoard) {
    let mut changes = board.changes();
    let settled = async {
        loop {
            changes.mark_unchanged();
            if board.all_settled() || changes.changed().await.is_err() {
                return;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, settled).await.is_err() {
        tracing::info!("not everything is listed yet; fingerprints are told all the same");
    }
}

fn hear(listener: &mut Listener, heard: &mut Told, wanted: &Told) {
    let mut hear = |event, verdict: &Arc<Verdict>| {
        listener(&FingerprintChange {
            event,
            verdict: Arc::clone(verdict),
        });
    };
    for (key, verdict) in heard.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
        tracing::debug!(fingerprint = %key, "gone");
        hear(EventType::Deleted, verdict);
    }
    for (key, verdict) in wanted {
        match heard.get(key) {
            Some(known) if known == verdict => {}
            Some(_) => hear(EventType::Modified, verdict),
            None => hear(EventType::Added, verdict),
        }
    }
    wanted.clone_into(heard);
}

struct Teller {
    scope: ClusterId,
    resource: Arc<Resource>,
}

/// A verdict as an object.
#[derive(Serialize)]
struct Fingerprint<'v> {
    metadata: Metadata<'v>,
    status: &'v Verdict,
}

#[derive(Serialize)]
struct Metadata<'v> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'v str>,
}

impl Teller {
    fn key(&self, verdict: &Verdict) -> Arc<ObjectKey> {
        Arc::new(ObjectKey {
            resource: self.resource.id().into(),
            namespace: verdict.namespace.as_deref().map(Into::into),
            name: name(verdict).into(),
        })
    }

    /// Offers what an outlet was not told; whether it took all of it.
    fn offer(&self, outlet: &Outlet, told: &mut Told, wanted: &Told) -> bool {
        let mut all = true;
        let gone: Vec<Arc<ObjectKey>> = told
            .keys()
            .filter(|key| !wanted.contains_key(*key))
            .cloned()
            .collect();
        for key in gone {
            let payload = self.deleted(outlet.wire(), &key);
            match outlet.offer(&self.resource, &key, Offer::Delete { payload }) {
                Offered::Taken | Offered::Annihilated => {
                    told.remove(&key);
                }
                Offered::Full | Offered::TooLate => all = false,
            }
        }
        for (key, verdict) in wanted {
            let known = told.get(key);
            if known == Some(verdict) {
                continue;
            }
            let novelty = match (known, outlet.waits_first(key)) {
                (None, _) => Novelty::First,
                (Some(_), true) => Novelty::ReplacesFirst,
                (Some(_), false) => Novelty::Known,
            };
            if self.offer_state(outlet, key, verdict, novelty) {
                told.insert(Arc::clone(key), Arc::clone(verdict));
            } else {
                all = false;
            }
        }
        all
    }

    fn offer_state(
        &self,
        outlet: &Outlet,
        key: &Arc<ObjectKey>,
        verdict: &Verdict,
        mut novelty: Novelty,
    ) -> bool {
        loop {
            let added = novelty != Novelty::Known;
            let Some(payload) = self.state(outlet.wire(), verdict, added) else {
                return true;
            };
            match outlet.offer(&self.resource, key, Offer::State { novelty, payload }) {
                // The sink took the first state between the two looks.
                Offered::TooLate => novelty = Novelty::Known,
                Offered::Taken => return true,
                Offered::Full | Offered::Annihilated => return false,
            }
        }
    }

    fn state(&self, wire: Wire, verdict: &Verdict, added: bool) -> Option<Bytes> {
        let written = serde_json::to_vec(&Fingerprint {
            metadata: Metadata {
                name: name(verdict),
                namespace: verdict.namespace.as_deref(),
            },
            status: verdict,
        });
        let mut index = Index::new();
        let parsed = written.as_deref().map(|bytes| index.parse(bytes));
        let Ok(Ok(object)) = parsed else {
            tracing::error!(product = verdict.product, "a fingerprint cannot be written");
            return None;
        };
        let mut body = Vec::new();
        let hash = record::push_object(&mut body, &self.resource, &object, Secrets::Redacted);
        if wire != Wire::Record {
            return Some(body.into());
        }
        let change = if added {
            Change::Added(&object)
        } else {
            Change::Modified(&object)
        };
        let mut out = Vec::new();
        record::push_record(&mut out, &self.context(), &change, Some((&body, hash)));
        Some(out.into())
    }

    fn deleted(&self, wire: Wire, key: &ObjectKey) -> Bytes {
        let object = ObjectRef {
            namespace: key.namespace.as_deref(),
            name: &key.name,
            uid: "",
        };
        let mut out = Vec::new();
        if wire == Wire::Record {
            let change = Change::Deleted(Deleted::Partial(object));
            record::push_record(&mut out, &self.context(), &change, None);
        } else {
            record::push_identity(&mut out, &self.resource, object);
        }
        out.into()
    }

    fn context(&self) -> Context<'_> {
        Context {
            scope: &self.scope,
            resource: &self.resource,
            tier: Tier::Detail,
            observed: Timestamp::now(),
            reason: None,
        }
    }
}

/// `product/instance`: no product has a slash in its name.
fn name(verdict: &Verdict) -> String {
    format!("{}/{}", verdict.product, verdict.instance)
}
