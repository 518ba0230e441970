//! What a pipeline can be told while it runs.

use std::sync::Arc;

use meshsync_broker::Wire;
use meshsync_discovery::Selection;
use meshsync_fingerprint::{Catalog, CatalogError, Rule};
use meshsync_informer::source::SourceState;
use meshsync_informer::{Busy, Control};
use meshsync_model::Secrets;
use meshsync_model::wire::meshery::Fidelity;
use tokio::sync::mpsc;

use crate::compose::Composer;
#[cfg(feature = "config")]
use crate::config::Config;
use crate::configuration::Layers;
#[cfg(feature = "config")]
use crate::configuration::{Change, Layer, Said};
use crate::fingerprints::Fingerprints;
use crate::monitor::Monitor;
use crate::replay::{Form, Replay};

/// Tells a pipeline what to do, before it runs and while it does. Cheap to clone.
///
/// ```
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use meshsync::{MeshSync, Selection};
///
/// let meshsync = MeshSync::builder().sink_url("stdout:")?.build()?;
/// let handle = meshsync.handle();
/// // Later, from anywhere: only what this changes is touched.
/// handle.reconfigure(Selection {
///     include: vec!["pods".parse()?],
///     ..Selection::default()
/// });
/// assert_eq!(handle.selection().include[0].as_str(), "pods");
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Handle {
    /// For each source, in the order of the monitor's lanes.
    controls: Arc<[(Control, Composer)]>,
    layers: Layers,
    monitor: Monitor,
    secrets: Secrets,
    fidelity: Fidelity,
}

/// Objects on their way to somebody who asked for them.
#[derive(Debug)]
pub struct Replaying(mpsc::Receiver<()>);

impl Replaying {
    /// Waits until every resource has been read and handed to the sinks'
    /// outboxes, as far as it could be.
    pub async fn finished(mut self) {
        while self.0.recv().await.is_some() {}
    }
}

/// Why rules were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The pipeline was built without rules.
    #[error("fingerprints are off: give the builder rules to begin with")]
    Off,
    /// The rules cannot be used.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Too many readings wait.
    #[error(transparent)]
    Busy(#[from] Busy),
}

impl Handle {
    pub(crate) fn composer(&self, lane: usize) -> &Composer {
        &self.controls[lane].1
    }

    pub(crate) fn layers(&self) -> &Layers {
        &self.layers
    }

    pub(crate) fn control(&self, lane: usize) -> &Control {
        &self.controls[lane].0
    }

    pub(crate) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    pub(crate) fn new(
        (controls, layers): (Arc<[(Control, Composer)]>, Layers),
        monitor: Monitor,
        secrets: Secrets,
        fidelity: Fidelity,
    ) -> Self {
        Self {
            controls,
            layers,
            monitor,
            secrets,
            fidelity,
        }
    }

    /// What is selected now, with what a configuration and custom resources that are followed
    /// make of it.
    pub fn selection(&self) -> Arc<Selection> {
        // All of them are told the same.
        self.composer(0).selected()
    }

    /// Selects something else. Only what it changes is touched: what is no
    /// longer selected is told as deleted, what is now is listed and told as
    /// added, and every other watch goes on undisturbed. Of several in quick
    /// succession the last one counts.
    ///
    /// A configuration ([`Builder::configure`](crate::Builder::configure)) and custom resources
    /// that are followed lie over it.
    pub fn reconfigure(&self, selection: Selection) {
        for (_, composer) in &*self.controls {
            composer.select(selection.clone());
        }
    }

    /// Puts in force what a configuration called `source` says, over everything else that selects,
    /// and in place of what it said before. Where it says nothing usable, what is in force stays,
    /// and the status, the metric `meshsync_configuration_refused` and, where they are
    /// [asked for](crate::Builder::kubernetes_events), a Kubernetes Event show why.
    #[cfg(feature = "config")]
    pub fn configure(&self, source: &str, config: Result<Config, String>) {
        let said = Said {
            layer: Layer::Options,
            source,
            version: None,
            content: None,
            regarding: None,
        };
        self.layers.hear(said, || {
            let config = config?;
            Ok(Change::new(move |below| config.select(below)))
        });
    }

