//! What Meshery's messages say of what is installed: under `component_metadata` of each
//! instance's root object, and nowhere else.
//!
//! Level-triggered as well: whatever a root's messages say from now on, one that said
//! something else before is read once more, by name, and told.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use meshsync_broker::{BoxFuture, Novelty, Offer, Offered, Outlet};
use meshsync_fingerprint::{Seen, State, Verdict, VersionStatus};
use meshsync_informer::{Control, Reader};
use meshsync_model::wire::meshery::{CORE_SUBJECT, Encoder, Extra, Fidelity};
use meshsync_model::{Change, Context, Object, ObjectKey, Resource, Secrets};
use serde::Serialize;

/// So many objects are read again at a time; verdicts are looked at once a second.
const REVISITS_MAX: usize = 5;
/// A sink that has no room for so long is told with the next change.
const ROOM_MAX: Duration = Duration::from_secs(60);

/// What messages of root objects have, by uid.
#[derive(Debug, Default)]
pub(crate) struct Roots(RwLock<HashMap<String, (Seen, Arc<str>)>>);

impl Extra for Roots {
    fn of(&self, object: &Object<'_>) -> Option<Arc<str>> {
        let roots = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if roots.is_empty() {
            return None;
        }
        let (_, said) = roots.get(object.uid())?;
        Some(Arc::clone(said))
    }
}

impl Roots {
    /// Takes what is installed now. Returns the roots of which something else is said.
    fn take(&self, verdicts: &[Arc<Verdict>]) -> Vec<Seen> {
        let mut said: BTreeMap<&Seen, Vec<Said<'_>>> = BTreeMap::new();
        for verdict in verdicts {
            // Its API alone, or what may be another product, is no instance.
            if verdict.state >= State::Probable
                && let Some(root) = verdict.components.first().map(|part| &part.object)
                && !root.uid.is_empty()
            {
                said.entry(root).or_default().push(Said::of(verdict));
            }
        }
        let mut now = HashMap::new();
        for (root, said) in said {
            // Plain data; writing it cannot fail.
            let Ok(text) = serde_json::to_string(&said) else {
                continue;
            };
            let member = format!("\"fingerprints\":{text}").into();
            now.insert(root.uid.clone(), (root.clone(), member));
        }
        let mut roots = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *roots, now);
        let others = before.iter().filter(|(uid, _)| !roots.contains_key(*uid));
        let mut changed: Vec<Seen> = others.map(|(_, (root, _))| root.clone()).collect();
        for (uid, (root, said)) in &*roots {
            if before.get(uid).is_none_or(|(_, known)| known != said) {
                changed.push(root.clone());
            }
        }
        changed.sort();
        changed
    }
}

/// What is said of one product.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'v> {
    product: &'v str,
    name: &'v str,
    state: State,
    version: Option<&'v str>,
    version_status: VersionStatus,
    edition: Option<&'v str>,
    instance: &'v str,
    confidence: f64,
    models: &'v [String],
}

impl<'v> Said<'v> {
    fn of(verdict: &'v Verdict) -> Self {
        Self {
            product: &verdict.product,
            name: &verdict.name,
            state: verdict.state,
            version: verdict.version.as_deref(),
            version_status: verdict.version_status,
            edition: verdict.edition.as_deref(),
            instance: &verdict.instance,
            confidence: verdict.confidence,
            models: &verdict.models,
        }
    }
}

/// Has roots read again, a few at a time.
pub(crate) struct Revisits {
    roots: Arc<Roots>,
    control: Control,
    outlets: Vec<Arc<Outlet>>,
    form: (Fidelity, Secrets),
    /// By uid, so that of several changes the last one counts.
    waiting: BTreeMap<String, Seen>,
}

impl Revisits {
    pub(crate) fn new(
        roots: Arc<Roots>,
        control: Control,
        outlets: Vec<Arc<Outlet>>,
        form: (Fidelity, Secrets),
    ) -> Self {
        Self {
            roots,
            control,
            outlets,
            form,
            waiting: BTreeMap::new(),
        }
    }

    /// Takes what is installed now, and has a few roots read again. Returns whether
    /// more wait.
    pub(crate) fn see(&mut self, verdicts: &[Arc<Verdict>]) -> bool {
        for root in self.roots.take(verdicts) {
            self.waiting.insert(root.uid.clone(), root);
        }
        if self.outlets.is_empty() {
            self.waiting.clear();
        }
        for _ in 0..REVISITS_MAX {
            let Some((uid, root)) = self.waiting.pop_first() else {
                return false;
            };
            if self.ask(root.clone()).is_err() {
                self.waiting.insert(uid, root);
                return true;
            }
        }
        !self.waiting.is_empty()
    }

