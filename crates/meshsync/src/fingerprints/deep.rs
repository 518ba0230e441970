//! The third tier: the custom resources of products that are installed, in full.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meshsync_discovery::Opened;
use meshsync_fingerprint::{State, Verdict};
use tokio::time::Instant;

/// Which products are open. Pure: times come from outside.
#[derive(Debug)]
pub(crate) struct Deep {
    hold: Duration,
    open: BTreeMap<String, Open>,
}

#[derive(Debug)]
struct Open {
    /// Its custom resources, as `plural.group`.
    resources: BTreeSet<String>,
    /// Since when nothing says that it is installed.
    gone: Option<Instant>,
}

impl Deep {
    /// Nothing is open. A product stays so for `hold` after its last verdict.
    pub(crate) fn new(hold: Duration) -> Self {
        Self {
            hold,
            open: BTreeMap::new(),
        }
    }

    /// Takes what is installed now. Returns what is open from now on, where that is
    /// not what was.
    pub(crate) fn see(&mut self, verdicts: &[Arc<Verdict>], now: Instant) -> Option<Vec<Opened>> {
        let mut changed = false;
        // Its API alone says nothing about what serves it.
        let installed = verdicts.iter().filter(|it| it.state >= State::Probable);
        let installed: Vec<_> = installed.filter(|it| !it.crds().is_empty()).collect();
        for verdict in &installed {
            let open = self.open.entry(verdict.product.clone());
            let open = open.or_insert_with(|| {
                tracing::info!(
                    product = verdict.product,
                    "its custom resources are observed in full"
                );
                Open {
                    resources: BTreeSet::new(),
                    gone: None,
                }
            });
            open.gone = None;
            for crd in verdict.crds() {
                changed |= open.resources.insert(crd.clone());
            }
        }
        self.open.retain(|product, open| {
            if installed.iter().any(|verdict| verdict.product == *product) {
                return true;
            }
            let since = *open.gone.get_or_insert(now);
            let stays = now < since + self.hold;
            if !stays {
                tracing::info!(
                    product,
                    "it is gone; its custom resources are observed as others"
                );
            }
            changed |= !stays;
            stays
        });
        changed.then(|| self.opened())
    }

    /// When something closes if nothing is seen before.
    pub(crate) fn due(&self) -> Option<Instant> {
        let gone = self.open.values().filter_map(|open| open.gone);
        gone.map(|since| since + self.hold).min()
    }

    fn opened(&self) -> Vec<Opened> {
        let open = self.open.iter();
        let opened = open.map(|(product, open)| Opened {
            product: product.clone(),
            resources: open.resources.iter().cloned().collect(),
        });
        opened.collect()
    }
}

#[cfg(test)]
mod tests {
    use meshsync_fingerprint::{Catalog, identify, rule};
    use serde_json::json;

    use super::*;

    const HOLD: Duration = Duration::from_secs(300);

    /// What is told of a product whose API is there, with a workload that serves it or not.
    fn verdicts(workload: bool) -> Vec<Arc<Verdict>> {
        let text = "id: thing\nname: Thing\ncategory: test\nhome: https://x.example\n\
            anchors: [{crds: [things.x.example], images: [acme/thing]}]\n\
            supports: [{names: [thing]}]\n\
            examples: [{title: t, objects: [{kind: Pod, name: p}]}]\n\
            counter-examples: [{title: t, objects: [{kind: Pod, name: p}]}]\n";
        let rule = rule::parse("thing", text).unwrap();
        let catalog = Arc::new(Catalog::compile(vec![rule]).unwrap());
        let mut objects = vec![json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.x.example", "uid": "1"},
            "spec": {"group": "x.example", "names": {"plural": "things", "kind": "Thing"}},
        })];
        if workload {
            objects.push(json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "thing", "namespace": "a", "uid": "2"},
                "spec": {"template": {"spec": {
                    "containers": [{"name": "c", "image": "acme/thing:1"}]}}},
            }));
        }
        let verdicts = identify(&catalog, &objects).into_iter();
        verdicts.map(Arc::new).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_product_opens_at_once_and_closes_after_the_hold_time() {
        let mut deep = Deep::new(HOLD);
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let (there, gone) = (verdicts(true), verdicts(false));
        assert_eq!(deep.see(&gone, began), None, "its API alone opens nothing");
        let opened = deep.see(&there, after(1)).unwrap();
        assert_eq!(opened[0].product, "thing");
        assert_eq!(opened[0].resources, ["things.x.example"]);
        assert_eq!(deep.see(&there, after(2)), None);
        assert_eq!(deep.due(), None);
        // It flaps, and nothing happens.
        for at in [10, 20, 30, 40] {
            let verdicts = if at % 20 == 0 { &there } else { &gone };
            assert_eq!(deep.see(verdicts, after(at)), None);
        }
        assert_eq!(deep.see(&gone, after(50)), None);
        assert_eq!(deep.due(), Some(after(350)));
        assert_eq!(deep.see(&gone, after(349)), None);
        assert_eq!(deep.see(&gone, after(350)), Some(Vec::new()));
        assert_eq!(deep.due(), None);
    }
}