    /// Sends every object once more, as it is, as `ADDED` to the sinks that take
    /// Meshery messages, in order with everything else they are sent.
    ///
    /// # Errors
    ///
    /// When too many such readings wait already.
    pub fn republish(&self) -> Result<Replaying, Busy> {
        self.replay(&Form::Added)
    }

    /// Sends every object as it is, in batches of at most five, on `subject`, in
    /// order with everything else those sinks are sent. An object of which a
    /// change waits already is left out: it follows as that change.
    ///
    /// # Errors
    ///
    /// When too many such readings wait already.
    pub fn store(&self, subject: &str) -> Result<Replaying, Busy> {
        self.replay(&Form::Batches(subject.into()))
    }

    /// Tells products by other rules, beside those in use until every object has
    /// been looked at with them; then they take over at once. Only resources that
    /// rules look at are read again, in pages. Of several sets in quick succession
    /// the last one counts.
    ///
    /// # Errors
    ///
    /// When the rules cannot be used, the pipeline was built without any, or too
    /// many readings wait already. The rules in use stay.
    pub fn set_fingerprints(&self, rules: Vec<Rule>) -> Result<(), RulesError> {
        self.lay_rules(|prints| prints.lay_own(rules.clone()))
    }

    /// Tells products by these rules as well, instead of those that were given so
    /// before. One takes the place of another of the same id. See
    /// [`Handle::set_fingerprints`].
    ///
    /// # Errors
    ///
    /// As [`Handle::set_fingerprints`].
    pub fn give_fingerprints(&self, rules: Vec<Rule>) -> Result<(), RulesError> {
        self.lay_rules(|prints| prints.lay_given(rules.clone()))
    }

    fn lay_rules(
        &self,
        lay: impl Fn(&Fingerprints) -> Result<Arc<Catalog>, CatalogError>,
    ) -> Result<(), RulesError> {
        if !self.monitor.has_fingerprints() {
            return Err(RulesError::Off);
        }
        let mut done = Vec::new();
        for (lane, (control, _)) in self.monitor.lanes().iter().zip(&*self.controls) {
            let is_over = lane.board().source_snapshot().state == SourceState::Failed;
            let Some(prints) = lane.prints().filter(|_| !is_over) else {
                continue;
            };
            let before = prints.layers();
            let change = prints.prepare(lay(prints)?);
            let reader = change.clone();
            let asked = control.read(move |resource| reader.reader(resource));
            done.push((prints, before, change));
            if let Err(busy) = asked {
                // All of them, or none.
                for (prints, before, change) in done {
                    change.cancel();
                    prints.restore(before);
                }
                return Err(busy.into());
            }
        }
        Ok(())
    }

    fn replay(&self, form: &Form) -> Result<Replaying, Busy> {
        let (alive, ended) = mpsc::channel(1);
        for (lane, (control, _)) in self.monitor.lanes().iter().zip(&*self.controls) {
            let outlets = lane.outlets();
            let outlets = outlets.iter().map(Arc::clone);
            let outlets: Vec<_> = outlets.filter(|it| it.wire() == Wire::Meshery).collect();
            if outlets.is_empty() {
                continue;
            }
            let (secrets, fidelity) = (self.secrets, self.fidelity);
            let (form, alive) = (form.clone(), alive.clone());
            let extra = lane.prints().and_then(|prints| prints.extra());
            control.read(move |resource| {
                let (outlets, alive) = (outlets.clone(), alive.clone());
                let how = (fidelity, secrets);
                let replay =
                    Replay::new(resource, outlets, &form, how, alive).with_extra(extra.clone());
                Some(Box::new(replay))
            })?;
        }
        Ok(Replaying(ended))
    }
}