    fn ask(&self, root: Seen) -> Result<(), meshsync_informer::Busy> {
        let (outlets, roots) = (self.outlets.clone(), Arc::clone(&self.roots));
        let (fidelity, secrets) = self.form;
        self.control.read(move |resource| {
            (resource.gvk.kind == root.kind).then(|| {
                let extra: Arc<dyn Extra> = Arc::clone(&roots) as Arc<dyn Extra>;
                Box::new(Revisit {
                    resource: Arc::clone(resource),
                    root: root.clone(),
                    outlets: outlets.clone(),
                    encoder: Encoder::new(fidelity, secrets).with_extra(Some(extra)),
                }) as Box<dyn Reader>
            })
        })
    }
}

/// Tells of one root as it is.
struct Revisit {
    resource: Arc<Resource>,
    root: Seen,
    outlets: Vec<Arc<Outlet>>,
    encoder: Encoder,
}

impl Revisit {
    fn payload(&mut self, context: &Context<'_>, change: &Change<'_>) -> Bytes {
        let mut out = Vec::new();
        self.encoder.encode(&mut out, context, change);
        out.into()
    }
}

impl Reader for Revisit {
    fn object(&mut self, context: &Context<'_>, object: &Object<'_>) {
        if object.uid() != self.root.uid {
            return;
        }
        let key = Arc::new(ObjectKey {
            resource: self.resource.id().into(),
            namespace: object.namespace().map(Into::into),
            name: object.name().into(),
        });
        let known = self.payload(context, &Change::Modified(object));
        for outlet in self.outlets.clone() {
            let taken = match (outlet.waits(&key), outlet.waits_first(&key)) {
                (false, _) => false,
                // In place of what waits, and says less.
                (true, false) => {
                    let payload = known.clone();
                    let novelty = Novelty::Known;
                    let offer = Offer::State { novelty, payload };
                    outlet.offer(&self.resource, &key, offer) == Offered::Taken
                }
                (true, true) => {
                    let payload = self.payload(context, &Change::Added(object));
                    let novelty = Novelty::ReplacesFirst;
                    let offer = Offer::State { novelty, payload };
                    outlet.offer(&self.resource, &key, offer) == Offered::Taken
                }
            };
            if !taken {
                outlet.interject(&self.resource, &CORE_SUBJECT.into(), known.clone());
            }
        }
    }

    fn only(&self) -> Option<(Option<&str>, &str)> {
        Some((self.root.namespace.as_deref(), &self.root.name))
    }

    fn flush(&mut self) {}

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let room = async {
                for outlet in &self.outlets {
                    outlet.room().await;
                }
            };
            drop(tokio::time::timeout(ROOM_MAX, room).await);
        })
    }
}

#[cfg(test)]
mod tests {
    use meshsync_fingerprint::{Catalog, identify, rule};
    use serde_json::json;

    use super::*;

    fn verdicts(tag: &str) -> Vec<Arc<Verdict>> {
        let text = "id: thing\nname: Thing\ncategory: test\nhome: https://x.example\n\
            anchors: [{images: [acme/thing]}]\nsupports: [{names: [thing]}]\n";
        let rule = rule::parse("thing.yaml", text).unwrap();
        let catalog = Arc::new(Catalog::compile(vec![rule]).unwrap());
        let containers = json!([{"name": "a", "image": format!("acme/thing:{tag}")}]);
        let objects = [json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "thing", "namespace": "n", "uid": "u-1"},
            "spec": {"template": {"spec": {"containers": containers}}}})];
        identify(&catalog, &objects)
            .into_iter()
            .map(Arc::new)
            .collect()
    }

    #[test]
    fn a_root_is_read_again_when_something_else_is_said_of_it() {
        let roots = Roots::default();
        assert_eq!(roots.take(&verdicts("1.2.3")).len(), 1);
        assert_eq!(roots.take(&verdicts("1.2.3")), []);
        assert_eq!(roots.take(&verdicts("1.2.4"))[0].name, "thing");
        assert_eq!(roots.take(&[])[0].uid, "u-1");
        assert_eq!(roots.take(&[]), []);
    }
}
